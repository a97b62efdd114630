//! What the agent knows of one object: what is wanted, what it owns, what it saw, what it is doing.

use std::sync::Arc;

use capstan_cel::Program;
use capstan_proto::drift::Drift;
use capstan_proto::{BundleName, Digest, Health, Moment, Sync};

use crate::effect::Ticket;
use crate::health::{self, Then, Verdict};
use crate::inventory::Row;
use crate::kind::Kind;
use crate::live::Observed;
use crate::managed_fields::Entry;
use crate::order::Rank;
use crate::plan::Want;

use super::flips::Flips;
use super::observe::Source;

/// How much of a row is durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Saved {
    /// Nothing.
    #[default]
    No,
    /// That we mean to create it.
    Intent,
    /// Its UID.
    Uid,
}

/// An event that came while a write was under way (K15).
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Held {
    Observed(Box<Observed>, Source),
    Vanished,
}

/// What is wrong with a live object that was as declared before.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Broken {
    /// Fields of ours, or our label, are not as they were.
    Fields(Box<Observed>),
    /// Another object carries our key.
    Recreated(Box<Observed>),
    /// It is gone.
    Deleted,
    /// A Secret moved without our write; what of it is not ours to read.
    Moved(Box<Observed>),
}

impl Broken {
    /// What was seen, where there was something to see.
    pub(super) fn observed(&self) -> Option<&Observed> {
        match self {
            Self::Fields(seen) | Self::Recreated(seen) | Self::Moved(seen) => Some(seen),
            Self::Deleted => None,
        }
    }
}

/// A drift that is being looked into or put back.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Breach {
    pub(super) broken: Broken,
    pub(super) seen_at: Moment,
}

const NOT_VERIFIED: &str = "NotVerified";
const NOT_VERIFIED_WORDS: &str = "it was not looked at since the agent started";

/// What is said of an object's sync.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) sync: Sync,
    pub(super) reason: String,
    pub(super) message: String,
}

impl State {
    pub(super) fn new(sync: Sync, reason: &str, message: impl Into<String>) -> Self {
        Self {
            sync,
            reason: reason.to_owned(),
            message: message.into(),
        }
    }

    pub(super) fn synced() -> Self {
        Self::new(Sync::Synced, "", "")
    }

    pub(super) fn applying() -> Self {
        Self::new(Sync::Applying, "", "")
    }

    /// Of an object that the process only knows from what was stored.
    pub(super) fn not_verified() -> Self {
        Self::new(Sync::Unknown, NOT_VERIFIED, NOT_VERIFIED_WORDS)
    }

    pub(super) fn label_removed() -> Self {
        let words = "something in the cluster removed our label from it";
        Self::new(Sync::Failed, "LabelRemoved", words)
    }
}

/// One object that is wanted or owned.
#[derive(Clone, Debug)]
pub(super) struct Object {
    /// Whose it is: the bundle that declares it, or whose inventory has it.
    pub(super) bundle: BundleName,
    /// What is wanted; `None` where the snapshot lacks it.
    pub(super) want: Option<Want>,
    /// What the inventory knows.
    pub(super) row: Option<Row>,
    /// How much of that is durable.
    pub(super) saved: Saved,
    /// Whether it must be read before it may be created: an earlier attempt may have succeeded.
    pub(super) resolve: bool,
    /// It was ours before it vanished: who carries its key now recreated it.
    pub(super) recreating: bool,
    /// The declaration that was tried last.
    pub(super) tried: Option<Digest>,
    /// The rank at which its first attempt keeps others waiting.
    pub(super) trying: Option<Rank>,
    /// The call under way.
    pub(super) call: Option<Ticket>,
    /// What came meanwhile.
    pub(super) held: Option<Held>,
    /// Resource version up to which everything is known.
    pub(super) settled: u64,
    /// Resource version that was compared with the declaration; what it was found to be still holds.
    pub(super) judged: u64,
    /// When its status was written last, of what was seen (K1).
    pub(super) status_at: Option<Moment>,
    /// A state was passed over while a call was under way: what it changed is not known.
    pub(super) passed_over: bool,
    /// It is being deleted, by whomever (K18).
    pub(super) terminating: bool,
    /// What is wrong with it.
    pub(super) breach: Option<Box<Breach>>,
    /// Who owns what, where rules ask for it.
    pub(super) owners: Option<Arc<[Entry]>>,
    /// How often it was put back.
    pub(super) flips: Flips,
    /// Its latest drift.
    pub(super) drift: Option<Box<Drift>>,
    /// Failed attempts since the last success.
    pub(super) attempts: u32,
    /// Not before this it is tried again.
    pub(super) retry_at: Option<Moment>,
    /// Last time its values were read because its version moved.
    pub(super) checked_at: Option<Moment>,
    /// Something in the cluster removes our label whenever we write it (K2).
    pub(super) unlabelled: bool,
    /// Its values are to be read once the rate allows it.
    pub(super) check_due: bool,
    /// Trying again helps nobody until the declaration changes.
    pub(super) gave_up: bool,
    /// When its present declaration was applied.
    pub(super) applied_at: Moment,
    /// What others keep or added in it, though it says what is declared (K13).
    pub(super) company: Option<Box<State>>,
    /// What is said of its sync.
    pub(super) state: State,
    /// What is said of its health.
    pub(super) verdict: Verdict,
    /// Since when it is Progressing.
    pub(super) progressing_since: Option<Moment>,
    /// The deletion was asked for.
    pub(super) deletion_sent: bool,
}

