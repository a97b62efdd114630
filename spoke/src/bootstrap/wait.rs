//! Waits until the cluster is connected, and says what happens, or what does not.

use std::io::Write;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::check::Checked;
use super::install::{Installed, deployments};
use super::{ACCOUNT, BootstrapError};
use crate::kube::progress::{self, Phase, Progress};
use crate::kube::{Call, Kube, Place, Resource};

/// Between two looks: people wait for seconds, and the API server answers in milliseconds.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What was seen in one look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    pod: String,
    progress: Option<Progress>,
}

/// Waits for `Connected`.
pub(super) async fn run(
    checked: &Checked,
    installed: &Installed,
    timeout: Duration,
    out: &mut (dyn Write + Send),
) -> Result<(), BootstrapError> {
    let namespace = &checked.install.namespace;
    let end = Instant::now() + timeout;
    let mut told = Told::default();
    let seconds = timeout.as_secs();
    writeln!(
        out,
        "waiting until the cluster is connected, {seconds} s at most"
    )?;
    loop {
        let seen = look(&checked.kube, namespace, installed).await;
        told.tell(&seen, out)?;
        if let Some(progress) = &seen.progress
            && progress.phase >= Phase::Connected
        {
            writeln!(out, "cluster {} is a member of the fleet", progress.cluster)?;
            return Ok(());
        }
        if Instant::now() >= end {
            return Err(not_connected(&seen, namespace, timeout));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// One look; what cannot be read now is looked at again.
async fn look(kube: &Kube, namespace: &str, installed: &Installed) -> Seen {
    let progress = progress::read(kube, namespace).await.ok().flatten();
    let old = |progress: &Progress| {
        installed.pod_changes && installed.instance_before.as_ref() == Some(&progress.instance)
    };
    Seen {
        pod: pod(kube, namespace).await,
        progress: progress.filter(|progress| !old(progress)),
    }
}

/// What the pod waits for, in words.
async fn pod(kube: &Kube, namespace: &str) -> String {
    let pods = Resource::core("pods", "Pod", true).path(Place {
        namespace,
        name: "",
    });
    let target = format!("{pods}?labelSelector=app.kubernetes.io%2Fname%3D{ACCOUNT}");
    let Ok(answer) = kube.call(Call::get(target)).await else {
        return "the API server does not answer".to_owned();
    };
    let items = answer.body.get("items").and_then(Value::as_array);
    match items.and_then(|items| items.last()) {
        Some(pod) => pod_words(pod),
        None => deployment(kube, namespace).await,
    }
}

fn pod_words(pod: &Value) -> String {
    let text = |value: &Value, pointer: &str| {
        let text = value.pointer(pointer).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    if let Some(container) = pod.pointer("/status/containerStatuses/0") {
        let reason = text(container, "/state/waiting/reason");
        return match reason.as_str() {
            "" if container.pointer("/state/running").is_some() => {
                "image pulled, agent running".to_owned()
            }
            "" => format!(
                "the agent stopped: {}",
                text(container, "/state/terminated/reason")
            ),
            "ContainerCreating" => "pod scheduled, image is being pulled".to_owned(),
            reason => match text(container, "/state/waiting/message").as_str() {
                "" => format!("pod waits: {reason}"),
                message => format!("pod waits: {reason}: {message}"),
            },
        };
    }
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
    let unscheduled = conditions.into_iter().flatten().find(|condition| {
        text(condition, "/type") == "PodScheduled" && text(condition, "/status") == "False"
    });
    match unscheduled {
        Some(condition) => format!("pod is not scheduled: {}", text(condition, "/message")),
        None => "pod created".to_owned(),
    }
}

async fn deployment(kube: &Kube, namespace: &str) -> String {
    let path = deployments().path(Place {
        namespace,
        name: ACCOUNT,
    });
    let Ok(answer) = kube.call(Call::get(path)).await else {
        return "the API server does not answer".to_owned();
    };
    let conditions = answer
        .body
        .pointer("/status/conditions")
        .and_then(Value::as_array);
    let failure = conditions
        .into_iter()
        .flatten()
        .find(|condition| condition.get("type").and_then(Value::as_str) == Some("ReplicaFailure"));
    match failure.and_then(|condition| condition.get("message")?.as_str()) {
        Some(message) => format!("no pod is created: {message}"),
        None => "no pod yet".to_owned(),
    }
}

/// What was said already, so that nothing is said twice.
#[derive(Default)]
struct Told {
    pod: String,
    phase: Option<Phase>,
    problem: String,
}

impl Told {
    fn tell(&mut self, seen: &Seen, out: &mut (dyn Write + Send)) -> std::io::Result<()> {
        let phase = seen.progress.as_ref().map(|progress| progress.phase);
        if phase.is_none() && seen.pod != self.pod {
            writeln!(out, "  {}", seen.pod)?;
            self.pod.clone_from(&seen.pod);
        }
        if phase > self.phase {
            let sentence = phase.map_or("", Phase::sentence);
            writeln!(out, "  {sentence}")?;
            self.phase = phase;
        }
        let problem = seen
            .progress
            .as_ref()
            .map_or("", |progress| progress.problem.as_str());
        if !problem.is_empty() && problem != self.problem {
            writeln!(out, "  {problem}")?;
            problem.clone_into(&mut self.problem);
        }
        Ok(())
    }
}

fn not_connected(seen: &Seen, namespace: &str, timeout: Duration) -> BootstrapError {
    let last = match &seen.progress {
        Some(progress) if !progress.problem.is_empty() => progress.problem.clone(),
        Some(progress) => progress.phase.sentence().to_owned(),
        None => seen.pod.clone(),
    };
    // Once its image ran, what the agent says tells more than what its pod is.
    let ran = seen.progress.is_some() || seen.pod.contains("agent");
    let look = match ran {
        true => format!("look at `kubectl --namespace {namespace} logs deployment/{ACCOUNT}`"),
        false => format!("look at `kubectl --namespace {namespace} describe pods`"),
    };
    BootstrapError::NotConnected {
        timeout,
        last,
        look: format!("{look}; the installation stays, and the same line can be run again"),
    }
}
