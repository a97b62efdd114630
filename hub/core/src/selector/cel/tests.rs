//! CEL: what the language answers, what is refused and where, and that nothing takes long.

mod hostile;
mod oracle;
mod types;

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
pub(super) struct Cluster {
    name: ClusterName,
    labels: BTreeMap<String, String>,
    variables: Variables,
    facts: Facts,
}

fn texts(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    entries.iter().map(owned).collect()
}

pub(super) fn cluster() -> Cluster {
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
    pub(super) fn candidate(&self) -> Candidate<'_> {
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
            Err(error) => format!("refused at {}: {error} ({})", error.offset, error.hint),
        };
        writeln!(out, "{text}\n    {answer}").unwrap();
    }
    expect.assert_eq(&out);
}

fn check(expect: Expect) {
    check_of(&cluster(), expect);
}

/// Numbers that follow from a seed.
pub(super) struct Seeded(pub(super) u64);

impl Seeded {
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }
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
fn numbers_are_exact_and_do_not_mix() {
    check(expect![[r#"
        1 + 2 * 3 == 7 && (1 + 2) * 3 == 9 && 7 / 2 == 3 && -7 / 2 == -3 && -7 % 4 == -3
            Yes
        1 == 1.0 && 1 < 1.5 && 9007199254740993 > 9007199254740992.0 && -1.5 < -1
            Yes
        -9223372036854775808 < 0 && 0x1F == 31 && 1e3 == 1000.0 && .5 == 0.5
            Yes
        9223372036854775807 + 1 > 0
            fails: the result of + does not fit a whole number
        -(-9223372036854775808) > 0
            fails: the result of - does not fit a whole number
        1 / 0 == 1
            fails: division by zero
        1 % 0 == 1
            fails: division by zero
        1.0 / 0.0 > 1.0
            Yes
        1 + 1.0 == 2.0
            fails: `+` cannot stand between a whole number and a number with a fraction
    "#]]);
}

#[test]
fn texts_lists_and_maps_are_compared_and_put_together() {
    check(expect![[r#"
        "a" + "b" == "ab" && "a" < "b" && r"\n" == "\\n" && """a"b""" == 'a"b' && "\u00e4\x41\101" == "äAA"
            Yes
        [1, 2] + [3] == [1, 2, 3] && [1] != [2] && 2 in [1, 2] && !(3 in [1, 2]) && 1.0 in [1]
            Yes
        {"a": 1, "b": 2} == {"b": 2, "a": 1,} && "a" in {"a": 1} && {1: "x"}[1] == "x" && {true: 1}[true] == 1
            Yes
        {"a": 1, "a": 2}.a == 1
            fails: a map has the same key twice
        null == null && null != 1 && "1" != 1 && [] != {}
            Yes
        true ? false : true
            No
        !true || !!true
            Yes
        size("äö") == 2 && "äö".size() == 2 && size([1]) == 1
            Yes
    "#]]);
}

#[test]
fn conversions_and_macros_are_those_of_the_language() {
    check(expect![[r#"
        string(12) == "12" && string(true) == "true" && double("1.5") == 1.5 && int(1.9) == 1 && int("-3") == -3
            Yes
        int("x") == 1
            fails: int(...) cannot read `x`
        int(1e30) == 1
            fails: int(...) cannot convert a number with a fraction
        "a" < 1
            fails: `<` cannot stand between a string and a whole number
        "a" - "b" == "a"
            fails: `-` cannot stand between a string and a string
        1 in "a"
            fails: `in` looks into a list or a map, not a string
        true && "a"
            fails: a string stands where a truth value is wanted
        cluster.labels.exists(key, key == "tier") && cluster.labels.all(key, size(key) > 0)
            Yes
        [1, 2, 3].exists_one(n, n > 2) && [1, 2].map(n, n * 2) == [2, 4] && [1, 2].filter(n, n > 1) == [2]
            Yes
        [1, 2, 3].map(n, n > 1, n * n) == [4, 9] && [[1], [2]].all(l, l.exists(n, n > 0))
            Yes
        [1, 0].exists(n, 4 / n == 4) && ![0, 1].all(n, 4 / n == 5)
            Yes
        [0].exists(n, 4 / n == 4)
            fails: division by zero
        // the rest of a line is a comment
            refused at 34: the expression ends too early ()
    "#]]);
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
fn mistyped_texts_are_refused_where_they_stop_making_sense() {
    check(expect![[r#"
        cluster.labels.tier = "gold"
            refused at 20: `=` means nothing here (write `==` to compare)
        cluster.labels.tier & true
            refused at 20: `&` means nothing here (write `&&` for and)
        cluster.labels.`a/b` == "x"
            refused at 15: ``` means nothing here (write labels["a/b"] for a key that is no name)
        cluster.labels.tier == "gold
            refused at 23: the string does not end ()
        cluster.labels.tier == 'g\qld'
            refused at 25: no such escape in a string (write \\ for a backslash)
        cluster.labels[ == "gold"
            refused at 16: `==` cannot stand here ()
        (cluster.labels.tier == "gold"
            refused at 30: `)` is missing before the end ()
        cluster.labels.tier == "gold")
            refused at 29: `)` cannot stand here (is an operator missing before it?)
        cluster.labels.tier ==
            refused at 22: the expression ends too early ()
        cluster.labels.tier "gold"
            refused at 20: a string cannot stand here (is an operator missing before it?)
        cluster.labels.in == "a"
            refused at 15: a name is missing before `in` ()
    "#]]);
}

#[test]
fn what_is_not_of_this_language_is_refused() {
    check(expect![[r#"
        1u == 1
            refused at 0: `1u` is no number (there are no unsigned numbers here)
        b"a" == "a"
            refused at 0: there are no bytes here, only strings ()
        99999999999999999999 > 1
            refused at 0: `99999999999999999999` is no number that fits ()
        0x == 1
            refused at 0: `0x` is no number that fits ()
        1e999 > 1.0
            refused at 0: `1e999` is no number ()
        has(cluster)
            refused at 4: `cluster` alone is no value (write cluster.name, cluster.labels, cluster.variables or cluster.facts)
        has("a")
            refused at 4: `has` takes a field, as in has(cluster.labels.tier) (write "a/b" in cluster.labels for a key that is no name)
        cluster.labels.all(cluster, true)
            refused at 19: `cluster` cannot be the name of an element (choose another name)
        cluster.labels.all("a", true)
            refused at 19: a name is missing before a string ()
        cluster.labels.all(a)
            refused at 20: `,` is missing before `)` ()
        [1].exists(x, x > 0) && x > 1
            refused at 24: nothing is called `x` (write a string in quotes; everything known begins with `cluster.`)
        if == 1
            refused at 0: `if` is a word that CEL keeps for itself ()
        Place{a: 1} == 1
            refused at 0: nothing is called `Place` (write a string in quotes; everything known begins with `cluster.`)
        "ä" == ö
            refused at 8: `ö` means nothing here ()
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
