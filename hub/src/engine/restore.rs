//! What a hub knows after a start: the ledger's facts, and what the store still remembers.
//!
//! What the store lost is unknown, never empty.

use std::collections::{BTreeMap, BTreeSet};

use capstan_hub_core::desired::{Approval, RemovalLog, RemovalSet};
use capstan_proto::{ClusterName, Digest, Moment, Revision, SourceName};

use super::cluster::{Cluster, Heard, Member};
use super::memory::{self, Recalled, Remembered, Which};
use super::numbers::{BLOCK, NumberError, Numbers, block_end};
use super::pins;
use super::previous::{self, Previous};
use super::receipt::Receipts;
use crate::ca::ClusterId;
use crate::content::{Content, ContentError};
use crate::ledger::records::{self, Listed, RecordError, Records, Registration, keys};
use crate::store::{Store, StoreError};

/// What is known after a start.
#[derive(Debug)]
pub(crate) struct Restored {
    /// Every enrolled cluster.
    pub(crate) clusters: BTreeMap<ClusterName, Cluster>,
    /// When the hub last lived.
    pub(crate) lived_at: Option<Moment>,
    /// A new block of numbers.
    pub(crate) numbers: Numbers,
    /// Removals that nobody had to approve.
    pub(crate) log: RemovalLog,
    /// Approved removal sets.
    pub(crate) approvals: Vec<Approval>,
    /// What placements selected last, as far as that is on record.
    pub(crate) previous: Previous,
    /// Where pins led first, as far as that is on record.
    pub(crate) pins: pins::First,
}

impl Restored {
    /// The clusters that were given something of each placement, where that is certain.
    pub(crate) fn given(&self) -> Previous {
        let mut given = Previous::new();
        for (name, cluster) in &self.clusters {
            let certain = cluster.given.iter().filter(|given| given.certain);
            for owner in certain.flat_map(|given| given.owners.values()) {
                given.entry(owner.clone()).or_default().insert(name.clone());
            }
        }
        given
    }

    /// The commits that clusters were given.
    pub(crate) fn stamps(&self) -> BTreeMap<SourceName, BTreeSet<Revision>> {
        let mut stamps: BTreeMap<SourceName, BTreeSet<Revision>> = BTreeMap::new();
        let given = self.clusters.values().flat_map(|cluster| &cluster.given);
        for (source, revision) in given.flat_map(|given| &given.stamps) {
            let of_source = stamps.entry(source.clone()).or_default();
            of_source.insert(revision.clone());
        }
        stamps
    }

    /// Every digest that a cluster may still need; `None` where it is not known what one holds.
    pub(crate) fn contents(&self) -> Option<BTreeSet<Digest>> {
        if self.clusters.values().any(|cluster| cluster.forgotten) {
            return None;
        }
        let known = self
            .clusters
            .values()
            .flat_map(|cluster| [&cluster.given, &cluster.held]);
        Some(
            known
                .flatten()
                .flat_map(|known| known.snapshot.contents())
                .collect(),
        )
    }
}

