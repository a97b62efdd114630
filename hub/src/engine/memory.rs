//! What each cluster was last given and what it holds, as the store keeps it over a restart.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::convert::state::{from_wire, to_wire};
use capstan_proto::policy::Mode;
use capstan_proto::state::BundleState;
use capstan_proto::{
    BundleName, ClusterName, Digest, Entry, Moment, ObjectKey, PlacementName, Revision, Snapshot,
    SourceName, Triple,
};
use prost::Message as _;
use serde::{Deserialize, Serialize};

use crate::ca::ClusterId;
use crate::store::{Store, StoreError, Table, VALUE_BYTES_MAX};

/// Which of a cluster's two snapshots a table is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// The one it was last given.
    Given,
    /// The one it last accepted.
    Held,
}

/// A snapshot with everything that is remembered of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remembered {
    /// Whose it is, whatever name that cluster had or gets; `None`: nobody was enrolled under the name.
    pub(crate) of: Option<ClusterId>,
    /// Number and digest.
    pub(crate) triple: Triple,
    /// The entries.
    pub(crate) snapshot: Arc<Snapshot>,
    /// The placement that owned each bundle.
    pub(crate) owners: BTreeMap<BundleName, PlacementName>,
    /// The commits that it was resolved from.
    pub(crate) stamps: BTreeMap<SourceName, Revision>,
    /// Whether it is certain that the cluster was given nothing else before.
    pub(crate) certain: bool,
}

/// A table's note.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    of: Option<ClusterId>,
    triple: Triple,
    #[serde(default, skip_serializing_if = "is_enforced")]
    mode: Mode,
    stamps: BTreeMap<SourceName, Revision>,
    certain: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_enforced(mode: &Mode) -> bool {
    *mode == Mode::Enforce
}

/// A table's member: a bundle (`b/<name>`) or an object (`o/<JSON of its key>`).
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Member {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bundle: Option<BundleName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    placement: Option<PlacementName>,
    digest: Digest,
}

const BUNDLE: &str = "b/";
const OBJECT: &str = "o/";

const GIVEN: &str = "given/";
const HELD: &str = "held/";

fn table_name(which: Which, cluster: &ClusterName) -> String {
    match which {
        Which::Given => format!("{GIVEN}{cluster}"),
        Which::Held => format!("{HELD}{cluster}"),
    }
}

/// Remembers a snapshot, soon.
pub(crate) fn remember(
    store: &Store,
    which: Which,
    cluster: &ClusterName,
    remembered: &Remembered,
) -> Result<(), StoreError> {
    let Remembered {
        of,
        triple,
        snapshot,
        owners,
        stamps,
        certain,
    } = remembered;
    let mut members = BTreeMap::new();
    for (bundle, policy) in snapshot.bundles() {
        let placement = owners.get(bundle).cloned();
        let member = Member {
            bundle: None,
            placement,
            digest: *policy,
        };
        members.insert(format!("{BUNDLE}{bundle}"), json(&member));
    }
    for (key, entry) in snapshot.objects() {
        let Entry { bundle, digest } = entry.clone();
        let member = Member {
            bundle: Some(bundle),
            placement: None,
            digest,
        };
        let name = String::from_utf8(json(key)).expect("JSON is UTF-8");
        members.insert(format!("{OBJECT}{name}"), json(&member));
    }
    let note = Note {
        of: *of,
        triple: *triple,
        mode: snapshot.mode(),
        stamps: stamps.clone(),
        certain: *certain,
    };
    let generation = triple.number.generation.0;
    let table = Table {
        generation,
        note: json(&note),
        members,
    };
    store.set_table(&table_name(which, cluster), table)
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("names and digests have only text keys")
}

/// Forgets everything on record under a name, soon, with the states of these bundles. The snapshots go last: they say whose
/// the rest is.
pub(crate) fn forget<'a>(
    store: &Store,
    cluster: &ClusterName,
    bundles: impl IntoIterator<Item = &'a BundleName>,
) -> Result<(), StoreError> {
    for bundle in bundles {
        remember_state(store, cluster, bundle, None)?;
    }
    store.set_row(SEEN, cluster.as_str(), None)?;
    for which in [Which::Held, Which::Given] {
        store.remove_table(&table_name(which, cluster))?;
    }
    Ok(())
}

/// The names under which a snapshot is on record.
pub(crate) fn names(store: &Store) -> Result<BTreeSet<ClusterName>, StoreError> {
    let mut names = BTreeSet::new();
    for prefix in [GIVEN, HELD] {
        for table in store.tables(prefix)? {
            let name = table.strip_prefix(prefix).map(ClusterName::try_new);
            names.extend(name.and_then(Result::ok));
        }
    }
    Ok(names)
}

/// What the store remembers of one cluster's snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Recalled {
    /// It was never remembered, or forgotten with the whole store.
    Nothing,
    /// It is there and not whole, so it is not known.
    Broken,
    /// This.
    Whole(Remembered),
}

/// Recalls a snapshot.
pub(crate) fn recall(
    store: &Store,
    which: Which,
    cluster: &ClusterName,
) -> Result<Recalled, StoreError> {
    match store.table(&table_name(which, cluster)) {
        Ok(None) => Ok(Recalled::Nothing),
        Ok(Some(table)) => Ok(read(&table).map_or(Recalled::Broken, Recalled::Whole)),
        Err(StoreError::Broken { .. }) => Ok(Recalled::Broken),
        Err(error) => Err(error),
    }
}

