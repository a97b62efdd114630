//! What placements selected last time, under the names that clusters have now.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::ClusterName;

use super::bits::Bits;
use super::index::Index;
use crate::spec::Spec;

/// Clusters that have another name now: the former name, and the present one's number.
pub(super) type Renamed = BTreeMap<ClusterName, u32>;

/// Clusters whose former name is not declared any more: their identity moves along.
pub(super) fn renamed(spec: &Spec) -> Renamed {
    let mut renamed = Renamed::new();
    for (number, member) in (0..).zip(spec.members.values()) {
        if let Some(former) = &member.renamed_from
            && !spec.members.contains_key(former)
        {
            renamed.entry(former.clone()).or_insert(number);
        }
    }
    renamed
}

/// The clusters of an index that have one of these names, or had it; and the names that none has,
/// which may be declared in what cannot be read.
pub(super) fn recall<'a>(
    names: impl Iterator<Item = &'a ClusterName>,
    index: &Index,
    spec: &Spec,
    renamed: &Renamed,
) -> (Arc<Bits>, Arc<BTreeSet<ClusterName>>) {
    let mut bits = Bits::empty(index.len());
    let mut absent = BTreeSet::new();
    for name in names {
        match index.number(name).or_else(|| renamed.get(name).copied()) {
            Some(number) => bits.insert(number),
            None if spec.may_declare(name) => {
                absent.insert(name.clone());
            }
            None => {}
        }
    }
    (Arc::new(bits), Arc::new(absent))
}
