//! Tests of the schema module.
