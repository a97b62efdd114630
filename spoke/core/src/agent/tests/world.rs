//! A whole spoke without its shell: the agent, a model cluster, a model hub, and time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::delta::sender::{Say, Sender, Target};
use capstan_proto::delta::{Approval, Header};
use capstan_proto::policy::{BundlePolicy, Mode};
use capstan_proto::state::BundleState;
use capstan_proto::{
    BundleName, Digest, Entry, Generation, Incarnation, Moment, Number, ObjectKey, Snapshot,
    Triple, canonical,
};
use serde_json::{Value, json};

use super::super::Agent;
use super::cluster::{Change, Cluster};
use crate::effect::{Effect, Request, Store, ToHub, Watch};
use crate::event::{Event, FromHub, LocalLimits, Served, Started, WatchProblem};
use crate::head::{self, Head};
use crate::inventory::{self, Origin, Rows};
use crate::kind::Kind;
use crate::outcome::Outcome;

mod seen;

type Fault = Box<dyn FnMut(&Request) -> Option<Outcome>>;

/// A bundle as a test declares it.
#[derive(Clone, Debug)]
pub(super) struct Declared {
    pub(super) name: &'static str,
    pub(super) policy: BundlePolicy,
    pub(super) manifests: Vec<Value>,
}

pub(super) fn bundle(name: &'static str, manifests: Vec<Value>) -> Declared {
    Declared {
        name,
        policy: BundlePolicy::default(),
        manifests,
    }
}

pub(super) fn with_policy(
    mut declared: Declared,
    change: impl FnOnce(&mut BundlePolicy),
) -> Declared {
    change(&mut declared.policy);
    declared
}

/// What the spoke stores.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    head: Option<Vec<u8>>,
    snapshot: Option<Vec<u8>>,
    pub(super) contents: BTreeMap<Digest, Arc<[u8]>>,
    pub(super) inventory: BTreeMap<BundleName, Vec<u8>>,
}

pub(super) struct World {
    pub(super) agent: Agent,
    pub(super) cluster: Cluster,
    pub(super) now: Moment,
    pub(super) disk: Disk,
    pub(super) connected: bool,
    /// The hub permits pruning as soon as a snapshot is accepted.
    pub(super) permits: bool,
    pub(super) approvals: Vec<Approval>,
    /// The mode that snapshots say; `None`: a hub that does not say it.
    pub(super) mode: Option<Mode>,
    pub(super) fault: Option<Fault>,
    /// Kinds whose watch fails.
    pub(super) blind: BTreeMap<Kind, WatchProblem>,
    /// Lists of new watches take longer than the test.
    pub(super) unlisted: bool,
    /// Kinds that discovery does not know yet.
    pub(super) unserved: BTreeSet<Kind>,
    /// Kinds whose definition is being deleted.
    pub(super) leaving: BTreeSet<Kind>,
    /// Writes of inventories are not executed, as if the process died before.
    pub(super) lose_inventory: bool,
    /// The content service sends something else.
    pub(super) corrupt: bool,
    /// Watch events arrive before the answer to the write that caused them.
    pub(super) early: bool,
    /// Calls are not answered until told to.
    pub(super) slow: bool,
    unanswered: Vec<Event>,
    /// Snapshots are not stored until told to; only the newest is.
    pub(super) slow_store: bool,
    to_store: Option<Box<Store>>,
    /// Watches say nothing until told to.
    pub(super) silent: bool,
    pub(super) limits: LocalLimits,
    pub(super) requests: Vec<Request>,
    pub(super) heard: Vec<ToHub>,
    pub(super) effects: Vec<Effect>,
    pub(super) fetched: usize,
    pub(super) states: BTreeMap<BundleName, BundleState>,
    sender: Sender,
    hub_contents: BTreeMap<Digest, Arc<[u8]>>,
    target: Option<Target>,
    pub(super) generation: u64,
    watches: BTreeMap<Kind, Watch>,
    /// What the hub said and was not handed over yet.
    mail: Vec<Event>,
    /// What this process was permitted to prune.
    permitted: BTreeSet<Triple>,
    unwritten: Vec<(BundleName, u64)>,
}

