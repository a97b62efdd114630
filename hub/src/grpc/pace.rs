//! How often one address may do what needs no certificate.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// One call earns its place in this time.
const EVERY: Duration = Duration::from_secs(1);

/// Calls that may come at once: a site behind one address that enrols some clusters, two calls each. Guessing a token's 160
/// bits gains nothing by it.
const BURST: u32 = 20;

/// Addresses that are remembered: about 100 bytes each, 800 KB.
const ADDRESSES_MAX: usize = 8_192;

/// The paces of all addresses.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When an address has nothing to its debit any more.
    clear_at: Mutex<BTreeMap<IpAddr, Instant>>,
}

impl Pace {
    /// Whether an address may call now; counts the call if so.
    pub(super) fn admits(&self, address: IpAddr, now: Instant) -> bool {
        let address = network(address);
        let mut clear_at = self.clear_at.lock().unwrap_or_else(PoisonError::into_inner);
        if clear_at.len() >= ADDRESSES_MAX && !clear_at.contains_key(&address) {
            clear_at.retain(|_, at| *at > now);
        }
        let full = clear_at.len() >= ADDRESSES_MAX;
        let Some(at) = clear_at.get_mut(&address) else {
            // So many addresses at once are no fleet that enrols: nobody new until some are clear, 20 s at most.
            if !full {
                clear_at.insert(address, now + EVERY);
            }
            return !full;
        };
        let next = (*at).max(now) + EVERY;
        let admits = next <= now + EVERY * BURST;
        if admits {
            *at = next;
        }
        admits
    }
}

/// What counts as one address: of IPv6 the first 64 bits, because a host may choose the others.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & (!0 << 64)).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests;
