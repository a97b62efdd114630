//! The same expressions, answered by another implementation of the language.

use proptest::prelude::*;

use super::{Cluster, Fault, Seeded, Typed, cluster, parse};

#[derive(serde::Serialize)]
struct Fields<'a> {
    name: &'a str,
    labels: &'a std::collections::BTreeMap<String, String>,
    variables: &'a std::collections::BTreeMap<String, Typed>,
    facts: &'a std::collections::BTreeMap<String, String>,
}

fn context(cluster: &Cluster) -> cel::Context<'static, 'static> {
    let fields = Fields {
        name: &cluster.name,
        labels: &cluster.labels,
        variables: &cluster.variables.0,
        facts: cluster.facts.as_ref().expect("it knows no unknown facts"),
    };
    let mut context = cel::Context::default();
    context.add_variable("cluster", fields).unwrap();
    context.add_variable("self", &cluster.object).unwrap();
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

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Bool,
    Number,
    Text,
    List,
    Map,
}

/// Writes expressions that mostly make sense.
struct Writer {
    random: Seeded,
    /// Variables of the macros around, with what they are.
    locals: Vec<(&'static str, Kind)>,
}

impl Writer {
    fn one(&mut self, of: &[&str]) -> String {
        of[self.random.below(of.len())].to_owned()
    }

    fn write(&mut self, kind: Kind, depth: usize) -> String {
        // Once in a while it makes no sense. Only what is added to a list always does: the other
        // implementation adds a map to one, which the language cannot.
        let any = [Kind::Bool, Kind::Number, Kind::Text, Kind::List, Kind::Map];
        let kind = match self.random.below(40) {
            0 if kind != Kind::List => any[self.random.below(any.len())],
            _ => kind,
        };
        let usable: Vec<_> = self
            .locals
            .iter()
            .filter(|(_, k)| *k == kind)
            .map(|(n, _)| *n)
            .collect();
        if !usable.is_empty() && self.random.below(3) == 0 {
            return self.one(&usable);
        }
        if depth == 0 || self.random.below(6) == 0 {
            return self.leaf(kind);
        }
        if self.random.below(12) == 0 {
            let (yes, no) = (self.write(kind, depth - 1), self.write(kind, depth - 1));
            return format!("({} ? {yes} : {no})", self.write(Kind::Bool, depth - 1));
        }
        match kind {
            Kind::Bool => self.truth_value(depth - 1),
            Kind::Number => self.number(depth - 1),
            Kind::Text => self.text(depth - 1),
            Kind::List => self.list(depth - 1),
            Kind::Map => self.leaf(kind),
        }
    }

    fn leaf(&mut self, kind: Kind) -> String {
        self.one(match kind {
            Kind::Bool => &[
                "true",
                "false",
                "cluster.variables.b",
                "has(cluster.labels.tier)",
                "has(cluster.labels.zz)",
                "cluster.labels.zz == 'a'",
                "self.status.on",
                "has(self.status.phase)",
                "has(self.status.zz)",
                "self.status.nothing == null",
            ],
            Kind::Number => &[
                "0",
                "1",
                "2",
                "-3",
                "7",
                "12",
                "cluster.variables.n",
                "2.5",
                "1.0",
                "-0.5",
                "cluster.variables.f",
                "self.status.ratio",
                "self.status.below",
                "9223372036854775807",
                "-9223372036854775808",
            ],
            Kind::Text => &[
                "'a'",
                "'12'",
                "'eu'",
                "''",
                "'tier'",
                "'ä'",
                "cluster.name",
                "cluster.labels.tier",
                "cluster.labels['a.b/c']",
                "cluster.variables.s",
                "cluster.facts.nodes",
                "cluster.facts['kubernetes.minor']",
                "self.status.phase",
                "self['status']['phase']",
                "self.status.zz",
                "'2.50'",
                "'-7'",
            ],
            Kind::List => &[
                "self.list",
                "[]",
                "[1, 2, 3]",
                "['a', '12']",
                "[0, -3]",
                "[[1], []]",
                "[2.5, 1]",
            ],
            Kind::Map => &[
                "self",
                "self.status",
                "cluster.labels",
                "cluster.facts",
                "cluster.variables",
                "{}",
                "{'a': 1, 'tier': 2}",
                "{1: 'a', 2: 'b'}",
            ],
        })
    }

