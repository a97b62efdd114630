//! What the tests are made of: a hub on a directory of its own, a repository, and spokes that speak the wire by hand.

mod repository;
mod spoke;
mod world;

pub(crate) use repository::{Repository, cluster, config_map, everywhere};
pub(crate) use spoke::{Heard, Identity, Spoke};
pub(crate) use world::{World, eventually};
