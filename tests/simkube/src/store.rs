//! Owns the objects, their one global revision and the bounded history that watches read.
//!
//! Everything here is synchronous and under the one lock of [`crate::world::World`]. Nothing is
//! polled: a collection tells its watchers through a `tokio::sync::watch` channel.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::watch;

use crate::journal::Journal;
use crate::object;

/// Where an object lives inside its collection. Cluster-scoped objects have no namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Key {
    pub(crate) fn new(namespace: &str, name: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    pub(crate) fn of(object: &Value) -> Self {
        Self::new(object::namespace(object), object::name(object))
    }
}

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    Added,
    Modified,
    Deleted,
}

/// One entry of a collection's history.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) revision: u64,
    pub(crate) kind: ChangeKind,
    pub(crate) key: Key,
    /// The object after the change; for a deletion its last state with the deletion's revision.
    pub(crate) object: Arc<Value>,
    /// The object before the change.
    pub(crate) previous: Option<Arc<Value>>,
}

/// The history no longer reaches back to what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expired {
    /// The oldest revision that can still be resumed from.
    pub(crate) oldest: u64,
}

/// The objects of one resource.
#[derive(Debug)]
struct Collection {
    objects: BTreeMap<Key, Arc<Value>>,
    history: VecDeque<Change>,
    /// Revisions at or after this one can be resumed from.
    floor: u64,
    changed: watch::Sender<u64>,
}

impl Collection {
    fn new(floor: u64) -> Self {
        let (changed, _) = watch::channel(floor);
        Self {
            objects: BTreeMap::new(),
            history: VecDeque::new(),
            floor,
            changed,
        }
    }
}

/// An object by resource (`deployments.apps`) and key.
pub(crate) type Reference = (String, Key);

/// Everything as it was at one revision.
#[derive(Debug, Clone)]
pub(crate) struct Saved {
    revision: u64,
    objects: BTreeMap<String, BTreeMap<Key, Arc<Value>>>,
}

/// What happened since the controllers last looked.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    /// Objects that were added or modified (and may be gone again).
    pub(crate) changed: BTreeSet<Reference>,
    /// Objects that are gone, in their last state, with their resource.
    pub(crate) removed: Vec<(String, Arc<Value>)>,
}

/// All objects of the simulated cluster.
#[derive(Debug)]
pub(crate) struct Store {
    revision: u64,
    collections: BTreeMap<String, Collection>,
    /// Owner UID to the objects that name it in `ownerReferences`.
    owners: BTreeMap<String, BTreeSet<Reference>>,
    uids: BTreeMap<String, Reference>,
    history_limit: usize,
    touched: Touched,
    journal: Option<Journal>,
}

impl Store {
    pub(crate) fn new(history_limit: usize) -> Self {
        Self {
            revision: 1,
            collections: BTreeMap::new(),
            owners: BTreeMap::new(),
            uids: BTreeMap::new(),
            history_limit,
            touched: Touched::default(),
            journal: None,
        }
    }

    /// From now on every change is also written to `journal`.
    pub(crate) fn attach(&mut self, journal: Journal) {
        self.journal = Some(journal);
    }

    /// Puts an object back as it was saved; used only while loading.
    pub(crate) fn restore(&mut self, resource: &str, key: Key, object: Option<Value>) {
        let previous = self.collection(resource).objects.get(&key).cloned();
        match object {
            Some(object) => {
                self.revision = self.revision.max(object::revision(&object));
                let object = Arc::new(object);
                self.reindex(resource, &key, previous.as_deref(), Some(&object));
                self.collection(resource).objects.insert(key, object);
            }
            None => {
                self.reindex(resource, &key, previous.as_deref(), None);
                self.collection(resource).objects.remove(&key);
            }
        }
    }

    /// Ends loading: history starts here.
    pub(crate) fn restored(&mut self, revision: u64) {
        self.revision = self.revision.max(revision);
        let floor = self.revision;
        let mut all = BTreeSet::new();
        for (name, collection) in &mut self.collections {
            collection.floor = floor;
            collection.changed.send_replace(floor);
            all.extend(
                collection
                    .objects
                    .keys()
                    .map(|key| (name.clone(), key.clone())),
            );
        }
        self.touched.changed = all;
    }

    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    pub(crate) fn get(&self, resource: &str, key: &Key) -> Option<&Arc<Value>> {
        self.collections.get(resource)?.objects.get(key)
    }

