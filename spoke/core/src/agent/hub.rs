//! The session with the hub: Hello, offers, content, receipts, permits. Nothing here touches the
//! cluster: with the hub gone everything else goes on.

use std::collections::BTreeSet;
use std::sync::Arc;

use capstan_proto::delta::Piece;
use capstan_proto::delta::receiver::{Reason, Received, Receiver, Refusal, Verified, lacking};
use capstan_proto::{Digest, Triple};

use super::Agent;
use super::timer::Timer;
use crate::backoff;
use crate::effect::{Decision, Effect, Hello, ToHub};
use crate::event::FromHub;
use crate::kind::Kind;
use crate::plan;

/// What the session knows.
#[derive(Debug, Default)]
pub(super) struct Link {
    pub(super) connected: bool,
    /// Counts sessions of this process.
    pub(super) session: u64,
    pub(super) receiver: Receiver,
    /// A complete offer whose content is not complete yet.
    pub(super) offer: Option<Box<Verified>>,
    /// Digests being fetched.
    pub(super) fetching: BTreeSet<Digest>,
    pub(super) fetch_attempts: u32,
    /// What the hub permitted to prune.
    pub(super) permit: Option<Triple>,
    /// A refresh that was asked for, with the kinds that were not listed since.
    pub(super) refresh: Option<(u64, BTreeSet<Kind>)>,
    /// What was held before is not known for certain: the next snapshot does not follow it.
    pub(super) barren: bool,
    /// What the hub says instead of an offer.
    pub(super) upgrade: BTreeSet<String>,
}

impl Agent {
    pub(super) fn on_connected(&mut self) {
        self.link.connected = true;
        self.link.session += 1;
        self.link.receiver.reconnected();
        self.link.offer = None;
        self.link.fetching.clear();
        self.link.fetch_attempts = 0;
        if !std::mem::take(&mut self.link.upgrade).is_empty() {
            self.touch_all_reports();
        }
        let head = self.target.as_ref().filter(|target| target.durable);
        let hello = Hello {
            accepted: self.link.receiver.held().map(|(triple, _)| *triple),
            receipt: head
                .map(|target| target.head.receipt.clone())
                .unwrap_or_default(),
            states_digest: self.reporter.states_digest(),
        };
        self.send(ToHub::Hello(hello));
        self.fetch();
        self.wake_reporter();
    }

    pub(super) fn on_disconnected(&mut self) {
        self.link.connected = false;
        self.link.offer = None;
        self.link.fetching.clear();
        self.link.refresh = None;
    }

    pub(super) fn send(&mut self, message: ToHub) {
        if self.link.connected {
            self.out.push(Effect::Send(message));
        }
    }

    pub(super) fn on_hub(&mut self, message: FromHub) {
        match message {
            FromHub::Piece(piece) => self.on_piece(*piece),
            FromHub::InSync { snapshot, receipt } => self.on_in_sync(snapshot, receipt),
            FromHub::Receipt { snapshot, mac } => self.on_receipt(snapshot, mac),
            FromHub::PrunePermit(triple) => self.link.permit = Some(triple),
            FromHub::NoOpinion { .. } => {}
            FromHub::UpgradeNeeded { features } => {
                self.link.upgrade = features;
                self.touch_all_reports();
            }
            FromHub::RefreshWanted(wanted) => self.on_refresh_wanted(wanted),
            FromHub::ReportWanted => {
                self.reporter.forget();
                self.report();
            }
        }
    }

    fn on_piece(&mut self, piece: Piece) {
        match self.link.receiver.piece(piece) {
            Received::More | Received::Ignored => {}
            Received::Refused(refusal) => self.refuse(refusal),
            Received::Complete(verified) => {
                self.link.offer = Some(verified);
                self.link.fetch_attempts = 0;
                self.link.upgrade.clear();
                self.fetch();
                self.take_offer();
            }
        }
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.log(Decision::Refused(refusal.clone()));
        self.send(ToHub::Refuse(refusal));
    }

