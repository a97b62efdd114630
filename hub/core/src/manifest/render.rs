//! The whole way from directories to instances, remembering what did not change.

use super::Rendered;
use crate::placement::Decisions;
use crate::spec::{Spec, Trees};

/// What is remembered of one bundle.
#[derive(Clone, Debug)]
pub(super) struct Memo;

/// Renders every placed bundle for every cluster it is placed on.
#[must_use]
pub fn render(
    _spec: &Spec,
    _trees: &Trees,
    _decisions: &Decisions,
    _previous: &Rendered,
) -> Rendered {
    Rendered::default()
}
