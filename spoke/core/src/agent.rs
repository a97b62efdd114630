//! The agent: one owner of all state of a spoke, driven by events, answering with effects.
//!
//! Everything is level-triggered: an event changes what is known, and [`Agent::handle`] ends by doing
//! whatever the state asks for now (`agent/schedule`). Nothing holds a place while it waits.

mod answer;
mod begin;
mod bundle;
mod company;
mod flips;
mod gates;
mod heal;
mod hub;
mod inventory;
mod object;
mod observe;
mod prune;
mod reporting;
mod schedule;
mod send;
mod stance;
mod target;
mod timer;
mod watch;

use std::collections::{BTreeMap, BTreeSet};

use capstan_proto::policy::Mode;
use capstan_proto::{BundleName, Digest, Moment, ObjectKey, Sync};

use crate::backoff::{self, Jitter};
use crate::effect::{Decision, Effect, Notice, Ticket};
use crate::event::{Event, LocalLimits};
use crate::kind::Kind;
use crate::plan::Contents;
use crate::refusal::{Finding, Refusal};

use answer::Pending;
use bundle::Bundle;
use hub::Link;
use object::{Object, State};
use observe::Source;
use reporting::Reporter;
use schedule::{Helper, Work};
use target::Target;
use timer::{Timer, Timers};
use watch::KindState;

/// A spoke's judgement. Feed it every event in order, execute every effect in order.
#[derive(Debug, Default)]
pub struct Agent {
    started: bool,
    now: Moment,
    jitter: Jitter,
    local: LocalLimits,
    link: Link,
    target: Option<Target>,
    contents: Contents,
    /// Contents that arrived and are not stored yet.
    unstored: BTreeSet<Digest>,
    bundles: BTreeMap<BundleName, Bundle>,
    /// What may be done on the cluster as a whole.
    cluster_mode: Mode,
    /// A policy of the held snapshot is damaged, and with it the mode.
    mode_unread: bool,
    objects: BTreeMap<ObjectKey, Object>,
    /// Objects of the held snapshot whose content is damaged.
    skipped: BTreeMap<ObjectKey, BundleName>,
    namespaces: BTreeMap<String, Helper>,
    kinds: BTreeMap<Kind, KindState>,
    watches_changed: bool,
    /// Every watched kind was listed once since the start.
    looked: bool,
    /// Kinds that are certainly served.
    served: BTreeSet<Kind>,
    /// When discovery said last that a kind takes new objects, where that was asked.
    confirmed: BTreeMap<Kind, Moment>,
    /// When each kind is listed next.
    relists: BTreeMap<Kind, Moment>,
    /// Where the daily value pass stands.
    value_cursor: Option<ObjectKey>,
    /// Kinds for which discovery is to be asked, and how often it was in vain.
    discovering: BTreeSet<Kind>,
    discover_attempts: u32,
    calls: BTreeMap<Ticket, Pending>,
    tickets: u64,
    work: Work,
    reporter: Reporter,
    timers: Timers,
    out: Vec<Effect>,
}

impl Agent {
    /// An agent that was told nothing yet; its first event is [`Event::Started`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one event and says what to do. Time may stand still between two calls; where it goes
    /// back, the later moment counts on.
    pub fn handle(&mut self, event: Event, now: Moment) -> Vec<Effect> {
        self.now = self.now.max(now);
        self.take(event);
        while let Some(timer) = self.timers.due(self.now) {
            self.on_timer(timer);
        }
        self.pump();
        std::mem::take(&mut self.out)
    }

