//! How much may be removed on this cluster without somebody's approval.

use std::collections::{BTreeMap, BTreeSet};

use capstan_proto::delta::Approval;
use capstan_proto::{BundleName, Moment, ObjectKey, removal};

use crate::event::RemovalBudget;

/// What would be removed, by bundle.
pub type Leaving = BTreeMap<BundleName, BTreeSet<ObjectKey>>;

/// Of so many bundles every combination is compared with the approvals: 255 digests. An approval
/// names what a placement or a bundle loses, and which bundles a placement has is not known here.
const COMBINED_MAX: usize = 8;

/// Whether all of `leaving` may be removed from an inventory of `owned`.
///
/// # Errors
/// With the reason in words, when more than the budget is neither within it nor covered by approvals
/// that still count and name exactly what some of the bundles lose.
pub fn within_budget(
    leaving: &Leaving,
    owned: usize,
    budget: Option<RemovalBudget>,
    approvals: &[Approval],
    now: Moment,
) -> Result<(), String> {
    let Some(budget) = budget else {
        return Ok(());
    };
    let allowed = budget.count.max(owned * budget.percent / 100);
    let valid: BTreeSet<_> = approvals
        .iter()
        .filter(|approval| approval.expires_at > now)
        .map(|approval| approval.removal_set)
        .collect();
    let is_approved = |set: &BTreeSet<&ObjectKey>| {
        !valid.is_empty() && valid.contains(&removal::cluster_digest(set.iter().copied()))
    };
    let mut rest: BTreeSet<_> = leaving.values().flatten().collect();
    if rest.len() > allowed && !valid.is_empty() {
        for set in combinations(leaving).into_iter().filter(is_approved) {
            rest.retain(|key| !set.contains(key));
        }
    }
    if rest.len() <= allowed || is_approved(&rest) {
        return Ok(());
    }
    let set = removal::cluster_digest(rest.iter().copied());
    Err(format!(
        "{} objects would be removed, {allowed} may be on this cluster without an approval of set {}",
        rest.len(),
        set.short()
    ))
}

/// What may have been approved together: everything, what each bundle loses, and where the bundles
/// are few whatever some of them lose.
fn combinations(leaving: &Leaving) -> Vec<BTreeSet<&ObjectKey>> {
    let bundles: Vec<&BTreeSet<ObjectKey>> = leaving.values().collect();
    if bundles.len() > COMBINED_MAX {
        let all = bundles.iter().copied().flatten().collect();
        let each = bundles.iter().map(|objects| objects.iter().collect());
        return each.chain([all]).collect();
    }
    let union = |mask: usize| {
        let chosen = bundles.iter().enumerate();
        let chosen = chosen.filter(|(at, _)| mask >> at & 1 == 1);
        chosen.flat_map(|(_, objects)| objects.iter()).collect()
    };
    (1..1_usize << bundles.len()).map(union).collect()
}

#[cfg(test)]
mod tests;
