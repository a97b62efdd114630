//! The engine: one owner of all that the hub knows, one loop, one closed list of events.
//!
//! What happens comes in as an [`Event`]; [`State::handle`] changes what is known and answers with effects; the loop in
//! [`run`](run::run) carries them out. Long work runs beside the loop and comes back as an event. Everything is a level:
//! a wake-up carries nothing, a pass looks at everything, and what changed meanwhile makes one more pass.
//!
//! Deliberately absent: deciding who gets what, what may be pruned, and what a session may say. That is the core's.

pub(crate) mod cluster;
pub(crate) mod effect;
pub(crate) mod event;
mod hearsay;
pub(crate) mod lost;
mod memory;
pub(crate) mod numbers;
pub(crate) mod out;
pub(crate) mod pass;
pub(crate) mod picture;
pub(crate) mod pins;
pub(crate) mod previous;
pub(crate) mod receipt;
pub(crate) mod rename;
pub(crate) mod restore;
pub(crate) mod run;
mod settling;
pub(crate) mod shelf;
mod show;
pub(crate) mod source;
mod spokes;
mod sweep;
mod takeover;
mod waits;
pub(crate) mod waker;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_hub_core::desired::{
    self, Approval, Budget, Desired, Prune, RemovalLog, Running, Wanted,
};
use capstan_hub_core::inventory::Inventory;
use capstan_hub_core::problem::Problem;
use capstan_hub_core::session::{self, Aim, Event as Happened};
use capstan_hub_core::spec::{Rules, SourceState, Tree, Trees};
use capstan_proto::delta::Header;
use capstan_proto::delta::sender::Target;
use capstan_proto::policy::Mode;
use capstan_proto::{ClusterName, Digest, Moment, Number, SourceName, Triple, feature};
use tokio::sync::oneshot;

use cluster::{Cluster, Member};
use effect::Effect;
use event::{Event, Lacks, Polled};
use hearsay::Hearsay;
use memory::{Remembered, Which};
use numbers::Numbers;
use pass::{Input, Memory, Outcome};
use picture::SourceView;
use receipt::Receipts;
use settling::{Settling, Ticket};
use source::Archive;

use crate::git::Commit;
use crate::metrics::Metrics;

/// A pass runs at least this often, whatever happens or does not: approvals end, and removals leave the window.
const PASS_EVERY_MS: u64 = 60_000;

/// How often it is written down that the hub lives: often enough that who was heard to the end is told from who was not.
const LIFE_EVERY_MS: u64 = 30_000;

/// What the engine was made with.
#[derive(Debug)]
pub(crate) struct Setting {
    /// How much may be removed without asking.
    pub(crate) budget: Budget,
    /// What sources may do.
    pub(crate) rules: BTreeMap<SourceName, Rules>,
    /// The sources' pasts.
    pub(crate) archives: Arc<BTreeMap<SourceName, Archive>>,
    /// Makes receipts.
    pub(crate) receipts: Receipts,
    /// Counts.
    pub(crate) metrics: Metrics,
    /// When the hub started.
    pub(crate) started_at: Moment,
}

/// Everything that the hub knows.
#[derive(Debug)]
pub(crate) struct State {
    setting: Setting,
    sources: Vec<SourceView>,
    /// Commits that were read; shown once a pass made them the commits in force.
    read: BTreeMap<SourceName, Commit>,
    trees: BTreeMap<SourceName, Option<Arc<Tree>>>,
    memory: Memory,
    /// `None` until the first pass.
    desired: Option<Arc<Desired>>,
    problems: Arc<Vec<Problem>>,
    clusters: BTreeMap<ClusterName, Cluster>,
    numbers: Numbers,
    log: RemovalLog,
    approvals: Vec<Approval>,
    settling: Settling,
    /// What passes need since somebody looks for content that nobody needs; `None` while nobody does.
    needed: Option<BTreeSet<Digest>>,
    passing: Passing,
    renames: rename::Renames,
    hearsay: Hearsay,
    /// How often the tags of each source changed.
    tags: pins::Tags,
    /// Why the last pass ended without an outcome.
    unpassed: Option<String>,
    passed_at: Moment,
    /// When it was last written down that the hub lives.
    lived_at: Option<Moment>,
    picture: u64,
    lacks: Lacks,
    /// The clusters that were given something of each placement before the start.
    given_before: Arc<previous::Previous>,
    broken: Option<String>,
    /// Why the store keeps nothing any more.
    unkept: Option<String>,
    stopping: bool,
}

