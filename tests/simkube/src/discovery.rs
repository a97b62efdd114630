//! Owns what the server says about itself: versions, groups, resources, health, OpenAPI.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use http::HeaderMap;
use http::header::{ETAG, IF_NONE_MATCH, VARY};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::http::accept;
use crate::http::reply::Reply;
use crate::kinds::{self, Kinds, Resource, Version};
use crate::openapi;
use crate::status::Result;

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// Answers a GET of a path that names no resource.
pub(crate) fn answer(app: &Arc<App>, path: &str, headers: &HeaderMap) -> Result<Reply> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let kinds = app.shared.with(|world| world.kinds.clone());
    let aggregated = accept::wants_aggregated(headers);
    Ok(match parts.as_slice() {
        [] => Reply::json(200, &json!({"paths": paths(&kinds)})),
        ["version"] => Reply::json(200, &version()),
        ["healthz" | "livez" | "readyz", ..] => Reply::text(200, "ok"),
        ["api"] if aggregated => aggregate(headers, &kinds, true),
        ["apis"] if aggregated => aggregate(headers, &kinds, false),
        ["api"] => Reply::json(200, &core_versions(&app.url)),
        ["apis"] => {
            let groups: Vec<Value> = ordered(&kinds)
                .iter()
                .map(|(name, versions)| group(name, versions))
                .collect();
            Reply::json(
                200,
                &json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}),
            )
        }
        ["apis", name] => match groups(&kinds).get(*name) {
            Some(versions) => {
                let mut group = group(name, versions);
                group["kind"] = json!("APIGroup");
                group["apiVersion"] = json!("v1");
                Reply::json(200, &group)
            }
            None => Reply::unknown_path(),
        },
        ["api", version] => resources(&kinds, "", version),
        ["apis", group, version] => resources(&kinds, group, version),
        ["openapi", rest @ ..] => openapi::answer(&kinds, rest, headers),
        _ => Reply::unknown_path(),
    })
}

fn version() -> Value {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    json!({
        "major": "1", "minor": "36", "emulationMajor": "1", "emulationMinor": "36",
        "minCompatibilityMajor": "1", "minCompatibilityMinor": "35",
        "gitVersion": "v1.36.0+simkube", "gitCommit": "", "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z", "goVersion": "none", "compiler": "rustc",
        "platform": format!("{}/{architecture}", std::env::consts::OS),
    })
}

fn paths(kinds: &Kinds) -> Vec<String> {
    let mut paths: BTreeSet<String> = [
        "/api",
        "/api/v1",
        "/apis",
        "/healthz",
        "/livez",
        "/openapi/v2",
        "/openapi/v3",
        "/readyz",
        "/version",
    ]
    .map(str::to_owned)
    .into();
    for (group, versions) in groups(kinds) {
        paths.insert(format!("/apis/{group}"));
        paths.extend(
            versions
                .iter()
                .map(|version| format!("/apis/{group}/{version}")),
        );
    }
    paths.into_iter().collect()
}

fn core_versions(url: &str) -> Value {
    let address = url.trim_start_matches("https://");
    json!({
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    })
}

/// The named groups with their versions, preferred first.
pub(crate) fn groups(kinds: &Kinds) -> BTreeMap<String, Vec<String>> {
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for resource in kinds.iter().filter(|resource| !resource.group.is_empty()) {
        let versions = groups.entry(resource.group.clone()).or_default();
        for version in &resource.versions {
            if !versions.contains(&version.name) {
                versions.push(version.name.clone());
            }
        }
        // Several custom resources may bring different versions of one group.
        versions.sort_by_key(|version| std::cmp::Reverse(kinds::rank(version)));
    }
    groups
}

/// The named groups in the order of the real server: its own as they are installed, then others.
fn ordered(kinds: &Kinds) -> Vec<(String, Vec<String>)> {
    #[rustfmt::skip]
    const ORDER: &[&str] = &[
        "apiregistration.k8s.io", "apps", "events.k8s.io", "authentication.k8s.io",
        "authorization.k8s.io", "autoscaling", "batch", "certificates.k8s.io",
        "networking.k8s.io", "policy", "rbac.authorization.k8s.io", "storage.k8s.io",
        "admissionregistration.k8s.io", "apiextensions.k8s.io", "scheduling.k8s.io",
        "coordination.k8s.io", "node.k8s.io", "discovery.k8s.io",
    ];
    let rank = |name: &str| {
        ORDER
            .iter()
            .position(|known| *known == name)
            .unwrap_or(ORDER.len())
    };
    let mut groups: Vec<_> = groups(kinds).into_iter().collect();
    groups.sort_by_key(|(name, _)| rank(name));
    groups
}

fn group(name: &str, versions: &[String]) -> Value {
    let version =
        |version: &String| json!({"groupVersion": format!("{name}/{version}"), "version": version});
    let all: Vec<Value> = versions.iter().map(version).collect();
    json!({"name": name, "versions": all, "preferredVersion": all.first()})
}

