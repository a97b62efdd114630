//! Waits grow, stay in their limits, and are spread.

use proptest::prelude::*;

use super::{Jitter, wait_ms};

proptest! {
    #[test]
    fn a_wait_is_never_longer_than_a_minute_and_never_nothing(attempts: u32, random: u64, asked: Option<u64>) {
        let wait = wait_ms(attempts, random, asked);
        prop_assert!((1..=60_000).contains(&wait));
    }

    #[test]
    fn the_first_wait_is_at_most_a_second(random: u64) {
        prop_assert!(wait_ms(0, random, None) <= 1_000);
    }
}

#[test]
fn what_the_server_asks_for_counts_up_to_a_cap() {
    assert!(wait_ms(0, 0, Some(5_000)) >= 5_000);
    assert_eq!(wait_ms(0, 0, Some(3_600_000)), 60_000);
}

#[test]
fn one_seed_gives_one_sequence() {
    let draw = |seed| {
        let mut jitter = Jitter::new(seed);
        [jitter.draw(), jitter.draw(), jitter.draw()]
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
}
