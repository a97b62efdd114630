//! What is to be remembered of decisions otherwise than of those before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::{ClusterName, PlacementName};

use super::Decisions;
use super::choose::Choice;
use super::clusters::Core;

/// The clusters of a placement; `None`: nothing is remembered of it any more.
pub type Selected = Option<BTreeSet<ClusterName>>;

impl Decisions {
    /// What [`previous`](Self::previous) has otherwise than that of `before`. What did not change
    /// costs next to nothing.
    #[must_use]
    pub fn since(&self, before: &Self) -> BTreeMap<PlacementName, Selected> {
        let (then, now) = (before.core(), self.core());
        let (old, new) = (then.fleet.index.names(), now.fleet.index.names());
        let same_names = Arc::ptr_eq(old, new) || old == new;
        let mut changes = BTreeMap::new();
        for (name, choice) in &now.choices {
            let same = match then.choices.get(name) {
                Some(earlier) if same_names => same(earlier, choice),
                Some(earlier) => same_selection((then, earlier), (now, choice)),
                None => before.remembered.get(name) == Some(&names(now, choice)),
            };
            if !same {
                changes.insert(name.clone(), Some(names(now, choice)));
            }
        }
        let known = then.choices.keys().chain(before.remembered.keys());
        let gone = known.filter(|name| {
            !now.choices.contains_key(*name) && !self.remembered.contains_key(*name)
        });
        changes.extend(gone.map(|name| (name.clone(), None)));
        changes
    }
}

/// Whether two choices over the same clusters are the same.
fn same(one: &Arc<Choice>, other: &Arc<Choice>) -> bool {
    Arc::ptr_eq(one, other) || one.selected == other.selected && one.absent == other.absent
}

fn same_selection(one: (&Core, &Choice), other: (&Core, &Choice)) -> bool {
    if one.1.absent.is_empty() && other.1.absent.is_empty() {
        return selected(one.0, one.1).eq(selected(other.0, other.1));
    }
    names(one.0, one.1) == names(other.0, other.1)
}

fn selected<'a>(core: &'a Core, choice: &'a Choice) -> impl Iterator<Item = &'a ClusterName> {
    choice
        .selected
        .iter()
        .map(|number| core.fleet.index.name(number))
}

fn names(core: &Core, choice: &Choice) -> BTreeSet<ClusterName> {
    let absent = choice.absent.iter();
    selected(core, choice).chain(absent).cloned().collect()
}

#[cfg(test)]
mod tests;