    /// When [`Event::Tick`] is wanted; `None`: not before something else happens. Ask after every
    /// `handle`.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Moment> {
        self.timers.earliest()
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Started(started) => self.on_started(*started),
            Event::HubConnected => self.on_connected(),
            Event::FromHub(message) => self.on_hub(message),
            Event::HubDisconnected => self.on_disconnected(),
            Event::Content { digest, bytes } => self.on_content(digest, bytes),
            Event::ContentEnded { denied, problem } => self.on_content_ended(&denied, problem),
            Event::Stored(triple) => self.on_stored(triple),
            Event::StoreFailed { triple, problem } => self.on_store_failed(triple, problem),
            Event::InventoryWritten { bundle, version } => {
                self.on_inventory_written(&bundle, version);
            }
            Event::InventoryFailed {
                bundle,
                version,
                problem,
            } => self.on_inventory_failed(&bundle, version, problem),
            Event::Answered { ticket, outcome } => self.on_answered(ticket, outcome),
            Event::Listed { kind, objects } => self.on_listed(&kind, objects),
            Event::Observed(seen) => self.on_observed(*seen, Source::Watched),
            Event::Vanished {
                key,
                uid,
                resource_version,
            } => self.on_vanished(&key, &uid, resource_version),
            Event::WatchFailed { kind, problem } => self.on_watch_failed(&kind, problem),
            Event::Discovered { kinds } => self.on_discovered(kinds),
            Event::ClusterRestored => {
                self.looked = false;
                self.on_cluster_restored();
            }
            Event::Limited(limits) => self.on_limited(limits),
            Event::Tick => {}
        }
    }

    fn on_timer(&mut self, timer: Timer) {
        match timer {
            Timer::Object(key) => self.on_object_timer(&key),
            Timer::Inventory(bundle) => {
                self.work.inventories.insert(bundle);
            }
            Timer::Namespace(name) => {
                if self.namespaces.contains_key(&name) {
                    self.work.namespaces.insert(name);
                }
            }
            Timer::Relist(kind) => self.relist(&kind),
            Timer::Discover => self.discover(),
            Timer::Fetch => self.fetch(),
            Timer::Store => self.store(),
            Timer::Report => self.report(),
            Timer::Values => self.next_value_check(),
        }
    }

    /// Changes an object, and keeps the tallies of its bundle right: the only way to change what is
    /// said of it.
    fn change(&mut self, key: &ObjectKey, change: impl FnOnce(&mut Object)) {
        let Some(object) = self.objects.get_mut(key) else {
            return;
        };
        let before = (object.is_good(), object.is_synced());
        change(object);
        let after = (object.is_good(), object.is_synced());
        let bundle = object.bundle.clone();
        if before != after
            && let Some(want) = &object.want
        {
            let wave = want.rank.wave;
            self.tally(&bundle, wave, before, after);
            if after.0 {
                self.unblock(key);
            }
        }
        self.reporter.touch(&bundle);
        self.wake_reporter();
    }

    fn tally(&mut self, bundle: &BundleName, wave: i32, before: (bool, bool), after: (bool, bool)) {
        let Some(bundle) = self.bundles.get_mut(bundle) else {
            return;
        };
        let tally = bundle.tallies.entry(wave).or_default();
        tally.bad = tally.bad + usize::from(before.0) - usize::from(after.0);
        tally.unsynced = tally.unsynced + usize::from(before.1) - usize::from(after.1);
    }

    fn say(&mut self, key: &ObjectKey, state: State) {
        self.change(key, |object| object.state = state);
    }

    /// An attempt failed: it is said, and made again later where that can help.
    fn fail(&mut self, key: &ObjectKey, finding: &Finding) {
        let (sync, after_ms, forever) = match &finding.refusal {
            Refusal::Fields(_) => (Sync::Conflict, None, false),
            Refusal::NotServed | Refusal::KindUnknown => (Sync::Unknown, None, false),
            Refusal::Later { after_ms } => (Sync::Applying, *after_ms, false),
            Refusal::Ambiguous | Refusal::Changed => (Sync::Applying, None, false),
            Refusal::NamespaceTerminating | Refusal::NamespaceMissing => {
                (Sync::Applying, None, false)
            }
            Refusal::Invalid { .. } => (Sync::Failed, None, finding.refusal.is_lasting()),
            Refusal::Forbidden | Refusal::Gone => (Sync::Failed, None, false),
        };
        let random = self.jitter.draw();
        let now = self.now;
        let Some(object) = self.objects.get_mut(key) else {
            return;
        };
        let wait = backoff::wait_ms(object.attempts, random, after_ms);
        object.attempts = object.attempts.saturating_add(1);
        object.gave_up = forever;
        object.retry_at = (!forever).then(|| now.plus_ms(wait));
        // A server that is away for a moment is not worth a word against the object.
        let sync = if sync == Sync::Applying && object.attempts > 5 {
            Sync::Failed
        } else {
            sync
        };
        let news = object.state.reason != finding.reason;
        if let Some(at) = object.retry_at {
            self.timers.set(at, Timer::Object(key.clone()));
        }
        self.say(
            key,
            State::new(sync, &finding.reason, finding.message.clone()),
        );
        if news {
            self.note_failure(key, finding);
        }
    }

    fn note_failure(&mut self, key: &ObjectKey, finding: &Finding) {
        self.out.push(Effect::Log(Decision::Failing {
            object: key.clone(),
            reason: finding.reason.clone(),
            message: finding.message.clone(),
        }));
        self.out.push(Effect::Emit(Notice {
            regarding: Some(key.clone()),
            warning: true,
            reason: finding.reason.clone(),
            message: finding.message.clone(),
        }));
    }

    fn log(&mut self, decision: Decision) {
        self.out.push(Effect::Log(decision));
    }
}

#[cfg(test)]
mod tests;
