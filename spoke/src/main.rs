//! Entry point of the `spoke` binary.

fn main() {}