    /// Asks for the content that is lacking, of the offer and of what is held.
    pub(super) fn fetch(&mut self) {
        if !self.link.connected {
            return;
        }
        let have: BTreeSet<_> = self.contents.keys().copied().collect();
        let mut wanted = BTreeSet::new();
        if let Some(offer) = &self.link.offer {
            wanted.extend(lacking(&offer.snapshot, &have));
        } else if let Some(target) = &self.target {
            wanted.extend(lacking(&target.snapshot, &have));
        }
        if !wanted.is_empty() {
            self.link.fetching.clone_from(&wanted);
            self.out.push(Effect::FetchContent { digests: wanted });
        }
    }

    pub(super) fn on_content(&mut self, digest: Digest, bytes: Arc<[u8]>) {
        if !self.link.fetching.remove(&digest) {
            return;
        }
        if Digest::of(&bytes) != digest {
            let detail = format!("content {} is something else", digest.short());
            self.drop_offer(Reason::BadDigest, detail);
            return;
        }
        self.contents.insert(digest, bytes);
        self.unstored.insert(digest);
        if self.link.fetching.is_empty() {
            self.link.fetch_attempts = 0;
            self.take_offer();
            self.mend();
        }
    }

    pub(super) fn on_content_ended(&mut self, denied: &BTreeSet<Digest>, problem: Option<String>) {
        if !denied.is_disjoint(&self.link.fetching) {
            self.drop_offer(Reason::Incomplete, "content was denied".to_owned());
            return;
        }
        if self.link.fetching.is_empty() {
            return;
        }
        if let Some(problem) = problem {
            self.log(Decision::NotStored {
                what: "content of an offer".to_owned(),
                problem,
            });
        }
        let wait = backoff::wait_ms(self.link.fetch_attempts, self.jitter.draw(), None);
        self.link.fetch_attempts += 1;
        self.timers.set(self.now.plus_ms(wait), Timer::Fetch);
    }

    fn drop_offer(&mut self, reason: Reason, detail: String) {
        self.link.fetching.clear();
        if let Some(offer) = self.link.offer.take() {
            self.refuse(Refusal {
                snapshot: offer.triple,
                reason,
                detail,
            });
        }
    }

    /// Takes the offer once its content is complete.
    fn take_offer(&mut self) {
        if !self.link.fetching.is_empty() {
            return;
        }
        let Some(offer) = self.link.offer.take() else {
            return;
        };
        match plan::read(&offer.snapshot, &self.contents) {
            Ok(plan) => self.aim(*offer, plan),
            Err(unfit) => {
                // What does not fit will not fit when it is fetched once more, but it must not be
                // taken for content that is fine.
                self.link.offer = Some(offer);
                self.drop_offer(unfit.reason, unfit.detail);
                self.forget_contents();
            }
        }
    }

    fn on_in_sync(&mut self, snapshot: Triple, receipt: Vec<u8>) {
        let session = self.link.session;
        if let Some(target) = self.held_target(snapshot)
            && !target.head.follows_held
            && !target.head.barren
            && target.session < session
        {
            // The hub was told what is held, and wants exactly that: whatever it did not know when it
            // made the offer, it knows now.
            target.head.follows_held = true;
        }
        self.on_receipt(snapshot, receipt);
    }

    fn on_receipt(&mut self, snapshot: Triple, mac: Vec<u8>) {
        let Some(target) = self.held_target(snapshot) else {
            return;
        };
        if mac.is_empty() || target.head.receipt == mac {
            return;
        }
        target.head.receipt = mac;
        let head = target.head.clone();
        self.out.push(Effect::StoreHead(Box::new(head)));
    }

    fn held_target(&mut self, snapshot: Triple) -> Option<&mut super::Target> {
        let target = self.target.as_mut()?;
        (target.durable && target.triple() == snapshot).then_some(target)
    }

    fn on_refresh_wanted(&mut self, wanted: u64) {
        let kinds: BTreeSet<_> = self.kinds.keys().cloned().collect();
        for kind in &kinds {
            self.out.push(Effect::Relist { kind: kind.clone() });
        }
        self.link.refresh = Some((wanted, kinds));
        self.refreshed(None);
    }

    /// A kind was looked at; the refresh is done once all were.
    pub(super) fn refreshed(&mut self, kind: Option<&Kind>) {
        let Some((wanted, kinds)) = &mut self.link.refresh else {
            return;
        };
        if let Some(kind) = kind {
            kinds.remove(kind);
        }
        if kinds.is_empty() {
            let done = *wanted;
            self.link.refresh = None;
            self.send(ToHub::RefreshDone(done));
        }
    }
}
