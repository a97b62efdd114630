//! The offline interchange: what programs read of decisions, and the inventory they hand in.
//!
//! The shapes are a promise: fields may be added, none is removed, and the same input gives the
//! same bytes. Names are those inside the one source that is looked at. The JSON Schemas are in
//! `docs/schemas`.

mod answer;
mod before;
mod collect;
mod finding;
mod inventory;
mod lastgood;
mod undeclared;

pub use answer::{
    BundleAnswer, ClusterAnswer, Constraint, HeldAnswer, PlacementAnswer, Rejected, Removal,
    Selected, Shortfall,
};
pub use before::as_selected;
pub use collect::{Only, Resolved};
pub use finding::Finding;
pub use inventory::{InventoryFile, Mistake};
pub use lastgood::LastGoodUnknown;

#[cfg(test)]
mod tests;
