//! Variables, their layers, circles and escapes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use capstan_proto::{BundleName, ClusterName, Revision, SourceName};
use expect_test::{Expect, expect};

use super::{BuiltIn, Scalar, VariableError, circles, effective, expand};
use crate::limits::VARIABLE_BYTES_MAX;
use crate::problem::Place;
use crate::spec::{Variable, Variables};

fn layer(pairs: &[(&str, Scalar)]) -> Variables {
    let source = SourceName::try_new("main").unwrap();
    let at = Place {
        source,
        path: Arc::from("x.yaml"),
        line: 1,
        column: 1,
    };
    let variable = |value: &Scalar| Variable {
        at: at.clone(),
        value: value.clone(),
    };
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), variable(value)))
        .collect()
}

fn text(text: &str) -> Scalar {
    Scalar::Text(text.to_owned())
}

/// Prints the value of every variable, then of every text.
fn check(layers: &[Variables], texts: &[&str], expected: Expect) {
    let cluster = ClusterName::try_new("shop-1").unwrap();
    let labels = BTreeMap::from([("topology.kubernetes.io/zone".to_owned(), "z1".to_owned())]);
    let bundle = BundleName::try_new(SourceName::try_new("main").unwrap(), "web").unwrap();
    let revision = Revision::try_new("a".repeat(40)).unwrap();
    let built_in = BuiltIn {
        cluster: &cluster,
        labels: &labels,
        bundle: &bundle,
        revision: &revision,
    };
    let layers: Vec<&Variables> = layers.iter().collect();
    let variables = effective(&layers, built_in);
    let show = |value: Result<Scalar, super::VariableError>| match value {
        Ok(value) => value.to_value().to_string(),
        Err(error) => format!("error: {error}"),
    };
    let mut out = String::new();
    for (name, value) in &variables {
        writeln!(out, "{name} = {}", show(value.clone())).unwrap();
    }
    for text in texts {
        writeln!(
            out,
            "{text} -> {}",
            show(expand(text, &variables, built_in))
        )
        .unwrap();
    }
    expected.assert_eq(&out);
}