    /// The objects of a resource, in key order; all namespaces when `namespace` is `None`.
    pub(crate) fn list<'a>(
        &'a self,
        resource: &str,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a Key, &'a Arc<Value>)> {
        let from = Key::new(namespace.unwrap_or_default(), "");
        self.collections
            .get(resource)
            .into_iter()
            .flat_map(move |collection| collection.objects.range(from.clone()..))
            .take_while(move |(key, _)| namespace.is_none_or(|wanted| key.namespace == wanted))
    }

    /// The objects of a resource as they were at `revision`.
    pub(crate) fn list_at(
        &self,
        resource: &str,
        revision: u64,
    ) -> Result<BTreeMap<Key, Arc<Value>>, Expired> {
        let Some(collection) = self.collections.get(resource) else {
            return Ok(BTreeMap::new());
        };
        if revision < collection.floor {
            return Err(Expired {
                oldest: collection.floor,
            });
        }
        let mut objects = collection.objects.clone();
        for change in collection.history.iter().rev() {
            if change.revision <= revision {
                break;
            }
            match &change.previous {
                Some(previous) => objects.insert(change.key.clone(), Arc::clone(previous)),
                None => objects.remove(&change.key),
            };
        }
        Ok(objects)
    }

    /// The changes after `revision`, oldest first.
    pub(crate) fn changes_after(
        &self,
        resource: &str,
        revision: u64,
    ) -> Result<Vec<Change>, Expired> {
        let Some(collection) = self.collections.get(resource) else {
            return Ok(Vec::new());
        };
        if revision < collection.floor {
            return Err(Expired {
                oldest: collection.floor,
            });
        }
        let start = collection
            .history
            .partition_point(|change| change.revision <= revision);
        Ok(collection.history.range(start..).cloned().collect())
    }

    /// Tells of changes of a resource; the value is the revision of the last one.
    pub(crate) fn subscribe(&mut self, resource: &str) -> watch::Receiver<u64> {
        self.collection(resource).changed.subscribe()
    }

    /// Wakes the watches of a resource although nothing changed.
    pub(crate) fn poke(&mut self, resource: &str) {
        let revision = self.revision;
        self.collection(resource).changed.send_replace(revision);
    }

    /// Stores an object under the next revision.
    pub(crate) fn put(&mut self, resource: &str, mut object: Value) -> Arc<Value> {
        self.revision += 1;
        let revision = self.revision;
        object::set_revision(&mut object, revision);
        let key = Key::of(&object);
        let object = Arc::new(object);
        let previous = self
            .collection(resource)
            .objects
            .insert(key.clone(), Arc::clone(&object));
        self.reindex(resource, &key, previous.as_deref(), Some(&object));
        let kind = if previous.is_some() {
            ChangeKind::Modified
        } else {
            ChangeKind::Added
        };
        if let Some(journal) = &mut self.journal {
            journal.append(revision, resource, &key, Some(&object));
        }
        let stored = Arc::clone(&object);
        self.record(
            resource,
            Change {
                revision,
                kind,
                key,
                object,
                previous,
            },
        );
        stored
    }

    /// Removes an object; its last state carries the revision of the removal.
    pub(crate) fn remove(&mut self, resource: &str, key: &Key) -> Option<Arc<Value>> {
        let previous = self.collection(resource).objects.remove(key)?;
        self.revision += 1;
        let revision = self.revision;
        self.reindex(resource, key, Some(&previous), None);
        let mut last = Value::clone(&previous);
        object::set_revision(&mut last, revision);
        let object = Arc::new(last);
        if let Some(journal) = &mut self.journal {
            journal.append(revision, resource, key, None);
        }
        let change = Change {
            revision,
            kind: ChangeKind::Deleted,
            key: key.clone(),
            object: Arc::clone(&object),
            previous: Some(previous),
        };
        self.record(resource, change);
        Some(object)
    }

    /// Forgets all history, as etcd compaction does: older revisions are `Expired` from now on.
    pub(crate) fn compact(&mut self) {
        let floor = self.revision;
        for collection in self.collections.values_mut() {
            collection.history.clear();
            collection.floor = floor;
        }
    }

    /// A copy of everything, to go back to.
    pub(crate) fn save(&self) -> Saved {
        let objects = self
            .collections
            .iter()
            .map(|(name, collection)| (name.clone(), collection.objects.clone()))
            .collect();
        Saved {
            revision: self.revision,
            objects,
        }
    }

    /// Goes back to what was saved, revision and all, as when etcd is restored from a backup:
    /// running watches hear nothing of it, and no history is left.
    pub(crate) fn go_back(&mut self, saved: &Saved) {
        self.revision = saved.revision;
        self.owners.clear();
        self.uids.clear();
        self.touched = Touched::default();
        for (name, collection) in &mut self.collections {
            collection.objects = saved.objects.get(name).cloned().unwrap_or_default();
            collection.history.clear();
            collection.floor = saved.revision;
        }
        for (name, objects) in &saved.objects {
            for (key, object) in objects {
                self.reindex(name, key, None, Some(object));
            }
        }
        if let Some(mut journal) = self.journal.take() {
            journal.rewrite(self.revision, self.everything());
            self.journal = Some(journal);
        }
    }

    /// The objects that name `uid` as an owner.
    pub(crate) fn dependents(&self, uid: &str) -> Vec<Reference> {
        self.owners
            .get(uid)
            .map(|set| set.iter().cloned().collect())
            .unwrap_or_default()
    }

    pub(crate) fn by_uid(&self, uid: &str) -> Option<&Reference> {
        self.uids.get(uid)
    }

    /// Names of the resources that hold at least one object.
    pub(crate) fn resources(&self) -> Vec<String> {
        let filled = |(_, collection): &(&String, &Collection)| !collection.objects.is_empty();
        self.collections
            .iter()
            .filter(filled)
            .map(|(name, _)| name.clone())
            .collect()
    }

    pub(crate) fn take_touched(&mut self) -> Touched {
        std::mem::take(&mut self.touched)
    }

    pub(crate) fn has_touched(&self) -> bool {
        !self.touched.changed.is_empty() || !self.touched.removed.is_empty()
    }

    /// Every object, for a snapshot of the journal.
    pub(crate) fn everything(&self) -> impl Iterator<Item = (&str, &Key, &Arc<Value>)> {
        self.collections.iter().flat_map(|(name, collection)| {
            collection
                .objects
                .iter()
                .map(move |(key, object)| (name.as_str(), key, object))
        })
    }

    /// Rewrites the journal when it has outgrown the state it describes.
    pub(crate) fn condense(&mut self) {
        let Some(mut journal) = self.journal.take() else {
            return;
        };
        if journal.is_overgrown() {
            journal.rewrite(self.revision, self.everything());
        }
        self.journal = Some(journal);
    }

    fn collection(&mut self, resource: &str) -> &mut Collection {
        if !self.collections.contains_key(resource) {
            // A collection that never held anything has lost no history.
            self.collections
                .insert(resource.to_owned(), Collection::new(0));
        }
        self.collections
            .get_mut(resource)
            .expect("the collection was just made sure of")
    }

    fn record(&mut self, resource: &str, change: Change) {
        if change.kind == ChangeKind::Deleted {
            self.touched
                .removed
                .push((resource.to_owned(), Arc::clone(&change.object)));
        } else {
            self.touched
                .changed
                .insert((resource.to_owned(), change.key.clone()));
        }
        let limit = self.history_limit;
        let collection = self.collection(resource);
        let revision = change.revision;
        collection.history.push_back(change);
        while collection.history.len() > limit {
            if let Some(dropped) = collection.history.pop_front() {
                collection.floor = dropped.revision;
            }
        }
        collection.changed.send_replace(revision);
    }

    fn reindex(&mut self, resource: &str, key: &Key, old: Option<&Value>, new: Option<&Value>) {
        let reference = (resource.to_owned(), key.clone());
        if let Some(old) = old {
            for owner in object::owner_uids(old) {
                if let Some(set) = self.owners.get_mut(owner) {
                    set.remove(&reference);
                    if set.is_empty() {
                        self.owners.remove(owner);
                    }
                }
            }
            self.uids.remove(object::uid(old));
        }
        if let Some(new) = new {
            for owner in object::owner_uids(new) {
                self.owners
                    .entry(owner.to_owned())
                    .or_default()
                    .insert(reference.clone());
            }
            self.uids.insert(object::uid(new).to_owned(), reference);
        }
    }
}

#[cfg(test)]
mod tests;
