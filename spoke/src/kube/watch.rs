//! Watches, one task a kind: list, follow, resume, and list again when anything was missed.
//!
//! A watch asks for the label `capstan.dev/bundle`, whatever its value, and for metadata only unless health needs
//! the status. Before it resumes it asks whether the server's storage is still as new as what it saw (K4): a server
//! restored from a backup accepts the old resource version and stays silent. What an event means is judged by the core.

mod history;
mod lines;
mod stream;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use capstan_spoke_core::effect::Watch;
use capstan_spoke_core::event::WatchProblem;
use capstan_spoke_core::{Event, Kind, Observed, Outcome};
use http::StatusCode;
use serde_json::Value;
use tokio::sync::{Notify, mpsc};
use tokio_util::task::AbortOnDropHandle;

use super::call::{LIST_DEADLINE, PARTIAL, PARTIAL_LIST};
use super::request::Caller;
use super::resource::encode;
use super::{Answer, BUNDLE_LABEL, Call, Place, Resource};
use crate::link::Backoff;
use history::{History, Mark, Restore};
use stream::Ended;

/// Objects a page: 500 is what the API server's own clients ask for.
const PAGE: usize = 500;

/// A resume check that says "too new" for so long means that the server's storage went back in time: a server that
/// merely lags behind its etcd catches up within seconds.
const RESTORED_AFTER: Duration = Duration::from_secs(30);

/// Between two resume checks.
const CHECK_EVERY: Duration = Duration::from_secs(2);

/// All watches of an agent.
#[derive(Debug)]
pub struct Watches {
    shared: Shared,
    running: BTreeMap<Kind, Running>,
}

#[derive(Debug)]
struct Running {
    how: Watch,
    nudge: Arc<Notify>,
    failing: Arc<AtomicBool>,
    _task: AbortOnDropHandle<()>,
}

/// What every watch task has.
#[derive(Clone, Debug)]
struct Shared {
    caller: Caller,
    events: mpsc::Sender<Event>,
    history: Arc<History>,
}

impl Watches {
    /// No watches yet. Events go to `events`; `seen` are the resource versions that an earlier process saw, by kind.
    #[must_use]
    pub fn new(caller: Caller, events: mpsc::Sender<Event>, seen: BTreeMap<Kind, u64>) -> Self {
        Self {
            shared: Shared {
                caller,
                events,
                history: Arc::new(History::new(seen)),
            },
            running: BTreeMap::new(),
        }
    }

    /// Watches exactly these kinds.
    pub fn set(&mut self, wanted: BTreeMap<Kind, Watch>) {
        self.running
            .retain(|kind, running| wanted.get(kind).is_some_and(|how| same(how, &running.how)));
        for (kind, how) in wanted {
            match self.running.get_mut(&kind) {
                None => {
                    let running = start(self.shared.clone(), kind.clone(), how);
                    self.running.insert(kind, running);
                }
                Some(running) if running.how != how => {
                    running.how = how;
                    running.nudge.notify_one();
                }
                Some(_) => {}
            }
        }
    }

    /// Kinds that discovery now serves: a watch that waits after a failure tries at once.
    pub fn served<'a>(&self, kinds: impl Iterator<Item = &'a Kind>) {
        for running in kinds.filter_map(|kind| self.running.get(kind)) {
            if running.failing.load(Ordering::Relaxed) {
                running.nudge.notify_one();
            }
        }
    }

    /// Lists a kind anew; one that waits after a failure tries at once.
    pub fn relist(&self, kind: &Kind) {
        if let Some(running) = self.running.get(kind) {
            running.nudge.notify_one();
        }
    }
}

/// Secrets are watched by label whatever names are asked for: other names only want another list.
fn same(a: &Watch, b: &Watch) -> bool {
    matches!((a, b), (Watch::Named(_), Watch::Named(_))) || a == b
}

fn start(shared: Shared, kind: Kind, how: Watch) -> Running {
    let nudge = Arc::new(Notify::new());
    let failing = Arc::new(AtomicBool::new(false));
    let task = Task {
        mark: shared.history.begin(&kind),
        shared,
        kind,
        full: how == Watch::Full,
        nudge: nudge.clone(),
        failing: failing.clone(),
        problem: None,
        backoff: Backoff::quick(),
    };
    Running {
        how,
        nudge,
        failing,
        _task: AbortOnDropHandle::new(tokio::spawn(task.run())),
    }
}

