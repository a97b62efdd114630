//! How much may be removed on this cluster without somebody's approval.

use std::collections::BTreeSet;

use capstan_proto::delta::Approval;
use capstan_proto::digest::Hasher;
use capstan_proto::{Digest, Moment, ObjectKey};

use crate::event::RemovalBudget;

/// The digest by which an approval names what this cluster may lose: SHA-256 over the sorted keys,
/// every part length-prefixed, exactly as the hub computes it.
#[must_use]
pub fn removal_set_digest(objects: &BTreeSet<ObjectKey>) -> Digest {
    let mut hasher = Hasher::new();
    hasher.field(b"capstan cluster removal set 1");
    for key in objects {
        for part in [&key.group, &key.kind, &key.namespace, &key.name] {
            hasher.field(part.as_bytes());
        }
    }
    hasher.finish()
}

/// Whether all of `objects` may be removed from an inventory of `owned`.
///
/// # Errors
/// With the reason in words, when there are more than the budget and no approval that still counts
/// names exactly this set.
pub fn within_budget(
    objects: &BTreeSet<ObjectKey>,
    owned: usize,
    budget: Option<RemovalBudget>,
    approvals: &[Approval],
    now: Moment,
) -> Result<(), String> {
    let Some(budget) = budget else {
        return Ok(());
    };
    let allowed = budget.count.max(owned * budget.percent / 100);
    if objects.len() <= allowed {
        return Ok(());
    }
    let set = removal_set_digest(objects);
    let covered = approvals
        .iter()
        .any(|approval| approval.removal_set == set && approval.expires_at > now);
    if covered {
        return Ok(());
    }
    Err(format!(
        "{} objects would be removed, {allowed} may be on this cluster without an approval of set {}",
        objects.len(),
        set.short()
    ))
}

#[cfg(test)]
mod tests;
