//! What changes of a bundle that stays on a cluster besides its objects: who owns it there, the
//! revision it is read at, and, with another owner, its variables.

use std::collections::BTreeSet;

use capstan_proto::{BundleName, ClusterName};
use serde::Serialize;
use serde_json::Value as Json;

use super::Side;
use crate::desired::{Target, Wanted};
use crate::effective::{self, Inputs};
use crate::placement::Placed;
use crate::template::Effective;

/// Something that is called otherwise.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Turn {
    /// What it was; null for a revision: the branch.
    pub from: Option<String>,
    /// What it becomes.
    pub to: Option<String>,
}

/// A variable that has another value. As JSON, a value that is absent has no member.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VariableChange {
    /// Its name.
    pub name: String,
    /// What it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Json>,
    /// What it becomes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<Json>,
}

/// What changes of how a bundle comes to a cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InputChange {
    /// The placement that owns it.
    pub owner: Option<Turn>,
    /// The tag or commit that it is read at.
    pub revision: Option<Turn>,
    /// Variables, where the owner changes.
    pub variables: Vec<VariableChange>,
}

impl InputChange {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.owner.is_none() && self.revision.is_none() && self.variables.is_empty()
    }
}

/// A cluster on one side.
#[derive(Clone, Copy)]
pub(super) struct There<'a> {
    side: Side<'a>,
    cluster: &'a ClusterName,
    target: &'a Target,
}

impl<'a> There<'a> {
    /// A cluster, where something is known to be given to it.
    pub(super) fn of(side: Side<'a>, cluster: &'a ClusterName) -> Option<Self> {
        let target = side
            .desired
            .clusters
            .get(cluster)
            .and_then(Wanted::target)?;
        Some(Self {
            side,
            cluster,
            target,
        })
    }

    /// Bundles that it has and that stay as they are.
    fn has(self, bundle: &BundleName) -> bool {
        self.target.snapshot.bundles().contains_key(bundle)
            && !self.target.kept.contains_key(bundle)
    }

    fn placed(self, bundle: &BundleName) -> Option<&'a Placed> {
        let decision = self.side.decisions.clusters.get(self.cluster)?;
        decision.bundles.get(bundle).map(|placed| &**placed)
    }

    fn variables(self, bundle: &BundleName, placed: &Placed) -> Effective {
        let pair = (self.cluster, bundle);
        let spec = self.side.decisions.spec();
        effective::variables(spec, pair, &placed.placement, &placed.inputs)
    }
}

/// What changes of every bundle that is on both sides.
pub(super) fn changes<'a>(
    before: There<'a>,
    after: There<'a>,
) -> impl Iterator<Item = (&'a BundleName, InputChange)> {
    let both = after.target.snapshot.bundles().keys();
    let both = both.filter(move |bundle| before.has(bundle) && after.has(bundle));
    both.filter_map(move |bundle| {
        let (old, new) = (before.placed(bundle)?, after.placed(bundle)?);
        let mut change = between(old, new);
        if change.owner.is_some() {
            let old = before.variables(bundle, old);
            change.variables = variables(&old, &after.variables(bundle, new));
        }
        (!change.is_nothing()).then_some((bundle, change))
    })
}

fn between(old: &Placed, new: &Placed) -> InputChange {
    let owner = (old.placement != new.placement).then(|| Turn {
        from: Some(old.placement.name().to_owned()),
        to: Some(new.placement.name().to_owned()),
    });
    let revision = |inputs: &Inputs| inputs.pin.as_ref().map(|pin| pin.text.clone());
    let (from, to) = (revision(&old.inputs), revision(&new.inputs));
    InputChange {
        variables: Vec::new(),
        owner,
        revision: (from != to).then_some(Turn { from, to }),
    }
}

fn variables(old: &Effective, new: &Effective) -> Vec<VariableChange> {
    let value = |variables: &Effective, name: &str| {
        let value = variables.get(name)?;
        Some(value.as_ref().ok()?.to_value())
    };
    let names = old.keys().chain(new.keys());
    let names: BTreeSet<&String> = names.collect();
    let change = |name: &String| {
        let (old, new) = (value(old, name), value(new, name));
        (old != new).then(|| VariableChange {
            name: name.clone(),
            old,
            new,
        })
    };
    names.into_iter().filter_map(change).collect()
}
