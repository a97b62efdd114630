//! Two sorted maps, walked side by side: a key costs one comparison, and no search.

use std::cmp::Ordering;
use std::collections::{BTreeMap, btree_map};

/// The values of a map for keys that are asked for in order.
pub(super) struct Walk<'a, K, V> {
    next: Option<(&'a K, &'a V)>,
    rest: btree_map::Iter<'a, K, V>,
}

impl<'a, K: Ord, V> Walk<'a, K, V> {
    /// Begins before the first key.
    pub(super) fn new(map: &'a BTreeMap<K, V>) -> Self {
        let mut rest = map.iter();
        let next = rest.next();
        Self { next, rest }
    }

    /// The value of a key that is greater than every key asked for before.
    pub(super) fn get(&mut self, key: &K) -> Option<&'a V> {
        while let Some((have, value)) = self.next {
            let order = have.cmp(key);
            if order == Ordering::Greater {
                break;
            }
            self.next = self.rest.next();
            if order == Ordering::Equal {
                return Some(value);
            }
        }
        None
    }
}
