//! One bundle on one cluster: which word it earns, and in which sentence.
//!
//! The first thing that applies gives the word. What cannot be heard is Unknown, whatever it said
//! last; what was judged against an older snapshot is on its way, not Synced.

use std::collections::{BTreeMap, BTreeSet};

use capstan_proto::state::BundleState;
use capstan_proto::{BundleName, ClusterName, Health, Sync};

use super::{BundleOnCluster, Flag, Objects, Observed, Reason};
use crate::desired::{Kept, Target};
use crate::effective::Unknown;
use crate::placement::Placed;
use crate::session::Connection;

/// Everything that is known of one bundle on one cluster.
pub(super) struct Case<'a> {
    pub(super) cluster: &'a ClusterName,
    pub(super) bundle: &'a BundleName,
    pub(super) connection: Connection,
    pub(super) observed: &'a Observed,
    pub(super) target: Option<&'a Target>,
    pub(super) placed: Option<&'a Placed>,
    /// How many objects each bundle of the target has.
    pub(super) declared: &'a BTreeMap<&'a BundleName, usize>,
}

/// The reason for which a bundle is not as somebody asked for, where what is there stays.
fn failure(kept: &Kept) -> Option<Reason> {
    match kept {
        Kept::NotDeclared { .. } => Some(Reason::NotDeclared),
        Kept::NotRendered { .. } => Some(Reason::NotRendered),
        // Of an override that hangs on a fact, the cluster itself will tell.
        Kept::NotKnown {
            what: Unknown::Override { .. },
        } => None,
        Kept::NotKnown { .. } => Some(Reason::RevisionUnknown),
        Kept::Suspended { .. }
        | Kept::NamesUnknown { .. }
        | Kept::ReachesTooFar { .. }
        | Kept::Waits { .. }
        | Kept::SourceUnknown { .. }
        | Kept::Released
        | Kept::Held { .. } => None,
    }
}

/// A word with its reason and sentence.
struct Verdict {
    sync: Sync,
    reason: Reason,
    message: String,
}

