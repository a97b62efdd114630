//! Numbers at their ends.

use capstan_hub_core::limits;

use super::*;

const LIFE: Incarnation = Incarnation {
    counter: 7,
    random: 1,
};

fn number(incarnation: Incarnation, generation: u64) -> Number {
    Number {
        incarnation,
        generation: Generation(generation),
    }
}

#[test]
fn a_block_that_does_not_fit_is_refused_in_words() {
    assert_eq!(block_end(1), Ok(1 + BLOCK));
    assert_eq!(block_end(u64::MAX - BLOCK), Ok(u64::MAX));
    for first in [u64::MAX - BLOCK + 1, u64::MAX] {
        assert_eq!(block_end(first), Err(NumberError::UsedUp { first }));
    }
}

#[test]
fn numbers_that_no_ledger_can_have_given_are_not_skipped() {
    let mut numbers = Numbers::new(LIFE, 1, 1 + BLOCK);
    let counter = limits::CLAIMED_COUNTER_MAX;
    let later = Incarnation { counter, ..LIFE };
    for strange in [
        number(LIFE, u64::MAX),
        number(LIFE, limits::CLAIMED_GENERATION_MAX),
        number(later, 1),
    ] {
        assert_eq!(numbers.skip(strange), Err(NumberError::Strange(strange)));
    }
    assert_eq!(numbers.take(), Some(number(LIFE, 1)));
    let high = limits::CLAIMED_GENERATION_MAX - 1;
    assert_eq!(numbers.skip(number(LIFE, high)), Ok(false));
}