/// One kind's watch.
struct Task {
    shared: Shared,
    mark: Mark,
    kind: Kind,
    full: bool,
    nudge: Arc<Notify>,
    failing: Arc<AtomicBool>,
    problem: Option<WatchProblem>,
    backoff: Backoff,
}

/// Why following ended.
enum Next {
    /// From this resource version on, after the resume check.
    Resume(String),
    /// Everything again.
    List,
}

impl Task {
    async fn run(mut self) {
        loop {
            let problem = match self.list_and_follow().await {
                Ok(never) => match never {},
                Err(problem) => problem,
            };
            let wait = self.backoff.failed(rand::random(), None);
            self.failing.store(true, Ordering::Relaxed);
            if self.problem.as_ref() != Some(&problem) {
                self.problem = Some(problem.clone());
                let kind = self.kind.clone();
                self.tell(Event::WatchFailed { kind, problem }).await;
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.nudge.notified() => {}
            }
        }
    }

    async fn tell(&self, event: Event) {
        // The receiver is gone when the agent stops; this task is aborted with it.
        drop(self.shared.events.send(event).await);
    }

    /// Ends only with a problem.
    async fn list_and_follow(&mut self) -> Result<std::convert::Infallible, WatchProblem> {
        let resource = self.locate().await?;
        let mut version = self.list(&resource).await?;
        loop {
            match self.follow(&resource, version).await? {
                Next::List => version = self.list(&resource).await?,
                Next::Resume(from) => match self.may_resume(&resource, &from).await? {
                    true => version = from,
                    false => version = self.list(&resource).await?,
                },
            }
        }
    }

    async fn locate(&self) -> Result<Resource, WatchProblem> {
        match self.shared.caller.locate(&self.kind, None).await {
            Ok(resource) => Ok(resource),
            Err(Outcome::NotServed) => Err(WatchProblem::NotServed),
            Err(Outcome::DiscoveryFailed { detail }) => Err(WatchProblem::Unknown { detail }),
            Err(other) => Err(unknown(format!("{other:?}"))),
        }
    }

    fn target(&self, resource: &Resource, query: &str) -> String {
        let path = resource.path(Place {
            namespace: "",
            name: "",
        });
        format!("{path}?labelSelector={}&{query}", encode(BUNDLE_LABEL))
    }

    /// One page, or one question that is asked like one.
    async fn ask(
        &self,
        resource: &Resource,
        query: &str,
        full: bool,
    ) -> Result<Answer, WatchProblem> {
        let mut call = Call::get(self.target(resource, query)).deadline(LIST_DEADLINE);
        if !full {
            call = call.accept(PARTIAL_LIST);
        }
        let answer = self.shared.caller.kube().call(call).await;
        answer.map_err(|error| unknown(crate::telemetry::chain(&error)))
    }

    /// Reads every page and hands the list over; gives the version to follow from.
    async fn list(&mut self, resource: &Resource) -> Result<String, WatchProblem> {
        let mut objects = Vec::new();
        let mut token = String::new();
        loop {
            let query = match token.is_empty() {
                true => format!("limit={PAGE}"),
                false => format!("limit={PAGE}&continue={}", encode(&token)),
            };
            let answer = self.ask(resource, &query, self.full).await?;
            if answer.status == StatusCode::GONE.as_u16() && !token.is_empty() {
                // The server forgot where the page was: from the beginning.
                objects.clear();
                token.clear();
                continue;
            }
            let mut page = answer.success().map_err(|error| problem(&error))?;
            for item in items(&mut page)? {
                objects.push(self.read(item)?);
            }
            let metadata = |name| {
                page.pointer(name)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
            };
            token = metadata("/metadata/continue").to_owned();
            if token.is_empty() {
                let version = metadata("/metadata/resourceVersion").to_owned();
                let history = self.shared.history.clone();
                if let Some(restore) = history.listed(&mut self.mark, &version).await {
                    self.tell_of(restore).await;
                }
                self.listed(objects).await;
                return Ok(version);
            }
        }
    }

