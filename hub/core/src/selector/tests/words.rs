//! Answers in words, and what terms cannot reach.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use expect_test::{Expect, expect};

use super::random::{group, place};
use crate::fixture;
use crate::inventory::Facts;
use crate::selector::{
    Candidate, Cel, Decimal, Expression, FactExpression, FactOperator, Judgement, Operator,
    Pattern, Relation, Term, cel, contradiction, implied_by, judge, membership,
};
use crate::spec::{Document, Group, Reference, Variables};

/// A term from a short text: `label env=prod`, `label tier In gold silver`, `fact n Gt 3`,
/// `name a*`, `group g`, `cel EXPRESSION`; parts are separated by `;`.
fn term(text: &str) -> Term {
    let mut term = Term {
        at: place(),
        match_labels: BTreeMap::new(),
        match_expressions: Vec::new(),
        names: Vec::new(),
        groups: Vec::new(),
        facts: Vec::new(),
        cel: None,
        labels_at: Vec::new(),
    };
    for part in text
        .split(';')
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        let (noun, rest) = part.split_once(' ').unwrap();
        match (noun, rest.split_once('=')) {
            ("label", Some((key, value))) => {
                term.match_labels.insert(key.to_owned(), value.to_owned());
            }
            ("label", None) => {
                let (key, FactOperator::Label(operator)) = condition(rest) else {
                    panic!("labels are no numbers");
                };
                term.match_expressions.push(Expression { key, operator });
            }
            ("fact", _) => {
                let (key, operator) = condition(rest);
                term.facts.push(FactExpression { key, operator });
            }
            ("name", _) => term.names.push(Pattern {
                at: place(),
                text: rest.to_owned(),
            }),
            ("group", _) => term.groups.push(Reference {
                at: place(),
                name: group(rest),
            }),
            _ => {
                let program = cel::Program::parse(rest).unwrap();
                term.cel = Some(Cel {
                    at: place(),
                    program,
                });
            }
        }
    }
    term
}

/// `KEY OPERATOR VALUE...`
fn condition(text: &str) -> (String, FactOperator) {
    let words: Vec<&str> = text.split(' ').collect();
    let values = || words[2..].iter().map(|value| (*value).to_owned()).collect();
    let compare = |relation| FactOperator::Compare(relation, Decimal::parse(words[2]).unwrap());
    let operator = match words[1] {
        "In" => FactOperator::Label(Operator::In(values())),
        "NotIn" => FactOperator::Label(Operator::NotIn(values())),
        "Exists" => FactOperator::Label(Operator::Exists),
        "DoesNotExist" => FactOperator::Label(Operator::DoesNotExist),
        "Gt" => compare(Relation::Gt),
        "Gte" => compare(Relation::Gte),
        "Lt" => compare(Relation::Lt),
        _ => compare(Relation::Lte),
    };
    (words[0].to_owned(), operator)
}

/// One term a line, each followed by its answer, which is indented.
fn check(facts: &Facts, expect: Expect) {
    let name = fixture::cluster("prod-eu-1");
    let labels = [("env", "prod"), ("tier", "gold")];
    let labels = labels.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let variables = Variables::new();
    let candidate = Candidate {
        name: &name,
        labels: &labels,
        variables: &variables,
        facts,
    };
    let document = |clusters: &str| Document {
        at: place(),
        revision: fixture::revision(1),
        kept: false,
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        spec: Group {
            clusters: vec![term(clusters)],
            except: Vec::new(),
        },
    };
    let groups = [
        ("prod", "label env=prod"),
        ("west", "group prod"),
        ("europe", "group west"),
        ("large", "fact nodes Gt 10; label env=prod"),
        ("dev", "label env=dev"),
    ];
    let groups = groups
        .map(|(name, clusters)| (group(name), document(clusters)))
        .into();
    let groups = membership(&groups, std::iter::once(candidate));
    let mut out = String::new();
    for text in questions(&expect) {
        let answer = match judge(&[term(text)], candidate, &groups) {
            Judgement::Yes(found) => format!("yes: {}", found.because),
            Judgement::Unknown(misses) => format!("unknown: {}", misses[0].because),
            Judgement::No(misses) => format!("no: {}", misses[0].because),
        };
        writeln!(out, "{text}\n    {answer}").unwrap();
    }
    expect.assert_eq(&out);
}

