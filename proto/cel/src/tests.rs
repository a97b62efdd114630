//! What the language answers, what is refused and where, and that nothing takes long.

mod hostile;
mod objects;
mod oracle;
mod types;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use expect_test::{Expect, expect};

use super::{
    Answer, Environment, Fault, Field, Hint, Holds, Map, Path, Program, Root, Scalar, Shape,
    Subject,
};

/// A record with fields of each type, and an open root.
pub(super) static ENVIRONMENT: Environment = Environment {
    roots: &[
        Root {
            name: "cluster",
            shape: Shape::Record(&[
                field("name", "name", Holds::Text),
                field("labels", "label", Holds::Texts),
                field("variables", "variable", Holds::Values),
                field("facts", "fact", Holds::Texts),
            ]),
        },
        Root {
            name: "self",
            shape: Shape::Open,
        },
    ],
    example: ("cluster.labels", "tier"),
    instead_of_size: "use less",
    instead_of_patterns: "use contains",
};

const fn field(name: &'static str, noun: &'static str, holds: Holds) -> Field {
    Field { name, noun, holds }
}

pub(super) fn parse(text: &str) -> Result<Program, super::Error> {
    Program::parse(text, &ENVIRONMENT)
}

/// A cluster to ask.
pub(super) struct Cluster {
    name: String,
    labels: BTreeMap<String, String>,
    variables: Variables,
    /// `None`: they are not known.
    facts: Option<BTreeMap<String, String>>,
    object: serde_json::Value,
}

#[derive(Debug)]
pub(super) struct Variables(BTreeMap<String, Typed>);

#[derive(Clone, Debug, serde::Serialize)]
#[serde(untagged)]
pub(super) enum Typed {
    Text(String),
    Int(i64),
    Double(f64),
    Bool(bool),
}

fn texts(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    entries.iter().map(owned).collect()
}

pub(super) fn cluster() -> Cluster {
    let variables = [
        ("n", Typed::Int(7)),
        ("f", Typed::Double(2.5)),
        ("s", Typed::Text("12".to_owned())),
        ("b", Typed::Bool(true)),
        ("u", Typed::Text("s${n}".to_owned())),
    ];
    let named = |(name, value): (&str, Typed)| (name.to_owned(), value);
    Cluster {
        name: "prod-eu-1".to_owned(),
        labels: texts(&[
            ("tier", "gold"),
            ("region", "eu-west-1"),
            ("a.b/c", "x"),
            ("a", "1"),
        ]),
        variables: Variables(variables.map(named).into()),
        facts: Some(texts(&[("nodes", "12"), ("kubernetes.minor", "31")])),
        object: serde_json::Value::Null,
    }
}

impl Subject for Cluster {
    fn ask(&self, path: Path) -> Answer<'_> {
        match path.field.map(|field| field.name) {
            Some("name") => Answer::Text(&self.name),
            Some("labels") => Answer::Texts(&self.labels),
            Some("variables") => Answer::Map(&self.variables),
            Some(_) => self.facts.as_ref().map_or(Answer::Unknown, Answer::Texts),
            None => Answer::Json(&self.object),
        }
    }
}

impl Map for Variables {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn keys(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        Box::new(self.0.keys().map(String::as_str))
    }

    fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    fn get(&self, key: &str) -> Option<Result<Scalar<'_>, String>> {
        Some(match self.0.get(key)? {
            Typed::Text(text) if text.contains("${") => Err(format!("{key} has no value yet")),
            Typed::Text(text) => Ok(Scalar::Text(text)),
            Typed::Int(value) => Ok(Scalar::Int(*value)),
            Typed::Double(value) => Ok(Scalar::Double(*value)),
            Typed::Bool(value) => Ok(Scalar::Bool(*value)),
        })
    }
}

/// One expression a line, each followed by its answer, which is indented.
fn check_of(cluster: &Cluster, expect: Expect) {
    let mut out = String::new();
    let lines = expect.data().lines().filter(|line| !line.trim().is_empty());
    let indent = |line: &str| line.len() - line.trim_start().len();
    let least = lines.clone().map(indent).min().unwrap_or(0);
    for text in lines.filter(|line| indent(line) == least).map(str::trim) {
        let answer = match parse(text) {
            Ok(program) => match program.evaluate(cluster) {
                Ok(holds) => holds.to_string(),
                Err(Fault::Unknown) => "unknown".to_owned(),
                Err(fault) => format!("fails: {fault}"),
            },
            Err(error) => format!(
                "refused at {}: {error} ({})",
                error.offset,
                said(&error.hint)
            ),
        };
        writeln!(out, "{text}\n    {answer}").unwrap();
    }
    expect.assert_eq(&out);
}

