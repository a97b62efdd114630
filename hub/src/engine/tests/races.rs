//! Renames, enrolments and takeovers in any order: whatever was faster, the engine ends with what the ledger says, and no
//! cluster has anything of another one.

use std::collections::BTreeMap;

use capstan_hub_core::session::Hello;

use super::super::cluster::Cluster;
use super::super::memory;
use super::super::rename::{self, Rename};
use super::super::restore;
use super::*;
use crate::content::Content;
use crate::layout::Layout;
use crate::ledger::Embedded;
use crate::ledger::records::{Batch, Identified, Records, keys};
use crate::store::Store;

const NAMES: [&str; 3] = ["one", "two", "three"];

/// Rounds after which everything must be quiet: a pass, what it asks of the ledger, and what that leads to, for three names.
const ROUNDS_MAX: usize = 30;

/// A hub whose work beside the loop is done when the test says so.
struct World {
    state: State,
    records: Records,
    store: Arc<Store>,
    layout: Layout,
    _directory: tempfile::TempDir,
    passing: Option<pass::Input>,
    writing: Vec<Rename>,
    coming: Vec<Event>,
    hearing: Vec<super::super::out::Outgoing>,
    last: u64,
    random: u64,
    /// Renames that the ledger took, and that it did not.
    taken: usize,
    refused: usize,
}

impl World {
    async fn new(seed: u64) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let layout = Layout::new(directory.path());
        crate::found::found(&layout).await.unwrap();
        Self {
            state: state(),
            records: Records::new(Arc::new(Embedded::open(&layout.ledger()).unwrap())),
            store: Arc::new(Store::open(&layout.store()).unwrap().store),
            layout,
            _directory: directory,
            passing: None,
            writing: Vec::new(),
            coming: Vec::new(),
            hearing: Vec::new(),
            last: 100,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            taken: 0,
            refused: 0,
        }
    }

    fn below(&mut self, most: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        usize::try_from(self.random % most as u64).unwrap()
    }

    fn any_name(&mut self) -> ClusterName {
        ClusterName::try_new(NAMES[self.below(NAMES.len())]).unwrap()
    }

    fn handle(&mut self, event: Event) {
        for effect in self.state.handle(event, NOW) {
            match effect {
                Effect::Pass(input) => self.passing = Some(*input),
                Effect::Rename(rename) => self.writing.push(rename),
                Effect::Remember(which, cluster, known) => {
                    memory::remember(&self.store, which, &cluster, &known).unwrap();
                }
                Effect::Forget(cluster, bundles) => {
                    memory::forget(&self.store, &cluster, &bundles).unwrap();
                }
                _ => {}
            }
        }
    }

    /// Some cluster is declared, perhaps as one that had another name.
    fn commit(&mut self) {
        self.last += 1;
        let (name, former) = (self.any_name(), self.any_name());
        let spec = match name == former {
            true => String::new(),
            false => format!("spec: {{renamedFrom: {former}}}\n"),
        };
        let cluster = format!("{}{spec}", declared(name.as_str()));
        let object = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: default}\n";
        let bundle = "apiVersion: capstan.dev/v1alpha1\nkind: Bundle\nmetadata: {name: web}\nspec: {path: apps}\n\
                      ---\napiVersion: capstan.dev/v1alpha1\nkind: Placement\nmetadata: {name: web}\n\
                      spec: {bundles: [web], clusters: [{}]}\n";
        let files = [
            ("c.yaml", cluster.as_str()),
            ("web.yaml", bundle),
            ("apps/a.yaml", object),
        ];
        let files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
        let revision = Revision::try_new(format!("{:040x}", self.last)).unwrap();
        self.handle(commit(revision, files.to_vec()));
    }

    fn pass(&mut self) {
        if let Some(input) = self.passing.take() {
            self.handle(Event::Passed(Box::new(pass::run(input))));
        }
    }

    async fn write(&mut self) {
        if self.writing.is_empty() {
            return;
        }
        let which = self.below(self.writing.len());
        let rename = self.writing.remove(which);
        let store = Arc::clone(&self.store);
        let written = rename::write(self.records.clone(), store, rename).await;
        let written = written.unwrap();
        match &written {
            Event::Renamed(_) => self.taken += 1,
            _ => self.refused += 1,
        }
        self.coming.push(written);
    }

    /// A cluster enrols under a name, or takes it over.
    async fn enrol(&mut self) {
        let name = self.any_name();
        self.last += 1;
        let key = keys::registration(&name);
        let before = self.records.get(&key).await.unwrap();
        let renewals = before
            .as_ref()
            .map_or(1, |before| before.value.renewals + 1);
        let mut registration = Registration {
            id: ClusterId(uuid::Uuid::from_u128(u128::from(self.last))),
            cluster_uid: format!("uid-{}", self.last),
            renewals,
            ..registration(&identity())
        };
        registration.current.serial = Serial::new(renewals, self.last);
        let id = registration.id;
        let mut batch = Batch::new()
            .put(&key, &registration)
            .put(&keys::identified(id), &Identified { name: name.clone() });
        if let Some(before) = before {
            batch = batch.delete(&keys::identified(before.value.id));
        }
        self.records.commit(batch).await.unwrap();
        self.coming.push(Event::Enrolled {
            cluster: name,
            registration: Box::new(registration),
        });
    }

    /// The agent of a cluster that is enrolled now connects.
    async fn connect(&mut self) {
        let name = self.any_name();
        let Some(read) = self.records.get(&keys::registration(&name)).await.unwrap() else {
            return;
        };
        self.last += 1;
        let (outbox, outgoing) = Outbox::new();
        self.hearing.push(outgoing);
        let uid = read.value.cluster_uid.clone();
        self.coming.push(Event::Opened(Box::new(Opening {
            cluster: name,
            identity: Identity {
                cluster: read.value.id,
                ..identity()
            },
            registration: read.value,
            connection: ConnectionId(self.last),
            session: SessionId(self.last),
            instance: [7; 16],
            cluster_uid: uid,
            hello: Hello {
                agent_version: "1".to_owned(),
                protocol_min: 1,
                protocol_max: 1,
                features: super::super::required_features(super::super::Mode::Enforce),
                accepted: None,
                receipt: session::Receipt::Absent,
                states: None,
            },
            facts: BTreeMap::new(),
            outbox,
        })));
    }

    /// Something that was told comes to the engine, in no order.
    fn hear(&mut self) {
        if self.coming.is_empty() {
            return;
        }
        let which = self.below(self.coming.len());
        let event = self.coming.remove(which);
        self.handle(event);
    }

    /// A connected cluster accepts what it is given.
    fn accept(&mut self) {
        let name = self.any_name();
        let live = |known: &Cluster| Some((known.live.as_ref()?.id, known.given.as_ref()?.triple));
        if let Some((session, given)) = self.state.clusters.get(&name).and_then(live) {
            self.handle(Event::Said {
                cluster: name,
                session,
                said: Said::Accept(given),
            });
        }
    }

    async fn step(&mut self) {
        match self.below(12) {
            0 | 1 => self.commit(),
            2 | 3 => self.pass(),
            4 | 5 => self.write().await,
            6 => self.enrol().await,
            7 => self.connect().await,
            8..=10 => self.hear(),
            _ => self.accept(),
        }
    }

    /// Lets everything come to its end; says whether it does.
    async fn comes_to_rest(&mut self) -> bool {
        for _ in 0..ROUNDS_MAX {
            if self.coming.is_empty() && self.writing.is_empty() && self.passing.is_none() {
                return true;
            }
            while !self.coming.is_empty() {
                self.hear();
            }
            while !self.writing.is_empty() {
                self.write().await;
            }
            self.pass();
        }
        false
    }

    /// Who is enrolled as what, as the ledger says.
    async fn enrolled(&self) -> BTreeMap<String, ClusterId> {
        let (listed, _) = self.records.list(&keys::registrations()).await.unwrap();
        let named = listed.into_iter().map(|it| (it.name, it.value.id));
        named.collect()
    }
}

