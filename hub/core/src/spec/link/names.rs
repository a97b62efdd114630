//! Names that are not there, or not for everybody: sentences and hints.

use std::cell::Cell;
use std::collections::BTreeSet;

use capstan_proto::{BundleName, SourceName};

use super::super::{GroupName, PinName, Reference, Rules, Spec, Trees};
use crate::limits;
use crate::problem::{Code, Place, Problem, did_you_mean, nearest};

/// What sources may see of each other, and how many comparisons are left for hints.
pub(in crate::spec) struct Names<'a> {
    trees: &'a Trees,
    left: Cell<usize>,
}

impl<'a> Names<'a> {
    pub(in crate::spec) fn new(trees: &'a Trees) -> Self {
        Self {
            trees,
            left: Cell::new(limits::HINT_COMPARISONS_MAX),
        }
    }

    /// Whether a revision of a source was looked for.
    pub(super) fn is_pinned(&self, source: &SourceName, revision: &str) -> bool {
        let name = PinName {
            source: source.clone(),
            text: revision.to_owned(),
        };
        self.trees.pins.contains_key(&name)
    }

    /// Whether words may still be compared with so many others.
    fn afford(&self, known: usize) -> bool {
        let left = self.left.get().checked_sub(known);
        self.left.set(left.unwrap_or_default());
        left.is_some()
    }

    /// The hint for a word among others; `nothing` where there are none. `most` is how many others
    /// there can be.
    pub(super) fn did_you_mean<'s>(
        &self,
        word: &str,
        most: usize,
        known: impl FnOnce() -> Vec<&'s str>,
        nothing: &str,
    ) -> Option<String> {
        let known = self.afford(most).then(known)?;
        Some(match known.as_slice() {
            [] => nothing.to_owned(),
            known => did_you_mean(word, known),
        })
    }

    /// The nearest of some words, where one is near.
    pub(super) fn near<'s>(
        &self,
        word: &str,
        most: usize,
        known: impl FnOnce() -> Vec<&'s str>,
    ) -> Option<String> {
        near_hint(word, &self.afford(most).then(known)?)
    }

    /// Why a group of another source cannot be named.
    pub(in crate::spec) fn hidden_group(
        &self,
        from: &SourceName,
        reference: &Reference<GroupName>,
    ) -> Option<Problem> {
        let named = (reference.name.source(), reference.name.name());
        let exported = |rules: &'a Rules| &rules.exported_groups;
        self.hidden((from, &reference.at), named, ("groups", exported))
    }

    /// Why a bundle of another source cannot be named.
    pub(in crate::spec) fn hidden_bundle(
        &self,
        from: &SourceName,
        reference: &Reference<BundleName>,
    ) -> Option<Problem> {
        let named = (reference.name.source(), reference.name.name());
        let exported = |rules: &'a Rules| &rules.exported_bundles;
        self.hidden((from, &reference.at), named, ("bundles", exported))
    }

    fn hidden(
        &self,
        (from, at): (&SourceName, &Place),
        (source, name): (&SourceName, &str),
        (what, exported): (
            &str,
            impl Fn(&'a Rules) -> &'a std::collections::BTreeSet<String>,
        ),
    ) -> Option<Problem> {
        if source == from {
            return None;
        }
        if !self.trees.sources.contains_key(source) {
            if self.trees.rules.contains_key(source) {
                let message = format!(
                    "`{name}` of source `{source}` is not known: only one source is looked at here"
                );
                let hint = "ask the hub: `hub get problems`";
                return Some(Problem::error(at, Code::NotExported, message).hint(hint));
            }
            let known = || self.trees.sources.keys().map(SourceName::as_str).collect();
            let message = format!("no source is called `{source}`");
            let hint = self.did_you_mean(source.as_str(), self.trees.sources.len(), known, "");
            return Some(Problem::error(at, Code::NotExported, message).maybe_hint(hint));
        }
        let exports = self.trees.rules.get(source).map(exported);
        if exports.is_some_and(|names| names.contains(name)) {
            return None;
        }
        let message = format!("the source `{source}` does not export `{name}`");
        let names: Vec<&str> = exports.into_iter().flatten().map(String::as_str).collect();
        let hint = match names.as_slice() {
            [] => format!("it exports no {what}; exports are configured at the hub"),
            names => format!("it exports the {what} {}", first(names)),
        };
        Some(Problem::error(at, Code::NotExported, message).hint(hint))
    }
}

/// The first of many names.
fn first(names: &[&str]) -> String {
    const NAMED_MAX: usize = 10;
    let more = names.len().saturating_sub(NAMED_MAX);
    let shown = names[..names.len() - more].join(", ");
    match more {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

pub(in crate::spec) fn near_hint(word: &str, known: &[&str]) -> Option<String> {
    nearest(word, known).map(|candidate| format!("did you mean `{candidate}`?"))
}

/// Groups of a source that another one may name.
pub(super) fn groups_of<'s>(
    spec: &'s Spec,
    names: &'s Names<'_>,
    sources: (&SourceName, &SourceName),
) -> Vec<&'s str> {
    let of_source = spec.groups.keys().filter(|g| g.source() == sources.1);
    let all = of_source.map(GroupName::name);
    visible(
        all,
        sources,
        exported(names, sources.1, |r| &r.exported_groups),
    )
}

/// Bundles of a source that another one may name.
pub(super) fn bundles_of<'s>(
    spec: &'s Spec,
    names: &'s Names<'_>,
    sources: (&SourceName, &SourceName),
) -> Vec<&'s str> {
    let of_source = spec.bundles.keys().filter(|b| b.source() == sources.1);
    let all = of_source.map(BundleName::name);
    visible(
        all,
        sources,
        exported(names, sources.1, |r| &r.exported_bundles),
    )
}

/// What the hub's configuration lets other sources name; nothing unless it says so.
fn exported<'s>(
    names: &'s Names<'_>,
    source: &SourceName,
    of: impl FnOnce(&'s Rules) -> &'s BTreeSet<String>,
) -> Option<&'s BTreeSet<String>> {
    names.trees.rules.get(source).map(of)
}

/// All of one's own names, and of another source's those that it exports.
fn visible<'s>(
    all: impl Iterator<Item = &'s str>,
    (from, source): (&SourceName, &SourceName),
    exported: Option<&BTreeSet<String>>,
) -> Vec<&'s str> {
    all.filter(|name| from == source || exported.is_some_and(|names| names.contains(*name)))
        .collect()
}
