//! Removals on their way to the disk: no spoke is permitted any before it is written down what was removed, and that it was
//! given what lacks it.

use std::collections::BTreeSet;

/// Names the removals of one pass; a later one is larger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

/// Which removals are not written down yet. What fails stays here: it is never permitted.
#[derive(Debug, Default)]
pub(crate) struct Settling {
    last: Ticket,
    open: BTreeSet<Ticket>,
}

impl Settling {
    /// The ticket of the removals that are found next.
    pub(crate) const fn next(&self) -> Ticket {
        Ticket(self.last.0 + 1)
    }

    /// They are being written down.
    pub(crate) fn begin(&mut self) -> Ticket {
        self.last = self.next();
        self.open.insert(self.last);
        self.last
    }

    /// They are written down.
    pub(crate) fn end(&mut self, ticket: Ticket) {
        self.open.remove(&ticket);
    }

    /// Whether these and all before them are written down.
    pub(crate) fn is_settled(&self, ticket: Ticket) -> bool {
        ticket <= self.last && self.open.first().is_none_or(|open| ticket < *open)
    }
}
