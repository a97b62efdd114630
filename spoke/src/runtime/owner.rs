//! The one owner of the agent: one loop, one queue of inputs, every effect executed in order and beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use capstan_proto::Moment;
use capstan_spoke_core::effect::{Decision, Ticket};
use capstan_spoke_core::{Agent, Effect, Event, Kind, Request, ToHub};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tonic::transport::Channel;

use super::Context;
use super::fetcher::Fetcher;
use super::writers::{Inventories, Keeper};
use crate::kube::notice::Notices;
use crate::kube::request::Caller;
use crate::kube::watch::Watches;
use crate::shutdown::Shutdown;

/// How long calls that are under way may take to end when the agent stops, of the 30 s that the pod is given. Their
/// own deadlines are longer (10 s for objects, 30 s for stored state): what is not answered by then is given up, and
/// the API server may still carry it out.
const DRAIN: Duration = Duration::from_secs(5);

/// How far time is moved on when the agent stops: past the core's longest collecting of inventory changes.
const CLOSING_TICK_MS: u64 = capstan_spoke_core::limits::INVENTORY_BATCH_MS;

/// What comes to the owner.
#[derive(Debug)]
pub(super) enum Input {
    /// Something that the core is told.
    Core(Box<Event>),
    /// The hub is reached: a session opens with the first message that is sent.
    HubUp(Up),
    /// The session is over.
    HubDown,
    /// Stored state was written by somebody else, or went back in time: it is to be read anew.
    Stale(String),
}

/// Why the owner ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// We were told to stop.
    Asked,
    /// What is stored is not what we think it is.
    Stale(String),
}

/// A connection to the hub, as far as the owner uses it.
#[derive(Clone, Debug)]
pub(super) struct Up {
    /// Messages to the hub; when it is full the session is given up, and the next one says everything again.
    pub(super) outbound: mpsc::Sender<ToHub>,
    /// For content.
    pub(super) channel: Channel,
}

/// What an owner is made of.
pub(super) struct Parts {
    pub(super) keeper: Keeper,
    pub(super) inventories: Inventories,
    pub(super) inputs: mpsc::Sender<Input>,
    pub(super) queue: mpsc::Receiver<Input>,
    /// The resource versions that the inventory knows, by kind.
    pub(super) seen: BTreeMap<Kind, u64>,
}

/// The agent and everything that executes its effects.
pub(super) struct Owner {
    agent: Agent,
    context: Context,
    parts: Parts,
    caller: Caller,
    watches: Watches,
    fetcher: Fetcher,
    notices: Notices,
    session: Option<Up>,
    tasks: JoinSet<()>,
    /// The core's time never runs backwards, whatever the clock does.
    told: Moment,
    /// Only what is durable is still written.
    closing: bool,
}

impl Owner {
    pub(super) fn new(context: &Context, parts: Parts) -> Self {
        let caller = Caller::new(context.kube.clone());
        let instance = context.instance.to_string();
        Self {
            agent: Agent::new(),
            watches: Watches::new(caller.clone(), events(&parts.inputs), parts.seen.clone()),
            fetcher: Fetcher::new(parts.inputs.clone(), context.metrics.clone()),
            notices: Notices::new(context.kube.clone(), &context.namespace, &instance),
            caller,
            context: context.clone(),
            parts,
            session: None,
            tasks: JoinSet::new(),
            told: now(),
            closing: false,
        }
    }

    /// Runs until the shutdown; then waits for the calls that are under way.
    pub(super) async fn run(&mut self, mut shutdown: Shutdown) -> Stop {
        let stop = loop {
            let wake = self.agent.poll_timeout().map(until);
            let tick = async {
                match wake {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = shutdown.wait() => break Stop::Asked,
                input = self.parts.queue.recv() => match input {
                    Some(Input::Stale(problem)) => break Stop::Stale(problem),
                    Some(input) => self.take(input),
                    None => break Stop::Asked,
                },
                () = tick => self.handle(Event::Tick),
                Some(_) = self.tasks.join_next() => {}
            }
        };
        if tokio::time::timeout(DRAIN, self.close()).await.is_err() {
            tracing::warn!("calls to the API server did not end in time");
        }
        stop
    }

    /// Begins nothing new; hears out the calls that are under way, and makes durable what was learnt from them.
    async fn close(&mut self) {
        self.closing = true;
        self.fetcher.cancel();
        self.watches.set(BTreeMap::new());
        loop {
            tokio::select! {
                biased;
                Some(input) = self.parts.queue.recv() => self.take(input),
                ended = self.tasks.join_next() => if ended.is_none() {
                    // The core collects knowledge for a while before it writes it; that while is over.
                    self.told = self.told.plus_ms(CLOSING_TICK_MS);
                    self.handle(Event::Tick);
                    if self.tasks.is_empty() {
                        return;
                    }
                },
            }
        }
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Core(event) => {
                if let Event::Discovered { kinds } = event.as_ref() {
                    let served = kinds.iter().filter(|(_, served)| {
                        matches!(served, capstan_spoke_core::event::Served::Yes { .. })
                    });
                    self.watches.served(served.map(|(kind, _)| kind));
                }
                if let Event::Stored(triple) = event.as_ref() {
                    let generation = i64::try_from(triple.number.generation.0).unwrap_or(i64::MAX);
                    self.context.metrics.generation.set(generation);
                }
                self.handle(*event);
            }
            Input::HubUp(up) => {
                self.session = Some(up);
                self.handle(Event::HubConnected);
            }
            Input::HubDown => {
                self.session = None;
                self.fetcher.cancel();
                self.handle(Event::HubDisconnected);
            }
            // Heard while closing: the next tenure reads everything anyway.
            Input::Stale(_) => {}
        }
    }

