//! Owns the rules of ownership: who loses, gains and conflicts when an object changes, and what an
//! applier that drops fields removes.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::merge::combine::combine;
use crate::merge::compare::{Comparison, compare};
use crate::merge::managed::{ManagerId, Owned};
use crate::merge::path::{Path, equal_values};
use crate::merge::remove::{reconcile, remove};
use crate::merge::set::Set;
use crate::merge::typed::field_set;
use crate::schema::Schema;
use crate::schema::versions::{VersionError, Versioned};

/// Why ownership could not be worked out.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Fields that others own would change: the owner and the path of each.
    Conflicts(Vec<(ManagerId, Path)>),
    /// An object could not be brought to the API version of an entry.
    Conversion(String),
}

type Owners = BTreeMap<ManagerId, Owned>;

/// One change of ownership, at one schema.
pub(crate) struct Updater<'a> {
    pub(crate) schema: &'a Schema,
    /// Fields that this endpoint never writes, with everything below them.
    pub(crate) ignored: &'a Set,
    /// Who writes.
    pub(crate) manager: &'a ManagerId,
}

impl Updater<'_> {
    /// Ownership after the manager wrote `new` over `live`.
    pub(crate) fn update(
        &self,
        live: &Value,
        new: &Value,
        owners: Owners,
    ) -> Result<Owners, Failure> {
        let owners = self.reconcile(live, owners)?;
        let (mut owners, comparison) = self.transfer(live, new, owners, Force::Yes)?;
        let before = owners
            .remove(self.manager)
            .map(|o| o.set)
            .unwrap_or_default();
        let set = before
            .difference(&comparison.removed)
            .union(&comparison.modified)
            .union(&comparison.added)
            .recursive_difference(self.ignored);
        if !set.is_empty() {
            owners.insert(self.manager.clone(), self.owned(set, false));
        }
        Ok(owners)
    }

    /// Applies `config` over `live`: the new object, or `None` when nothing changed, and ownership.
    pub(crate) fn apply(
        &self,
        live: &Value,
        config: &Value,
        owners: Owners,
        force: Force,
    ) -> Result<(Option<Value>, Owners), Failure> {
        let mut owners = self.reconcile(live, owners)?;
        let node = self.schema.root();
        let merged = combine(node, Some(live), Some(config)).unwrap_or(Value::Null);
        let set = field_set(node, config).recursive_difference(self.ignored);
        let last = owners.insert(self.manager.clone(), self.owned(set, true));
        let new = self.prune(merged, &owners, last.as_ref())?;
        let (owners, _) = self.transfer(live, &new, owners, force)?;
        let changed = !equal_values(live, &new);
        Ok((changed.then_some(new), owners))
    }

    fn owned(&self, set: Set, applied: bool) -> Owned {
        Owned {
            set,
            api_version: self.schema.api_version(),
            applied,
        }
    }

    /// Takes changed and removed fields from everybody but the manager.
    fn transfer(
        &self,
        old: &Value,
        new: &Value,
        mut owners: Owners,
        force: Force,
    ) -> Result<(Owners, Comparison), Failure> {
        let own = compare(self.schema.root(), old, new).without(self.ignored);
        let mut versions: BTreeMap<String, Option<Comparison>> = BTreeMap::new();
        let mut conflicts = Vec::new();
        for (id, owned) in owners.iter_mut().filter(|(id, _)| *id != self.manager) {
            let version = &owned.api_version;
            if *version != self.schema.api_version() && !versions.contains_key(version) {
                let comparison = self.compare_at(old, new, version)?;
                versions.insert(version.clone(), comparison);
            }
            let comparison = match versions.get(version) {
                None => &own,
                Some(Some(comparison)) => comparison,
                Some(None) => {
                    owned.set = Set::default();
                    continue;
                }
            };
            let touched = comparison.modified.union(&comparison.added);
            let lost = owned.set.intersection(&touched);
            conflicts.extend(lost.paths().into_iter().map(|path| (id.clone(), path)));
            owned.set = owned.set.difference(&lost).difference(&comparison.removed);
        }
        if force == Force::No && !conflicts.is_empty() {
            return Err(Failure::Conflicts(conflicts));
        }
        owners.retain(|_, owned| !owned.set.is_empty());
        Ok((owners, own))
    }

    /// The difference of two objects at another version; `None` when that version is gone.
    fn compare_at(
        &self,
        old: &Value,
        new: &Value,
        version: &str,
    ) -> Result<Option<Comparison>, Failure> {
        let (Some(old), Some(new)) = (self.at(old, version)?, self.at(new, version)?) else {
            return Ok(None);
        };
        let comparison = compare(old.schema.root(), &old.object, &new.object);
        Ok(Some(comparison.without(self.ignored)))
    }

    /// `object` at another version; `None` when that version is gone.
    fn at<'s>(&'s self, object: &Value, version: &str) -> Result<Option<Versioned<'s>>, Failure> {
        match self.schema.convert(object, version) {
            Ok(versioned) => Ok(Some(versioned)),
            Err(VersionError::Gone) => Ok(None),
            Err(VersionError::Failed(text)) => Err(Failure::Conversion(text)),
        }
    }

    /// Removes what the applier applied last time, dropped now, and nobody else owns.
    fn prune(
        &self,
        merged: Value,
        owners: &Owners,
        last: Option<&Owned>,
    ) -> Result<Value, Failure> {
        let Some(last) = last.filter(|l| !l.set.is_empty()) else {
            return Ok(merged);
        };
        let Some(converted) = self.at(&merged, &last.api_version)? else {
            return Ok(merged);
        };
        let node = converted.schema.root();
        let gone = last.set.with_named_parents(Some(node));
        let mut pruned = remove(node, &converted.object, &gone);
        let mut by_version: BTreeMap<&str, Set> = BTreeMap::new();
        for owned in owners.values() {
            let set = by_version.entry(owned.api_version.as_str()).or_default();
            set.absorb(&owned.set);
        }
        // The version of the pruned object comes first: later conversions may need what it adds back.
        let first = by_version.remove_entry(last.api_version.as_str());
        for (version, owned) in first.into_iter().chain(by_version) {
            pruned = self.add_back_owned(&converted, pruned, version, &owned)?;
        }
        let pruned = add_back_dangling(&converted, &pruned, &gone);
        match self.schema.convert_from(&pruned, converted.schema) {
            Ok(object) => Ok(object),
            Err(VersionError::Gone) => Ok(merged),
            Err(VersionError::Failed(text)) => Err(Failure::Conversion(text)),
        }
    }

    /// Restores the pruned fields that somebody owns at `version`.
    fn add_back_owned(
        &self,
        merged: &Versioned<'_>,
        pruned: Value,
        version: &str,
        owned: &Set,
    ) -> Result<Value, Failure> {
        let schema = match self.schema.at_version(version) {
            Ok(schema) => schema,
            Err(VersionError::Gone) => return Ok(pruned),
            Err(VersionError::Failed(text)) => return Err(Failure::Conversion(text)),
        };
        let convert =
            |object: &Value, from: &Schema, to: &Schema| match to.convert_from(object, from) {
                Ok(object) => Ok(object),
                Err(VersionError::Gone) => Ok(Value::Null),
                Err(VersionError::Failed(text)) => Err(Failure::Conversion(text)),
            };
        let whole = convert(&merged.object, merged.schema, schema)?;
        let part = convert(&pruned, merged.schema, schema)?;
        let node = schema.root();
        let named = |set: &Set| set.with_named_parents(Some(node));
        let before = named(&field_set(node, &whole));
        let keep = named(&field_set(node, &part)).union(&named(owned));
        let restored = remove(node, &whole, &before.difference(&keep));
        convert(&restored, schema, merged.schema)
    }

    fn reconcile(&self, live: &Value, owners: Owners) -> Result<Owners, Failure> {
        let mut out = Owners::new();
        for (id, mut owned) in owners {
            let Some(versioned) = self.at(live, &owned.api_version)? else {
                continue;
            };
            if let Some(set) = reconcile(versioned.schema.root(), &owned.set) {
                owned.set = set;
            }
            out.insert(id, owned);
        }
        Ok(out)
    }
}

/// Restores what pruning removed although the applier did not own it before.
fn add_back_dangling(merged: &Versioned<'_>, pruned: &Value, last: &Set) -> Value {
    let node = merged.schema.root();
    let named = |value: &Value| field_set(node, value).with_named_parents(Some(node));
    let gone = named(&merged.object)
        .difference(&named(pruned))
        .intersection(last);
    remove(node, &merged.object, &gone)
}

/// Whether an apply takes fields that others own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Force {
    Yes,
    No,
}
