//! From decisions to snapshots.

use super::{Desired, Running};
use crate::manifest::Rendered;
use crate::placement::Decisions;

/// What every cluster should run: what was decided, minus what may not be removed yet.
#[must_use]
pub fn desired(_decisions: &Decisions, _content: &Rendered, _running: &Running) -> Desired {
    Desired::default()
}
