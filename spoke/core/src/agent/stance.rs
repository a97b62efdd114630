//! What the agent may do on this cluster: the mode that the hub gave it, said by the snapshot and by every bundle.
//!
//! While any bundle says that nothing is to be applied, nothing is applied to the cluster, whatever
//! others say: one that the hub could not bring up to date still says what it said before.

use std::collections::BTreeSet;

use capstan_proto::drift::Outcome;
use capstan_proto::policy::{BundlePolicy, Mode};
use capstan_proto::{BundleName, Health, ObjectKey, Sync};

use super::Agent;
use super::answer::{Answer, Purpose, remember_owners, without_marks};
use super::heal::{author_of_all, differences_of};
use super::object::{Saved, State};
use super::send;
use crate::effect::Request;
use crate::health::Verdict;
use crate::kind::Kind;
use crate::limits::{OBSERVE_EVERY_MS, RETRY_LONGEST_MS};
use crate::live::Observed;
use crate::ownership;
use crate::refusal::{Finding, Refusal};

const OBSERVED: &str = "Observed";
pub(super) const PAUSED: &str = "Paused";
const RELEASED: &str = "Released";
const WOULD_CREATE: &str = "WouldCreate";
const WOULD_CHANGE: &str = "WouldChange";
const WOULD_DELETE: &str = "WouldDelete";
const NOT_COMPARED: &str = "NotCompared";

impl Agent {
    /// What may be done about an object.
    pub(super) fn stance(&self, key: &ObjectKey) -> Mode {
        let object = self.objects.get(key);
        let bundle = object.and_then(|object| self.bundles.get(&object.bundle));
        bundle.map_or(self.cluster_mode, |bundle| bundle.mode)
    }

    /// Takes the modes of the present policies over; what they keep from being done is looked at anew
    /// where they changed.
    pub(super) fn settle_modes(&mut self) {
        let policies = || self.bundles.values().filter_map(|b| b.policy.as_ref());
        let known = self.known_mode();
        let target = self.target.as_ref();
        let snapshot = target.map_or(known, |target| target.snapshot.mode());
        let whole = cluster_mode(policies(), self.mode_unread, Told { snapshot, known });
        let mixed = policies().any(|policy| policy.mode == Mode::Enforce);
        let mut changed = BTreeSet::new();
        for (name, bundle) in &mut self.bundles {
            let own = bundle.policy.as_ref().map(|policy| policy.mode);
            let mode = match own {
                _ if whole == Mode::Enforce => Mode::Enforce,
                Some(Mode::Enforce) => Mode::Paused,
                Some(mode) => mode,
                // What leaves is not let go while others stay in force.
                None if mixed => Mode::Paused,
                None => whole,
            };
            if std::mem::replace(&mut bundle.mode, mode) != mode {
                changed.insert(name.clone());
            }
        }
        self.cluster_mode = whole;
        if let Some(target) = self.target.as_mut().filter(|_| !self.mode_unread) {
            target.head.mode = whole;
        }
        self.look_anew(&changed);
    }

    /// The mode that the newest snapshot had, or left as it was.
    pub(super) fn known_mode(&self) -> Mode {
        self.target
            .as_ref()
            .map_or(self.cluster_mode, |target| target.head.mode)
    }

    fn look_anew(&mut self, bundles: &BTreeSet<BundleName>) {
        let of_these = self.objects.iter_mut();
        let of_these = of_these.filter(|(_, object)| bundles.contains(&object.bundle));
        for (key, object) in of_these {
            object.retry_at = None;
            object.attempts = 0;
            object.gave_up = false;
            object.deletion_sent = false;
            if object.want.is_none() {
                continue;
            }
            if !object.is_applied() {
                object.tried = None;
                object.state = State::applying();
            }
            if object.uid().is_some() {
                self.work.questions.insert(key.clone());
            }
        }
    }

    /// Lets what is only looked at, or let go, begin: neither has an order.
    pub(super) fn begin_unordered(&mut self) {
        let unordered = |mode| matches!(mode, Mode::Observe | Mode::Release);
        let wanted = self.objects.iter().filter(|(_, object)| {
            let bundle = self.bundles.get(&object.bundle);
            object.want.is_some() && bundle.is_some_and(|bundle| unordered(bundle.mode))
        });
        let keys: Vec<_> = wanted.map(|(key, _)| key.clone()).collect();
        self.work.urgent.extend(keys);
    }

    /// Whether a call may be made. Every call passes here, so that nothing is written by mistake.
    pub(super) fn may_call(&self, key: &ObjectKey, request: &Request, purpose: &Purpose) -> bool {
        match (self.stance(key), request) {
            (Mode::Enforce, _)
            | (_, Request::Get { .. })
            | (_, Request::Apply { dry_run: true, .. }) => true,
            (Mode::Release, Request::Patch { .. }) => *purpose == Purpose::Release,
            (_, Request::Apply { .. } | Request::Delete { .. } | Request::Patch { .. }) => false,
        }
    }

