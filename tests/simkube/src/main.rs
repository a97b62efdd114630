//! Entry point of the `simkube` binary.

fn main() {}
