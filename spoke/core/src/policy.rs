//! How much may be removed on this cluster without somebody's approval.

use std::collections::{BTreeMap, BTreeSet};

use capstan_proto::delta::Approval;
use capstan_proto::{BundleName, Moment, ObjectKey, removal};

use crate::event::RemovalBudget;

/// What becomes of an object that leaves the snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It may be deleted.
    Goes,
    /// It stays: it is let go (`orphan`, or not ours), or kept for what others put there.
    Stays,
}

/// What leaves the snapshot, by bundle. An approval names all of it, because a hub does not know what
/// stays; the budget is for what goes.
pub type Leaving = BTreeMap<BundleName, BTreeMap<ObjectKey, Fate>>;

/// Of so many bundles every combination is compared with the approvals: 255 digests. An approval
/// names what a placement or a bundle loses, and which bundles a placement has is not known here.
/// Where more bundles lose something, everything at once, each bundle alone, and the combinations of
/// those that are not approved alone are compared, and the refusal says what was not.
const COMBINED_MAX: usize = 8;

/// So many of the bundles whose combinations were not compared are named.
const NAMED_MAX: usize = 3;

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
    let mut rest: BTreeMap<_, _> = leaving.values().flatten().collect();
    let mut compared_alone = Vec::new();
    if going(&rest) > allowed && !valid.is_empty() {
        let (sets, alone) = candidates(leaving, &is_approved);
        compared_alone = alone;
        for set in sets.into_iter().filter(is_approved) {
            rest.retain(|key, _| !set.contains(key));
        }
    }
    let keys: BTreeSet<_> = rest.keys().copied().collect();
    let going = going(&rest);
    if going <= allowed || is_approved(&keys) {
        return Ok(());
    }
    let set = removal::cluster_digest(keys.iter().copied());
    let mut words = format!(
        "{going} objects would be removed, {allowed} may be on this cluster without an approval of set {}",
        set.short()
    );
    if !compared_alone.is_empty() {
        let more = format!(
            "; of more than {COMBINED_MAX} bundles approvals of several together are not looked for: \
             approve one bundle at a time, or all at once; they are {}",
            named(&compared_alone)
        );
        words.push_str(&more);
    }
    Err(words)
}

/// The first few, and how many more.
fn named(bundles: &[&BundleName]) -> String {
    let names = bundles.iter().take(NAMED_MAX).map(ToString::to_string);
    let names = names.collect::<Vec<_>>().join(", ");
    match bundles.len().saturating_sub(NAMED_MAX) {
        0 => names,
        more => format!("{names} and {more} more"),
    }
}

fn going(rest: &BTreeMap<&ObjectKey, &Fate>) -> usize {
    rest.values().filter(|fate| ***fate == Fate::Goes).count()
}

/// What may have been approved together: everything, what each bundle loses, and where the bundles
/// are few whatever some of them lose; and the bundles whose combinations were left out.
fn candidates<'a>(
    leaving: &'a Leaving,
    is_approved: &dyn Fn(&BTreeSet<&ObjectKey>) -> bool,
) -> (Vec<BTreeSet<&'a ObjectKey>>, Vec<&'a BundleName>) {
    let bundles = leaving
        .iter()
        .map(|(name, objects)| (name, objects.keys().collect::<BTreeSet<_>>()));
    if leaving.len() <= COMBINED_MAX {
        let bundles: Vec<_> = bundles.map(|(_, objects)| objects).collect();
        return (combinations(&bundles), Vec::new());
    }
    let (alone, open): (Vec<_>, Vec<_>) = bundles.partition(|(_, objects)| is_approved(objects));
    let mut sets: Vec<_> = alone.into_iter().map(|(_, objects)| objects).collect();
    sets.push(leaving.values().flat_map(BTreeMap::keys).collect());
    let (names, open): (Vec<_>, Vec<_>) = open.into_iter().unzip();
    if open.len() <= COMBINED_MAX {
        sets.extend(combinations(&open));
        return (sets, Vec::new());
    }
    (sets, names)
}

fn combinations<'a>(bundles: &[BTreeSet<&'a ObjectKey>]) -> Vec<BTreeSet<&'a ObjectKey>> {
    let union = |mask: usize| {
        let chosen = bundles.iter().enumerate();
        let chosen = chosen.filter(|(at, _)| mask >> at & 1 == 1);
        chosen.flat_map(|(_, objects)| objects).copied().collect()
    };
    (1..1_usize << bundles.len()).map(union).collect()
}

#[cfg(test)]
mod tests;
