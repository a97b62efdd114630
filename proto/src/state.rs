//! What a spoke says of a bundle on its cluster: the words of a report, not the judging.

use crate::digest::{Digest, Hasher};
use crate::drift::Drift;
use crate::health::{Health, Sync};
use crate::ids::{BundleName, Triple};
use crate::moment::Moment;
use crate::object::ObjectKey;

/// One object that is not both Synced and Healthy, or of which something is to be said all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectState {
    /// Which object.
    pub object: ObjectKey,
    /// Whether it says what is declared.
    pub sync: Sync,
    /// Whether it works.
    pub health: Health,
    /// One CamelCase word, such as `ProgressDeadlineExceeded`; empty when there is none.
    pub reason: String,
    /// One sentence for a person; empty when there is none.
    pub message: String,
}

/// One bundle on one cluster, as its spoke sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleState {
    /// Which bundle.
    pub bundle: BundleName,
    /// The snapshot that the state was judged against.
    pub snapshot: Triple,
    /// The worst sync of its objects.
    pub sync: Sync,
    /// The worst health of its objects.
    pub health: Health,
    /// One CamelCase word; empty when all is well.
    pub reason: String,
    /// One sentence for a person; empty when all is well.
    pub message: String,
    /// How many objects the snapshot names.
    pub objects: u32,
    /// How many of them are Synced.
    pub objects_synced: u32,
    /// How many of them are Healthy.
    pub objects_healthy: u32,
    /// Objects that need a look, worst first, at most `limits::ATTENTION_MAX`.
    pub attention: Vec<ObjectState>,
    /// Latest drift of each object, newest first, at most `limits::ATTENTION_MAX`.
    pub drifts: Vec<Drift>,
    /// When this was judged.
    pub judged_at: Moment,
}

impl BundleState {
    /// Whether the two say the same, whenever they were judged: only then is nothing sent.
    #[must_use]
    pub fn says_the_same(&self, other: &Self) -> bool {
        self.clone_at(Moment::default()) == other.clone_at(Moment::default())
    }

    fn clone_at(&self, moment: Moment) -> Self {
        Self {
            judged_at: moment,
            ..self.clone()
        }
    }
}

/// The digest by which hub and spoke agree that the hub has every state of a spoke.
///
/// SHA-256 over the sorted states as length-prefixed fields, each the encoded wire message with
/// `judged_at_ms` zeroed; see [`Hasher`].
#[must_use]
pub fn states_digest<'a>(states: impl IntoIterator<Item = &'a BundleState>) -> Digest {
    let mut sorted: Vec<_> = states.into_iter().collect();
    sorted.sort_unstable_by(|a, b| a.bundle.cmp(&b.bundle));
    let mut hasher = Hasher::new();
    for state in sorted {
        let message = crate::convert::state::to_wire(&state.clone_at(Moment::default()));
        hasher.field(&prost::Message::encode_to_vec(&message));
    }
    hasher.finish()
}
