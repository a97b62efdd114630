//! Expressions that are made to take long, counted in steps.

use serde_json::Value as Json;

use super::{Cluster, Fault, Seeded, Typed, cluster, parse};
use crate::limits::{BYTES_MAX, NODES_MAX, STEPS_MAX};

/// A stack of half the size that threads have by default, for frames that are not optimised.
const STACK_BYTES: usize = 1024 * 1024;

fn on_a_small_stack(run: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
    thread.spawn(run).unwrap().join().unwrap();
}

/// Reads and answers a text within every limit; says how many steps that took.
fn within_limits(text: &str, clusters: &[Cluster]) -> Option<usize> {
    let program = match parse(text) {
        Ok(program) => program,
        Err(error) => {
            assert!(text.is_char_boundary(error.offset), "{text:?}: {error:?}");
            return None;
        }
    };
    assert!(program.nodes() <= NODES_MAX);
    let mut most = 0;
    for cluster in clusters {
        let (answer, steps) = program.measured(cluster);
        assert!(steps <= STEPS_MAX + 1);
        assert_eq!(answer == Err(Fault::Steps), steps > STEPS_MAX, "{text:?}");
        most = most.max(steps);
    }
    Some(most)
}

/// A cluster with a variable of a megabyte, one without facts, and one with a large object.
fn clusters() -> Vec<Cluster> {
    let mut large = cluster();
    let text = "a".repeat(1024 * 1024);
    large.object = Json::Array(vec![Json::from(&*text); 8]);
    large.variables.0.insert("s".to_owned(), Typed::Text(text));
    let unknown = Cluster {
        facts: None,
        ..cluster()
    };
    vec![cluster(), large, unknown, deep_and_wide()]
}

/// An object as deep as JSON is read, with a list of many elements.
fn deep_and_wide() -> Cluster {
    let mut object = Json::Array((0..20_000).map(Json::from).collect());
    for _ in 0..120 {
        object = Json::Array(vec![object]);
    }
    Cluster {
        object,
        ..cluster()
    }
}

fn hostile() -> Vec<String> {
    let mut texts = Vec::new();
    for n in [3, 10, 31, 32, 33, 60, 63, 64, 65, 500, 1300, 4000] {
        for (open, inner, close) in [
            ("(", "true", ")"),
            ("[", "1", "]"),
            ("{1:", "1", "}"),
            ("!", "true", ""),
            ("-", "1", ""),
            ("!(", "true", ")"),
            ("true ? ", "true", " : false"),
            ("true ? true : ", "true", ""),
            ("size(", "'a'", ")"),
            ("", "[[1]]", "[0]"),
            ("", "cluster.labels", ".a"),
            ("", "'a'", " + 'a'"),
            ("", "true", " && true"),
            ("", "true", " || true ? true : false"),
            ("", "[1]", ".map(x, [x])"),
            ("[1, 2].map(x, ", "x", ")"),
            ("[1, 2, 3].all(x, ", "true", ")"),
            ("", "[1, 2]", " + [1, 2]"),
            ("", "'a'", "."),
            ("'", "", ""),
            ("\"\"\"", "", ""),
            ("\\", "", ""),
            ("(", "", ""),
            ("a?", "", ""),
            ("[", "", ""),
            ("{", "", ""),
        ] {
            texts.push([open.repeat(n).as_str(), inner, close.repeat(n).as_str()].concat());
        }
    }
    let ten = "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]";
    let mut product = "true".to_owned();
    for local in ["a", "b", "c", "d", "e", "f"] {
        product = format!("{ten}.all({local}, {product})");
        texts.push(product.clone());
        texts.push(format!("({product}) || true"));
        texts.push(format!("!({product})"));
    }
    let mut doubled = "'0123456789abcdef'".to_owned();
    let mut lists = "[0]".to_owned();
    for _ in 0..20 {
        doubled = format!("[{doubled}].map(s, s + s)[0]");
        lists = format!("[{lists}].map(s, s + s)[0]");
        texts.push(format!("size({doubled}) > 0"));
        texts.push(format!("size({lists}) > 0"));
        texts.push(format!("{lists} == {lists}"));
    }
    texts.push("cluster.variables.s + cluster.variables.s == 'a'".to_owned());
    texts.push("cluster.variables.s.contains('aaab')".to_owned());
    texts.push("cluster.variables.s in cluster.labels".to_owned());
    texts.push("{cluster.variables.s: 1}.a == 1".to_owned());
    texts.push("int(cluster.variables.s) == 1".to_owned());
    texts.push("size(cluster.variables.s) == 1".to_owned());
    texts.push("cluster.variables.s == cluster.variables.s".to_owned());
    texts.push("self == self".to_owned());
    texts.push("self + self == self".to_owned());
    texts.push("[self].map(s, s + s + s)[0] == []".to_owned());
    texts.push("self.all(a, self.all(b, self.exists(c, c == a)))".to_owned());
    texts.push("self[0] in self && self[0] == self[1]".to_owned());
    texts.push(format!("self{}.all(n, n >= 0)", "[0]".repeat(60)));
    texts
}

