//! The limits that the cluster's administrator sets for the agent, in a ConfigMap of the agent's namespace.

use std::time::Duration;

use capstan_spoke_core::Event;
use capstan_spoke_core::event::{LocalLimits, RemovalBudget};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tokio::sync::mpsc;

use super::owner::Input;
use crate::kube::call::PARTIAL;
use crate::kube::{ApiError, Call, CallError, Kube, Place, Resource};
use crate::telemetry::chain;

/// Name of the ConfigMap with the limits that the cluster's administrator sets.
pub const NAME: &str = "capstan-spoke-policy";

/// After a failure the question is asked again.
const AGAIN: Duration = Duration::from_secs(1);

/// A watch that says nothing for so long is opened anew, because nobody may be there: a freeze waits no longer.
const SILENCE_MAX: Duration = Duration::from_secs(60);

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
        return Ok(LocalLimits {
            own_namespace: namespace.to_owned(),
            ..LocalLimits::default()
        });
    }
    let body = answer.success()?;
    let mut limits = read(&body).unwrap_or_else(|key| {
        tracing::warn!(
            key,
            "the ConfigMap {NAME} holds a value that is not understood; the agent is frozen until it is put right"
        );
        LocalLimits {
            frozen: true,
            ..LocalLimits::default()
        }
    });
    namespace.clone_into(&mut limits.own_namespace);
    Ok(limits)
}

fn words(limits: &LocalLimits) -> String {
    if limits.frozen {
        return "the agent is frozen, and writes and removes nothing".to_owned();
    }
    match limits.removal_budget {
        Some(budget) => format!(
            "the agent is not frozen; one snapshot may remove {} objects or {} percent",
            budget.count, budget.percent
        ),
        None => "the agent is not frozen; no limit of removals".to_owned(),
    }
}

/// Tells the core whenever they change. While they cannot be read, the last ones count.
pub(super) async fn follow(
    kube: Kube,
    namespace: String,
    mut known: LocalLimits,
    inputs: mpsc::Sender<Input>,
) {
    loop {
        let mut watch = watch(&kube, &namespace).await;
        loop {
            // After the watch was opened: whatever comes later is told by it.
            match load(&kube, &namespace).await {
                Ok(limits) if limits == known => {}
                Ok(limits) => {
                    tracing::warn!(
                        "the limits in the ConfigMap {NAME} changed: {}",
                        words(&limits)
                    );
                    known = limits.clone();
                    drop(inputs.send(Event::Limited(limits).into()).await);
                }
                Err(error) => {
                    tracing::warn!(error = %chain(&error), "the ConfigMap {NAME} cannot be read; the limits that were read last stay in force");
                    watch = None;
                }
            }
            let Some(body) = &mut watch else {
                tokio::time::sleep(AGAIN).await;
                break;
            };
            match tokio::time::timeout(SILENCE_MAX, body.frame()).await {
                Ok(Some(Ok(_))) => {}
                Err(_) => break,
                Ok(None | Some(Err(_))) => {
                    tokio::time::sleep(AGAIN).await;
                    break;
                }
            }
        }
    }
}

/// Opens a watch on the one ConfigMap; any word of it means that it is to be read.
async fn watch(kube: &Kube, namespace: &str) -> Option<kube::client::Body> {
    let path = Resource::core("configmaps", "ConfigMap", true).path(Place {
        namespace,
        name: "",
    });
    let query = format!("watch=1&timeoutSeconds=290&fieldSelector=metadata.name%3D{NAME}");
    let call = Call::get(format!("{path}?{query}")).accept(PARTIAL);
    let response = kube.stream(call).await.ok()?;
    response.status().is_success().then(|| response.into_body())
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
        own_namespace: String::new(),
    })
}
