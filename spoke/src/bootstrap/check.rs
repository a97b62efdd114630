//! Everything that can be found out before anything is written.

use std::io::Write;
use std::sync::Arc;

use super::{BootstrapError, Install, Order};
use crate::kube::identity::{Held, Identities};
use crate::kube::secret::Secrets;
use crate::kube::{Kube, cluster_uid};
use crate::link::{TokenCheck, check_token, dial};
use crate::tls::Trust;

/// A cluster and a hub that fit, and what is to be installed.
pub(super) struct Checked {
    pub(super) kube: Kube,
    pub(super) install: Install,
}

/// Checks the hub, the token and the cluster; writes nothing.
pub(super) async fn run(
    order: &Order,
    out: &mut (dyn Write + Send),
) -> Result<Checked, BootstrapError> {
    let config = order.access.administrator().await?;
    let kube = Kube::new(config, Arc::default())?;
    let cluster_uid = cluster_uid(&kube)
        .await
        .map_err(BootstrapError::ClusterUid)?;
    writeln!(out, "cluster reached (kube-system {cluster_uid})")?;

    let mut install = order.install.clone();
    let identities = Identities::new(Secrets::new(kube.clone(), &install.namespace, "bootstrap"));
    let held = identities.load().await?;
    refuse_other_hub(&install, &held, &identities).await?;

    let hub = dial(&install.hub, Trust::Pinned(install.pin), None)
        .await
        .map_err(BootstrapError::Hub)?;
    writeln!(
        out,
        "hub reached at {}, its CA has the pinned key",
        install.hub
    )?;

    if let Some(token) = install.token.clone() {
        match check_token(&hub, &token, &cluster_uid).await {
            TokenCheck::Usable { cluster } => {
                writeln!(
                    out,
                    "token accepted for cluster {cluster}; the agent will use it"
                )?;
            }
            TokenCheck::Refused(error) if held.current.is_some() => {
                writeln!(
                    out,
                    "{error}; this cluster is enrolled already, so its installation is only repaired"
                )?;
                install.token = None;
            }
            TokenCheck::Refused(error) | TokenCheck::Unknown(error) => {
                return Err(BootstrapError::Token(error));
            }
        }
    }
    super::install::dry_run(&kube, &install).await?;
    writeln!(out, "the API server accepts every manifest")?;
    Ok(Checked { kube, install })
}

/// A member of one fleet is not quietly moved to another.
async fn refuse_other_hub(
    install: &Install,
    held: &Held,
    identities: &Identities,
) -> Result<(), BootstrapError> {
    let Some(identity) = &held.current else {
        return Ok(());
    };
    if identity.trusts(install.pin) {
        return Ok(());
    }
    let found = match identities.bootstrap().await? {
        Some(bootstrap) => format!("the hub at {}", bootstrap.hub),
        None => format!("fleet {}", identity.leaf().fleet),
    };
    Err(BootstrapError::OtherHub { found })
}
