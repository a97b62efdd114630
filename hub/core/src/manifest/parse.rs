//! A directory's files to manifests: documents split, lists expanded, fleet documents left out.

use std::sync::Arc;

use capstan_proto::SourceName;

use super::substitute::used;
use super::{Content, Manifest, size};
use crate::limits;
use crate::problem::{Code, Place, Problem};
use crate::spec::{File, Tree};
use crate::yaml::{Dialect, Fault, Node, Value, read_file};

/// Reads every manifest below a directory. With anything refused there, its content is not known.
pub(super) fn content(source: &SourceName, tree: &Tree, directory: &str) -> Content {
    let mut content = Content::default();
    let place = |path: &str| Place {
        source: source.clone(),
        path: Arc::from(path),
        line: 1,
        column: 1,
    };
    for (path, reason) in tree.refused_around(directory) {
        let message = format!("this is not read: {reason}");
        content.problems.push(
            Problem::error(&place(path), Code::Unreadable, message)
                .hint("the bundle's last good content stays until it is mended"),
        );
    }
    let files = tree.below(directory).filter(|(path, _)| is_manifest(path));
    let sizes = files.map(|(path, file)| (path, file.bytes().len()));
    if let Some((path, message)) = size::too_many_bytes(sizes, directory) {
        let problem = Problem::error(&place(path), Code::TooMuch, message);
        content.problems.push(problem.hint(size::HINT));
        return content;
    }
    for (path, file) in tree.below(directory) {
        one_file(&mut content, source, path, file);
    }
    content
}

fn one_file(content: &mut Content, source: &SourceName, path: &str, file: &File) {
    let shared: Arc<str> = Arc::from(path);
    let place = |line, column| Place {
        source: source.clone(),
        path: Arc::clone(&shared),
        line,
        column,
    };
    let name = path.rsplit('/').next().unwrap_or(path);
    if let Some(renderer) = renderer(name) {
        let message = format!("this version does not know {renderer} yet");
        content.problems.push(
            Problem::error(&place(1, 1), Code::UnsupportedContent, message)
                .hint("keep plain manifests in the bundle's directory"),
        );
        return;
    }
    if !is_manifest(name) {
        return;
    }
    for document in read_file(path, file.bytes(), Dialect::Kubernetes) {
        match document {
            Ok(node) => one_document(content, node, &place),
            Err(Fault {
                line,
                column,
                message,
            }) => {
                content.problems.push(Problem::error(
                    &place(line, column),
                    Code::BadManifest,
                    message,
                ));
            }
        }
    }
}

/// Whether a file is read as manifests, by its name.
fn is_manifest(name: &str) -> bool {
    [".yaml", ".yml", ".json"]
        .iter()
        .any(|ending| name.ends_with(ending))
}

fn renderer(name: &str) -> Option<&'static str> {
    match name {
        "kustomization.yaml" | "kustomization.yml" | "Kustomization" => Some("Kustomize"),
        "Chart.yaml" => Some("Helm charts"),
        _ => None,
    }
}

fn one_document(content: &mut Content, node: Node, place: &impl Fn(u32, u32) -> Place) {
    let at = place(node.line, node.column);
    if !matches!(node.value, Value::Map(_)) {
        let message = format!("a manifest must be a map, not {}", node.type_name());
        content
            .problems
            .push(Problem::error(&at, Code::BadManifest, message));
        return;
    }
    let text = |key: &str| node.get(key).and_then(Node::text).unwrap_or_default();
    if text("apiVersion").starts_with("capstan.") {
        return;
    }
    let is_list = text("kind").ends_with("List") && node.get("metadata").is_none_or(unnamed);
    match (is_list, node.get("items").map(|items| &items.value)) {
        (true, Some(Value::List(items))) => {
            for item in items {
                one_document(content, item.clone(), place);
            }
        }
        (true, Some(Value::Null)) => {}
        _ => {
            used(&node, &mut content.uses);
            node.numbers(&mut |node, number| {
                if content.problems.len() < limits::CONTENT_PROBLEMS_MAX {
                    let at = place(node.line, node.column);
                    content.problems.extend(Problem::of_number(&at, number));
                }
            });
            content.manifests.push(Manifest { node, at });
        }
    }
}

fn unnamed(metadata: &Node) -> bool {
    metadata.get("name").is_none()
}
