//! The limits that the cluster's administrator sets for the agent, in a ConfigMap of the agent's namespace.

use capstan_spoke_core::event::{LocalLimits, RemovalBudget};
use serde_json::Value;

use crate::kube::{ApiError, Call, CallError, Kube, Place, Resource};

/// The ConfigMap's name.
const NAME: &str = "capstan-spoke-policy";

/// Why the limits are not known.
#[derive(Debug, thiserror::Error)]
pub(super) enum LimitsError {
    #[error("the ConfigMap {NAME} could not be read")]
    Call(#[from] CallError),
    #[error("the ConfigMap {NAME} could not be read")]
    Refused(#[from] ApiError),
}

/// Reads them; without the ConfigMap there are none. A value that cannot be read freezes: a limit that somebody wrote
/// and that is not understood must not count as no limit.
pub(super) async fn load(kube: &Kube, namespace: &str) -> Result<LocalLimits, LimitsError> {
    let path = Resource::core("configmaps", "ConfigMap", true).path(Place {
        namespace,
        name: NAME,
    });
    let answer = kube.call(Call::get(path)).await?;
    if answer.failure().says_gone("configmaps", NAME) {
        return Ok(LocalLimits::default());
    }
    let body = answer.success()?;
    Ok(read(&body).unwrap_or_else(|key| {
        tracing::warn!(
            key,
            "{NAME} holds a value that is not understood; the agent is frozen"
        );
        LocalLimits {
            frozen: true,
            ..LocalLimits::default()
        }
    }))
}

fn read(body: &Value) -> Result<LocalLimits, &'static str> {
    let text = |key: &str| {
        body.pointer(&format!("/data/{key}"))
            .and_then(Value::as_str)
    };
    let number = |key: &'static str| {
        text(key)
            .map(|text| text.trim_end_matches('%').parse())
            .transpose()
            .map_err(|_| key)
    };
    let count: Option<usize> = number("maxRemovedObjects")?;
    let percent: Option<usize> = number("maxRemovedPercent")?;
    Ok(LocalLimits {
        removal_budget: (count.is_some() || percent.is_some()).then(|| RemovalBudget {
            count: count.unwrap_or(0),
            percent: percent.unwrap_or(0),
        }),
        frozen: match text("frozen") {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err("frozen"),
        },
    })
}