    async fn listed(&mut self, objects: Vec<Observed>) {
        self.problem = None;
        self.failing.store(false, Ordering::Relaxed);
        self.backoff.succeeded();
        let kind = self.kind.clone();
        self.tell(Event::Listed { kind, objects }).await;
    }

    fn read(&self, item: Value) -> Result<Observed, WatchProblem> {
        Observed::parse(&self.kind, item, self.full)
            .ok_or_else(|| unknown("the list holds an object without name or UID".to_owned()))
    }

    /// Follows until the stream ends in a way that asks for something else.
    async fn follow(&mut self, resource: &Resource, version: String) -> Result<Next, WatchProblem> {
        let target = self.target(
            resource,
            &format!(
                "watch=1&allowWatchBookmarks=true&timeoutSeconds={}&resourceVersion={}",
                290 + u32::from(rand::random::<u8>()) / 8,
                encode(&version)
            ),
        );
        let mut call = Call::get(target);
        if !self.full {
            call = call.accept(PARTIAL);
        }
        let history = self.shared.history.clone();
        let moved = history.moved.notified();
        tokio::pin!(moved);
        moved.as_mut().enable();
        if history.moved_since(&self.mark).await {
            return Ok(Next::List);
        }
        let nudge = self.nudge.clone();
        tokio::select! {
            () = moved => Ok(Next::List),
            () = nudge.notified() => Ok(Next::List),
            ended = stream::follow(self, call, version) => match ended {
                Ended::At(version) => Ok(Next::Resume(version)),
                Ended::Gap => Ok(Next::List),
                Ended::Failed(problem) => Err(problem),
            },
        }
    }

    /// Whether what we saw last is still part of the server's past (K4).
    async fn may_resume(
        &mut self,
        resource: &Resource,
        version: &str,
    ) -> Result<bool, WatchProblem> {
        let query = format!(
            "limit=1&resourceVersion={}&resourceVersionMatch=NotOlderThan",
            encode(version)
        );
        let started = tokio::time::Instant::now();
        loop {
            let answer = self.ask(resource, &query, false).await?;
            if answer.ok() {
                return Ok(true);
            }
            let failure = answer.failure();
            if failure.code == StatusCode::GONE.as_u16() {
                return Ok(false);
            }
            if !failure.has_cause("ResourceVersionTooLarge") {
                return Err(problem(&super::ApiError {
                    status: failure,
                    retry_after: None,
                }));
            }
            if started.elapsed() >= RESTORED_AFTER {
                let history = self.shared.history.clone();
                if let Some(restore) = history.resumed_too_far(&self.mark).await {
                    self.tell_of(restore).await;
                }
                return Ok(false);
            }
            tokio::time::sleep(CHECK_EVERY).await;
        }
    }

    async fn tell_of(&mut self, restore: Restore<'_>) {
        tracing::warn!(kind = %self.kind, "the API server's storage went back in time; everything is listed anew");
        self.tell(Event::ClusterRestored).await;
        restore.told(&mut self.mark);
    }
}

/// What a page holds; an answer without `items` is no empty page. Some servers write an empty one as `null`.
fn items(page: &mut Value) -> Result<Vec<Value>, WatchProblem> {
    let lists = is_list(page);
    match page.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) => Ok(items),
        Some(Value::Null) if lists => Ok(Vec::new()),
        _ => Err(unknown("the answer to a list holds no items".to_owned())),
    }
}

/// Whether an answer says of itself that it is a list.
pub(super) fn is_list(body: &Value) -> bool {
    let kind = body.get("kind").and_then(Value::as_str);
    kind.is_some_and(|kind| kind.ends_with("List"))
}

fn unknown(detail: String) -> WatchProblem {
    WatchProblem::Unknown { detail }
}

fn problem(error: &super::ApiError) -> WatchProblem {
    let detail = crate::link::first_line(&error.to_string());
    match error.status.code {
        403 => WatchProblem::Forbidden { detail },
        _ => WatchProblem::Unknown { detail },
    }
}

#[cfg(test)]
mod tests;
