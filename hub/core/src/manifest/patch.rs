//! Patches: changes to a bundle's objects, written in fleet documents.
//!
//! A patch sees objects as they would be sent, but for our label: values put in, `stringData`
//! folded, namespaces settled. It changes what they say and never which objects they are: what an
//! object is called decides what is pruned, and a name that a patch could change would hide that.

mod json;
mod lists;
mod merge;
mod types;

use std::collections::BTreeSet;

use capstan_proto::ObjectKey;
use capstan_proto::digest::Hasher;
use capstan_proto::object::group_version;
use serde_json::Value;

use super::instantiate::{code_of, locate};
use super::refuse::{self, Step};
use super::substitute::{self, Context, Values};
use crate::limits;
use crate::problem::{Code, Place, Problem, nearest};
use crate::selector::Operator;
use crate::spec::{Change, LabelSelector, Operation, Patch, Target, Verb};
use crate::yaml::Node;

/// An object that patches may change.
#[derive(Clone, Debug)]
pub(super) struct Object {
    /// What it is; patches never change it.
    pub(super) key: ObjectKey,
    /// Its `apiVersion`, which patches do not change either.
    pub(super) api_version: String,
    /// What it says.
    pub(super) value: Value,
    /// Where its manifest is.
    pub(super) at: Place,
}

/// What a patch does that it can do, and that is seldom meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Odd {
    /// Which of the patches.
    pub(super) patch: usize,
    pub(super) spot: Spot,
    pub(super) message: String,
    pub(super) hint: &'static str,
}

/// A part of a patch, wherever the patch stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Spot {
    /// What these steps lead to in a merge patch.
    Merge(Vec<Step>),
    /// The operation with this number.
    Json(usize),
}

/// Changes every object that a patch is for, one patch after another; says what is odd about them.
///
/// # Errors
/// What is wrong with any of them.
pub(super) fn apply(
    objects: &mut [Object],
    patches: &[&Patch],
    values: Values<'_>,
) -> Result<Vec<Odd>, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut odd: Vec<Odd> = Vec::new();
    for (number, patch) in patches.iter().enumerate() {
        let target = match target(patch, values) {
            Ok(target) => target,
            Err(found) => {
                problems.push(found);
                continue;
            }
        };
        let meant: Vec<bool> = objects
            .iter()
            .map(|object| is_meant(&target, object))
            .collect();
        if !meant.contains(&true) {
            problems.push(nothing(patch, &target, objects));
        }
        let mut meant = objects.iter_mut().zip(&meant).filter(|(_, meant)| **meant);
        // A patch that fails on one object fails on the next for the same reason.
        let mut told = Told::default();
        let failed = meant.find_map(|(object, _)| change(object, patch, values, &mut told).err());
        if let Some(found) = failed {
            problems.extend(found);
        }
        odd.extend(told.found.into_iter().map(|(spot, message, hint)| Odd {
            patch: number,
            spot,
            message,
            hint,
        }));
    }
    if problems.is_empty() {
        Ok(odd)
    } else {
        Err(problems)
    }
}

/// The names of variables that a patch uses.
pub(super) fn used(patch: &Patch, found: &mut BTreeSet<String>) {
    let mut text = |text: &str| found.extend(crate::template::names(text));
    let target = &patch.target;
    let fields = [
        &target.group,
        &target.version,
        &target.kind,
        &target.name,
        &target.namespace,
    ];
    fields.into_iter().flatten().for_each(|field| text(field));
    if let Some(labels) = &target.labels {
        labels.match_labels.values().for_each(|value| text(value));
        let operators = labels.match_expressions.iter().map(|e| &e.operator);
        for operator in operators {
            if let Operator::In(values) | Operator::NotIn(values) = operator {
                values.iter().for_each(|value| text(value));
            }
        }
    }
    match &patch.change {
        Change::Merge(node) => substitute::used(node, found),
        Change::Json(operations) => {
            for operation in operations {
                found.extend(crate::template::names(&operation.path));
                match &operation.verb {
                    Verb::Add(node) | Verb::Replace(node) | Verb::Test(node) => {
                        substitute::used(node, found);
                    }
                    Verb::Move(from) | Verb::Copy(from) => {
                        found.extend(crate::template::names(from));
                    }
                    Verb::Remove => {}
                }
            }
        }
    }
}

