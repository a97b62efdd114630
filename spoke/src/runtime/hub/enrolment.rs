//! From a token to an identity: the pin first, the key made here and stored before anything is asked.

use capstan_proto::ClusterName;

use super::{Hub, HubError};
use crate::kube::identity::{Bootstrap, Held, token_id};
use crate::kube::progress::Phase;
use crate::link::{EnrollError, Enrolled, dial, enroll};
use crate::telemetry::chain;
use crate::tls::{Key, Trust};

impl Hub {
    /// Uses the token. Where the hub does not take it and there is an identity already, that one goes on.
    pub(super) async fn enrol(
        &mut self,
        bootstrap: &Bootstrap,
        token: &str,
        held: &mut Held,
    ) -> Result<(), HubError> {
        let hub = dial(&bootstrap.hub, Trust::Pinned(bootstrap.pin), None).await?;
        self.story.reached(Phase::PinVerified);
        let key = self.pending_key(held).await?;
        let enrolled = match enroll(&hub, token, key, &self.cluster_uid).await {
            Ok(enrolled) => enrolled,
            Err(error) if held.current.is_some() && !error.is_transient() => {
                tracing::warn!(error = %chain(&error), "the hub does not take the new token, which is deleted; the agent goes on with the identity that it has");
                self.identities.forget_token().await?;
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let Enrolled {
            identity,
            cluster_name,
        } = enrolled;
        if !identity.trusts(bootstrap.pin) {
            return Err(EnrollError::BundleWithoutPin.into());
        }
        let name = ClusterName::try_new(cluster_name).ok();
        tracing::info!(
            cluster = name.as_ref().map(ClusterName::as_str),
            fleet = %identity.leaf().fleet,
            "enrolled"
        );
        held.used_token = Some(token_id(token).to_owned());
        self.identities.store_current(held, identity, name).await?;
        self.identities.forget_token().await?;
        self.story.reached(Phase::Enrolled);
        Ok(())
    }

    /// The key that was stored for asking, or a new one, stored now: an answer that gets lost is asked for again
    /// with the same key, and is the same.
    pub(super) async fn pending_key(&self, held: &mut Held) -> Result<Key, HubError> {
        if held.pending.is_none() {
            self.identities
                .store_pending(held, Key::generate()?)
                .await?;
        }
        let pending = held.pending.as_ref().map(Key::to_pem);
        let pem = pending.unwrap_or_default();
        Ok(Key::from_pem(&pem)?)
    }
}