/// The lines that are not indented.
fn questions(expect: &Expect) -> Vec<&str> {
    let lines: Vec<&str> = expect
        .data()
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let least = lines.iter().map(|line| indent(line)).min().unwrap_or(0);
    let lines = lines.into_iter().filter(|line| indent(line) == least);
    lines.map(str::trim).collect()
}

fn reported() -> Facts {
    let facts = [
        ("nodes", "12"),
        ("kubernetes.minor", "31"),
        ("provider", "bare"),
    ];
    Facts::Reported(Arc::new(
        facts.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
    ))
}

#[test]
fn every_part_of_a_term_says_why() {
    check(
        &reported(),
        expect![[r#"
            label env=prod
                yes: label env is `prod`
            label env=dev
                no: label env is `prod`, not `dev`
            label team=a
                no: label team is not there, `a` is wanted
            label tier In gold silver
                yes: label tier is `gold`
            label tier In tin
                no: label tier is `gold`, not in `tin`
            label team In a b
                no: label team is not there, one of `a`, `b` is wanted
            label tier NotIn tin
                yes: label tier is `gold`
            label tier NotIn gold
                no: label tier is `gold`, which NotIn excludes
            label team NotIn a
                yes: label team is not there
            label tier Exists
                yes: label tier exists (`gold`)
            label team Exists
                no: label team is not there
            label team DoesNotExist
                yes: label team is not there
            label tier DoesNotExist
                no: label tier is there (`gold`)
            name prod-*
                yes: name matches `prod-*`
            name dev-*; name a
                no: name prod-eu-1 matches none of `dev-*`, `a`
            group europe
                yes: member of group europe through group west through group prod
            group dev
                no: member of no group of dev
            group dev; group prod
                yes: member of group prod
            label env=prod; name prod-*; group prod
                yes: label env is `prod`, name matches `prod-*`, member of group prod
        "#]],
    );
}

#[test]
fn every_operator_on_facts_says_why() {
    check(
        &reported(),
        expect![[r#"
            fact nodes In 11 12
                yes: fact nodes is `12`
            fact nodes In 12.0
                no: fact nodes is `12`, not in `12.0`
            fact cpu In 1
                no: fact cpu is not there, one of `1` is wanted
            fact nodes NotIn 11
                yes: fact nodes is `12`
            fact nodes NotIn 12
                no: fact nodes is `12`, which NotIn excludes
            fact cpu NotIn 11
                yes: fact cpu is not there
            fact nodes Exists
                yes: fact nodes exists (`12`)
            fact cpu Exists
                no: fact cpu is not there
            fact cpu DoesNotExist
                yes: fact cpu is not there
            fact nodes DoesNotExist
                no: fact nodes is there (`12`)
            fact nodes Gt 11.99
                yes: fact nodes is `12`, greater than 11.99
            fact nodes Gt 12
                no: fact nodes is `12`, not greater than 12
            fact nodes Gte 12.0
                yes: fact nodes is `12`, at least 12.0
            fact nodes Gte 13
                no: fact nodes is `12`, not at least 13
            fact nodes Lt 12.01
                yes: fact nodes is `12`, less than 12.01
            fact nodes Lt 12
                no: fact nodes is `12`, not less than 12
            fact nodes Lte 12
                yes: fact nodes is `12`, at most 12
            fact nodes Lte 11
                no: fact nodes is `12`, not at most 11
            fact cpu Gt 1
                no: fact cpu is not there, a number greater than 1 is wanted
            fact provider Lt 1
                no: fact provider is `bare`, which is no number
            cel int(cluster.facts.nodes) > 11
                yes: cel `int(cluster.facts.nodes) > 11` holds
            cel cluster.labels.env == "dev"
                no: cel `cluster.labels.env == "dev"` does not hold
            cel cluster.labels.team == "a"
                no: cel fails: label team is not there
        "#]],
    );
}

#[test]
fn facts_that_are_not_known_are_named() {
    check(
        &Facts::Unknown,
        expect![[r#"
            fact nodes Gt 11
                unknown: fact nodes is not known yet: the cluster has not reported since the hub started
            fact nodes DoesNotExist
                unknown: fact nodes is not known yet: the cluster has not reported since the hub started
            label env=prod; fact nodes Gt 11
                unknown: fact nodes is not known yet: the cluster has not reported since the hub started
            label env=dev; fact nodes Gt 11
                no: label env is `prod`, not `dev`
            group large
                unknown: whether it is a member of group large hangs on facts that are not known yet
            group dev; group large
                unknown: whether it is a member of group large hangs on facts that are not known yet
            cel int(cluster.facts.nodes) > 11
                unknown: cel `int(cluster.facts.nodes) > 11` hangs on facts that are not known yet
            cel cluster.labels.env == "prod" || cluster.facts.nodes == "1"
                yes: cel `cluster.labels.env == "prod" || cluster.facts.nodes == "1"` holds
        "#]],
    );
}

#[test]
fn terms_that_match_nothing_say_why() {
    let expect = expect![[r#"
        label env=prod
            may match
        label env=prod; label env NotIn prod
            label env must be `prod`, which another condition excludes
        label env=prod; label env In dev test
            label env must have two values at once
        label env In prod test; label env NotIn prod
            may match
        label env In prod test; label env NotIn prod test
            label env must be `prod`, `test`, which another condition excludes
        label env Exists; label env DoesNotExist
            label env must be there and must not be there
        label env NotIn prod; label env DoesNotExist
            may match
        fact n Gt 5; fact n Lt 3
            fact n cannot be greater than 5 and less than 3
        fact n Gt 5; fact n Lte 5
            fact n cannot be greater than 5 and at most 5
        fact n Gte 5; fact n Lte 5
            may match
        fact n In 1 2; fact n Gt 2
            fact n must be `1`, `2`, which another condition excludes
        fact n In 1 x; fact n Gte 1
            may match
        fact n Gt 5; fact n DoesNotExist
            fact n must be there and must not be there
        name Prod-1
            no cluster can be called `Prod-1`
        name Prod-*; name prod-*
            may match
        name Prod_*
            no cluster can be called `Prod_*`
    "#]];
    let mut out = String::new();
    for text in questions(&expect) {
        let answer = contradiction(&term(text)).unwrap_or_else(|| "may match".to_owned());
        writeln!(out, "{text}\n    {answer}").unwrap();
    }
    expect.assert_eq(&out);
}

#[test]
fn terms_are_covered_by_wider_ones() {
    let expect = expect![[r#"
        label env=prod <= name *
            true
        label env=prod <= label env=prod
            true
        label env=prod; label tier=gold <= label env=prod
            true
        label env=prod <= label env=prod; label tier=gold
            false
        label env=prod <= label env In prod dev
            true
        label env In prod dev <= label env=prod
            false
        label env=prod <= label env Exists
            true
        label env=prod <= label env NotIn dev
            true
        label env NotIn dev test <= label env NotIn dev
            true
        label env DoesNotExist <= label env NotIn dev
            true
        label env=prod <= label tier NotIn gold
            false
        name prod-eu-1 <= name prod-*
            true
        name prod-eu-* <= name prod-*
            true
        name prod-* <= name prod-eu-*
            false
        name prod-1; name dev-1 <= name prod-*
            false
        label env=prod <= name prod-*
            false
        group europe <= group europe; group asia
            true
        group europe; group asia <= group europe
            false
        fact n Gt 5 <= fact n Gte 5
            true
        fact n Gte 5 <= fact n Gt 5
            false
        fact n Gte 6 <= fact n Gt 5
            true
        fact n In 6 7 <= fact n Gt 5
            true
        fact n Lt 3 <= fact n NotIn 4 x
            true
        fact n Lt 3 <= fact n Exists
            true
        cel cluster.labels.a == "b"; label env=prod <= cel cluster.labels.a == "b"
            true
        cel cluster.labels.a == "b" <= cel cluster.labels.a == "c"
            false
    "#]];
    let mut out = String::new();
    for text in questions(&expect) {
        let (of, earlier) = text.split_once(" <= ").unwrap();
        let answer = implied_by(&term(of), &term(earlier));
        writeln!(out, "{text}\n    {answer}").unwrap();
    }
    expect.assert_eq(&out);
}