    /// Says why an object stays as it is.
    pub(super) fn hold_back(&mut self, key: &ObjectKey) {
        let words = match self.stance(key) {
            Mode::Enforce => return,
            Mode::Observe => "the cluster is only observed",
            Mode::Paused => "the cluster is paused: nothing is changed",
            Mode::Release => "the cluster is released: nothing is changed any more",
        };
        let state = State::new(Sync::Held, PAUSED, words);
        if self
            .objects
            .get(key)
            .is_some_and(|object| object.state != state)
        {
            self.say(key, state);
        }
    }

    /// Our object is gone, and another one has its name; that is reported, and it is not taken over.
    pub(super) fn report_recreated(&mut self, key: &ObjectKey, seen: &Observed) {
        let author = author_of_all(seen, self.now);
        self.record(key, author, Vec::new(), Outcome::Reported);
        self.change(key, |object| {
            object.breach = None;
            let words = "it was deleted, and another object has its name";
            object.state = State::new(Sync::Drifted, "Recreated", words);
        });
    }

    // === observing ===

    /// Looks what applying an object would do.
    pub(super) fn study(&mut self, key: &ObjectKey) {
        if let Some(object) = self.objects.get_mut(key) {
            object.breach = None;
        }
        self.get(key, Purpose::Study);
    }

    pub(super) fn on_studied(&mut self, key: &ObjectKey, result: Answer) {
        if self.stance(key) != Mode::Observe {
            return;
        }
        match result {
            Ok((_, body)) => {
                let full = !Kind::of(key).is_secret();
                match Observed::parse(&Kind::of(key), body, full) {
                    Some(seen) => self.compare(key, seen),
                    None => self.ask_later(key),
                }
            }
            Err(finding) if is_absent(&finding) => {
                self.try_dry(key, None);
            }
            Err(finding) => self.fail(key, &finding),
        }
    }

    /// An answer that says nothing is asked for again, but not at once.
    pub(super) fn ask_later(&mut self, key: &ObjectKey) {
        let at = self.now.plus_ms(RETRY_LONGEST_MS);
        if let Some(object) = self.objects.get_mut(key)
            && object.retry_at.is_none()
        {
            object.retry_at = Some(at);
            self.wake_object(key, at);
        }
    }

    fn compare(&mut self, key: &ObjectKey, seen: Observed) {
        if let Some(object) = self.objects.get_mut(key) {
            remember_owners(object, &seen);
        }
        self.judge_health(key, &seen);
        if Kind::of(key).is_secret() {
            let words = "it exists, and a live Secret is not read to compare";
            self.studied(key, State::new(Sync::Held, NOT_COMPARED, words));
        } else {
            self.try_dry(key, Some(Box::new(seen)));
        }
    }

    fn try_dry(&mut self, key: &ObjectKey, live: Option<Box<Observed>>) {
        let Some(mut body) = self.expected(key) else {
            self.ask_later(key);
            return;
        };
        match &live {
            Some(live) => body = ownership::with_uid(body, &live.uid),
            None => drop(body["metadata"].as_object_mut().map(|m| m.remove("uid"))),
        }
        self.apply_body(key, body, send::Mode::DRY, Purpose::Differ(live));
    }

    pub(super) fn on_differed(&mut self, key: &ObjectKey, live: Option<&Observed>, result: Answer) {
        match (result, live) {
            (Ok((_, body)), Some(live)) if without_marks(&live.body) == without_marks(&body) => {
                self.change(key, |object| object.drift = None);
                self.studied(key, State::synced());
            }
            (Ok((_, body)), Some(live)) => {
                let fields = differences_of(&live.body, &body);
                let words = match fields.len() {
                    0 => "applying it would change it".to_owned(),
                    1 => format!("applying it would change {}", fields[0].path),
                    count => format!("applying it would change {count} fields"),
                };
                let author = author_of_all(live, self.now);
                self.record(key, author, fields, Outcome::Reported);
                self.studied(key, State::new(Sync::Drifted, WOULD_CHANGE, words));
            }
            (Ok(_), None) => self.would_create(key),
            (Err(finding), None) if may_come(&finding) => self.would_create(key),
            (Err(finding), _) => self.fail(key, &finding),
        }
    }

    fn would_create(&mut self, key: &ObjectKey) {
        self.change(key, |object| {
            object.drift = None;
            object.verdict = Verdict::new(Health::Missing, WOULD_CREATE, "it does not exist");
        });
        let words = "it does not exist; applying would make it";
        self.studied(key, State::new(Sync::Held, WOULD_CREATE, words));
    }

    /// Looked at; it is looked at again after a while, because others' objects are not watched.
    fn studied(&mut self, key: &ObjectKey, state: State) {
        let again = self.now.plus_ms(OBSERVE_EVERY_MS);
        if let Some(object) = self.objects.get_mut(key) {
            object.attempts = 0;
            object.retry_at = Some(again);
            object.tried = object.want.as_ref().map(|want| want.digest);
        }
        self.say(key, state);
        self.wake_object(key, again);
    }

