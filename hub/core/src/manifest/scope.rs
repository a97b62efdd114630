//! Which kinds live in a namespace.

use std::collections::BTreeMap;

/// Where objects of a kind live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Outside namespaces.
    Cluster,
    /// In a namespace.
    Namespaced,
}

/// The scope of kinds: built-in ones, and those whose definitions are in the fleet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes {
    /// (group, kind) of definitions found in the fleet.
    pub(super) found: BTreeMap<(String, String), Scope>,
}
