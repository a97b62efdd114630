//! Two sorted maps, walked side by side: a key costs one comparison, and no search.

use std::collections::{BTreeMap, btree_map};
use std::iter::Peekable;

/// The values of a map for keys that are asked for in order.
pub(super) struct Walk<'a, K, V> {
    rest: Peekable<btree_map::Iter<'a, K, V>>,
}

impl<'a, K: Ord, V> Walk<'a, K, V> {
    /// Begins before the first key.
    pub(super) fn new(map: &'a BTreeMap<K, V>) -> Self {
        Self {
            rest: map.iter().peekable(),
        }
    }

    /// The value of a key that is greater than every key asked for before.
    pub(super) fn get(&mut self, key: &K) -> Option<&'a V> {
        while self.rest.next_if(|(have, _)| *have < key).is_some() {}
        let found = self.rest.next_if(|(have, _)| *have == key);
        found.map(|(_, value)| value)
    }
}
