//! The ServiceAccount's token of an agent that runs outside its cluster: asked for once with somebody's kubeconfig,
//! renewed with itself ever after.

use std::time::Duration;

use http::HeaderValue;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{ApiError, Call, CallError, Kube, Place, Resource};
use crate::bootstrap::ACCOUNT;

/// Life of a token, in seconds. The API server refuses less than ten minutes, and may shorten more.
const LIFE_SECONDS: u64 = 3600;

/// First and longest wait after a failed renewal; a token has half an hour left by then.
const RETRY: Duration = Duration::from_secs(10);

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// No answer.
    #[error("no token could be asked for")]
    Call(#[from] CallError),
    /// A refusal.
    #[error("no token is given for the ServiceAccount {ACCOUNT}")]
    Refused(#[from] ApiError),
    /// Not a token.
    #[error("the API server answered what is no token")]
    Garbled,
}

/// A token as a header.
#[derive(Clone, Debug)]
pub struct Bearer {
    /// The header's value, marked sensitive.
    pub header: HeaderValue,
    /// How long it lasts.
    pub life: Duration,
}

/// Asks for a token of the agent's ServiceAccount.
///
/// # Errors
/// When none is given.
pub async fn request(
    kube: &Kube,
    namespace: &str,
    now: time::OffsetDateTime,
) -> Result<Bearer, TokenError> {
    let account = Resource::core("serviceaccounts", "ServiceAccount", true).path(Place {
        namespace,
        name: ACCOUNT,
    });
    let body = json!({
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": LIFE_SECONDS},
    });
    let call = Call::post(format!("{account}/token"), &body);
    let answer = kube.call(call).await?.success()?;
    let text = |pointer: &str| answer.pointer(pointer).and_then(Value::as_str);
    let token = text("/status/token").ok_or(TokenError::Garbled)?;
    let mut header =
        HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| TokenError::Garbled)?;
    header.set_sensitive(true);
    let until = text("/status/expirationTimestamp").and_then(|t| {
        time::OffsetDateTime::parse(t, &time::format_description::well_known::Rfc3339).ok()
    });
    let life = until.and_then(|until| Duration::try_from(until - now).ok());
    Ok(Bearer {
        header,
        life: life.unwrap_or(Duration::from_secs(LIFE_SECONDS)),
    })
}

/// Renews the token at half of its life, for ever.
pub async fn keep_fresh(
    kube: Kube,
    namespace: String,
    mut life: Duration,
    bearer: watch::Sender<HeaderValue>,
) {
    loop {
        tokio::time::sleep(life / 2).await;
        match request(&kube, &namespace, time::OffsetDateTime::now_utc()).await {
            Ok(renewed) => {
                life = renewed.life;
                bearer.send_replace(renewed.header);
            }
            Err(error) => {
                tracing::warn!(error = %crate::telemetry::chain(&error), "the ServiceAccount's token was not renewed; trying again");
                life = 2 * RETRY;
            }
        }
    }
}