    fn truth_value(&mut self, depth: usize) -> String {
        let kinds = [Kind::Number, Kind::Text, Kind::List, Kind::Bool, Kind::Map];
        match self.random.below(9) {
            0 | 1 => {
                let sign = self.one(&["&&", "||"]);
                let (a, b) = (self.write(Kind::Bool, depth), self.write(Kind::Bool, depth));
                format!("({a} {sign} {b})")
            }
            2 => format!("!({})", self.write(Kind::Bool, depth)),
            3 | 4 => {
                let kind = kinds[self.random.below(3)];
                let sign = self.one(&["==", "!=", "<", "<=", ">", ">="]);
                let (a, b) = (self.write(kind, depth), self.write(kind, depth));
                format!("({a} {sign} {b})")
            }
            5 => {
                let kind = kinds[self.random.below(5)];
                let sign = self.one(&["==", "!="]);
                let (a, b) = (self.write(kind, depth), self.write(kind, depth));
                format!("({a} {sign} {b})")
            }
            6 => {
                let (item, of) = match self.random.below(2) {
                    0 => (Kind::Text, Kind::Map),
                    _ => (Kind::Number, Kind::List),
                };
                format!("({} in {})", self.write(item, depth), self.write(of, depth))
            }
            7 => {
                let function = self.one(&["contains", "startsWith", "endsWith"]);
                let (a, b) = (self.write(Kind::Text, depth), self.write(Kind::Text, depth));
                format!("({a}).{function}({b})")
            }
            _ => {
                let function = self.one(&["all", "exists", "exists_one"]);
                self.fold(&function, Kind::Bool, depth)
            }
        }
    }

    fn number(&mut self, depth: usize) -> String {
        match self.random.below(6) {
            0 => {
                let kind = [Kind::Text, Kind::List, Kind::Map][self.random.below(3)];
                format!("size({})", self.write(kind, depth))
            }
            1 => {
                let function = self.one(&["int", "double"]);
                let kind = [Kind::Text, Kind::Number][self.random.below(2)];
                format!("{function}({})", self.write(kind, depth))
            }
            2 => format!("-({})", self.write(Kind::Number, depth)),
            3 => format!(
                "({})[{}]",
                self.write(Kind::List, depth),
                self.write(Kind::Number, 0)
            ),
            _ => {
                let sign = self.one(&["+", "-", "*", "/", "%"]);
                let (a, b) = (
                    self.write(Kind::Number, depth),
                    self.write(Kind::Number, depth),
                );
                format!("({a} {sign} {b})")
            }
        }
    }

    fn text(&mut self, depth: usize) -> String {
        match self.random.below(3) {
            0 => format!("string({})", self.write(Kind::Number, 0)),
            1 => format!(
                "({})[{}]",
                self.write(Kind::Map, 0),
                self.write(Kind::Text, 0)
            ),
            _ => format!(
                "({} + {})",
                self.write(Kind::Text, depth),
                self.write(Kind::Text, depth)
            ),
        }
    }

    fn list(&mut self, depth: usize) -> String {
        match self.random.below(4) {
            0 => format!(
                "({} + {})",
                self.write(Kind::List, depth),
                self.write(Kind::List, depth)
            ),
            1 => format!(
                "[{}, {}]",
                self.write(Kind::Number, depth),
                self.write(Kind::Number, depth)
            ),
            2 => self.fold("filter", Kind::Bool, depth),
            _ => self.fold("map", Kind::Number, depth),
        }
    }

    fn fold(&mut self, function: &str, body: Kind, depth: usize) -> String {
        let name = ["x", "y", "z"][self.random.below(3)];
        // The other implementation goes over the keys of a map in any order.
        let ordered = matches!(function, "map" | "filter");
        let (range, element) = match self.random.below(3) {
            0 if !ordered => (Kind::Map, Kind::Text),
            _ => (Kind::List, Kind::Number),
        };
        let range = self.write(range, depth);
        self.locals.push((name, element));
        let body = self.write(body, depth);
        self.locals.pop();
        format!("({range}).{function}({name}, {body})")
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(1000), ..ProptestConfig::default() })]

    #[test]
    fn another_implementation_gives_the_same_answers(seed in 1..u64::MAX) {
        let mut writer = Writer { random: Seeded(seed), locals: Vec::new() };
        let text = writer.write(Kind::Bool, 5);
        let mut cluster = cluster();
        // A variable that uses others is a failure that only we know.
        cluster.variables.0.remove("u");
        // The other implementation takes whole numbers above zero for unsigned ones.
        cluster.object = serde_json::json!({
            "status": {"phase": "eu", "on": true, "ratio": 2.5, "below": -3, "nothing": null},
            "list": [2.5, -3],
            "tier": {"12": [{"a": "b"}]},
        });
        let Ok(program) = parse(&text) else {
            return Ok(());
        };
        let theirs = other(&cluster, &text);
        prop_assert!(theirs.is_ok(), "{text}: only we read it: {theirs:?}");
        let ours = program.evaluate(&cluster);
        prop_assert_ne!(&ours, &Err(Fault::Unknown));
        let answer = ours.clone().ok();
        prop_assert_eq!(answer, theirs.unwrap(), "{}: {:?}", text, ours);
    }
}
