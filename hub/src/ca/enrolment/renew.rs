//! A new certificate for an identity that shows a valid one. It counts once it is used; until then the old one does.

use capstan_proto::Moment;

use super::admit::{Standing, allowed, promoted};
use super::{ATTEMPTS_MAX, Enrolment, Entropy, Failure, Refusal, credential_of, reissued, to_text};
use crate::ca::{Identity, Issued, PublicKey, Serial};
use crate::ledger::records::{Batch, Pending, Registration, keys};

/// Why no new certificate is given.
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    /// The certificate shown lets nobody in.
    #[error("the certificate shown does not permit a renewal")]
    Refused(#[source] Refusal),
    /// The key asked for is in use already.
    #[error("a renewal needs a new key, and this one belongs to the certificate in use")]
    SameKey,
    /// The bookkeeping failed.
    #[error("the renewal could not be recorded")]
    Failed(#[from] Failure),
}

impl Enrolment {
    /// Gives the next certificate of an identity, for a new key. The same key gets the same certificate again.
    pub async fn renew(
        &self,
        identity: &Identity,
        key: &PublicKey,
        entropy: Entropy,
        now: Moment,
    ) -> Result<Issued, RenewError> {
        if key.hash() == identity.key {
            return Err(RenewError::SameKey);
        }
        for _ in 0..ATTEMPTS_MAX {
            let looked = self
                .look_up(identity, now)
                .await?
                .map_err(RenewError::Refused)?;
            let name = looked.name.clone();
            let read = looked.registration.clone();
            let registration = match looked.standing {
                Standing::Current => read.value.clone(),
                Standing::Pending | Standing::Ahead => promoted(read.value.clone(), identity),
                Standing::Retired => {
                    let refusal = allowed(looked).err();
                    let unknown = Refusal::Unknown {
                        id: identity.cluster,
                    };
                    return Err(RenewError::Refused(refusal.unwrap_or(unknown)));
                }
            };
            if let Some(pending) = usable(&registration, key, now) {
                return Ok(reissued(&pending.credential, &pending.certificate, &name)?);
            }
            let renewal = registration.renewals + 1;
            let serial = Serial::new(renewal, entropy.serial);
            let issued = self
                .authority
                .issue_spoke(key, registration.id, serial, now)
                .map_err(Failure::from)?;
            let pending = Pending {
                credential: credential_of(&issued),
                certificate: to_text(&issued.certificate),
            };
            let next = Registration {
                pending: Some(pending),
                renewals: renewal,
                ..registration
            };
            let record = keys::registration(&name);
            let batch = Batch::new()
                .unchanged(&record, Some(&read))
                .put(&record, &next);
            if self.settle(batch).await? {
                return Ok(issued);
            }
        }
        Err(Failure::Contended {
            of: format!("cluster {}", identity.cluster),
        }
        .into())
    }
}

/// The pending certificate, when it is for this key and has at least half of its life before it.
fn usable<'r>(registration: &'r Registration, key: &PublicKey, now: Moment) -> Option<&'r Pending> {
    let pending = registration.pending.as_ref()?;
    let end = Moment::from_unix_ms(pending.credential.not_after_unix_ms);
    let fresh = end.since_ms(now) >= crate::ca::SPOKE_LIFE_MS / 2;
    (pending.credential.key == key.hash() && fresh).then_some(pending)
}
