//! The ledger in memory: what the durable records amount to, and the recent history behind it. Pure.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;
use std::time::Duration;

use super::codec::{Change, Commit};
use super::{
    Compare, Entry, Event, Key, LeaseId, Listing, ModRevision, Monotonic, PAGE_ENTRIES_MAX, Page,
    ReadError,
};

/// Changes remembered for watchers and for lists at an older revision. A watcher that is further behind lists again;
/// 10,000 clusters coming back at once write one owner record each, so one such storm nearly fits.
const HISTORY_CHANGES_MAX: usize = 8192;

/// Bytes of values remembered in the history: 8,192 changes x 512 B, our usual record.
const HISTORY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A lease; its deadline is memory only, because a monotonic clock means nothing to the next process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lease {
    pub(super) ttl: Duration,
    pub(super) deadline: Option<Monotonic>,
    pub(super) keys: BTreeSet<Key>,
}

/// A change and what it replaced.
#[derive(Clone, Debug)]
struct Past {
    revision: ModRevision,
    key: Key,
    before: Option<Entry>,
    after: Option<Entry>,
}

impl Past {
    fn bytes(&self) -> usize {
        let value = |entry: &Option<Entry>| entry.as_ref().map_or(0, |entry| entry.value.len());
        value(&self.before) + value(&self.after)
    }
}

/// Everything the ledger knows.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) revision: ModRevision,
    pub(super) entries: BTreeMap<Key, Entry>,
    pub(super) leases: BTreeMap<LeaseId, Lease>,
    history: VecDeque<Past>,
    history_bytes: usize,
    /// The newest revision whose changes are no longer in the history.
    compacted: ModRevision,
    live_bytes: u64,
}

impl State {
    /// A state as a snapshot describes it; its history begins there.
    pub(super) fn from_snapshot(
        revision: ModRevision,
        entries: BTreeMap<Key, Entry>,
        ttls: BTreeMap<LeaseId, Duration>,
    ) -> Self {
        let mut leases: BTreeMap<LeaseId, Lease> = ttls
            .into_iter()
            .map(|(id, ttl)| {
                (
                    id,
                    Lease {
                        ttl,
                        deadline: None,
                        keys: BTreeSet::new(),
                    },
                )
            })
            .collect();
        let mut live_bytes = 0;
        for entry in entries.values() {
            live_bytes += entry_bytes(entry);
            if let Some(lease) = entry.lease.and_then(|id| leases.get_mut(&id)) {
                lease.keys.insert(entry.key.clone());
            }
        }
        Self {
            revision,
            entries,
            leases,
            compacted: revision,
            live_bytes,
            ..Self::default()
        }
    }

    /// About how many bytes a snapshot of this state takes.
    pub(super) fn live_bytes(&self) -> u64 {
        self.live_bytes
    }

    /// The revision in which `key` last changed.
    pub(super) fn modified(&self, key: &Key) -> ModRevision {
        self.entries
            .get(key)
            .map_or(ModRevision::ABSENT, |entry| entry.modified)
    }

    /// The first comparison that does not hold, with the revision found instead.
    pub(super) fn conflict(
        compares: &[Compare],
        modified: impl Fn(&Key) -> ModRevision,
    ) -> Option<(Key, ModRevision)> {
        compares
            .iter()
            .map(|compare| (compare, modified(&compare.key)))
            .find(|(compare, found)| compare.modified != *found)
            .map(|(compare, found)| (compare.key.clone(), found))
    }

    /// Applies one durable commit. Its revision is the next one; the decoder and the writer both see to that.
    pub(super) fn apply(&mut self, commit: &Commit) {
        self.revision = commit.revision;
        for change in &commit.changes {
            match change {
                Change::Put { key, value, lease } => {
                    let created = self
                        .entries
                        .get(key)
                        .map_or(commit.revision, |old| old.created);
                    let entry = Entry {
                        key: key.clone(),
                        value: value.clone(),
                        created,
                        modified: commit.revision,
                        lease: *lease,
                    };
                    self.set(key, Some(entry));
                }
                Change::Delete { key } => self.set(key, None),
                Change::Grant { lease, ttl } => {
                    let granted = Lease {
                        ttl: *ttl,
                        deadline: None,
                        keys: BTreeSet::new(),
                    };
                    self.leases.insert(*lease, granted);
                }
                Change::Revoke { lease } => {
                    self.leases.remove(lease);
                }
            }
        }
        self.forget_old();
    }

    fn set(&mut self, key: &Key, after: Option<Entry>) {
        let before = match &after {
            Some(entry) => self.entries.insert(key.clone(), entry.clone()),
            None => self.entries.remove(key),
        };
        if before.is_none() && after.is_none() {
            return;
        }
        if let Some(old) = &before {
            self.live_bytes -= entry_bytes(old);
            if let Some(lease) = old.lease.and_then(|id| self.leases.get_mut(&id)) {
                lease.keys.remove(key);
            }
        }
        if let Some(new) = &after {
            self.live_bytes += entry_bytes(new);
            if let Some(lease) = new.lease.and_then(|id| self.leases.get_mut(&id)) {
                lease.keys.insert(key.clone());
            }
        }
        let past = Past {
            revision: self.revision,
            key: key.clone(),
            before,
            after,
        };
        self.history_bytes += past.bytes();
        self.history.push_back(past);
    }

