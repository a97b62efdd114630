//! Manifests to objects, for certain inputs.

use std::collections::BTreeMap;
use std::sync::Arc;

use capstan_proto::object::group_version;
use capstan_proto::policy::BundlePolicy;
use capstan_proto::{BundleName, Digest, ObjectKey, canonical};
use serde_json::Value;

use super::refuse::{self, Finding, FindingKind, Step};
use super::substitute::{self, Values};
use super::{Content, Instance, Manifest, Scope, Scopes, fold};
use crate::limits;
use crate::problem::{Code, Place, Problem};
use crate::spec::{Bundle, Tree};
use crate::yaml::{Node, Value as NodeValue};

/// The label that says which bundle an object belongs to.
pub const BUNDLE_LABEL: &str = "capstan.dev/bundle";

/// What an instance depends on besides the content.
#[derive(Clone, Copy)]
pub(super) struct Inputs<'a> {
    pub(super) name: &'a BundleName,
    pub(super) bundle: &'a Bundle,
    pub(super) scopes: &'a Scopes,
    /// `None` without `substitute`.
    pub(super) values: Option<Values<'a>>,
}

/// Makes every object.
///
/// # Errors
/// Everything that is wrong with the content for these inputs.
pub(super) fn instantiate(content: &Content, inputs: Inputs<'_>) -> Result<Instance, Vec<Problem>> {
    let mut problems = content.problems.clone();
    let mut instance = Instance::default();
    for manifest in &content.manifests {
        match object(manifest, inputs) {
            Ok((key, value)) => add(&mut instance, &mut problems, key, &value, &manifest.at),
            Err(found) => problems.extend(found),
        }
    }
    if content.manifests.is_empty() && problems.is_empty() {
        let message = format!("`{}` has no manifests", inputs.bundle.path);
        problems.push(Problem::error(
            &inputs.bundle.path_at,
            Code::EmptyBundle,
            message,
        ));
    }
    if !problems.is_empty() {
        problems.truncate(limits::CONTENT_PROBLEMS_MAX);
        return Err(problems
            .into_iter()
            .map(|p| p.about_bundle(inputs.name))
            .collect());
    }
    let bytes = policy(inputs.bundle).to_bytes();
    let digest = Digest::of(&bytes);
    instance.bytes.insert(digest, bytes.into());
    instance.policy = Some(digest);
    Ok(instance)
}

/// What a spoke is told of a bundle.
pub(super) fn policy(bundle: &Bundle) -> BundlePolicy {
    BundlePolicy {
        depends_on: bundle.depends_on.iter().map(|r| r.name.clone()).collect(),
        create_namespace: bundle
            .default_namespace
            .clone()
            .filter(|_| bundle.create_namespace),
        removal: bundle.removal,
        adopt: bundle.adopt,
        conflict: bundle.conflict,
        drift: bundle.drift.clone(),
        health_timeout_ms: bundle.health_timeout_ms,
    }
}

fn add(
    instance: &mut Instance,
    problems: &mut Vec<Problem>,
    key: ObjectKey,
    value: &Value,
    at: &Place,
) {
    let bytes = canonical::to_bytes(value);
    if bytes.len() > capstan_proto::limits::OBJECT_BYTES_MAX {
        let message = format!(
            "{key} has {} bytes, more than any API server takes",
            bytes.len()
        );
        problems.push(Problem::error(at, Code::ObjectTooLarge, message));
        return;
    }
    if let Some(first) = instance.places.get(&key) {
        let message = format!("{key} is declared already, at {first}");
        problems
            .push(Problem::error(at, Code::DuplicateObject, message).hint("remove or rename one"));
        return;
    }
    let digest = Digest::of(&bytes);
    instance.places.insert(key.clone(), at.clone());
    instance.bytes.insert(digest, Arc::from(bytes));
    instance.objects.insert(key, digest);
}

