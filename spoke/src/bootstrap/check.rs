//! Everything that can be found out before anything is written.

use std::io::Write;
use std::sync::Arc;

use super::present::{Asked, Present};
use super::{BootstrapError, Install, Order};
use crate::kube::access::server;
use crate::kube::identity::{Bootstrap, Held, Identities, token_id};
use crate::kube::secret::{SecretError, Secrets};
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
            server: server.clone(),
            cause: error.cause(),
        },
        error => BootstrapError::ClusterUid(error),
    })?;
    writeln!(
        out,
        "cluster reached at {server} (its namespace kube-system has the UID {cluster_uid})"
    )?;

    let asked = &order.asked;
    let identities = Identities::new(Secrets::new(kube.clone(), &asked.namespace, "bootstrap"));
    let held = identities.load().await?;
    let left = left_by_bootstrap(&identities).await?;
    refuse_other_hub(asked, &held, left.as_ref())?;

    let hub = dial(&asked.hub, Trust::Pinned(asked.pin), None)
        .await
        .map_err(BootstrapError::Hub)?;
    writeln!(
        out,
        "hub reached at {}, its CA has the pinned key",
        asked.hub
    )?;

    let (token, said) = match (&held.current, asked.token.clone()) {
        (Some(_), token) => judge_member(&hub, &held, token, &cluster_uid).await?,
        (None, Some(token)) => judge_new(&hub, token, &cluster_uid).await?,
        (None, None) => {
            let left = left.as_ref().and_then(|left| left.token.clone());
            judge_left(&hub, left, &cluster_uid).await
        }
    };
    writeln!(out, "{said}")?;
    let present = Present::read(&kube, &asked.namespace, left.map(|left| left.hub)).await?;
    let install = Install {
        token,
        ..asked.over(&present)
    };
    for setting in asked.settings(&present, &install) {
        writeln!(out, "  {setting}")?;
    }
    super::install::dry_run(&kube, &install).await?;
    writeln!(out, "the API server would accept every manifest")?;
    Ok(Checked { kube, install })
}

/// What an earlier run left; what cannot be read is written anew.
async fn left_by_bootstrap(identities: &Identities) -> Result<Option<Bootstrap>, BootstrapError> {
    match identities.bootstrap().await {
        Err(SecretError::Garbled { .. }) => Ok(None),
        other => Ok(other?),
    }
}

/// A token for a cluster that is not enrolled.
async fn judge_new(
    hub: &Dialled,
    token: String,
    cluster_uid: &str,
) -> Result<(Option<String>, String), BootstrapError> {
    match check_token(hub, &token, cluster_uid).await {
        TokenCheck::Usable { cluster } => {
            let said =
                format!("the token is good for cluster {cluster}; the agent will enrol with it");
            Ok((Some(token), said))
        }
        TokenCheck::Refused(error) | TokenCheck::Unknown(error) => {
            Err(BootstrapError::Token(error))
        }
    }
}

/// No token was given, and the cluster is not enrolled: one that waits in it stays.
async fn judge_left(
    hub: &Dialled,
    left: Option<String>,
    cluster_uid: &str,
) -> (Option<String>, String) {
    let lacking =
        "this cluster is not enrolled, and no token was given; the agent will wait for one";
    let Some(token) = left else {
        return (None, lacking.to_owned());
    };
    match check_token(hub, &token, cluster_uid).await {
        TokenCheck::Usable { cluster } => {
            let said = format!(
                "the token of the last run is still good for cluster {cluster}; the agent will enrol with it"
            );
            (Some(token), said)
        }
        TokenCheck::Unknown(error) => {
            let said = format!(
                "the token of the last run stays; whether it will do is not known ({error})"
            );
            (Some(token), said)
        }
        TokenCheck::Refused(error) => {
            let said = format!("{lacking}; that of the last run will not do ({error})");
            (None, said)
        }
    }
}

/// What a token means to a cluster that is enrolled already: what of it is to be installed, and a sentence about it.
async fn judge_member(
    hub: &Dialled,
    held: &Held,
    token: Option<String>,
    cluster_uid: &str,
) -> Result<(Option<String>, String), BootstrapError> {
    let known = match &held.cluster {
        Some(name) => name.to_string(),
        None => "a member of the fleet".to_owned(),
    };
    let member = match &held.cluster {
        Some(name) => format!("this cluster is enrolled already as {name}"),
        None => "this cluster is enrolled already".to_owned(),
    };
    let Some(token) = token else {
        return Ok((None, format!("{member}; the installation is only repaired")));
    };
    let used = held.used_token.as_deref() == Some(token_id(&token));
    match check_token(hub, &token, cluster_uid).await {
        TokenCheck::Unknown(error) => Err(BootstrapError::Token(error)),
        TokenCheck::Usable { cluster } if held.cluster.is_some() && cluster != known => {
            let named = cluster;
            Err(BootstrapError::OtherName { named, known })
        }
        TokenCheck::Usable { .. } if !used => {
            let said = format!(
                "{member}; the token is good, and the agent will get a new identity with it"
            );
            Ok((Some(token), said))
        }
        TokenCheck::Refused(source) if !used => Err(BootstrapError::OtherToken { known, source }),
        TokenCheck::Usable { .. } | TokenCheck::Refused(_) => {
            let said = format!(
                "{member}, with this very token, which is used up and not needed any more; the \
                 installation is only repaired"
            );
            Ok((None, said))
        }
    }
}

/// A member of one fleet is not quietly moved to another.
fn refuse_other_hub(
    asked: &Asked,
    held: &Held,
    left: Option<&Bootstrap>,
) -> Result<(), BootstrapError> {
    let Some(identity) = &held.current else {
        return Ok(());
    };
    if identity.trusts(asked.pin) {
        return Ok(());
    }
    let found = match left {
        Some(left) => format!("the hub at {}", left.hub),
        None => format!("fleet {}", identity.leaf().fleet),
    };
    Err(BootstrapError::OtherHub { found })
}
