//! Random fleets and random changes to them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::{BundleName, ClusterName, PlacementName, SourceName};

use crate::fixture::{cluster, revision, source};
use crate::inventory::{Facts, Inventory};
use crate::problem::Place;
use crate::selector::{
    Cel, Decimal, Expression, FactExpression, FactOperator, Operator, Pattern, Relation, Term, cel,
};
use crate::spec::{
    Count, Document, Effect, Gap, Group, GroupName, Layer, Member, Mode, Placement, Preference,
    Reference, Spec, Spread, Taint, Toleration, Unsatisfiable,
};

/// Numbers that follow from a seed.
pub(super) struct Rng(u64);

impl Rng {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }

    fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    fn some<T>(&mut self, most: usize, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let count = self.below(most + 1);
        (0..count).map(|_| make(self)).collect()
    }
}

/// A fleet.
pub(super) struct World {
    members: BTreeMap<ClusterName, Arc<Member>>,
    facts: BTreeMap<ClusterName, Facts>,
    groups: BTreeMap<GroupName, Document<Group>>,
    placements: BTreeMap<PlacementName, Document<Arc<Placement>>>,
    /// Places are numbered, so that no two are the same.
    places: u32,
    /// Whether a source is unread, so that clusters that are gone may only be unread too.
    unread: bool,
}

const KEYS: [&str; 3] = ["a", "b", "region"];
const VALUES: [&str; 4] = ["", "x", "y", "z"];

impl World {
    pub(super) fn new(rng: &mut Rng, clusters: usize, placements: usize) -> Self {
        let mut world = Self {
            members: BTreeMap::new(),
            facts: BTreeMap::new(),
            groups: BTreeMap::new(),
            placements: BTreeMap::new(),
            places: 0,
            unread: false,
        };
        for number in 0..clusters {
            world.add(rng, number);
        }
        for number in 0..3 {
            world.group(rng, number);
        }
        for number in 0..placements {
            world.placement(rng, number);
        }
        world
    }

    pub(super) fn spec(&self) -> Spec {
        let mut spec = Spec::default();
        spec.revisions.insert(source(), revision(1));
        spec.revisions.insert(other(), revision(1));
        if self.unread {
            let unread = SourceName::try_new("unread").unwrap();
            spec.gaps.insert(unread, vec![Gap::Unread]);
        }
        spec.members = self.members.clone();
        spec.groups = self.groups.clone();
        spec.placements = self.placements.clone();
        spec
    }

    pub(super) fn inventory(&self) -> Inventory {
        Inventory {
            facts: self.facts.clone(),
            ..Inventory::default()
        }
    }

    /// As after a restart: nobody has reported.
    fn forget_facts(&mut self) {
        for name in self.members.keys() {
            self.facts.insert(name.clone(), Facts::Unknown);
        }
    }

    /// One placement that selects one cluster of all.
    pub(super) fn place_one_of_all(&mut self) {
        let mut rng = Rng::new(1);
        self.placement(&mut rng, 0);
        let at = self.place();
        let document = self.placements.values_mut().next().unwrap();
        let bundles = document.spec.bundles.clone();
        document.spec = Arc::new(Placement {
            bundles,
            clusters: vec![everything(at)],
            count: Some(Count::Clusters(1)),
            ..empty_placement()
        });
    }

    pub(super) fn rename(&mut self, before: &ClusterName) -> ClusterName {
        let member = self.members.remove(before).unwrap();
        let after = cluster("zz");
        let renamed_from = Some(before.clone());
        let member = Member {
            renamed_from,
            ..Member::clone(&member)
        };
        self.members.insert(after.clone(), Arc::new(member));
        after
    }

    /// Changes one thing.
    pub(super) fn change(&mut self, rng: &mut Rng) {
        match rng.below(14) {
            0..3 => self.change_labels(rng),
            3 => self.change_taints(rng),
            4 => {
                let number = rng.below(24);
                self.add(rng, number);
            }
            5 => {
                let name = self.any_cluster(rng);
                self.members.retain(|have, _| Some(have) != name.as_ref());
            }
            6..8 => self.change_facts(rng),
            8 => {
                let number = rng.below(3);
                if rng.percent(30) {
                    self.groups.remove(&group_name(number));
                } else {
                    self.group(rng, number);
                }
            }
            9 => {
                let number = rng.below(4);
                self.placement(rng, number);
            }
            10 => {
                let count = count(rng);
                let at = rng.below(self.placements.len().max(1));
                if let Some(document) = self.placements.values_mut().nth(at) {
                    Arc::make_mut(&mut document.spec).count = count;
                }
            }
            11 => self.forget_facts(),
            12 => self.unread = !self.unread,
            _ => {
                let at = rng.below(self.placements.len().max(1));
                let name = self.placements.keys().nth(at).cloned();
                if rng.percent(50) {
                    self.placements
                        .retain(|have, _| Some(have) != name.as_ref());
                } else if let Some(document) = self.placements.values_mut().nth(at) {
                    let priority = i64::from(rng.percent(50));
                    Arc::make_mut(&mut document.spec).priority = priority;
                }
            }
        }
    }

