//! Entry point of the `playground` binary: one executable that is also hub, spoke and simkube.
//!
//! Which of them it is follows from the name it was started by, so that every part is a process of
//! its own with a pid of its own, and a fresh machine builds one binary.

mod cli;
mod control;
mod fleet;
mod guide;
mod layout;
mod leash;
mod parts;
mod repository;
mod sample;
mod status;
mod table;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let called = arguments
        .first()
        .map(Path::new)
        .and_then(Path::file_name)
        .unwrap_or_default();
    let called = called.to_string_lossy().into_owned();
    if matches!(called.as_str(), "hub" | "spoke" | "simkube") {
        leash::wear();
    }
    match called.as_str() {
        "hub" => capstan_hub::cli::run(arguments.into_iter()),
        "spoke" => capstan_spoke::cli::run(arguments.into_iter()),
        "simkube" => simkube::cli::run(arguments.into_iter()),
        _ => cli::run(arguments),
    }
}
