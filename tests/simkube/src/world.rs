//! Owns the simulated cluster: its objects, its served kinds, and the one lock around them.
//!
//! A request and a controller both take the lock, do their synchronous work and let it go. Nothing
//! is awaited under it.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::sync::Notify;

use crate::kinds::{self, Kinds, Served};
use crate::options::Options;
use crate::status::{ApiError, Result};
use crate::store::{Key, Saved, Store};

/// Everything that is true in the simulated cluster.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) kinds: Kinds,
    pub(crate) options: Arc<Options>,
    /// PEM of the server's CA, for the `kube-root-ca.crt` ConfigMaps.
    pub(crate) ca_pem: String,
    saved: Option<Saved>,
}

impl World {
    pub(crate) fn new(store: Store, options: Arc<Options>, ca_pem: String) -> Self {
        let mut world = Self {
            store,
            kinds: Kinds::builtin(),
            options,
            ca_pem,
            saved: None,
        };
        world.serve_definitions();
        world
    }

    /// Serves what saved CustomResourceDefinitions define.
    fn serve_definitions(&mut self) {
        let definitions: Vec<Arc<Value>> = self
            .store
            .list(DEFINITIONS, None)
            .map(|(_, object)| Arc::clone(object))
            .collect();
        for definition in definitions {
            if kinds::established(&definition)
                && let Ok(resource) = kinds::resource_of(&definition)
            {
                self.kinds.insert(resource);
            }
        }
    }

    /// Keeps a copy of everything for [`Self::go_back`].
    pub(crate) fn save(&mut self) {
        self.saved = Some(self.store.save());
    }

    /// Goes back to the copy, as when etcd is restored; false when there is none.
    pub(crate) fn go_back(&mut self) -> bool {
        let Some(saved) = &self.saved else {
            return false;
        };
        self.store.go_back(saved);
        let revision = self.kinds.revision;
        self.kinds = Kinds::builtin();
        self.kinds.revision += revision;
        self.serve_definitions();
        true
    }

    /// A built-in resource by its collection's name; simkube always serves these.
    pub(crate) fn builtin(&self, collection: &str) -> Served {
        self.kinds
            .by_collection(collection)
            .expect("built-in resources are always served")
    }

    pub(crate) fn get(&self, served: &Served, key: &Key) -> Result<&Arc<Value>> {
        self.store
            .get(served.collection(), key)
            .ok_or_else(|| served.not_found(&key.name))
    }

    /// A namespaced object of a built-in resource.
    pub(crate) fn find(
        &self,
        collection: &str,
        namespace: &str,
        name: &str,
    ) -> Option<&Arc<Value>> {
        self.store.get(collection, &Key::new(namespace, name))
    }

    /// Refuses writes into a namespace that is absent or going away.
    pub(crate) fn check_namespace(
        &self,
        served: &Served,
        namespace: &str,
        name: &str,
    ) -> Result<()> {
        if !served.resource.namespaced {
            return Ok(());
        }
        let Some(object) = self.find(NAMESPACES, "", namespace) else {
            return Err(ApiError::not_found(
                crate::status::Named {
                    resource: NAMESPACES,
                    group: "",
                },
                namespace,
            ));
        };
        if object["status"]["phase"] != "Terminating" && !crate::object::is_terminating(object) {
            return Ok(());
        }
        let why = format!(
            "unable to create new content in namespace {namespace} because it is being terminated"
        );
        let mut error = ApiError::forbidden(served.named(), name, &why);
        if let Some(details) = &mut error.details {
            details["causes"] = serde_json::json!([{
                "reason": "NamespaceTerminating",
                "message": format!("namespace {namespace} is being terminated"),
                "field": "metadata.namespace",
            }]);
        }
        Err(error)
    }
}

pub(crate) const NAMESPACES: &str = "namespaces";
pub(crate) const DEFINITIONS: &str = "customresourcedefinitions.apiextensions.k8s.io";

/// The world behind its lock, and the bell that wakes the controllers.
#[derive(Debug)]
pub(crate) struct Shared {
    world: Mutex<World>,
    pub(crate) bell: Notify,
}

impl Shared {
    pub(crate) fn new(world: World) -> Self {
        Self {
            world: Mutex::new(world),
            bell: Notify::new(),
        }
    }

    /// Runs `work` under the lock; rings the bell when it changed something.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut World) -> R) -> R {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        let result = work(&mut world);
        let changed = world.store.has_touched();
        drop(world);
        if changed {
            self.bell.notify_one();
        }
        result
    }
}
