//! A whole hub in this process, with real TLS, a real ledger and store, real Git, and spokes made of the wire's stubs.

mod admin;
mod delivery;
mod files;
mod identity;
mod restart;
mod support;
