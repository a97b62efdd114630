//! When to dial again: full jitter between 1 s and 60 s, or when the hub said.

use std::time::Duration;

/// The first bound.
const FIRST: Duration = Duration::from_secs(1);

/// No wait is longer; 10,000 spokes that lost their hub then make at most about 333 handshakes a second
/// (a uniform draw over 60 s waits 30 s on average).
const LONGEST: Duration = Duration::from_secs(60);

/// No longer after a refusal that an operator takes back, who then watches for the cluster to return. A whole fleet
/// that is refused at once makes about 800 handshakes a second of 10,000 spokes.
const LIFTED_WITHIN: Duration = Duration::from_secs(15);

/// The first bound towards an API server, which is near: a kind whose definition was just accepted is served
/// within a quarter of a second.
const QUICK: Duration = Duration::from_millis(250);

/// A wait that doubles with every failure and starts anew with every success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    failures: u32,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first: FIRST,
            failures: 0,
        }
    }
}

impl Backoff {
    /// One for the API server.
    #[must_use]
    pub fn quick() -> Self {
        Self {
            first: QUICK,
            failures: 0,
        }
    }

    /// The connection served: the next wait is short again.
    pub fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// How long to wait after a refusal that an operator can take back, whatever the hub asked: between two thirds of
    /// the bound and the bound. `random` is in 0..1.
    pub fn refused(&mut self, random: f64) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let sure = LIFTED_WITHIN.mul_f64(2.0 / 3.0);
        sure + (LIFTED_WITHIN - sure).mul_f64(random.clamp(0.0, 1.0))
    }

    /// How long to wait after one more failure. `random` is in 0..1; `asked` is what the hub said, at least waited.
    pub fn failed(&mut self, random: f64, asked: Option<Duration>) -> Duration {
        let bound = self
            .first
            .saturating_mul(1_u32 << self.failures.min(8))
            .min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        let drawn = bound.mul_f64(random.clamp(0.0, 1.0));
        match asked {
            Some(asked) => asked.min(10 * LONGEST) + drawn.min(self.first),
            None => drawn.max(self.first / 10),
        }
    }
}
