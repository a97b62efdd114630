//! The state machine.

use std::collections::BTreeSet;
use std::sync::Arc;

use capstan_proto::delta::sender::{Say, Sender, Target};
use capstan_proto::{Number, Snapshot, Triple, feature};

use super::claim::{Claim, is_plausible};
use super::{Aim, Close, CloseReason, Effect, Event, Hello, Known, Status};
use crate::desired::Prune;

/// One session of one spoke.
#[derive(Clone, Debug)]
pub struct Session {
    known: Known,
    aim: Option<Aim>,
    talk: Talk,
}

/// How far the conversation got.
#[derive(Clone, Debug)]
enum Talk {
    /// The spoke said nothing yet.
    Silent,
    /// Both sides talk.
    Open(Box<Open>),
    /// It is over.
    Ended,
}

#[derive(Clone, Debug)]
struct Open {
    hello: Hello,
    sender: Sender,
    unknown_claim: Option<Triple>,
    /// A claim with a likely number that is not on record: what it consists of is not known.
    doubted: Option<Triple>,
    /// The snapshot that was offered and not answered yet.
    offered: Option<Triple>,
    upgrade_needed: BTreeSet<String>,
    refused: Option<(Triple, String)>,
    /// What was said last of its kind, so that nothing is said twice.
    said_in_sync: Option<Triple>,
    said_permit: Option<Triple>,
    said_no_opinion: Option<String>,
    /// Above which number the next one was asked to be.
    raised_above: Option<Number>,
    /// Whether what the Hello claims is on record or has a receipt.
    proven: bool,
    /// Whether somebody confirmed what the cluster runs.
    vouched: bool,
}

impl Open {
    /// Asks for numbers above what the spoke holds, once. Nobody's word alone raises them: it must
    /// be a number that was given, or one on record or with a receipt that a ledger can have made.
    fn raise_above_held(&mut self, issued: Number, effects: &mut Vec<Effect>) {
        let Some(held) = self
            .sender
            .held()
            .filter(|held| self.may_pass(*held, issued))
        else {
            return;
        };
        if self.raised_above.is_none_or(|asked| asked < held.number) {
            self.raised_above = Some(held.number);
            effects.push(Effect::RaiseNumbers(held.number));
        }
    }

    /// Whether numbers may go above this one: it moves none where it was given already.
    fn may_pass(&self, held: Triple, issued: Number) -> bool {
        let proven = self.proven || self.hello.accepted != Some(held);
        held.number <= issued || proven && is_plausible(held.number)
    }

    /// Whether the spoke holds what nobody may conclude anything from: it is told nothing of it.
    fn holds_unproven(&self, issued: Number) -> bool {
        let held = self.sender.held();
        held.is_some_and(|held| !self.may_pass(held, issued))
    }

    /// Forgets an unknown claim for which somebody vouched, once its number is no reason to doubt.
    fn settle_claim(&mut self, issued: Number) {
        if self.vouched && !self.holds_unproven(issued) {
            self.unknown_claim = None;
        }
    }
}

impl Session {
    /// A session that waits for the spoke's Hello.
    #[must_use]
    pub fn new(known: Known) -> Self {
        Self {
            known,
            aim: None,
            talk: Talk::Silent,
        }
    }

    /// Takes an event; the effects are to be carried out in order.
    pub fn handle(&mut self, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        match (event, &mut self.talk) {
            (_, Talk::Ended) => {}
            (Event::End(close), _) => self.end(close, &mut effects),
            (Event::Aim(aim), _) => {
                self.aim = Some(aim);
                self.drive(&mut effects);
            }
            (Event::RefreshWanted(wanted), _) => self.refresh(wanted, &mut effects),
            (Event::Confirm, _) => self.confirm(&mut effects),
            (Event::Unsettled, _) => self.known.unsettled = true,
            (Event::Settled, _) => {
                self.known.unsettled = false;
                self.permit(&mut effects);
            }
            (Event::Unkept(reason), _) => self.known.unkept = Some(reason),
            (Event::Hello(hello), Talk::Silent) => self.hello(hello, &mut effects),
            (Event::Hello(_), Talk::Open(_)) => {
                self.end(protocol("a second Hello"), &mut effects);
            }
            (_, Talk::Silent) => self.end(protocol("no Hello came first"), &mut effects),
            (Event::Accept(triple), Talk::Open(_)) => self.accept(triple, &mut effects),
            (
                Event::Refuse {
                    snapshot,
                    reason,
                    detail,
                },
                Talk::Open(open),
            ) => {
                // A late word about something else changes nothing.
                if open
                    .offered
                    .take_if(|offered| *offered == snapshot)
                    .is_none()
                {
                    return effects;
                }
                let say = open.sender.refused(snapshot);
                open.refused = Some((snapshot, format!("{reason}: {detail}")));
                self.say(say, &mut effects);
            }
            (Event::RefreshDone(done), Talk::Open(_)) => {
                self.known.refresh_done = self.known.refresh_done.max(done);
            }
        }
        effects
    }