    fn any_cluster(&self, rng: &mut Rng) -> Option<ClusterName> {
        let at = rng.below(self.members.len().max(1));
        self.members.keys().nth(at).cloned()
    }

    fn change_labels(&mut self, rng: &mut Rng) {
        let Some(name) = self.any_cluster(rng) else {
            return;
        };
        let member = Arc::make_mut(self.members.get_mut(&name).unwrap());
        let key = rng.one(&KEYS).to_owned();
        if rng.percent(30) {
            member.labels.remove(&key);
        } else {
            member.labels.insert(key, rng.one(&VALUES).to_owned());
        }
    }

    fn change_taints(&mut self, rng: &mut Rng) {
        let Some(name) = self.any_cluster(rng) else {
            return;
        };
        let taints = self.taints(rng);
        Arc::make_mut(self.members.get_mut(&name).unwrap()).taints = taints;
    }

    fn change_facts(&mut self, rng: &mut Rng) {
        let Some(name) = self.any_cluster(rng) else {
            return;
        };
        self.facts.insert(name, facts(rng));
    }

    fn place(&mut self) -> Place {
        self.places += 1;
        Place {
            source: source(),
            path: "fleet.yaml".into(),
            line: self.places,
            column: 1,
        }
    }

    fn add(&mut self, rng: &mut Rng, number: usize) {
        let mut labels = BTreeMap::new();
        for key in KEYS {
            if rng.percent(75) {
                labels.insert(key.to_owned(), rng.one(&VALUES).to_owned());
            }
        }
        let member = Member {
            at: self.place(),
            labels,
            label_layers: BTreeMap::new(),
            variables: BTreeMap::new(),
            variable_layers: BTreeMap::new(),
            taints: self.taints(rng),
            mode: Mode::Enforce,
            renamed_from: None,
        };
        let name = cluster(&format!("c{number}"));
        if rng.percent(70) {
            self.facts.insert(name.clone(), facts(rng));
        }
        self.members.insert(name, Arc::new(member));
    }

    fn taints(&mut self, rng: &mut Rng) -> Vec<(Taint, Layer)> {
        if rng.percent(70) {
            return Vec::new();
        }
        let taint = Taint {
            at: self.place(),
            key: rng.one(&["t", "u"]).to_owned(),
            value: rng.one(&["", "m"]).to_owned(),
            effect: effect(rng),
        };
        vec![(taint, Layer::Own)]
    }

    fn group(&mut self, rng: &mut Rng, number: usize) {
        let group = Group {
            clusters: vec![self.term(rng, number), self.term(rng, number)],
            except: rng.some(1, |rng| self.term(rng, number)),
        };
        let name = group_name(number);
        let document = self.document(group);
        self.groups.insert(name, document);
    }

    fn document<T>(&mut self, spec: T) -> Document<T> {
        Document {
            at: self.place(),
            revision: revision(1),
            kept: false,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            spec,
        }
    }

    fn placement(&mut self, rng: &mut Rng, number: usize) {
        let mut clusters = vec![self.term(rng, 3)];
        clusters.extend(rng.some(1, |rng| self.term(rng, 3)));
        let bundles: BTreeSet<&str> = (0..2).map(|_| rng.one(&["b0", "b1", "b2"])).collect();
        let bundle = |name: &str| Reference {
            at: Place {
                source: source(),
                path: "fleet.yaml".into(),
                line: 1,
                column: 1,
            },
            name: BundleName::try_new(source(), name).unwrap(),
        };
        let placement = Placement {
            priority: i64::from(rng.percent(30)),
            bundles: bundles.into_iter().map(bundle).collect(),
            clusters,
            except: rng.some(1, |rng| self.term(rng, 3)),
            tolerations: rng.some(2, |rng| self.toleration(rng)),
            count: count(rng),
            prefer: rng.some(2, |rng| self.preference(rng)),
            spread: rng.some(2, |rng| self.spread(rng)),
            ..empty_placement()
        };
        let of = if number.is_multiple_of(2) {
            source()
        } else {
            other()
        };
        let name = PlacementName::try_new(of, format!("p{number}")).unwrap();
        let document = self.document(Arc::new(placement));
        self.placements.insert(name, document);
    }

    fn toleration(&mut self, rng: &mut Rng) -> Toleration {
        let key = rng.percent(80).then(|| rng.one(&["t", "u"]).to_owned());
        let value = rng.percent(50).then(|| rng.one(&["", "m"]).to_owned());
        Toleration {
            at: self.place(),
            value: value.filter(|_| key.is_some()),
            key,
            effect: rng.percent(40).then(|| effect(rng)),
        }
    }

