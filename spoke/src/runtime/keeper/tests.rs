//! The end of an attempt.

use std::future::{pending, ready};
use std::time::Duration;

use tokio::time::Instant;

use super::within;
use crate::kube::lease::{DURATION, STOP_AFTER};

#[tokio::test]
async fn an_attempt_that_hangs_ends_when_the_agent_has_to_stop() {
    let begun = Instant::now();
    let extended = begun.checked_sub(STOP_AFTER).unwrap() + Duration::from_millis(20);
    assert_eq!(within(extended, pending::<()>()).await, None);
    let taken = begun.elapsed();
    assert!(taken >= Duration::from_millis(20) && taken < DURATION - STOP_AFTER);
    assert_eq!(within(begun, ready(7)).await, Some(7));
}
