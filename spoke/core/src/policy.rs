//! How much may be removed on this cluster without somebody's approval.

use std::collections::BTreeSet;

use capstan_proto::delta::Approval;
use capstan_proto::{Moment, ObjectKey, removal};

use crate::event::RemovalBudget;

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
    let set = removal::cluster_digest(objects);
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
