//! What others keep or add in objects that say what is declared: noted, never silent (K13).
//!
//! A field that we stop declaring stays where another manager holds it too, and an item that somebody
//! added to a list of ours stays beside ours. Neither is drift: nothing of ours is wrong, and taking it
//! away is not ours to decide.

use capstan_proto::{ObjectKey, Sync};
use serde_json::Value;

use super::Agent;
use super::answer::Purpose;
use super::object::{Object, State};
use crate::effect::RELEASED_MANAGER;
use crate::ignore::Rules;
use crate::limits::COMPANY_FIELDS_MAX;
use crate::live::Observed;
use crate::managed_fields::{self, BEFORE_FIRST_APPLY, Entry, Step, declares, written};
use crate::refusal::cut;

const RETAINED: &str = "Retained";
const FOREIGN: &str = "Foreign";

/// Fields of one manager.
type Held<'a> = Vec<(&'a str, Vec<Step>)>;

impl Agent {
    /// A new declaration was accepted, over what `before` said: fields that only `before` declares and
    /// that are still there are written down.
    pub(super) fn note_retained(&mut self, key: &ObjectKey, seen: &Observed, before: &Value) {
        let declared = self.expected(key).unwrap_or_default();
        let Some(object) = self.objects.get_mut(key) else {
            return;
        };
        let entries = managed_fields::entries(&seen.body);
        let fields: Vec<_> = others(&entries, rules_of(object))
            .into_iter()
            .map(|(_, path)| written(&path))
            .filter(|field| declares(before, field) && !declares(&declared, field))
            .collect();
        if let Some(row) = &mut object.row {
            for field in fields {
                if !row.retained.contains(&field) {
                    row.retained.push(field);
                }
            }
        }
    }

    /// Looks who else holds what in an object, and says so where it was not said.
    pub(super) fn see_company(&mut self, key: &ObjectKey, seen: &Observed) {
        let Some(object) = self.objects.get_mut(key) else {
            return;
        };
        let entries = managed_fields::entries(&seen.body);
        let held = others(&entries, rules_of(object));
        let mut known = object.row.as_ref().map(|row| row.retained.clone());
        let known = known.get_or_insert_default();
        let is_retained = |path: &[Step]| known.contains(&written(path));
        let (retained, rest): (Held<'_>, Held<'_>) =
            held.into_iter().partition(|(_, path)| is_retained(path));
        let still: Vec<_> = retained.iter().map(|(_, path)| written(path)).collect();
        let forgotten = known.iter().any(|field| !still.contains(field));
        let ours = entries.iter().find(|entry| entry.is_ours());
        let added = rest.into_iter().filter(|(_, path)| {
            let (last, list) = path
                .split_last()
                .expect("no manager holds the whole object");
            matches!(last, Step::Key(_)) && ours.is_some_and(|o| o.fields.has_items_at(list))
        });
        let company = words(&topmost(retained), &topmost(added.collect()));
        if forgotten && let Some(row) = &mut object.row {
            row.retained = still;
            let bundle = object.bundle.clone();
            self.inventory_changed(&bundle, false);
        }
        self.keep_company(key, company);
    }

    fn keep_company(&mut self, key: &ObjectKey, company: Option<State>) {
        let Some(object) = self.objects.get_mut(key) else {
            return;
        };
        if object.company.as_deref() == company.as_ref() {
            return;
        }
        object.company = company.clone().map(Box::new);
        if object.state.sync == Sync::Synced {
            self.change(key, |object| object.state = object.settled_state());
        }
        if let Some(State {
            reason, message, ..
        }) = company
        {
            self.emit(key, false, &reason, &message);
        }
    }

