//! What expressions over an object of Kubernetes may ask: `self`, whatever it is.

use serde_json::Value as Json;

use crate::environment::{Environment, Path, Root, Shape};
use crate::subject::{Answer, Subject};

/// What an expression over an object may ask.
pub static ENVIRONMENT: Environment = Environment {
    roots: &[Root {
        name: "self",
        shape: Shape::Open,
    }],
    example: ("self.status", "phase"),
    instead_of_size: "ask for less",
    instead_of_patterns: "use startsWith, endsWith or contains",
};

/// An object as such expressions see it.
#[derive(Clone, Copy, Debug)]
pub struct Object<'a>(pub &'a Json);

impl Subject for Object<'_> {
    fn ask(&self, _: Path) -> Answer<'_> {
        Answer::Json(self.0)
    }
}
