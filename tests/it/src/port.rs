//! Ports for servers that go away and come back: nobody else gets them meanwhile.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::Context as _;

/// Linux gives outgoing connections the ports from 32768 on; these are below them.
const FIRST: u16 = 16_000;
/// Ports of one process. Tests run one in a process.
const EACH: u16 = 20;
/// Processes before their ports begin anew.
const PROCESSES: u32 = 800;

/// A port of the loopback interface that nobody listens on, and which no outgoing connection is given.
///
/// # Errors
/// When every port of this process is taken.
pub fn free() -> anyhow::Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let process = u16::try_from(std::process::id() % PROCESSES).unwrap_or_default();
    let mut ports = (0..EACH).map(|_| {
        let next = NEXT.fetch_add(1, Ordering::Relaxed) % EACH;
        FIRST + process * EACH + next
    });
    let free = ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.context("every port of this test is taken")
}
