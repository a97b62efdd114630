//! What the objects of a restricted source may be: their kinds and their namespaces.
//!
//! With namespaces given, nothing outside them is possible but a Namespace of such a name: an object
//! without a namespace must be of a kind that is allowed by name.

use capstan_proto::ObjectKey;

use super::patch::Object;
use crate::problem::{Code, Place, Problem};
use crate::selector::glob;
use crate::spec::{Kinds, Restriction};

/// What the source may not have, of the objects of one of its bundles.
pub(super) fn problems(objects: &[Object], restriction: &Restriction) -> Vec<Problem> {
    let found = objects.iter().filter_map(|object| {
        let key = &object.key;
        kind(key, restriction)
            .or_else(|| namespace(key, restriction))
            .map(|(message, hint)| {
                Problem::error(&object.at, Code::Restricted, message).maybe_hint(hint)
            })
    });
    found.collect()
}

/// A default namespace that is made although the source may not use it.
pub(super) fn made(name: &str, at: &Place, restriction: &Restriction) -> Option<Problem> {
    if restriction.namespaces.is_empty() || is_inside(name, restriction) {
        return None;
    }
    let message = format!("the source may not make namespace `{name}`");
    Some(Problem::error(at, Code::Restricted, message).maybe_hint(namespaces(restriction)))
}

type Words = (String, Option<String>);

fn kind(key: &ObjectKey, restriction: &Restriction) -> Option<Words> {
    let name = name_of(key);
    let (refused, hint) = match &restriction.kinds {
        Kinds::All => (false, None),
        Kinds::Allow(kinds) => {
            let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
            let hint = format!("allowed: {}", kinds.join(", "));
            (!kinds.contains(&name.as_str()), Some(hint))
        }
        Kinds::Deny(kinds) => (kinds.contains(&name), None),
    };
    refused.then(|| (format!("{key}: the source may not declare {name}"), hint))
}

fn namespace(key: &ObjectKey, restriction: &Restriction) -> Option<Words> {
    if restriction.namespaces.is_empty() {
        return None;
    }
    let may = match (
        key.group.as_str(),
        key.kind.as_str(),
        key.namespace.as_str(),
    ) {
        ("", "Namespace", _) => is_inside(&key.name, restriction),
        (_, _, "") => match &restriction.kinds {
            Kinds::Allow(kinds) => kinds.contains(&name_of(key)),
            Kinds::All | Kinds::Deny(_) => false,
        },
        (_, _, namespace) => is_inside(namespace, restriction),
    };
    let place = match key.namespace.as_str() {
        "" => "outside its namespaces".to_owned(),
        namespace => format!("in namespace `{namespace}`"),
    };
    let words = || {
        let message = format!("{key}: the source may not declare anything {place}");
        (message, namespaces(restriction))
    };
    (!may).then(words)
}

fn is_inside(namespace: &str, restriction: &Restriction) -> bool {
    let mut patterns = restriction.namespaces.iter();
    patterns.any(|pattern| glob(pattern, namespace))
}

fn namespaces(restriction: &Restriction) -> Option<String> {
    Some(format!(
        "its namespaces: {}",
        restriction.namespaces.join(", ")
    ))
}

/// A kind as restrictions name it: `apps/Deployment`, `v1/Service`.
fn name_of(key: &ObjectKey) -> String {
    match key.group.as_str() {
        "" => format!("v1/{}", key.kind),
        group => format!("{group}/{}", key.kind),
    }
}
