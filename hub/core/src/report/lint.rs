//! Problems as a compiler prints them: place, sentence, the line itself underlined, hint.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use capstan_proto::ClusterName;

use crate::problem::{Code, Problem, Severity};
use crate::spec::{PinName, PinState, Tree, Trees};

/// Longest part of a line that is shown, in characters.
const SHOWN_MAX: usize = 120;

/// Every problem with the line it is on, and how many there are.
#[must_use]
pub fn lint(problems: &[Problem], trees: &Trees) -> String {
    let mut out = String::new();
    for problem in problems {
        one(&mut out, problem, trees);
    }
    let count = |severity| problems.iter().filter(|p| p.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let plural = |number: usize, what: &str| match number {
        1 => format!("1 {what}"),
        number => format!("{number} {what}s"),
    };
    let line = match (errors, warnings) {
        (0, 0) => "no problems".to_owned(),
        (errors, 0) => plural(errors, "error"),
        (0, warnings) => plural(warnings, "warning"),
        (errors, warnings) => {
            format!(
                "{}, {}",
                plural(errors, "error"),
                plural(warnings, "warning")
            )
        }
    };
    let more = explained(problems);
    writeln!(out, "{line}{more}").expect(INFALLIBLE);
    out
}

/// Where to read more: the command for the code that most errors have, or most warnings.
fn explained(problems: &[Problem]) -> String {
    let mut counts: BTreeMap<(Severity, Code), usize> = BTreeMap::new();
    for problem in problems {
        *counts.entry((problem.severity, problem.code)).or_default() += 1;
    }
    let most = counts
        .iter()
        .max_by_key(|((severity, code), count)| (Reverse(*severity), **count, Reverse(*code)));
    match most {
        Some(((_, code), _)) => format!("; what a code means: hub lint --explain {code}"),
        None => String::new(),
    }
}

const INFALLIBLE: &str = "writing to a string cannot fail";

fn one(out: &mut String, problem: &Problem, trees: &Trees) {
    let Problem {
        code,
        severity,
        message,
        ..
    } = problem;
    writeln!(out, "{severity}[{code}]: {message}").expect(INFALLIBLE);
    let width = match &problem.at {
        Some(at) => {
            let number = at.line.to_string();
            let width = number.len();
            writeln!(out, "{:width$}--> {at}", "").expect(INFALLIBLE);
            if let Some((line, column)) = source_line(trees, problem) {
                let blank = " ".repeat(width_of(line.chars().take(column)));
                writeln!(out, "{:width$} |", "").expect(INFALLIBLE);
                writeln!(out, "{number} | {line}").expect(INFALLIBLE);
                let word = line.chars().skip(column).take(length(&line, column));
                let marks = "^".repeat(width_of(word).max(1));
                writeln!(out, "{:width$} | {blank}{marks}", "").expect(INFALLIBLE);
            }
            width
        }
        None => 1,
    };
    // A sentence that names the cluster says already what of it.
    let named = |cluster: &&ClusterName| !message.contains(cluster.as_str());
    if let Some(cluster) = problem.cluster().filter(named) {
        writeln!(out, "{:width$} = cluster: {cluster}", "").expect(INFALLIBLE);
    }
    if let Some(hint) = &problem.hint {
        writeln!(out, "{:width$} = help: {hint}", "").expect(INFALLIBLE);
    }
    out.push('\n');
}

/// The column behind the word at a place, from 1.
#[must_use]
pub fn end_column(trees: &Trees, problem: &Problem) -> Option<u32> {
    let at = problem.at.as_ref()?;
    let file = tree(trees, problem)?.files.get(&*at.path)?;
    let text = std::str::from_utf8(file.bytes()).ok()?;
    let number = usize::try_from(at.line).ok()?.checked_sub(1)?;
    let line = text.split('\n').nth(number)?.trim_end_matches('\r');
    let column = usize::try_from(at.column).ok()?.checked_sub(1)?;
    (column < line.chars().count()).then(|| {
        at.column
            .saturating_add(u32::try_from(length(line, column)).unwrap_or(1))
    })
}

/// The files that the place of a problem is in.
fn tree<'t>(trees: &'t Trees, problem: &Problem) -> Option<&'t Arc<Tree>> {
    let source = &problem.at.as_ref()?.source;
    let Some(pin) = &problem.pin else {
        return trees.read(source);
    };
    let name = PinName {
        source: source.clone(),
        text: pin.clone(),
    };
    match trees.pins.get(&name)? {
        PinState::Read(tree) => Some(tree),
        PinState::Missing(_) | PinState::Branch(_) => None,
    }
}

/// The line that a place is on, tabs as one space and shortened around the place, with the
/// column of the place in it, counted from 0.
#[must_use]
pub fn source_line(trees: &Trees, problem: &Problem) -> Option<(String, usize)> {
    let at = problem.at.as_ref()?;
    let file = tree(trees, problem)?.files.get(&*at.path)?;
    let text = String::from_utf8_lossy(file.bytes());
    let line = text
        .lines()
        .nth(usize::try_from(at.line).ok()?.checked_sub(1)?)?;
    let line: Vec<char> = line
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let column = usize::try_from(at.column)
        .ok()?
        .saturating_sub(1)
        .min(line.len());
    let from = if column > SHOWN_MAX * 3 / 4 {
        column - SHOWN_MAX / 2
    } else {
        0
    };
    let shown: String = line.iter().skip(from).take(SHOWN_MAX).collect();
    Some((shown.trim_end().to_owned(), column - from))
}

/// How many columns of a terminal characters take.
fn width_of(text: impl Iterator<Item = char>) -> usize {
    text.map(|char| match char {
        // Marks that stand on the character before them.
        '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' | '\u{fe00}'..='\u{fe0f}' => 0,
        // East Asian scripts, full-width forms and pictures.
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{303e}'
        | '\u{3041}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    })
    .sum()
}

/// How long the word at a column is: up to white space or what ends a value.
fn length(line: &str, column: usize) -> usize {
    let rest: Vec<char> = line.chars().skip(column).collect();
    let quoted = rest.first().filter(|c| matches!(c, '"' | '\'')).copied();
    let end = match quoted {
        Some(quote) => rest
            .iter()
            .skip(1)
            .position(|c| *c == quote)
            .map(|end| end + 2),
        None => {
            let ends = |c: &char| c.is_whitespace() || matches!(c, ',' | ':' | ']' | '}');
            rest.iter().position(ends)
        }
    };
    end.unwrap_or(rest.len()).max(1)
}