    /// The manager of released fields keeps nothing that is ours again, and no item that left with its
    /// declaration.
    pub(super) fn trim_released(
        &mut self,
        key: &ObjectKey,
        seen: &Observed,
        before: Option<&Value>,
    ) {
        let entries = managed_fields::entries(&seen.body);
        let ours = entries.iter().find(|entry| entry.is_ours());
        let released = entries.iter().find(|entry| is_released(entry));
        let (Some(ours), Some(released)) = (ours, released) else {
            return;
        };
        let declared = self.expected(key).unwrap_or_default();
        let mut keep = released.fields.leaves();
        keep.retain(|path| {
            let left = before.is_some_and(|before| left_with_item(path, before, &declared));
            !left && !ours.fields.covers(path)
        });
        // An item is held together with its keys.
        let names_kept_item = |path: &[Step]| match path {
            [item @ .., Step::Key(_), Step::Field(_)] => {
                let item = &path[..=item.len()];
                keep.iter().any(|other| other.starts_with(item))
            }
            _ => false,
        };
        let held = released.fields.leaves();
        let mut extra = held.iter().filter(|path| !keep.contains(path));
        let readable = seen.full || keep.is_empty();
        if readable && extra.any(|path| !names_kept_item(path)) {
            self.keep_as_released(key, seen, &keep, Purpose::TrimReleased);
        }
    }
}

fn rules_of(object: &Object) -> Option<&Rules> {
    object.want.as_ref().and_then(|want| want.rules.as_deref())
}

fn is_released(entry: &Entry) -> bool {
    entry.manager == RELEASED_MANAGER && entry.operation == "Apply"
}

/// What others hold and we do not, without what is left to them, without the status, and without entries
/// that we tidy up ourselves.
fn others<'a>(entries: &'a [Entry], rules: Option<&Rules>) -> Held<'a> {
    let Some(ours) = entries.iter().find(|entry| entry.is_ours()) else {
        return Vec::new();
    };
    let counts = |entry: &&Entry| {
        let passing = is_released(entry) || entry.manager == BEFORE_FIRST_APPLY;
        !entry.is_ours() && entry.subresource != "status" && !passing
    };
    let mut held = Vec::new();
    for entry in entries.iter().filter(counts) {
        for path in entry.fields.without(&ours.fields) {
            if !rules.is_some_and(|rules| rules.leave(entry, &path)) {
                held.push((entry.manager.as_str(), path));
            }
        }
    }
    held
}

/// Whether a path leads through an item that only `before` declares.
fn left_with_item(path: &[Step], before: &Value, declared: &Value) -> bool {
    let items = path.iter().enumerate();
    let mut items = items.filter(|(_, step)| matches!(step, Step::Key(_)));
    items.any(|(at, _)| {
        let item = written(&path[..=at]);
        declares(before, &item) && !declares(declared, &item)
    })
}

/// Without what lies below another path of the same manager.
fn topmost(mut held: Held<'_>) -> Held<'_> {
    held.sort();
    held.dedup_by(|(who, path), (other, above)| who == other && path.starts_with(above));
    held
}

fn words(retained: &Held<'_>, added: &Held<'_>) -> Option<State> {
    let named = |held: &Held<'_>, does: &str| {
        let mut words: Vec<_> = held
            .iter()
            .take(COMPANY_FIELDS_MAX)
            .map(|(who, path)| format!("{who} {does} {}", written(path)))
            .collect();
        if held.len() > COMPANY_FIELDS_MAX {
            words.push(format!("and {} more", held.len() - COMPANY_FIELDS_MAX));
        }
        words.join(", ")
    };
    let (reason, message) = match (retained.is_empty(), added.is_empty()) {
        (true, true) => return None,
        (false, true) => (
            RETAINED,
            format!(
                "{}: declared before, and not any more",
                named(retained, "keeps")
            ),
        ),
        (true, false) => (FOREIGN, format!("{}: not declared", named(added, "added"))),
        (false, false) => (
            RETAINED,
            format!(
                "{}: declared before, and not any more; {}: not declared",
                named(retained, "keeps"),
                named(added, "added")
            ),
        ),
    };
    Some(State::new(Sync::Synced, reason, cut(&message)))
}
