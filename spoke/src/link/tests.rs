//! Addresses and waiting.

use std::time::Duration;

use super::{Address, Backoff, first_line};

#[test]
fn addresses_are_host_and_port_and_nothing_else() {
    for good in ["hub.example:7443", "127.0.0.1:1", "[2001:db8::1]:7443"] {
        let address = Address::parse(good).expect(good);
        assert_eq!(address.to_string(), good);
    }
    for bad in [
        "hub.example",
        "hub.example:",
        "hub.example:0",
        "hub.example:70000",
        ":7443",
        "https://hub.example:7443",
        "2001:db8::1:7443",
        "[nonsense]:7443",
        "hub example:7443",
    ] {
        assert!(Address::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn the_wait_doubles_up_to_a_minute_and_starts_anew_after_success() {
    let mut backoff = Backoff::default();
    let seconds: Vec<u64> = (0..8)
        .map(|_| backoff.failed(1.0, None).as_secs())
        .collect();
    assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60]);
    backoff.succeeded();
    assert_eq!(backoff.failed(1.0, None).as_secs(), 1);
}

#[test]
fn jitter_is_full_but_never_nothing() {
    assert_eq!(
        Backoff::default().failed(0.0, None),
        Duration::from_millis(100)
    );
}

#[test]
fn what_the_hub_asks_for_is_waited_at_least_and_bounded() {
    let asked = Some(Duration::from_secs(30));
    assert!(Backoff::default().failed(0.0, asked) >= Duration::from_secs(30));
    let hour = Some(Duration::from_secs(3600));
    assert!(Backoff::default().failed(1.0, hour) <= Duration::from_secs(601));
}

#[test]
fn a_peers_text_cannot_steer_a_terminal() {
    assert_eq!(first_line("bad\u{1b}[31m\nmore"), "bad[31m");
}
