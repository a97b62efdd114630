//! Clusters with their templates merged in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::ClusterName;

use super::{Cluster, Document, Layer, Member, Spec, Taint, TemplateName};

/// Every declared cluster as placement sees it: templates in order, then its own. One of which
/// nothing changed is the very same as before.
pub(super) fn members(spec: &Spec, previous: Option<&Spec>) -> BTreeMap<ClusterName, Arc<Member>> {
    let before = previous.map(|previous| (previous, changed_templates(spec, previous)));
    let same = |name: &ClusterName, document: &Document<Cluster>| {
        let (previous, changed) = before.as_ref()?;
        let known = previous.clusters.get(name)?;
        let mut templates = document.spec.templates.iter();
        let same = known.spec == document.spec
            && known.labels == document.labels
            && known.at == document.at
            && !templates.any(|template| changed.contains(&template.name));
        let member = same.then(|| previous.members.get(name));
        member.flatten().cloned()
    };
    let member = |(name, document): (&ClusterName, &Document<Cluster>)| {
        let member = same(name, document).unwrap_or_else(|| Arc::new(member(spec, document)));
        (name.clone(), member)
    };
    spec.clusters.iter().map(member).collect()
}

/// Templates that say something else than before, that came or that went.
fn changed_templates<'a>(spec: &'a Spec, previous: &'a Spec) -> BTreeSet<&'a TemplateName> {
    let names = spec.templates.keys().chain(previous.templates.keys());
    let changed = |name: &&TemplateName| {
        let templates = (spec.templates.get(*name), previous.templates.get(*name));
        let (Some(now), Some(before)) = templates else {
            return true;
        };
        now.labels != before.labels || now.spec != before.spec
    };
    names.filter(changed).collect()
}

fn member(spec: &Spec, document: &Document<Cluster>) -> Member {
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
    member
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

#[cfg(test)]
mod tests;
