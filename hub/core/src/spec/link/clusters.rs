//! Clusters: the templates that they name, and the names that they had.

use std::collections::{BTreeMap, BTreeSet};

use capstan_proto::ClusterName;

use super::super::document::Kind;
use super::super::{Cluster, Reference, Spec, TemplateName, keep};
use super::Linker;
use crate::problem::{Code, Problem};

/// Templates that clusters of a spec name.
fn named(spec: &Spec) -> impl Iterator<Item = &Reference<TemplateName>> {
    spec.clusters.values().flat_map(|d| &d.spec.templates)
}

impl Linker<'_> {
    /// Settles clusters: one that names an unknown template, or a name that is not free, is
    /// replaced by its last good version, or is not declared.
    pub(super) fn clusters(&mut self) {
        self.revive_templates();
        let names: Vec<ClusterName> = self.spec.clusters.keys().cloned().collect();
        let mut missing: BTreeMap<TemplateName, Vec<Reference<TemplateName>>> = BTreeMap::new();
        for name in &names {
            let unknown: Vec<_> = self.unknown_templates(&self.spec.clusters[name].spec);
            if !unknown.is_empty() {
                for reference in unknown {
                    let naming = missing.entry(reference.name.clone()).or_default();
                    naming.push(reference);
                }
                self.replace_cluster(name);
            }
        }
        for naming in missing.values() {
            self.unknown_template(&naming[0], naming.len() - 1);
        }
        self.renames();
        self.unused_templates();
    }

    fn unknown_templates(&self, cluster: &Cluster) -> Vec<Reference<TemplateName>> {
        let references = cluster.templates.iter();
        let unknown = references.filter(|r| !self.spec.templates.contains_key(&r.name));
        unknown.cloned().collect()
    }

    /// A template that is named and not declared any more stays as it was.
    fn revive_templates(&mut self) {
        let Some(previous) = self.previous else {
            return;
        };
        let before: BTreeSet<&TemplateName> = named(previous).map(|r| &r.name).collect();
        let missing: Vec<_> = named(self.spec)
            .filter(|r| !self.spec.templates.contains_key(&r.name) && before.contains(&r.name))
            .cloned()
            .collect();
        for reference in missing {
            let (source, name) = (reference.name.source(), reference.name.name());
            let identity = (Kind::Template, name);
            if keep::copy(self.spec, previous, source, identity, true)
                || self.spec.templates.contains_key(&reference.name)
            {
                let message = format!("template `{name}` is named here and not declared any more");
                self.problems.push(
                    Problem::error(&reference.at, Code::UnknownTemplate, message)
                        .hint("its last version stays until nothing names it"),
                );
            }
        }
    }

    fn unknown_template(&mut self, reference: &Reference<TemplateName>, more: usize) {
        let (source, name) = (reference.name.source(), reference.name.name());
        if self.is_broken(&reference.at, (Kind::Template, source, name), more) {
            return;
        }
        let templates = &self.spec.templates;
        let own = || {
            templates
                .keys()
                .filter(|template| template.source() == source)
        };
        let known = || own().map(TemplateName::name).collect();
        let nothing = "declare a ClusterTemplate";
        let hint = self
            .names
            .did_you_mean(name, templates.len(), known, nothing);
        let more = match more {
            0 => String::new(),
            1 => ", which one more cluster names".to_owned(),
            more => format!(", which {more} more clusters name"),
        };
        let message = format!("no template is called `{name}`{more}");
        let problem = Problem::error(&reference.at, Code::UnknownTemplate, message);
        self.problems.push(problem.maybe_hint(hint));
    }

    /// Puts a cluster's last good version in its place, where its templates are there.
    fn replace_cluster(&mut self, name: &ClusterName) {
        let Some(document) = self.spec.clusters.remove(name) else {
            return;
        };
        let restored = self.restore(&document, (Kind::Cluster, name.as_str()));
        let again = restored.then(|| self.spec.clusters.get(name)).flatten();
        if again.is_none_or(|again| !self.unknown_templates(&again.spec).is_empty()) {
            self.spec.clusters.remove(name);
            let former = document.spec.renamed_from.as_ref().map(|r| &r.name);
            self.gap(&document.at, (Kind::Cluster, name.as_str()), former);
            let source = &document.at.source;
            self.doubts
                .add((source, &document.at), Kind::Cluster, name.as_str());
            // Without its new document it is what it was.
            let former = document.spec.renamed_from.as_ref();
            if let (Some(former), Some(previous)) = (former, self.previous) {
                let identity = (Kind::Cluster, former.name.as_str());
                keep::copy(self.spec, previous, source, identity, true);
            }
        }
    }

    /// A former name must be free, and one cluster's alone.
    fn renames(&mut self) {
        let mut former: BTreeMap<ClusterName, BTreeSet<ClusterName>> = BTreeMap::new();
        for (name, document) in &self.spec.clusters {
            if let Some(old) = &document.spec.renamed_from {
                let names = former.entry(old.name.clone()).or_default();
                names.insert(name.clone());
            }
        }
        let mut bad = Vec::new();
        for (old, names) in &former {
            let declared = self.spec.clusters.get(old).map(|d| d.at.clone());
            for name in names {
                let (message, hint) = match (&declared, names.iter().find(|n| *n != name)) {
                    (Some(at), _) => (
                        format!("`{old}` is still declared, at {at}"),
                        "remove that document, or this line",
                    ),
                    (None, Some(other)) => (
                        format!("`{other}` has been renamed from `{old}`, too"),
                        "one cluster can have been one other",
                    ),
                    (None, None) => continue,
                };
                bad.push((name.clone(), message, hint));
            }
        }
        for (name, message, hint) in bad {
            self.bad_rename(&name, &message, hint);
        }
    }

    fn bad_rename(&mut self, name: &ClusterName, message: &str, hint: &str) {
        let cluster = &self.spec.clusters[name].spec;
        if let Some(reference) = &cluster.renamed_from {
            let problem = Problem::error(&reference.at, Code::BadRename, message);
            self.problems.push(problem.hint(hint));
        }
        self.replace_cluster(name);
        // What it says of its former name does not hold now, whatever it did before.
        if let Some(document) = self.spec.clusters.get_mut(name) {
            document.spec.renamed_from = None;
        }
    }

    /// Templates that no cluster names, where no broken document may be the one that does.
    fn unused_templates(&mut self) {
        let used: BTreeSet<&TemplateName> = named(self.spec).map(|r| &r.name).collect();
        let known = |name: &str| {
            ClusterName::try_new(name).is_ok_and(|name| self.spec.clusters.contains_key(&name))
        };
        if self.doubts.lacking(Kind::Cluster, known).is_anything() {
            return;
        }
        for (name, document) in &self.spec.templates {
            if !document.kept && !used.contains(name) {
                let message = format!("no cluster names the template `{}`", name.name());
                let problem = Problem::warning(&document.at, Code::UnusedTemplate, message);
                let hint = "name it in `spec.templates` of a Cluster, or remove it";
                self.problems.push(problem.hint(hint));
            }
        }
    }
}
