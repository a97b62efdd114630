//! How long the agent stays away.

use std::time::Duration;

use capstan_proto::wire::CloseReason;

use super::{wait_after, with_hint};
use crate::link::{Backoff, Ended};

fn closed(reason: CloseReason) -> Ended {
    Ended::Closed {
        reason,
        detail: String::new(),
        retry_after: Some(Duration::from_secs(60)),
    }
}

#[test]
fn a_ban_that_is_lifted_is_noticed_within_fifteen_seconds_however_long_it_was() {
    for reason in [CloseReason::Banned, CloseReason::Quarantined] {
        let mut backoff = Backoff::default();
        for step in 0..100 {
            let wait = wait_after(&mut backoff, &closed(reason), f64::from(step) / 99.0);
            let seconds = wait.as_secs_f64();
            assert!((9.9..=15.0).contains(&seconds), "{seconds}");
        }
    }
}

#[test]
fn what_the_hub_asks_for_counts_otherwise() {
    let wait = |reason| wait_after(&mut Backoff::default(), &closed(reason), 0.5);
    assert!(wait(CloseReason::Expired) >= Duration::from_secs(60));
    assert!(wait(CloseReason::ShuttingDown) >= Duration::from_secs(60));
}

#[test]
fn a_refusal_is_told_in_words_with_what_can_be_done() {
    let banned = Ended::Closed {
        reason: CloseReason::Banned,
        detail: "cluster edge-1 is banned".to_owned(),
        retry_after: None,
    };
    assert_eq!(
        with_hint(banned.to_string(), banned.hint()),
        "the hub refuses this cluster: cluster edge-1 is banned (an administrator of the fleet can lift it; \
         the agent then comes back within 15 seconds)"
    );
    let away = closed(CloseReason::ShuttingDown);
    assert_eq!(
        with_hint(away.to_string(), away.hint()),
        "the hub shuts down"
    );
}
