//! How often one object was put back of late, and when that is a fight.
//!
//! Fields that are written again and again and an object that is deleted again and again are two
//! fights: neither uses up what the other is allowed. Most objects never drift, so that what is
//! counted takes no room before the first time.

use capstan_proto::Moment;

use super::object::Broken;
use crate::limits::{FLIP_WINDOW_MS, FLIPS_MAX, FOUGHT_FIRST_MS, FOUGHT_LONGEST_MS, LOSSES_MAX};

/// What is fought over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fight {
    /// What the object says.
    Fields,
    /// Whether it exists.
    Existence,
}

impl Fight {
    pub(super) const fn over(broken: &Broken) -> Self {
        match broken {
            Broken::Deleted => Self::Existence,
            Broken::Fields(_) | Broken::Recreated(_) | Broken::Moved(_) => Self::Fields,
        }
    }

    /// Heals within the window after which it is a fight.
    const fn heals_max(self) -> usize {
        match self {
            Self::Fields => FLIPS_MAX,
            Self::Existence => LOSSES_MAX,
        }
    }
}

/// How often an object was put back of late.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Flips(Option<Box<Both>>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Both {
    fields: Bout,
    existence: Bout,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Bout {
    heals: Vec<Moment>,
    fights: u32,
    until: Option<Moment>,
}

impl Flips {
    /// Counts one more time; how often the object drifted within the window, this time included.
    pub(super) fn count(&mut self, fight: Fight, now: Moment) -> u32 {
        let both = self.0.get_or_insert_default();
        both.of(fight).heals.push(now);
        let times = both.fields.recent(now) + both.existence.recent(now);
        u32::try_from(times).unwrap_or(u32::MAX)
    }

    /// Until when the object is left alone, if somebody fights us; asked before a heal.
    pub(super) fn fought(&mut self, fight: Fight, now: Moment) -> Option<Moment> {
        let bout = self.0.as_mut()?.of(fight);
        bout.fought(fight.heals_max(), now)
    }

    /// Whether it is left alone now.
    pub(super) fn resting(&self, fight: Fight, now: Moment) -> bool {
        let until = self.0.as_ref().and_then(|both| match fight {
            Fight::Fields => both.fields.until,
            Fight::Existence => both.existence.until,
        });
        until.is_some_and(|until| now < until)
    }
}

impl Both {
    const fn of(&mut self, fight: Fight) -> &mut Bout {
        match fight {
            Fight::Fields => &mut self.fields,
            Fight::Existence => &mut self.existence,
        }
    }
}

impl Bout {
    fn recent(&mut self, now: Moment) -> usize {
        self.heals.retain(|at| now.since_ms(*at) < FLIP_WINDOW_MS);
        self.heals.len()
    }

    fn fought(&mut self, heals_max: usize, now: Moment) -> Option<Moment> {
        if let Some(until) = self.until {
            if now < until {
                return Some(until);
            }
            self.until = None;
            self.heals.clear();
            return None;
        }
        let heals = self.recent(now);
        if heals < heals_max {
            if heals == 0 {
                self.fights = 0;
            }
            return None;
        }
        let wait = FOUGHT_FIRST_MS
            .saturating_mul(1 << self.fights.min(10))
            .min(FOUGHT_LONGEST_MS);
        self.fights = self.fights.saturating_add(1);
        self.until = Some(now.plus_ms(wait));
        self.until
    }
}
