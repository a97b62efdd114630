//! What is being brought about: taking a snapshot, making it durable, beginning again after a restart.

use std::collections::{BTreeMap, BTreeSet};

use capstan_proto::delta::receiver::Verified;
use capstan_proto::policy::Mode;
use capstan_proto::{BundleName, Digest, ObjectKey, Snapshot, Sync, Triple};

use super::Agent;
use super::bundle::{Bundle, Tally};
use super::object::{Object, Saved, State};
use super::send::namespace_key;
use super::stance;
use super::timer::Timer;
use crate::backoff;
use crate::effect::{Decision, Effect, Store, ToHub};
use crate::head::Head;
use crate::inventory::Row;
use crate::kind::Kind;
use crate::plan::{self, Plan, Want};

/// So many failed attempts later a store hands over all of the snapshot's content.
const STORE_ALL_AFTER: u32 = 3;

/// The snapshot that is being brought about.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) head: Head,
    pub(super) snapshot: Snapshot,
    /// Whether it outlives the process.
    pub(super) durable: bool,
    /// The session in which it was offered; 0 for one that was stored.
    pub(super) session: u64,
    pub(super) store_attempts: u32,
    /// All that it removes is within the budget, or approved.
    pub(super) removals_allowed: bool,
    /// Which object defines a kind.
    pub(super) definitions: BTreeMap<Kind, ObjectKey>,
}

impl Target {
    pub(super) fn triple(&self) -> Triple {
        self.head.triple
    }
}

impl Agent {
    /// A verified offer whose content is complete: from now on it is what is wanted.
    pub(super) fn aim(&mut self, offer: Verified, plan: Plan) {
        let changed = offer
            .snapshot
            .objects()
            .iter()
            .filter(|(key, entry)| {
                let known = self
                    .objects
                    .get(*key)
                    .and_then(|object| object.want.as_ref());
                known.map(|want| want.digest) != Some(entry.digest)
            })
            .count();
        self.log(Decision::Taken {
            snapshot: offer.triple,
            objects: offer.snapshot.objects().len(),
            changed,
        });
        // What is held may have changed while the offer was collected, and without a head nobody can
        // say what the inventory was made for: then nothing is pruned.
        let unknown = self.link.barren && !self.objects.is_empty();
        let pending = self.target.as_ref().filter(|target| !target.durable);
        let follows_held = match pending {
            // The same offer again, after a new session: nothing else was held meanwhile.
            Some(pending) if pending.triple() == offer.triple => pending.head.follows_held,
            Some(_) => false,
            None => offer.follows_held && !unknown,
        };
        let told = stance::Told {
            snapshot: offer.snapshot.mode(),
            known: offer.mode.unwrap_or_else(|| self.known_mode()),
        };
        let mode = stance::cluster_mode(plan.policies.values(), false, told);
        self.target = Some(Target {
            head: Head {
                triple: offer.triple,
                receipt: Vec::new(),
                follows_held,
                barren: unknown,
                mode,
                approvals: offer.approvals,
                stamps: offer.stamps,
            },
            snapshot: offer.snapshot,
            durable: false,
            session: self.link.session,
            store_attempts: 0,
            removals_allowed: false,
            definitions: plan.definitions.clone(),
        });
        self.store();
        self.bring_about(plan);
    }

    /// Makes the target durable, and with it content that replaced what was damaged.
    pub(super) fn store(&mut self) {
        let Some(target) = &self.target else {
            return;
        };
        let lacking = target
            .snapshot
            .contents()
            .filter(|digest| self.unstored.contains(digest));
        let contents: BTreeMap<_, _> = lacking
            .filter_map(|digest| Some((digest, self.contents.get(&digest)?.clone())))
            .collect();
        if target.durable && contents.is_empty() {
            return;
        }
        let named: BTreeSet<Digest> = target.snapshot.contents().collect();
        let store = Store {
            head: target.head.clone(),
            snapshot: target.snapshot.clone(),
            contents,
        };
        // From now on what the snapshot does not name may be deleted: a later one that names it again
        // hands it over again.
        let dropped = self.contents.keys().filter(|key| !named.contains(*key));
        self.unstored.extend(dropped);
        self.out.push(Effect::Store(Box::new(store)));
    }