/// Adds what a patch says, wherever it stands: equal patches add the same.
pub(super) fn fingerprint(patch: &Patch, hasher: &mut Hasher) {
    hasher.field(format!("{:?}", patch.target).as_bytes());
    match &patch.change {
        Change::Merge(patch) => {
            hasher.field(b"merge").field(text(patch).as_bytes());
        }
        Change::Json(operations) => {
            for Operation { verb, path, .. } in operations {
                hasher.field(path.as_bytes());
                match verb {
                    Verb::Add(value) => hasher.field(b"add").field(text(value).as_bytes()),
                    Verb::Replace(value) => hasher.field(b"replace").field(text(value).as_bytes()),
                    Verb::Test(value) => hasher.field(b"test").field(text(value).as_bytes()),
                    Verb::Move(from) => hasher.field(b"move").field(from.as_bytes()),
                    Verb::Copy(from) => hasher.field(b"copy").field(from.as_bytes()),
                    Verb::Remove => hasher.field(b"remove"),
                };
            }
        }
    }
}

fn text(node: &Node) -> String {
    node.to_json().to_string()
}

// === which objects ===

/// The target with values put in.
fn target(patch: &Patch, values: Values<'_>) -> Result<Target, Problem> {
    let text = |text: &String| substitute::text(text, &patch.at, values);
    let field = |field: &Option<String>| field.as_ref().map(text).transpose();
    let target = &patch.target;
    let labels = target.labels.as_ref().map(|labels| {
        let mut labels = labels.clone();
        for value in labels.match_labels.values_mut() {
            *value = text(value)?;
        }
        for expression in &mut labels.match_expressions {
            if let Operator::In(values) | Operator::NotIn(values) = &mut expression.operator {
                *values = values.iter().map(text).collect::<Result<_, _>>()?;
            }
        }
        Ok(labels)
    });
    Ok(Target {
        group: field(&target.group)?,
        version: field(&target.version)?,
        kind: field(&target.kind)?,
        name: field(&target.name)?,
        namespace: field(&target.namespace)?,
        labels: labels.transpose()?,
    })
}

fn is_meant(target: &Target, object: &Object) -> bool {
    let is = |wanted: &Option<String>, have: &str| wanted.as_ref().is_none_or(|w| w == have);
    is(&target.group, &object.key.group)
        && is(&target.version, group_version(&object.api_version).1)
        && is(&target.kind, &object.key.kind)
        && is(&target.name, &object.key.name)
        && is(&target.namespace, &object.key.namespace)
        && target
            .labels
            .as_ref()
            .is_none_or(|labels| selects(labels, &object.value))
}

fn selects(selector: &LabelSelector, object: &Value) -> bool {
    let labels = object.pointer("/metadata/labels");
    let label = |key: &str| {
        labels
            .and_then(|labels| labels.get(key))
            .and_then(Value::as_str)
    };
    let mut exact = selector.match_labels.iter();
    let mut expressions = selector.match_expressions.iter();
    exact.all(|(key, value)| label(key) == Some(value))
        && expressions.all(|expression| {
            let have = label(&expression.key);
            match &expression.operator {
                Operator::In(values) => have.is_some_and(|have| values.contains(have)),
                Operator::NotIn(values) => have.is_none_or(|have| !values.contains(have)),
                Operator::Exists => have.is_some(),
                Operator::DoesNotExist => have.is_none(),
            }
        })
}

/// A patch without an object: a slip of the pen, or an object that is not there any more.
fn nothing(patch: &Patch, target: &Target, objects: &[Object]) -> Problem {
    let mut wanted: Vec<String> = [
        ("group", &target.group),
        ("version", &target.version),
        ("kind", &target.kind),
        ("name", &target.name),
        ("namespace", &target.namespace),
    ]
    .into_iter()
    .filter_map(|(field, value)| Some(format!("{field} `{}`", value.as_ref()?)))
    .collect();
    if target.labels.is_some() {
        wanted.push("these labels".to_owned());
    }
    let wanted = match wanted.is_empty() {
        true => "the bundle has no objects".to_owned(),
        false => format!("no object of the bundle has {}", wanted.join(", ")),
    };
    let message = format!("the patch changes nothing: {wanted}");
    Problem::error(&patch.at, Code::PatchMatchesNothing, message).maybe_hint(hint(target, objects))
}

