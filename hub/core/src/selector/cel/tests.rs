//! CEL in terms: what of a cluster can be asked, and the words for what is refused.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use capstan_proto::ClusterName;
use expect_test::{Expect, expect};

use super::Program;
use crate::fixture;
use crate::inventory::Facts;
use crate::problem::Place;
use crate::selector::Candidate;
use crate::spec::{Variable, Variables};
use crate::template::Scalar;

/// A cluster to ask.
struct Cluster {
    name: ClusterName,
    labels: BTreeMap<String, String>,
    variables: Variables,
    facts: Facts,
}

fn texts(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    entries.iter().map(owned).collect()
}

fn cluster() -> Cluster {
    let at: Place = fixture::good("@Cluster a\n").clusters[&fixture::cluster("a")]
        .at
        .clone();
    let scalars = [
        ("n", Scalar::Number(7.into())),
        (
            "f",
            Scalar::Number(serde_json::Number::from_f64(2.5).unwrap().into()),
        ),
        ("s", Scalar::Text("12".to_owned())),
        ("b", Scalar::Bool(true)),
        ("u", Scalar::Text("s${n}".to_owned())),
    ];
    let variable = |(name, value): (&str, Scalar)| {
        let at = at.clone();
        (name.to_owned(), Variable { at, value })
    };
    Cluster {
        name: fixture::cluster("prod-eu-1"),
        labels: texts(&[
            ("tier", "gold"),
            ("region", "eu-west-1"),
            ("a.b/c", "x"),
            ("a", "1"),
        ]),
        variables: scalars.map(variable).into(),
        facts: Facts::Reported(Arc::new(texts(&[
            ("nodes", "12"),
            ("kubernetes.minor", "31"),
        ]))),
    }
}

impl Cluster {
    fn candidate(&self) -> Candidate<'_> {
        Candidate {
            name: &self.name,
            labels: &self.labels,
            variables: &self.variables,
            facts: &self.facts,
        }
    }

    fn knowing(facts: Facts) -> Self {
        Self { facts, ..cluster() }
    }
}

/// One expression a line, each followed by its answer, which is indented.
fn check_of(cluster: &Cluster, expect: Expect) {
    let mut out = String::new();
    let lines = expect.data().lines().filter(|line| !line.trim().is_empty());
    let indent = |line: &str| line.len() - line.trim_start().len();
    let least = lines.clone().map(indent).min().unwrap_or(0);
    for text in lines.filter(|line| indent(line) == least).map(str::trim) {
        let answer = match Program::parse(text) {
            Ok(program) => match program.evaluate(cluster.candidate()) {
                Ok(truth) => format!("{truth:?}"),
                Err(message) => format!("fails: {message}"),
            },
            Err(error) => {
                let hint = super::hint(&error.hint);
                format!("refused at {}: {error} ({hint})", error.offset)
            }
        };
        writeln!(out, "{text}\n    {answer}").unwrap();
    }
    expect.assert_eq(&out);
}

fn check(expect: Expect) {
    check_of(&cluster(), expect);
}

