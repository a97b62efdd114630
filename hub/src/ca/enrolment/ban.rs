//! Bans: lasting, by the cluster's id, until somebody lifts them.

use capstan_proto::{ClusterName, Moment};

use super::{Enrolment, Failure};
use crate::ca::ClusterId;
use crate::ledger::records::{Ban, Update, keys};

/// Why a ban was not set or lifted.
#[derive(Debug, thiserror::Error)]
pub enum BanError {
    /// No such cluster.
    #[error("no cluster named {name} is enrolled (`hub get clusters` lists them)")]
    NotEnrolled {
        /// The name.
        name: ClusterName,
    },
    /// It is not banned.
    #[error("cluster {name} is not banned")]
    NotBanned {
        /// The name.
        name: ClusterName,
    },
    /// The bookkeeping failed.
    #[error("the ban could not be recorded")]
    Failed(#[from] Failure),
}

impl Enrolment {
    /// Bans a cluster; gives back the ban that there was already, whose time and reason stay. Close its connections once this returned: no new one is let in from then on.
    pub async fn ban(
        &self,
        name: &ClusterName,
        by: &str,
        reason: &str,
        now: Moment,
    ) -> Result<(ClusterId, Option<Ban>), BanError> {
        let id = self.id_of(name).await?;
        let mut before = None;
        let ban = Ban {
            name: name.clone(),
            since_unix_ms: now.unix_ms(),
            by: by.to_owned(),
            reason: reason.to_owned(),
        };
        self.records
            .update(&keys::ban(id), |read| {
                before = read.cloned();
                match &before {
                    Some(_) => Update::Keep,
                    None => Update::Put(ban.clone()),
                }
            })
            .await
            .map_err(Failure::from)?;
        Ok((id, before))
    }

    /// Lifts a ban. The cluster connects again with the certificate it has, if that has not ended.
    pub async fn unban(&self, name: &ClusterName) -> Result<ClusterId, BanError> {
        let id = self.id_of(name).await?;
        let mut was = false;
        self.records
            .update(&keys::ban(id), |read| {
                was |= read.is_some();
                if read.is_some() {
                    Update::Delete
                } else {
                    Update::Keep
                }
            })
            .await
            .map_err(Failure::from)?;
        if was {
            Ok(id)
        } else {
            Err(BanError::NotBanned { name: name.clone() })
        }
    }

    async fn id_of(&self, name: &ClusterName) -> Result<ClusterId, BanError> {
        let read = self
            .records
            .get(&keys::registration(name))
            .await
            .map_err(Failure::from)?;
        let not_enrolled = || BanError::NotEnrolled { name: name.clone() };
        Ok(read.ok_or_else(not_enrolled)?.value.id)
    }
}
