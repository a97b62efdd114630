//! Entry point of the `hub` binary.

fn main() {}
