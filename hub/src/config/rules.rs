//! `sources[].restrict` and `sources[].exports`: what a source may do, and what others may use of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use capstan_hub_core::spec::{Kinds, Restriction, Rules, read_terms};
use capstan_hub_core::yaml::Node;
use capstan_proto::SourceName;

use super::reader::{At, Fields, Reader, at};

/// Reads both. `name` is the source's, where that is good.
pub(super) fn read(
    reader: &mut Reader<'_>,
    fields: &mut Fields,
    name: Option<&SourceName>,
) -> Rules {
    let mut rules = Rules::default();
    if let Some(node) = fields.take("restrict") {
        rules.restrict = restriction(reader, node, name);
    }
    if let Some(node) = fields.take("exports")
        && let Some(mut exports) = reader.map(node, "exports")
    {
        rules.exported_groups = names(reader, &mut exports, "groups", "exports.groups");
        rules.exported_bundles = names(reader, &mut exports, "bundles", "exports.bundles");
        reader.close(exports, "exports");
    }
    rules
}

fn restriction(
    reader: &mut Reader<'_>,
    node: Node,
    name: Option<&SourceName>,
) -> Option<Restriction> {
    let mut fields = reader.map(node, "restrict")?;
    let mut restriction = Restriction::default();
    match (fields.take("clusters"), name) {
        (None, _) => {
            let hint =
                "which clusters it may use, such as [{matchLabels: {team: a}}]; [{}] for all";
            reader.wrong(fields.at, "`restrict.clusters` is missing", hint);
        }
        (Some(node), Some(name)) => clusters(reader, &node, name, &mut restriction),
        (Some(_), None) => {}
    }
    let namespaces = fields.take("namespaces");
    restriction.namespaces = texts(reader, namespaces, "restrict.namespaces", namespace)
        .into_iter()
        .collect();
    if let Some(node) = fields.take("kinds") {
        restriction.kinds = kinds(reader, node);
    }
    if let Some(node) = fields.take("serviceAccount") {
        restriction.service_account_required = service_account(reader, node);
    }
    reader.close(fields, "restrict");
    Some(restriction)
}

fn clusters(
    reader: &mut Reader<'_>,
    node: &Node,
    name: &SourceName,
    restriction: &mut Restriction,
) {
    let path: Arc<str> = reader.file_name().into();
    let (terms, problems) = read_terms(name, &path, node, "clusters");
    for problem in problems {
        let place = problem.at.as_ref().map_or(at(node), |place| At {
            line: place.line,
            column: place.column,
        });
        let hint = problem
            .hint
            .unwrap_or_else(|| "as in a fleet file".to_owned());
        reader.wrong(
            place,
            format!("`restrict.clusters`: {}", problem.message),
            hint,
        );
    }
    for group in terms.iter().flat_map(|term| &term.groups) {
        if group.name.source() == name {
            let place = At {
                line: group.at.line,
                column: group.at.column,
            };
            let message = format!(
                "`restrict.clusters` names group `{}`, which the source itself declares",
                group.name.name()
            );
            let hint =
                "name a group of a source that is not restricted, as SOURCE/GROUP, or labels";
            reader.wrong(place, message, hint);
        }
    }
    restriction.clusters = terms;
}

/// Whether bundles must name a service account. None can yet: such a source places nothing, and each
/// of its bundles says so.
fn service_account(reader: &mut Reader<'_>, node: Node) -> bool {
    let Some((at, text)) = reader.text(node, "restrict.serviceAccount") else {
        return false;
    };
    if text == "required" {
        return true;
    }
    let message = format!("`restrict.serviceAccount`: `{text}` is no value of it");
    reader.wrong(at, message, "write required, or leave it out");
    false
}

fn kinds(reader: &mut Reader<'_>, node: Node) -> Kinds {
    let Some(mut fields) = reader.map(node, "restrict.kinds") else {
        return Kinds::All;
    };
    let (allow, deny) = (fields.take("allow"), fields.take("deny"));
    let kinds = match (allow, deny) {
        (Some(node), None) => Kinds::Allow(texts(reader, Some(node), "restrict.kinds.allow", kind)),
        (None, Some(node)) => Kinds::Deny(texts(reader, Some(node), "restrict.kinds.deny", kind)),
        _ => {
            let hint = "{allow: [apps/Deployment, v1/Service]} or {deny: [v1/Secret]}";
            let message = "`restrict.kinds` needs exactly one of `allow` and `deny`";
            reader.wrong(fields.at, message, hint);
            Kinds::All
        }
    };
    reader.close(fields, "restrict.kinds");
    kinds
}

fn names(
    reader: &mut Reader<'_>,
    fields: &mut Fields,
    name: &'static str,
    what: &str,
) -> BTreeSet<String> {
    let node = fields.take(name);
    texts(reader, node, what, |text| {
        let good = SourceName::try_new(text).is_ok();
        good.then_some(())
            .ok_or("a name of a-z, 0-9 and -, without the source before it")
    })
}

/// Texts, each checked; an empty list is a mistake.
fn texts(
    reader: &mut Reader<'_>,
    node: Option<Node>,
    what: &str,
    check: impl Fn(&str) -> Result<(), &'static str>,
) -> BTreeSet<String> {
    let mut texts = BTreeSet::new();
    let Some(node) = node else {
        return texts;
    };
    let at = at(&node);
    let Some(items) = reader.list(node, what) else {
        return texts;
    };
    if items.is_empty() {
        reader.wrong(
            at,
            format!("`{what}` is empty"),
            "name something, or leave it out",
        );
    }
    for item in items {
        let Some((at, text)) = reader.text(item, what) else {
            continue;
        };
        match check(&text) {
            Ok(()) if !texts.insert(text.clone()) => {
                reader.wrong(at, format!("`{what}` has `{text}` twice"), "remove one");
            }
            Ok(()) => {}
            Err(hint) => reader.wrong(at, format!("`{what}`: `{text}` cannot be one"), hint),
        }
    }
    texts
}

fn namespace(text: &str) -> Result<(), &'static str> {
    let good =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-*?".contains(&byte);
    let fits = text.len() <= 63 && text.bytes().all(good);
    fits.then_some(())
        .ok_or("a namespace, or a pattern with * and ?, such as team-a-*")
}

/// `apps/Deployment` or `v1/Service`: the group (for the core group its version) and the kind.
fn kind(text: &str) -> Result<(), &'static str> {
    const HINT: &str =
        "GROUP/Kind such as apps/Deployment, without a version; v1/Kind for the core group";
    let (group, kind) = text.split_once('/').ok_or(HINT)?;
    let letter = kind
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_uppercase());
    let whole = kind.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let dns =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    let grouped = !group.is_empty() && group.bytes().all(dns);
    (letter && whole && grouped).then_some(()).ok_or(HINT)
}