/// Why a hub cannot start on what it finds.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RestoreError {
    /// The ledger fails.
    #[error("cannot read what the ledger says")]
    Ledger(#[from] RecordError),
    /// The ledger lacks what `hub init` writes.
    #[error(
        "the ledger has no {what} (is it another fleet's, or was `hub init` interrupted? begin anew in another directory)"
    )]
    Incomplete {
        /// What is missing.
        what: &'static str,
    },
    /// The store cannot be read.
    #[error("cannot read what the store remembers")]
    Store(#[from] StoreError),
    /// There are no numbers left.
    #[error("cannot number what clusters are given")]
    Numbers(#[from] NumberError),
    /// The list of an approved removal set cannot be read.
    #[error("cannot read the list of an approved removal set")]
    Content(#[from] ContentError),
}

/// Reads everything, and reserves the first numbers.
pub(crate) async fn restore(
    records: &Records,
    store: &Store,
    content: &Content,
) -> Result<Restored, RestoreError> {
    let incarnation = records
        .get(&keys::incarnation())
        .await?
        .ok_or(RestoreError::Incomplete {
            what: "incarnation",
        })?
        .value
        .incarnation;
    let first = records.reserve_generations(BLOCK).await?;
    let mut heard = memory::recall_heard(store)?;
    let lived_at = memory::recall_life(store, &heard)?;
    let (registrations, _) = records.list(&keys::registrations()).await?;
    sweep(store, &registrations, &mut heard)?;
    Ok(Restored {
        lived_at,
        clusters: clusters(records, registrations, (store, &heard)).await?,
        numbers: Numbers::new(incarnation, first, block_end(first)?),
        log: removal_log(records).await?,
        approvals: approvals(records, content).await?,
        previous: previous::recall(store)?,
        pins: pins::recall(store)?,
    })
}

/// The key with which receipts are made.
pub(crate) async fn receipts(records: &Records) -> Result<Receipts, RestoreError> {
    let missing = RestoreError::Incomplete {
        what: "key for receipts",
    };
    let Some(record) = records.get(&keys::receipts()).await? else {
        return Err(missing);
    };
    let key = Digest::parse(&record.value.key).map_err(|_| missing)?;
    Ok(Receipts::new(key.as_bytes()))
}

/// Forgets what is on record under names that are another cluster's now, or nobody's: it was not forgotten in time before
/// the hub stopped.
fn sweep(
    store: &Store,
    registrations: &[Listed<Registration>],
    heard: &mut memory::Heard,
) -> Result<(), StoreError> {
    let ids = registrations.iter();
    let ids: BTreeMap<&str, ClusterId> = ids.map(|it| (it.name.as_str(), it.value.id)).collect();
    let mut names = memory::names(store)?;
    names.extend(heard.seen.keys().chain(heard.states.keys()).cloned());
    for name in names {
        let stale = match ids.get(name.as_str()) {
            Some(id) => is_anothers(store, &name, *id)?,
            None => true,
        };
        if stale {
            heard.seen.remove(&name);
            let states = heard.states.remove(&name).unwrap_or_default();
            memory::forget(store, &name, states.keys())?;
        }
    }
    Ok(())
}

/// Whether a snapshot on record under this name is another cluster's, or of when nobody was enrolled under it.
fn is_anothers(store: &Store, name: &ClusterName, id: ClusterId) -> Result<bool, StoreError> {
    for which in [Which::Given, Which::Held] {
        if let Recalled::Whole(Remembered { of, .. }) = memory::recall(store, which, name)?
            && of != Some(id)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn clusters(
    records: &Records,
    registrations: Vec<Listed<Registration>>,
    (store, heard): (&Store, &memory::Heard),
) -> Result<BTreeMap<ClusterName, Cluster>, RestoreError> {
    let bans = bans(records).await?;
    let (marks, _) = records.list(&keys::all_recovering()).await?;
    let recovering: BTreeMap<String, Digest> = marks
        .into_iter()
        .map(|mark| (mark.name, mark.value.claimed))
        .collect();
    let mut clusters = BTreeMap::new();
    for Listed {
        name,
        value: registration,
        ..
    } in registrations
    {
        let Ok(name) = ClusterName::try_new(name) else {
            return Err(RestoreError::Incomplete {
                what: "usable name of a cluster",
            });
        };
        let mut cluster = Cluster {
            member: Some(Member::new(
                &registration,
                bans.get(&registration.id).cloned(),
            )),
            recovering: recovering.get(name.as_str()).copied(),
            ..Cluster::default()
        };
        match memory::recall(store, Which::Given, &name)? {
            Recalled::Whole(given) => cluster.given = Some(given),
            // An enrolled cluster without a record was given something of which nobody knows what.
            Recalled::Nothing | Recalled::Broken => cluster.forgotten = true,
        }
        let certain = cluster.given.as_ref().is_some_and(|given| given.certain);
        cluster.heard = match certain {
            true => Heard::OnRecord,
            false => Heard::Awaited,
        };
        if let Recalled::Whole(held) = memory::recall(store, Which::Held, &name)? {
            cluster.held = Some(held);
        }
        if let Some(seen) = heard.seen.get(&name) {
            cluster.observed.heard_at = Some(Moment::from_unix_ms(seen.at_unix_ms));
            cluster.observed.agent_version.clone_from(&seen.agent);
        }
        // It may connect since then; whether it is awaited still is decided when the hub begins.
        let enrolled_at = Moment::from_unix_ms(registration.enrolled_unix_ms);
        cluster.observed.admitted_at = Some(enrolled_at);
        cluster.observed.unreported = true;
        let states = heard.states.get(&name).into_iter().flatten();
        let states = states.map(|(_, state)| state.clone()).collect();
        cluster.observed.take(true, states, &[]);
        clusters.insert(name, cluster);
    }
    Ok(clusters)
}

async fn bans(records: &Records) -> Result<BTreeMap<ClusterId, String>, RestoreError> {
    let (bans, _) = records.list(&keys::bans()).await?;
    let id = |ban: Listed<records::Ban>| {
        let id = uuid::Uuid::parse_str(&ban.name).ok().map(ClusterId);
        id.map(|id| (id, ban.value.reason))
            .ok_or(RestoreError::Incomplete { what: "usable ban" })
    };
    bans.into_iter().map(id).collect()
}

async fn removal_log(records: &Records) -> Result<RemovalLog, RestoreError> {
    let (batches, _) = records.list(&keys::removal_log()).await?;
    let entries = batches
        .into_iter()
        .flat_map(|batch| batch.value.entries)
        .collect();
    Ok(RemovalLog { entries })
}

/// Approvals with their sets. One whose list is lost covers nothing, and is asked for again.
async fn approvals(records: &Records, content: &Content) -> Result<Vec<Approval>, RestoreError> {
    let (listed, _) = records.list(&keys::approvals()).await?;
    let mut approvals = Vec::new();
    for Listed {
        name,
        value: approval,
        ..
    } in listed
    {
        let bytes = content.get(approval.content)?;
        let set = match approved_set(bytes.as_deref(), &name) {
            Ok(set) => set,
            Err(why) => {
                tracing::warn!(
                    set = name,
                    why,
                    "an approval is lost; the removal must be approved again"
                );
                continue;
            }
        };
        approvals.push(Approval {
            set,
            approver: approval.approver,
            reason: approval.reason,
            expires_unix_ms: approval.expires_unix_ms,
        });
    }
    Ok(approvals)
}

/// The removal set in a list, or why it is not the one that was approved.
fn approved_set(bytes: Option<&[u8]>, name: &str) -> Result<RemovalSet, String> {
    let bytes = bytes.ok_or("its list is missing or damaged")?;
    let set: RemovalSet =
        serde_json::from_slice(bytes).map_err(|error| format!("its list is none: {error}"))?;
    match set.digest().to_string() == name {
        true => Ok(set),
        false => Err(format!("its list is of set {}", set.digest())),
    }
}

#[cfg(test)]
mod tests;