/// The nearest kind, or the nearest name of the kind, or what there is.
fn hint(target: &Target, objects: &[Object]) -> Option<String> {
    let kinds: BTreeSet<&str> = objects.iter().map(|o| o.key.kind.as_str()).collect();
    if let Some(kind) = target.kind.as_deref().filter(|kind| !kinds.contains(kind)) {
        let kinds: Vec<&str> = kinds.into_iter().collect();
        return Some(match nearest(kind, &kinds) {
            Some(near) => format!("did you mean kind `{near}`?"),
            None => format!("there is {}", listed(&kinds)?),
        });
    }
    let of_kind = |object: &&Object| target.kind.as_ref().is_none_or(|k| *k == object.key.kind);
    let objects: Vec<&Object> = objects.iter().filter(of_kind).collect();
    let names: BTreeSet<&str> = objects.iter().map(|o| o.key.name.as_str()).collect();
    if let Some(name) = target.name.as_deref().filter(|name| !names.contains(name)) {
        let names: Vec<&str> = names.into_iter().collect();
        return Some(match nearest(name, &names) {
            Some(near) => format!("did you mean name `{near}`?"),
            None => format!("there is {}", listed(&names)?),
        });
    }
    let keys: Vec<String> = objects.iter().map(|o| o.key.to_string()).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    listed(&keys).map(|listed| format!("there is {listed}"))
}

fn listed(names: &[&str]) -> Option<String> {
    const SHOWN_MAX: usize = 5;
    let shown = names
        .iter()
        .take(SHOWN_MAX)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    match names.len().checked_sub(SHOWN_MAX) {
        _ if names.is_empty() => None,
        None | Some(0) => Some(shown),
        Some(more) => Some(format!("{shown} and {more} more")),
    }
}

// === what changes ===

/// What is odd about the parts of one patch, each once: what is odd about one object is odd about the
/// next.
#[derive(Default)]
struct Told {
    spots: BTreeSet<Spot>,
    /// In the order in which it was found, with hints.
    found: Vec<(Spot, String, &'static str)>,
}

impl Told {
    /// Whether no more is told of this patch.
    fn is_full(&self) -> bool {
        self.found.len() >= limits::CONTENT_PROBLEMS_MAX
    }