impl Object {
    pub(super) fn new(bundle: BundleName, want: Option<Want>, row: Option<Row>) -> Self {
        Self {
            bundle,
            want,
            row,
            saved: Saved::No,
            resolve: false,
            recreating: false,
            tried: None,
            trying: None,
            call: None,
            held: None,
            settled: 0,
            judged: 0,
            status_at: None,
            passed_over: false,
            terminating: false,
            breach: None,
            owners: None,
            flips: Flips::default(),
            drift: None,
            attempts: 0,
            retry_at: None,
            checked_at: None,
            unlabelled: false,
            check_due: false,
            gave_up: false,
            applied_at: Moment::default(),
            company: None,
            state: State::applying(),
            verdict: not_applied(),
            progressing_since: None,
            deletion_sent: false,
        }
    }

    /// Nothing is said of it before it was looked at.
    pub(super) fn doubt(&mut self) {
        self.state = State::not_verified();
        self.verdict = Verdict::new(Health::Unknown, NOT_VERIFIED, NOT_VERIFIED_WORDS);
    }

    /// Whether nothing was said of it since the process began.
    pub(super) fn is_unverified(&self) -> bool {
        self.state.reason == NOT_VERIFIED
    }

    /// It was looked at, and what is declared was not applied: nothing else is said of its sync,
    /// unless an attempt was made.
    pub(super) fn looked_at(&mut self) {
        if self.state.sync == Sync::Unknown {
            self.state = State::applying();
        }
    }

    /// It was looked for and is not there, nor was it ever.
    pub(super) fn looked_for(&mut self) {
        self.looked_at();
        if self.verdict.health == Health::Unknown {
            self.verdict = not_applied();
        }
    }

    /// What is said of it while it is as declared.
    pub(super) fn settled_state(&self) -> State {
        match &self.company {
            _ if self.unlabelled => State::label_removed(),
            Some(company) => State::clone(company),
            None => State::synced(),
        }
    }

    /// The UID that the inventory has for it.
    pub(super) fn uid(&self) -> Option<&str> {
        self.row.as_ref()?.uid.as_deref()
    }

    /// Whether what was last applied is what is wanted.
    pub(super) fn is_applied(&self) -> bool {
        let applied = self.row.as_ref().filter(|row| row.uid.is_some());
        match (&self.want, applied) {
            (Some(want), Some(row)) => row.digest == Some(want.digest),
            _ => false,
        }
    }

    /// What its bundle says must hold of it to be Healthy; `None` where its kind says.
    pub(super) fn checks(&self) -> Option<&[Program]> {
        self.want.as_ref()?.checks.as_deref()
    }

    /// Whether a judgement of its health needs more than the fact that it exists.
    pub(super) fn is_judged_by_status(&self, kind: &Kind) -> bool {
        self.checks().is_some() || health::needs_status(&kind.group, &kind.kind)
    }

    /// Whether nothing keeps what waits for it waiting.
    pub(super) fn is_good(&self) -> bool {
        let works = matches!(self.verdict.health, Health::Healthy | Health::Suspended);
        self.is_synced() && works
    }

    /// Whether it says what is declared.
    pub(super) fn is_synced(&self) -> bool {
        self.state.sync == Sync::Synced && self.is_applied()
    }

    /// Takes a judgement; keeps since when it is Progressing, and adds the bundle's own deadline.
    pub(super) fn judge(&mut self, mut verdict: Verdict, timeout_ms: u64, now: Moment) {
        if verdict.health == Health::Progressing {
            let since = *self.progressing_since.get_or_insert(now);
            let deadline = since.plus_ms(timeout_ms);
            if verdict.then.is_none_or(|then| then.at > deadline) {
                verdict = verdict.until(deadline, now);
            }
        } else if verdict.health != Health::Degraded {
            self.progressing_since = None;
        }
        self.verdict = verdict;
    }

    /// What time made of its health; whether that changed something.
    pub(super) fn age(&mut self, now: Moment) -> bool {
        match self.verdict.then {
            Some(Then { at, health }) if now >= at => {
                self.verdict.health = health;
                self.verdict.then = None;
                if health == Health::Healthy {
                    self.progressing_since = None;
                }
                true
            }
            _ => false,
        }
    }
}

fn not_applied() -> Verdict {
    Verdict::new(Health::Missing, "NotApplied", "it was not applied yet")
}
