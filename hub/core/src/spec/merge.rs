//! Clusters with their templates merged in.

use std::collections::BTreeMap;
use std::sync::Arc;

use capstan_proto::ClusterName;

use super::{Layer, Member, Spec, Taint};

/// Every declared cluster as placement sees it: templates in order, then its own.
pub(super) fn members(spec: &Spec) -> BTreeMap<ClusterName, Arc<Member>> {
    let mut members = BTreeMap::new();
    for (name, document) in &spec.clusters {
        let mut member = Member {
            at: document.at.clone(),
            labels: BTreeMap::new(),
            label_layers: BTreeMap::new(),
            variables: BTreeMap::new(),
            variable_layers: BTreeMap::new(),
            taints: Vec::new(),
            mode: document.spec.mode,
            renamed_from: document.spec.renamed_from.as_ref().map(|r| r.name.clone()),
        };
        for reference in &document.spec.templates {
            let Some(template) = spec.templates.get(&reference.name) else {
                continue;
            };
            let layer = Layer::Template(reference.name.clone());
            member.add_labels(&template.labels, &layer);
            member.add_variables(&template.spec.variables, &layer);
            member.add_taints(&template.spec.taints, &layer);
        }
        member.add_labels(&document.labels, &Layer::Own);
        member.add_variables(&document.spec.variables, &Layer::Own);
        member.add_taints(&document.spec.taints, &Layer::Own);
        members.insert(name.clone(), Arc::new(member));
    }
    members
}

impl Member {
    fn add_labels(&mut self, labels: &BTreeMap<String, String>, layer: &Layer) {
        for (key, value) in labels {
            self.labels.insert(key.clone(), value.clone());
            self.label_layers.insert(key.clone(), layer.clone());
        }
    }

    fn add_variables(&mut self, variables: &super::Variables, layer: &Layer) {
        for (name, variable) in variables {
            self.variables.insert(name.clone(), variable.clone());
            self.variable_layers.insert(name.clone(), layer.clone());
        }
    }

    fn add_taints(&mut self, taints: &[Taint], layer: &Layer) {
        for taint in taints {
            self.taints
                .retain(|(have, _)| (&have.key, have.effect) != (&taint.key, taint.effect));
            self.taints.push((taint.clone(), layer.clone()));
        }
    }
}
