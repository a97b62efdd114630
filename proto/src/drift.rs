//! The words of a drift report. What counts as drift is judged by the spoke.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::moment::Moment;
use crate::object::ObjectKey;

/// What became of a drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Outcome {
    /// Seen, not put back yet.
    Open,
    /// Put back.
    Healed,
    /// Left as it is, because the bundle only asks for a report.
    Reported,
    /// Left alone for a while, because another manager keeps writing the field.
    Fought,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Open => "Open",
            Self::Healed => "Healed",
            Self::Reported => "Reported",
            Self::Fought => "Fought",
        })
    }
}

/// The two values of a field that drifted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Values {
    /// JSON texts; `None` where the field is not declared, or gone.
    Shown {
        /// What the snapshot says.
        declared: Option<String>,
        /// What the cluster said.
        live: Option<String>,
    },
    /// Withheld by the spoke: a Secret's, or listed as sensitive.
    Redacted,
}

/// One field whose live value was not the declared one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Field {
    /// Path as Kubernetes writes it: `.spec.template.spec.containers[name="web"].image`.
    pub path: String,
    /// Both values, or the fact that they are withheld.
    pub values: Values,
}

/// One object that stopped saying what the snapshot says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// Which object.
    pub object: ObjectKey,
    /// Which fields; empty when the whole object was gone.
    pub fields: Vec<Field>,
    /// Field manager that wrote, as `managedFields` names it; empty when the server does not say.
    pub manager: String,
    /// `Apply`, `Update`, or `Delete` for an object that is gone.
    pub operation: String,
    /// When it was written; the moment it was seen where the server recorded none.
    pub changed_at: Moment,
    /// When the spoke saw it.
    pub seen_at: Moment,
    /// What became of it.
    pub outcome: Outcome,
    /// When that was reached; `None` while open.
    pub settled_at: Option<Moment>,
    /// How often this object drifted within the flip window, this time included.
    pub times: u32,
}
