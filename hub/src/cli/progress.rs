//! A line for a person who waits: shown when work takes long and somebody looks, gone when it ends.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long nothing is shown, and how often the line changes then.
const EVERY: Duration = Duration::from_secs(1);

/// Work that may take long. The line is taken away when this is dropped.
pub(super) struct Progress(Option<(Sender<()>, JoinHandle<()>)>);

impl Progress {
    /// Begins; `what` is said. Nothing is ever shown where standard error is no terminal.
    pub(super) fn start(what: &'static str) -> Self {
        if !io::stderr().is_terminal() {
            return Self(None);
        }
        let (end, ended) = mpsc::channel();
        let show = move || {
            let begun = Instant::now();
            let mut shown = false;
            while ended.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                shown = true;
                let seconds = begun.elapsed().as_secs();
                // Whoever closed it does not look.
                drop(write!(io::stderr(), "\r{what}, {seconds} s"));
            }
            if shown {
                drop(write!(io::stderr(), "\r\x1b[K"));
            }
        };
        Self(Some((end, thread::spawn(show))))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((end, thread)) = self.0.take() {
            drop(end);
            // It cannot panic; and if it did, the line is all that is lost.
            drop(thread.join());
        }
    }
}
