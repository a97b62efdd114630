//! Who a verified certificate lets in: by equality of serials, with bans and expiry looked at every time.

use capstan_proto::{ClusterName, Moment};

use super::{ATTEMPTS_MAX, Enrolment, Failure};
use crate::ca::{ClusterId, Identity, Serial};
use crate::ledger::records::{Batch, Credential, Registration, Versioned, keys};

/// Where a certificate stands among those of its cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is the one in use.
    Current,
    /// It was given last and is used for the first time.
    Pending,
    /// It is newer than the ledger knows: the ledger was restored.
    Ahead,
    /// It was replaced.
    Retired,
}

/// Why a certificate lets nobody in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Replaced by a newer one.
    #[error(
        "the certificate {serial} of cluster {name} was replaced by a newer one (use that one; if it is lost, make a token with `hub token create {name} --re-enrol`)"
    )]
    Retired {
        /// The cluster.
        name: ClusterName,
        /// The serial shown.
        serial: Serial,
    },
    /// Banned.
    #[error("cluster {name} is banned since {since}: {reason}")]
    Banned {
        /// The cluster.
        name: ClusterName,
        /// Since when.
        since: Moment,
        /// Why.
        reason: String,
    },
    /// Its time is over.
    #[error(
        "the certificate ended at {at} (enrol again with a new token from `hub token create NAME --re-enrol`)"
    )]
    Expired {
        /// When.
        at: Moment,
    },
    /// No such cluster.
    #[error(
        "no cluster with id {id} is enrolled (was it replaced, or the hub's ledger restored? enrol it again)"
    )]
    Unknown {
        /// The id shown.
        id: ClusterId,
    },
}

/// Somebody who is let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// The cluster's name.
    pub name: ClusterName,
    /// Its registration, as it now is.
    pub registration: Registration,
}

/// The answer to a certificate.
pub type Admission = Result<Admitted, Refusal>;

/// What the ledger says about an identity.
pub(super) struct Looked {
    pub(super) name: ClusterName,
    pub(super) registration: Versioned<Registration>,
    pub(super) standing: Standing,
    /// The serial shown.
    pub(super) serial: Serial,
}

impl Enrolment {
    /// Says whether an identity may call; changes nothing. For every call and, on open streams, again and again.
    pub async fn admit(&self, identity: &Identity, now: Moment) -> Result<Admission, Failure> {
        Ok(self.look_up(identity, now).await?.and_then(allowed))
    }

    /// Says whether an identity may open a session; a certificate that is used for the first time becomes the current
    /// one, and the one before is retired.
    pub async fn open_session(
        &self,
        identity: &Identity,
        now: Moment,
    ) -> Result<Admission, Failure> {
        for _ in 0..ATTEMPTS_MAX {
            let looked = match self.look_up(identity, now).await? {
                Ok(looked) => looked,
                Err(refusal) => return Ok(Err(refusal)),
            };
            if matches!(looked.standing, Standing::Current | Standing::Retired) {
                return Ok(allowed(looked));
            }
            let key = keys::registration(&looked.name);
            let batch = Batch::new().unchanged(&key, Some(&looked.registration));
            let registration = promoted(looked.registration.value, identity);
            if self.settle(batch.put(&key, &registration)).await? {
                return Ok(Ok(Admitted {
                    name: looked.name,
                    registration,
                }));
            }
        }
        Err(Failure::Contended {
            of: format!("cluster {}", identity.cluster),
        })
    }

    pub(super) async fn look_up(
        &self,
        identity: &Identity,
        now: Moment,
    ) -> Result<Result<Looked, Refusal>, Failure> {
        if now >= identity.not_after {
            return Ok(Err(Refusal::Expired {
                at: identity.not_after,
            }));
        }
        let unknown = Refusal::Unknown {
            id: identity.cluster,
        };
        if let Some(ban) = self.records.get(&keys::ban(identity.cluster)).await? {
            return Ok(Err(Refusal::Banned {
                name: ban.value.name,
                since: Moment::from_unix_ms(ban.value.since_unix_ms),
                reason: ban.value.reason,
            }));
        }
        let Some(found) = self
            .records
            .get(&keys::identified(identity.cluster))
            .await?
        else {
            return Ok(Err(unknown));
        };
        let name = found.value.name;
        let Some(registration) = self.records.get(&keys::registration(&name)).await? else {
            return Ok(Err(unknown));
        };
        if registration.value.id != identity.cluster {
            return Ok(Err(unknown));
        }
        let standing = standing(&registration.value, identity);
        Ok(Ok(Looked {
            name,
            registration,
            standing,
            serial: identity.serial,
        }))
    }
}

pub(super) fn allowed(looked: Looked) -> Admission {
    match looked.standing {
        Standing::Current | Standing::Pending | Standing::Ahead => Ok(Admitted {
            name: looked.name,
            registration: looked.registration.value,
        }),
        Standing::Retired => Err(Refusal::Retired {
            name: looked.name,
            serial: looked.serial,
        }),
    }
}

pub(super) fn standing(registration: &Registration, identity: &Identity) -> Standing {
    let is = |credential: &Credential| {
        credential.serial == identity.serial && credential.key == identity.key
    };
    if is(&registration.current) {
        Standing::Current
    } else if registration
        .pending
        .as_ref()
        .is_some_and(|pending| is(&pending.credential))
    {
        Standing::Pending
    } else if identity.serial.renewal() > registration.renewals {
        Standing::Ahead
    } else {
        Standing::Retired
    }
}

/// The registration after `identity` became the current one.
pub(super) fn promoted(registration: Registration, identity: &Identity) -> Registration {
    let renewals = registration.renewals.max(identity.serial.renewal());
    let current = Credential {
        serial: identity.serial,
        key: identity.key,
        not_after_unix_ms: identity.not_after.unix_ms(),
    };
    Registration {
        current,
        pending: None,
        renewals,
        ..registration
    }
}