#[test]
fn what_there_is_to_ask_has_its_type() {
    check(expect![[r#"
        cluster.labels.tier == "gold" || int(cluster.variables.replicas) > 4
            Yes
        cluster.name.startsWith("prod-") && cluster.name.endsWith("-1") && cluster.name.contains("eu")
            Yes
        cluster.labels["a.b/c"] == 'x' && "a.b/c" in cluster.labels
            Yes
        cluster.variables.n > 6 && cluster.variables.n + 1 == 8
            Yes
        cluster.variables.n == "7"
            No
        cluster.variables.f == 2.5 && cluster.variables.f > 2 && cluster.variables.f * 2.0 == 5.0
            Yes
        int(cluster.variables.s) == 12 && cluster.variables.s == "12"
            Yes
        cluster.variables.b
            Yes
        cluster.facts.nodes == "12" && int(cluster.facts["kubernetes.minor"]) >= 31
            Yes
        cluster.facts.nodes == 12
            No
        cluster["labels"]["tier"] == "gold"
            Yes
        size(cluster.labels) == 4 && cluster.labels.size() == 4
            Yes
    "#]]);
}

#[test]
fn what_is_missing_fails_unless_it_is_asked_for() {
    check(expect![[r#"
        cluster.labels.team == "a"
            fails: label team is not there
        cluster.labels["a/b"] == "a"
            fails: label a/b is not there
        has(cluster.labels.team) && cluster.labels.team == "a"
            No
        has(cluster.labels.tier) && cluster.labels.tier == "gold"
            Yes
        "team" in cluster.labels
            No
        !("team" in cluster.labels)
            Yes
        cluster.variables.x == 1
            fails: variable x is not there
        cluster.variables.u == "s7"
            fails: variable u uses others, whose values come after placement
        cluster.variables["u"] == "s7"
            fails: variable u uses others, whose values come after placement
        cluster.facts.x == "1"
            fails: fact x is not there
        cluster.labels.team == "a" || true
            Yes
        true || cluster.labels.team == "a"
            Yes
        cluster.labels.team == "a" && false
            No
        cluster.labels.team == "a" || false
            fails: label team is not there
        [1, 2][5] == 1
            fails: the list has no element 5
        {"a": 1}.b == 1
            fails: the map has no key `b`
    "#]]);
}

#[test]
fn unknown_facts_make_unknown_what_hangs_on_them() {
    check_of(
        &Cluster::knowing(Facts::Unknown),
        expect![[r#"
            cluster.facts.nodes == "12"
                Unknown
            has(cluster.facts.nodes)
                Unknown
            "nodes" in cluster.facts
                Unknown
            size(cluster.facts) > 0
                Unknown
            cluster.labels.tier == "gold" || cluster.facts.nodes == "12"
                Yes
            cluster.labels.tier == "tin" && cluster.facts.nodes == "12"
                No
            cluster.labels.tier == "gold" && cluster.facts.nodes == "12"
                Unknown
            cluster.facts.nodes == "12" ? true : false
                Unknown
            cluster.labels.team == "a" || cluster.facts.nodes == "12"
                Unknown
            ["1", "12"].exists(n, n == cluster.facts.nodes)
                Unknown
            [true, false].all(b, b && cluster.facts.nodes == "12")
                No
        "#]],
    );
    check_of(
        &Cluster::knowing(Facts::Never),
        expect![[r#"
            cluster.facts.nodes == "12"
                fails: fact nodes is not there
            has(cluster.facts.nodes)
                No
            "nodes" in cluster.facts
                No
            size(cluster.facts) > 0
                No
            cluster.labels.tier == "gold" || cluster.facts.nodes == "12"
                Yes
            cluster.labels.tier == "tin" && cluster.facts.nodes == "12"
                No
            cluster.labels.tier == "gold" && cluster.facts.nodes == "12"
                fails: fact nodes is not there
            cluster.facts.nodes == "12" ? true : false
                fails: fact nodes is not there
            cluster.labels.team == "a" || cluster.facts.nodes == "12"
                fails: label team is not there
            ["1", "12"].exists(n, n == cluster.facts.nodes)
                fails: fact nodes is not there
            [true, false].all(b, b && cluster.facts.nodes == "12")
                No
        "#]],
    );
}

#[test]
fn names_that_do_not_exist_are_refused_where_they_stand() {
    check(expect![[r#"
        clutser.labels.tier == "gold"
            refused at 0: nothing is called `clutser` (did you mean `cluster`?)
        tier == "gold"
            refused at 0: nothing is called `tier` (write a string in quotes; everything known begins with `cluster.`)
        cluster.lables.tier == "gold"
            refused at 8: `cluster` has no field `lables` (did you mean `labels`?)
        cluster == cluster
            refused at 0: `cluster` alone is no value (write cluster.name, cluster.labels, cluster.variables or cluster.facts)
        cluster["spec"] == 1
            refused at 8: `cluster` has no field `spec` (allowed: name, labels, variables, facts)
        cluster.labels.tier.matches("g.*")
            refused at 20: there is no function `matches` (there are no regular expressions here: use startsWith, endsWith, contains, or globs in `names`)
        cluster.name.startswith("a")
            refused at 13: there is no function `startswith` (did you mean `startsWith`?)
        sise(cluster.labels) == 1
            refused at 0: there is no function `sise` (did you mean `size`?)
        size(1, 2) == 1
            refused at 0: `size` has the wrong number of arguments (write size(value))
        cluster.labels.tier
            refused at 15: the expression is a string, not true or false (compare it with something)
        1 + 1
            refused at 0: the expression is a whole number, not true or false (compare it with something)
        size(cluster.labels)
            refused at 0: the expression is a whole number, not true or false (compare it with something)
    "#]]);
}

#[test]
fn facts_are_used_where_the_tree_says_so() {
    let uses = |text: &str| Program::parse(text).unwrap().uses_facts();
    assert!(uses("cluster.facts.a == '1'"));
    assert!(uses("cluster['facts'].a == '1'"));
    assert!(uses("has(cluster.facts)"));
    assert!(!uses(
        "cluster.labels.facts == 'cluster.facts' // cluster.facts"
    ));
}