    pub(super) fn on_stored(&mut self, triple: Triple) {
        let Some(target) = self
            .target
            .as_mut()
            .filter(|target| target.triple() == triple)
        else {
            return;
        };
        for digest in target.snapshot.contents() {
            self.unstored.remove(&digest);
        }
        if target.durable {
            return;
        }
        target.durable = true;
        let snapshot = target.snapshot.clone();
        self.link.receiver.commit(triple, snapshot);
        self.link.barren = false;
        self.send(ToHub::Accept(triple));
        self.intend();
        self.begin_unordered();
        self.forget_contents();
    }

    pub(super) fn on_store_failed(&mut self, triple: Triple, problem: String) {
        let random = self.jitter.draw();
        let Some(target) = self
            .target
            .as_mut()
            .filter(|target| target.triple() == triple)
        else {
            return;
        };
        let wait = backoff::wait_ms(target.store_attempts, random, None);
        target.store_attempts = target.store_attempts.saturating_add(1);
        if target.store_attempts >= STORE_ALL_AFTER {
            // What is stored may be less than is known here: everything is handed over.
            self.unstored.extend(target.snapshot.contents());
        }
        self.timers.set(self.now.plus_ms(wait), Timer::Store);
        self.log(Decision::NotStored {
            what: format!("snapshot {triple}"),
            problem,
        });
    }

    /// Contents that neither the target nor anything that was applied names any more.
    pub(super) fn forget_contents(&mut self) {
        let mut needed: BTreeSet<Digest> = BTreeSet::new();
        if let Some(target) = &self.target {
            needed.extend(target.snapshot.contents());
        }
        let rows = self
            .objects
            .values()
            .filter_map(|object| object.row.as_ref());
        needed.extend(rows.filter_map(|row| row.digest));
        self.contents.retain(|digest, _| needed.contains(digest));
        self.unstored.retain(|digest| needed.contains(digest));
    }

    /// Damaged content of the held snapshot arrived: everything is read again.
    pub(super) fn mend(&mut self) {
        if self.skipped.is_empty() {
            return;
        }
        let Some(target) = &mut self.target else {
            return;
        };
        let plan = plan::read_leniently(&target.snapshot, &self.contents);
        target.definitions.clone_from(&plan.definitions);
        self.store();
        self.bring_about(plan);
    }

    /// Sets what is wanted to what a plan says, and keeps everything that did not change.
    pub(super) fn bring_about(&mut self, plan: Plan) {
        self.unwant(&plan);
        self.skipped.clone_from(&plan.skipped);
        self.mode_unread = plan.mode_unread;
        for bundle in self.bundles.values_mut() {
            bundle.policy = None;
            bundle.members.clear();
        }
        for (name, policy) in plan.policies {
            self.bundles.entry(name).or_default().policy = Some(policy);
        }
        for (key, (bundle, want)) in plan.wants {
            self.want(key, bundle, want);
        }
        self.settle_modes();
        self.order_work();
        self.list_leaving();
        self.need_namespaces();
        self.drop_empty_bundles();
        self.touch_all_reports();
        self.watches_changed = true;
        if self.target.as_ref().is_some_and(|target| target.durable) {
            self.intend();
        }
        self.begin_unordered();
    }

    fn unwant(&mut self, plan: &Plan) {
        let gone: Vec<_> = self
            .objects
            .iter()
            .filter(|(key, object)| object.want.is_some() && !plan.wants.contains_key(*key))
            .map(|(key, _)| key.clone())
            .collect();
        for key in gone {
            let object = self.objects.get_mut(&key).expect("it was listed just now");
            object.want = None;
            object.breach = None;
            object.attempts = 0;
            object.retry_at = None;
            object.state = State::new(Sync::Applying, "Leaving", "the snapshot lacks it");
            if object.row.is_none() && object.call.is_none() {
                self.objects.remove(&key);
            }
        }
    }

