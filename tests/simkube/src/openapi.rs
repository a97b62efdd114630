//! Owns the OpenAPI documents, as far as `kubectl` reads them: which kinds exist, that the server
//! validates fields itself, and the schemas for `kubectl explain`.

use std::collections::BTreeMap;

use http::HeaderMap;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::discovery;
use crate::http::reply::Reply;
use crate::kinds::{Kinds, Resource, Version};

mod v2;

/// Answers a path below `/openapi`.
pub(crate) fn answer(kinds: &Kinds, path: &[&str], headers: &HeaderMap) -> Reply {
    match path {
        ["v3"] => Reply::json(200, &index(kinds)),
        ["v3", "api", version] => document(kinds, "", version, headers),
        ["v3", "apis", group, version] => document(kinds, group, version, headers),
        ["v2"] => v2::answer(headers),
        _ => Reply::unknown_path(),
    }
}

/// The group versions and where their documents are; the hash changes with the kinds.
fn index(kinds: &Kinds) -> Value {
    let mut paths = Map::new();
    let mut groups: BTreeMap<String, Vec<String>> = discovery::groups(kinds);
    groups.insert(String::new(), vec!["v1".to_owned()]);
    for (group, versions) in groups {
        for version in versions {
            let path = match group.as_str() {
                "" => format!("api/{version}"),
                group => format!("apis/{group}/{version}"),
            };
            let hash = Sha256::digest(format!("{path} {}", kinds.revision));
            let hash: String = hash[..8].iter().map(|byte| format!("{byte:02X}")).collect();
            let url = json!({"serverRelativeURL": format!("/openapi/v3/{path}?hash={hash}")});
            paths.insert(path, url);
        }
    }
    json!({"paths": paths})
}

fn document(kinds: &Kinds, group: &str, version: &str, headers: &HeaderMap) -> Reply {
    let mut paths = Map::new();
    let mut schemas = Map::new();
    for resource in kinds.iter().filter(|resource| resource.group == group) {
        let Some(index) = resource.version(version) else {
            continue;
        };
        if resource.collection.is_empty() {
            continue;
        }
        let served = &resource.versions[index];
        let prefix = if group.is_empty() {
            format!("/api/{version}")
        } else {
            format!("/apis/{group}/{version}")
        };
        let place = if resource.namespaced {
            "/namespaces/{namespace}"
        } else {
            ""
        };
        let path = format!("{prefix}{place}/{}/{{name}}", resource.plural);
        paths.insert(path, operations(resource, served));
        let Some(shape) = &served.shape else { continue };
        if let (_, Value::Object(components)) = shape.schema().open_api() {
            schemas.extend(components);
        }
    }
    if paths.is_empty() {
        return Reply::unknown_path();
    }
    let document = json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1.36.0"},
        "paths": paths,
        "components": {"schemas": schemas},
    });
    discovery::tagged(
        headers,
        "application/json",
        document.to_string().into_bytes(),
    )
}

fn gvk(resource: &Resource, version: &str) -> Value {
    json!({"group": resource.group, "version": version, "kind": resource.kind})
}

fn operations(resource: &Resource, served: &Version) -> Value {
    let version = served.name.as_str();
    let parameter = |name: &str, kind: &str| json!({"name": name, "in": "query", "schema": {"type": kind, "uniqueItems": true}});
    let parameters = json!([
        parameter("dryRun", "string"),
        parameter("fieldManager", "string"),
        parameter("fieldValidation", "string"),
        parameter("force", "boolean"),
    ]);
    let name = served
        .shape
        .as_ref()
        .map(|shape| shape.schema().open_api().0)
        .unwrap_or_default();
    let reference = format!("#/components/schemas/{name}");
    let answer = json!({"200": {
        "description": "OK",
        "content": {"application/json": {"schema": {"$ref": reference}}},
    }});
    let operation = |action: &str| {
        json!({
            "parameters": parameters,
            "responses": answer,
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": gvk(resource, version),
        })
    };
    let mut patch = operation("patch");
    let mut formats = vec![
        "application/apply-patch+yaml",
        "application/json-patch+json",
        "application/merge-patch+json",
    ];
    if !resource.custom {
        formats.push("application/strategic-merge-patch+json");
    }
    let content: Map<String, Value> = formats
        .iter()
        .map(|format| ((*format).to_owned(), json!({"schema": {"type": "object"}})))
        .collect();
    patch["requestBody"] = json!({"content": content, "required": true});
    json!({"get": operation("get"), "patch": patch, "put": operation("put")})
}
