//! Random terms, asked about every cluster of a small world.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::ClusterName;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::fixture;
use crate::inventory::Facts;
use crate::problem::Place;
use crate::selector::{
    Candidate, Cel, Decimal, Expression, FactExpression, FactOperator, Members, Membership,
    Operator, Pattern, Relation, Term, Truth, any, cel, cel_errors, contradiction, facts_part,
    implied_by, judge, truth,
};
use crate::spec::{GroupName, Reference, Variables};

pub(super) fn place() -> Place {
    fixture::good("@Cluster a\n").clusters[&fixture::cluster("a")]
        .at
        .clone()
}

pub(super) fn group(name: &str) -> GroupName {
    GroupName::try_new(fixture::source(), name).unwrap()
}

fn operator(values: &'static [&'static str]) -> impl Strategy<Value = Operator> {
    let set = subsequence(values.to_vec(), 1..=values.len())
        .prop_map(|set| set.into_iter().map(str::to_owned).collect::<BTreeSet<_>>());
    prop_oneof![
        set.clone().prop_map(Operator::In),
        set.prop_map(Operator::NotIn),
        Just(Operator::Exists),
        Just(Operator::DoesNotExist),
    ]
}

fn fact() -> impl Strategy<Value = FactExpression> {
    let relation = select(vec![
        Relation::Gt,
        Relation::Gte,
        Relation::Lt,
        Relation::Lte,
    ]);
    let number = select(vec!["1", "1.5", "2", "2.0", "3"]);
    let compare = (relation, number).prop_map(|(relation, text)| {
        FactOperator::Compare(relation, Decimal::parse(text).unwrap())
    });
    let operator = prop_oneof![
        compare,
        operator(&["1", "2", "2.0", "x"]).prop_map(FactOperator::Label)
    ];
    (select(vec!["f", "g"]), operator).prop_map(|(key, operator)| FactExpression {
        key: key.to_owned(),
        operator,
    })
}

const CELS: [&str; 4] = [
    "cluster.labels.a == 'x'",
    "'x' == 'x' || cluster.facts.f == '1'",
    "cluster.facts.f == '2'",
    "has(cluster.labels.b)",
];

prop_compose! {
    fn term()(
        match_labels in prop::collection::btree_map(select(vec!["a", "b"]), select(vec!["x", "y"]), 0..2),
        expressions in prop::collection::vec((select(vec!["a", "b"]), operator(&["x", "y", "z"])), 0..3),
        names in subsequence(vec!["a", "ab", "b", "a*", "*", "?", "a?", "*b", "B*", "ab*"], 0..3),
        groups in subsequence(vec!["g", "h"], 0..=2),
        facts in prop::collection::vec(fact(), 0..3),
        program in prop::option::weighted(0.3, select(CELS.to_vec())),
    ) -> Term {
        let at = place();
        let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        Term {
            match_labels: match_labels.into_iter().map(owned).collect(),
            match_expressions: expressions
                .into_iter()
                .map(|(key, operator)| Expression { key: key.to_owned(), operator })
                .collect(),
            names: names
                .into_iter()
                .map(|text| Pattern { at: at.clone(), text: text.to_owned() })
                .collect(),
            groups: groups
                .into_iter()
                .map(|name| Reference { at: at.clone(), name: group(name) })
                .collect(),
            facts,
            cel: program.map(|text| Cel { at: at.clone(), program: cel::Program::parse(text).unwrap() }),
            labels_at: Vec::new(),
            at,
        }
    }
}

/// A cluster with what it is member of.
struct Inhabitant {
    name: ClusterName,
    labels: BTreeMap<String, String>,
    facts: Facts,
    groups: Membership,
}

