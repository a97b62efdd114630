//! What benchmarks have in common: fleets of any size, made up and always the same, and measuring.

pub mod fleet;
pub mod measure;