impl World {
    /// A cluster with the namespace `shop`, a spoke that was never here, a hub.
    pub(super) fn new() -> Self {
        let mut cluster = Cluster::default();
        cluster.now = Moment::from_unix_ms(1_000_000);
        cluster.create(
            "kubectl",
            &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}),
        );
        cluster.changes.clear();
        Self {
            agent: Agent::new(),
            cluster,
            now: Moment::from_unix_ms(1_000_000),
            disk: Disk::default(),
            connected: false,
            permits: true,
            approvals: Vec::new(),
            mode: None,
            fault: None,
            blind: BTreeMap::new(),
            unlisted: false,
            unserved: BTreeSet::new(),
            leaving: BTreeSet::new(),
            lose_inventory: false,
            corrupt: false,
            early: false,
            slow: false,
            unanswered: Vec::new(),
            slow_store: false,
            to_store: None,
            silent: false,
            limits: LocalLimits::default(),
            requests: Vec::new(),
            heard: Vec::new(),
            effects: Vec::new(),
            fetched: 0,
            states: BTreeMap::new(),
            sender: Sender::new(None, None),
            hub_contents: BTreeMap::new(),
            target: None,
            generation: 0,
            watches: BTreeMap::new(),
            mail: Vec::new(),
            permitted: BTreeSet::new(),
            unwritten: Vec::new(),
        }
    }

    /// A running, connected spoke.
    pub(super) fn started() -> Self {
        let mut world = Self::new();
        world.start();
        world.connect();
        world
    }

    /// Begins a process over what is stored.
    pub(super) fn start(&mut self) {
        self.agent = Agent::new();
        self.connected = false;
        self.watches.clear();
        self.permitted.clear();
        self.unwritten.clear();
        self.mail.clear();
        self.cluster.changes.clear();
        let head = self
            .disk
            .head
            .as_deref()
            .map(|bytes| Head::from_bytes(bytes).unwrap());
        let snapshot = self.disk.snapshot.as_deref();
        let inventory = self.disk.inventory.iter();
        let started = Started {
            seed: 7,
            head,
            snapshot: snapshot.map(|bytes| head::snapshot_from_bytes(bytes).unwrap()),
            contents: self.disk.contents.clone(),
            inventory: inventory
                .map(|(bundle, bytes)| (bundle.clone(), inventory::from_bytes(bytes).unwrap()))
                .collect(),
            limits: self.limits.clone(),
        };
        self.handle(Event::Started(Box::new(started)));
    }

    pub(super) fn connect(&mut self) {
        self.connected = true;
        self.mail.clear();
        self.handle(Event::HubConnected);
    }

    pub(super) fn disconnect(&mut self) {
        self.connected = false;
        self.handle(Event::HubDisconnected);
    }

    /// What the hub wants from now on; delivered when the spoke is connected.
    pub(super) fn want(&mut self, bundles: &[Declared]) {
        let (snapshot, contents) = snapshot(bundles);
        let snapshot = snapshot.with_mode(self.mode.unwrap_or_default());
        self.hub_contents.extend(contents);
        self.generation += 1;
        let triple = Triple {
            number: Number {
                incarnation: Incarnation {
                    counter: 1,
                    random: 1,
                },
                generation: Generation(self.generation),
            },
            digest: snapshot.digest(),
        };
        let target = Target {
            triple,
            snapshot: Arc::new(snapshot),
            header: Header {
                approvals: self.approvals.clone(),
                ..Header::default()
            },
        };
        self.target = Some(target.clone());
        if self.connected {
            let say = self.sender.aim(target);
            self.say(say);
        }
    }

    /// Offers, and waits until nothing happens any more without time passing.
    pub(super) fn deploy(&mut self, bundles: &[Declared]) {
        self.want(bundles);
        self.pass(1_000);
    }

    pub(super) fn permit(&mut self) {
        let triple = self.target.as_ref().unwrap().triple;
        self.handle(Event::FromHub(FromHub::PrunePermit(triple)));
    }

    fn say(&mut self, say: Say) {
        match say {
            Say::Nothing => {}
            Say::InSync(triple) => {
                let receipt = b"receipt".to_vec();
                self.handle(Event::FromHub(FromHub::InSync {
                    snapshot: triple,
                    receipt,
                }));
                if self.permits {
                    self.handle(Event::FromHub(FromHub::PrunePermit(triple)));
                }
            }
            Say::Offer(pieces) => {
                for piece in self.said(pieces) {
                    self.handle(Event::FromHub(FromHub::Piece(Box::new(piece))));
                }
            }
        }
    }

    /// One event, and everything that follows from it at once.
    pub(super) fn handle(&mut self, event: Event) {
        self.cluster.now = self.now;
        if let Event::FromHub(FromHub::PrunePermit(triple)) = &event {
            self.permitted.insert(*triple);
        }
        let mut events = vec![event];
        let mut turns = 0;
        while let Some(event) = (!events.is_empty()).then(|| events.remove(0)) {
            turns += 1;
            assert!(
                turns < 2_000,
                "no time passes, and there is no end: {event:?}"
            );
            let effects = self.agent.handle(event, self.now);
            for effect in effects {
                self.effects.push(effect.clone());
                self.execute(effect, &mut events);
            }
            self.notify(&mut events);
        }
    }

    /// What the watches have to say.
    fn notify(&mut self, events: &mut Vec<Event>) {
        if self.silent {
            return;
        }
        for change in std::mem::take(&mut self.cluster.changes) {
            match change {
                Change::Written(key) => {
                    let watched = self.watches.get(&Kind::of(&key));
                    let labelled =
                        self.cluster.has_label(&key) || matches!(watched, Some(Watch::Named(_)));
                    let Some(watch) =
                        watched.filter(|_| labelled && self.cluster.objects.contains_key(&key))
                    else {
                        if watched.is_some() && self.cluster.objects.contains_key(&key) {
                            let uid = self.cluster.uid(&key).to_owned();
                            events.push(Event::Vanished {
                                key,
                                uid,
                                resource_version: 0,
                            });
                        }
                        continue;
                    };
                    let full = *watch == Watch::Full;
                    let seen = self.cluster.observed(&key, full).unwrap();
                    events.push(Event::Observed(Box::new(seen)));
                }
                Change::Removed(key, uid, resource_version) => {
                    if self.watches.contains_key(&Kind::of(&key)) {
                        events.push(Event::Vanished {
                            key,
                            uid,
                            resource_version,
                        });
                    }
                }
            }
        }
    }

    /// Answers what was called for so far; how much that was.
    pub(super) fn answer_all(&mut self) -> usize {
        let answers = std::mem::take(&mut self.unanswered);
        let count = answers.len();
        for answer in answers {
            self.handle(answer);
        }
        count
    }

    /// Hands over what the watches kept back.
    pub(super) fn speak(&mut self) {
        self.silent = false;
        self.handle(Event::Tick);
    }

    fn execute(&mut self, effect: Effect, events: &mut Vec<Event>) {
        match effect {
            Effect::Send(message) => self.hear(message),
            Effect::FetchContent { digests } => {
                for digest in digests {
                    if let Some(bytes) = self.hub_contents.get(&digest) {
                        self.fetched += 1;
                        let garbage = || Arc::from(b"{}".as_slice());
                        let bytes = if self.corrupt {
                            garbage()
                        } else {
                            Arc::clone(bytes)
                        };
                        events.push(Event::Content { digest, bytes });
                    }
                }
                events.push(Event::ContentEnded {
                    denied: BTreeSet::new(),
                    problem: None,
                });
            }
            Effect::Store(store) if self.slow_store => self.to_store = Some(store),
            Effect::Store(store) => events.push(self.store(*store)),
            Effect::StoreHead(head) => self.disk.head = Some(head.to_bytes()),
            Effect::WriteInventory {
                bundle,
                version,
                rows,
            } => self.write_inventory(bundle, version, &rows, events),
            Effect::Call { ticket, request } => {
                let outcome = self.call(request);
                if self.early {
                    self.notify(events);
                }
                let answer = Event::Answered { ticket, outcome };
                match self.slow {
                    true => self.unanswered.push(answer),
                    false => events.push(answer),
                }
            }
            Effect::Watch(watches) => {
                for (kind, watch) in &watches {
                    if self.watches.get(kind) != Some(watch) && !self.unlisted {
                        events.push(self.list(kind, watch));
                    }
                }
                self.watches = watches;
            }
            Effect::Relist { kind } => {
                let watch = self.watches[&kind].clone();
                events.push(self.list(&kind, &watch));
            }
            Effect::Discover { kinds } => events.push(self.discover(kinds)),
            Effect::Emit(_) | Effect::Log(_) => {}
        }
    }

    fn store(&mut self, store: Store) -> Event {
        self.disk.contents.extend(store.contents);
        let keep: BTreeSet<_> = store.snapshot.contents().collect();
        self.disk.contents.retain(|digest, _| keep.contains(digest));
        self.disk.snapshot = Some(head::snapshot_to_bytes(&store.snapshot));
        self.disk.head = Some(store.head.to_bytes());
        Event::Stored(store.head.triple)
    }

    /// What waits to be stored is.
    pub(super) fn finish_store(&mut self) {
        self.slow_store = false;
        if let Some(store) = self.to_store.take() {
            let event = self.store(*store);
            self.handle(event);
        }
    }

    fn write_inventory(
        &mut self,
        bundle: BundleName,
        version: u64,
        rows: &Rows,
        events: &mut Vec<Event>,
    ) {
        if self.lose_inventory {
            self.unwritten.push((bundle, version));
            return;
        }
        if rows.is_empty() {
            self.disk.inventory.remove(&bundle);
        } else {
            let bytes = inventory::to_bytes(rows);
            self.disk.inventory.insert(bundle.clone(), bytes);
        }
        events.push(Event::InventoryWritten { bundle, version });
    }

    fn call(&mut self, request: Request) -> Outcome {
        if let Request::Delete { key, uid, .. } = &request {
            self.check_deletion(key, uid);
        }
        let fault = self.fault.as_mut().and_then(|fault| fault(&request));
        let outcome = fault.unwrap_or_else(|| self.cluster.answer(&request));
        self.requests.push(request);
        outcome
    }

    fn discover(&self, kinds: BTreeSet<Kind>) -> Event {
        let answer = |kind: Kind| {
            let served = match self.unserved.contains(&kind) {
                true => Served::No,
                false if self.leaving.contains(&kind) => Served::ReadOnly,
                false => Served::Yes {
                    namespaced: true,
                    versions: vec!["v1".to_owned()],
                },
            };
            (kind, served)
        };
        let kinds = kinds.into_iter().map(answer).collect();
        Event::Discovered { kinds }
    }

    /// No deletion without every right to it, as far as it can be told from outside.
    fn check_deletion(&self, key: &ObjectKey, uid: &str) {
        let head = Head::from_bytes(self.disk.head.as_deref().expect("something was accepted"));
        let head = head.unwrap();
        let snapshot = head::snapshot_from_bytes(self.disk.snapshot.as_deref().unwrap()).unwrap();
        assert!(
            self.permitted.contains(&head.triple),
            "{key}: permitted for what is durable"
        );
        assert!(
            head.follows_held || self.followed_since(&head),
            "{key}: the offer followed what was held"
        );
        assert!(!snapshot.objects().contains_key(key), "{key}: not wanted");
        let rows = self.disk.inventory.values();
        let mut rows = rows.flat_map(|bytes| inventory::from_bytes(bytes).unwrap());
        let row = rows.find(|(owned, row)| owned == key && row.uid.as_deref() == Some(uid));
        let (_, row) = row.unwrap_or_else(|| panic!("{key}: its UID is in the durable inventory"));
        if let Some(stored) = self.cluster.objects.get(key)
            && self.cluster.uid(key) == uid
        {
            let adopted = row.origin == Origin::Adopted;
            assert!(adopted || stored.maker == "capstan", "{key}: we made it");
        }
    }

    /// An equal Hello of a later session makes up for an offer that did not follow.
    fn followed_since(&self, head: &Head) -> bool {
        let hellos = self.heard.iter().filter(|message| match message {
            ToHub::Hello(hello) => hello.accepted == Some(head.triple),
            _ => false,
        });
        hellos.count() > 0
    }

    fn list(&self, kind: &Kind, watch: &Watch) -> Event {
        if let Some(problem) = self.blind.get(kind) {
            return Event::WatchFailed {
                kind: kind.clone(),
                problem: problem.clone(),
            };
        }
        let keys = self.cluster.objects.keys();
        let selected = keys
            .filter(|key| Kind::of(key) == *kind)
            .filter(|key| match watch {
                Watch::Named(names) => names.contains(&(key.namespace.clone(), key.name.clone())),
                Watch::Metadata | Watch::Full => self.cluster.has_label(key),
            });
        let objects = selected
            .map(|key| self.cluster.observed(key, *watch == Watch::Full).unwrap())
            .collect();
        Event::Listed {
            kind: kind.clone(),
            objects,
        }
    }

    pub(super) fn relist_if_watched(&mut self, kind: &Kind) {
        if self.watches.contains_key(kind) {
            self.relist(kind);
        }
    }

    /// Writes of inventories get lost from now on; or they come through, and what waits is answered.
    pub(super) fn lose_inventory(&mut self, lose: bool) {
        self.lose_inventory = lose;
        if !lose {
            for (bundle, version) in std::mem::take(&mut self.unwritten) {
                let problem = "lost".to_owned();
                self.handle(Event::InventoryFailed {
                    bundle,
                    version,
                    problem,
                });
            }
        }
    }

    /// The head pointer is gone when the next process begins.
    pub(super) fn lose_head(&mut self) {
        self.disk.head = None;
        self.start();
        self.connect();
    }

    pub(super) fn relist(&mut self, kind: &Kind) {
        let watch = self.watches[kind].clone();
        let event = self.list(kind, &watch);
        self.handle(event);
    }

    fn hear(&mut self, message: ToHub) {
        self.heard.push(message.clone());
        match message {
            ToHub::Hello(hello) => {
                let snapshot = self.disk.snapshot.as_deref();
                let snapshot =
                    snapshot.map(|bytes| Arc::new(head::snapshot_from_bytes(bytes).unwrap()));
                self.sender = Sender::new(hello.accepted, snapshot);
                if hello.states_digest.is_some() {
                    self.later(Event::FromHub(FromHub::ReportWanted));
                }
                if let Some(target) = self.target.clone() {
                    let say = self.sender.aim(target);
                    self.later_say(say);
                }
            }
            ToHub::Accept(triple) => {
                let mac = b"receipt".to_vec();
                self.later(Event::FromHub(FromHub::Receipt {
                    snapshot: triple,
                    mac,
                }));
                if self.permits {
                    self.later(Event::FromHub(FromHub::PrunePermit(triple)));
                }
                let say = self.sender.accepted(triple);
                self.later_say(say);
            }
            ToHub::Refuse(refusal) => {
                let say = self.sender.refused(refusal.snapshot);
                self.later_say(say);
            }
            ToHub::Report(report) => {
                if report.full {
                    self.states.clear();
                }
                for name in report.gone {
                    self.states.remove(&name);
                }
                for state in report.bundles {
                    self.states.insert(state.bundle.clone(), state);
                }
                let digest = capstan_proto::state::states_digest(self.states.values());
                assert_eq!(
                    digest, report.states_digest,
                    "both sides know the same states"
                );
            }
            ToHub::RefreshDone(_) => {}
        }
    }

    fn later(&mut self, event: Event) {
        self.mail.push(event);
    }

    fn later_say(&mut self, say: Say) {
        match say {
            Say::Nothing => {}
            Say::InSync(triple) => {
                self.mail.push(Event::FromHub(FromHub::InSync {
                    snapshot: triple,
                    receipt: b"receipt".to_vec(),
                }));
                if self.permits {
                    self.mail.push(Event::FromHub(FromHub::PrunePermit(triple)));
                }
            }
            Say::Offer(pieces) => {
                let events = self
                    .said(pieces)
                    .into_iter()
                    .map(|p| Event::FromHub(FromHub::Piece(Box::new(p))));
                self.mail.extend(events);
            }
        }
    }
}

