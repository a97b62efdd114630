//! Tests of the pace.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use super::{ADDRESSES_MAX, BURST, Pace};

const ONE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const TWO: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

#[test]
fn an_address_has_a_burst_and_then_one_call_a_second() {
    let (pace, now) = (Pace::default(), Instant::now());
    let admitted = (0..100).filter(|_| pace.admits(ONE, now)).count();
    assert_eq!(admitted, BURST as usize);
    assert!(pace.admits(TWO, now));
    let later = now + Duration::from_secs(3);
    let admitted = (0..100).filter(|_| pace.admits(ONE, later)).count();
    assert_eq!(admitted, 3);
    let much_later = now + Duration::from_secs(3_600);
    let admitted = (0..100).filter(|_| pace.admits(ONE, much_later)).count();
    assert_eq!(admitted, BURST as usize);
}

#[test]
fn a_network_of_ipv6_is_one_address() {
    let (pace, now) = (Pace::default(), Instant::now());
    let host = |last: u16| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, last));
    let admitted = (0..100)
        .filter(|last| pace.admits(host(*last), now))
        .count();
    assert_eq!(admitted, BURST as usize);
    let other = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 2, 0, 0, 0, 1));
    assert!(pace.admits(other, now));
}

#[test]
fn the_table_is_bounded_and_clears_itself() {
    let (pace, now) = (Pace::default(), Instant::now());
    let address = |n: usize| IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(n).unwrap()));
    for n in 0..2 * ADDRESSES_MAX {
        assert_eq!(pace.admits(address(n), now), n < ADDRESSES_MAX);
    }
    assert_eq!(pace.clear_at.lock().unwrap().len(), ADDRESSES_MAX);
    assert!(pace.admits(address(0), now));
    let later = now + Duration::from_secs(1);
    assert!(pace.admits(address(ADDRESSES_MAX), later));
    assert_eq!(pace.clear_at.lock().unwrap().len(), 2);
}
