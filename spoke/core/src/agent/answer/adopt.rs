//! Foreign objects with our key: given back what was merged into them, then taken over as far as the
//! bundle's policy allows.

use capstan_proto::ObjectKey;
use capstan_proto::policy::Adopt;
use serde_json::{Map, Value};

use super::super::Agent;
use super::super::object::Broken;
use super::super::send::Mode;
use super::{Answer, Purpose};
use crate::inventory::Origin;
use crate::kind::Kind;
use crate::live::Observed;
use crate::managed_fields;
use crate::ownership::{self, BUNDLE_LABEL, DIGEST_ANNOTATION};
use crate::refusal::{Finding, Refusal};

impl Agent {
    /// What was meant to create an object was merged into somebody else's (K10).
    pub(super) fn on_merged(&mut self, key: &ObjectKey, body: Value) {
        let Some(seen) = Observed::parse(&Kind::of(key), body, true) else {
            return;
        };
        if self
            .objects
            .get(key)
            .is_some_and(|object| object.recreating)
        {
            // It was ours until it vanished: what carries the key now is kept as declared.
            self.on_foreign(key, seen);
            return;
        }
        self.release(key, &seen.uid, Purpose::GiveBack);
    }

    pub(super) fn on_given_back(&mut self, key: &ObjectKey, result: Answer) {
        if let Some(object) = self.objects.get_mut(key) {
            object.resolve = true;
        }
        match result.map(|(_, body)| Observed::parse(&Kind::of(key), body, true)) {
            Ok(Some(seen)) => self.on_foreign(key, seen),
            Ok(None) => {}
            Err(finding) => self.fail(key, &finding),
        }
    }

    /// Somebody else's object has our key.
    pub(in super::super) fn on_foreign(&mut self, key: &ObjectKey, seen: Observed) {
        let Some(object) = self.objects.get(key) else {
            return;
        };
        if object.want.is_none() {
            if self.is_unwanted(key) {
                self.drop_row(key);
            }
            return;
        }
        if object.recreating {
            self.take_foreign(key, seen.uid.clone());
            self.breach(key, Broken::Recreated(Box::new(seen)));
            return;
        }
        let bundle = self.bundles.get(&object.bundle);
        let policy = bundle.and_then(|bundle| bundle.policy.as_ref());
        let adopt = policy.map(|policy| policy.adopt).unwrap_or_default();
        let ours_inside = managed_fields::ours(&seen.body).is_some();
        match adopt {
            _ if seen.deleting => self.refuse_foreign(key, "it exists, and is being deleted"),
            Adopt::Always => self.take_over(key, &seen.uid, Mode::FORCE, Purpose::Adopt),
            // A crash left what we merged into it: it says what we say only because we said it.
            Adopt::Never | Adopt::IfIdentical if ours_inside => {
                self.release(key, &seen.uid, Purpose::GiveBack);
            }
            Adopt::Never => self.refuse_foreign(key, "it exists, and somebody else made it"),
            Adopt::IfIdentical if Kind::of(key).is_secret() => {
                let words =
                    "it exists, somebody else made it, and a live Secret is not read to compare";
                self.refuse_foreign(key, words);
            }
            Adopt::IfIdentical => {
                let live = Box::new(seen.body);
                self.take_over(key, &seen.uid, Mode::DRY, Purpose::Compare(live));
            }
        }
    }

    fn take_over(&mut self, key: &ObjectKey, uid: &str, mode: Mode, purpose: Purpose) {
        if let Some(body) = self.expected(key) {
            self.apply_body(key, ownership::with_uid(body, uid), mode, purpose);
        }
    }

    pub(super) fn on_compared(&mut self, key: &ObjectKey, live: &Value, result: Answer) {
        match result {
            Ok((_, would_be)) if without_marks(live) == without_marks(&would_be) => {
                let uid = live.pointer("/metadata/uid").and_then(Value::as_str);
                let uid = uid.unwrap_or_default().to_owned();
                self.take_over(key, &uid, Mode::FORCE, Purpose::Adopt);
            }
            Ok(_) => {
                let words =
                    "it exists, somebody else made it, and it does not say what is declared";
                self.refuse_foreign(key, words);
            }
            Err(finding) => self.fail(key, &finding),
        }
    }

    pub(super) fn on_adopted(&mut self, key: &ObjectKey, result: Answer) {
        match result {
            Ok((_, body)) => self.accept(key, body, Some(Origin::Adopted)),
            Err(finding) => self.fail(key, &finding),
        }
    }

    fn refuse_foreign(&mut self, key: &ObjectKey, words: &str) {
        let finding = Finding {
            refusal: Refusal::Fields(Vec::new()),
            reason: "AlreadyExists".to_owned(),
            message: words.to_owned(),
        };
        self.fail(key, &finding);
    }
}

/// An object without what our apply alone, or the server, puts on it.
pub(in super::super) fn without_marks(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for field in ["managedFields", "resourceVersion", "generation"] {
            metadata.remove(field);
        }
        for (map, mark) in [("labels", BUNDLE_LABEL), ("annotations", DIGEST_ANNOTATION)] {
            if let Some(members) = metadata.get_mut(map).and_then(Value::as_object_mut) {
                members.remove(mark);
            }
            if metadata
                .get(map)
                .and_then(Value::as_object)
                .is_some_and(Map::is_empty)
            {
                metadata.remove(map);
            }
        }
    }
    object
}