    /// What the session can say of itself.
    #[must_use]
    pub fn status(&self) -> Status {
        let mut status = Status {
            recovering: self.known.recovering.is_some(),
            refresh_owed: self.known.refresh_wanted > self.known.refresh_done,
            ..Status::default()
        };
        if let Some(Aim::Target(target, prune)) = &self.aim {
            status.target = Some(target.triple);
            status.stamps = target.header.stamps.clone();
            status.prune_withheld = self.prune_withheld(prune);
            status.offer_withheld = self.offer_withheld(target);
        }
        if let Talk::Open(open) = &self.talk {
            status.held = open.sender.held();
            status.upgrade_needed = open.upgrade_needed.clone();
            status.refused = open.refused.clone();
            status.unknown_claim = open.unknown_claim;
            status.claim_refused =
                open.unknown_claim.is_some() && open.holds_unproven(self.known.issued);
        }
        status
    }

    /// Why nothing may be pruned by a target, in words.
    fn prune_withheld(&self, prune: &Prune) -> Option<String> {
        let claims_unknown = match &self.talk {
            Talk::Open(open) => open.unknown_claim.is_some(),
            Talk::Silent | Talk::Ended => false,
        };
        if let Some(why) = &self.known.unkept {
            return Some(why.clone());
        }
        if let Prune::Withheld(reason) = prune {
            return Some(reason.clone());
        }
        let why = if self.known.recovering.is_some() {
            "what it runs is not on record; `hub recover --confirm` ends that"
        } else if claims_unknown {
            "it claims a snapshot that this hub never gave it"
        } else if self.known.unsettled {
            "what it loses is being written down"
        } else {
            return None;
        };
        Some(why.to_owned())
    }

    /// Why a target is not offered, in words.
    fn offer_withheld(&self, target: &Target) -> Option<String> {
        let Talk::Open(open) = &self.talk else {
            return None;
        };
        let held = open.sender.held()?;
        is_behind(&open.sender, target).then(|| {
            let what = match open.unknown_claim {
                Some(_) => "which this hub never gave it and does not number above",
                None => "so the hub asks for a higher one",
            };
            format!(
                "it holds snapshot {}, and would refuse {} as older, {what}",
                held.number, target.triple.number
            )
        })
    }

    /// The snapshots whose content the spoke may read: accepted, outstanding and latest.
    pub fn readable(&self) -> impl Iterator<Item = &Arc<Snapshot>> {
        let sender = match &self.talk {
            Talk::Open(open) => Some(&open.sender),
            Talk::Silent | Talk::Ended => None,
        };
        sender.into_iter().flat_map(Sender::readable)
    }

