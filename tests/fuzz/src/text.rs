//! Short texts inside fleet files: CEL, globs, `${...}`.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use capstan_cel::limits::{BYTES_MAX, NODES_MAX, STEPS_MAX};
use capstan_hub_core::inventory::Facts;
use capstan_hub_core::limits::{VARIABLE_BYTES_MAX, VARIABLES_BYTES_MAX};
use capstan_hub_core::problem::Place;
use capstan_hub_core::selector::cel::Program;
use capstan_hub_core::selector::{self, Candidate, Truth};
use capstan_hub_core::spec::{Variable, Variables};
use capstan_hub_core::template::{
    self, BuiltIn, Effective, Part, Scalar, VariableError, circles, effective, is_name,
};
use capstan_proto::{BundleName, ClusterName, Revision, SourceName};

use crate::Answer;

/// Longest glob and name that are compared with the obvious answer, which costs their product.
const OBVIOUS_BYTES_MAX: usize = 256;

struct Cluster {
    name: ClusterName,
    labels: BTreeMap<String, String>,
    variables: Variables,
    bundle: BundleName,
    revision: Revision,
}

static CLUSTER: LazyLock<Cluster> = LazyLock::new(|| {
    let source = SourceName::try_new("main").expect("a name");
    let scalars = [
        ("n", Scalar::Number(7.into())),
        ("s", Scalar::Text("12".to_owned())),
        ("b", Scalar::Bool(true)),
        ("u", Scalar::Text("s${n}".to_owned())),
    ];
    let named = |(name, value): (&str, Scalar)| (name.to_owned(), variable(value));
    Cluster {
        name: ClusterName::try_new("prod-eu-1").expect("a name"),
        labels: texts(&[("tier", "gold"), ("region", "eu-west-1"), ("a.b/c", "x")]),
        variables: scalars.map(named).into(),
        bundle: BundleName::try_new(source, "web").expect("a name"),
        revision: Revision::try_new("1".repeat(40)).expect("a commit's name"),
    }
});

fn texts(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    entries.iter().map(owned).collect()
}

fn variable(value: Scalar) -> Variable {
    let at = Place {
        source: SourceName::try_new("main").expect("a name"),
        path: Arc::from("fleet.yaml"),
        line: 1,
        column: 1,
    };
    Variable { at, value }
}

/// An expression, asked of one cluster whose facts are known, unknown and missing: within its
/// limits, the same twice, and hanging on facts only where it names them.
pub fn cel(bytes: &[u8]) -> Answer {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Answer::Refused;
    };
    let program = match Program::parse(text) {
        Ok(program) => program,
        Err(error) => {
            assert!(text.is_char_boundary(error.offset), "{}", error.offset);
            assert!(!error.message.is_empty() && error.message.len() <= BYTES_MAX);
            return Answer::Refused;
        }
    };
    assert!(text.len() <= BYTES_MAX && program.nodes() <= NODES_MAX);
    assert_eq!(Program::parse(program.text()).as_ref(), Ok(&program));
    let cluster = &*CLUSTER;
    let known = texts(&[("nodes", "12"), ("kubernetes.minor", "31")]);
    let answers = [
        Facts::Reported(Arc::new(known)),
        Facts::Unknown,
        Facts::Never,
    ]
    .map(|facts| {
        let candidate = Candidate {
            name: &cluster.name,
            labels: &cluster.labels,
            variables: &cluster.variables,
            facts: &facts,
        };
        let (answer, steps) = program.measured(candidate);
        assert!(steps <= STEPS_MAX + 1, "{steps} steps");
        let hangs = answer == Ok(Truth::Unknown);
        assert!(!hangs || facts == Facts::Unknown && program.uses_facts());
        assert_eq!(program.evaluate(candidate), answer, "not the same twice");
        answer
    });
    if !program.uses_facts() {
        assert!(answers.iter().all(|answer| *answer == answers[0]));
    }
    Answer::Good
}

