//! What the objects of a restricted source may be: their kinds and their namespaces.
//!
//! With namespaces given, nothing outside them is possible but a Namespace of such a name: an object
//! without a namespace must be of a kind that is allowed by name, and so must one of a kind of which
//! it is not known whether it lives in a namespace: the one that is written, or filled in, is void
//! where it does not.

use capstan_proto::ObjectKey;

use super::Scopes;
use super::patch::Object;
use crate::problem::{Code, Place, Problem};
use crate::selector::glob;
use crate::spec::{Kinds, Restriction};

/// What the source may not have, of the objects of one of its bundles.
pub(super) fn problems(
    objects: &[Object],
    restriction: &Restriction,
    scopes: &Scopes,
) -> Vec<Problem> {
    let found = objects.iter().filter_map(|object| {
        let key = &object.key;
        kind(key, restriction)
            .or_else(|| unknown(key, restriction, scopes))
            .or_else(|| namespace(key, restriction))
            .map(|(message, hint)| {
                Problem::error(&object.at, Code::Restricted, message).maybe_hint(hint)
            })
    });
    found.collect()
}

/// Whether the source may place definitions of kinds.
pub(super) fn may_define(restriction: &Restriction) -> bool {
    let key = ObjectKey::new("apiextensions.k8s.io", "CustomResourceDefinition", "", "");
    kind(&key, restriction).is_none() && namespace(&key, restriction).is_none()
}

/// A default namespace that is made although the source may not use it, or may not place Namespaces.
pub(super) fn made(name: &str, at: &Place, restriction: &Restriction) -> Option<Problem> {
    let key = ObjectKey::new("", "Namespace", "", name);
    let problem = |message, hint| Problem::error(at, Code::Restricted, message).maybe_hint(hint);
    if kind(&key, restriction).is_some() {
        let message = format!(
            "`createNamespace` makes namespace `{name}`: the source may not declare v1/Namespace"
        );
        let hint = "leave `createNamespace` out, or let those who run the hub allow v1/Namespace";
        return Some(problem(message, Some(hint.to_owned())));
    }
    let message = format!("the source may not make namespace `{name}`");
    let outside = namespace(&key, restriction).is_some();
    outside.then(|| problem(message, namespaces(restriction)))
}

/// That the source may place nothing in this version.
pub(super) fn nobody(at: &Place, restriction: &Restriction) -> Option<Problem> {
    let message = "the source must name a service account, and this version's bundles cannot";
    let hint = "nothing of the source is placed until then; those who run the hub can leave \
                `restrict.serviceAccount` out";
    let required = restriction.service_account_required;
    required.then(|| Problem::error(at, Code::Restricted, message.to_owned()).hint(hint))
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

/// A kind that may live outside namespaces, whatever its objects say.
fn unknown(key: &ObjectKey, restriction: &Restriction, scopes: &Scopes) -> Option<Words> {
    let free = restriction.namespaces.is_empty()
        || is_named(key, restriction)
        || scopes.is_known(&key.group, &key.kind);
    (!free).then(|| {
        let name = name_of(key);
        let message = format!("{key}: it is not known whether {name} lives in a namespace");
        let hint = format!(
            "place its CustomResourceDefinition from a source that may, or name {name} in the \
             source's `kinds.allow`"
        );
        (message, Some(hint))
    })
}

fn is_named(key: &ObjectKey, restriction: &Restriction) -> bool {
    match &restriction.kinds {
        Kinds::Allow(kinds) => kinds.contains(&name_of(key)),
        Kinds::All | Kinds::Deny(_) => false,
    }
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
        (_, _, "") => is_named(key, restriction),
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
