//! What spokes say is wrong: the same on many clusters is said once.
//!
//! Only what can be heard now counts. What a silent cluster said last is shown with the cluster, as
//! unknown; and what is wrong with files is a problem of its own.

use std::collections::BTreeMap;
use std::fmt;

use capstan_proto::state::BundleState;
use capstan_proto::{BundleName, ClusterName, Health, Moment, ObjectKey, Sync};

use super::{Fleet, Observed};
use crate::limits;
use crate::problem::{Code, Problem, Severity, by_place};
use crate::session::Connection;

/// What is wrong with a bundle or one of its objects, in one word. Ordered by how bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wrong {
    /// It cannot be made what is declared.
    Failed,
    /// Somebody else has it, or keeps writing it.
    Conflict,
    /// The agent is too old for it.
    UpgradeNeeded,
    /// It is as declared, and does not work.
    Degraded,
    /// It is not there.
    Missing,
    /// It waits for a person.
    Held,
    /// It waits for an approval.
    WaitingForApproval,
    /// It waits until fewer others are at work.
    BlockedByBudget,
}

impl Wrong {
    /// What these two words of a spoke say is wrong; `None` where nothing is, or nothing yet.
    #[must_use]
    pub const fn of(sync: Sync, health: Health) -> Option<Self> {
        match (sync, health) {
            (Sync::Failed, _) => Some(Self::Failed),
            (Sync::Conflict, _) => Some(Self::Conflict),
            (Sync::UpgradeNeeded, _) => Some(Self::UpgradeNeeded),
            (_, Health::Degraded) => Some(Self::Degraded),
            (Sync::Held, _) => Some(Self::Held),
            (Sync::WaitingForApproval, _) => Some(Self::WaitingForApproval),
            (Sync::BlockedByBudget, _) => Some(Self::BlockedByBudget),
            (Sync::Synced | Sync::Drifted, Health::Missing) => Some(Self::Missing),
            _ => None,
        }
    }

    /// A wait is never an error.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self {
            Self::Held | Self::WaitingForApproval | Self::BlockedByBudget => Severity::Warning,
            _ => Severity::Error,
        }
    }

    /// The one word, as people and files write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "Failed",
            Self::Conflict => "Conflict",
            Self::UpgradeNeeded => "UpgradeNeeded",
            Self::Degraded => "Degraded",
            Self::Missing => "Missing",
            Self::Held => "Held",
            Self::WaitingForApproval => "WaitingForApproval",
            Self::BlockedByBudget => "BlockedByBudget",
        }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What is the same on all clusters that a trouble is on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct What {
    /// The word.
    pub wrong: Wrong,
    /// Of which bundle.
    pub bundle: BundleName,
    /// Of which object; `None` for the bundle as a whole.
    pub object: Option<ObjectKey>,
    /// The spoke's word for the cause; may be empty.
    pub reason: String,
}

/// What one spoke says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Its sentence; may be empty.
    pub message: String,
    /// Since when it says so, as far as this hub heard.
    pub since: Moment,
}

/// One thing that is wrong, on every cluster where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What.
    pub what: What,
    /// Where, and in which words. Never empty.
    pub on: BTreeMap<ClusterName, Said>,
}

impl Trouble {
    /// Since when it is so anywhere.
    #[must_use]
    pub fn since(&self) -> Option<Moment> {
        self.on.values().map(|said| said.since).min()
    }

    /// `reason: sentence`. Where clusters put it in different words, one of them speaks for all.
    #[must_use]
    pub fn sentence(&self) -> String {
        let mut messages = self.on.values().map(|said| said.message.as_str());
        let first = messages.next().unwrap_or_default();
        let mut sentence = match (self.what.reason.as_str(), first) {
            ("", message) => message.to_owned(),
            (reason, "") => reason.to_owned(),
            (reason, message) => format!("{reason}: {message}"),
        };
        if messages.any(|message| message != first)
            && let Some(cluster) = self.on.keys().next()
        {
            sentence.push_str(&format!(
                " (so says {cluster}; the others put it in other words)"
            ));
        }
        sentence
    }

    /// The same, on one cluster alone.
    #[must_use]
    pub fn only_on(&self, cluster: &ClusterName) -> Option<Self> {
        let (name, said) = self.on.get_key_value(cluster)?;
        Some(Self {
            what: self.what.clone(),
            on: BTreeMap::from([(name.clone(), said.clone())]),
        })
    }
}