    fn hello(&mut self, hello: Hello, effects: &mut Vec<Effect>) {
        if hello.protocol_max < feature::PROTOCOL_OLDEST || hello.protocol_min > feature::PROTOCOL {
            let detail = format!(
                "agent {} speaks protocol {} to {}, this hub {} to {}; upgrade the older side",
                hello.agent_version,
                hello.protocol_min,
                hello.protocol_max,
                feature::PROTOCOL_OLDEST,
                feature::PROTOCOL,
            );
            self.end(protocol(detail), effects);
            return;
        }
        let (mut unknown_claim, mut doubted) = (None, None);
        let claim = Claim::of(&hello, &self.known);
        let proven = claim.is_proven();
        let mut raises = false;
        match claim {
            Claim::Nothing | Claim::Ours => {}
            Claim::Lost(triple) => doubted = Some(triple),
            Claim::Forgotten(triple) => {
                self.recover_from(triple, effects);
                raises = triple.number > self.known.issued;
            }
            Claim::Unknown(triple) => {
                self.recover_from(triple, effects);
                unknown_claim = Some(triple);
            }
        }
        if hello.states.is_some() && hello.states != self.known.states {
            effects.push(Effect::ReportWanted);
        }
        if self.known.refresh_wanted > self.known.refresh_done {
            effects.push(Effect::RefreshWanted(self.known.refresh_wanted));
        }
        let sender = Sender::new(hello.accepted, self.known.snapshot.take());
        let mut open = Open {
            hello,
            sender,
            unknown_claim,
            doubted,
            offered: None,
            upgrade_needed: BTreeSet::new(),
            refused: None,
            said_in_sync: None,
            said_permit: None,
            said_no_opinion: None,
            raised_above: None,
            proven,
            vouched: false,
        };
        if raises {
            open.raise_above_held(self.known.issued, effects);
        }
        self.talk = Talk::Open(Box::new(open));
        self.drive(effects);
    }

    /// Begins recovery, or goes on with one that began before.
    fn recover_from(&mut self, claimed: Triple, effects: &mut Vec<Effect>) {
        if self.known.recovering.is_none() {
            self.known.recovering = Some(claimed.digest);
            effects.push(Effect::Recovering(Some(claimed.digest)));
        }
    }

    /// Brings the spoke towards the aim.
    fn drive(&mut self, effects: &mut Vec<Effect>) {
        let Talk::Open(open) = &mut self.talk else {
            return;
        };
        let (target, prune) = match &self.aim {
            None => return,
            Some(Aim::NoOpinion(reason)) => {
                // What was said before is not what the spoke should believe now.
                open.said_in_sync = None;
                open.said_permit = None;
                if open.said_no_opinion.as_ref() != Some(reason) {
                    open.said_no_opinion = Some(reason.clone());
                    effects.push(Effect::NoOpinion(reason.clone()));
                }
                return;
            }
            Some(Aim::Target(target, prune)) => (target.clone(), prune.clone()),
        };
        open.said_no_opinion = None;
        let known: &BTreeSet<String> = &open.hello.features;
        let missing: BTreeSet<String> = target
            .header
            .required_features
            .difference(known)
            .cloned()
            .collect();
        if !missing.is_empty() {
            if open.upgrade_needed != missing {
                open.upgrade_needed = missing.clone();
                effects.push(Effect::UpgradeNeeded(missing));
            }
            return;
        }
        open.upgrade_needed.clear();
        self.past(&target, &prune, effects);
        let Talk::Open(open) = &mut self.talk else {
            return;
        };
        if is_behind(&open.sender, &target) {
            if open.unknown_claim.is_none() {
                open.raise_above_held(self.known.issued, effects);
            }
            return;
        }
        let say = open.sender.aim(target);
        self.say(say, effects);
    }

    /// Settles whether what the cluster had before is known well enough.
    fn past(&mut self, target: &Target, prune: &Prune, effects: &mut Vec<Effect>) {
        let Talk::Open(open) = &mut self.talk else {
            return;
        };
        let claimed = open.hello.accepted;
        let doubted = open.doubted.take();
        if let Some(doubted) = doubted
            && doubted.digest != target.triple.digest
        {
            self.doubt(doubted, target, effects);
            return;
        }
        // It never had anything: there is nothing to be unsure of.
        let new = claimed.is_none() && !self.known.given_before;
        if let Some(digest) = self.known.recovering {
            // Who claims a number that was never given says nothing with the digest beside it.
            let equal = digest == target.triple.digest && !open.holds_unproven(self.known.issued);
            if new || equal {
                open.unknown_claim = None;
                self.known.recovering = None;
                effects.push(Effect::Recovering(None));
                effects.push(Effect::Confirmed);
            }
            return;
        }
        if !matches!(prune, Prune::Withheld(_)) {
            return;
        }
        match claimed {
            Some(claimed) if claimed.digest != target.triple.digest => {
                self.recover_from(claimed, effects);
            }
            Some(_) => effects.push(Effect::Confirmed),
            None if new => effects.push(Effect::Confirmed),
            // It may have lost its record and still run what nobody knows of.
            None => {}
        }
    }

