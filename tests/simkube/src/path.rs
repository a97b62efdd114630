//! Owns what a request asks for, as its method, path and query say it.

use std::collections::BTreeMap;

use http::Method;

/// The parsed target of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Target {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`; the
    /// lower-case method for paths that name no resource.
    pub(crate) verb: String,
    pub(crate) path: String,
    /// Set when the path names a resource.
    pub(crate) resource: Option<ResourcePath>,
    pub(crate) query: Query,
}

/// A resource path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ResourcePath {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) resource: String,
    pub(crate) subresource: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

/// Decoded query parameters; of repeated ones the first counts, and all are kept in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Query {
    pairs: BTreeMap<String, Vec<String>>,
}

impl Query {
    pub(crate) fn parse(raw: &str) -> Self {
        let mut pairs: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            pairs
                .entry(decode(key, true))
                .or_default()
                .push(decode(value, true));
        }
        Self { pairs }
    }

    /// A parameter's value, empty when absent.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.pairs
            .get(name)
            .and_then(|values| values.first())
            .map_or("", String::as_str)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.pairs.contains_key(name)
    }

    /// Whether a boolean parameter is set: present and neither `false` nor `0`.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.has(name) && !matches!(self.get(name), "false" | "0")
    }
}

impl Target {
    pub(crate) fn parse(method: &Method, path: &str, query: &str) -> Self {
        let query = Query::parse(query);
        let segments: Vec<String> = path
            .split('/')
            .filter(|part| !part.is_empty())
            .map(|part| decode(part, false))
            .collect();
        let mut target = Self {
            path: path.to_owned(),
            query,
            ..Self::default()
        };
        match resource_path(&segments) {
            Some((resource, watching)) => {
                target.verb = verb(method, &resource, watching, &target.query).to_owned();
                target.resource = Some(resource);
            }
            None => target.verb = method.as_str().to_lowercase(),
        }
        target
    }
}

fn verb(method: &Method, path: &ResourcePath, watching: bool, query: &Query) -> &'static str {
    let one = !path.name.is_empty();
    match method.as_str() {
        "GET" | "HEAD" if watching || (!one && query.flag("watch")) => "watch",
        // A watch of one object by its old form.
        "GET" if one && path.subresource.is_empty() && query.flag("watch") => "watch",
        "GET" | "HEAD" if one => "get",
        "GET" | "HEAD" => "list",
        "POST" => "create",
        "PUT" => "update",
        "PATCH" => "patch",
        "DELETE" if one => "delete",
        "DELETE" => "deletecollection",
        _ => "",
    }
}

fn resource_path(segments: &[String]) -> Option<(ResourcePath, bool)> {
    let (group, version, mut rest) = match segments {
        [api, version, rest @ ..] if api == "api" => ("", version, rest),
        [apis, group, version, rest @ ..] if apis == "apis" => (group.as_str(), version, rest),
        _ => return None,
    };
    let mut watching = false;
    if let [watch, tail @ ..] = rest
        && watch == "watch"
    {
        watching = true;
        rest = tail;
    }
    let mut path = ResourcePath {
        group: group.to_owned(),
        version: version.clone(),
        ..ResourcePath::default()
    };
    match rest {
        [] => return None,
        [namespaces, namespace, tail @ ..]
            if namespaces == "namespaces"
                && group.is_empty()
                && matches!(
                    tail.first().map(String::as_str),
                    None | Some("status" | "finalize")
                ) =>
        {
            path.resource.clone_from(namespaces);
            path.namespace.clone_from(namespace);
            path.name.clone_from(namespace);
            path.subresource = tail.join("/");
        }
        [namespaces, namespace, tail @ ..] if namespaces == "namespaces" && !tail.is_empty() => {
            path.namespace.clone_from(namespace);
            fill(&mut path, tail);
        }
        tail => fill(&mut path, tail),
    }
    Some((path, watching))
}

fn fill(path: &mut ResourcePath, segments: &[String]) {
    if let [resource, rest @ ..] = segments {
        path.resource.clone_from(resource);
        if let [name, rest @ ..] = rest {
            path.name.clone_from(name);
            path.subresource = rest.join("/");
        }
    }
}

/// Undoes percent-encoding; `plus` says whether `+` is a space, as in a query.
pub(crate) fn decode(text: &str, plus: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let hex = bytes
            .get(index + 1..index + 3)
            .and_then(|pair| std::str::from_utf8(pair).ok());
        match (
            bytes[index],
            hex.and_then(|pair| u8::from_str_radix(pair, 16).ok()),
        ) {
            (b'%', Some(byte)) => {
                out.push(byte);
                index += 2;
            }
            (b'+', _) if plus => out.push(b' '),
            (byte, _) => out.push(byte),
        }
        index += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests;
