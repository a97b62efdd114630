//! How long to wait before trying again: full jitter, with the random number as an argument.

use crate::limits::{RETRY_AFTER_MAX_MS, RETRY_FIRST_MS, RETRY_LONGEST_MS};

/// The wait before attempt `attempts + 1`, in milliseconds: anything up to a ceiling that doubles from
/// 1 s to 60 s. A wait that the server asked for counts, up to a cap of its own.
#[must_use]
pub fn wait_ms(attempts: u32, random: u64, asked_ms: Option<u64>) -> u64 {
    let ceiling = RETRY_FIRST_MS
        .saturating_mul(1_u64.checked_shl(attempts.min(16)).unwrap_or(u64::MAX))
        .min(RETRY_LONGEST_MS);
    let jittered = 1 + random % ceiling;
    match asked_ms {
        Some(asked) => jittered.max(asked.min(RETRY_AFTER_MAX_MS)),
        None => jittered,
    }
}

/// A sequence of random numbers from one seed (SplitMix64, Steele, Lea and Flood 2014).
#[derive(Clone, Debug, Default)]
pub struct Jitter(u64);

impl Jitter {
    /// The sequence of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub const fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests;