/// What is wrong with each bundle of one cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Troubles(BTreeMap<BundleName, BTreeMap<What, Said>>);

impl Troubles {
    /// Takes a report of a bundle in. What was wrong before keeps its beginning.
    pub fn note(&mut self, state: &BundleState) {
        let before = self.0.remove(&state.bundle).unwrap_or_default();
        let now: BTreeMap<What, Said> = found(state)
            .into_iter()
            .map(|(what, message)| {
                let since = before.get(&what).map_or(state.judged_at, |said| said.since);
                (what, Said { message, since })
            })
            .collect();
        if !now.is_empty() {
            self.0.insert(state.bundle.clone(), now);
        }
    }

    /// Forgets bundles that the cluster has nothing to say of any more.
    pub fn retain(&mut self, keep: impl Fn(&BundleName) -> bool) {
        self.0.retain(|bundle, _| keep(bundle));
    }
}

/// What a state says is wrong: object by object, or as a whole where no object accounts for it.
fn found(state: &BundleState) -> Vec<(What, String)> {
    let what = |wrong, object: Option<&ObjectKey>, reason: &str| What {
        wrong,
        bundle: state.bundle.clone(),
        object: object.cloned(),
        reason: reason.to_owned(),
    };
    let mut found: Vec<(What, String)> = state
        .attention
        .iter()
        .filter_map(|object| {
            let wrong = Wrong::of(object.sync, object.health)?;
            let what = what(wrong, Some(&object.object), &object.reason);
            Some((what, object.message.clone()))
        })
        .collect();
    let whole = Wrong::of(state.sync, state.health);
    if let Some(wrong) = whole
        && found.iter().all(|(what, _)| what.wrong > wrong)
    {
        found.push((what(wrong, None, &state.reason), state.message.clone()));
    }
    found
}

/// What is wrong in a fleet, as far as it is listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The worst first.
    pub troubles: Vec<Trouble>,
    /// How much of which clusters is left out, in one line; `None` where nothing is.
    pub more: Option<Problem>,
}

/// What is wrong in a fleet. Of each cluster the worst is listed, up to
/// [`limits::CLUSTER_TROUBLES_MAX`]: one that lies must not hide what the others say.
#[must_use]
pub fn troubles(fleet: &Fleet, observed: &BTreeMap<ClusterName, Observed>) -> Told {
    let mut all: BTreeMap<&What, BTreeMap<ClusterName, Said>> = BTreeMap::new();
    let mut left_out: BTreeMap<&ClusterName, usize> = BTreeMap::new();
    for (name, seen) in observed {
        if seen.unreported || seen.troubles.0.is_empty() {
            continue;
        }
        let Some(summary) = fleet.clusters.get(name) else {
            continue;
        };
        if !matches!(
            summary.connection,
            Connection::Connected | Connection::Stale
        ) {
            continue;
        }
        let shown = |bundle: &BundleName| summary.bundles.contains_key(bundle);
        let theirs = seen.troubles.0.iter().filter(|(bundle, _)| shown(bundle));
        let mut theirs: Vec<(&What, &Said)> = theirs.flat_map(|(_, said)| said).collect();
        if theirs.len() > limits::CLUSTER_TROUBLES_MAX {
            left_out.insert(name, theirs.len() - limits::CLUSTER_TROUBLES_MAX);
            theirs.select_nth_unstable_by_key(limits::CLUSTER_TROUBLES_MAX, |(what, _)| *what);
            theirs.truncate(limits::CLUSTER_TROUBLES_MAX);
        }
        for (what, said) in theirs {
            let on = all.entry(what).or_default();
            on.insert(name.clone(), said.clone());
        }
    }
    let trouble = |(what, on): (&What, _)| Trouble {
        what: what.clone(),
        on,
    };
    Told {
        troubles: all.into_iter().map(trouble).collect(),
        more: more(&left_out),
    }
}

fn more(left_out: &BTreeMap<&ClusterName, usize>) -> Option<Problem> {
    let count: usize = left_out.values().sum();
    let message = format!(
        "{count} more things are wrong than the {} that are listed of a cluster",
        limits::CLUSTER_TROUBLES_MAX
    );
    let of_cluster = |name: &&ClusterName| {
        Problem::of_cluster(name, Code::MoreTroubles, message.clone())
            .hint("`hub get cluster NAME` shows all that one says")
    };
    by_place(left_out.keys().map(of_cluster)).pop_first()
}

#[cfg(test)]
mod tests;