#[test]
fn hostile_expressions_end_within_the_limits() {
    on_a_small_stack(|| {
        let clusters = clusters();
        let steps: Vec<_> = hostile()
            .iter()
            .filter_map(|t| within_limits(t, &clusters))
            .collect();
        assert!(steps.len() > 100, "too few are read: {}", steps.len());
        assert!(steps.iter().any(|steps| *steps > STEPS_MAX));
    });
}

#[test]
fn a_limit_that_is_passed_cannot_be_hidden() {
    let nine = "[1, 2, 3, 4, 5, 6, 7, 8, 9]";
    let long = format!("{nine}.all(a, {nine}.all(b, {nine}.all(c, {nine}.all(d, true))))");
    for text in [
        format!("{long} || true"),
        format!("!{long} && false"),
        format!("[1].exists(x, {long}) || true"),
    ] {
        let program = parse(&text).unwrap();
        let answer = program.evaluate(&cluster());
        assert_eq!(answer, Err(Fault::Steps));
    }
}

const PIECES: [&str; 49] = [
    "cluster",
    "self",
    ".",
    "labels",
    "facts",
    "variables",
    "s",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "?",
    ":",
    ",",
    "+",
    "-",
    "*",
    "/",
    "%",
    "!",
    "&&",
    "||",
    "==",
    "<",
    "in",
    "1",
    "2.5",
    "'a'",
    "\"b\"",
    "r'\\'",
    "true",
    "null",
    "has(",
    "size(",
    ".map(x,",
    ".all(x,",
    "x",
    "//",
    "\n",
    "`",
    "ä",
    "'",
    "'''",
    "\\",
    "\u{0}",
    "1e9",
    "'\\u00e4'",
];

#[test]
fn thousands_of_mutations_end_within_the_limits() {
    on_a_small_stack(|| {
        let clusters = clusters();
        let mut seeds = hostile();
        seeds.push("cluster.labels.tier == 'gold' || int(cluster.variables.n) > 4".to_owned());
        seeds.push("cluster.facts.exists(k, k.startsWith('a') && size(k) in [1, 2])".to_owned());
        seeds.retain(|seed| seed.len() < 400);
        let mut random = Seeded(0x9e37_79b9_7f4a_7c15);
        let mut read = 0;
        for _ in 0..8_000 {
            let mut text: Vec<char> = match random.below(8) {
                0 => Vec::new(),
                _ => seeds[random.below(seeds.len())].chars().collect(),
            };
            for _ in 0..=random.below(3) {
                let at = random.below(text.len() + 1);
                let end = (at + random.below(6)).min(text.len());
                let piece = PIECES[random.below(PIECES.len())].chars();
                match random.below(3) {
                    0 => drop(text.splice(at..end, piece)),
                    1 => drop(text.splice(at..at, piece)),
                    _ => {
                        let copied = text[at..end].to_vec();
                        let to = random.below(text.len() + 1);
                        text.splice(to..to, copied);
                    }
                }
            }
            let text: String = text.into_iter().collect();
            read += usize::from(within_limits(&text, &clusters).is_some());
        }
        assert!(read > 200, "too few are read: {read}");
    });
}

#[test]
fn a_text_beyond_the_limit_is_not_looked_at() {
    let error = parse(&"(".repeat(BYTES_MAX + 1)).unwrap_err();
    assert_eq!(error.offset, 0);
    assert!(error.message.contains("longer than"));
}
