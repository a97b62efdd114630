//! Manifests to objects, for certain inputs.

use std::collections::BTreeMap;
use std::sync::Arc;

use capstan_proto::limits::OBJECT_BYTES_MAX;
use capstan_proto::object::group_version;
use capstan_proto::policy::{BundlePolicy, Mode as Carried};
use capstan_proto::{BundleName, Digest, ObjectKey, canonical};
use serde_json::Value;

use super::patch::{self, Object, Odd};
use super::refuse::{self, Finding, FindingKind, Step};
use super::size::{self, Room};
use super::substitute::{self, Values};
use super::{Content, Instance, Manifest, Scope, Scopes, fold, restrict};
use crate::limits;
use crate::problem::{Code, Place, Problem};
use crate::spec::{Bundle, Mode, Patch, Restriction, Tree};
use crate::yaml::{Node, Value as NodeValue};

/// The label that says which bundle an object belongs to.
pub const BUNDLE_LABEL: &str = "capstan.dev/bundle";

/// What an instance depends on besides the content.
#[derive(Clone, Copy)]
pub(super) struct Inputs<'a> {
    pub(super) name: &'a BundleName,
    pub(super) bundle: &'a Bundle,
    /// The bundle's directory, with values put in.
    pub(super) path: &'a str,
    /// The default namespace, with values put in.
    pub(super) namespace: Option<&'a str>,
    pub(super) scopes: &'a Scopes,
    pub(super) values: Values<'a>,
    pub(super) patches: &'a [&'a Patch],
    pub(super) restrictions: &'a [&'a Restriction],
    /// The cluster's.
    pub(super) mode: Mode,
}

/// Makes every object.
///
/// # Errors
/// Everything that is wrong with the content for these inputs.
pub(super) fn instantiate(content: &Content, inputs: Inputs<'_>) -> Result<Instance, Vec<Problem>> {
    let mut instance = Instance::default();
    let found = match objects(content, inputs) {
        Ok((objects, odd)) => {
            instance.odd = odd;
            finish(objects, inputs, &mut instance)
        }
        Err(found) => found,
    };
    if !found.is_empty() {
        let found = found.into_iter().take(limits::CONTENT_PROBLEMS_MAX);
        return Err(found.map(|p| p.about_bundle(inputs.name)).collect());
    }
    let bytes = policy(inputs.bundle, inputs.namespace, inputs.mode).to_bytes();
    let digest = Digest::of(&bytes);
    instance.bytes.insert(digest, bytes.into());
    instance.policy = Some(digest);
    Ok(instance)
}