#[test]
fn later_layers_win_and_types_are_kept() {
    let defaults = layer(&[
        ("replicas", Scalar::Number(2.into())),
        ("debug", Scalar::Bool(false)),
    ]);
    let cluster = layer(&[("replicas", Scalar::Number(10.into()))]);
    check(
        &[defaults, cluster],
        &[
            "${replicas}",
            "x${replicas}",
            "${debug}",
            "${nothing:-3}",
            "${nothing:-1.10}",
            "${nothing:-}",
            "${nothing:-true}",
            "${nothing:-\"5\"}",
            "${nothing:-0644}",
            "${nothing:-null}",
            "${nothing:-18446744073709551615}",
            "x${nothing:-3}",
            "${replicas:-3}",
        ],
        expect![[r#"
            debug = false
            replicas = 10
            ${replicas} -> 10
            x${replicas} -> "x10"
            ${debug} -> false
            ${nothing:-3} -> 3
            ${nothing:-1.10} -> "1.10"
            ${nothing:-} -> ""
            ${nothing:-true} -> true
            ${nothing:-"5"} -> "\"5\""
            ${nothing:-0644} -> "0644"
            ${nothing:-null} -> "null"
            ${nothing:-18446744073709551615} -> "18446744073709551615"
            x${nothing:-3} -> "x3"
            ${replicas:-3} -> 10
        "#]],
    );
}

#[test]
fn variables_use_variables_and_built_in_names() {
    let variables = layer(&[
        ("domain", text("${host}.example")),
        ("host", text("s${store}")),
        ("store", text("0001")),
    ]);
    check(
        &[variables],
        &[
            "https://${domain}/",
            "${cluster.name} ${bundle.name} ${cluster.labels.topology.kubernetes.io/zone}",
            "${source.revision}",
        ],
        expect![[r#"
            domain = "s0001.example"
            host = "s0001"
            store = "0001"
            https://${domain}/ -> "https://s0001.example/"
            ${cluster.name} ${bundle.name} ${cluster.labels.topology.kubernetes.io/zone} -> "shop-1 web z1"
            ${source.revision} -> "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "#]],
    );
}

#[test]
fn a_circle_is_an_error_of_each_member_and_of_what_uses_them() {
    let variables = layer(&[
        ("a", text("${b}")),
        ("b", text("x${c}")),
        ("c", text("${b}")),
        ("self", text("${self}")),
    ]);
    check(
        &[variables],
        &["${a:-default}"],
        expect![[r#"
        a = error: variables use each other in a circle: b -> c -> b
        b = error: variables use each other in a circle: b -> c -> b
        c = error: variables use each other in a circle: b -> c -> b
        self = error: variables use each other in a circle: self -> self
        ${a:-default} -> error: variables use each other in a circle: b -> c -> b
    "#]],
    );
}

#[test]
fn a_literal_dollar_stays_and_a_doubled_one_escapes() {
    check(
        &[],
        &["$5 $HOME $${x} $", "a$${a}${cluster.name}"],
        expect![[r#"
            $5 $HOME $${x} $ -> "$5 $HOME ${x} $"
            a$${a}${cluster.name} -> "a${a}shop-1"
        "#]],
    );
}

#[test]
fn what_is_no_variable_is_an_error_in_words() {
    check(
        &[],
        &[
            "${",
            "${a b}",
            "${}",
            "${unknown}",
            "${a:-${b}}",
            "${cluster.labels.none}",
        ],
        expect![[r#"
            ${ -> error: `${` is not closed by `}`
            ${a b} -> error: `${a b}` does not name a variable
            ${} -> error: `${}` does not name a variable
            ${unknown} -> error: nothing defines the variable `unknown`
            ${a:-${b}} -> error: the default of `a` cannot use a variable
            ${cluster.labels.none} -> error: nothing defines the variable `cluster.labels.none`
        "#]],
    );
}

#[test]
fn values_that_double_themselves_are_cut_off() {
    let mut pairs = vec![("v00".to_owned(), text("0123456789"))];
    for n in 1..31 {
        let used = format!("${{v{:02}}}", n - 1);
        pairs.push((format!("v{n:02}"), text(&format!("{used}{used}"))));
    }
    let borrowed: Vec<_> = pairs.iter().map(|(n, v)| (n.as_str(), v.clone())).collect();
    let last = borrowed.last().cloned().into_iter().collect::<Vec<_>>();
    let cluster = ClusterName::try_new("c").unwrap();
    let bundle = BundleName::try_new(SourceName::try_new("main").unwrap(), "web").unwrap();
    let revision = Revision::try_new("a".repeat(40)).unwrap();
    let labels = BTreeMap::new();
    let built_in = BuiltIn {
        cluster: &cluster,
        labels: &labels,
        bundle: &bundle,
        revision: &revision,
    };
    let layer = layer(&borrowed);
    let values = effective(&[&layer], built_in);
    assert_eq!(values[last[0].0], Err(super::VariableError::TooLong));
}

#[test]
fn values_that_multiply_a_long_one_are_bounded_together() {
    let long = text(&"x".repeat(VARIABLE_BYTES_MAX));
    let users: Vec<String> = (0..2_000).map(|n| format!("u{n:04}")).collect();
    let mut pairs = vec![("long", long), ("z", Scalar::Bool(true))];
    pairs.extend(users.iter().map(|name| (name.as_str(), text("${long}"))));
    let cluster = ClusterName::try_new("c").unwrap();
    let bundle = BundleName::try_new(SourceName::try_new("main").unwrap(), "web").unwrap();
    let revision = Revision::try_new("a".repeat(40)).unwrap();
    let labels = BTreeMap::new();
    let built_in = BuiltIn {
        cluster: &cluster,
        labels: &labels,
        bundle: &bundle,
        revision: &revision,
    };
    let values = effective(&[&layer(&pairs)], built_in);
    let good: Vec<_> = values.iter().filter(|(_, value)| value.is_ok()).collect();
    let good: Vec<_> = good.into_iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(good, ["long", "u0000", "u0001", "u0002", "z"]);
    assert_eq!(values["u1999"], Err(super::VariableError::TooMuch));
}

#[test]
fn what_is_said_of_a_long_text_is_short() {
    let long = "x".repeat(VARIABLE_BYTES_MAX);
    for text in [
        format!("${{{long}}}"),
        format!("${{{long}!}}"),
        format!("${{{long}:-${{}}"),
    ] {
        let error = format!("{:?}", names_nothing(&text));
        assert!(error.len() < 2_000, "{} bytes", error.len());
    }
}

/// Why a text has no value where nothing is defined.
fn names_nothing(text: &str) -> super::VariableError {
    let cluster = ClusterName::try_new("c").unwrap();
    let bundle = BundleName::try_new(SourceName::try_new("main").unwrap(), "web").unwrap();
    let revision = Revision::try_new("a".repeat(40)).unwrap();
    let labels = BTreeMap::new();
    let built_in = BuiltIn {
        cluster: &cluster,
        labels: &labels,
        bundle: &bundle,
        revision: &revision,
    };
    expand(text, &BTreeMap::new(), built_in).unwrap_err()
}

/// The circles among variables that use these texts.
fn circle_words(pairs: &[(&str, Scalar)]) -> Vec<String> {
    let told = |(name, error): (String, VariableError)| format!("{name}: {error}");
    circles(&layer(pairs)).into_iter().map(told).collect()
}

#[test]
fn each_knot_of_circles_is_told_once_at_its_least_member() {
    let found = circle_words(&[
        ("a", text("${b}")),
        ("b", text("${d}${c}")),
        ("c", text("${b}")),
        ("d", text("${c}${z}")),
        ("x", text("${y} ${a}")),
        ("y", text("${x}")),
        ("z", text("${z}")),
    ]);
    assert_eq!(
        found,
        [
            "b: variables use each other in a circle: b -> c -> b",
            "x: variables use each other in a circle: x -> y -> x",
            "z: variables use each other in a circle: z -> z",
        ]
    );
}

#[test]
fn a_circle_of_a_hundred_thousand_variables_is_found_at_once() {
    let count = 100_000;
    let names: Vec<String> = (0..count).map(|n| format!("v{n:06}")).collect();
    let next = |n: usize| text(&format!("${{{}}}", names[(n + 1) % count]));
    let pairs: Vec<(&str, Scalar)> = (0..count).map(|n| (names[n].as_str(), next(n))).collect();
    let found = circle_words(&pairs);
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("v000000: variables use each other in a circle: v000000 -> "));
    assert!(found[0].ends_with(" -> v000031 -> \u{2026} -> v000000"));
}

#[test]
fn a_number_keeps_its_text_inside_a_longer_text() {
    use crate::yaml;
    let yaml::Value::Number(number) = yaml::plain("1.10") else {
        panic!("not a number");
    };
    let variables = super::Effective::from([("f".to_owned(), Ok(Scalar::Number(number)))]);
    let value_of = |name: &str| variables.get(name).cloned();
    let joined = |text: &str| super::join(&super::parse(text).unwrap(), value_of).unwrap();
    assert_eq!(joined("agent:${f}"), Scalar::Text("agent:1.10".to_owned()));
    assert_eq!(joined("${f}").to_value(), serde_json::json!(1.1));
}
