//! The loop: takes events, lets [`State`] decide what follows, and carries that out.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use capstan_hub_core::desired::Removal;
use capstan_proto::{ClusterName, Digest, Incarnation, Moment, Number};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::State;
use super::effect::Effect;
use super::event::{Event, Lacks, SessionId};
use super::memory::{self, Seen};
use super::numbers::{BLOCK, NumberError, block_end, check_raise};
use super::pass::{self, Input};
use super::picture::Picture;
use super::settling::Ticket;
use super::shelf::{Shelving, Writing};
use super::{pins, previous, rename};
use crate::clock;
use crate::ledger::records::{
    Generations, IncarnationRecord, Quarantine, RecordError, Records, Recovering, RemovalBatch,
    Update, keys,
};
use crate::metrics::Metrics;
use crate::store::{Store, StoreError};
use crate::telemetry::chain;
use crate::tls::Connections;

/// Events that may wait. Senders wait when there are more: 10,000 spokes' heartbeats are 667 a second, of 1 KB each.
pub(crate) const EVENTS_MAX: usize = 1_024;

/// Pictures are taken at most this often: ten a second are more than a person sees.
const PICTURE_EVERY: Duration = Duration::from_millis(100);

/// And never more often than this many times the time that one takes: with 10,000 clusters that is some 50 ms, and a
/// tenth of one core is what showing the fleet may cost.
const PICTURE_SHARE: u32 = 10;

/// That clusters were heard again is shown this often: a person reads ages in seconds.
const AGES_EVERY: Duration = Duration::from_secs(1);

/// When the next picture may be taken: the first news after a quiet time at once, those that follow a little later.
#[derive(Clone, Copy, Debug)]
struct Pace {
    news_at: Instant,
    ages_at: Instant,
}

impl Pace {
    /// The first picture is taken at once.
    const fn new(now: Instant) -> Self {
        Self {
            news_at: now,
            ages_at: now,
        }
    }

    const fn due(self, lacks: Lacks) -> Instant {
        match lacks {
            Lacks::News => self.news_at,
            Lacks::Nothing | Lacks::Ages => self.ages_at,
        }
    }

    /// A picture was taken, from one moment to another.
    fn taken(&mut self, began: Instant, ended: Instant) {
        let wait = PICTURE_EVERY.max((ended - began) * PICTURE_SHARE);
        self.news_at = ended + wait;
        self.ages_at = ended + wait.max(AGES_EVERY);
    }
}

/// How long a closing message may take to reach the spoke before its connection is cut.
const LAST_WORDS: Duration = Duration::from_millis(250);

/// What the loop works with.
#[derive(Debug)]
pub(crate) struct Hands {
    /// For events that come back from work beside the loop.
    pub(crate) events: mpsc::Sender<Event>,
    /// Readers' picture.
    pub(crate) pictures: watch::Sender<Arc<Picture>>,
    /// Content.
    pub(crate) shelving: Shelving,
    /// What survives a restart, derived.
    pub(crate) store: Arc<Store>,
    /// What must never be lost.
    pub(crate) records: Records,
    /// The spokes' connections.
    pub(crate) connections: Connections,
    /// Counts.
    pub(crate) metrics: Metrics,
}

/// Runs until the last sender of events is gone.
pub(crate) async fn run(mut state: State, mut hands: Hands, mut events: mpsc::Receiver<Event>) {
    let mut tick = interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut pace = Pace::new(Instant::now());
    let mut unkept = false;
    loop {
        let lacks = state.lacks();
        let event = tokio::select! {
            event = events.recv() => match event {
                Some(event) => Some(event),
                None => return,
            },
            _ = tick.tick() => Some(Event::Tick),
            () = tokio::time::sleep_until(pace.due(lacks)), if lacks != Lacks::Nothing => None,
        };
        let began = Instant::now();
        if !unkept && let Some(reason) = hands.store.read_only() {
            unkept = true;
            for effect in state.handle(Event::StoreFailed(reason), clock::now()) {
                hands.carry_out(effect);
            }
        }
        if let Some(event) = event {
            if let Event::Shelved(digests) = &event {
                hands.shelving.kept(digests.clone());
            }
            for effect in state.handle(event, clock::now()) {
                hands.carry_out(effect);
            }
        }
        let taking = Instant::now();
        if taking >= pace.due(state.lacks())
            && let Some(effect) = state.picture(clock::now())
        {
            hands.carry_out(effect);
            pace.taken(taking, Instant::now());
        }
        hands.measure(began.elapsed());
    }
}