fn members(clusters: &BTreeMap<ClusterName, Cluster>) -> BTreeMap<String, ClusterId> {
    let member = |(name, known): (&ClusterName, &Cluster)| {
        Some((name.to_string(), known.member.as_ref()?.id))
    };
    clusters.iter().filter_map(member).collect()
}

/// Everything on record is of the cluster that has the name.
fn check_records(clusters: &BTreeMap<ClusterName, Cluster>, when: &str) {
    for (name, known) in clusters {
        let id = known.member.as_ref().map(|member| member.id);
        for record in known.records() {
            let own = record.of.is_none() || record.of == id;
            assert!(own, "{when}: {name} is {id:?} and has {record:?}");
        }
    }
}

#[tokio::test]
async fn the_ledgers_word_wins_every_race_for_a_name_and_nobody_inherits() {
    let (mut taken, mut refused) = (0, 0);
    for seed in 0..60 {
        let mut world = World::new(seed).await;
        for _ in 0..60 {
            world.step().await;
        }
        assert!(world.comes_to_rest().await, "seed {seed}: no end of it");
        let enrolled = world.enrolled().await;
        assert_eq!(members(&world.state.clusters), enrolled, "seed {seed}");
        check_records(&world.state.clusters, &format!("seed {seed}"));
        taken += world.taken;
        refused += world.refused;
        // A start finds the same.
        let content = Content::open(&world.layout.content()).unwrap();
        let again = restore::restore(&world.records, &world.store, &content).await;
        let again = again.unwrap();
        assert_eq!(members(&again.clusters), enrolled, "seed {seed}");
        check_records(&again.clusters, &format!("seed {seed}, after a start"));
        for (name, known) in &again.clusters {
            let before = &world.state.clusters[name];
            assert_eq!(known.given, before.given, "seed {seed}: {name}");
            assert_eq!(known.held, before.held, "seed {seed}: {name}");
        }
    }
    assert!(taken > 10 && refused > 10, "{taken} and {refused}");
}
