//! Everything that can be found out before anything is written.

use std::io::Write;
use std::sync::Arc;

use super::{BootstrapError, Install, Order};
use crate::kube::access::server;
use crate::kube::identity::{Held, Identities, token_id};
use crate::kube::secret::Secrets;
use crate::kube::{AskError, Kube, cluster_uid};
use crate::link::{Dialled, TokenCheck, check_token, dial};
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
    let server = server(&config);
    let kube = Kube::new(config, Arc::default())?;
    let cluster_uid = cluster_uid(&kube).await.map_err(|error| match error {
        AskError::Call(error) => BootstrapError::Unreachable {
            server,
            cause: error.cause(),
        },
        error => BootstrapError::ClusterUid(error),
    })?;
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

    let (token, said) = judge_token(&hub, &held, install.token.take(), &cluster_uid).await?;
    install.token = token;
    writeln!(out, "{said}")?;
    super::install::dry_run(&kube, &install).await?;
    writeln!(out, "the API server accepts every manifest")?;
    Ok(Checked { kube, install })
}

/// What the token is good for: what of it is to be installed, and a sentence about it.
async fn judge_token(
    hub: &Dialled,
    held: &Held,
    token: Option<String>,
    cluster_uid: &str,
) -> Result<(Option<String>, String), BootstrapError> {
    let checked = match &token {
        Some(token) => Some(check_token(hub, token, cluster_uid).await),
        None => None,
    };
    if held.current.is_none() {
        return match checked {
            None => Ok((
                None,
                "no token was given; the agent waits until there is one".to_owned(),
            )),
            Some(TokenCheck::Usable { cluster }) => {
                let said = format!("token accepted for cluster {cluster}; the agent will use it");
                Ok((token, said))
            }
            Some(TokenCheck::Refused(error) | TokenCheck::Unknown(error)) => {
                Err(BootstrapError::Token(error))
            }
        };
    }
    let known = held.cluster.as_ref().map(|name| format!(" as {name}"));
    let member = format!(
        "this cluster is enrolled already{}",
        known.unwrap_or_default()
    );
    let used = token
        .as_deref()
        .is_some_and(|token| held.used_token.as_deref() == Some(token_id(token)));
    match checked {
        Some(TokenCheck::Unknown(error)) => Err(BootstrapError::Token(error)),
        Some(TokenCheck::Usable { cluster }) if !used => {
            let said = format!(
                "{member}; the token is accepted for cluster {cluster}, and the agent will use it \
                 to get a new identity"
            );
            Ok((token, said))
        }
        Some(TokenCheck::Usable { .. }) => {
            let said = format!(
                "{member}, with this very token, which is used up and not needed any more; the \
                 installation is only repaired"
            );
            Ok((None, said))
        }
        Some(TokenCheck::Refused(error)) => {
            let said = format!(
                "{member}; the token is not needed, and would not do ({error}); the installation \
                 is only repaired"
            );
            Ok((None, said))
        }
        None => Ok((None, format!("{member}; the installation is only repaired"))),
    }
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
