//! The words of status, lint, plan, resolve and explain, as plain text without terminal codes.

mod github;
mod lint;
mod markdown;
mod plan;
mod resolve;
mod state;
mod status;

use std::fmt::Write as _;

use capstan_proto::Moment;

use crate::explain::{Answer, Explanation};

pub use github::github;
pub use lint::{end_column, lint, source_line};
pub use markdown::{CHARS_MAX, plan_markdown};
pub use plan::{Detail, plan};
pub use resolve::resolve;
pub use state::state;
pub use status::status;

/// Why a bundle is, or is not, on a cluster: the answer, then each reason with its line.
#[must_use]
pub fn explain(explanation: &Explanation) -> String {
    let cluster = &explanation.question.cluster;
    let bundle = explanation.question.bundle.name();
    let answer = match explanation.answer {
        Answer::Placed => format!("{bundle} is on {cluster}"),
        Answer::Kept => format!("{bundle} stays on {cluster} as it is"),
        Answer::NotPlaced => format!("{bundle} is not on {cluster}"),
        Answer::Unknown => format!("it is not known whether {bundle} is on {cluster}"),
        Answer::NotDeclared => format!("{cluster} is not declared"),
    };
    let mut out = format!("{answer}\n");
    let places: Vec<String> = explanation
        .steps
        .iter()
        .map(|step| {
            step.at
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default()
        })
        .collect();
    let width = places.iter().map(String::len).max().unwrap_or_default();
    for (step, place) in explanation.steps.iter().zip(&places) {
        writeln!(out, "  {place:width$}  {}", step.text).expect("writing to a string cannot fail");
    }
    out
}

/// `3 min ago`, the largest unit that fits.
#[must_use]
pub fn ago(then: Moment, now: Moment) -> String {
    let seconds = now.since_ms(then) / 1000;
    match seconds {
        0..60 => format!("{seconds} s ago"),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..172_800 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests;
