//! Placement.

use capstan_proto::BundleName;

use super::cluster::effect;
use super::patch::{overrides, pin};
use super::{bundle_name, flag, integer, items_of, references, term, terms, text_of, word};
use crate::problem::{Code, Problem};
use crate::spec::fields::Reader;
use crate::spec::format::percent;
use crate::spec::{
    Count, Override, Placement, Preference, Reference, Safety, Spread, Toleration, Unsatisfiable,
};
use crate::yaml::{Node, Value};

/// `spec` of a Placement.
pub(in crate::spec) fn placement(reader: &mut Reader<'_>, node: &Node) -> Option<Placement> {
    let bundles = references(reader, node, "bundles", bundle_name);
    let clusters = terms(reader, node, "clusters");
    let except = terms(reader, node, "except").unwrap_or_default();
    let overrides = overrides(reader, node);
    unplaced(reader, node, &overrides, &bundles);
    let prefer = preferences(reader, node);
    let spread = spread(reader, node);
    let count = count(node);
    for field in ["prefer", "spread"] {
        if let (None, Some(at)) = (node.get("count"), node.get(field)) {
            let message = format!("`spec.{field}` has no effect without `spec.count`");
            let problem = Problem::warning(&reader.at(at), Code::NoEffect, message);
            reader.find(problem, "say how many clusters are wanted, or leave it out");
        }
    }
    Some(Placement {
        priority: integer(node, "priority").unwrap_or_default(),
        bundles,
        clusters: clusters?,
        except,
        revision: pin(reader, node),
        suspend: flag(node, "suspend"),
        tolerations: tolerations(reader, node),
        count,
        prefer,
        spread,
        safety: safety(reader, node),
        overrides,
    })
}

/// An override for a bundle that the placement does not place.
fn unplaced(
    reader: &mut Reader<'_>,
    node: &Node,
    overrides: &[Override],
    bundles: &[Reference<BundleName>],
) {
    let items = items_of(node, "overrides").iter();
    let items = items.filter(|item| matches!(item.value, Value::Map(_)));
    for (entry, item) in overrides.iter().zip(items) {
        let named = entry.bundles.iter().flatten();
        for bundle in named.filter(|name| !bundles.iter().any(|b| b.name == **name)) {
            let message = format!("the placement does not place `{}`", bundle.name());
            let at = item.get("bundles").unwrap_or(item);
            reader.error(at, Code::BadValue, message, "name it in `spec.bundles` too");
        }
    }
}

fn count(node: &Node) -> Option<Count> {
    match &node.get("count")?.value {
        Value::Number(number) => {
            let count = u32::try_from(number.as_u64()?).ok()?;
            Some(Count::Clusters(count))
        }
        Value::Text(text) => percent(text).map(Count::Percent),
        _ => None,
    }
}

fn preferences(reader: &mut Reader<'_>, node: &Node) -> Vec<Preference> {
    let mut preferences = Vec::new();
    for item in items_of(node, "prefer") {
        let bare = item.members().iter().all(|(key, _)| key.text == "weight");
        let (Some(weight), Some(term)) = (integer(item, "weight"), term::term(reader, item)) else {
            continue;
        };
        preferences.push(Preference {
            at: reader.at(item),
            weight,
            term: (!bare).then_some(term),
        });
    }
    preferences
}

fn spread(reader: &Reader<'_>, node: &Node) -> Vec<Spread> {
    let words = [
        ("DoNotSelect", Unsatisfiable::DoNotSelect),
        ("SelectAnyway", Unsatisfiable::SelectAnyway),
    ];
    let mut spread: Vec<Spread> = Vec::new();
    for item in items_of(node, "spread") {
        let Some(by) = text_of(item, "by") else {
            continue;
        };
        let max_skew = integer(item, "maxSkew").unwrap_or(1);
        spread.push(Spread {
            at: reader.at(item),
            by: by.to_owned(),
            max_skew: u32::try_from(max_skew).unwrap_or(1),
            when_unsatisfiable: word(item, "whenUnsatisfiable", &words),
        });
    }
    spread
}

fn tolerations(reader: &mut Reader<'_>, node: &Node) -> Vec<Toleration> {
    let mut tolerations = Vec::new();
    for item in items_of(node, "tolerations") {
        if !matches!(item.value, Value::Map(_)) {
            continue;
        }
        let exists = word(item, "operator", &[("Equal", false), ("Exists", true)]);
        let key = text_of(item, "key").map(ToOwned::to_owned);
        let known = item
            .get("operator")
            .is_none_or(|operator| operator.text() == Some("Equal"));
        if !exists && known && item.get("key").is_none() {
            let message = "a toleration with operator Equal needs a `key`".to_owned();
            let hint = "`{operator: Exists}` alone tolerates every taint";
            reader.error(item, Code::MissingField, message, hint);
        }
        let value = text_of(item, "value").unwrap_or_default();
        tolerations.push(Toleration {
            at: reader.at(item),
            key,
            value: (!exists).then(|| value.to_owned()),
            effect: effect(item),
        });
    }
    tolerations
}

fn safety(reader: &Reader<'_>, node: &Node) -> Option<Safety> {
    let node = node.get("safety")?;
    let share = text_of(node, "maxRemovedClusters").and_then(percent)?;
    Some(Safety {
        at: reader.at(node),
        max_removed_clusters_percent: share,
    })
}