impl World {
    /// Lets time pass, timer by timer.
    pub(super) fn pass(&mut self, ms: u64) {
        let end = self.now.plus_ms(ms);
        self.deliver();
        let mut wakes = 0_u32;
        while let Some(at) = self.agent.poll_timeout().filter(|at| *at <= end) {
            wakes += 1;
            assert!(u64::from(wakes) < 2_000 + ms / 10, "it wakes all the time");
            self.now = self.now.max(at);
            self.handle(Event::Tick);
            self.deliver();
        }
        self.now = end;
        self.handle(Event::Tick);
        self.deliver();
    }

    fn deliver(&mut self) {
        while !self.mail.is_empty() {
            let event = self.mail.remove(0);
            if self.connected {
                self.handle(event);
            }
        }
    }

    pub(super) fn edit(&mut self, key: &ObjectKey, manager: &str, edit: impl FnOnce(&mut Value)) {
        self.cluster.now = self.now;
        self.cluster.edit(key, manager, edit);
        self.handle(Event::Tick);
    }

    pub(super) fn remove(&mut self, key: &ObjectKey) {
        self.cluster.remove(key);
        self.handle(Event::Tick);
    }

    pub(super) fn make_ready(&mut self, key: &ObjectKey) {
        self.cluster.make_ready(key);
        self.handle(Event::Tick);
    }

