//! Overrides and patches.

use std::sync::Arc;

use super::{bundle_name, items_of, references, strings, term, terms, text_of, variables};
use crate::problem::Code;
use crate::spec::check::shown;
use crate::spec::fields::Reader;
use crate::spec::lint;
use crate::spec::{Change, LabelSelector, Operation, Override, Patch, Pin, Target, Verb};
use crate::yaml::{Node, Value};

/// `overrides`, of a placement or a bundle.
pub(super) fn overrides(reader: &mut Reader<'_>, node: &Node) -> Vec<Override> {
    let items = items_of(node, "overrides").iter();
    let overrides: Vec<_> = items.filter_map(|item| one(reader, item)).collect();
    for (problem, hint) in lint::overrides(&overrides) {
        reader.find(problem, hint);
    }
    overrides
}

fn one(reader: &mut Reader<'_>, node: &Node) -> Option<Override> {
    if !matches!(node.value, Value::Map(_)) {
        return None;
    }
    let named = references(reader, node, "bundles", bundle_name);
    let bundles = node
        .get("bundles")
        .map(|_| named.into_iter().map(|r| r.name).collect());
    let values = node.at(&["helm", "values"]);
    Some(Override {
        at: reader.at(node),
        clusters: terms(reader, node, "clusters"),
        bundles,
        revision: pin(reader, node),
        variables: variables(reader, node),
        helm_values: values.filter(|values| is_map(values)).cloned(),
        patches: patches(reader, node),
    })
}

/// `revision`.
pub(super) fn pin(reader: &Reader<'_>, node: &Node) -> Option<Pin> {
    let node = node.get("revision")?;
    Some(Pin {
        at: reader.at(node),
        text: node.text()?.to_owned(),
    })
}

fn is_map(node: &Node) -> bool {
    matches!(node.value, Value::Map(_))
}

/// `patches`.
pub(super) fn patches(reader: &mut Reader<'_>, node: &Node) -> Vec<Patch> {
    let items = items_of(node, "patches").iter();
    items
        .filter_map(|item| {
            Some(Patch {
                at: reader.at(item),
                target: item
                    .get("target")
                    .map_or_else(Target::default, |node| target(reader, node)),
                change: change(reader, item)?,
            })
        })
        .collect()
}

fn target(reader: &mut Reader<'_>, node: &Node) -> Target {
    let one = |field| text_of(node, field).map(ToOwned::to_owned);
    Target {
        group: one("group"),
        version: one("version"),
        kind: one("kind"),
        name: one("name"),
        namespace: one("namespace"),
        labels: node.get("labelSelector").map(|node| LabelSelector {
            match_labels: strings(node, "matchLabels"),
            match_expressions: term::expressions(reader, node),
        }),
    }
}

fn change(reader: &mut Reader<'_>, node: &Node) -> Option<Change> {
    if let Some(merge) = node.get("merge") {
        return is_map(merge).then(|| Change::Merge(Arc::new(merge.clone())));
    }
    let items = node.get("json")?.items();
    let operations: Vec<_> = items
        .iter()
        .filter_map(|item| operation(reader, item))
        .collect();
    Some(Change::Json(operations))
}

fn operation(reader: &mut Reader<'_>, node: &Node) -> Option<Operation> {
    let verb = text_of(node, "op")?;
    let path = pointer(reader, node, "path");
    let takes = match verb {
        "add" | "replace" | "test" => Some("value"),
        "move" | "copy" => Some("from"),
        "remove" => None,
        _ => return None,
    };
    for field in ["value", "from"] {
        match node.get(field) {
            Some(given) if takes != Some(field) => {
                let message = format!("`{verb}` takes no `{field}`");
                reader.error(given, Code::BadValue, message, "leave it out");
            }
            None if takes == Some(field) => {
                let message = format!("`{verb}` needs a `{field}`");
                reader.error(node, Code::MissingField, message, "");
            }
            _ => {}
        }
    }
    let from = match takes {
        Some("from") => pointer(reader, node, "from"),
        _ => None,
    };
    let value = node.get("value").cloned().map(Arc::new);
    let path = path?;
    if verb == "move" && from.as_ref().is_some_and(|from| is_below(&path, from)) {
        let message = "nothing can be moved into itself".to_owned();
        reader.error(node, Code::BadValue, message, "");
    }
    if path.is_empty() && matches!(verb, "remove" | "move") {
        let message = format!("`{verb}` cannot be for the whole object");
        reader.error(node, Code::BadValue, message, "name a field, such as /spec");
    }
    Some(Operation {
        at: reader.at(node),
        verb: match verb {
            "add" => Verb::Add(value?),
            "replace" => Verb::Replace(value?),
            "test" => Verb::Test(value?),
            "move" => Verb::Move(from?),
            "copy" => Verb::Copy(from?),
            _ => Verb::Remove,
        },
        path,
    })
}

fn is_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above)
        .is_some_and(|rest| rest.starts_with('/'))
}

/// A JSON pointer (RFC 6901).
fn pointer(reader: &mut Reader<'_>, node: &Node, field: &str) -> Option<String> {
    let node = node.get(field)?;
    let text = node.text()?;
    let begins = text.is_empty() || text.starts_with('/');
    let escapes = text
        .split('~')
        .skip(1)
        .all(|after| after.starts_with(['0', '1']));
    if begins && escapes {
        return Some(text.to_owned());
    }
    let message = format!("`{}` is no JSON pointer", shown(text));
    let hint = match begins {
        false => "begin with /, and write ~1 for a / in a key",
        true => "write ~0 for ~, and ~1 for /",
    };
    reader.error(node, Code::BadValue, message, hint);
    None
}