    /// Begins recovery from a claim of which there is no record, and asks for a number above it.
    fn doubt(&mut self, claimed: Triple, target: &Target, effects: &mut Vec<Effect>) {
        self.recover_from(claimed, effects);
        if claimed.number >= target.triple.number
            && let Talk::Open(open) = &mut self.talk
        {
            open.raise_above_held(self.known.issued, effects);
        }
    }

    fn accept(&mut self, triple: Triple, effects: &mut Vec<Effect>) {
        let Talk::Open(open) = &mut self.talk else {
            return;
        };
        let before = open.sender.held();
        open.offered.take_if(|offered| *offered == triple);
        let say = open.sender.accepted(triple);
        if open.sender.held() != before {
            open.refused = None;
            open.settle_claim(self.known.issued);
            // The receipt says as much.
            open.said_in_sync = Some(triple);
            effects.push(Effect::Receipt(triple));
        }
        self.say(say, effects);
    }

    fn say(&mut self, say: Say, effects: &mut Vec<Effect>) {
        let Talk::Open(open) = &mut self.talk else {
            return;
        };
        match say {
            Say::Nothing => {}
            Say::Offer(pieces) => {
                open.said_in_sync = None;
                open.offered = pieces.first().map(|piece| piece.snapshot);
                effects.push(Effect::Offer(pieces));
            }
            Say::InSync(triple) => {
                // With it goes a receipt, which would make any number ours.
                if open.holds_unproven(self.known.issued) {
                    return;
                }
                if open.said_in_sync != Some(triple) {
                    open.said_in_sync = Some(triple);
                    effects.push(Effect::InSync(triple));
                }
            }
        }
        self.permit(effects);
    }

    /// Says that the spoke may prune, where it may and was not told yet.
    fn permit(&mut self, effects: &mut Vec<Effect>) {
        let Talk::Open(open) = &mut self.talk else {
            return;
        };
        let Some(Aim::Target(target, Prune::Permitted)) = &self.aim else {
            return;
        };
        let uncertain = self.known.recovering.is_some() || open.unknown_claim.is_some();
        let withheld = uncertain || self.known.unsettled || self.known.unkept.is_some();
        let Some(held) = open.sender.held() else {
            return;
        };
        if !withheld && held.digest == target.triple.digest && open.said_permit != Some(held) {
            open.said_permit = Some(held);
            effects.push(Effect::PrunePermit(held));
        }
    }

    fn confirm(&mut self, effects: &mut Vec<Effect>) {
        if self.known.recovering.take().is_some() {
            effects.push(Effect::Recovering(None));
        }
        effects.push(Effect::Confirmed);
        if let Talk::Open(open) = &mut self.talk {
            // A person's word is for what the cluster runs; it raises no number.
            open.vouched = true;
            open.settle_claim(self.known.issued);
            self.permit(effects);
        }
    }

    fn refresh(&mut self, wanted: u64, effects: &mut Vec<Effect>) {
        if wanted <= self.known.refresh_wanted {
            return;
        }
        self.known.refresh_wanted = wanted;
        if let Talk::Open(open) = &mut self.talk {
            effects.push(Effect::RefreshWanted(wanted));
            let say = open.sender.retry();
            self.say(say, effects);
        }
    }

    fn end(&mut self, close: Close, effects: &mut Vec<Effect>) {
        self.talk = Talk::Ended;
        effects.push(Effect::Close(close));
    }
}

/// Whether a spoke would refuse the target as older than what it holds: it waits for a higher
/// number, or for somebody's word.
fn is_behind(sender: &Sender, target: &Target) -> bool {
    sender.held().is_some_and(|held| {
        held.digest != target.triple.digest && held.number >= target.triple.number
    })
}

fn protocol(detail: impl Into<String>) -> Close {
    Close {
        reason: CloseReason::Protocol,
        detail: detail.into(),
        retry_after_ms: 0,
    }
}