/// Every object, patched; and what is odd about the patches.
fn objects(content: &Content, inputs: Inputs<'_>) -> Result<(Vec<Object>, Vec<Odd>), Vec<Problem>> {
    let mut problems = content.problems.clone();
    let mut objects: Vec<Object> = Vec::new();
    let mut places: BTreeMap<ObjectKey, &Place> = BTreeMap::new();
    let mut room = Room::new();
    for manifest in &content.manifests {
        match object(manifest, inputs) {
            Ok(object) => {
                room.take(size::least_bytes(&object.value), &inputs.bundle.path_at)
                    .map_err(|problem| vec![problem])?;
                match places.insert(object.key.clone(), &manifest.at) {
                    None => objects.push(object),
                    Some(first) => {
                        let message = format!("{} is declared already, at {first}", object.key);
                        let problem = Problem::error(&manifest.at, Code::DuplicateObject, message);
                        problems.push(problem.hint("remove or rename one"));
                        places.insert(object.key, first);
                    }
                }
            }
            Err(found) => problems.extend(found),
        }
    }
    if content.manifests.is_empty() && problems.is_empty() {
        let message = format!("`{}` has no manifests", inputs.path);
        let at = &inputs.bundle.path_at;
        problems.push(Problem::error(at, Code::EmptyBundle, message));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let odd = patch::apply(&mut objects, inputs.patches, inputs.values)?;
    problems = restricted(&objects, inputs);
    if problems.is_empty() {
        Ok((objects, odd))
    } else {
        Err(problems)
    }
}

/// What the sources behind the bundle may not have.
fn restricted(objects: &[Object], inputs: Inputs<'_>) -> Vec<Problem> {
    let at = &inputs.bundle.path_at;
    let made = inputs.namespace.filter(|_| inputs.bundle.create_namespace);
    let mut problems = Vec::new();
    for restriction in inputs.restrictions {
        problems.extend(restrict::nobody(at, restriction));
        problems.extend(made.and_then(|name| restrict::made(name, at, restriction)));
        problems.extend(restrict::problems(objects, restriction, inputs.scopes));
    }
    problems
}

/// Writes the objects into the instance; what is too large is a problem.
fn finish(objects: Vec<Object>, inputs: Inputs<'_>, instance: &mut Instance) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut room = Room::new();
    for Object { key, value, at, .. } in objects {
        let bytes = canonical::to_bytes(&labelled(value, inputs.name));
        if let Err(problem) = room.take(bytes.len(), &inputs.bundle.path_at) {
            return vec![problem];
        }
        if bytes.len() > OBJECT_BYTES_MAX {
            let message = format!(
                "{key} has {} bytes, more than the {OBJECT_BYTES_MAX} that an API server takes",
                bytes.len()
            );
            problems.push(Problem::error(&at, Code::ObjectTooLarge, message));
            continue;
        }
        let digest = Digest::of(&bytes);
        Arc::make_mut(&mut instance.places).insert(key.clone(), at);
        instance.bytes.insert(digest, Arc::from(bytes));
        instance.objects.insert(key, digest);
    }
    problems
}

/// An object as it is sent.
fn labelled(mut value: Value, bundle: &BundleName) -> Value {
    // A patch may have brought another one.
    fold::string_data(&mut value);
    let mut value = canonical::declared(value);
    let labels = metadata(&mut value)
        .entry("labels")
        .or_insert_with(|| Value::Object(serde_json::Map::new()));
    if labels.is_null() {
        *labels = Value::Object(serde_json::Map::new());
    }
    if let Some(labels) = labels.as_object_mut() {
        labels.insert(BUNDLE_LABEL.to_owned(), Value::String(bundle.to_string()));
    }
    value
}

/// What a spoke is told of a bundle.
pub(super) fn policy(bundle: &Bundle, namespace: Option<&str>, mode: Mode) -> BundlePolicy {
    BundlePolicy {
        mode: carried(mode),
        depends_on: bundle.depends_on.iter().map(|r| r.name.clone()).collect(),
        create_namespace: namespace
            .filter(|_| bundle.create_namespace)
            .map(ToOwned::to_owned),
        removal: bundle.removal,
        adopt: bundle.adopt,
        conflict: bundle.conflict,
        drift: bundle.drift.clone(),
        health_timeout_ms: bundle.health_timeout_ms,
        health_checks: bundle.health_checks.clone(),
    }
}

/// A cluster's mode as policies carry it.
pub(crate) const fn carried(mode: Mode) -> Carried {
    match mode {
        Mode::Enforce => Carried::Enforce,
        Mode::Observe => Carried::Observe,
        Mode::Paused => Carried::Paused,
        Mode::Release => Carried::Release,
    }
}

/// One manifest to one object.
fn object(manifest: &Manifest, inputs: Inputs<'_>) -> Result<Object, Vec<Problem>> {
    let mut value = if inputs.bundle.substitute {
        substitute::manifest(manifest, inputs.values)?
    } else {
        manifest.node.to_json()
    };
    complete(manifest, &value)?;
    let text = |pointer: &str| {
        value
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let api_version = text("/apiVersion").to_owned();
    let (group, _) = group_version(&api_version);
    let built_in = !group.contains('.') || group.ends_with(".k8s.io");
    let scope = inputs.scopes.of_kind(group, text("/kind"));
    let findings = refuse::findings(&value, built_in);
    if !findings.is_empty() {
        return Err(findings.into_iter().map(|f| found(manifest, f)).collect());
    }
    place_in_namespace(manifest, &mut value, scope, inputs.namespace)?;
    fold::string_data(&mut value);
    let key = ObjectKey::of(&value).expect("the manifest is complete");
    Ok(Object {
        key,
        api_version,
        value,
        at: manifest.at.clone(),
    })
}

fn metadata(value: &mut Value) -> &mut serde_json::Map<String, Value> {
    value
        .get_mut("metadata")
        .and_then(Value::as_object_mut)
        .expect("a complete manifest has a map of metadata")
}

/// Refuses a manifest without an identity.
fn complete(manifest: &Manifest, value: &Value) -> Result<(), Vec<Problem>> {
    let mut problems = Vec::new();
    for (pointer, path) in [
        ("/apiVersion", "apiVersion"),
        ("/kind", "kind"),
        ("/metadata/name", "metadata.name"),
    ] {
        let filled = value
            .pointer(pointer)
            .is_some_and(|v| v.as_str().is_some_and(|t| !t.is_empty()));
        let generated =
            path == "metadata.name" && value.pointer("/metadata/generateName").is_some();
        if filled {
            continue;
        }
        let parts: Vec<Step> = path
            .split('.')
            .map(|key| Step::Key(key.to_owned()))
            .collect();
        let at = locate(&manifest.node, &manifest.at, &parts);
        let problem = if generated {
            let steps = ["metadata", "generateName"].map(|key| Step::Key(key.to_owned()));
            let at = locate(&manifest.node, &manifest.at, &steps);
            let message = "`metadata.generateName` cannot be declared";
            Problem::error(&at, Code::ServerField, message)
                .hint("give the object a `name`: only a named object can be kept as declared")
        } else {
            let message = format!("the manifest has no `{path}`");
            let wrong = value
                .pointer(pointer)
                .is_some_and(|v| !v.is_null() && !v.is_string());
            let hint = wrong.then(|| "write it in quotes".to_owned());
            Problem::error(&at, Code::IncompleteManifest, message).maybe_hint(hint)
        };
        problems.push(problem);
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

fn place_in_namespace(
    manifest: &Manifest,
    value: &mut Value,
    scope: Scope,
    default: Option<&str>,
) -> Result<(), Vec<Problem>> {
    let named = match metadata(value).get("namespace") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) if text.is_empty() => None,
        Some(namespace) => Some(namespace.is_string()),
    };
    let refuse = |code, message: String, hint: &str| {
        let steps = [Step::Key("metadata".into()), Step::Key("namespace".into())];
        Err(vec![
            Problem::error(&locate(&manifest.node, &manifest.at, &steps), code, message).hint(hint),
        ])
    };
    match (scope, named) {
        (_, Some(false)) => refuse(
            Code::WrongType,
            "`metadata.namespace` must be a string".to_owned(),
            "write it in quotes",
        ),
        (Scope::Cluster, Some(true)) => {
            let kind = value
                .get("kind")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let message = format!("a {kind} lives in no namespace");
            refuse(
                Code::NamespaceNotAllowed,
                message,
                "remove `metadata.namespace`",
            )
        }
        (Scope::Namespaced, None) => {
            let namespace = default.unwrap_or("default").to_owned();
            metadata(value).insert("namespace".to_owned(), Value::String(namespace));
            Ok(())
        }
        (Scope::Cluster, None) => {
            metadata(value).remove("namespace");
            Ok(())
        }
        (Scope::Namespaced, Some(true)) => Ok(()),
    }
}

/// The code of a finding.
pub(super) fn code_of(kind: FindingKind) -> Code {
    match kind {
        FindingKind::ServerField => Code::ServerField,
        FindingKind::DuplicateKey => Code::DuplicateKey,
        FindingKind::WrongType => Code::WrongType,
    }
}

fn found(manifest: &Manifest, finding: Finding) -> Problem {
    let at = locate(&manifest.node, &manifest.at, &finding.path);
    Problem::error(&at, code_of(finding.kind), finding.message).hint(finding.hint)
}

/// The place of what a path leads to from a node, or of the last that is there.
pub(super) fn locate(node: &Node, within: &Place, path: &[Step]) -> Place {
    let mut at = (node.line, node.column);
    let mut node = node;
    for step in path {
        let next = match (step, &node.value) {
            (Step::Key(key), NodeValue::Map(members)) => members
                .iter()
                .find(|(k, _)| k.text == *key)
                .map(|(k, n)| ((k.line, k.column), n)),
            (Step::Item(index), NodeValue::List(items)) => items
                .get(*index)
                .map(|item| ((item.line, item.column), item)),
            _ => None,
        };
        let Some((place, inner)) = next else { break };
        at = place;
        node = inner;
    }
    Place {
        line: at.0,
        column: at.1,
        ..within.clone()
    }
}

/// A content's identity: what its files say.
pub(super) fn content_key(directory: &str, tree: &Tree) -> Digest {
    let mut hasher = capstan_proto::digest::Hasher::new();
    hasher.field(directory.as_bytes());
    for (path, file) in tree.below(directory) {
        hasher
            .field(path.as_bytes())
            .field(file.digest().as_bytes());
    }
    for (path, reason) in tree.refused_around(directory) {
        hasher
            .field(b"refused")
            .field(path.as_bytes())
            .field(reason.as_bytes());
    }
    hasher.finish()
}
