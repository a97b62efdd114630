//! What benchmarks have in common: fleets of any size, made up and always the same.

pub mod fleet;
