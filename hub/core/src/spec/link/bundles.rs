//! Bundles: what they wait for, the groups of their overrides, and their directories.

use std::collections::{BTreeMap, BTreeSet};

use capstan_proto::BundleName;

use super::super::document::Kind;
use super::super::{Reference, Spec, Trees};
use super::circle::{circles, told};
use super::names::bundles_of;
use super::{Linker, near_hint};
use crate::problem::{Code, Problem};

impl Linker<'_> {
    /// Settles bundles: one that names an unknown group, or what it may not see, or stands in a
    /// circle, is replaced by its last good version, or dropped, which keeps what is there of it.
    pub(super) fn bundles(&mut self) {
        let mut tried = BTreeSet::new();
        let names: Vec<BundleName> = self.spec.bundles.keys().cloned().collect();
        for name in &names {
            if !self.check_bundle(name) {
                self.replace_bundle(name, &mut tried);
                if self.spec.bundles.contains_key(name) && !self.check_bundle(name) {
                    self.spec.bundles.remove(name);
                }
            }
        }
        loop {
            let edges = self.spec.bundles.iter().map(|(name, document)| {
                let to = document.spec.depends_on.iter().map(|r| r.name.clone());
                (name.clone(), to.collect())
            });
            let circles = circles(&edges.collect::<BTreeMap<_, Vec<_>>>());
            if circles.is_empty() {
                break;
            }
            for (name, way) in circles {
                self.waiting(&name, &way);
                self.replace_bundle(&name, &mut tried);
            }
        }
        let names: Vec<BundleName> = self.spec.bundles.keys().cloned().collect();
        for name in names {
            let references = self.spec.bundles[&name].spec.depends_on.clone();
            self.unknown_bundles(&references);
            let terms: Vec<_> = self.spec.bundles[&name].spec.terms().cloned().collect();
            self.unknown_clusters(terms.iter());
        }
    }

    fn check_bundle(&mut self, name: &BundleName) -> bool {
        let document = &self.spec.bundles[name];
        let references: Vec<_> = document.spec.references().cloned().collect();
        let depends_on = document.spec.depends_on.clone();
        let (at, kept) = (document.at.clone(), document.kept);
        let groups = self.check_groups(&references, (Kind::Bundle, &at), kept);
        groups & (kept || self.check_visible(&depends_on, &at.source))
    }

    /// Whether a source may name all of these bundles, with problems for the others.
    pub(super) fn check_visible(
        &mut self,
        references: &[Reference<BundleName>],
        from: &capstan_proto::SourceName,
    ) -> bool {
        let hidden = references
            .iter()
            .filter_map(|r| self.names.hidden_bundle(from, r));
        let hidden: Vec<_> = hidden.collect();
        let good = hidden.is_empty();
        self.problems.extend(hidden);
        good
    }

    fn waiting(&mut self, name: &BundleName, way: &[BundleName]) {
        let names: Vec<_> = way.iter().map(BundleName::name).collect();
        let message = format!("bundles wait for each other: {}", told(&names));
        let Some(document) = self.spec.bundles.get(name) else {
            return;
        };
        let first = document.spec.depends_on.first();
        let at = first.map_or(&document.at, |reference| &reference.at);
        let problem = Problem::error(at, Code::DependencyCycle, message).about_bundle(name);
        self.problems.push(problem);
    }

    fn replace_bundle(&mut self, name: &BundleName, tried: &mut BTreeSet<BundleName>) {
        let Some(document) = self.spec.bundles.remove(name) else {
            return;
        };
        let at = (name.source(), &document.at);
        self.doubts.add(at, Kind::Bundle, name.name());
        if tried.insert(name.clone()) {
            self.restore(&document, (Kind::Bundle, name.name()));
        }
    }

    /// Bundles that are not declared, and that no broken document may declare.
    pub(super) fn unknown_bundles(&mut self, references: &[Reference<BundleName>]) {
        for reference in references {
            let (source, name) = (reference.name.source(), reference.name.name());
            if self.spec.bundles.contains_key(&reference.name)
                || !self.spec.revisions.contains_key(source)
                || self
                    .names
                    .hidden_bundle(&reference.at.source, reference)
                    .is_some()
                || self.is_broken(&reference.at, (Kind::Bundle, source, name), 0)
            {
                continue;
            }
            let between = (&reference.at.source, source);
            let known = || bundles_of(self.spec, &self.names, between);
            let most = self.spec.bundles.len();
            let hint = self
                .names
                .did_you_mean(name, most, known, "declare a Bundle");
            let message = format!("no bundle is called `{name}`");
            let problem = Problem::error(&reference.at, Code::UnknownBundle, message);
            let problem = problem.about_bundle(&reference.name);
            self.problems.push(problem.maybe_hint(hint));
        }
    }
}

/// Bundles whose directory is not there.
pub(in crate::spec) fn directories(spec: &Spec, trees: &Trees) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut known: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for (name, document) in spec.bundles.iter().filter(|(_, document)| !document.kept) {
        let (Some(tree), Some(path)) = (trees.read(name.source()), document.spec.directory())
        else {
            continue;
        };
        if !tree.is_empty_below(path) {
            continue;
        }
        let known = known
            .entry(name.source())
            .or_insert_with(|| tree.directories());
        let message = format!("`{path}` is no directory with files");
        let hint = (problems.len() < HINTS_MAX).then(|| near_hint(path, known));
        problems.push(
            Problem::error(&document.spec.path_at, Code::EmptyBundle, message)
                .about_bundle(name)
                .maybe_hint(hint.flatten()),
        );
    }
    problems
}

/// Most missing directories that are compared with those that are there.
const HINTS_MAX: usize = 20;