    /// Drops the oldest history, whole revisions at a time, until it is within its limits.
    fn forget_old(&mut self) {
        while self.history.len() > HISTORY_CHANGES_MAX || self.history_bytes > HISTORY_BYTES_MAX {
            let Some(revision) = self.history.front().map(|past| past.revision) else {
                return;
            };
            while let Some(past) = self
                .history
                .front()
                .filter(|past| past.revision == revision)
            {
                self.history_bytes -= past.bytes();
                self.history.pop_front();
            }
            self.compacted = revision;
        }
    }

    /// One page of a list, at the revision that the page names or the newest.
    pub(super) fn list(&self, prefix: &str, page: &Page) -> Result<Listing, ReadError> {
        let at = page.at.unwrap_or(self.revision);
        self.reachable(at)?;
        let limit = match page.limit {
            0 => PAGE_ENTRIES_MAX,
            limit => limit.min(PAGE_ENTRIES_MAX),
        };
        let older = self.differences(prefix, at);
        let mut entries: Vec<Entry> = Vec::new();
        let mut more = false;
        let start = match &page.after {
            Some(after) if after.as_str() >= prefix => Bound::Excluded(after.as_str()),
            _ => Bound::Included(prefix),
        };
        let current = self.entries.range::<str, _>((start, Bound::Unbounded));
        let current = current.take_while(|(key, _)| key.as_str().starts_with(prefix));
        let gone = older
            .range::<str, _>((start, Bound::Unbounded))
            .map(|(key, _)| key);
        let keys: Vec<&Key> = merge(current.map(|(key, _)| key), gone);
        for key in keys {
            let entry = match older.get(key) {
                Some(then) => then.as_ref(),
                None => self.entries.get(key),
            };
            let Some(entry) = entry else { continue };
            if entries.len() == limit {
                more = true;
                break;
            }
            entries.push(entry.clone());
        }
        let next = if more {
            entries.last().map(|entry| entry.key.clone())
        } else {
            None
        };
        Ok(Listing {
            entries,
            revision: at,
            next,
        })
    }

    /// The keys that changed after `at`, as they were then.
    fn differences(&self, prefix: &str, at: ModRevision) -> BTreeMap<Key, Option<Entry>> {
        let mut then = BTreeMap::new();
        for past in self
            .history
            .iter()
            .rev()
            .take_while(|past| past.revision > at)
        {
            if past.key.as_str().starts_with(prefix) {
                then.insert(past.key.clone(), past.before.clone());
            }
        }
        then
    }

    /// The first event after `after` whose key begins with `prefix`, together with others of the same revision,
    /// and the revision up to which everything is now seen.
    pub(super) fn events(
        &self,
        prefix: &str,
        after: ModRevision,
    ) -> Result<(Vec<Event>, ModRevision), ReadError> {
        self.reachable(after)?;
        let start = self.history.partition_point(|past| past.revision <= after);
        let mut events: Vec<Event> = Vec::new();
        for past in self.history.range(start..) {
            if events
                .first()
                .is_some_and(|first| first.revision != past.revision)
            {
                break;
            }
            if past.key.as_str().starts_with(prefix) {
                events.push(Event {
                    revision: past.revision,
                    key: past.key.clone(),
                    entry: past.after.clone(),
                });
            }
        }
        let seen = events.first().map_or(self.revision, |event| event.revision);
        Ok((events, seen))
    }

    fn reachable(&self, revision: ModRevision) -> Result<(), ReadError> {
        if revision > self.revision {
            return Err(ReadError::Future {
                asked: revision,
                current: self.revision,
            });
        }
        if revision < self.compacted {
            return Err(ReadError::Compacted {
                oldest: self.compacted,
            });
        }
        Ok(())
    }

    /// The leases whose time is over at `now`. One that has no deadline yet (the process is new) gets its full time.
    pub(super) fn lapsed(&mut self, now: Monotonic) -> Vec<LeaseId> {
        let mut lapsed = Vec::new();
        for (id, lease) in &mut self.leases {
            let deadline = *lease.deadline.get_or_insert_with(|| now.plus(lease.ttl));
            if deadline <= now {
                lapsed.push(*id);
            }
        }
        lapsed
    }

    /// Moves a lease's deadline; false when there is no such lease.
    pub(super) fn keep(&mut self, lease: LeaseId, now: Monotonic) -> bool {
        match self.leases.get_mut(&lease) {
            Some(lease) => {
                lease.deadline = Some(now.plus(lease.ttl));
                true
            }
            None => false,
        }
    }
}

fn entry_bytes(entry: &Entry) -> u64 {
    // Key, value, two revisions, lease and lengths.
    (entry.key.as_str().len() + entry.value.len() + 32) as u64
}

/// Two ordered sequences as one, each key once.
fn merge<'a>(
    left: impl Iterator<Item = &'a Key>,
    right: impl Iterator<Item = &'a Key>,
) -> Vec<&'a Key> {
    let mut keys: Vec<&Key> = left.chain(right).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}
