//! What a hub decides, and why: pure functions over values.
//!
//! Deliberately absent: clocks, randomness, environment, files, sockets, async, hash order. Time
//! and identity are arguments, effects are values, and every decision carries its reason.
//!
//! # The way of the data
//!
//! | step | call |
//! |---|---|
//! | files to declarations | [`spec::load`]`(&Trees, Option<&Spec>) -> (Spec, Vec<Problem>)`, total |
//! | who gets what, and why | [`placement::resolve`]`(&Spec, &Inventory, &Decisions) -> Decisions` |
//! | directories to objects | [`manifest::render`]`(&Spec, &Trees, &Decisions, &Rendered) -> Rendered` |
//! | one snapshot a cluster | [`desired::desired`]`(&Decisions, &Rendered, &Running) -> Desired` |
//! | one spoke's session | [`session::Session::handle`]`(Event) -> Vec<Effect>` |
//! | is it heard | [`session::connection`]`(standing, hearing, now) -> Connection` |
//! | what people see | [`rollup::rollup`]`(&Decisions, &Desired, &observed, now) -> Fleet` |
//! | why is it (not) there | [`explain::explain`]`(&Decisions, &Desired, &Question) -> Explanation` |
//! | the words | [`report::status`], [`report::lint`], [`report::explain`] |
//!
//! Beside them: [`session::quarantine`] (is an identity used twice), [`rollup::troubles`] (what spokes
//! say is wrong), [`problem::did_you_mean`], [`yaml::read`] (a tree with places),
//! [`desired::RemovalLog`] and [`desired::RemovalSet`] (serde: they are stored).
//!
//! # What to keep
//!
//! Keep between passes, and hand in again: `Spec`, `Decisions`, `Rendered`, and in `Running` what
//! each cluster was last given ([`desired::Given::after`]), the removal log (append
//! `Desired::removals` once the snapshots are handed out) and the approvals. All of it can be lost
//! without anything being removed: what is unknown withholds removals. After a restart without a
//! `Spec`, load the commits of [`spec::Spec::kept_revisions`] before the present ones.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod desired;
pub mod diff;
pub mod effective;
pub mod explain;
pub mod interchange;
pub mod inventory;
pub mod limits;
pub mod manifest;
pub mod placement;
pub mod problem;
pub mod report;
pub mod rollup;
pub mod selector;
pub mod session;
pub mod spec;
pub mod template;
pub mod yaml;

#[cfg(test)]
mod fixture;
