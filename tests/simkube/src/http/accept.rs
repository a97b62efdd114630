//! Owns content negotiation: in which form a client wants its answer.

use http::HeaderMap;

use crate::status::{ApiError, Result};

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// The object itself.
    Object,
    /// A `meta.k8s.io/v1` Table, as `kubectl get` asks for.
    Table,
    /// Metadata alone.
    Metadata,
}

/// One media range of an `Accept` header.
#[derive(Debug, Default)]
struct Range<'a> {
    media: &'a str,
    kind: &'a str,
    group: &'a str,
    version: &'a str,
}

const ACCEPTED: &[&str] = &[
    "application/json",
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
];

/// The first form that both sides know.
pub(crate) fn form(headers: &HeaderMap) -> Result<Form> {
    let text = accept(headers);
    if text.trim().is_empty() {
        return Ok(Form::Object);
    }
    for range in ranges(&text) {
        if !is_json(range.media) {
            continue;
        }
        match (range.kind, range.group, range.version) {
            ("", _, _) => return Ok(Form::Object),
            ("Table", "meta.k8s.io", "v1") => return Ok(Form::Table),
            ("PartialObjectMetadata" | "PartialObjectMetadataList", "meta.k8s.io", "v1") => {
                return Ok(Form::Metadata);
            }
            _ => {}
        }
    }
    Err(ApiError::not_acceptable(ACCEPTED))
}

/// Whether the client prefers the aggregated form of discovery, version 2.
pub(crate) fn wants_aggregated(headers: &HeaderMap) -> bool {
    let text = accept(headers);
    ranges(&text)
        .find(|range| {
            is_json(range.media) && matches!((range.kind, range.version), ("", _) | (_, "v2"))
        })
        .is_some_and(|range| {
            range.kind == "APIGroupDiscoveryList" && range.group == "apidiscovery.k8s.io"
        })
}

fn is_json(media: &str) -> bool {
    matches!(media, "application/json" | "application/*" | "*/*")
}

fn accept(headers: &HeaderMap) -> String {
    let texts: Vec<&str> = headers
        .get_all(http::header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    texts.join(",")
}

fn ranges(text: &str) -> impl Iterator<Item = Range<'_>> {
    text.split(',').map(|part| {
        let mut pieces = part.split(';').map(str::trim);
        let mut range = Range {
            media: pieces.next().unwrap_or_default(),
            ..Range::default()
        };
        for piece in pieces {
            match piece.split_once('=') {
                Some(("as", kind)) => range.kind = kind,
                Some(("g", group)) => range.group = group,
                Some(("v", version)) => range.version = version,
                _ => {}
            }
        }
        range
    })
}