/// What of the hub's can fail.
#[derive(Clone, Copy, Debug)]
enum Disk {
    Ledger,
    Store,
}

/// Whether a pass runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passing {
    /// No, and none is due.
    Idle,
    /// Yes, and nothing happened since that it should have seen.
    Running,
    /// Yes, and another one is due.
    Outdated,
}

impl State {
    /// What is known after a start: what ledger and store remember.
    pub(crate) fn new(
        setting: Setting,
        sources: Vec<SourceView>,
        restored: restore::Restored,
    ) -> Self {
        let given_before = Arc::new(restored.given());
        let restore::Restored {
            mut clusters,
            lived_at,
            numbers,
            log,
            approvals,
            previous,
            pins,
        } = restored;
        for cluster in clusters.values_mut() {
            let observed = &mut cluster.observed;
            let heard_at = observed.heard_at.or(observed.admitted_at);
            let awaited = session::awaited(heard_at, lived_at);
            observed.admitted_at = awaited.then_some(setting.started_at);
        }
        let trees = sources
            .iter()
            .map(|source| (source.name.clone(), None))
            .collect();
        let names = sources.iter().map(|source| source.name.clone());
        let memory = Memory::beginning(previous, pins, names.collect());
        Self {
            setting,
            sources,
            read: BTreeMap::new(),
            trees,
            memory,
            desired: None,
            problems: Arc::default(),
            clusters,
            numbers,
            log,
            approvals,
            settling: Settling::default(),
            needed: None,
            passing: Passing::Idle,
            renames: rename::Renames::default(),
            hearsay: Hearsay::default(),
            tags: pins::Tags::new(),
            unpassed: None,
            passed_at: Moment::default(),
            lived_at: None,
            picture: 0,
            lacks: Lacks::News,
            given_before,
            broken: None,
            unkept: None,
            stopping: false,
        }
    }

