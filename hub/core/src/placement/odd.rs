//! Selections that say nothing wrong and are probably not meant so: labels and names that no declared
//! cluster has, overrides and preferences that match nobody.
//!
//! Deliberately not part of deciding: a hub would look for them at every commit, and only who writes
//! files can do anything about them.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::{BundleName, ClusterName, PlacementName};

use super::Decisions;
use super::answer::{Asking, keys};
use super::bits::Bits;
use super::clusters::Core;
use super::index::Index;
use crate::limits;
use crate::problem::{Code, Place, Problem, listed, nearest};
use crate::selector::{LabelAt, Operator, Pattern, Term, glob};
use crate::spec::{GroupName, Override, Placement, Spec, shown};

impl Decisions {
    /// What is odd about the selections that were decided upon, in order.
    #[must_use]
    pub fn odd(&self) -> Vec<Problem> {
        let core = self.core();
        let spec = &*core.fleet.spec;
        if spec.members.is_empty() {
            return Vec::new();
        }
        let mut index = Arc::clone(&core.fleet.index);
        let missing = override_keys(spec);
        if missing.iter().any(|key| index.column(key).is_none()) {
            Arc::make_mut(&mut index).cover(&missing);
        }
        let mut search = Search {
            core,
            index: &index,
            known: Known::new(spec),
            sure: !spec.lacking().is_anything(),
            cel_left: CEL_ASKED_MAX,
            hanging: BTreeMap::new(),
            problems: Vec::new(),
        };
        search.all(spec);
        search.problems.sort();
        search.problems.dedup();
        search.problems
    }
}

/// The label keys that overrides name: deciding who is selected does not need them.
fn override_keys(spec: &Spec) -> BTreeSet<&str> {
    let placements = spec.placements.values().flat_map(|d| &d.spec.overrides);
    let bundles = spec.bundles.values().flat_map(|d| &d.spec.overrides);
    keys(
        placements
            .chain(bundles)
            .flat_map(|o| o.clusters.iter().flatten()),
    )
}

/// What terms are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    /// They choose: what nobody has is missed.
    Choose,
    /// They leave out: that nobody has it may be just the present state.
    LeaveOut,
}

struct Search<'a> {
    core: &'a Core,
    index: &'a Index,
    known: Known<'a>,
    /// Whether every cluster is known. Else only what is near to something known is told.
    sure: bool,
    /// How many clusters may still be asked with CEL.
    cel_left: usize,
    /// Groups whose members hang on facts.
    hanging: BTreeMap<&'a GroupName, bool>,
    problems: Vec<Problem>,
}

impl<'a> Search<'a> {
    fn all(&mut self, spec: &'a Spec) {
        for document in spec.groups.values().filter(|d| !d.kept) {
            self.terms(&document.spec.clusters, Use::Choose);
            self.terms(&document.spec.except, Use::LeaveOut);
        }
        for (name, document) in spec.placements.iter().filter(|(_, d)| !d.kept) {
            self.placement(name, &document.spec);
        }
        for (name, document) in spec.bundles.iter().filter(|(_, d)| !d.kept) {
            let on = self.eligible_of(name);
            let whom = format!("cluster that bundle `{}` may be placed on", name.name());
            self.overrides(&document.spec.overrides, &on, &whom);
        }
    }

    fn placement(&mut self, name: &'a PlacementName, placement: &'a Placement) {
        self.terms(&placement.clusters, Use::Choose);
        self.terms(&placement.except, Use::LeaveOut);
        let Some(choice) = self.core.choices.get(name) else {
            return;
        };
        let mut eligible = Bits::clone(&choice.eligible);
        eligible.or(&choice.selected);
        for spread in &placement.spread {
            self.spread(spread.by.as_str(), &spread.at, (name, &eligible));
        }
        let whom = format!("eligible cluster of placement `{}`", name.name());
        for preference in &placement.prefer {
            let Some(term) = &preference.term else {
                continue;
            };
            let told = self.terms(std::slice::from_ref(term), Use::Choose);
            if !told && self.matches_none(std::slice::from_ref(term), &eligible) {
                let message = format!("no {whom} matches this preference");
                self.tell(&preference.at, Code::NeverMatches, message, WEIGHS_NOTHING);
            }
        }
        self.overrides(&placement.overrides, &eligible, &whom);
    }