/// The `APIResourceList` of one group version.
fn resources(kinds: &Kinds, group: &str, version: &str) -> Reply {
    let mut list = Vec::new();
    for (resource, served) in members(kinds, group, version) {
        let mut entry = json!({
            "name": resource.plural, "singularName": resource.singular,
            "namespaced": resource.namespaced, "kind": resource.kind, "verbs": resource.verbs,
        });
        if !resource.short_names.is_empty() {
            entry["shortNames"] = json!(resource.short_names);
        }
        if !resource.categories.is_empty() {
            entry["categories"] = json!(resource.categories);
        }
        if !resource.collection.is_empty() {
            entry["storageVersionHash"] = json!(storage_hash(resource));
        }
        list.push(entry);
        for sub in subresources(resource, served) {
            let mut entry = json!({
                "name": format!("{}/{}", resource.plural, sub.name), "singularName": "",
                "namespaced": resource.namespaced, "kind": sub.kind, "verbs": sub.verbs,
            });
            if let Some((group, version)) = sub.group_version {
                entry["group"] = json!(group);
                entry["version"] = json!(version);
            }
            list.push(entry);
        }
    }
    if list.is_empty() {
        return Reply::unknown_path();
    }
    let group_version = if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    };
    Reply::json(
        200,
        &json!({
            "kind": "APIResourceList", "apiVersion": "v1",
            "groupVersion": group_version, "resources": list,
        }),
    )
}

fn members<'a>(
    kinds: &'a Kinds,
    group: &'a str,
    version: &'a str,
) -> impl Iterator<Item = (&'a Arc<Resource>, &'a Version)> {
    kinds
        .iter()
        .filter(move |resource| resource.group == group)
        .filter_map(move |resource| {
            Some((resource, &resource.versions[resource.version(version)?]))
        })
}

fn storage_hash(resource: &Resource) -> String {
    use base64::Engine as _;
    let text = format!("{}/{}/{}", resource.group, resource.storage, resource.kind);
    base64::engine::general_purpose::STANDARD.encode(&Sha256::digest(text)[..8])
}

/// A subresource as discovery lists it.
struct Subresource {
    name: &'static str,
    kind: String,
    /// Set when the kind is of another group version than its resource.
    group_version: Option<(&'static str, &'static str)>,
    verbs: &'static [&'static str],
}

fn subresources(resource: &Resource, version: &Version) -> Vec<Subresource> {
    let mut list = Vec::new();
    let mut add = |name, kind: &str, group_version, verbs| {
        list.push(Subresource {
            name,
            kind: kind.to_owned(),
            group_version,
            verbs,
        });
    };
    for name in resource.subresources {
        match *name {
            "eviction" => add("eviction", "Eviction", Some(("policy", "v1")), &["create"]),
            "token" => {
                add(
                    "token",
                    "TokenRequest",
                    Some(("authentication.k8s.io", "v1")),
                    &["create"],
                );
            }
            "finalize" => add("finalize", &resource.kind, None, &["update"]),
            "log" => add("log", &resource.kind, None, &["get"]),
            "approval" => add(
                "approval",
                &resource.kind,
                None,
                &["get", "patch", "update"],
            ),
            _ => {}
        }
    }
    if version.scale.is_some() {
        add(
            "scale",
            "Scale",
            Some(("autoscaling", "v1")),
            &["get", "patch", "update"],
        );
    }
    if version.status {
        add("status", &resource.kind, None, &["get", "patch", "update"]);
    }
    list
}

/// Discovery in one document, with an `ETag`.
fn aggregate(headers: &HeaderMap, kinds: &Kinds, core: bool) -> Reply {
    let groups = match core {
        true => vec![(String::new(), vec!["v1".to_owned()])],
        false => ordered(kinds),
    };
    let items: Vec<Value> = groups
        .iter()
        .map(|(group, versions)| {
            let versions: Vec<Value> = versions
                .iter()
                .map(|version| json!({
                    "version": version,
                    "freshness": "Current",
                    "resources": members(kinds, group, version)
                        .map(|(resource, served)| aggregated_resource(resource, served, group, version))
                        .collect::<Vec<_>>(),
                }))
                .collect();
            let metadata = if group.is_empty() { json!({}) } else { json!({"name": group}) };
            json!({"metadata": metadata, "versions": versions})
        })
        .collect();
    let document = json!({
        "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {}, "items": items,
    });
    tagged(headers, AGGREGATED, document.to_string().into_bytes())
}

/// A document with its `ETag`; 304 when the client has it.
pub(crate) fn tagged(headers: &HeaderMap, media: &'static str, bytes: Vec<u8>) -> Reply {
    use std::fmt::Write as _;
    let mut tag = String::from("\"");
    for byte in Sha256::digest(&bytes) {
        write!(tag, "{byte:02X}").expect("a text takes every character");
    }
    tag.push('"');
    let known = headers
        .get(IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok());
    let reply = if known == Some(tag.as_str()) {
        Reply::bytes(304, media, Vec::new())
    } else {
        Reply::bytes(200, media, bytes)
    };
    reply.header(ETAG, tag).header(VARY, "Accept")
}

fn aggregated_resource(resource: &Resource, served: &Version, group: &str, version: &str) -> Value {
    let kind = |group: &str, version: &str, kind: &str| json!({"group": group, "version": version, "kind": kind});
    // The real server leaves these empty for its own kinds; clients take those of the list then.
    let (group, version) = match resource.custom {
        true => (group, version),
        false => ("", ""),
    };
    let mut entry = json!({
        "resource": resource.plural,
        "responseKind": kind(group, version, &resource.kind),
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": resource.singular,
        "verbs": resource.verbs,
    });
    if !resource.short_names.is_empty() {
        entry["shortNames"] = json!(resource.short_names);
    }
    if !resource.categories.is_empty() {
        entry["categories"] = json!(resource.categories);
    }
    let subs: Vec<Value> = subresources(resource, served)
        .into_iter()
        .map(|sub| {
            let (of_group, of_version) = sub.group_version.unwrap_or((group, version));
            json!({
                "subresource": sub.name,
                "responseKind": kind(of_group, of_version, &sub.kind),
                "verbs": sub.verbs,
            })
        })
        .collect();
    if !subs.is_empty() {
        entry["subresources"] = json!(subs);
    }
    entry
}