impl Hands {
    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Pass(input) => self.pass(*input),
            Effect::Show(picture) => {
                self.pictures.send_replace(Arc::from(picture));
            }
            Effect::Shelve(content) => {
                if let Some(writing) = self.shelving.add(content) {
                    self.shelve(writing);
                }
            }
            Effect::GiveUp(digests, age) => self.give_up(&digests, age),
            Effect::Remember(which, cluster, remembered) => {
                self.stored(memory::remember(&self.store, which, &cluster, &remembered));
            }
            Effect::RememberSelected(changes) => {
                self.stored(previous::remember(&self.store, changes));
            }
            Effect::RememberPins(changes) => self.stored(pins::remember(&self.store, changes)),
            Effect::RememberSeen(cluster, at, agent) => {
                let seen = Seen {
                    at_unix_ms: at.unix_ms(),
                    agent,
                };
                self.stored(memory::remember_seen(&self.store, &cluster, &seen));
            }
            Effect::RememberLife(at) => self.stored(memory::remember_life(&self.store, at)),
            Effect::RememberStates(cluster, changes) => {
                for (bundle, state) in changes {
                    let state = state.as_ref();
                    self.stored(memory::remember_state(
                        &self.store,
                        &cluster,
                        &bundle,
                        state,
                    ));
                }
            }
            Effect::Reserve => self.ledger(reserve),
            Effect::Raise(above) => self.ledger(move |records| raise(records, above)),
            Effect::Recovering(cluster, claimed, session) => {
                self.ledger(move |records| recovering(records, cluster, (claimed, session)));
            }
            Effect::Quarantine(cluster, reason) => {
                self.ledger(move |records| quarantine(records, cluster, reason));
            }
            Effect::Rename(rename) => {
                let store = Arc::clone(&self.store);
                self.ledger(move |records| async move {
                    Ok(Some(rename::write(records, store, rename).await?))
                });
            }
            Effect::Forget(cluster, bundles) => {
                self.stored(memory::forget(&self.store, &cluster, &bundles));
            }
            Effect::LogRemovals(ticket, removals, begin) => {
                let store = Arc::clone(&self.store);
                self.ledger(move |records| settle(records, store, (ticket, removals, begin)));
            }
            Effect::CloseConnection(connection) => {
                self.later(move |connections| connections.close(connection));
            }
            Effect::CloseCluster(cluster) => {
                // Who connects from now on is told what holds now.
                let open = self.connections.of_cluster(cluster);
                self.later(move |connections| {
                    for connection in open {
                        connections.close(connection);
                    }
                });
            }
        }
    }

    fn pass(&self, mut input: Input) {
        let events = self.events.clone();
        let content = self.shelving.content();
        let working = tokio::task::spawn_blocking(move || {
            input.read_policies(&content);
            pass::run(input)
        });
        tokio::spawn(async move {
            match working.await {
                Ok(outcome) => tell(&events, Event::Passed(Box::new(outcome))).await,
                Err(error) => {
                    let reason = format!("a pass panicked: {error}");
                    tell(&events, Event::PassFailed(reason)).await;
                }
            }
        });
    }

    fn shelve(&self, writing: Writing) {
        let events = self.events.clone();
        tokio::spawn(async move {
            if let Ok(written) = tokio::task::spawn_blocking(move || writing.write()).await {
                tell(&events, Event::Shelved(written)).await;
            }
        });
    }

    fn give_up(&mut self, digests: &BTreeSet<Digest>, age: Duration) {
        let content = self.shelving.give_up(digests);
        tokio::task::spawn_blocking(move || match content.remove_doomed(age) {
            Ok(removed) => tracing::debug!(removed, "removed content that nobody needs"),
            Err(error) => tracing::warn!(error = chain(&error), "old content was not removed"),
        });
    }

    /// Runs a write to the ledger beside the loop.
    fn ledger<F>(&self, write: impl FnOnce(Records) -> F)
    where
        F: Future<Output = Written> + Send + 'static,
    {
        let events = self.events.clone();
        let writing = write(self.records.clone());
        tokio::spawn(async move {
            match writing.await {
                Ok(None) => {}
                Ok(Some(event)) => tell(&events, event).await,
                Err(WriteError::Numbers(error @ NumberError::Strange(_))) => {
                    tracing::error!(error = chain(&error), "numbers stay as they are");
                }
                Err(error) => {
                    let reason = chain(&error);
                    tracing::error!(reason, "the ledger refused a write");
                    tell(&events, Event::LedgerFailed(reason)).await;
                }
            }
        });
    }

    fn later(&self, close: impl FnOnce(Connections) + Send + 'static) {
        let connections = self.connections.clone();
        tokio::spawn(async move {
            tokio::time::sleep(LAST_WORDS).await;
            close(connections);
        });
    }

    /// The store fails by itself and says so in `/readyz`; nothing waits for it.
    fn stored(&self, outcome: Result<(), StoreError>) {
        if let Err(error) = outcome {
            tracing::debug!(error = chain(&error), "not kept over a restart");
        }
    }

    fn measure(&self, took: Duration) {
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        if ms > self.metrics.longest_event_ms.get() {
            self.metrics.longest_event_ms.set(ms);
        }
    }
}