    /// The clusters that some placement of a bundle may select.
    fn eligible_of(&self, bundle: &BundleName) -> Bits {
        let mut all = Bits::empty(self.index.len());
        for placement in self.core.owners.routes().of_bundle(bundle) {
            if let Some(choice) = self.core.choices.get(placement) {
                all.or(&choice.eligible);
                all.or(&choice.selected);
            }
        }
        all
    }

    /// Overrides that apply nowhere.
    fn overrides(&mut self, overrides: &'a [Override], among: &Bits, whom: &str) {
        for entry in overrides {
            let Some(terms) = &entry.clusters else {
                continue;
            };
            let told = self.terms(terms, Use::Choose);
            if !told && self.matches_none(terms, among) {
                let message = format!("no {whom} matches this override");
                self.tell(&entry.at, Code::NeverMatches, message, CHANGES_NOTHING);
            }
        }
    }

    /// Whether certainly nobody of some clusters matches; of nobody nothing is said.
    fn matches_none(&mut self, terms: &'a [Term], among: &Bits) -> bool {
        if !self.sure || among.is_empty() || self.hang_on_facts(terms, 0) {
            return false;
        }
        let with_cel = terms.iter().filter(|term| term.cel.is_some()).count();
        let Some(left) = self.cel_left.checked_sub(with_cel * self.index.len()) else {
            return false;
        };
        self.cel_left = left;
        let mut asking = Asking::new(self.index, &self.core.fleet.groups);
        let mut matching = asking.any(terms).possible().clone();
        matching.and(among);
        matching.is_empty()
    }

    /// Whether facts have a say: without a live fleet nobody knows them.
    fn hang_on_facts(&mut self, terms: &'a [Term], depth: usize) -> bool {
        terms.iter().any(|term| {
            let groups = || term.groups.iter().map(|reference| &reference.name);
            term.uses_facts() || groups().any(|name| self.group_hangs_on_facts(name, depth))
        })
    }

    fn group_hangs_on_facts(&mut self, name: &'a GroupName, depth: usize) -> bool {
        if let Some(known) = self.hanging.get(name) {
            return *known;
        }
        let Some(document) = self.core.fleet.spec.groups.get(name) else {
            return true;
        };
        let group = &document.spec;
        // Circles were refused before; what is nested too deeply is not looked through.
        let hangs = depth > DEEP_MAX
            || self.hang_on_facts(&group.clusters, depth + 1)
            || self.hang_on_facts(&group.except, depth + 1);
        self.hanging.insert(name, hangs);
        hangs
    }

    /// Looks at every term; whether anything was told of them, now or while names were looked up.
    fn terms(&mut self, terms: &'a [Term], what_for: Use) -> bool {
        let before = self.problems.len();
        let mut told = false;
        for term in terms {
            let mut places = term.labels_at.iter();
            for (key, value) in &term.match_labels {
                let at = places.next().copied().unwrap_or_default();
                self.label((&term.at, at), key, &[value.as_str()], what_for);
            }
            for expression in &term.match_expressions {
                let at = places.next().copied().unwrap_or_default();
                let (values, what_for) = match &expression.operator {
                    Operator::In(values) => (Some(values), what_for),
                    Operator::NotIn(values) => (Some(values), Use::LeaveOut),
                    Operator::Exists => (None, what_for),
                    Operator::DoesNotExist => (None, Use::LeaveOut),
                };
                let values: Vec<&str> = values.into_iter().flatten().map(String::as_str).collect();
                self.label((&term.at, at), &expression.key, &values, what_for);
            }
            for pattern in &term.names {
                told |= !pattern.text.contains(['*', '?']) && !self.known.is_name(&pattern.text);
                self.glob(pattern, what_for);
            }
        }
        told || self.problems.len() > before
    }

