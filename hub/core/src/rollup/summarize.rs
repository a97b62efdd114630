//! The summing up.

use std::collections::BTreeMap;

use capstan_proto::{ClusterName, Moment};

use super::{Fleet, Observed};
use crate::desired::Desired;
use crate::placement::Decisions;

/// What people are shown of the fleet at `now`.
#[must_use]
pub fn rollup(
    _decisions: &Decisions,
    _desired: &Desired,
    _observed: &BTreeMap<ClusterName, Observed>,
    now: Moment,
) -> Fleet {
    Fleet {
        at: now,
        ..Fleet::default()
    }
}
