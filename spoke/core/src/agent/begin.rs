//! How a process begins: from what is stored, verifying before it writes, pruning nothing at first.

use std::collections::BTreeMap;

use capstan_proto::delta::receiver::Receiver;
use capstan_proto::{BundleName, Snapshot};

use super::object::{Object, Saved};
use super::timer::Timer;
use super::{Agent, Target};
use crate::backoff::Jitter;
use crate::event::Started;
use crate::head::Head;
use crate::inventory::{Row, Rows};
use crate::limits::RELIST_EVERY_MS;
use crate::plan;

impl Agent {
    pub(super) fn on_started(&mut self, started: Started) {
        self.started = true;
        self.jitter = Jitter::new(started.seed);
        self.local = started.limits;
        self.contents = started.contents;
        // The first look is a while away: a process begins with lists of everything.
        self.timers
            .set(self.now.plus_ms(RELIST_EVERY_MS), Timer::Values);
        let fits = |head: &Head, snapshot: &Snapshot| head.triple.digest == snapshot.digest();
        let held = started
            .head
            .zip(started.snapshot)
            .filter(|(head, snapshot)| fits(head, snapshot));
        self.link.barren = held.is_none();
        self.load_inventory(
            started.inventory,
            held.as_ref().map(|(_, snapshot)| snapshot),
        );
        let Some((head, snapshot)) = held else {
            self.watches_changed = true;
            return;
        };
        self.link.receiver = Receiver::new(Some((head.triple, snapshot.clone())));
        let plan = plan::read_leniently(&snapshot, &self.contents);
        let target = Target {
            head,
            snapshot,
            durable: true,
            session: 0,
            store_attempts: 0,
            removals_allowed: false,
            definitions: plan.definitions.clone(),
        };
        self.target = Some(target);
        self.bring_about(plan);
        for key in self.objects.keys().cloned().collect::<Vec<_>>() {
            self.change(&key, Object::doubt);
        }
    }

    fn load_inventory(
        &mut self,
        inventory: BTreeMap<BundleName, Rows>,
        snapshot: Option<&Snapshot>,
    ) {
        for (bundle, rows) in inventory {
            self.bundles
                .entry(bundle.clone())
                .or_default()
                .writer
                .stored = true;
            for (key, row) in rows {
                let wanted_by = snapshot
                    .and_then(|s| s.objects().get(&key))
                    .map(|e| &e.bundle);
                let better = match self.objects.get(&key) {
                    None => true,
                    Some(_) if wanted_by == Some(&bundle) => true,
                    Some(known) => known.uid().is_none() && row.uid.is_some(),
                };
                if better {
                    self.objects.insert(key, loaded(bundle.clone(), row));
                }
            }
        }
    }
}

fn loaded(bundle: BundleName, row: Row) -> Object {
    let mut object = Object::new(bundle, None, None);
    object.settled = row.resource_version;
    object.judged = row.resource_version;
    object.resolve = row.uid.is_none();
    object.saved = match row.uid {
        Some(_) => Saved::Uid,
        None => Saved::Intent,
    };
    object.tried = None;
    object.row = Some(row);
    object.doubt();
    object
}