    /// Tells of a part, unless that was done, or enough is told; the words are not made then.
    fn tell(&mut self, spot: Spot, words: impl FnOnce() -> types::Words, of: &ObjectKey) {
        if self.is_full() || self.spots.contains(&spot) {
            return;
        }
        let types::Words { message, hint } = words();
        self.spots.insert(spot.clone());
        self.found.push((spot, format!("{message} in {of}"), hint));
    }
}

/// Changes an object, or leaves it as it was.
fn change(
    object: &mut Object,
    patch: &Patch,
    values: Values<'_>,
    odd: &mut Told,
) -> Result<(), Vec<Problem>> {
    let before = object.value.clone();
    let changed = match &patch.change {
        Change::Merge(node) => merge(object, patch, (node, values), odd),
        Change::Json(operations) => operate(object, operations, values, odd),
    };
    if changed.is_err() {
        object.value = before;
    }
    changed
}

fn merge(
    object: &mut Object,
    patch: &Patch,
    (node, values): (&Node, Values<'_>),
    odd: &mut Told,
) -> Result<(), Vec<Problem>> {
    let context = Context {
        at: &patch.at,
        kind: &object.key.kind,
        path: &[],
    };
    let node = substitute::node(node, context, values)?;
    let (group, kind) = (&object.key.group, &object.key.kind);
    let shape = lists::shape(group, kind);
    if !odd.is_full() {
        types::merged(&object.value, &node, shape, &mut |path, change| {
            odd.tell(Spot::Merge(path.to_vec()), || change.words(), &object.key);
        });
    }
    match shape {
        Some(shape) => merge::strategic(&mut object.value, &node, shape).map_err(|fault| {
            let at = Place {
                line: fault.line,
                column: fault.column,
                ..patch.at.clone()
            };
            let hint = Some(fault.hint.to_owned()).filter(|hint| !hint.is_empty());
            vec![Problem::error(&at, Code::BadPatch, fault.message).maybe_hint(hint)]
        })?,
        None => merge::json(&mut object.value, &node),
    }
    let place = |path: &[Step]| {
        let keys = path.iter().take_while(|step| matches!(step, Step::Key(_)));
        locate(&node, &patch.at, &keys.cloned().collect::<Vec<_>>())
    };
    check(object, &place)
}

fn operate(
    object: &mut Object,
    operations: &[Operation],
    values: Values<'_>,
    odd: &mut Told,
) -> Result<(), Vec<Problem>> {
    let mut paths = Vec::new();
    for (number, operation) in operations.iter().enumerate() {
        let path = substitute::pointer(&operation.path, &operation.at, values)
            .map_err(|problem| vec![problem])?;
        let step = step(operation, &path, &object.key.kind, values)?;
        let grows = matches!(step, json::Step::Copy(_));
        if !odd.is_full()
            && let Some(words) = retyped(&object.value, &step, &path)
        {
            odd.tell(Spot::Json(number), || words, &object.key);
        }
        json::apply(&mut object.value, step, &path).map_err(|fault| {
            let problem = Problem::error(&operation.at, Code::BadPatch, fault.message);
            vec![problem.maybe_hint(fault.hint)]
        })?;
        if grows && too_large(&object.value) {
            let message = format!(
                "the patch makes {} too large for any API server",
                object.key
            );
            return Err(vec![Problem::error(&operation.at, Code::BadPatch, message)]);
        }
        paths.push((path, &operation.at));
    }
    let place = |path: &[Step]| {
        let pointer: String = path.iter().map(Step::pointer).collect();
        let near = |(path, _): &&(String, &Place)| {
            pointer.starts_with(path.as_str()) || path.starts_with(&pointer)
        };
        let found = paths.iter().rev().find(near).or(paths.last());
        found.map_or_else(|| object.at.clone(), |(_, at)| (*at).clone())
    };
    check(object, &place)
}

/// What is said of a value that replaces one of another type.
fn retyped(object: &Value, step: &json::Step, path: &str) -> Option<types::Words> {
    let json::Step::Replace(value) = step else {
        return None;
    };
    let tokens = json::tokens(path).ok()?;
    let names: Vec<&str> = tokens.iter().map(String::as_str).collect();
    let change = types::replaced(object.pointer(path)?, value, &names)?;
    Some(change.words())
}

/// Copies double: without a limit thirty of them would fill the memory.
fn too_large(value: &Value) -> bool {
    value.to_string().len() > capstan_proto::limits::OBJECT_BYTES_MAX
}

fn step(
    operation: &Operation,
    path: &str,
    kind: &str,
    values: Values<'_>,
) -> Result<json::Step, Vec<Problem>> {
    let fault = |fault: json::Fault| {
        let problem = Problem::error(&operation.at, Code::BadPatch, fault.message);
        vec![problem.maybe_hint(fault.hint)]
    };
    let tokens = json::tokens(path).map_err(fault)?;
    let is_key = |token: &&str| *token != "-" && !token.bytes().all(|b| b.is_ascii_digit());
    let keys: Vec<&str> = tokens.iter().map(String::as_str).filter(is_key).collect();
    let value = |node: &Node| {
        let context = Context {
            at: &operation.at,
            kind,
            path: &keys,
        };
        substitute::node(node, context, values).map(|node| node.to_json())
    };
    let from = |from: &str| {
        substitute::pointer(from, &operation.at, values).map_err(|problem| vec![problem])
    };
    Ok(match &operation.verb {
        Verb::Add(node) => json::Step::Add(value(node)?),
        Verb::Replace(node) => json::Step::Replace(value(node)?),
        Verb::Test(node) => json::Step::Test(value(node)?),
        Verb::Remove => json::Step::Remove,
        Verb::Move(pointer) => json::Step::Move(from(pointer)?),
        Verb::Copy(pointer) => json::Step::Copy(from(pointer)?),
    })
}

// === what may not come of it ===

fn check(object: &Object, place: &dyn Fn(&[Step]) -> Place) -> Result<(), Vec<Problem>> {
    if let Some(problem) = identity(object, place) {
        return Err(vec![problem]);
    }
    let built_in = lists::shape(&object.key.group, &object.key.kind).is_some();
    let findings = refuse::findings(&object.value, built_in).into_iter();
    let problems: Vec<Problem> = findings
        .map(|finding| {
            let at = place(&finding.path);
            Problem::error(&at, code_of(finding.kind), finding.message).hint(finding.hint)
        })
        .collect();
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

/// A patch that would make another object of it.
fn identity(object: &Object, place: &dyn Fn(&[Step]) -> Place) -> Option<Problem> {
    let Object { key, value, .. } = object;
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str);
    let fields = [
        (
            "apiVersion",
            text("/apiVersion"),
            object.api_version.as_str(),
        ),
        ("kind", text("/kind"), key.kind.as_str()),
        ("metadata.name", text("/metadata/name"), key.name.as_str()),
        (
            "metadata.namespace",
            Some(text("/metadata/namespace").unwrap_or_default()),
            key.namespace.as_str(),
        ),
    ];
    let (field, _, _) = fields
        .into_iter()
        .find(|(_, now, was)| *now != Some(*was))?;
    let path: Vec<Step> = field
        .split('.')
        .map(|key| Step::Key(key.to_owned()))
        .collect();
    let message = format!("a patch cannot change `{field}` of {key}: it would be another object");
    let problem = Problem::error(&place(&path), Code::BadPatch, message);
    Some(problem.hint("declare that object in the bundle's directory"))
}

#[cfg(test)]
mod tests;