async fn tell(events: &mpsc::Sender<Event>, event: Event) {
    if events.send(event).await.is_err() {
        tracing::debug!("work beside the loop ended after the loop");
    }
}

/// Why something was not written down.
#[derive(Debug, thiserror::Error)]
enum WriteError {
    /// The ledger fails.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Numbers cannot be reserved.
    #[error(transparent)]
    Numbers(#[from] NumberError),
}

type Written = Result<Option<Event>, WriteError>;

async fn reserve(records: Records) -> Written {
    let first = records.reserve_generations(BLOCK).await?;
    let incarnation = records
        .get(&keys::incarnation())
        .await?
        .map(|read| read.value.incarnation);
    reserved(first, incarnation)
}

fn reserved(first: u64, incarnation: Option<Incarnation>) -> Written {
    let end = block_end(first)?;
    Ok(incarnation.map(|incarnation| Event::Reserved {
        first,
        end,
        incarnation,
    }))
}

/// Reserves numbers above one that a restored ledger does not know of; where that one is of a later incarnation, another
/// incarnation begins.
async fn raise(records: Records, above: Number) -> Written {
    check_raise(above)?;
    let now = clock::now();
    let random = rand::random();
    let record = records
        .update(&keys::incarnation(), |read| match read {
            Some(read) if read.incarnation >= above.incarnation => Update::Keep,
            _ => Update::Put(IncarnationRecord::after(
                Some(above.incarnation),
                now,
                random,
            )),
        })
        .await?;
    let generation = above.generation.0;
    records
        .update(&keys::generations(), |read| match read {
            Some(read) if read.next > generation => Update::Keep,
            _ => Update::Put(Generations {
                next: generation.saturating_add(1),
            }),
        })
        .await?;
    let first = records.reserve_generations(BLOCK).await?;
    reserved(first, record.map(|record| record.incarnation))
}

async fn recovering(
    records: Records,
    cluster: ClusterName,
    (claimed, session): (Option<Digest>, Option<SessionId>),
) -> Written {
    let since_unix_ms = clock::now().unix_ms();
    let decide = |read: Option<&Recovering>| match (claimed, read) {
        (Some(claimed), None) => Update::Put(Recovering {
            since_unix_ms,
            claimed,
        }),
        (None, Some(_)) => Update::Delete,
        (Some(_), Some(_)) | (None, None) => Update::Keep,
    };
    records.update(&keys::recovering(&cluster), decide).await?;
    Ok(session.map(|session| Event::Recorded { cluster, session }))
}

async fn quarantine(records: Records, cluster: ClusterName, reason: String) -> Written {
    let since_unix_ms = clock::now().unix_ms();
    records
        .update(&keys::registration(&cluster), |read| match read {
            Some(read) if read.quarantine.is_none() => {
                let quarantine = Quarantine {
                    since_unix_ms,
                    reason: reason.clone(),
                };
                let mut registration = read.clone();
                registration.quarantine = Some(quarantine);
                Update::Put(registration)
            }
            _ => Update::Keep,
        })
        .await?;
    Ok(None)
}

/// Brings what clusters are given to the disk, writes removals down, and forgets those from before the window.
async fn settle(
    records: Records,
    store: Arc<Store>,
    (ticket, removals, begin): (Ticket, Vec<Removal>, Moment),
) -> Written {
    // A store that fails says so by itself, and nothing is removed anywhere from then on.
    let flushed = tokio::task::spawn_blocking(move || store.flush()).await;
    log_removals(records, removals, begin).await?;
    Ok(matches!(flushed, Ok(Ok(()))).then_some(Event::Settled(ticket)))
}

async fn log_removals(
    records: Records,
    removals: Vec<Removal>,
    begin: Moment,
) -> Result<(), RecordError> {
    let at = clock::now();
    for (part, batch) in (0..).zip(RemovalBatch::split(removals)) {
        records
            .update(&keys::removals(at, part), |_| Update::Put(batch.clone()))
            .await?;
    }
    let (batches, _) = records.list(&keys::removal_log()).await?;
    for batch in batches {
        let entries = &batch.value.entries;
        if entries
            .iter()
            .any(|removal| removal.at_unix_ms >= begin.unix_ms())
        {
            continue;
        }
        if let Some(key) = keys::removals_named(&batch.name) {
            records.update(&key, |_| Update::Delete).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