/// The first line is a glob, the rest a name: good where it matches. The answer is the obvious one.
pub fn glob(bytes: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(bytes);
    let (pattern, name) = text.split_once('\n').unwrap_or((&text, ""));
    let answer = selector::glob(pattern, name);
    if pattern.len().max(name.len()) <= OBVIOUS_BYTES_MAX {
        assert_eq!(answer, obvious(pattern.as_bytes(), name.as_bytes()));
    }
    assert!(selector::glob("*", name) && selector::glob(&format!("{name}*"), name));
    answer.into()
}

/// For every beginning of the name, whether the pattern so far matches it.
fn obvious(pattern: &[u8], name: &[u8]) -> bool {
    let mut matched = vec![false; name.len() + 1];
    matched[0] = true;
    for &c in pattern {
        let mut next = vec![false; name.len() + 1];
        next[0] = c == b'*' && matched[0];
        for n in 0..name.len() {
            next[n + 1] = match c {
                b'*' => next[n] || matched[n + 1],
                _ => matched[n] && (c == b'?' || c == name[n]),
            };
        }
        matched = next;
    }
    matched[name.len()]
}

/// Lines `name=value` up to an empty one are variables; the rest is a text that uses them. Good
/// where the text has a value.
pub fn template(bytes: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(bytes);
    let (layer, text) = text.split_once("\n\n").unwrap_or(("", &text));
    let layer = variables(layer);
    let cluster = &*CLUSTER;
    let built_in = BuiltIn {
        cluster: &cluster.name,
        labels: &cluster.labels,
        bundle: &cluster.bundle,
        revision: &cluster.revision,
    };
    let values = effective(&[&layer], built_in);
    values_are_bounded(&layer, &values);
    for (name, _) in circles(&layer) {
        assert!(values[&name].is_err(), "`{name}` is in a circle");
    }
    let value = template::expand(text, &values, built_in);
    if let Ok(value) = &value {
        assert!(length(value) <= VARIABLE_BYTES_MAX.max(text.len()));
    }
    let parts = template::parse(text);
    let escape = |value: &str| value.replace('~', "~0").replace('/', "~1");
    let each = template::expand_each(text, &values, built_in, escape);
    match (&parts, &value) {
        (Ok(parts), _) => assert!(parts.iter().map(size).sum::<usize>() <= text.len()),
        (Err(error), value) => {
            assert_eq!(value.as_ref(), Err(error));
            assert!(matches!(error, VariableError::Syntax { .. }));
        }
    }
    assert!(each.is_err() || value.is_ok(), "{each:?} {value:?}");
    let used: Vec<String> = template::names(text).collect();
    assert!(used.len() <= text.len() / 4);
    value.is_ok().into()
}

fn values_are_bounded(layer: &Variables, values: &Effective) {
    assert_eq!(values.len(), layer.len(), "a variable has no answer");
    let lengths = values.values().flatten().map(length);
    assert!(
        lengths.sum::<usize>() <= VARIABLES_BYTES_MAX,
        "values multiply"
    );
}

fn length(value: &Scalar) -> usize {
    match value {
        Scalar::Text(text) => text.len(),
        Scalar::Number(_) | Scalar::Bool(_) => 0,
    }
}

fn size(part: &Part) -> usize {
    match part {
        Part::Literal(text) => text.len(),
        Part::Use { name, default } => name.len() + default.as_ref().map_or(0, String::len),
    }
}

fn variables(text: &str) -> Variables {
    let mut layer = Variables::new();
    for (name, value) in text.lines().filter_map(|line| line.split_once('=')) {
        if !is_name(name) {
            continue;
        }
        let value = match serde_json::from_str(value) {
            Ok(serde_json::Value::Bool(value)) => Scalar::Bool(value),
            Ok(serde_json::Value::Number(number)) => Scalar::Number(number.into()),
            _ => Scalar::Text(value.to_owned()),
        };
        layer.insert(name.to_owned(), variable(value));
    }
    layer
}
