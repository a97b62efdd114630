//! Reaches the API server: as the pod's ServiceAccount, or, outside, with a token of the same account.

use std::time::Duration;

use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::RunError;
use crate::kube::access::server;
use crate::kube::token::{self, TokenError};
use crate::kube::{Access, CallError, Kube};
use crate::metrics::Metrics;

/// Between two attempts to get the first token from an API server that does not answer.
const AGAIN: Duration = Duration::from_secs(2);

/// The API server, and what keeps the credentials fresh.
pub(super) struct Connected {
    pub(super) kube: Kube,
    _fresh: Option<AbortOnDropHandle<()>>,
}

/// Reaches the API server. Waits while it does not answer; a refusal is final.
pub(super) async fn connect(
    access: &Access,
    namespace: &str,
    metrics: &Metrics,
) -> Result<Connected, RunError> {
    if access.kubeconfig.is_none() {
        let kube = Kube::new(Access::pod()?, metrics.api_calls.clone())?;
        return Ok(Connected { kube, _fresh: None });
    }
    let config = access.administrator().await?;
    let bearer = {
        let administrator = Kube::new(config.clone(), metrics.api_calls.clone())?;
        first_token(&administrator, namespace, &server(&config)).await?
    };
    let (sender, receiver) = watch::channel(bearer.header);
    let kube = Kube::with_bearer(&config, receiver, metrics.api_calls.clone())?;
    let fresh = token::keep_fresh(kube.clone(), namespace.to_owned(), bearer.life, sender);
    Ok(Connected {
        kube,
        _fresh: Some(AbortOnDropHandle::new(tokio::spawn(fresh))),
    })
}

async fn first_token(
    kube: &Kube,
    namespace: &str,
    server: &str,
) -> Result<token::Bearer, RunError> {
    let mut said = String::new();
    loop {
        match token::request(kube, namespace, time::OffsetDateTime::now_utc()).await {
            Ok(bearer) => return Ok(bearer),
            Err(TokenError::Call(error)) => {
                let sentence = unreachable(server, &error);
                if sentence != said {
                    tracing::warn!("{sentence}");
                    said = sentence;
                }
                tokio::time::sleep(AGAIN).await;
            }
            Err(error) => return Err(RunError::Token(error)),
        }
    }
}

/// What is said while the API server is not there, and what can be done about it.
fn unreachable(server: &str, error: &CallError) -> String {
    format!(
        "the API server at {server} does not answer: {}; it is asked again every {} s (if the \
         address is wrong, name another kubeconfig with --kubeconfig or another context with \
         --context)",
        error.cause(),
        AGAIN.as_secs()
    )
}

#[cfg(test)]
mod tests;
