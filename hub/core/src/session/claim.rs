//! What a spoke's claim to hold a snapshot is worth, and whether its number may move the hub's.

use capstan_proto::{Number, Triple};

use super::{Hello, Known, Receipt};
use crate::limits;

/// Whether a claimed triple can have come from this ledger.
pub(super) enum Claim {
    Nothing,
    /// It is on record.
    Ours,
    /// The number was given in this life, and there is no record of to whom or what: the record lost
    /// its end, or is an older copy.
    Lost(Triple),
    /// Ours once, says a receipt; this ledger does not know of it.
    Forgotten(Triple),
    /// Nothing says that it was ever ours, or no ledger can have numbered so high.
    Unknown(Triple),
}

impl Claim {
    pub(super) fn of(hello: &Hello, known: &Known) -> Self {
        let Some(triple) = hello.accepted else {
            return Self::Nothing;
        };
        if triple.number > known.issued && !is_plausible(triple.number) {
            return Self::Unknown(triple);
        }
        if known.recorded.contains(&triple) {
            return Self::Ours;
        }
        let of_this_life = triple.number.incarnation == known.incarnation;
        if of_this_life && triple.number <= known.issued {
            return Self::Lost(triple);
        }
        match hello.receipt {
            Receipt::Valid => Self::Forgotten(triple),
            Receipt::Absent | Receipt::Invalid => Self::Unknown(triple),
        }
    }

    /// Whether it is on record, or has a receipt, and a ledger can have numbered so.
    pub(super) const fn is_proven(&self) -> bool {
        match self {
            Self::Ours | Self::Forgotten(_) => true,
            Self::Nothing | Self::Lost(_) | Self::Unknown(_) => false,
        }
    }
}

/// Whether any ledger can have given a number, so that numbers may be raised above it.
#[must_use]
pub const fn is_plausible(number: Number) -> bool {
    number.generation.0 < limits::CLAIMED_GENERATION_MAX
        && number.incarnation.counter < limits::CLAIMED_COUNTER_MAX
}
