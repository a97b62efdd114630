//! Selection terms, answered for all clusters at once.
//!
//! What names, labels and groups say is found with sets alone. Only what is left then is asked one
//! by one for `facts` and CEL.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::ClusterName;

use super::bits::Bits;
use super::index::Index;
use crate::problem::{Code, Place, Problem, nearest};
use crate::selector::cel::missing_key;
use crate::selector::{Expression, Operator, Pattern, Term, Truth, cel_errors, facts_part, glob};
use crate::spec::{Group, GroupName, Reference};

/// Which clusters match, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    /// Those that match, whatever the unknown facts are.
    pub(super) yes: Bits,
    /// Those, and the ones of which it hangs on unknown facts; `None` where there are none of these.
    pub(super) possible: Option<Bits>,
}

/// The members of every group.
pub(super) type Groups = BTreeMap<GroupName, Arc<Answer>>;

/// CEL expressions that failed: where, with which words; on which cluster first, and on how many.
pub(super) type Failures = BTreeMap<(Place, String), (ClusterName, usize)>;

/// Answers terms.
pub(super) struct Asking<'a> {
    pub(super) index: &'a Index,
    pub(super) groups: &'a Groups,
    pub(super) failures: Failures,
}

impl Answer {
    fn none(len: usize) -> Self {
        Self {
            yes: Bits::empty(len),
            possible: None,
        }
    }

    /// Those that match or may match.
    pub(super) fn possible(&self) -> &Bits {
        self.possible.as_ref().unwrap_or(&self.yes)
    }

    /// The answer for one cluster.
    pub(super) fn truth(&self, cluster: u32) -> Truth {
        if self.yes.contains(cluster) {
            Truth::Yes
        } else if self.possible().contains(cluster) {
            Truth::Unknown
        } else {
            Truth::No
        }
    }

    /// Takes an answer for one cluster in.
    pub(super) fn set(&mut self, cluster: u32, truth: Truth) {
        if truth == Truth::Unknown && self.possible.is_none() {
            self.possible = Some(self.yes.clone());
        }
        self.yes.set(cluster, truth == Truth::Yes);
        if let Some(possible) = &mut self.possible {
            possible.set(cluster, truth != Truth::No);
        }
        self.settle();
    }

    /// Keeps what is in both.
    fn and(&mut self, other: &Self) {
        if self.possible.is_some() || other.possible.is_some() {
            let mut possible = self.possible().clone();
            possible.and(other.possible());
            self.possible = Some(possible);
        }
        self.yes.and(&other.yes);
    }

    /// Adds what is in the other.
    fn or(&mut self, other: &Self) {
        if self.possible.is_some() || other.possible.is_some() {
            let mut possible = self.possible().clone();
            possible.or(other.possible());
            self.possible = Some(possible);
        }
        self.yes.or(&other.yes);
    }

    /// Keeps what is not in the other.
    pub(super) fn and_not(&mut self, other: &Self) {
        if self.possible.is_some() || other.possible.is_some() {
            let mut possible = self.possible().clone();
            possible.subtract(&other.yes);
            self.possible = Some(possible);
        }
        self.yes.subtract(other.possible());
        self.settle();
    }

    /// One form for one answer.
    fn settle(&mut self) {
        if self.possible.as_ref() == Some(&self.yes) {
            self.possible = None;
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.yes.bytes() + self.possible.as_ref().map_or(0, Bits::bytes)
    }
}

/// Whether a cluster is a member of a group. Of a group that is not known nobody can say.
pub(super) fn member(groups: &Groups, name: &GroupName, cluster: u32) -> Truth {
    groups
        .get(name)
        .map_or(Truth::Unknown, |answer| answer.truth(cluster))
}

/// The label keys that terms name.
pub(super) fn keys<'a>(terms: impl Iterator<Item = &'a Term>) -> BTreeSet<&'a str> {
    let mut keys = BTreeSet::new();
    for term in terms {
        keys.extend(term.match_labels.keys().map(String::as_str));
        keys.extend(term.match_expressions.iter().map(|e| e.key.as_str()));
    }
    keys
}

impl<'a> Asking<'a> {
    pub(super) fn new(index: &'a Index, groups: &'a Groups) -> Self {
        Self {
            index,
            groups,
            failures: Failures::new(),
        }
    }

    /// The members of a group.
    pub(super) fn group(&mut self, group: &Group) -> Answer {
        let mut members = self.any(&group.clusters);
        if !group.except.is_empty() {
            members.and_not(&self.any(&group.except));
        }
        members
    }

    /// Who matches any of the terms.
    pub(super) fn any(&mut self, terms: &[Term]) -> Answer {
        let mut answers = terms.iter();
        let Some(first) = answers.next() else {
            return Answer::none(self.index.len());
        };
        let mut any = self.term(first);
        for term in answers {
            let answer = self.term(term);
            any.or(&answer);
        }
        any.settle();
        any
    }

    /// Who matches a term.
    pub(super) fn term(&mut self, term: &Term) -> Answer {
        let mut answer = Answer {
            yes: self.labels(term),
            possible: None,
        };
        if !term.names.is_empty() {
            answer.yes.and(&self.named(&term.names));
        }
        if !term.groups.is_empty() {
            answer.and(&self.members(&term.groups));
        }
        if !term.facts.is_empty() || term.cel.is_some() {
            self.ask(term, &mut answer);
        }
        answer.settle();
        answer
    }

