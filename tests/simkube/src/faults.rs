//! Owns faults on demand: latency, errors, aborted requests, dropped watches.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;

/// One fault. Empty texts match everything.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Fault {
    /// The verb, such as `patch`; empty for all.
    pub verb: String,
    /// The resource, such as `deployments.apps`; empty for all.
    pub resource: String,
    /// The namespace; empty for all.
    pub namespace: String,
    /// The object's name; empty for all.
    pub name: String,
    /// How long to wait before going on, in milliseconds.
    pub latency_ms: u64,
    /// The HTTP status to answer with, such as 500, 429 or 503; 0 for none.
    pub status: u16,
    /// The message of that answer.
    pub message: String,
    /// The `Retry-After` of that answer, in seconds; 0 for none.
    pub retry_after_s: u64,
    /// Whether to break off the request without an answer.
    pub abort: bool,
    /// Whether the request is executed before it is broken off or answered with the status.
    pub after: bool,
    /// What a mutating admission webhook makes of the object that is written, as a merge patch; nothing
    /// when null. What it changes belongs to nobody.
    pub mutate: Value,
    /// Whether a watch tells every event twice.
    pub repeat: bool,
    /// The share of matching requests that suffer, from 0 to 1; 0 counts as 1.
    pub rate: f64,
    /// How many requests suffer before the fault ends by itself; 0 for no limit.
    pub times: u64,
}

/// What a request has to suffer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Suffering {
    pub(crate) latency: Duration,
    pub(crate) answer: Option<Fault>,
    pub(crate) abort: bool,
    /// Not before the request was executed.
    pub(crate) after: bool,
    pub(crate) inside: Inside,
}

/// What a request suffers while it is executed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inside {
    pub(crate) mutations: Vec<Value>,
    pub(crate) repeat: bool,
}

/// The faults in force.
#[derive(Debug)]
pub(crate) struct Faults {
    active: Mutex<Vec<Fault>>,
    /// Moves each time that watches are to be dropped; carries the resource, empty for all.
    drops: watch::Sender<(u64, String)>,
}

impl Faults {
    pub(crate) fn new() -> Self {
        Self {
            active: Mutex::default(),
            drops: watch::channel((0, String::new())).0,
        }
    }

    pub(crate) fn add(&self, fault: Fault) {
        self.active
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(fault);
    }

    pub(crate) fn clear(&self) {
        self.active
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    pub(crate) fn all(&self) -> Vec<Fault> {
        self.active
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Ends every watch of `resource` (of all resources when empty), as a lost connection does.
    pub(crate) fn drop_watches(&self, resource: &str) {
        self.drops.send_modify(|(count, which)| {
            *count += 1;
            resource.clone_into(which);
        });
    }

    pub(crate) fn drops(&self) -> watch::Receiver<(u64, String)> {
        self.drops.subscribe()
    }

    /// What the request described has to suffer; spends faults that are limited in number.
    pub(crate) fn meet(
        &self,
        verb: &str,
        resource: &str,
        namespace: &str,
        name: &str,
    ) -> Suffering {
        let mut active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        let mut suffering = Suffering::default();
        for fault in active.iter_mut() {
            let matches = |wanted: &str, got: &str| wanted.is_empty() || wanted == got;
            if !(matches(&fault.verb, verb)
                && matches(&fault.resource, resource)
                && matches(&fault.namespace, namespace)
                && matches(&fault.name, name))
            {
                continue;
            }
            let always = fault.rate <= 0.0 || fault.rate >= 1.0;
            if !always && rand::random::<f64>() >= fault.rate {
                continue;
            }
            suffering.latency += Duration::from_millis(fault.latency_ms);
            suffering.abort |= fault.abort;
            suffering.after |= fault.after;
            suffering.inside.repeat |= fault.repeat;
            if !fault.mutate.is_null() {
                suffering.inside.mutations.push(fault.mutate.clone());
            }
            if fault.status != 0 && suffering.answer.is_none() {
                suffering.answer = Some(fault.clone());
            }
            if fault.times > 0 {
                fault.times -= 1;
                if fault.times == 0 {
                    // Marked as spent; removed below.
                    fault.verb = SPENT.to_owned();
                }
            }
        }
        active.retain(|fault| fault.verb != SPENT);
        suffering
    }
}

/// No request has this verb.
const SPENT: &str = "\u{0}";
