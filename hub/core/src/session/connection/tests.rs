//! Tests of how a cluster stands.

use super::*;

#[test]
fn silence_makes_a_cluster_stale_and_then_offline() {
    let heard = Moment::from_unix_ms(1_000_000);
    let at = |seconds: u64, open| {
        let hearing = Hearing {
            open,
            heard_at: Some(heard),
            admitted_at: None,
        };
        connection(Standing::Enrolled, hearing, heard.plus_ms(seconds * 1000))
    };
    let open = [0, 29, 30, 89, 90].map(|seconds| at(seconds, true));
    use Connection::{Connected, Offline, Stale};
    assert_eq!(open, [Connected, Connected, Stale, Stale, Offline]);
    assert_eq!(
        [0, 89, 90].map(|seconds| at(seconds, false)),
        [Stale, Stale, Offline]
    );
    assert_eq!(
        connection(Standing::NotEnrolled, Hearing::default(), heard),
        Connection::NeverSeen
    );
    assert_eq!(
        connection(Standing::Enrolled, Hearing::default(), heard),
        Connection::Offline
    );
}

#[test]
fn a_cluster_that_was_just_admitted_is_awaited_and_not_called_stale() {
    let admitted = Moment::from_unix_ms(1_000_000);
    let at = |seconds: u64, heard_at: Option<Moment>, open| {
        let hearing = Hearing {
            open,
            heard_at,
            admitted_at: Some(admitted),
        };
        connection(
            Standing::Enrolled,
            hearing,
            admitted.plus_ms(seconds * 1000),
        )
    };
    use Connection::{Connected, Connecting, Offline, Stale};
    for before in [None, Some(admitted.minus_ms(10_000)), Some(admitted)] {
        assert_eq!(
            [0, 89, 90].map(|seconds| at(seconds, before, false)),
            [Connecting, Connecting, Offline]
        );
    }
    // Once it was there, it may be missed.
    let heard = Some(admitted.plus_ms(2_000));
    assert_eq!(at(3, heard, true), Connected);
    assert_eq!(at(4, heard, false), Stale);
}

#[test]
fn a_start_of_the_hub_awaits_whom_it_heard_to_the_end_and_no_one_else() {
    let lived = Moment::from_unix_ms(10_000_000);
    let heard = |seconds: u64| Some(lived.minus_ms(seconds * 1000));
    let awaits = |heard_at| awaited(heard_at, Some(lived));
    assert!(awaits(heard(0)) && awaits(heard(89)) && awaits(Some(lived.plus_ms(5_000))));
    assert!(!awaits(heard(90)) && !awaits(heard(14 * 86_400)) && !awaits(None));
    // Without a memory nobody is called silent.
    assert!(awaited(heard(90), None) && awaited(None, None));
}
