//! Tests of the merge module.
