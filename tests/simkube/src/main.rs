//! Entry point of the `simkube` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    simkube::cli::run(std::env::args_os())
}
