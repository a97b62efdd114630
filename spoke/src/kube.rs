//! Everything that is said to the API server. Every kube-rs call of the agent lives below this module.
//!
//! Requests are raw: paths from discovery, bodies as they are, our own deadline on every call, no hidden retries.
//! What an answer means for the fleet is judged by the core; this module only says which of its words it is.

pub mod accepted;
pub mod access;
pub mod answer;
pub mod blob;
pub mod call;
pub mod discovery;
pub mod identity;
pub mod inventory;
pub mod lease;
pub mod notice;
pub mod progress;
pub mod request;
pub mod resource;
pub mod secret;
pub mod token;
pub mod watch;

pub use access::{Access, AccessError};
pub use answer::{ApiError, AskError, Cause, StatusBody};
pub use call::{Answer, Call, CallError, Kube};
pub use resource::{Place, Resource};

/// Field manager of everything that a snapshot declares.
pub const MANAGER: &str = "capstan";

/// Field manager of what the agent keeps for itself, and of what `spoke bootstrap` installs.
pub const AGENT_MANAGER: &str = "capstan-spoke";

/// Field manager of namespaces made for `createNamespace`; they are no bundle objects (they belong to no inventory).
pub const NAMESPACE_MANAGER: &str = "capstan-namespace";

/// The label that every object of a bundle carries; its value is `<source>.<bundle>`.
pub const BUNDLE_LABEL: &str = "capstan.dev/bundle";

/// The UID of the namespace `kube-system`, by which a cluster is told from its copy.
///
/// # Errors
/// When it cannot be read.
pub async fn cluster_uid(kube: &Kube) -> Result<String, AskError> {
    let path = Resource::core("namespaces", "Namespace", false).path(Place {
        namespace: "",
        name: "kube-system",
    });
    let body = kube.call(Call::get(path)).await?.success()?;
    let uid = body
        .pointer("/metadata/uid")
        .and_then(serde_json::Value::as_str);
    uid.map(str::to_owned)
        .ok_or(AskError::Lacking("metadata.uid"))
}
