//! The leash between the playground and its parts: a pipe on standard input. When the playground
//! ends, however it ends, the pipe closes and the part stops as if it had been told to.

use std::io::Read as _;
use std::thread;

use rustix::process::{Signal, getpid, kill_process};

/// Set in the environment of a part that hangs on a leash.
pub(crate) const VARIABLE: &str = "CAPSTAN_PLAYGROUND_LEASH";

/// Starts to watch standard input where the playground asked for it.
pub(crate) fn wear() {
    if std::env::var_os(VARIABLE).is_none() {
        return;
    }
    thread::spawn(|| {
        let mut ignored = [0; 64];
        while matches!(std::io::stdin().lock().read(&mut ignored), Ok(read) if read > 0) {}
        // A part that cannot signal itself is stopped by the playground's own time limit.
        kill_process(getpid(), Signal::TERM).ok();
    });
}
