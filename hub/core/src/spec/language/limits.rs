//! How much of everything there may be, for people: the numbers are those that the code counts with.

use std::fmt::Write as _;

use capstan_cel::limits as cel;
use capstan_proto::ids::LABEL_BYTES_MAX;
use capstan_proto::limits::{HEALTH_CHECKS_MAX, OBJECT_BYTES_MAX, SNAPSHOT_OBJECTS_MAX};

use crate::limits as max;
use crate::problem::Code;

/// One limit: of what, how much, and what says so.
type Limit = (&'static str, String, Code);

/// Every limit as a table in Markdown.
pub(super) fn limits() -> String {
    let mut out = "| what | at most | beyond |\n|---|---|---|\n".to_owned();
    let all = [files(), fields(), expressions(), variables(), content()];
    for (what, most, code) in all.into_iter().flatten() {
        writeln!(out, "| {what} | {most} | [{code}](codes/{code}.md) |")
            .expect("writing to a string cannot fail");
    }
    out
}

fn files() -> Vec<Limit> {
    let (yaml, much) = (Code::NotYaml, Code::TooMuch);
    let aliases = "Values that aliases stand for, in one file";
    let listed = "Problems listed of one file; the others are counted";
    vec![
        ("One file", size(max::FILE_BYTES_MAX), yaml),
        ("Values in one file", number(max::YAML_NODES_MAX), yaml),
        (
            "Values inside each other",
            number(max::YAML_DEPTH_MAX),
            yaml,
        ),
        (aliases, number(max::YAML_ALIAS_NODES_MAX), yaml),
        (
            "Fleet documents in one file",
            number(max::FILE_DOCUMENTS_MAX),
            much,
        ),
        (
            "Fleet documents of one source",
            number(max::SOURCE_DOCUMENTS_MAX),
            much,
        ),
        (listed, number(max::FILE_PROBLEMS_MAX), much),
    ]
}

fn fields() -> Vec<Limit> {
    let (name, much, value) = (Code::BadName, Code::TooMuch, Code::BadValue);
    let whole = format!("{} (below zero one more)", number(i64::MAX));
    vec![
        ("A name, in bytes", number(LABEL_BYTES_MAX), name),
        (
            "Name and source together, in bytes",
            number(LABEL_BYTES_MAX - 1),
            name,
        ),
        ("Terms of one list", number(max::TERMS_MAX), much),
        ("Health checks of a bundle", number(HEALTH_CHECKS_MAX), much),
        ("Items of any other list", number(max::LIST_ITEMS_MAX), much),
        ("`count`", number(max::COUNT_MAX), value),
        (
            "`weight`, above and below zero",
            number(max::WEIGHT_MAX),
            value,
        ),
        ("`maxSkew`", number(max::SKEW_MAX), value),
        ("`priority`", whole.clone(), value),
        ("Any other whole number", whole, Code::NumberNotKept),
    ]
}

fn expressions() -> Vec<Limit> {
    let bad = Code::BadExpression;
    vec![
        ("A CEL expression, in bytes", number(cel::BYTES_MAX), bad),
        ("Its parts", number(cel::NODES_MAX), bad),
        (
            "Its brackets inside each other",
            number(cel::NESTING_MAX),
            bad,
        ),
        ("The depth of its tree", number(cel::DEPTH_MAX), bad),
        (
            "Its steps on one cluster; beyond them a health check is Degraded",
            number(cel::STEPS_MAX),
            Code::CelFails,
        ),
    ]
}

fn variables() -> Vec<Limit> {
    let much = Code::TooMuch;
    let chain = "Variables that use variables, one after another";
    let all = "The values of all variables of a bundle on a cluster";
    vec![
        (chain, number(max::VARIABLE_DEPTH_MAX), much),
        (
            "The value of a variable",
            size(max::VARIABLE_BYTES_MAX),
            much,
        ),
        (all, size(max::VARIABLES_BYTES_MAX), much),
    ]
}

fn content() -> Vec<Limit> {
    let (object, cluster) = (Code::ObjectTooLarge, Code::SnapshotTooLarge);
    let all = "All of them together, and the manifests of a directory";
    vec![
        ("An object", size(OBJECT_BYTES_MAX), object),
        (
            "Objects of a bundle on a cluster",
            number(max::BUNDLE_OBJECTS_MAX),
            Code::TooMuch,
        ),
        (all, size(max::BUNDLE_BYTES_MAX), Code::TooMuch),
        (
            "Objects on a cluster",
            number(SNAPSHOT_OBJECTS_MAX),
            cluster,
        ),
    ]
}

/// Bytes: in MiB where that is short.
fn size(bytes: usize) -> String {
    const HALF: usize = 512 * 1024;
    match (bytes / HALF, bytes % HALF) {
        (halves, 0) if halves % 2 == 0 => format!("{} MiB", halves / 2),
        (halves, 0) => format!("{}.5 MiB", halves / 2),
        _ => format!("{} bytes", number(bytes)),
    }
}

/// A number with a comma between thousands.
fn number(number: impl ToString) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
