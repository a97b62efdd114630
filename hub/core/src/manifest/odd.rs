//! What is odd about contents that render well: variables that nobody puts in, and patches that
//! change the types of values. None of it keeps a bundle from a cluster.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::{BundleName, Digest};

use super::instantiate::locate;
use super::job::{Ready, Subject};
use super::patch::{Odd, Spot};
use super::{Content, Failure, Instance};
use crate::problem::{Code, Place, Problem};
use crate::spec::{Bundle, Change, Document, Spec};
use crate::template;
use crate::yaml::{Node, Value};

// === patches ===

/// What patches did that is odd, told once for all clusters with one instance.
#[derive(Default)]
pub(super) struct Told(BTreeMap<(usize, Digest), Failure>);

impl Told {
    /// What to tell of an instance; nothing of most.
    pub(super) fn of(
        &mut self,
        subject: Subject<'_>,
        ready: &Ready<'_>,
        instance: &Arc<Instance>,
    ) -> Option<Failure> {
        if instance.odd.is_empty() {
            return None;
        }
        let name = (Arc::as_ptr(instance).addr(), ready.shape.places);
        let told = self.0.entry(name).or_insert_with(|| {
            let odd = instance.odd.iter();
            let problems = odd.filter_map(|odd| problem(odd, ready));
            subject.told(problems.collect())
        });
        Some(Arc::clone(told))
    }
}

fn problem(odd: &Odd, ready: &Ready<'_>) -> Option<Problem> {
    let patch = ready.shape.patches.get(odd.patch)?;
    let at = match (&odd.spot, &patch.change) {
        (Spot::Merge(path), Change::Merge(node)) => locate(node, &patch.at, path),
        (Spot::Json(number), Change::Json(operations)) => operations.get(*number)?.at.clone(),
        _ => patch.at.clone(),
    };
    let problem = Problem::warning(&at, Code::PatchChangesType, odd.message.clone());
    Some(problem.hint(odd.hint))
}

// === variables ===

/// Finds `${...}` in contents of bundles that do not substitute, where it names what they would have.
pub(super) struct Forgotten<'a> {
    spec: &'a Spec,
    /// The names of variables that clusters and placements define.
    names: OnceCell<BTreeSet<&'a str>>,
    /// Documents and contents that were looked at, by their addresses.
    looked: BTreeSet<(usize, usize)>,
    pub(super) problems: BTreeSet<Problem>,
}

impl<'a> Forgotten<'a> {
    pub(super) fn new(spec: &'a Spec) -> Self {
        Self {
            spec,
            names: OnceCell::new(),
            looked: BTreeSet::new(),
            problems: BTreeSet::new(),
        }
    }

    /// Looks at what is placed on a cluster, once for all of them.
    pub(super) fn of(&mut self, subject: Subject<'_>, ready: &Ready<'_>) {
        let document = ready.shape.document;
        self.look(
            (subject.bundle, subject.pin()),
            document,
            &ready.directory().content,
        );
    }

    /// Looks at a bundle with its content, once.
    pub(super) fn look(
        &mut self,
        (name, pin): (&BundleName, Option<&str>),
        document: &Document<Bundle>,
        content: &Content,
    ) {
        let bundle = &document.spec;
        if bundle.substitute || content.uses.is_empty() {
            return;
        }
        let address = (
            std::ptr::from_ref(document).addr(),
            std::ptr::from_ref(content).addr(),
        );
        if !self.looked.insert(address) {
            return;
        }
        let known = self.names.get_or_init(|| names(self.spec));
        let own = |name: &str| {
            let mut overrides = bundle.overrides.iter();
            bundle.variables.contains_key(name) || overrides.any(|o| o.variables.contains_key(name))
        };
        let uses = content.uses.iter().map(String::as_str);
        let meant: BTreeSet<&str> = uses
            .filter(|name| template::is_built_in(name) || own(name) || known.contains(name))
            .collect();
        let Some((first, at, more)) = places(content, &meant) else {
            return;
        };
        let more = match more {
            0 => String::new(),
            1 => ", and so is one more text".to_owned(),
            more => format!(", and so are {more} more texts"),
        };
        let message = format!(
            "`${{{first}}}` is sent as it stands{more}: bundle `{}` does not substitute variables",
            name.name()
        );
        let hint = format!("write `substitute: true` in the Bundle at {}", document.at);
        let problem = Problem::warning(&at, Code::ForgottenSubstitute, message).hint(hint);
        let problem = match pin {
            Some(pin) => problem.in_pin(pin),
            None => problem,
        };
        self.problems.insert(problem.about_bundle(name));
    }
}

/// Names of variables that clusters have, or overrides of placements set.
fn names(spec: &Spec) -> BTreeSet<&str> {
    let members = spec.members.values().flat_map(|m| m.variables.keys());
    let overrides = spec.placements.values().flat_map(|d| &d.spec.overrides);
    let overrides = overrides.flat_map(|entry| entry.variables.keys());
    members.chain(overrides).map(String::as_str).collect()
}

/// The first text that uses one of some names, with its place, and how many more do.
fn places(content: &Content, meant: &BTreeSet<&str>) -> Option<(String, Place, usize)> {
    if meant.is_empty() {
        return None;
    }
    let mut first = None;
    let mut count: usize = 0;
    for manifest in &content.manifests {
        texts(&manifest.node, &mut |node, text| {
            let name = template::names(text).find(|name| meant.contains(name.as_str()));
            let Some(name) = name else {
                return;
            };
            count += 1;
            first.get_or_insert_with(|| {
                let at = Place {
                    line: node.line,
                    column: node.column,
                    ..manifest.at.clone()
                };
                (name, at)
            });
        });
    }
    let (name, at) = first?;
    Some((name, at, count - 1))
}

fn texts(node: &Node, each: &mut impl FnMut(&Node, &str)) {
    match &node.value {
        Value::Text(text) => each(node, text),
        Value::List(items) => items.iter().for_each(|item| texts(item, each)),
        Value::Map(members) => members.iter().for_each(|(_, value)| texts(value, each)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
