//! Owns how a CustomResourceDefinition becomes a served resource.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Column, Generation, Resource, ScalePaths, Shape, Version};
use crate::object;
use crate::schema::{Gvk, Schema, from_crd};

/// What a kind still serves while its definition is being deleted.
pub(crate) const LEAVING_VERBS: &[&str] = &["delete", "deletecollection", "get", "list", "watch"];

const VERBS: &[&str] = &[
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "create",
    "update",
    "watch",
];

/// Whether a CustomResourceDefinition says that it is served.
pub(crate) fn established(definition: &Value) -> bool {
    object::condition(definition, "Established") == "True"
}

/// The resource that a CustomResourceDefinition describes.
///
/// # Errors
/// Fails with a sentence when a schema cannot be served.
pub(crate) fn resource_of(definition: &Value) -> Result<Resource, String> {
    let spec = &definition["spec"];
    let names = &spec["names"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let group = text(&spec["group"]);
    let kind = text(&names["kind"]);
    let schemas = schemas(&group, &kind, spec)?;
    let mut versions: Vec<Version> = object::items(&spec["versions"])
        .filter(|version| version["served"] == true)
        .map(|version| version_of(version, &schemas))
        .collect();
    versions.sort_by(|a, b| rank(&b.name).cmp(&rank(&a.name)).then(a.name.cmp(&b.name)));
    warn_of_deprecation(&mut versions, &group, &kind, spec);
    let stored = object::items(&spec["versions"])
        .find(|version| version["storage"] == true)
        .map(|version| text(&version["name"]))
        .unwrap_or_default();
    // Objects look alike at all versions, so one that is not served need not be stored.
    let storage = match versions.iter().find(|version| version.name == stored) {
        None => versions
            .first()
            .map(|version| version.name.clone())
            .unwrap_or_default(),
        Some(_) => stored,
    };
    let statusful = versions.iter().any(|version| version.status);
    let plural = text(&names["plural"]);
    let texts = |value: &Value| object::texts(value).map(str::to_owned).collect();
    Ok(Resource {
        collection: format!("{plural}.{group}"),
        singular: names["singular"]
            .as_str()
            .map_or_else(|| kind.to_lowercase(), str::to_owned),
        list_kind: names["listKind"]
            .as_str()
            .map_or_else(|| format!("{kind}List"), str::to_owned),
        namespaced: spec["scope"] == "Namespaced",
        short_names: texts(&names["shortNames"]),
        categories: texts(&names["categories"]),
        verbs: VERBS,
        subresources: &[],
        generation: if statusful {
            Generation::Spec
        } else {
            Generation::Everything
        },
        custom: true,
        source: format!(
            "{}/{}",
            object::uid(definition),
            object::generation(definition)
        ),
        group,
        plural,
        kind,
        versions,
        storage,
    })
}

/// The schemas of all versions, each knowing the others.
fn schemas(group: &str, kind: &str, spec: &Value) -> Result<BTreeMap<String, Schema>, String> {
    let preserve = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let mut schemas = BTreeMap::new();
    for version in object::items(&spec["versions"]) {
        let name = version["name"].as_str().unwrap_or_default().to_owned();
        let gvk = Gvk {
            group: group.to_owned(),
            version: name.clone(),
            kind: kind.to_owned(),
        };
        let source = match &version["schema"]["openAPIV3Schema"] {
            Value::Null => &preserve,
            schema => schema,
        };
        let schema = from_crd(gvk, source).map_err(|error| error.to_string())?;
        schemas.insert(name, schema);
    }
    let all = schemas.clone();
    for (name, schema) in &mut schemas {
        let others = all
            .iter()
            .filter(|(other, _)| *other != name)
            .map(|(_, schema)| schema.clone())
            .collect();
        *schema = schema.clone().with_versions(others);
    }
    Ok(schemas)
}

fn version_of(version: &Value, schemas: &BTreeMap<String, Schema>) -> Version {
    let name = version["name"].as_str().unwrap_or_default().to_owned();
    let scale = &version["subresources"]["scale"];
    let path = |value: &Value| {
        value
            .as_str()
            .map(|text| text.trim_start_matches('.').to_owned())
    };
    Version {
        status: version["subresources"]["status"].is_object(),
        scale: path(&scale["specReplicasPath"]).map(|spec_replicas| ScalePaths {
            spec_replicas,
            status_replicas: path(&scale["statusReplicasPath"]).unwrap_or_default(),
            selector: path(&scale["labelSelectorPath"]),
        }),
        columns: object::items(&version["additionalPrinterColumns"])
            .map(column_of)
            .collect(),
        selectable: object::items(&version["selectableFields"])
            .filter_map(|field| path(&field["jsonPath"]))
            .collect(),
        deprecation: None,
        shape: schemas
            .get(&name)
            .map(|schema| Shape::Custom(Arc::new(schema.clone()))),
        name,
    }
}

/// Says which version to use instead of a deprecated one.
fn warn_of_deprecation(versions: &mut [Version], group: &str, kind: &str, spec: &Value) {
    let deprecated = |name: &str| {
        object::items(&spec["versions"])
            .find(|version| version["name"] == name && version["deprecated"] == true)
    };
    let better = versions
        .iter()
        .find(|version| deprecated(&version.name).is_none())
        .map(|version| format!("; use {group}/{} {kind}", version.name))
        .unwrap_or_default();
    for version in versions {
        if let Some(source) = deprecated(&version.name) {
            let usual = format!("{group}/{} {kind} is deprecated{better}", version.name);
            let text = source["deprecationWarning"].as_str();
            version.deprecation = Some(text.map_or(usual, str::to_owned));
        }
    }
}

fn column_of(column: &Value) -> Column {
    let text = |field: &str| column[field].as_str().unwrap_or_default().to_owned();
    Column {
        name: text("name"),
        kind: text("type"),
        format: text("format"),
        description: text("description"),
        priority: column["priority"].as_i64().unwrap_or(0),
        json_path: text("jsonPath"),
    }
}

/// Sort rank of an API version: `v2` before `v1` before `v1beta2` before `v1alpha1` before others.
pub(crate) fn rank(version: &str) -> (u8, u64, u64) {
    let Some(rest) = version.strip_prefix('v') else {
        return (0, 0, 0);
    };
    let digits = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let Ok(major) = rest[..digits].parse() else {
        return (0, 0, 0);
    };
    let minor = |text: &str| text.parse::<u64>().unwrap_or(0);
    match &rest[digits..] {
        "" => (3, major, 0),
        tail if tail.starts_with("beta") => (2, major, minor(&tail[4..])),
        tail if tail.starts_with("alpha") => (1, major, minor(&tail[5..])),
        _ => (0, 0, 0),
    }
}