    /// Tells the core, and does what it says.
    pub(super) fn handle(&mut self, event: Event) {
        self.told = self.told.max(now());
        for effect in self.agent.handle(event, self.told) {
            self.execute(effect);
        }
    }

    fn execute(&mut self, effect: Effect) {
        let durable = matches!(effect, Effect::WriteInventory { .. } | Effect::Log(_));
        if self.closing && !durable {
            return;
        }
        match effect {
            Effect::Send(message) => self.send(message),
            Effect::FetchContent { digests } => match &self.session {
                Some(up) if !digests.is_empty() => {
                    self.fetcher.start(up.channel.clone(), digests);
                }
                _ => self.fetcher.cancel(),
            },
            Effect::Store(store) => self.parts.keeper.store(store),
            Effect::StoreHead(head) => self.parts.keeper.head(head),
            Effect::WriteInventory {
                bundle,
                version,
                rows,
            } => {
                let write = self.parts.inventories.write(bundle, version, rows);
                self.tasks.spawn(write);
            }
            Effect::Call { ticket, request } => self.call(ticket, request),
            Effect::Watch(kinds) => self.watches.set(kinds),
            Effect::Relist { kind } => self.watches.relist(&kind),
            Effect::Discover { kinds } => self.discover(kinds),
            Effect::Emit(notice) => self.notices.emit(&notice),
            Effect::Log(decision) => self.log(&decision),
        }
    }

    fn send(&mut self, message: ToHub) {
        let full = match &self.session {
            Some(up) => matches!(
                up.outbound.try_send(message),
                Err(mpsc::error::TrySendError::Full(_))
            ),
            None => false,
        };
        if full {
            tracing::warn!("the hub does not read; the session is given up");
            // Without a sender the hub's task ends the session and says so.
            self.session = None;
        }
    }

    fn call(&mut self, ticket: Ticket, request: Request) {
        let caller = self.caller.clone();
        let inputs = self.parts.inputs.clone();
        let metrics = self.context.metrics.clone();
        metrics.calls_in_flight.inc();
        self.tasks.spawn(async move {
            let outcome = caller.execute(&request).await;
            metrics.calls_in_flight.dec();
            drop(
                inputs
                    .send(Event::Answered { ticket, outcome }.into())
                    .await,
            );
        });
    }

    fn discover(&mut self, kinds: BTreeSet<Kind>) {
        let caller = self.caller.clone();
        let inputs = self.parts.inputs.clone();
        self.tasks.spawn(async move {
            let (discovery, problem) = caller.discover().await;
            let answer = |kind: &Kind| match problem {
                Some(_) => capstan_spoke_core::event::Served::Unknown,
                None => discovery.served(kind),
            };
            let kinds = kinds
                .into_iter()
                .map(|kind| {
                    let served = answer(&kind);
                    (kind, served)
                })
                .collect();
            drop(inputs.send(Event::Discovered { kinds }.into()).await);
        });
    }

    fn log(&self, decision: &Decision) {
        let metrics = &self.context.metrics;
        match decision {
            Decision::Drifted { .. } => drop(metrics.drifts.inc()),
            Decision::Healed(_) => drop(metrics.heals.inc()),
            Decision::Pruned(_) => drop(metrics.prunes.inc()),
            _ => {}
        }
        match decision {
            Decision::Taken { .. }
            | Decision::Pruned(_)
            | Decision::Released(_)
            | Decision::NotPruning { .. }
            | Decision::Drifted { .. }
            | Decision::Healed(_) => tracing::info!("{decision}"),
            Decision::Refused(_)
            | Decision::Fought { .. }
            | Decision::Failing { .. }
            | Decision::NotStored { .. } => tracing::warn!("{decision}"),
        }
    }
}

/// A sender of events that go into the same queue as every other input.
fn events(inputs: &mpsc::Sender<Input>) -> mpsc::Sender<Event> {
    // Small: it only hands on, so that order is kept and waiting reaches the sender.
    let (sender, mut queue) = mpsc::channel::<Event>(16);
    let inputs = inputs.clone();
    tokio::spawn(async move {
        while let Some(event) = queue.recv().await {
            if inputs.send(event.into()).await.is_err() {
                break;
            }
        }
    });
    sender
}

/// The clock, once for the whole process.
pub(super) fn now() -> Moment {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let ms = since.map_or(0, |since| since.as_millis());
    Moment::from_unix_ms(i64::try_from(ms).unwrap_or(i64::MAX))
}

fn until(moment: Moment) -> Duration {
    Duration::from_millis(moment.since_ms(now()))
}
