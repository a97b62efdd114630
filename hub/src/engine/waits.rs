//! What is said of a selection that became empty, once it is known whether anything waits.

use capstan_hub_core::desired::{Desired, Hold};
use capstan_hub_core::problem::{Code, Problem};

/// How the hint ends as long as nobody knows what became of what the placement brought.
const HELD: &str = "; what it brought is held";

/// Says of a placement that selects nothing any more what waits, or that nothing does: it was approved, or within the
/// removal budget.
pub(super) fn say(problems: &mut [Problem], desired: &Desired) {
    for problem in problems {
        if problem.code != Code::SelectsNothing {
            continue;
        }
        let hold = desired.holds.iter().find(|hold| is_of(hold, problem));
        let Some(before) = problem
            .hint
            .as_deref()
            .and_then(|hint| hint.strip_suffix(HELD))
        else {
            continue;
        };
        problem.hint = Some(match hold {
            Some(hold) => format!("{before}{HELD}: `{}`", hold.command()),
            None => format!("{before}; nothing that it brought waits any more"),
        });
    }
}

fn is_of(hold: &Hold, problem: &Problem) -> bool {
    let (Some(placement), Some(at)) = (&hold.placement, &problem.at) else {
        return false;
    };
    let named = format!("placement `{}` ", placement.name());
    *placement.source() == at.source && problem.message.starts_with(&named)
}