    /// Says of everything that would leave that it would.
    pub(super) fn say_would_delete(&mut self) {
        let leaving = self.work.leaving.iter();
        let keys: Vec<_> = leaving.map(|(_, _, key)| key.0.clone()).collect();
        let words = "the snapshot lacks it; it would be removed, or let go";
        for key in keys {
            let state = State::new(Sync::Held, WOULD_DELETE, words);
            if self.objects[&key].state != state {
                self.say(&key, state);
            }
        }
    }

    /// What applying a bundle would do, in numbers; `None` where it is not only observed.
    pub(super) fn observed_words(&self, name: &BundleName) -> Option<(&'static str, String)> {
        if self.bundles.get(name)?.mode != Mode::Observe {
            return None;
        }
        let of_bundle = || self.objects.values().filter(|o| o.bundle == *name);
        let count = |word: &str| of_bundle().filter(|o| o.state.reason == word).count();
        let mut words = format!(
            "observed: would create {}, change {}, delete {}",
            count(WOULD_CREATE),
            count(WOULD_CHANGE),
            count(WOULD_DELETE)
        );
        let rest = [("not compared", count(NOT_COMPARED))];
        for (what, count) in rest.into_iter().filter(|(_, count)| *count > 0) {
            words.push_str(&format!("; {count} {what}"));
        }
        Some((OBSERVED, words))
    }

    // === releasing ===

    /// Lets one object that is wanted go.
    pub(super) fn let_go(&mut self, key: &ObjectKey) {
        let Some(object) = self.objects.get(key) else {
            return;
        };
        match object.uid() {
            Some(_) if object.saved != Saved::Uid => {
                let bundle = object.bundle.clone();
                self.hurry(&bundle);
                let unsaved = self.work.unsaved.entry(bundle).or_default();
                unsaved.insert(key.clone());
            }
            Some(_) => self.get(key, Purpose::LetGo),
            // An attempt to make it may have succeeded.
            None if object.resolve && object.row.is_some() => self.question(key),
            None => self.let_went(key),
        }
    }

    /// An object is not ours any more; it stays as it is.
    pub(super) fn let_went(&mut self, key: &ObjectKey) {
        let words = "it stays in the cluster, and is not looked after any more";
        let had = self.objects.get(key).is_some_and(|o| o.row.is_some());
        let state = State::new(Sync::Held, RELEASED, words);
        if !had && self.objects.get(key).is_some_and(|o| o.state == state) {
            return;
        }
        self.change(key, |object| {
            object.row = None;
            object.saved = Saved::No;
            object.resolve = false;
            object.breach = None;
            object.deletion_sent = false;
            object.tried = object.want.as_ref().map(|want| want.digest);
            object.state = state;
            object.verdict = Verdict::new(Health::Unknown, RELEASED, words);
        });
        if had {
            self.drop_row(key);
        }
    }

    /// Lets everything go that the snapshot lacks: nothing is deleted for a cluster that is released.
    pub(super) fn let_leaving_go(&mut self) {
        let leaving = self.work.leaving.iter();
        let keys: Vec<_> = leaving.map(|(_, _, key)| key.0.clone()).collect();
        for key in keys {
            let Some(object) = self.objects.get(&key) else {
                continue;
            };
            let waits = object.retry_at.is_some_and(|at| self.now < at);
            if object.call.is_some() || object.deletion_sent || waits || self.local.frozen {
                continue;
            }
            match object.uid() {
                Some(_) if object.saved == Saved::Uid => {
                    self.leave(&key);
                    self.get(&key, Purpose::LetGo);
                }
                Some(_) => {
                    let bundle = object.bundle.clone();
                    self.hurry(&bundle);
                }
                None => drop(self.work.questions.insert(key)),
            }
        }
    }
}

/// What is told of the mode besides the policies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    /// By the snapshot.
    pub(super) snapshot: Mode,
    /// By the newest snapshot that said anything.
    pub(super) known: Mode,
}

/// The mode of a cluster by its snapshot and the policies in it. Without any policy it is what was told
/// last. A word that is not `Enforce` counts before `Enforce`; where one cannot be read, or two such words
/// disagree, nothing is changed.
pub(super) fn cluster_mode<'a>(
    policies: impl Iterator<Item = &'a BundlePolicy>,
    unread: bool,
    told: Told,
) -> Mode {
    let mut modes: BTreeSet<Mode> = policies.map(|policy| policy.mode).collect();
    if unread {
        modes.insert(Mode::Paused);
    } else if modes.is_empty() {
        return told.known;
    }
    modes.insert(told.snapshot);
    modes.remove(&Mode::Enforce);
    match modes.first() {
        None => Mode::Enforce,
        Some(mode) if modes.len() == 1 => *mode,
        Some(_) => Mode::Paused,
    }
}

fn is_absent(finding: &Finding) -> bool {
    matches!(
        finding.refusal,
        Refusal::Gone | Refusal::NamespaceMissing | Refusal::NotServed
    )
}

/// What stands in the way of a dry run, and would not if everything were applied.
fn may_come(finding: &Finding) -> bool {
    matches!(
        finding.refusal,
        Refusal::NamespaceMissing | Refusal::NotServed | Refusal::KindUnknown
    )
}
