//! Executes one request of the core: finds the path, sends it, and hands back the answer as it is.

use std::sync::Arc;
use std::time::Duration;

use capstan_proto::ObjectKey;
use capstan_proto::object::group_version;
use capstan_spoke_core::effect::{MANAGER, Request};
use capstan_spoke_core::outcome::Refused;
use capstan_spoke_core::{Kind, Outcome};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::call::PARTIAL;
use super::discovery::{Discovery, DiscoveryError, Lookup};
use super::resource::encode;
use super::{Answer, Call, CallError, Kube, Place, Resource};

/// Ours, for every call of the core: an API server that needs longer is asked again later.
const DEADLINE: Duration = Duration::from_secs(10);

/// Plain text of a refusal that is kept, in bytes.
const TEXT_BYTES_MAX: usize = 1024;

/// Calls the API server for the core. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Caller {
    kube: Kube,
    discovery: Arc<Mutex<Discovery>>,
}

impl Caller {
    /// A caller that has discovered nothing yet.
    #[must_use]
    pub fn new(kube: Kube) -> Self {
        Self {
            kube,
            discovery: Arc::default(),
        }
    }

    /// The API server.
    #[must_use]
    pub fn kube(&self) -> &Kube {
        &self.kube
    }

    /// Reads discovery anew and gives a copy of it; where it cannot be read, of what was known, with the problem.
    pub async fn discover(&self) -> (Discovery, Option<DiscoveryError>) {
        let mut discovery = self.discovery.lock().await;
        let problem = discovery.refresh(&self.kube).await.err();
        (discovery.clone(), problem)
    }

    /// Where a kind lives. Discovery is read anew when it is not known.
    ///
    /// # Errors
    /// With the outcome that the core is told.
    pub async fn locate(&self, kind: &Kind, version: Option<&str>) -> Result<Resource, Outcome> {
        let mut discovery = self.discovery.lock().await;
        if let Lookup::Found(resource) = discovery.look_up(kind, version)
            && version.is_none_or(|asked| asked == resource.version)
        {
            return Ok(resource);
        }
        if let Err(error) = discovery.refresh(&self.kube).await {
            return Err(Outcome::DiscoveryFailed {
                detail: crate::telemetry::chain(&error),
            });
        }
        match discovery.look_up(kind, version) {
            Lookup::Found(resource) => Ok(resource),
            Lookup::NotServed => Err(Outcome::NotServed),
            Lookup::Unknown => Err(Outcome::DiscoveryFailed {
                detail: DiscoveryError::Stale {
                    group: kind.group.clone(),
                }
                .to_string(),
            }),
        }
    }

    /// Executes a request; the answer is never lost.
    pub async fn execute(&self, request: &Request) -> Outcome {
        let key = request.key();
        let version = version(request);
        let resource = match self.locate(&Kind::of(key), version).await {
            Ok(resource) => resource,
            Err(outcome) => return outcome,
        };
        if let Err(outcome) = in_scope(key, &resource) {
            return outcome;
        }
        let call = call(request, &resource).deadline(DEADLINE);
        outcome(self.kube.call(call).await)
    }
}

/// The version that a request names; `None` when it names none.
fn version(request: &Request) -> Option<&str> {
    let api_version = match request {
        Request::Apply { manifest, .. } => manifest.get("apiVersion").and_then(Value::as_str)?,
        Request::Get { api_version, .. }
        | Request::Delete { api_version, .. }
        | Request::Patch { api_version, .. } => api_version.as_str(),
    };
    Some(group_version(api_version).1).filter(|version| !version.is_empty())
}

/// A key in a namespace and a kind without them (or the reverse) are two objects: which is meant is not guessed.
fn in_scope(key: &ObjectKey, resource: &Resource) -> Result<(), Outcome> {
    match key.namespace.is_empty() == resource.namespaced {
        true => Err(Outcome::WrongScope {
            namespaced: resource.namespaced,
        }),
        false => Ok(()),
    }
}

fn path(key: &ObjectKey, resource: &Resource) -> String {
    resource.path(Place {
        namespace: &key.namespace,
        name: &key.name,
    })
}

fn call(request: &Request, resource: &Resource) -> Call {
    let key = request.key();
    let path = path(key, resource);
    let secret = Kind::of(key).is_secret();
    let call = match request {
        Request::Apply {
            manifest,
            manager,
            force,
            dry_run,
            ..
        } => {
            let manager = encode(manager);
            let dry = if *dry_run { "&dryRun=All" } else { "" };
            let query = format!("fieldManager={manager}&force={force}&fieldValidation=Strict{dry}");
            Call::apply(format!("{path}?{query}"), manifest)
        }
        Request::Get { .. } => Call::get(path),
        Request::Delete { uid, .. } => {
            let options = json!({
                "apiVersion": "v1",
                "kind": "DeleteOptions",
                "propagationPolicy": "Background",
                "preconditions": {"uid": uid},
            });
            return Call::delete(path, &options);
        }
        Request::Patch { patch, .. } => {
            let target = format!("{path}?fieldManager={}", encode(MANAGER));
            Call::json_patch(target, patch)
        }
    };
    match secret {
        true => call.accept(PARTIAL),
        false => call,
    }
}

fn outcome(answer: Result<Answer, CallError>) -> Outcome {
    match answer {
        Ok(answer) if answer.ok() => Outcome::Success {
            code: answer.status,
            body: answer.body,
        },
        Ok(answer) => Outcome::Refused(refused(answer)),
        Err(error) if certainly_unsent(&error) => Outcome::Unsent {
            detail: crate::telemetry::chain(&error),
        },
        Err(error) => Outcome::Ambiguous {
            detail: crate::telemetry::chain(&error),
        },
    }
}

fn refused(answer: Answer) -> Refused {
    let retry_after_ms = answer
        .retry_after
        .map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
    let (status, text) = match answer.body {
        Value::String(text) => (Value::Null, cut(text)),
        status => (status, String::new()),
    };
    Refused {
        code: answer.status,
        status,
        text,
        retry_after_ms,
    }
}

fn cut(mut text: String) -> String {
    let end = (0..=TEXT_BYTES_MAX.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0);
    text.truncate(end);
    text
}

/// Only a connection that never came up proves that nothing was executed.
fn certainly_unsent(error: &CallError) -> bool {
    let CallError::Connection { source, .. } = error else {
        return false;
    };
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(source.as_ref());
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<hyper_util::client::legacy::Error>() {
            return error.is_connect();
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests;