    pub(super) fn status(&mut self, key: &ObjectKey, status: Value) {
        self.cluster.status(key, status);
        self.handle(Event::Tick);
    }
}

pub(super) fn name(bundle: &str) -> BundleName {
    BundleName::parse(&format!("main.{bundle}")).unwrap()
}

fn snapshot(bundles: &[Declared]) -> (Snapshot, BTreeMap<Digest, Arc<[u8]>>) {
    let mut contents: BTreeMap<Digest, Arc<[u8]>> = BTreeMap::new();
    let mut policies = BTreeMap::new();
    let mut objects = BTreeMap::new();
    for bundle in bundles {
        let policy = bundle.policy.to_bytes();
        let digest = Digest::of(&policy);
        contents.insert(digest, policy.into());
        policies.insert(name(bundle.name), digest);
        for manifest in &bundle.manifests {
            let bytes = canonical::to_bytes(manifest);
            let digest = Digest::of(&bytes);
            contents.insert(digest, bytes.into());
            let entry = Entry {
                bundle: name(bundle.name),
                digest,
            };
            objects.insert(ObjectKey::of(manifest).unwrap(), entry);
        }
    }
    (Snapshot::try_new(policies, objects).unwrap(), contents)
}

pub(super) fn config(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop"},
        "data": {"key": value, "other": "same"}})
}

pub(super) fn deployment(name: &str, replicas: i64) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "shop"},
        "spec": {"replicas": replicas, "template": {"spec": {"containers": [{"name": "main", "image": "app:1"}]}}}})
}

pub(super) fn key(manifest: &Value) -> ObjectKey {
    ObjectKey::of(manifest).unwrap()
}
