//! The Lease: one writer per cluster. Held before the agent connects, renews or writes.
//!
//! Somebody else's Lease ends [`DURATION`] after we saw its last renewal, by our own clock. It ends [`SETTLE`] after
//! we know that its holder runs no more, which the holder's trace in an annotation may tell (`lease/process`).

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

mod process;

pub use process::{POD_UID, Process};

use super::{ApiError, Call, CallError, Kube, Place, Resource};

/// The Lease's name.
pub const NAME: &str = "capstan-spoke";

/// How long the Lease holds after its last renewal. A successor waits this long after a crash, and not at all after
/// a clean shutdown.
pub const DURATION: Duration = Duration::from_secs(15);

/// Between two renewals: two may fail before [`STOP_AFTER`].
pub const RENEW_EVERY: Duration = Duration::from_secs(5);

/// So long after the last renewal the agent stops: no write begins any more, and those that are under way are given
/// up. The three seconds until a successor may begin are for what the API server still carries out of them, and for
/// clocks that run differently. A server that holds a write back for longer may carry it out later.
pub const STOP_AFTER: Duration = Duration::from_secs(12);

/// So long a successor waits in any case before it begins, for what the API server still carries out of a holder that
/// has stopped or is dead.
pub const SETTLE: Duration = DURATION.saturating_sub(STOP_AFTER);

/// Annotation with the holder's trace. Written in the same request as the holder, so that it is always of the same.
const PROCESS: &str = "capstan.dev/process";

/// One call of an attempt, which makes up to three; shorter than [`RENEW_EVERY`], so that one that hangs leaves
/// time for another attempt. Whoever keeps the Lease ends an attempt at [`STOP_AFTER`].
const DEADLINE: Duration = Duration::from_secs(4);

/// Why the Lease could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// No answer.
    #[error("the Lease {NAME} could not be kept")]
    Call(#[from] CallError),
    /// A refusal.
    #[error("the Lease {NAME} was refused")]
    Refused(#[from] ApiError),
}

/// How an attempt to hold the Lease went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// It is ours.
    Held,
    /// Somebody else has it.
    HeldBy(String),
}

/// What was seen last of somebody else's Lease: it counts by our clock, not by the time that stands in it.
#[derive(Debug, Default)]
struct Watched(Option<Seen>);

/// One renewal that was seen.
#[derive(Clone, Debug)]
struct Seen {
    holder: String,
    renewed: String,
    since: Instant,
    /// Since when it is known that the holder runs no more.
    ended: Option<Instant>,
}

/// Our side of the Lease.
#[derive(Debug)]
pub struct Lease {
    kube: Kube,
    namespace: String,
    instance: String,
    process: Option<Process>,
    watched: Watched,
    /// Whether it may be ours: it was seen so, or a write that makes it so was begun and is not known to have failed.
    may_be_ours: bool,
    /// The version that we wrote last: as long as nobody else writes, one request extends the Lease.
    version: Option<String>,
}

impl Lease {
    /// The Lease of the agent in `namespace`, to be held as `instance`.
    #[must_use]
    pub fn new(kube: Kube, namespace: &str, instance: &str) -> Self {
        Self {
            kube,
            namespace: namespace.to_owned(),
            instance: instance.to_owned(),
            process: None,
            watched: Watched::default(),
            may_be_ours: false,
            version: None,
        }
    }

    /// With a trace of this process, so that a successor on the same machine, or in the same pod, can know its end.
    #[must_use]
    pub fn traced(mut self, process: Option<Process>) -> Self {
        self.process = process;
        self
    }

    fn path(&self, name: &str) -> String {
        let resource = Resource {
            group: "coordination.k8s.io".to_owned(),
            version: "v1".to_owned(),
            plural: "leases".to_owned(),
            kind: "Lease".to_owned(),
            namespaced: true,
        };
        resource.path(Place {
            namespace: &self.namespace,
            name,
        })
    }