/// A table that says anything else than what `remember` writes counts as damaged.
fn read(table: &Table) -> Option<Remembered> {
    let Note {
        of,
        triple,
        mode,
        stamps,
        certain,
    } = serde_json::from_slice(&table.note).ok()?;
    let (mut bundles, mut objects) = (BTreeMap::new(), BTreeMap::new());
    let mut owners = BTreeMap::new();
    for (name, value) in &table.members {
        let member: Member = serde_json::from_slice(value).ok()?;
        if let Some(bundle) = name.strip_prefix(BUNDLE) {
            let bundle = BundleName::parse(bundle).ok()?;
            if let Some(placement) = member.placement {
                owners.insert(bundle.clone(), placement);
            }
            bundles.insert(bundle, member.digest);
        } else {
            let key: ObjectKey = serde_json::from_str(name.strip_prefix(OBJECT)?).ok()?;
            objects.insert(
                key,
                Entry {
                    bundle: member.bundle?,
                    digest: member.digest,
                },
            );
        }
    }
    let snapshot = Snapshot::try_new(bundles, objects).ok()?;
    let snapshot = Arc::new(snapshot.with_mode(mode));
    let whole = snapshot.digest() == triple.digest;
    whole.then_some(Remembered {
        of,
        triple,
        snapshot,
        owners,
        stamps,
        certain,
    })
}

/// Kind of the rows that say when a cluster was last heard.
const SEEN: &str = "seen";

/// Kind of the rows that hold bundle states; a row's name is `<cluster>/<bundle>`.
const STATES: &str = "states";

/// When a cluster was last heard, and by which agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Seen {
    /// When, in milliseconds since 1970.
    pub(crate) at_unix_ms: i64,
    /// The agent's version.
    pub(crate) agent: String,
}

/// Remembers when a cluster was heard.
pub(crate) fn remember_seen(
    store: &Store,
    cluster: &ClusterName,
    seen: &Seen,
) -> Result<(), StoreError> {
    store.set_row(SEEN, cluster.as_str(), Some(json(seen)))
}

/// Kind of the one row that says when the hub itself last lived; it has the form of the clusters' rows.
const LIFE: &str = "life";

/// Remembers that the hub lives.
pub(crate) fn remember_life(store: &Store, at: Moment) -> Result<(), StoreError> {
    let seen = Seen {
        at_unix_ms: at.unix_ms(),
        agent: env!("CARGO_PKG_VERSION").to_owned(),
    };
    store.set_row(LIFE, "hub", Some(json(&seen)))
}

/// When the hub last lived, as far as anything says: it wrote that down, or heard a cluster.
pub(crate) fn recall_life(store: &Store, heard: &Heard) -> Result<Option<Moment>, StoreError> {
    let rows = store.rows(LIFE)?.rows.into_values();
    let lived = rows.filter_map(|value| serde_json::from_slice::<Seen>(&value).ok());
    let all = lived.chain(heard.seen.values().cloned());
    Ok(all.map(|seen| Moment::from_unix_ms(seen.at_unix_ms)).max())
}

/// Remembers a bundle's state, or that it is gone. One too large for a row is left out; the spoke reports it again.
pub(crate) fn remember_state(
    store: &Store,
    cluster: &ClusterName,
    bundle: &BundleName,
    state: Option<&BundleState>,
) -> Result<(), StoreError> {
    let bytes = state.map(|state| to_wire(state).encode_to_vec());
    let bytes = bytes.filter(|bytes| bytes.len() <= VALUE_BYTES_MAX);
    store.set_row(STATES, &format!("{cluster}/{bundle}"), bytes)
}

/// What was last heard of clusters. What does not verify is not known.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Heard {
    /// When.
    pub(crate) seen: BTreeMap<ClusterName, Seen>,
    /// What.
    pub(crate) states: BTreeMap<ClusterName, BTreeMap<BundleName, BundleState>>,
}

/// Recalls what was last heard.
pub(crate) fn recall_heard(store: &Store) -> Result<Heard, StoreError> {
    let mut heard = Heard::default();
    let mut unreadable = 0_u32;
    for (name, value) in store.rows(SEEN)?.rows {
        let parsed = (ClusterName::try_new(name), serde_json::from_slice(&value));
        if let (Ok(cluster), Ok(seen)) = parsed {
            heard.seen.insert(cluster, seen);
        } else {
            unreadable += 1;
        }
    }
    for (name, value) in store.rows(STATES)?.rows {
        let cluster = name
            .split_once('/')
            .and_then(|(name, _)| ClusterName::try_new(name).ok());
        let state = capstan_proto::wire::BundleState::decode(value.as_slice())
            .ok()
            .and_then(|state| from_wire(&state).ok());
        if let (Some(cluster), Some(state)) = (cluster, state) {
            heard
                .states
                .entry(cluster)
                .or_default()
                .insert(state.bundle.clone(), state);
        } else {
            unreadable += 1;
        }
    }
    if unreadable > 0 {
        tracing::warn!(
            rows = unreadable,
            "what was last heard of some clusters cannot be read; they are asked again when they connect"
        );
    }
    Ok(heard)
}

#[cfg(test)]
mod tests;
