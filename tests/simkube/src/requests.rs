//! Owns the counts of requests by verb and resource, which tests assert exactly.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Counts of requests since the start or the last reset.
#[derive(Debug, Default)]
pub struct Requests {
    counts: Mutex<BTreeMap<(String, String), u64>>,
}

impl Requests {
    /// How many requests of `verb` (`get`, `list`, `watch`, `create`, `update`, `patch`,
    /// `delete`, `deletecollection`) named `resource`, such as `deployments.apps` or
    /// `deployments.apps/status`; other paths count as themselves under the lower-case method.
    pub fn count(&self, verb: &str, resource: &str) -> u64 {
        self.all()
            .get(&(verb.to_owned(), resource.to_owned()))
            .copied()
            .unwrap_or(0)
    }

    /// How many requests of `verb` there were, whatever they named.
    pub fn of_verb(&self, verb: &str) -> u64 {
        self.all()
            .iter()
            .filter(|((of, _), _)| of == verb)
            .map(|(_, count)| count)
            .sum()
    }

    /// Every count, by (verb, resource).
    pub fn all(&self) -> BTreeMap<(String, String), u64> {
        self.counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Starts counting from zero.
    pub fn reset(&self) {
        self.counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    pub(crate) fn add(&self, verb: &str, resource: &str) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts
            .entry((verb.to_owned(), resource.to_owned()))
            .or_default() += 1;
    }
}