    /// A label that no cluster has, or values of it that none has.
    fn label(&mut self, at: (&Place, LabelAt), key: &'a str, values: &[&'a str], what_for: Use) {
        let (
            within,
            LabelAt {
                key: key_at,
                value: value_at,
            },
        ) = at;
        let Some(known) = self.known.labels.get(key) else {
            let near = self.known.near(None, key);
            let message = format!("no declared cluster has the label `{}`", shown(key));
            return self.unknown((within, key_at), message, near, what_for);
        };
        let unknown: Vec<&str> = values
            .iter()
            .copied()
            .filter(|v| !known.contains(v))
            .collect();
        // Of several values some may be for clusters to come.
        let what_for = match unknown.len() == values.len() {
            true => what_for,
            false => Use::LeaveOut,
        };
        let of_key = |value: String| {
            let key = shown(key);
            format!("no declared cluster has the label `{key}` with the value {value}")
        };
        let mut others: Option<(Vec<&str>, Arc<str>)> = None;
        for value in unknown {
            match self.known.near(Some(key), value) {
                Near::Others(words) => {
                    let (values, _) = others.get_or_insert((Vec::new(), words));
                    values.push(value);
                }
                near @ Near::One(_) => {
                    let message = of_key(format!("`{}`", shown(value)));
                    self.unknown((within, value_at), message, near, what_for);
                }
            }
        }
        if let Some((values, words)) = others {
            let message = of_key(alternatives(&values));
            self.unknown((within, value_at), message, Near::Others(words), what_for);
        }
    }

    fn unknown(
        &mut self,
        (within, (line, column)): (&Place, (u32, u32)),
        message: String,
        near: Near,
        what_for: Use,
    ) {
        let hint = match near {
            Near::One(word) => format!("did you mean `{word}`?").into(),
            Near::Others(words) if self.sure && what_for == Use::Choose => words,
            Near::Others(_) => return,
        };
        let at = match line {
            0 => within.clone(),
            _ => Place {
                line,
                column,
                ..within.clone()
            },
        };
        self.tell(&at, Code::UnknownLabel, message, &hint);
    }

    fn glob(&mut self, pattern: &Pattern, what_for: Use) {
        let text = pattern.text.as_str();
        let prefix = match text.find(['*', '?']) {
            Some(end) => &text[..end],
            None => return,
        };
        let mut names = self
            .index
            .beginning(prefix)
            .map(|number| self.index.name(number));
        if names.any(|name| glob(text, name.as_str())) {
            return;
        }
        let near = self.known.near_prefix(prefix);
        let hint = match near {
            Some(near) => format!("did you mean `{near}{}`?", &text[prefix.len()..]),
            None if self.sure && what_for == Use::Choose => {
                "`*` stands for any characters, `?` for one".to_owned()
            }
            None => return,
        };
        let message = format!("no declared cluster has a name like `{}`", shown(text));
        self.tell(&pattern.at, Code::UnknownCluster, message, &hint);
    }

    fn spread(&mut self, by: &'a str, at: &Place, (name, eligible): (&PlacementName, &Bits)) {
        let Some(column) = self.index.column(by) else {
            return;
        };
        let mut having = eligible.clone();
        column.absent().take(&mut having);
        if eligible.is_empty() || !having.is_empty() {
            return;
        }
        let (hint, told) = match (
            self.known.labels.contains_key(by),
            self.known.near(None, by),
        ) {
            (false, Near::One(near)) => (format!("did you mean `{near}`?").into(), true),
            (false, Near::Others(words)) => (words, self.sure),
            (true, _) => (Arc::from("other clusters have it"), self.sure),
        };
        if told {
            let by = shown(by);
            let message = format!(
                "no eligible cluster of placement `{}` has the label `{by}`, so that all are one domain",
                name.name()
            );
            self.tell(at, Code::UnknownLabel, message, &hint);
        }
    }

    fn tell(&mut self, at: &Place, code: Code, message: String, hint: &str) {
        self.problems
            .push(Problem::warning(at, code, message).hint(hint));
    }
}

/// How many clusters are asked with CEL in all: one takes as long as thousands of labels.
const CEL_ASKED_MAX: usize = 500_000;
/// How deep groups are looked through.
const DEEP_MAX: usize = 32;
const WEIGHS_NOTHING: &str = "its weight never counts: mend it, or remove it";
const CHANGES_NOTHING: &str = "it changes nothing: mend it, or remove it";

/// What is near to a word that is not known.
#[derive(Clone, Debug)]
enum Near {
    One(String),
    /// Nothing is; what there is, in words.
    Others(Arc<str>),
}