/// One manifest to one object.
fn object(manifest: &Manifest, inputs: Inputs<'_>) -> Result<(ObjectKey, Value), Vec<Problem>> {
    let mut value = match inputs.values {
        Some(values) => substitute::manifest(manifest, values)?,
        None => manifest.node.to_json(),
    };
    complete(manifest, &value)?;
    let text = |pointer: &str| {
        value
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let (group, _) = group_version(text("/apiVersion"));
    let built_in = !group.contains('.') || group.ends_with(".k8s.io");
    let scope = inputs.scopes.of_kind(group, text("/kind"));
    let findings = refuse::findings(&value, built_in);
    if !findings.is_empty() {
        return Err(findings.into_iter().map(|f| found(manifest, f)).collect());
    }
    place_in_namespace(manifest, &mut value, scope, inputs.bundle)?;
    fold::string_data(&mut value);
    let mut value = canonical::declared(value);
    let labels = metadata(&mut value)
        .entry("labels")
        .or_insert_with(|| Value::Object(serde_json::Map::new()));
    if labels.is_null() {
        *labels = Value::Object(serde_json::Map::new());
    }
    if let Some(labels) = labels.as_object_mut() {
        labels.insert(
            BUNDLE_LABEL.to_owned(),
            Value::String(inputs.name.to_string()),
        );
    }
    let key = ObjectKey::of(&value).expect("the manifest is complete");
    Ok((key, value))
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
        let at = locate(manifest, &parts);
        let problem = if generated {
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
    bundle: &Bundle,
) -> Result<(), Vec<Problem>> {
    let named = match metadata(value).get("namespace") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) if text.is_empty() => None,
        Some(namespace) => Some(namespace.is_string()),
    };
    let refuse = |code, message: String, hint: &str| {
        let steps = [Step::Key("metadata".into()), Step::Key("namespace".into())];
        Err(vec![
            Problem::error(&locate(manifest, &steps), code, message).hint(hint),
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
            let namespace = bundle.default_namespace.as_deref().unwrap_or("default");
            metadata(value).insert("namespace".to_owned(), Value::String(namespace.to_owned()));
            Ok(())
        }
        (Scope::Cluster, None) => {
            metadata(value).remove("namespace");
            Ok(())
        }
        (Scope::Namespaced, Some(true)) => Ok(()),
    }
}

fn found(manifest: &Manifest, finding: Finding) -> Problem {
    let code = match finding.kind {
        FindingKind::ServerField => Code::ServerField,
        FindingKind::DuplicateKey => Code::DuplicateKey,
        FindingKind::WrongType => Code::WrongType,
    };
    Problem::error(&locate(manifest, &finding.path), code, finding.message).hint(finding.hint)
}

/// The place of what a path leads to, or of the last that is there.
fn locate(manifest: &Manifest, path: &[Step]) -> Place {
    let mut node: &Node = &manifest.node;
    let mut at = (manifest.at.line, manifest.at.column);
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
        ..manifest.at.clone()
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

/// The identity of inputs: equal ones give equal instances of one content.
pub(super) fn inputs_key(content: &Content, inputs: Inputs<'_>) -> Digest {
    let mut hasher = capstan_proto::digest::Hasher::new();
    hasher.field(inputs.name.to_string().as_bytes());
    hasher.field(&policy(inputs.bundle).to_bytes());
    hasher.field(
        inputs
            .bundle
            .default_namespace
            .as_deref()
            .unwrap_or_default()
            .as_bytes(),
    );
    for ((group, kind), scope) in inputs.scopes.found() {
        let scope = match scope {
            Scope::Cluster => b"c",
            Scope::Namespaced => b"n",
        };
        hasher
            .field(group.as_bytes())
            .field(kind.as_bytes())
            .field(scope);
    }
    if let Some(Values {
        variables,
        built_in,
    }) = inputs.values
    {
        hasher.field(b"variables");
        for (name, value) in variables {
            hasher.field(name.as_bytes());
            match value {
                Ok(value) => hasher.field(value.to_value().to_string().as_bytes()),
                Err(error) => hasher.field(b"error").field(error.to_string().as_bytes()),
            };
        }
        hasher
            .field(b"built in")
            .field(built_in.cluster.as_str().as_bytes());
        if content.mentions_revision {
            hasher.field(built_in.revision.as_str().as_bytes());
        }
        let labels: BTreeMap<_, _> = built_in.labels.iter().collect();
        for (key, value) in labels {
            hasher.field(key.as_bytes()).field(value.as_bytes());
        }
    }
    hasher.finish()
}
