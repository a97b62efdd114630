//! Telling a moved agent from a copied one.

use capstan_proto::Moment;

use crate::limits;

/// A session that was opened with a cluster's identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// When.
    pub at: Moment,
    /// By which process; random per process.
    pub instance: [u8; 16],
    /// UID of the `kube-system` namespace that it names.
    pub cluster_uid: String,
}

/// Why an identity is quarantined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Quarantine {
    /// Two processes took the session from each other, A-B-A-B.
    TwoInstances,
    /// One identity, two clusters.
    TwoClusters {
        /// The UID on record.
        known: String,
        /// The UID that it names now.
        now: String,
    },
}

/// Whether the sessions opened with one identity, oldest first, betray a copy.
#[must_use]
pub fn quarantine(known_uid: Option<&str>, opened: &[Opened]) -> Option<Quarantine> {
    let newest = opened.last()?;
    if let Some(known) = known_uid
        && known != newest.cluster_uid
    {
        let now = newest.cluster_uid.clone();
        return Some(Quarantine::TwoClusters {
            known: known.to_owned(),
            now,
        });
    }
    let recent = |o: &&Opened| newest.at.since_ms(o.at) <= limits::FLIP_WINDOW_MS;
    let mut turns: Vec<[u8; 16]> = opened.iter().filter(recent).map(|o| o.instance).collect();
    turns.dedup();
    match turns.as_slice() {
        [.., a, b, c, d] if a == c && b == d => Some(Quarantine::TwoInstances),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