/// Values of which none is known; of many the first.
fn alternatives(values: &[&str]) -> String {
    let first = values.iter().take(limits::HINT_WORDS_MAX);
    let quoted: Vec<_> = first.map(|value| format!("`{}`", shown(value))).collect();
    let quoted = quoted.join(" or ");
    match values.len().saturating_sub(limits::HINT_WORDS_MAX) {
        0 => quoted,
        more => format!("{quoted} or {more} more"),
    }
}

/// The labels and names of declared clusters, and how many comparisons with them are left.
struct Known<'a> {
    spec: &'a Spec,
    labels: BTreeMap<&'a str, BTreeSet<&'a str>>,
    left: usize,
    /// The beginnings of names, up to each `-`.
    beginnings: OnceCell<Vec<&'a str>>,
    /// What was asked before: one slip of the pen often stands in many documents.
    asked: BTreeMap<(Option<&'a str>, &'a str), Near>,
    /// The keys of labels, and the values of each key, in words.
    others: BTreeMap<Option<&'a str>, Arc<str>>,
}

impl<'a> Known<'a> {
    fn new(spec: &'a Spec) -> Self {
        let mut labels: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (key, value) in spec.members.values().flat_map(|member| &member.labels) {
            labels.entry(key).or_default().insert(value);
        }
        Self {
            spec,
            labels,
            left: limits::HINT_COMPARISONS_MAX,
            beginnings: OnceCell::new(),
            asked: BTreeMap::new(),
            others: BTreeMap::new(),
        }
    }

    fn is_name(&self, text: &str) -> bool {
        let name = ClusterName::try_new(text);
        name.is_ok_and(|name| self.spec.members.contains_key(&name))
    }

    fn afford(&mut self, cost: usize) -> bool {
        let left = self.left.checked_sub(cost);
        self.left = left.unwrap_or_default();
        left.is_some()
    }

    /// What is near to a label's key, or to a value of a key.
    fn near(&mut self, key: Option<&'a str>, word: &'a str) -> Near {
        if let Some(near) = self.asked.get(&(key, word)) {
            return near.clone();
        }
        let count = match key {
            None => self.labels.len(),
            Some(key) => self.labels.get(key).map_or(0, BTreeSet::len),
        };
        let near = match self.afford(count) {
            true => nearest(word, &self.words(key)),
            false => None,
        };
        let near = match near {
            Some(near) => Near::One(near.to_owned()),
            None => Near::Others(self.others(key)),
        };
        self.asked.insert((key, word), near.clone());
        near
    }

    /// The keys of labels, or the values of a key.
    fn words(&self, key: Option<&str>) -> Vec<&'a str> {
        match key.map(|key| self.labels.get(key)) {
            None => self.labels.keys().copied().collect(),
            Some(values) => values.into_iter().flatten().copied().collect(),
        }
    }

    /// What there is, in words: the same for every word that is not known.
    fn others(&mut self, key: Option<&'a str>) -> Arc<str> {
        if let Some(others) = self.others.get(&key) {
            return Arc::clone(others);
        }
        let known = self.words(key);
        let others: Arc<str> = match key {
            _ if known.is_empty() => "no declared cluster has any label".into(),
            None => format!("labels of declared clusters: {}", listed(&known)).into(),
            Some(key) => format!("values of `{key}`: {}", listed(&known)).into(),
        };
        self.others.insert(key, Arc::clone(&others));
        others
    }

    /// The beginning of some cluster's name, up to a `-`, that is near to a glob's beginning.
    fn near_prefix(&mut self, prefix: &str) -> Option<String> {
        let spec = self.spec;
        let known = self.beginnings.get_or_init(|| {
            let names = spec.members.keys().map(ClusterName::as_str);
            let beginnings = names.flat_map(|name| {
                let ends = name.match_indices('-');
                ends.map(move |(end, _)| &name[..=end])
            });
            let beginnings: BTreeSet<&str> = beginnings.collect();
            beginnings.into_iter().collect()
        });
        let left = self.left.checked_sub(known.len());
        self.left = left.unwrap_or_default();
        left.and_then(|_| nearest(prefix, known))
            .map(ToOwned::to_owned)
    }
}

#[cfg(test)]
mod tests;