impl Case<'_> {
    pub(super) fn judge(&self) -> BundleOnCluster {
        let state = self.observed.states.get(self.bundle);
        let heard = matches!(self.connection, Connection::Connected | Connection::Stale);
        let health = if heard && !self.observed.unreported {
            state.map_or(Health::Unknown, |s| s.health)
        } else {
            Health::Unknown
        };
        let verdict = self.verdict(state);
        let (sync, reason, message) = match (verdict, state) {
            (Some(verdict), _) => (verdict.sync, verdict.reason.to_string(), verdict.message),
            (None, Some(state)) => (state.sync, state.reason.clone(), state.message.clone()),
            (None, None) => (Sync::Unknown, String::new(), String::new()),
        };
        BundleOnCluster {
            placement: self.owner(),
            sync,
            health,
            reason,
            message,
            flags: self.flags(state.is_some()),
            objects: self.objects(state),
            snapshot: state.map(|state| state.snapshot),
            revision: state.and_then(|state| self.revision(state)),
            seen_at: state.map(|state| state.judged_at),
        }
    }

    /// What the hub knows better than the spoke; `None` lets the spoke's own word stand.
    fn verdict(&self, state: Option<&BundleState>) -> Option<Verdict> {
        let kept = self.kept();
        if let Some(Kept::Held { set }) = kept {
            return Some(Verdict {
                sync: Sync::Held,
                reason: Reason::RemovalHeld,
                message: format!(
                    "its removal waits: `hub approve {} --reason \"...\"`",
                    set.short()
                ),
            });
        }
        if let Some(verdict) = self.unheard(state) {
            return Some(verdict);
        }
        let Some(target) = self.target else {
            let message = "the hub has no opinion on this cluster".to_owned();
            return Some(Verdict {
                sync: Sync::Unknown,
                reason: Reason::NoOpinion,
                message,
            });
        };
        let failed = kept.and_then(|kept| Some((kept, failure(kept)?)));
        if let Some((kept, reason)) = failed {
            let there = target.snapshot.bundles().contains_key(self.bundle);
            let stays = if there {
                "what is there stays"
            } else {
                "nothing of it is there"
            };
            let message = format!("{stays}: {kept}");
            return Some(Verdict {
                sync: Sync::Failed,
                reason,
                message,
            });
        }
        if !target.snapshot.bundles().contains_key(self.bundle) {
            let message = kept.map_or_else(String::new, ToString::to_string);
            return Some(Verdict {
                sync: Sync::Unknown,
                reason: Reason::NotDelivered,
                message,
            });
        }
        self.delivery(target, state)
            .or_else(|| self.unreported(state))
            .or_else(|| self.conflict(target, state))
    }

    /// What cannot be heard is not known.
    fn unheard(&self, state: Option<&BundleState>) -> Option<Verdict> {
        let word = Reason::Connection(self.connection);
        let cluster = self.cluster;
        let what = match self.connection {
            Connection::Connected | Connection::Stale => return None,
            Connection::NeverSeen => {
                let message = format!("it never enrolled: `hub token create {cluster}`");
                return Some(Verdict {
                    sync: Sync::Unknown,
                    reason: word,
                    message,
                });
            }
            Connection::Connecting => "it has not connected yet",
            Connection::Offline => "it is not heard",
            Connection::NeedsToken => "it needs a new token",
            Connection::Quarantined => "two agents have its identity",
            Connection::Banned => "it is banned",
        };
        let what = self.observed.because(what);
        let message = match state {
            Some(state) => {
                format!(
                    "{what}; {} and {} at {}",
                    state.sync, state.health, state.judged_at
                )
            }
            None => format!("{what}, and never reported this bundle"),
        };
        Some(Verdict {
            sync: Sync::Unknown,
            reason: word,
            message,
        })
    }

    /// What is not delivered yet cannot be Synced.
    fn delivery(&self, target: &Target, state: Option<&BundleState>) -> Option<Verdict> {
        if state.is_some_and(|state| state.snapshot.digest == target.digest) {
            return None;
        }
        let session = &self.observed.session;
        if !session.upgrade_needed.is_empty() {
            let features: Vec<&str> = session.upgrade_needed.iter().map(String::as_str).collect();
            let message = format!(
                "its agent does not know {}; upgrade it",
                features.join(", ")
            );
            return Some(Verdict {
                sync: Sync::UpgradeNeeded,
                reason: Reason::UpgradeNeeded,
                message,
            });
        }
        if let Some((snapshot, why)) = &session.refused
            && snapshot.digest == target.digest
        {
            let message = format!("the agent refused snapshot {}: {why}", snapshot.number);
            return Some(Verdict {
                sync: Sync::Failed,
                reason: Reason::Refused,
                message,
            });
        }
        let delivered = session
            .held
            .is_some_and(|held| held.digest == target.digest);
        let message = match (delivered, session.unknown_claim) {
            (true, _) => "the agent applies it and has not reported yet".to_owned(),
            (false, None) if session.offer_withheld.is_some() => {
                session.offer_withheld.clone().unwrap_or_default()
            }
            (false, Some(claim)) => format!(
                "the agent claims snapshot {}, which this hub never gave it",
                claim.number
            ),
            (false, None) => "the snapshot is on its way".to_owned(),
        };
        Some(Verdict {
            sync: Sync::Applying,
            reason: Reason::Delivering,
            message,
        })
    }

    /// What was said in an earlier session may have changed since.
    fn unreported(&self, state: Option<&BundleState>) -> Option<Verdict> {
        let state = state.filter(|_| self.observed.unreported)?;
        let message = format!(
            "nothing was reported in this session yet; {} and {} at {}",
            state.sync, state.health, state.judged_at
        );
        Some(Verdict {
            sync: Sync::Unknown,
            reason: Reason::NotReported,
            message,
        })
    }

    /// A bundle that does not get one of its objects is not Synced.
    fn conflict(&self, target: &Target, state: Option<&BundleState>) -> Option<Verdict> {
        let conflict = target
            .conflicts
            .iter()
            .find(|conflict| conflict.loser == *self.bundle)?;
        if state.is_some_and(|state| state.sync.severity() > Sync::Conflict.severity()) {
            return None;
        }
        let message = format!(
            "{} belongs to bundle {}",
            conflict.object,
            conflict.holder.name()
        );
        Some(Verdict {
            sync: Sync::Conflict,
            reason: Reason::ObjectConflict,
            message,
        })
    }

    fn kept(&self) -> Option<&Kept> {
        self.target.and_then(|target| target.kept.get(self.bundle))
    }

    fn owner(&self) -> Option<capstan_proto::PlacementName> {
        let placed = self.placed.map(|placed| &placed.placement);
        placed
            .or_else(|| self.target?.owners.get(self.bundle))
            .cloned()
    }

    fn flags(&self, reported: bool) -> BTreeSet<Flag> {
        let mut flags = BTreeSet::new();
        let mut set = |flag, holds: bool| {
            if holds {
                flags.insert(flag);
            }
        };
        let suspended = matches!(self.kept(), Some(Kept::Suspended { .. }));
        set(Flag::Suspended, suspended);
        // What waits for a fact is as good as it was: nothing is broken.
        let waits = matches!(
            self.kept(),
            Some(
                Kept::Waits { .. }
                    | Kept::NotKnown {
                        what: Unknown::Override { .. },
                    }
            )
        );
        set(Flag::Kept, self.kept().is_some() && !suspended && !waits);
        set(
            Flag::Shadowed,
            self.placed
                .is_some_and(|placed| !placed.shadowed.is_empty()),
        );
        set(Flag::Recovering, self.observed.session.recovering);
        set(
            Flag::Stale,
            reported && self.connection != Connection::Connected,
        );
        flags
    }

    fn objects(&self, state: Option<&BundleState>) -> Objects {
        let number = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
        if let Some(state) = state {
            return Objects {
                all: number(state.objects),
                synced: number(state.objects_synced),
                healthy: number(state.objects_healthy),
            };
        }
        let all = self.declared.get(self.bundle).copied().unwrap_or_default();
        Objects {
            all,
            ..Objects::default()
        }
    }

    /// The commit that the judged snapshot was made from, where the hub can tell.
    fn revision(&self, state: &BundleState) -> Option<capstan_proto::Revision> {
        let held = self.observed.session.held;
        let stamps = if held.is_some_and(|held| held.digest == state.snapshot.digest) {
            &self.observed.held_stamps
        } else {
            let target = self
                .target
                .filter(|target| target.digest == state.snapshot.digest)?;
            &target.stamps
        };
        stamps.get(self.bundle.source()).cloned()
    }
}