    /// Takes or extends the Lease, unless somebody else holds it.
    ///
    /// # Errors
    /// When the API server does not say.
    pub async fn attempt(&mut self, now: time::OffsetDateTime) -> Result<Attempt, LeaseError> {
        if let Some(version) = self.version.take() {
            let call = Call::put(self.path(NAME), &self.body(now, Some(&version)));
            if self.settle(call).await? == Attempt::Held {
                return Ok(Attempt::Held);
            }
        }
        let answer = self.call(Call::get(self.path(NAME))).await?;
        if answer.failure().says_gone("leases", NAME) {
            self.may_be_ours = false;
            let call = Call::post(self.path(""), &self.body(now, None));
            return self.settle(call).await;
        }
        let body = answer.success()?;
        let text = |pointer: &str| {
            body.pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let holder = text("/spec/holderIdentity");
        let renewed = text("/spec/renewTime");
        let trace = text(&format!(
            "/metadata/annotations/{}",
            PROCESS.replace('/', "~1")
        ));
        let ended = knows_ended(self.process.as_ref(), trace);
        self.may_be_ours = holder == self.instance;
        let others = !holder.is_empty() && !self.may_be_ours;
        let now_here = Instant::now();
        if others && !self.watched.is_over((holder, renewed), ended, now_here) {
            return Ok(Attempt::HeldBy(holder.to_owned()));
        }
        let version = text("/metadata/resourceVersion");
        let call = Call::put(self.path(NAME), &self.body(now, Some(version)));
        self.settle(call).await
    }

    /// Gives the Lease up where it is ours, so that a successor need not wait. Nothing is asked where it cannot be.
    ///
    /// # Errors
    /// When the API server does not say; the Lease then ends by itself.
    pub async fn release(&mut self, now: time::OffsetDateTime) -> Result<(), LeaseError> {
        if !self.may_be_ours {
            return Ok(());
        }
        let answer = self.call(Call::get(self.path(NAME))).await?;
        if answer.failure().says_gone("leases", NAME) {
            return Ok(());
        }
        let body = answer.success()?;
        if body.pointer("/spec/holderIdentity").and_then(Value::as_str) != Some(&self.instance) {
            return Ok(());
        }
        let version = body
            .pointer("/metadata/resourceVersion")
            .and_then(Value::as_str);
        let mut released = self.body(now, version);
        released["spec"]["holderIdentity"] = Value::from("");
        released["spec"]["leaseDurationSeconds"] = Value::from(1);
        released["metadata"]["annotations"] = json!({});
        self.call(Call::put(self.path(NAME), &released))
            .await?
            .success()?;
        Ok(())
    }

    async fn settle(&mut self, call: Call) -> Result<Attempt, LeaseError> {
        // Before it is sent: whoever gives this attempt up does not know how it ended.
        self.may_be_ours = true;
        let answer = self.call(call).await?;
        // 404: somebody deleted it; it is made anew with the next attempt.
        if matches!(answer.status, 404 | 409) {
            self.may_be_ours = false;
            return Ok(Attempt::HeldBy("another process".to_owned()));
        }
        let body = answer.success()?;
        let version = body
            .pointer("/metadata/resourceVersion")
            .and_then(Value::as_str);
        self.version = version.map(str::to_owned);
        Ok(Attempt::Held)
    }

    async fn call(&self, call: Call) -> Result<super::Answer, CallError> {
        self.kube.call(call.deadline(DEADLINE)).await
    }

    fn body(&self, now: time::OffsetDateTime, version: Option<&str>) -> Value {
        let now = micro_time(now);
        let mut body = json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": NAME, "namespace": self.namespace},
            "spec": {
                "holderIdentity": self.instance,
                "leaseDurationSeconds": DURATION.as_secs(),
                "acquireTime": now,
                "renewTime": now,
            },
        });
        if let Some(process) = &self.process {
            body["metadata"]["annotations"] = json!({PROCESS: process.to_text()});
        }
        if let Some(version) = version {
            body["metadata"]["resourceVersion"] = Value::from(version);
        }
        body
    }
}

impl Watched {
    /// Whether somebody's Lease, as it is `seen` at `now` (its holder and last renewal), has run out by our own clock,
    /// or its holder has ended long enough ago.
    fn is_over(&mut self, seen: (&str, &str), ended: bool, now: Instant) -> bool {
        let (holder, renewed) = seen;
        let same = |seen: &Seen| seen.holder == holder && seen.renewed == renewed;
        let mut seen = match self.0.take().filter(same) {
            Some(seen) => seen,
            None => Seen {
                holder: holder.to_owned(),
                renewed: renewed.to_owned(),
                since: now,
                ended: None,
            },
        };
        // What was known once is not known any more where it does not show again.
        seen.ended = ended.then_some(seen.ended.unwrap_or(now));
        let known = seen
            .ended
            .is_some_and(|at| now.duration_since(at) >= SETTLE);
        let over = known || now.duration_since(seen.since) >= DURATION;
        self.0 = Some(seen);
        over
    }
}

/// Whether `ours` knows from the holder's trace that the holder runs no more.
fn knows_ended(ours: Option<&Process>, trace: &str) -> bool {
    match (ours, Process::parse(trace)) {
        (Some(ours), Some(theirs)) => ours.knows_ended(&theirs),
        _ => false,
    }
}

/// `MicroTime` as Kubernetes writes it.
#[must_use]
pub fn micro_time(now: time::OffsetDateTime) -> String {
    let now = now.to_offset(time::UtcOffset::UTC);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
        now.year(),
        u8::from(now.month()),
        now.day(),
        now.hour(),
        now.minute(),
        now.second(),
        now.microsecond()
    )
}

#[cfg(test)]
mod tests;
