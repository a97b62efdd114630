//! Health of custom resources, by the conditions that most controllers write.

use capstan_proto::Health;
use serde_json::Value;

use super::{Context, Then, Verdict, condition, settling};
use crate::limits::SETTLE_MS;

/// Conditions that say, each by itself, that a custom resource works.
const GOOD: [&str; 6] = [
    "Ready",
    "Available",
    "Healthy",
    "Programmed",
    "Synced",
    "Established",
];

/// Conditions that say that work is under way.
const BUSY: [&str; 2] = ["Issuing", "Progressing"];

/// A custom resource without status is Progressing for its settle time: its controller may not have
/// seen it. After that, one whose controller writes no status counts as working.
pub(super) fn resource(live: &Value, context: Context) -> Verdict {
    let status = live.get("status").and_then(Value::as_object);
    if status.is_none_or(serde_json::Map::is_empty) {
        let settled = context.applied_at.plus_ms(SETTLE_MS);
        if context.now >= settled {
            return Verdict::healthy();
        }
        return Verdict {
            then: Some(Then {
                at: settled,
                health: Health::Healthy,
            }),
            ..Verdict::progressing("NoStatus", "its controller has not written a status yet")
        };
    }
    let good: Vec<_> = GOOD
        .iter()
        .filter_map(|name| condition(live, name).map(|c| (*name, c)))
        .collect();
    let busy = BUSY.iter().find_map(|name| {
        condition(live, name)
            .filter(|c| c.is("True"))
            .map(|c| (*name, c))
    });
    let bad = good.iter().find(|(_, condition)| !condition.is("True"));
    match (bad, busy) {
        (Some(_), Some((name, busy))) => Verdict::progressing(busy.reason_or(name), busy.message),
        (Some((name, unknown)), None) if !unknown.is("False") => {
            Verdict::progressing(unknown.reason_or(name), unknown.message)
        }
        (Some((name, bad)), None) => settling(*bad, name, context),
        // `Progressing=True` stays on things that work; `Issuing=True` never does.
        (None, Some(("Issuing", busy))) => Verdict::progressing("Issuing", busy.message),
        (None, _) => Verdict::healthy(),
    }
}
