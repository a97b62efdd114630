//! Entry point of the `playground` binary.

fn main() {}
