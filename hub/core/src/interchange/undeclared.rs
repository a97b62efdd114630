//! Names in an inventory that no document declares: misspelt, or of what is gone.

use std::collections::BTreeSet;

use capstan_proto::{ClusterName, PlacementName, SourceName};

use super::InventoryFile;
use crate::problem::nearest;
use crate::spec::Spec;

/// Names that are told, of clusters and of placements.
const NAMED_MAX: usize = 5;

impl InventoryFile {
    /// What none of these declares, and no broken document of theirs may: a sentence each, with the nearest name
    /// that is declared.
    #[must_use]
    pub fn undeclared(&self, source: &SourceName, specs: &[&Spec]) -> Vec<String> {
        let mut said = self.undeclared_clusters(specs);
        said.extend(self.undeclared_placements(source, specs));
        said
    }

    fn undeclared_clusters(&self, specs: &[&Spec]) -> Vec<String> {
        let members = || specs.iter().flat_map(|spec| &spec.members);
        let former = members().filter_map(|(_, member)| member.renamed_from.as_ref());
        let known: BTreeSet<&ClusterName> = members().map(|(name, _)| name).chain(former).collect();
        let may_be = |name: &ClusterName| specs.iter().any(|spec| spec.may_declare(name));
        let named = self.previous.values().flatten();
        let named: BTreeSet<&ClusterName> = self.clusters.keys().chain(named).collect();
        let unknown = named.into_iter().filter(|name| !known.contains(name));
        let unknown = unknown.filter(|name| !may_be(name));
        let known: Vec<&str> = known.iter().map(|name| name.as_str()).collect();
        said("cluster", unknown.map(ClusterName::as_str), &known)
    }

    fn undeclared_placements(&self, source: &SourceName, specs: &[&Spec]) -> Vec<String> {
        let mut gaps = specs
            .iter()
            .flat_map(|spec| spec.gaps.get(source))
            .flatten();
        if gaps.any(|gap| gap.may_place()) {
            return Vec::new();
        }
        let known: BTreeSet<&PlacementName> = specs
            .iter()
            .flat_map(|spec| spec.placements.keys())
            .collect();
        let named = self.previous(source);
        let unknown = named.keys().filter(|name| !known.contains(name));
        let known: Vec<&str> = known.iter().map(|name| name.name()).collect();
        said("placement", unknown.map(PlacementName::name), &known)
    }
}

fn said<'a>(what: &str, unknown: impl Iterator<Item = &'a str>, known: &[&str]) -> Vec<String> {
    let mut said = Vec::new();
    let mut more = 0_usize;
    for name in unknown {
        if said.len() == NAMED_MAX {
            more += 1;
            continue;
        }
        let near = match nearest(name, known) {
            Some(near) => format!(" (did you mean `{near}`?)"),
            None => String::new(),
        };
        said.push(format!(
            "the inventory names {what} `{name}`, which no document declares{near}"
        ));
    }
    if more > 0 {
        let plural = if more == 1 { "" } else { "s" };
        said.push(format!(
            "and {more} more {what}{plural} that no document declares"
        ));
    }
    said
}
