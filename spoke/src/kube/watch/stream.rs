//! One watch request: reads its events until it ends.

use std::time::Duration;

use capstan_spoke_core::event::WatchProblem;
use capstan_spoke_core::{Event, Observed};
use http_body_util::BodyExt as _;
use serde_json::Value;

use super::lines::Lines;
use super::{Task, problem, unknown};
use crate::kube::answer::StatusBody;
use crate::kube::{ApiError, Call};

/// Bookmarks come once a minute; two of them and ten seconds without anything mean that nobody is there.
const SILENCE_MAX: Duration = Duration::from_secs(130);

/// How a watch request ended.
pub(super) enum Ended {
    /// Here; nothing was missed so far.
    At(String),
    /// Something was missed.
    Gap,
    /// It could not be opened.
    Failed(WatchProblem),
}

/// What one line led to.
enum Line {
    Event(Event),
    Bookmark,
    Gap,
}

/// Follows from `version`.
pub(super) async fn follow(task: &mut Task, call: Call, mut version: String) -> Ended {
    let response = match task.shared.caller.kube().stream(call).await {
        Ok(response) => response,
        Err(error) => return Ended::Failed(unknown(crate::telemetry::chain(&error))),
    };
    if !response.status().is_success() {
        return refused(response).await;
    }
    let mut body = response.into_body();
    let mut lines = Lines::default();
    loop {
        let frame = match tokio::time::timeout(SILENCE_MAX, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            // Silence, the server's own end, or a broken connection: nothing that we know of was missed.
            Err(_) | Ok(None | Some(Err(_))) => return Ended::At(version),
        };
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if lines.push(&data).is_err() {
            return Ended::Gap;
        }
        while let Some(line) = lines.next() {
            match read(task, &line, &mut version) {
                Ok(Line::Event(event)) => task.tell(event).await,
                Ok(Line::Bookmark) => {}
                Ok(Line::Gap) => return Ended::Gap,
                Err(problem) => return Ended::Failed(problem),
            }
        }
    }
}

async fn refused(response: http::Response<kube::client::Body>) -> Ended {
    let code = response.status().as_u16();
    let bytes = match response.into_body().collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return Ended::Failed(unknown(format!("the watch was answered with {code}"))),
    };
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    match code {
        410 => Ended::Gap,
        _ => Ended::Failed(problem(&ApiError {
            status: StatusBody::read(code, &body),
            retry_after: None,
        })),
    }
}

/// Reads a line and moves `version` along.
fn read(task: &mut Task, line: &[u8], version: &mut String) -> Result<Line, WatchProblem> {
    let garbled = || unknown("the watch sent what is no event".to_owned());
    let mut event: Value = serde_json::from_slice(line).map_err(|_| garbled())?;
    let object = event
        .get_mut("object")
        .map(Value::take)
        .ok_or_else(garbled)?;
    let kind = event
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if kind == "ERROR" {
        let code = object.get("code").and_then(Value::as_u64);
        let status = StatusBody::read(
            code.and_then(|c| u16::try_from(c).ok()).unwrap_or(0),
            &object,
        );
        return match status.code == 410 || status.reason == "Expired" {
            true => Ok(Line::Gap),
            false => Err(problem(&ApiError {
                status,
                retry_after: None,
            })),
        };
    }
    let seen = object
        .pointer("/metadata/resourceVersion")
        .and_then(Value::as_str);
    *version = seen.ok_or_else(garbled)?.to_owned();
    task.mark.reach(version);
    if kind == "BOOKMARK" {
        return Ok(Line::Bookmark);
    }
    let observed = Observed::parse(&task.kind, object, task.full).ok_or_else(garbled)?;
    Ok(Line::Event(match kind {
        "DELETED" => Event::Vanished {
            key: observed.key,
            uid: observed.uid,
            resource_version: observed.resource_version,
        },
        _ => Event::Observed(Box::new(observed)),
    }))
}
