//! A whole hub in this process, with real TLS, a real ledger and store, real Git, and spokes made of the wire's stubs.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something is not as it must be"
)]

mod admin;
mod commands;
mod delivery;
mod files;
mod identity;
mod inventory;
mod offline;
mod reports;
mod restart;
mod rewritten;
mod support;
