//! When somebody else's Lease is over, and when ours is given up.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use time::OffsetDateTime;
use tokio::time::Instant;

use super::{DURATION, Lease, Process, SETTLE, Watched, knows_ended};
use crate::kube::Kube;

const MOMENT: Duration = Duration::from_millis(1);

#[test]
fn a_lease_is_over_when_it_was_not_renewed_for_its_duration_by_our_clock() {
    let begin = Instant::now();
    let mut watched = Watched::default();
    let mut is_over =
        |renewed, after: Duration| watched.is_over(("first", renewed), false, begin + after);
    assert!(!is_over("1", Duration::ZERO));
    assert!(!is_over("1", DURATION - MOMENT));
    assert!(!is_over("2", DURATION), "it was renewed");
    assert!(!is_over("2", DURATION * 2 - MOMENT));
    assert!(is_over("2", DURATION * 2));
    let third = ("third", "2");
    assert!(
        !watched.is_over(third, false, begin + DURATION * 2),
        "another holder"
    );
}

#[test]
fn the_lease_of_a_dead_holder_is_over_when_its_writes_are() {
    let begin = Instant::now();
    let mut watched = Watched::default();
    let mut is_over =
        |ended, after: Duration| watched.is_over(("first", "1"), ended, begin + after);
    assert!(!is_over(true, Duration::ZERO));
    assert!(!is_over(true, SETTLE - MOMENT));
    assert!(!is_over(false, SETTLE), "it is not known any more");
    assert!(!is_over(true, SETTLE * 2));
    assert!(!is_over(true, SETTLE * 3 - MOMENT));
    assert!(is_over(true, SETTLE * 3));
}

#[test]
fn only_a_trace_that_both_have_tells_that_a_holder_ended() {
    let ours = Process::this(None).unwrap();
    let alive = ours.to_text();
    let number = format!("\"pid\":{}", std::process::id());
    let dead = alive.replace(&number, &format!("\"pid\":{}", u32::MAX));
    assert!(knows_ended(Some(&ours), &dead));
    assert!(!knows_ended(Some(&ours), &alive));
    for trace in ["", "{}", "an older agent's"] {
        assert!(!knows_ended(Some(&ours), trace));
    }
    assert!(!knows_ended(None, &dead));
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_not_asked_for_a_lease_that_was_never_ours() {
    crate::tls::install_provider();
    // It takes connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let config = kube::Config::new(url.parse().unwrap());
    let kube = Kube::new(config, Arc::default()).unwrap();
    let mut lease = Lease::new(kube, "capstan", "first");
    let now = OffsetDateTime::now_utc();
    assert!(lease.attempt(now).now_or_never().is_none(), "it waits");
    let released = lease.release(now).now_or_never();
    released.expect("nothing is asked").unwrap();
    lease.may_be_ours = true;
    assert!(lease.release(now).now_or_never().is_none(), "it is asked");
}
