//! What a manifest may not have: fields that only a server may set, doubled list keys, and values
//! that an API server would refuse where only text can stand.

use std::collections::BTreeSet;

use serde_json::Value;

/// A finding in a manifest: the path of map keys and list positions that leads to it, and words.
pub(super) struct Finding {
    pub(super) path: Vec<Step>,
    pub(super) kind: FindingKind,
    pub(super) message: String,
    pub(super) hint: &'static str,
}

/// What kind of finding it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum FindingKind {
    ServerField,
    DuplicateKey,
    WrongType,
}

/// One step into a manifest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Key(String),
    Item(usize),
}

impl Step {
    /// The step as a part of a JSON pointer.
    pub(super) fn pointer(&self) -> String {
        match self {
            Self::Key(key) => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
            Self::Item(index) => format!("/{index}"),
        }
    }
}

/// Fields of metadata that make no sense in a file.
const SERVER_FIELDS: [(&str, &str); 4] = [
    ("managedFields", "remove it; server-side apply keeps it"),
    ("uid", "remove it; the object gets one in each cluster"),
    (
        "resourceVersion",
        "remove it; it belongs to one cluster's history",
    ),
    (
        "generateName",
        "give the object a `name`: only a named object can be kept as declared",
    ),
];

/// Lists of built-in kinds whose items are told apart by these fields. An absent field of a key
/// has the default given.
const LIST_KEYS: &[(&str, &[(&str, &str)])] = &[
    ("containers", &[("name", "")]),
    ("initContainers", &[("name", "")]),
    ("ephemeralContainers", &[("name", "")]),
    ("env", &[("name", "")]),
    ("volumes", &[("name", "")]),
    ("volumeMounts", &[("mountPath", "")]),
    ("volumeDevices", &[("devicePath", "")]),
    ("imagePullSecrets", &[("name", "")]),
    ("hostAliases", &[("ip", "")]),
];

/// Everything that a manifest may not have.
pub(super) fn findings(manifest: &Value, built_in: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let metadata = manifest.get("metadata");
    for (field, hint) in SERVER_FIELDS {
        if metadata
            .and_then(|m| m.get(field))
            .is_some_and(|value| !value.is_null())
        {
            findings.push(Finding {
                path: vec![Step::Key("metadata".into()), Step::Key(field.into())],
                kind: FindingKind::ServerField,
                message: format!("`metadata.{field}` cannot be declared"),
                hint,
            });
        }
    }
    for field in ["labels", "annotations"] {
        only_texts(manifest, &["metadata", field], &mut findings);
    }
    let kind = manifest
        .get("kind")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if built_in && kind == "ConfigMap" {
        only_texts(manifest, &["data"], &mut findings);
    }
    if built_in && kind == "Secret" {
        only_texts(manifest, &["data"], &mut findings);
        only_texts(manifest, &["stringData"], &mut findings);
    }
    if built_in {
        doubled_keys(manifest, kind, &mut Vec::new(), &mut findings);
    }
    findings
}

fn only_texts(manifest: &Value, path: &[&str], findings: &mut Vec<Finding>) {
    let map = path.iter().try_fold(manifest, |value, key| value.get(key));
    let steps: Vec<Step> = path
        .iter()
        .map(|key| Step::Key((*key).to_owned()))
        .collect();
    let wrong = |path, message| Finding {
        path,
        kind: FindingKind::WrongType,
        message,
        hint: "write it in quotes",
    };
    match map {
        None | Some(Value::Null) => {}
        Some(Value::Object(members)) => {
            for (key, value) in members.iter().filter(|(_, value)| !value.is_string()) {
                let mut path = steps.clone();
                path.push(Step::Key(key.clone()));
                let shown = if value.is_null() {
                    "nothing".to_owned()
                } else {
                    value.to_string()
                };
                let message = format!("the value of `{key}` must be a string, not {shown}");
                findings.push(wrong(path, message));
            }
        }
        Some(_) => findings.push(wrong(steps, format!("`{}` must be a map", path.join(".")))),
    }
}

fn doubled_keys(value: &Value, kind: &str, path: &mut Vec<Step>, findings: &mut Vec<Finding>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                path.push(Step::Key(key.clone()));
                if let (Value::Array(items), Some(fields)) = (value, list_key(kind, key, path)) {
                    doubled_items(items, key, &fields, path, findings);
                }
                doubled_keys(value, kind, path, findings);
                path.pop();
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push(Step::Item(index));
                doubled_keys(item, kind, path, findings);
                path.pop();
            }
        }
        _ => {}
    }
}

fn list_key(kind: &str, field: &str, path: &[Step]) -> Option<Vec<(&'static str, &'static str)>> {
    if field == "ports" {
        let in_container = path.iter().any(|step| matches!(step, Step::Item(_)));
        return match (kind, in_container) {
            ("Service", false) => Some(vec![("port", ""), ("protocol", "TCP")]),
            (_, true) if kind != "NetworkPolicy" => {
                Some(vec![("containerPort", ""), ("protocol", "TCP")])
            }
            _ => None,
        };
    }
    let keys = LIST_KEYS.iter().find(|(name, _)| *name == field)?;
    Some(keys.1.to_vec())
}

fn doubled_items(
    items: &[Value],
    field: &str,
    keys: &[(&str, &str)],
    path: &[Step],
    findings: &mut Vec<Finding>,
) {
    let mut seen = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        // Without its first key an item is told apart by nothing: not ours to judge.
        if item.get(keys[0].0).is_none() {
            continue;
        }
        let key: Vec<String> = keys
            .iter()
            .map(|(name, default)| match item.get(name) {
                Some(Value::String(text)) => text.clone(),
                Some(value) => value.to_string(),
                None => (*default).to_owned(),
            })
            .collect();
        let shown = key.join("/");
        if !seen.insert(key) {
            let mut path = path.to_vec();
            path.push(Step::Item(index));
            findings.push(Finding {
                path,
                kind: FindingKind::DuplicateKey,
                message: format!("`{field}` has `{shown}` twice"),
                hint: "server-side apply refuses doubled keys; remove or rename one",
            });
        }
    }
}