    fn want(&mut self, key: ObjectKey, bundle: BundleName, want: Want) {
        let members = &mut self.bundles.entry(bundle.clone()).or_default().members;
        members.insert(key.clone());
        let Some(object) = self.objects.get_mut(&key) else {
            self.objects
                .insert(key, Object::new(bundle, Some(want), None));
            return;
        };
        let before = object.want.as_ref().map(|want| want.digest);
        if before != Some(want.digest) {
            object.attempts = 0;
            object.retry_at = None;
            object.tried = None;
            object.gave_up = false;
            object.deletion_sent = false;
            object.state = State::applying();
        }
        let from = std::mem::replace(&mut object.bundle, bundle.clone());
        let rewrite = object.row.as_mut().is_some_and(|row| {
            let flags = (row.confirmed, row.orphan, row.orphan_with_bundle);
            row.confirmed = want.confirmed;
            row.orphan = want.orphan;
            row.orphan_with_bundle = want.orphan_with_bundle;
            flags != (row.confirmed, row.orphan, row.orphan_with_bundle)
        });
        let changed = before != Some(want.digest);
        let checked = object.want.as_ref().and_then(|want| want.checks.as_ref());
        let other_checks = checked != want.checks.as_ref();
        object.want = Some(want);
        let applied = object.is_applied();
        if (changed || other_checks) && applied && self.is_listed(&Kind::of(&key)) {
            // No list is to come that would tell whether it still is as it was applied, and works.
            self.work.questions.insert(key.clone());
        }
        if from != bundle {
            self.hand_over(&key, &from, &bundle);
        } else if rewrite {
            self.inventory_changed(&bundle, false);
        }
    }

    fn order_work(&mut self) {
        for bundle in self.bundles.values_mut() {
            bundle.todo.clear();
            bundle.trying.clear();
            bundle.tallies.clear();
        }
        self.work.blocked.clear();
        self.work.blocked_kinds.clear();
        for (key, object) in &mut self.objects {
            let Some(bundle) = self.bundles.get_mut(&object.bundle) else {
                continue;
            };
            let Some(want) = &object.want else {
                object.trying = None;
                continue;
            };
            let tally: &mut Tally = bundle.tallies.entry(want.rank.wave).or_default();
            tally.bad += usize::from(!object.is_good());
            tally.unsynced += usize::from(!object.is_synced());
            let fresh = object.tried != Some(want.digest);
            object.trying = object.trying.map(|_| want.rank);
            if object.trying.is_some() {
                *bundle.trying.entry(want.rank).or_default() += 1;
            } else if fresh && !object.is_applied() {
                bundle.plan(want.rank, key.clone());
            }
        }
    }

    /// Writes down what is to be created, before anything is (union of old and new).
    fn intend(&mut self) {
        let mut changed = BTreeSet::new();
        for object in self.objects.values_mut() {
            let bundle = self.bundles.get(&object.bundle);
            let enforced = bundle.is_some_and(|bundle| bundle.mode == Mode::Enforce);
            if enforced && object.want.is_some() && object.row.is_none() {
                object.row = Some(Row::default());
                object.saved = Saved::No;
                changed.insert(object.bundle.clone());
            }
        }
        for bundle in changed {
            self.inventory_changed(&bundle, true);
        }
    }

    fn need_namespaces(&mut self) {
        let policies = self
            .bundles
            .values()
            .filter_map(|bundle| bundle.policy.as_ref());
        let asked: BTreeSet<_> = policies
            .filter_map(|policy| policy.create_namespace.clone())
            .filter(|name| {
                let declared = self.objects.get(&namespace_key(name));
                declared.is_none_or(|object| object.want.is_none())
            })
            .collect();
        self.namespaces.retain(|name, _| asked.contains(name));
        for name in asked {
            self.namespaces.entry(name.clone()).or_default();
            self.work.namespaces.insert(name);
        }
    }

    /// A bundle that is neither wanted nor owns anything is gone.
    pub(super) fn drop_empty_bundles(&mut self) {
        let alive: BTreeSet<_> = self.objects.values().map(|object| &object.bundle).collect();
        let skipped: BTreeSet<_> = self.skipped.values().collect();
        let gone: Vec<_> = self
            .bundles
            .iter()
            .filter(|(name, bundle): &(&BundleName, &Bundle)| {
                bundle.policy.is_none()
                    && !alive.contains(name)
                    && !skipped.contains(name)
                    && !bundle.writer.stored
                    && bundle.writer.under_way.is_none()
            })
            .map(|(name, _)| name.clone())
            .collect();
        for name in gone {
            self.bundles.remove(&name);
            self.reporter.touch(&name);
            self.wake_reporter();
        }
    }
}