    fn preference(&mut self, rng: &mut Rng) -> Preference {
        Preference {
            at: self.place(),
            weight: i64::try_from(rng.below(5)).unwrap() - 2,
            term: rng.percent(80).then(|| self.term(rng, 3)),
        }
    }

    fn spread(&mut self, rng: &mut Rng) -> Spread {
        Spread {
            at: self.place(),
            by: rng.one(&KEYS).to_owned(),
            max_skew: 1 + u32::from(rng.percent(30)),
            when_unsatisfiable: if rng.percent(50) {
                Unsatisfiable::DoNotSelect
            } else {
                Unsatisfiable::SelectAnyway
            },
        }
    }

    /// A term that names groups below a number, so that there is no circle.
    fn term(&mut self, rng: &mut Rng, groups: usize) -> Term {
        let mut term = everything(self.place());
        for _ in 0..=rng.below(2) {
            match rng.below(8) {
                0 | 1 => {
                    let (key, value) = (rng.one(&KEYS), rng.one(&VALUES));
                    term.match_labels.insert(key.to_owned(), value.to_owned());
                }
                2 | 3 => term.match_expressions.push(Expression {
                    key: rng.one(&KEYS).to_owned(),
                    operator: operator(rng, &VALUES),
                }),
                4 => {
                    let text = rng.one(&["c1*", "c?", "c3", "*2", "c*"]).to_owned();
                    let at = self.place();
                    term.names.push(Pattern { at, text });
                }
                5 if groups > 0 => term.groups.push(Reference {
                    at: self.place(),
                    name: group_name(rng.below(groups)),
                }),
                6 => term.facts.push(fact(rng)),
                7 if rng.percent(30) => term.cel = Some(self.cel(rng)),
                _ => {}
            }
        }
        term
    }

    fn cel(&mut self, rng: &mut Rng) -> Cel {
        let text = rng.one(&[
            "cluster.labels.a == \"x\"",
            "\"b\" in cluster.labels && cluster.labels.b != \"y\"",
            "cluster.facts.v == \"2\"",
        ]);
        Cel {
            at: self.place(),
            program: cel::Program::parse(text).unwrap(),
        }
    }
}

/// A source whose name is before that of the bundles' own.
fn other() -> SourceName {
    SourceName::try_new("another").unwrap()
}

fn group_name(number: usize) -> GroupName {
    GroupName::try_new(source(), format!("g{number}")).unwrap()
}

fn everything(at: Place) -> Term {
    Term {
        at,
        match_labels: BTreeMap::new(),
        match_expressions: Vec::new(),
        names: Vec::new(),
        groups: Vec::new(),
        facts: Vec::new(),
        cel: None,

        labels_at: Vec::new(),
    }
}

fn empty_placement() -> Placement {
    Placement {
        priority: 0,
        bundles: Vec::new(),
        clusters: Vec::new(),
        except: Vec::new(),
        revision: None,
        suspend: false,
        tolerations: Vec::new(),
        count: None,
        prefer: Vec::new(),
        spread: Vec::new(),
        safety: None,
        overrides: Vec::new(),
    }
}

fn effect(rng: &mut Rng) -> Effect {
    if rng.percent(60) {
        Effect::NoSchedule
    } else {
        Effect::NoExecute
    }
}

fn count(rng: &mut Rng) -> Option<Count> {
    match rng.below(10) {
        0..3 => None,
        3..7 => Some(Count::Clusters(u32::try_from(rng.below(8)).unwrap())),
        _ => Some(Count::Percent(u32::try_from(rng.below(101)).unwrap())),
    }
}

fn operator(rng: &mut Rng, values: &[&str]) -> Operator {
    let mut some = || (0..2).map(|_| rng.one(values).to_owned()).collect();
    let values: BTreeSet<String> = some();
    match rng.below(4) {
        0 => Operator::In(values),
        1 => Operator::NotIn(values),
        2 => Operator::Exists,
        _ => Operator::DoesNotExist,
    }
}

fn fact(rng: &mut Rng) -> FactExpression {
    let operator = if rng.percent(50) {
        FactOperator::Label(operator(rng, &["1", "2", "x"]))
    } else {
        let relations = [Relation::Gt, Relation::Gte, Relation::Lt, Relation::Lte];
        let limit = Decimal::parse(rng.one(&["1", "1.5", "-2"])).unwrap();
        FactOperator::Compare(relations[rng.below(4)], limit)
    };
    FactExpression {
        key: "v".to_owned(),
        operator,
    }
}

fn facts(rng: &mut Rng) -> Facts {
    match rng.below(4) {
        0 => Facts::Unknown,
        1 => Facts::Never,
        _ => {
            let value = rng.one(&["1", "2", "1.50", "x"]).to_owned();
            Facts::Reported(Arc::new(BTreeMap::from([("v".to_owned(), value)])))
        }
    }
}
