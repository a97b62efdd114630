//! A small hub: enrols, offers one target, serves its content, and remembers what it is told.

mod authority;
mod services;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use capstan_proto::delta::Header;
use capstan_proto::delta::sender::Target;
use capstan_proto::policy::BundlePolicy;
use capstan_proto::state::BundleState;
use capstan_proto::{
    BundleName, Digest, Entry, Generation, Incarnation, Number, ObjectKey, Snapshot, Triple,
    canonical,
};
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

pub(crate) use authority::Authority;

/// What the hub knows; tests wait for it to become something.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) tokens: BTreeMap<String, Option<Digest>>,
    pub(crate) target: Option<Target>,
    pub(crate) contents: BTreeMap<Digest, Vec<u8>>,
    pub(crate) known: BTreeMap<Triple, Arc<Snapshot>>,
    pub(crate) accepted: Option<Triple>,
    pub(crate) states: BTreeMap<BundleName, BundleState>,
    pub(crate) sessions: usize,
    pub(crate) enrolments: usize,
    pub(crate) renewals: usize,
    pub(crate) served: usize,
    pub(crate) refusals: Vec<String>,
    pub(crate) open: usize,
    /// The name that tokens are bound to where it is another than `edge-1`.
    pub(crate) token_name: String,
    generation: u64,
}

/// What every part of the hub shares.
#[derive(Clone)]
pub(crate) struct Shared {
    state: Arc<Mutex<State>>,
    changed: watch::Sender<u64>,
    pub(crate) authority: Arc<Authority>,
    pub(crate) cluster: Uuid,
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Changes the state and wakes whoever waits for it.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.send_modify(|count| *count += 1);
        result
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}

pub(crate) struct Hub {
    pub(crate) shared: Shared,
    pub(crate) address: SocketAddr,
    server: Option<AbortOnDropHandle<()>>,
}

impl Hub {
    pub(crate) async fn start() -> Self {
        Self::with(Authority::new()).await
    }

    pub(crate) async fn with(authority: Authority) -> Self {
        capstan_spoke::tls::install_provider();
        let shared = Shared {
            state: Arc::default(),
            changed: watch::Sender::new(0),
            authority: Arc::new(authority),
            cluster: Uuid::new_v4(),
        };
        let (address, server) = services::serve(shared.clone(), "127.0.0.1:0").await;
        Self {
            shared,
            address,
            server: Some(server),
        }
    }

    /// Goes away, as after a crash.
    pub(crate) fn kill(&mut self) {
        self.server = None;
    }

    /// Comes back at the same address, with everything it knew.
    pub(crate) async fn revive(&mut self) {
        let (_, server) = services::serve(self.shared.clone(), &self.address.to_string()).await;
        self.server = Some(server);
    }

    pub(crate) fn pin(&self) -> String {
        self.shared.authority.pin()
    }

    pub(crate) fn token(&self) -> String {
        let token = format!("t{}.secret", Uuid::new_v4().simple());
        self.shared
            .change(|state| state.tokens.insert(token.clone(), None));
        token
    }

    /// Aims at these objects, by bundle; gives the snapshot's name.
    pub(crate) fn aim(&self, bundles: &[(&str, &[Value])]) -> Triple {
        let policy = BundlePolicy::default();
        let mut contents = BTreeMap::from([(policy.digest(), policy.to_bytes())]);
        let mut objects = BTreeMap::new();
        let mut names = BTreeMap::new();
        for (name, manifests) in bundles {
            let bundle = BundleName::parse(name).unwrap();
            names.insert(bundle.clone(), policy.digest());
            for manifest in *manifests {
                let mut manifest = canonical::declared(manifest.clone());
                manifest["metadata"]["labels"]["capstan.dev/bundle"] = Value::from(*name);
                let bytes = canonical::to_bytes(&manifest);
                let digest = Digest::of(&bytes);
                let key = ObjectKey::of(&manifest).unwrap();
                let bundle = bundle.clone();
                objects.insert(key, Entry { bundle, digest });
                contents.insert(digest, bytes);
            }
        }
        let snapshot = Arc::new(Snapshot::try_new(names, objects).unwrap());
        self.shared.change(|state| {
            state.generation += 1;
            let triple = Triple {
                number: Number {
                    incarnation: Incarnation {
                        counter: 1,
                        random: 7,
                    },
                    generation: Generation(state.generation),
                },
                digest: snapshot.digest(),
            };
            state.contents.extend(contents);
            state.known.insert(triple, snapshot.clone());
            state.target = Some(Target {
                triple,
                snapshot,
                header: Header {
                    required_features: BTreeSet::from(["policy-v1".to_owned()]),
                    ..Header::default()
                },
            });
            triple
        })
    }

    /// Waits until the state is so.
    pub(crate) async fn until(&self, what: &str, is: impl Fn(&State) -> bool) {
        let mut changes = self.shared.changes();
        let wait = async {
            while !is(&self.shared.lock()) {
                changes.changed().await.unwrap();
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(60), wait).await;
        assert!(
            waited.is_ok(),
            "waited in vain for: {what}\n{}",
            self.words()
        );
    }

    /// What was reported last, for a failing test.
    pub(crate) fn words(&self) -> String {
        let state = self.shared.lock();
        format!("{:#?}\nrefusals: {:?}", state.states, state.refusals)
    }
}
