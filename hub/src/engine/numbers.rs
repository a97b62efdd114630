//! Generations, taken from blocks that the ledger reserved: a restart leaves a gap and gives no number twice.

use capstan_hub_core::session;
use capstan_proto::{Generation, Incarnation, Number};

/// Generations in one block. A pass that changes anything takes one, so a block lasts for a thousand commits, and one
/// ledger write is shared by as many.
pub(crate) const BLOCK: u64 = 1_024;

/// Why numbers cannot be reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NumberError {
    /// No ledger can have given it: it would leave too few above it.
    #[error("numbers are not raised above {0}, which no ledger can have given")]
    Strange(Number),
    /// There is no whole block left.
    #[error(
        "the ledger has no generations left from {first} on (restore an older copy of the ledger: clusters with later \
         receipts raise its numbers again, as far as is needed)"
    )]
    UsedUp {
        /// The first one that nobody reserved.
        first: u64,
    },
}

/// Whether numbers may be raised above one; sessions ask first, and who writes it down asks again.
pub(crate) const fn check_raise(above: Number) -> Result<(), NumberError> {
    match session::is_plausible(above) {
        true => Ok(()),
        false => Err(NumberError::Strange(above)),
    }
}

/// The end of the block that begins there.
pub(crate) fn block_end(first: u64) -> Result<u64, NumberError> {
    first
        .checked_add(BLOCK)
        .ok_or(NumberError::UsedUp { first })
}

/// The numbers that may be given.
#[derive(Clone, Debug)]
pub(crate) struct Numbers {
    incarnation: Incarnation,
    next: u64,
    end: u64,
    asked: bool,
}

impl Numbers {
    /// The numbers `first..end` of an incarnation.
    pub(crate) const fn new(incarnation: Incarnation, first: u64, end: u64) -> Self {
        Self {
            incarnation,
            next: first,
            end,
            asked: false,
        }
    }

    /// The incarnation.
    pub(crate) const fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// The highest number that was ever reserved.
    pub(crate) const fn reserved(&self) -> Number {
        self.number(self.end.saturating_sub(1))
    }

    /// The highest number that was given.
    pub(crate) const fn issued(&self) -> Number {
        self.number(self.next.saturating_sub(1))
    }

    /// Gives no number up to this one any more; says whether numbers above it are reserved already.
    pub(crate) fn skip(&mut self, number: Number) -> Result<bool, NumberError> {
        if number > self.reserved() {
            check_raise(number)?;
            return Ok(false);
        }
        if number.incarnation == self.incarnation {
            // It is below the block's end, so there is one after it.
            self.next = self.next.max(number.generation.0 + 1);
        }
        Ok(self.next < self.end)
    }

    /// The next number; `None` when the block is used up and the next one is not there yet.
    pub(crate) fn take(&mut self) -> Option<Number> {
        if self.next >= self.end {
            return None;
        }
        let number = self.number(self.next);
        self.next += 1;
        Some(number)
    }

    /// Whether it is time to ask for another block; says yes once until one came.
    pub(crate) fn ask(&mut self) -> bool {
        let low = self.end - self.next <= BLOCK / 2;
        let ask = low && !self.asked;
        self.asked |= ask;
        ask
    }

    /// Another block was reserved. What is left of the one before becomes a gap; a block below it, which came late, is
    /// one.
    pub(crate) fn refill(&mut self, incarnation: Incarnation, first: u64, end: u64) {
        let block = Self::new(incarnation, first, end);
        if block.number(first) > self.reserved() {
            *self = block;
        }
    }

    const fn number(&self, generation: u64) -> Number {
        Number {
            incarnation: self.incarnation,
            generation: Generation(generation),
        }
    }
}

#[cfg(test)]
mod tests;