    /// Who has the labels that a term wants.
    fn labels(&self, term: &Term) -> Bits {
        let len = self.index.len();
        let mut all: Option<Bits> = None;
        for (key, value) in &term.match_labels {
            let posting = self.index.column(key).and_then(|c| c.with(value));
            let Some(posting) = posting else {
                return Bits::empty(len);
            };
            match &mut all {
                Some(all) => posting.narrow(all),
                None => all = Some(posting.bits(len)),
            }
        }
        let mut all = all.unwrap_or_else(|| Bits::full(len));
        for expression in &term.match_expressions {
            self.expression(expression, &mut all);
        }
        all
    }

    fn expression(&self, expression: &Expression, all: &mut Bits) {
        let column = self.index.column(&expression.key);
        let column = column.expect("every key that terms name has a column");
        match &expression.operator {
            Operator::In(values) => {
                let mut having = Bits::empty(self.index.len());
                for posting in values.iter().filter_map(|value| column.with(value)) {
                    posting.widen(&mut having);
                }
                all.and(&having);
            }
            Operator::NotIn(values) => {
                for posting in values.iter().filter_map(|value| column.with(value)) {
                    posting.take(all);
                }
            }
            Operator::Exists => column.absent().take(all),
            Operator::DoesNotExist => column.absent().narrow(all),
        }
    }

    fn named(&self, patterns: &[Pattern]) -> Bits {
        let mut named = Bits::empty(self.index.len());
        for pattern in patterns {
            let text = pattern.text.as_str();
            let prefix = &text[..text.find(['*', '?']).unwrap_or(text.len())];
            for number in self.index.beginning(prefix) {
                if glob(text, self.index.name(number).as_str()) {
                    named.insert(number);
                }
            }
        }
        named
    }

    fn members(&self, groups: &[Reference<GroupName>]) -> Answer {
        let mut all = Answer::none(self.index.len());
        for reference in groups {
            match self.groups.get(&reference.name) {
                Some(group) => all.or(group),
                None => all.possible = Some(Bits::full(self.index.len())),
            }
        }
        all
    }

    /// Asks for what needs more than names, labels and groups.
    fn ask(&mut self, term: &Term, answer: &mut Answer) {
        let asked: Vec<u32> = answer.possible().iter().collect();
        for cluster in asked {
            let candidate = self.index.candidate(cluster);
            let truth = facts_part(term, candidate);
            if truth == Truth::No
                && let Some(message) = cel_errors(term, candidate)
            {
                self.failed(term, message, cluster);
            }
            if truth != Truth::Yes {
                answer.set_unsettled(cluster, truth);
            }
        }
    }

    fn failed(&mut self, term: &Term, message: String, cluster: u32) {
        let at = term.cel.as_ref().map_or(&term.at, |cel| &cel.at).clone();
        let name = || self.index.name(cluster).clone();
        let (_, times) = self
            .failures
            .entry((at, message))
            .or_insert_with(|| (name(), 0));
        *times += 1;
    }
}

impl Answer {
    /// Lowers the answer for one cluster to `truth`, which is not yes.
    fn set_unsettled(&mut self, cluster: u32, truth: Truth) {
        if truth == Truth::Unknown && self.possible.is_none() {
            self.possible = Some(self.yes.clone());
        }
        self.yes.remove(cluster);
        if truth == Truth::No
            && let Some(possible) = &mut self.possible
        {
            possible.remove(cluster);
        }
    }
}

/// How an expression asks whether the key is there without which it failed, where that is why.
fn asked(message: &str) -> Option<String> {
    let (map, key) = missing_key(message)?;
    Some(format!("{} in cluster.{map}", serde_json::Value::from(key)))
}

/// What failed, as problems: one for each place and words, naming the first cluster. At `excepting`
/// places an expression takes clusters out: where it fails, it does not.
pub(super) fn problems(
    failures: &Failures,
    index: &Index,
    excepting: &BTreeSet<&Place>,
) -> impl Iterator<Item = Problem> {
    failures.iter().map(|((at, message), (cluster, times))| {
        let near = missing_key(message).filter(|(map, _)| *map == "labels");
        let near = near.and_then(|(_, label)| {
            let labels = &index.member(index.number(cluster)?).labels;
            let known: Vec<&str> = labels.keys().map(String::as_str).collect();
            nearest(label, &known)
        });
        let asked = asked(message);
        let hint = match (near, asked, excepting.contains(at)) {
            (Some(near), _, false) => Some(format!("did you mean `cluster.labels.{near}`?")),
            (Some(near), _, true) => Some(format!(
                "so it is not excepted; did you mean `cluster.labels.{near}`?"
            )),
            (None, Some(asked), false) => Some(format!(
                "ask whether the key is there first: `{asked} && ...`"
            )),
            (None, Some(asked), true) => Some(format!(
                "so it is not excepted; to except it where the key is not there: `!({asked}) || ...`"
            )),
            (None, None, false) => None,
            (None, None, true) => Some("so it is not excepted".to_owned()),
        };
        let more = match times - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let message = format!("cel fails on {cluster}{more}, which it does not match: {message}");
        Problem::warning(at, Code::CelFails, message)
            .about_cluster(cluster)
            .maybe_hint(hint)
    })
}