    /// Takes what happened.
    pub(crate) fn handle(&mut self, event: Event, now: Moment) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.lacks = self.lacks.max(event.lacks());
        match event {
            Event::Polled { source, answer } => self.polled(&source, answer, now, &mut effects),
            Event::Tagged(source) => self.tagged(source, now, &mut effects),
            Event::Passed(outcome) => self.passed(*outcome, now, &mut effects),
            Event::Opened(opening) => self.session_opened(*opening, now, &mut effects),
            Event::Said {
                cluster,
                session,
                said,
            } => {
                self.spoke_said((&cluster, session), said, now, &mut effects);
            }
            Event::Closed { cluster, session } => {
                self.session_closed(&cluster, session, now, &mut effects);
            }
            Event::Enrolled {
                cluster,
                registration,
            } => {
                self.enrolled(cluster, &registration, now, &mut effects);
                self.pass_is_due(now, &mut effects);
            }
            Event::Standing { cluster, banned } => {
                self.standing(&cluster, banned, now, &mut effects);
                self.pass_is_due(now, &mut effects);
            }
            Event::Approved(approval) => {
                self.approvals.push(*approval);
                self.pass_is_due(now, &mut effects);
            }
            Event::Confirmed { cluster, reply } => {
                let changed = self.confirmed(cluster.as_ref(), now, &mut effects);
                answer(reply, changed);
            }
            Event::Readable { cluster, reply } => {
                let known = self.clusters.get(&cluster);
                answer(reply, known.map(Cluster::readable).unwrap_or_default());
            }
            Event::Reserved {
                first,
                end,
                incarnation,
            } => {
                self.numbers.refill(incarnation, first, end);
                self.renumber(now, &mut effects);
            }
            Event::Recorded { cluster, session } => {
                self.recorded((&cluster, session), now, &mut effects);
            }
            Event::Renamed(rename) => self.renamed(&rename, now, &mut effects),
            Event::NotRenamed(rename, refusal) => {
                self.not_renamed(&rename, refusal, now, &mut effects);
            }
            Event::Settled(ticket) => self.settled(ticket, now, &mut effects),
            Event::PassFailed(reason) => self.pass_failed(reason, now, &mut effects),
            Event::LedgerFailed(why) => self.failed(Disk::Ledger, why, now, &mut effects),
            Event::StoreFailed(why) => self.failed(Disk::Store, why, now, &mut effects),
            Event::Sweep(reply) => answer(reply, self.needing()),
            Event::Unneeded { digests, age } => self.give_up((digests, age), &mut effects),
            Event::Shelved(_) => {}
            Event::Tick => self.ticked(now, &mut effects),
            Event::Stop(reply) => {
                self.stop(now, &mut effects);
                answer(reply, ());
            }
        }
        effects
    }

    // === sources ===

    fn polled(
        &mut self,
        name: &SourceName,
        answer: Polled,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let Some(source) = self.sources.iter_mut().find(|source| source.name == *name) else {
            return;
        };
        match answer {
            Polled::Head { commit, tree, at } => {
                tracing::info!(source = %name, revision = commit.revision.short(), summary = commit.summary, "read a commit");
                if at.is_some() {
                    source.polled_at = at;
                    source.failing = None;
                    source.rewritten = None;
                }
                self.read.insert(name.clone(), *commit);
                self.trees.insert(name.clone(), Some(tree));
                self.pass_is_due(now, effects);
            }
            Polled::Same { at } => {
                if source.failing.take().is_some() {
                    tracing::info!(source = %name, "the source answers again");
                }
                source.rewritten = None;
                source.polled_at = Some(at);
            }
            Polled::Rewritten { at, head, in_force } => {
                let since = match &source.rewritten {
                    Some((since, _)) => *since,
                    None => {
                        tracing::warn!(source = %name, head = head.short(), in_force = in_force.short(), "the branch was rewritten; it is not followed");
                        at
                    }
                };
                source.polled_at = Some(at);
                source.failing = Some((since, source.rewrite(&head, &in_force)));
                source.rewritten = Some((since, head));
            }
            Polled::Failed { at, message } => {
                let since = match &source.failing {
                    Some((since, _)) => *since,
                    None => {
                        tracing::warn!(source = %name, reason = message, "a source cannot be followed");
                        at
                    }
                };
                source.failing = Some((since, message));
            }
        }
    }

    /// What is pinned may lead elsewhere now.
    fn tagged(&mut self, source: SourceName, now: Moment, effects: &mut Vec<Effect>) {
        let pins = self.memory.spec.as_ref().map(|spec| spec.pins());
        let is_pinned = pins.is_some_and(|pins| pins.iter().any(|pin| pin.source == source));
        *self.tags.entry(source).or_default() += 1;
        if is_pinned {
            self.pass_is_due(now, effects);
        }
    }

    // === passes ===

    fn pass_is_due(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        // Before any source was read there is nothing to say.
        if self.stopping || self.trees.values().all(Option::is_none) {
            return;
        }
        match self.passing {
            Passing::Idle => {
                self.passing = Passing::Running;
                effects.push(Effect::Pass(Box::new(self.input(now))));
                self.hearsay.taken();
                self.renames.pass_begins();
            }
            Passing::Running | Passing::Outdated => self.passing = Passing::Outdated,
        }
    }

    fn input(&self, now: Moment) -> Input {
        let state = |tree: &Option<Arc<Tree>>| match tree {
            Some(tree) => SourceState::Read(Arc::clone(tree)),
            None => SourceState::Unread,
        };
        let sources = self
            .trees
            .iter()
            .map(|(name, tree)| (name.clone(), state(tree)))
            .collect();
        let members = self
            .clusters
            .iter()
            .filter(|(_, cluster)| cluster.member.is_some());
        let given = self
            .clusters
            .iter()
            .map(|(name, cluster)| (name.clone(), cluster.given()));
        let unrecorded = self.clusters.iter().filter_map(|(name, cluster)| {
            let bundles = cluster.unrecorded();
            (!bundles.is_empty()).then(|| (name.clone(), bundles))
        });
        let is_banned = |cluster: &Cluster| cluster.member.as_ref().is_some_and(Member::is_banned);
        let banned = self.clusters.iter().filter(|(_, c)| is_banned(c));
        Input {
            trees: Trees {
                sources,
                rules: self.setting.rules.clone(),
                ..Trees::default()
            },
            archives: Arc::clone(&self.setting.archives),
            memory: self.memory.clone(),
            inventory: Inventory {
                enrolled: members.map(|(name, _)| name.clone()).collect(),
                facts: self.facts(),
            },
            ran: self.ran(),
            tags: self.tags.clone(),
            running: Running {
                clusters: given.collect(),
                log: self.log.clone(),
                approvals: self.approvals.clone(),
                budget: self.setting.budget,
                now,
                policies: Arc::clone(&self.memory.policies),
                unrecorded: unrecorded.collect(),
                banned: banned.map(|(name, _)| name.clone()).collect(),
                ..Running::default()
            },
        }
    }

    fn passed(&mut self, outcome: Outcome, now: Moment, effects: &mut Vec<Effect>) {
        self.unpassed = None;
        let Outcome {
            memory,
            mut desired,
            problems,
            selected,
            pinned,
            renamed,
            took,
        } = outcome;
        self.rename(renamed, effects);
        self.setting.metrics.resolves.inc();
        let took_ms = i64::try_from(took.as_millis()).unwrap_or(i64::MAX);
        self.setting.metrics.resolve_ms.set(took_ms);
        let parsed = memory.rendered.work().parsed as u64;
        self.setting.metrics.directories_parsed.inc_by(parsed);
        self.memory = memory;
        self.hearsay.declared(self.memory.spec.as_ref());
        if !selected.is_empty() {
            effects.push(Effect::RememberSelected(selected));
        }
        if !pinned.is_empty() {
            effects.push(Effect::RememberPins(pinned));
        }
        self.problems = Arc::new(problems);
        let content = std::mem::take(&mut desired.content);
        if let Some(needed) = &mut self.needed {
            needed.extend(content.keys());
        }
        if !content.is_empty() {
            effects.push(Effect::Shelve(content));
        }
        self.desired = Some(Arc::new(desired));
        if self.hand_out(now, effects) {
            self.log_removals(now, effects);
        }
        self.pass_ended(now, effects);
    }

    fn pass_failed(&mut self, reason: String, now: Moment, effects: &mut Vec<Effect>) {
        tracing::error!(reason, "a pass failed; what was decided before stays");
        self.unpassed = Some(reason);
        self.pass_ended(now, effects);
    }

    /// The next pass may begin, and begins when one is due.
    fn pass_ended(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        self.passed_at = now;
        if std::mem::replace(&mut self.passing, Passing::Idle) == Passing::Outdated {
            self.pass_is_due(now, effects);
        }
        self.hear(now, effects);
    }

    /// The commits in force are those that the pass resolved from: a reader must not see a commit
    /// beside the state that an older one led to.
    fn show_commits(&mut self) {
        let Some(spec) = &self.memory.spec else {
            return;
        };
        for source in &mut self.sources {
            let read = self.read.get(&source.name);
            let resolved = spec.revisions.get(&source.name);
            if let Some(commit) = read.filter(|commit| Some(&commit.revision) == resolved) {
                source.commit = Some(commit.clone());
            }
        }
    }

    /// Numbers what changed and aims the sessions at it; says whether there were numbers for it.
    fn hand_out(&mut self, now: Moment, effects: &mut Vec<Effect>) -> bool {
        let Some(desired) = self.desired.clone() else {
            return true;
        };
        let changed = |name: &ClusterName, wanted: &Wanted| {
            let given = self
                .clusters
                .get(name)
                .and_then(|cluster| cluster.given.as_ref());
            wanted.target().is_some_and(|target| {
                given.is_none_or(|given| given.triple.digest != target.digest)
            })
        };
        let decided = desired.clusters.iter();
        let decided: Vec<_> = decided
            .filter(|(name, _)| !self.renames.is_open(name))
            .collect();
        let any = decided.iter().any(|(name, wanted)| changed(name, wanted));
        let number = if any { self.number(effects) } else { None };
        if any && number.is_none() {
            return false;
        }
        for (name, wanted) in decided {
            if self.give(name, wanted, number, effects) {
                self.clusters.entry(name.clone()).or_default().removal = self.settling.next();
                self.tell(name, Happened::Unsettled, now, effects);
            }
            self.aim(name, now, effects);
        }
        self.show_commits();
        true
    }

    fn number(&mut self, effects: &mut Vec<Effect>) -> Option<Number> {
        let number = self.numbers.take();
        if self.numbers.ask() {
            effects.push(Effect::Reserve);
        }
        number
    }

    /// Notes what a cluster is given from now on; says whether it lacks something that it had.
    fn give(
        &mut self,
        name: &ClusterName,
        wanted: &Wanted,
        number: Option<Number>,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let Wanted::Snapshot(target) = wanted else {
            return false;
        };
        let cluster = self.clusters.entry(name.clone()).or_default();
        let same = cluster
            .given
            .as_ref()
            .filter(|given| given.triple.digest == target.digest);
        // What was confirmed while the pass ran stays confirmed.
        let known = cluster.given.as_ref().is_some_and(|given| given.certain);
        let triple = match (same, number) {
            (Some(given), _) => given.triple,
            (None, Some(number)) => Triple {
                number,
                digest: target.digest,
            },
            (None, None) => return false,
        };
        let lacks = lacks_something(cluster.given.as_ref(), target);
        cluster.approvals.clone_from(&target.approvals);
        let given = Remembered {
            of: cluster.member.as_ref().map(|member| member.id),
            triple,
            snapshot: Arc::clone(&target.snapshot),
            owners: target.owners.clone(),
            stamps: target.stamps.clone(),
            certain: known || target.prune == Prune::Permitted,
        };
        if cluster.given.as_ref() != Some(&given) {
            cluster.given = Some(given.clone());
            cluster.forgotten = false;
            effects.push(Effect::Remember(Which::Given, name.clone(), given));
        }
        lacks
    }

    /// Tells a cluster's session, if there is one, what the cluster should run.
    fn aim(&mut self, name: &ClusterName, now: Moment, effects: &mut Vec<Effect>) {
        let aim = self.aim_of(name);
        self.tell(name, Happened::Aim(aim), now, effects);
    }

    /// What the hub knows is not kept any more, wholly or in part.
    fn failed(&mut self, disk: Disk, why: String, now: Moment, effects: &mut Vec<Effect>) {
        match disk {
            Disk::Ledger => self.broken = Some(why),
            Disk::Store => self.unkept = Some(why),
        }
        self.unkept_told(now, effects);
    }

    /// Tells every session that nothing may be removed any more.
    fn unkept_told(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let Some(why) = self.withheld() else {
            return;
        };
        let names: Vec<ClusterName> = self.clusters.keys().cloned().collect();
        for name in names {
            self.tell(&name, Happened::Unkept(why.clone()), now, effects);
        }
    }

    /// Why nothing may be removed anywhere: what the hub cannot write down, it does not know after a restart. A failed
    /// disk says nothing of what clusters run, and so is no reason for a recovery.
    fn withheld(&self) -> Option<String> {
        let store = self.unkept.as_ref().map(|why| ("store", why));
        let ledger = self.broken.as_ref().map(|why| ("ledger", why));
        let (what, why) = ledger.or(store)?;
        Some(format!("the hub's {what} failed: {why}"))
    }

    /// What a cluster should run, as its session understands it.
    fn aim_of(&self, name: &ClusterName) -> Aim {
        let Some(desired) = &self.desired else {
            return Aim::NoOpinion("the hub has not read Git yet".to_owned());
        };
        let cluster = self.clusters.get(name);
        let given = cluster.and_then(|cluster| Some((cluster, cluster.given.as_ref()?)));
        match (desired.clusters.get(name), given) {
            (Some(Wanted::Snapshot(target)), Some((cluster, given))) => {
                let header = Header {
                    follows: None,
                    full: false,
                    mode: None,
                    required_features: required_features(given.snapshot.mode()),
                    approvals: cluster.approvals.clone(),
                    stamps: given.stamps.clone(),
                };
                let snapshot = Arc::clone(&given.snapshot);
                let triple = given.triple;
                // What was decided and has no number yet is nobody's yet.
                let current = triple.digest == target.digest;
                let prune = match !current && given.certain {
                    true => Prune::Permitted,
                    false => target.prune.clone(),
                };
                Aim::Target(
                    Target {
                        triple,
                        snapshot,
                        header,
                    },
                    prune,
                )
            }
            (Some(Wanted::NoOpinion { reason }), _) => Aim::NoOpinion(reason.clone()),
            (Some(Wanted::Snapshot(_)), None) => {
                Aim::NoOpinion("the hub waits for a number of its ledger".to_owned())
            }
            (None, _) => {
                Aim::NoOpinion("the hub has not decided about this cluster yet".to_owned())
            }
        }
    }

    fn log_removals(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let Some(desired) = &self.desired else {
            return;
        };
        let new: Vec<_> = desired
            .removals
            .iter()
            .filter(|removal| !self.log.entries.contains(removal))
            .filter(|removal| !self.renames.is_open(&removal.cluster))
            .cloned()
            .collect();
        let begin = now.minus_ms(self.setting.budget.window_ms);
        self.log.forget(now, &self.setting.budget);
        self.approvals
            .retain(|approval| approval.expires_unix_ms > now.unix_ms());
        let next = self.settling.next();
        let removing = self.clusters.values().any(|known| known.removal == next);
        if !new.is_empty() || removing {
            self.log.append(new.iter().cloned());
            effects.push(Effect::LogRemovals(self.settling.begin(), new, begin));
        }
    }

    /// Removals are written down: who waited for that may prune.
    fn settled(&mut self, ticket: Ticket, now: Moment, effects: &mut Vec<Effect>) {
        self.settling.end(ticket);
        let settled =
            |cluster: &Cluster| cluster.live.is_some() && self.settling.is_settled(cluster.removal);
        let names: Vec<ClusterName> = self
            .clusters
            .iter()
            .filter(|(_, cluster)| settled(cluster))
            .map(|(name, _)| name.clone())
            .collect();
        for name in names {
            self.tell(&name, Happened::Settled, now, effects);
        }
    }

    /// New numbers came: what waited for them is handed out, and what is numbered too low gets higher ones.
    fn renumber(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let incarnation = self.numbers.incarnation();
        let old = |cluster: &Cluster| {
            cluster
                .given
                .as_ref()
                .is_some_and(|given| given.triple.number.incarnation < incarnation)
        };
        let low: BTreeSet<ClusterName> = self
            .clusters
            .iter()
            .filter(|(_, cluster)| {
                cluster.recovering.is_some() && cluster.live.is_some() || old(cluster)
            })
            .map(|(name, _)| name.clone())
            .collect();
        if !low.is_empty()
            && let Some(number) = self.number(effects)
        {
            for name in &low {
                self.number_anew(name, number, effects);
                self.aim(name, now, effects);
            }
        }
        self.pass_is_due(now, effects);
    }

    /// Gives what a cluster is given another number.
    fn number_anew(&mut self, name: &ClusterName, number: Number, effects: &mut Vec<Effect>) {
        let cluster = self.clusters.entry(name.clone()).or_default();
        if let Some(given) = &mut cluster.given {
            given.triple.number = number;
            effects.push(Effect::Remember(Which::Given, name.clone(), given.clone()));
        }
    }

    // === time ===

    fn ticked(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        self.expire(now, effects);
        let written = self.lived_at;
        if written.is_none_or(|at| now.since_ms(at) >= LIFE_EVERY_MS) {
            self.lived_at = Some(now);
            effects.push(Effect::RememberLife(now));
        }
        if self.silence_shows(now) {
            self.lacks = Lacks::News;
        }
        self.hear(now, effects);
        if now.since_ms(self.passed_at) >= PASS_EVERY_MS {
            self.pass_is_due(now, effects);
        }
    }
}

/// Answers a question; nobody may wait for it any more.
fn answer<T>(reply: oneshot::Sender<T>, value: T) {
    if reply.send(value).is_err() {
        tracing::debug!("a question was not waited for");
    }
}

/// Whether a target lacks an object that the cluster was given before, as far as anybody knows.
fn lacks_something(given: Option<&Remembered>, target: &desired::Target) -> bool {
    let Some(given) = given.filter(|given| given.triple.digest != target.digest) else {
        return false;
    };
    let wanted = target.snapshot.objects();
    let mut had = given.snapshot.objects().keys();
    had.any(|key| !wanted.contains_key(key))
}

/// What an agent must know for a snapshot of this version.
fn required_features(mode: Mode) -> BTreeSet<String> {
    let policy = Some(feature::POLICY);
    let mode = (mode != Mode::Enforce).then_some(feature::MODE);
    let required = policy.into_iter().chain(mode);
    required.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
