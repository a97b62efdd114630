//! Owns how a CustomResourceDefinition becomes a served resource.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Column, Generation, Resource, ScalePaths, Shape, Version};
use crate::object;
use crate::schema::{Gvk, from_crd};

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
    let mut versions = Vec::new();
    let mut storage = String::new();
    for version in object::items(&spec["versions"]) {
        if version["storage"] == true {
            storage = text(&version["name"]);
        }
        if version["served"] == true {
            versions.push(version_of(&group, &kind, version)?);
        }
    }
    versions.sort_by(|a, b| {
        priority(&b.name)
            .cmp(&priority(&a.name))
            .then(a.name.cmp(&b.name))
    });
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
        group,
        plural,
        kind,
        versions,
        storage,
    })
}

fn version_of(group: &str, kind: &str, version: &Value) -> Result<Version, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let name = text(&version["name"]);
    let gvk = Gvk {
        group: group.to_owned(),
        version: name.clone(),
        kind: kind.to_owned(),
    };
    let preserve = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let schema = match &version["schema"]["openAPIV3Schema"] {
        Value::Null => &preserve,
        schema => schema,
    };
    let schema = from_crd(gvk, schema).map_err(|error| error.to_string())?;
    let scale = &version["subresources"]["scale"];
    let path = |value: &Value| {
        value
            .as_str()
            .map(|text| text.trim_start_matches('.').to_owned())
    };
    let warning = || format!("{group}/{name} {kind} is deprecated");
    Ok(Version {
        status: version["subresources"]["status"].is_object(),
        scale: path(&scale["specReplicasPath"]).map(|spec_replicas| ScalePaths {
            spec_replicas,
            status_replicas: path(&scale["statusReplicasPath"]).unwrap_or_default(),
            selector: path(&scale["labelSelectorPath"]),
        }),
        columns: object::items(&version["additionalPrinterColumns"])
            .map(column_of)
            .collect(),
        deprecation: (version["deprecated"] == true).then(|| {
            version["deprecationWarning"]
                .as_str()
                .map_or_else(warning, str::to_owned)
        }),
        shape: Some(Shape::Custom(Arc::new(schema))),
        name,
    })
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
fn priority(version: &str) -> (u8, u64, u64) {
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
