//! The same expressions, answered by another implementation of the language.

use proptest::prelude::*;

use super::super::Program;
use super::{Cluster, cluster};
use crate::inventory::Facts;
use crate::selector::Truth;
use crate::template::Scalar;

#[derive(serde::Serialize)]
#[serde(untagged)]
enum Typed {
    Text(String),
    Int(i64),
    Double(f64),
    Bool(bool),
}

#[derive(serde::Serialize)]
struct Fields<'a> {
    name: &'a str,
    labels: &'a std::collections::BTreeMap<String, String>,
    variables: std::collections::BTreeMap<String, Typed>,
    facts: &'a std::collections::BTreeMap<String, String>,
}

fn context(cluster: &Cluster) -> cel::Context<'static, 'static> {
    let typed = |value: &Scalar| match value {
        Scalar::Text(text) => Typed::Text(text.clone()),
        Scalar::Bool(value) => Typed::Bool(*value),
        Scalar::Number(number) => match number.as_i64() {
            Some(whole) => Typed::Int(whole),
            None => Typed::Double(number.as_f64().unwrap()),
        },
    };
    let Facts::Reported(facts) = &cluster.facts else {
        panic!("the other implementation knows no unknown facts");
    };
    let variables = cluster.variables.iter();
    let fields = Fields {
        name: cluster.name.as_str(),
        labels: &cluster.labels,
        variables: variables
            .map(|(name, v)| (name.clone(), typed(&v.value)))
            .collect(),
        facts,
    };
    let mut context = cel::Context::default();
    context.add_variable("cluster", fields).unwrap();
    context
}

/// What the other implementation answers; `None` where it fails or has no truth value.
fn other(cluster: &Cluster, text: &str) -> Result<Option<bool>, String> {
    let program = cel::Program::compile(text).map_err(|error| error.to_string())?;
    Ok(match program.execute(&context(cluster)) {
        Ok(cel::Value::Bool(value)) => Some(value),
        _ => None,
    })
}

fn expression() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "0",
        "1",
        "2",
        "-3",
        "7",
        "12",
        "2.5",
        "1.0",
        "-0.5",
        "'a'",
        "'12'",
        "'eu'",
        "''",
        "'tier'",
        "true",
        "false",
        "null",
        "[]",
        "{}",
        "cluster.name",
        "cluster.labels",
        "cluster.labels.tier",
        "cluster.labels.zz",
        "cluster.variables.n",
        "cluster.variables.f",
        "cluster.variables.s",
        "cluster.variables.b",
        "cluster.facts.nodes",
        "cluster.facts",
        "has(cluster.labels.tier)",
        "has(cluster.labels.zz)",
        "x",
        "y",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(5, 40, 3, |inner| {
        let sign = prop::sample::select(vec![
            "==", "!=", "<", "<=", ">", ">=", "in", "+", "-", "*", "/", "%", "&&", "||",
        ]);
        let call = prop::sample::select(vec!["size", "int", "double", "string"]);
        let method = prop::sample::select(vec!["contains", "startsWith", "endsWith"]);
        let fold = prop::sample::select(vec!["all", "exists", "exists_one", "map", "filter"]);
        let local = prop::sample::select(vec!["x", "y"]);
        prop_oneof![
            4 => (inner.clone(), sign, inner.clone()).prop_map(|(a, s, b)| format!("({a}) {s} ({b})")),
            1 => inner.clone().prop_map(|a| format!("!({a})")),
            1 => inner.clone().prop_map(|a| format!("-({a})")),
            1 => (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("(({a}) ? ({b}) : ({c}))")),
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(|l| format!("[{}]", l.join(", "))),
            1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{{{a}: {b}}}")),
            1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a})[{b}]")),
            1 => (call, inner.clone()).prop_map(|(f, a)| format!("{f}({a})")),
            1 => (inner.clone(), method, inner.clone()).prop_map(|(a, f, b)| format!("({a}).{f}({b})")),
            2 => (inner.clone(), fold, local, inner).prop_map(|(a, f, x, b)| format!("({a}).{f}({x}, {b})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(1000), ..ProptestConfig::default() })]

    #[test]
    fn another_implementation_gives_the_same_answers(text in expression()) {
        let cluster = cluster();
        let Ok(program) = Program::parse(&text) else {
            return Ok(());
        };
        let theirs = other(&cluster, &text);
        prop_assert!(theirs.is_ok(), "{text}: only we read it: {theirs:?}");
        let ours = program.evaluate(cluster.candidate());
        let answer = match ours {
            Ok(Truth::Yes) => Some(true),
            Ok(Truth::No) => Some(false),
            Ok(Truth::Unknown) => panic!("every fact is known"),
            Err(_) => None,
        };
        prop_assert_eq!(answer, theirs.unwrap(), "{}: {:?}", text, ours);
    }
}
