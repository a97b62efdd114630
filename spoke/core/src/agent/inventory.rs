//! When a bundle's inventory is written, and what becomes durable by it.

use std::collections::BTreeMap;

use capstan_proto::{BundleName, ObjectKey};

use super::Agent;
use super::object::Saved;
use super::timer::Timer;
use crate::backoff;
use crate::effect::{Decision, Effect};
use crate::inventory::Rows;
use crate::limits::INVENTORY_BATCH_MS;

impl Agent {
    /// A row of this bundle changed. `urgent`: somebody waits for it to be durable.
    pub(super) fn inventory_changed(&mut self, bundle: &BundleName, urgent: bool) {
        let at = self.now.plus_ms(INVENTORY_BATCH_MS);
        let writer = &mut self.bundles.entry(bundle.clone()).or_default().writer;
        let first = !writer.dirty;
        writer.dirty = true;
        writer.urgent |= urgent;
        if urgent {
            self.work.inventories.insert(bundle.clone());
        } else if first {
            self.timers.set(at, Timer::Inventory(bundle.clone()));
        }
    }

    /// An object goes from one bundle to another: the old inventory keeps its row until the new one
    /// has it.
    pub(super) fn hand_over(&mut self, key: &ObjectKey, from: &BundleName, to: &BundleName) {
        let Some(object) = self.objects.get_mut(key) else {
            return;
        };
        let Some(row) = object.row.clone() else {
            return;
        };
        object.saved = Saved::No;
        let writer = &mut self.bundles.entry(from.clone()).or_default().writer;
        writer.leaving.insert(key.clone(), row);
        self.inventory_changed(from, false);
        self.inventory_changed(to, true);
    }

    /// Writes the inventories whose time has come.
    pub(super) fn write_inventories(&mut self) {
        for bundle in std::mem::take(&mut self.work.inventories) {
            self.write_inventory(&bundle);
        }
    }

    fn write_inventory(&mut self, name: &BundleName) {
        let now = self.now;
        let Some(bundle) = self.bundles.get_mut(name) else {
            return;
        };
        let writer = &mut bundle.writer;
        let waits = writer.retry_at.is_some_and(|at| now < at);
        if !writer.dirty || writer.under_way.is_some() || waits {
            return;
        }
        let mut rows: Rows = writer.leaving.clone();
        let mut durable = BTreeMap::new();
        for (key, object) in &self.objects {
            if object.bundle == *name
                && let Some(row) = &object.row
            {
                rows.insert(key.clone(), row.clone());
                let saved = match row.uid {
                    Some(_) => Saved::Uid,
                    None => Saved::Intent,
                };
                durable.insert(key.clone(), saved);
            }
        }
        writer.dirty = false;
        writer.urgent = false;
        if rows.is_empty() && !writer.stored {
            self.drop_empty_bundles();
            return;
        }
        writer.version += 1;
        writer.stored = true;
        writer.under_way = Some(durable);
        let version = writer.version;
        self.out.push(Effect::WriteInventory {
            bundle: name.clone(),
            version,
            rows,
        });
    }

    pub(super) fn on_inventory_written(&mut self, name: &BundleName, version: u64) {
        let Some(writer) = self.bundles.get_mut(name).map(|bundle| &mut bundle.writer) else {
            return;
        };
        if writer.version != version {
            return;
        }
        let Some(durable) = writer.under_way.take() else {
            return;
        };
        writer.attempts = 0;
        writer.retry_at = None;
        writer.stored = !durable.is_empty() || !writer.leaving.is_empty();
        if writer.dirty {
            self.work.inventories.insert(name.clone());
        }
        for (key, saved) in &durable {
            if let Some(object) = self.objects.get_mut(key)
                && object.bundle == *name
                && object.row.is_some()
            {
                // An intent that replaced a UID meanwhile is not durable by the older row.
                let replaced = object.uid().is_none() && *saved == Saved::Uid;
                object.saved = if replaced { Saved::No } else { *saved };
            }
        }
        self.release_leaving(&durable);
        let waiting = self.work.unsaved.remove(name).unwrap_or_default();
        self.work.urgent.extend(waiting);
        self.drop_empty_bundles();
    }

    fn release_leaving(&mut self, durable: &BTreeMap<ObjectKey, Saved>) {
        let mut changed = Vec::new();
        for (name, bundle) in &mut self.bundles {
            let before = bundle.writer.leaving.len();
            bundle
                .writer
                .leaving
                .retain(|key, _| !durable.contains_key(key));
            if bundle.writer.leaving.len() < before {
                changed.push(name.clone());
            }
        }
        for name in changed {
            self.inventory_changed(&name, false);
        }
    }

    pub(super) fn on_inventory_failed(&mut self, name: &BundleName, version: u64, problem: String) {
        let random = self.jitter.draw();
        let Some(writer) = self.bundles.get_mut(name).map(|bundle| &mut bundle.writer) else {
            return;
        };
        if writer.version != version {
            return;
        }
        writer.under_way = None;
        writer.dirty = true;
        let at = self
            .now
            .plus_ms(backoff::wait_ms(writer.attempts, random, None));
        writer.attempts = writer.attempts.saturating_add(1);
        writer.retry_at = Some(at);
        self.timers.set(at, Timer::Inventory(name.clone()));
        self.log(Decision::NotStored {
            what: format!("the inventory of {name}"),
            problem,
        });
    }
}
