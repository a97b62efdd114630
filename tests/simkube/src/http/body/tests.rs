//! Tests of `http/body`.
