//! The words of status, lint and explain, as plain text without terminal codes.

use std::fmt::Write as _;

use capstan_proto::Moment;

use crate::explain::Explanation;
use crate::problem::Problem;
use crate::rollup::Fleet;
use crate::spec::Trees;

/// The fleet at a glance.
#[must_use]
pub fn status(_fleet: &Fleet) -> String {
    String::new()
}

/// Problems as a compiler prints them: place, sentence, the line itself underlined, hint.
#[must_use]
pub fn lint(problems: &[Problem], _trees: &Trees) -> String {
    let mut out = String::new();
    for problem in problems {
        writeln!(out, "{problem}").expect("writing to a string cannot fail");
    }
    out
}

/// Why a bundle is, or is not, on a cluster.
#[must_use]
pub fn explain(_explanation: &Explanation) -> String {
    String::new()
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