fn said(hint: &Hint) -> String {
    match hint {
        Hint::None => String::new(),
        Hint::Words(words) => words.clone(),
        Hint::Known { word, known, .. } => format!("{word} of {}", known.join(", ")),
    }
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
fn numbers_are_exact_and_do_not_mix() {
    check(expect![[r#"
        1 + 2 * 3 == 7 && (1 + 2) * 3 == 9 && 7 / 2 == 3 && -7 / 2 == -3 && -7 % 4 == -3
            true
        1 == 1.0 && 1 < 1.5 && 9007199254740993 > 9007199254740992.0 && -1.5 < -1
            true
        -9223372036854775808 < 0 && 0x1F == 31 && 1e3 == 1000.0 && .5 == 0.5
            true
        9223372036854775807 + 1 > 0
            fails: the result of + does not fit a whole number
        -(-9223372036854775808) > 0
            fails: the result of - does not fit a whole number
        1 / 0 == 1
            fails: division by zero
        1 % 0 == 1
            fails: division by zero
        1.0 / 0.0 > 1.0
            true
        1 + 1.0 == 2.0
            fails: `+` cannot stand between a whole number and a number with a fraction
    "#]]);
}

#[test]
fn texts_lists_and_maps_are_compared_and_put_together() {
    check(expect![[r#"
        "a" + "b" == "ab" && "a" < "b" && r"\n" == "\\n" && """a"b""" == 'a"b' && "\u00e4\x41\101" == "äAA"
            true
        [1, 2] + [3] == [1, 2, 3] && [1] != [2] && 2 in [1, 2] && !(3 in [1, 2]) && 1.0 in [1]
            true
        {"a": 1, "b": 2} == {"b": 2, "a": 1,} && "a" in {"a": 1} && {1: "x"}[1] == "x" && {true: 1}[true] == 1
            true
        {"a": 1, "a": 2}.a == 1
            fails: a map has the same key twice
        null == null && null != 1 && "1" != 1 && [] != {}
            true
        true ? false : true
            false
        !true || !!true
            true
        size("äö") == 2 && "äö".size() == 2 && size([1]) == 1
            true
    "#]]);
}

#[test]
fn conversions_and_macros_are_those_of_the_language() {
    check(expect![[r#"
        string(12) == "12" && string(true) == "true" && double("1.5") == 1.5 && int(1.9) == 1 && int("-3") == -3
            true
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
            true
        [1, 2, 3].exists_one(n, n > 2) && [1, 2].map(n, n * 2) == [2, 4] && [1, 2].filter(n, n > 1) == [2]
            true
        [1, 2, 3].map(n, n > 1, n * n) == [4, 9] && [[1], [2]].all(l, l.exists(n, n > 0))
            true
        [1, 0].exists(n, 4 / n == 4) && ![0, 1].all(n, 4 / n == 5)
            true
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
            refused at 0: nothing is called `clutser` (clutser of cluster, self)
        tier == "gold"
            refused at 0: nothing is called `tier` (tier of cluster, self)
        cluster.lables.tier == "gold"
            refused at 8: `cluster` has no field `lables` (lables of name, labels, variables, facts)
        cluster == cluster
            refused at 0: `cluster` alone is no value (write cluster.name, cluster.labels, cluster.variables or cluster.facts)
        cluster["spec"] == 1
            refused at 8: `cluster` has no field `spec` (spec of name, labels, variables, facts)
        cluster.labels.tier.matches("g.*")
            refused at 20: there is no function `matches` (there are no regular expressions here: use contains)
        cluster.name.startswith("a")
            refused at 13: there is no function `startswith` (startswith of size, int, double, string, contains, startsWith, endsWith, all, exists, exists_one, map, filter, has)
        sise(cluster.labels) == 1
            refused at 0: there is no function `sise` (sise of size, int, double, string, contains, startsWith, endsWith, all, exists, exists_one, map, filter, has)
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
            refused at 24: nothing is called `x` (x of cluster, self)
        if == 1
            refused at 0: `if` is a word that CEL keeps for itself ()
        Place{a: 1} == 1
            refused at 0: nothing is called `Place` (Place of cluster, self)
        "ä" == ö
            refused at 8: `ö` means nothing here ()
    "#]]);
}

#[test]
fn what_has_no_value_fails_and_what_is_not_known_stays_so() {
    let unknown = Cluster {
        facts: None,
        ..cluster()
    };
    check_of(
        &unknown,
        expect![[r#"
            cluster.facts.nodes == "12"
                unknown
            true || cluster.facts.nodes == "12"
                true
            false && cluster.facts.nodes == "12"
                false
            cluster.labels.team == "a" || cluster.facts.nodes == "12"
                unknown
            cluster.labels.team == "a"
                fails: label team is not there
            cluster.variables.u == "s7"
                fails: u has no value yet
            has(cluster.variables.u) && "u" in cluster.variables
                true
            cluster.variables == {"n": 7, "f": 2.5, "s": "12", "b": true, "u": "s7"}
                fails: u has no value yet
            cluster.variables.exists(name, name == "n") && size(cluster.variables) == 5
                true
        "#]],
    );
}

#[test]
fn it_says_what_it_asks() {
    let asked = |text: &str| {
        let program = parse(text).unwrap();
        let written = program.asked().iter().map(Path::written);
        written.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        asked("cluster.facts.a == '1' || has(cluster.labels)"),
        "cluster.facts cluster.labels"
    );
    assert_eq!(
        asked("[1].all(n, self[n] == cluster['facts'].a && self[0] == n)"),
        "self cluster.facts"
    );
    assert_eq!(asked("'cluster.facts' == '' // cluster.facts"), "");
}
