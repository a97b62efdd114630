//! The values that a chart is rendered with, merged from every layer as Helm merges them.

use capstan_proto::{BundleName, ClusterName, PlacementName};
use serde_json::{Map, Value};

use super::{Inputs, Layers, revision};
use crate::problem::{Place, Problem};
use crate::spec::Spec;
use crate::template::{BuiltIn, Effective, expand};
use crate::yaml::{self, Node};

/// The values that a bundle's chart would be rendered with on a cluster; none where nobody gives any, where one
/// has a variable without a value, or where nothing is known of the revision that it is read at.
#[must_use]
pub fn helm_values(
    spec: &Spec,
    (cluster, bundle): (&ClusterName, &BundleName),
    placement: &PlacementName,
    inputs: &Inputs,
) -> Option<Value> {
    let layers = Layers::of(spec, (cluster, bundle), placement, inputs)?;
    let built_in = BuiltIn {
        cluster,
        labels: &layers.member.labels,
        bundle,
        revision: revision(spec, bundle, inputs.pin.as_ref())?,
    };
    layers.helm_values(built_in).ok().flatten()
}

impl Layers<'_> {
    /// `helm.values` of the bundle, its overrides and the placement's overrides, merged, with
    /// values of variables put in: maps merge, everything else replaces. A null stays, because the
    /// renderer must delete the chart's own default for it. `None` where nobody gives values.
    ///
    /// # Errors
    /// Every variable without a value, at its place.
    pub fn helm_values(&self, built_in: BuiltIn<'_>) -> Result<Option<Value>, Vec<Problem>> {
        let own = self
            .bundle
            .spec
            .helm
            .as_ref()
            .and_then(|helm| helm.values.as_ref());
        let own = own.map(|values| (&self.bundle.at, values));
        let overrides = self.of_bundle().chain(self.of_placement());
        let theirs = overrides.filter_map(|o| Some((&o.at, o.helm_values.as_ref()?)));
        let values = (&self.variables(built_in), built_in);
        let mut merged: Option<Value> = None;
        let mut problems = Vec::new();
        for (at, node) in own.into_iter().chain(theirs) {
            let layer = substituted(node, at, values, &mut problems);
            let whole = merged.get_or_insert_with(|| Value::Object(Map::new()));
            merge(whole, layer);
        }
        if problems.is_empty() {
            Ok(merged)
        } else {
            Err(problems)
        }
    }
}

fn substituted(
    node: &Node,
    at: &Place,
    values: (&Effective, BuiltIn<'_>),
    problems: &mut Vec<Problem>,
) -> Value {
    let mut inner = |node: &Node| substituted(node, at, values, problems);
    match &node.value {
        yaml::Value::Text(text) if text.contains("${") => match expand(text, values.0, values.1) {
            Ok(scalar) => scalar.to_value(),
            Err(error) => {
                let at = Place {
                    line: node.line,
                    column: node.column,
                    ..at.clone()
                };
                problems.push(crate::manifest::no_value(&at, &error));
                Value::Null
            }
        },
        yaml::Value::List(items) => items.iter().map(inner).collect(),
        yaml::Value::Map(members) => {
            let member = |(key, node): &(yaml::Key, Node)| (key.text.clone(), inner(node));
            members.iter().map(member).collect()
        }
        _ => node.to_json(),
    }
}

/// Merges as Helm merges values.
fn merge(below: &mut Value, above: Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (key, value) in above {
                match below.get_mut(&key) {
                    Some(have) => merge(have, value),
                    None => {
                        below.insert(key, value);
                    }
                }
            }
        }
        (below, above) => *below = above,
    }
}