/// Every cluster that can be told from others by the terms above.
fn world() -> Vec<Inhabitant> {
    let label =
        |key: &str, value: &str| (!value.is_empty()).then(|| (key.to_owned(), value.to_owned()));
    let mut all = Vec::new();
    let facts = ["?", "", "1", "1.7", "2", "2.00", "2.0", "3", "7", "x", "-1"];
    for name in ["a", "ab", "b", "abc"].map(fixture::cluster) {
        for (a, b) in [
            ("", ""),
            ("x", ""),
            ("y", "x"),
            ("z", "z"),
            ("x", "y"),
            ("", "z"),
            ("w", "w"),
        ] {
            for (n, f) in facts.into_iter().enumerate() {
                let known = [label("f", f), label("g", facts[(n + 3) % facts.len()])];
                let mut groups = Membership::new();
                for (bit, of) in [(1, "g"), (2, "h")] {
                    let mut members = Members::default();
                    match (n / bit) % 3 {
                        0 => drop(members.yes.insert(name.clone())),
                        1 => drop(members.unknown.insert(name.clone())),
                        _ => {}
                    }
                    groups.insert(group(of), members);
                }
                all.push(Inhabitant {
                    name: name.clone(),
                    labels: [label("a", a), label("b", b)]
                        .into_iter()
                        .flatten()
                        .collect(),
                    facts: match f {
                        "?" => Facts::Unknown,
                        _ => Facts::Reported(Arc::new(known.into_iter().flatten().collect())),
                    },
                    groups,
                });
            }
        }
    }
    all
}

static NO_VARIABLES: Variables = Variables::new();

impl Inhabitant {
    fn candidate(&self) -> Candidate<'_> {
        Candidate {
            name: &self.name,
            labels: &self.labels,
            variables: &NO_VARIABLES,
            facts: &self.facts,
        }
    }

    fn member(&self, name: &GroupName) -> Truth {
        self.groups
            .get(name)
            .map_or(Truth::No, |members| members.truth(&self.name))
    }

    fn truth(&self, term: &Term) -> Truth {
        truth(term, self.candidate(), &|name| self.member(name))
    }
}

proptest! {
    #[test]
    fn words_and_answers_agree(terms in prop::collection::vec(term(), 0..4)) {
        for cluster in world() {
            let member = |name: &GroupName| cluster.member(name);
            let answer = any(&terms, cluster.candidate(), &member);
            let judgement = judge(&terms, cluster.candidate(), &cluster.groups);
            prop_assert_eq!(judgement.truth(), answer);
            let each = terms.iter().map(|term| cluster.truth(term)).max();
            prop_assert_eq!(each.unwrap_or(Truth::No), answer);
        }
    }

    #[test]
    fn an_index_and_the_rest_make_the_answer(term in term()) {
        let indexed = Term { facts: Vec::new(), cel: None, ..term.clone() };
        for cluster in world() {
            let both = cluster.truth(&indexed).and(facts_part(&term, cluster.candidate()));
            prop_assert_eq!(both, cluster.truth(&term));
            if cel_errors(&term, cluster.candidate()).is_some() {
                prop_assert_eq!(cluster.truth(&term), Truth::No);
            }
        }
    }

    #[test]
    fn what_is_known_does_not_change_when_facts_arrive(term in term()) {
        let all = world();
        for unknown in all.iter().filter(|cluster| cluster.facts == Facts::Unknown) {
            let before = unknown.truth(&term);
            for known in &all {
                let same = known.name == unknown.name && known.labels == unknown.labels;
                let candidate = Candidate { facts: &known.facts, ..unknown.candidate() };
                let after = truth(&term, candidate, &|name| unknown.member(name));
                prop_assert!(!same || before == Truth::Unknown || before == after);
            }
        }
    }

    #[test]
    fn a_contradiction_matches_no_cluster(term in term()) {
        if contradiction(&term).is_some() {
            for cluster in world() {
                prop_assert_ne!(cluster.truth(&term), Truth::Yes);
            }
        }
    }

    #[test]
    fn what_a_covered_term_matches_its_cover_matches(term in term(), cover in term(), keep in 0_usize..64) {
        // Part of a term covers it more often than another one does.
        let mut part = term.clone();
        part.match_labels.retain(|_, _| keep & 1 == 0);
        part.match_expressions.truncate(keep >> 1 & 1);
        part.facts.truncate(keep >> 2 & 1);
        if keep & 8 == 0 {
            part.names = cover.names.clone();
        }
        if keep & 16 == 0 {
            part.cel = None;
        }
        if keep & 32 == 0 {
            part.facts = cover.facts.clone();
            part.match_expressions = cover.match_expressions.clone();
        }
        for earlier in [&cover, &part] {
            if implied_by(&term, earlier) {
                for cluster in world() {
                    prop_assert!(cluster.truth(&term) <= cluster.truth(earlier), "{:?}", cluster.labels);
                }
            }
        }
    }
}
