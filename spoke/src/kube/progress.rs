//! How far the agent came, in a ConfigMap that `spoke bootstrap` reads while it waits.

use serde_json::{Value, json};

use super::resource::encode;
use super::{AGENT_MANAGER, ApiError, Call, CallError, Kube, Place, Resource};

/// The ConfigMap's name.
pub const NAME: &str = "capstan-spoke-status";

/// The steps of an agent's way, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// The process runs and holds the Lease.
    Started,
    /// The hub is reached and has the pinned key.
    PinVerified,
    /// The certificate is stored.
    Enrolled,
    /// The session is open.
    Connected,
    /// The hub says that the cluster holds what is wanted.
    InSync,
}

impl Phase {
    const ALL: [Self; 5] = [
        Self::Started,
        Self::PinVerified,
        Self::Enrolled,
        Self::Connected,
        Self::InSync,
    ];

    /// The word in the ConfigMap.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "Started",
            Self::PinVerified => "PinVerified",
            Self::Enrolled => "Enrolled",
            Self::Connected => "Connected",
            Self::InSync => "InSync",
        }
    }

    /// The words for a person.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Started => "agent started",
            Self::PinVerified => "hub reached, pin verified",
            Self::Enrolled => "enrolled, certificate stored",
            Self::Connected => "connected",
            Self::InSync => "in sync",
        }
    }
}

/// What the ConfigMap says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The last step.
    pub phase: Phase,
    /// Which process wrote it.
    pub instance: String,
    /// What holds it up; empty when nothing does.
    pub problem: String,
    /// Under which name the hub knows the cluster; empty before enrolment.
    pub cluster: String,
}

/// Why progress could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ProgressError {
    /// No answer.
    #[error("the ConfigMap {NAME} cannot be used")]
    Call(#[from] CallError),
    /// A refusal.
    #[error("the ConfigMap {NAME} was refused")]
    Refused(#[from] ApiError),
}

fn path(namespace: &str) -> String {
    Resource::core("configmaps", "ConfigMap", true).path(Place {
        namespace,
        name: NAME,
    })
}

/// Writes how far the agent came.
///
/// # Errors
/// When it was not written; nothing depends on it.
pub async fn write(kube: &Kube, namespace: &str, progress: &Progress) -> Result<(), ProgressError> {
    let Progress {
        phase,
        instance,
        problem,
        cluster,
    } = progress;
    let body = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": NAME, "namespace": namespace},
        "data": {
            "phase": phase.as_str(), "instance": instance, "problem": problem, "cluster": cluster,
            "version": crate::VERSION,
        },
    });
    let target = format!(
        "{}?fieldManager={}&force=true",
        path(namespace),
        encode(AGENT_MANAGER)
    );
    kube.call(Call::apply(target, &body)).await?.success()?;
    Ok(())
}

/// Reads how far it came; `None` before it wrote anything.
///
/// # Errors
/// When that cannot be said.
pub async fn read(kube: &Kube, namespace: &str) -> Result<Option<Progress>, ProgressError> {
    let answer = kube.call(Call::get(path(namespace))).await?;
    if answer.failure().says_gone("configmaps", NAME) {
        return Ok(None);
    }
    let body = answer.success()?;
    let text = |key: &str| {
        let text = body
            .pointer(&format!("/data/{key}"))
            .and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let phase = Phase::ALL
        .into_iter()
        .find(|phase| phase.as_str() == text("phase"));
    Ok(phase.map(|phase| Progress {
        phase,
        instance: text("instance"),
        problem: text("problem"),
        cluster: text("cluster"),
    }))
}
