//! The deciding itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::{BundleName, ClusterName, PlacementName};

use super::{ClusterDecision, Decisions, Placed, PlacementDecision, Rejection};
use crate::effective::{Subject, inputs};
use crate::inventory::{Facts, Inventory};
use crate::problem::{Code, Problem};
use crate::selector::{Candidate, Judgement, Match, Membership, Miss, Term, judge, membership};
use crate::spec::{Document, Placement, Spec};

/// Decides for every placement and cluster, with reasons. The same input gives the same answer,
/// in whatever order the files came.
#[must_use]
pub fn resolve(spec: &Spec, inventory: &Inventory, previous: &Decisions) -> Decisions {
    let candidates = spec
        .members
        .iter()
        .map(|(name, member)| Candidate::of(name, member, inventory.facts(name)));
    let groups = membership(&spec.groups, candidates.clone());
    let mut placements = BTreeMap::new();
    let mut problems = Vec::new();
    for (name, document) in &spec.placements {
        let before = previous.placements.get(name);
        let decision = decide(document, candidates.clone(), &groups, before);
        // Where clusters are missing because their documents are broken, that is the problem.
        if decision.selected.is_empty() && (decision.emptied.is_some() || !spec.lacks_clusters()) {
            problems.push(selects_nothing(name, &decision));
        }
        placements.insert(name.clone(), decision);
    }
    let clusters = assign(spec, inventory, &groups, &placements);
    problems.extend(missing_dependencies(spec, &clusters));
    problems.sort();
    problems.dedup();
    let undeclared = inventory
        .enrolled
        .iter()
        .filter(|name| !spec.clusters.contains_key(*name))
        .cloned();
    Decisions {
        revisions: spec.revisions.clone(),
        placements,
        clusters,
        undeclared: undeclared.collect(),
        bundles: spec
            .bundles
            .iter()
            .map(|(name, d)| (name.clone(), d.at.clone()))
            .collect(),
        gaps: spec.gaps.clone(),
        problems,
    }
}

/// Which clusters one placement selects.
fn decide<'a>(
    document: &Document<Placement>,
    candidates: impl Iterator<Item = Candidate<'a>>,
    groups: &Membership,
    before: Option<&PlacementDecision>,
) -> PlacementDecision {
    let placement = &document.spec;
    let mut selected: BTreeMap<ClusterName, Arc<Match>> = BTreeMap::new();
    let mut rejected = BTreeMap::new();
    // Thousands of clusters are missed for the same few reasons.
    let mut known: BTreeSet<Arc<[Miss]>> = BTreeSet::new();
    for candidate in candidates {
        let name = candidate.name.clone();
        let kept = before.is_some_and(|before| before.selected.contains_key(&name));
        match judged(&placement.clusters, candidate, groups, kept) {
            Err(misses) => {
                let misses: Arc<[Miss]> = match known.get(misses.as_slice()) {
                    Some(same) => Arc::clone(same),
                    None => misses.into(),
                };
                known.insert(Arc::clone(&misses));
                rejected.insert(name, Rejection::NotMatched(misses));
            }
            Ok(found) => match judged(&placement.except, candidate, groups, !kept) {
                Ok(except) => {
                    rejected.insert(
                        name,
                        Rejection::Excepted {
                            selected: found,
                            except,
                        },
                    );
                }
                Err(_) => {
                    selected.insert(name, Arc::new(found));
                }
            },
        }
    }
    let emptied = before.filter(|_| selected.is_empty()).and_then(|before| {
        if before.selected.is_empty() {
            return before.emptied.clone();
        }
        Some(before.selected.keys().cloned().collect())
    });
    PlacementDecision {
        at: document.at.clone(),
        priority: placement.priority,
        bundles: placement.bundles.clone(),
        selected,
        rejected,
        suspended: placement.suspend,
        emptied,
    }
}

/// What selects a cluster; what is not known counts as `unknown` says.
fn judged(
    terms: &[Term],
    candidate: Candidate<'_>,
    groups: &Membership,
    unknown: bool,
) -> Result<Match, Vec<Miss>> {
    match judge(terms, candidate, groups) {
        Judgement::Yes(found) => Ok(found),
        Judgement::Unknown(misses) if unknown => Ok(Match {
            term: misses[0].term.clone(),
            because: misses[0].because.clone(),
        }),
        Judgement::Unknown(misses) | Judgement::No(misses) => Err(misses),
    }
}

fn selects_nothing(name: &PlacementName, decision: &PlacementDecision) -> Problem {
    let message = format!("placement `{}` selects no cluster", name.name());
    let hint = match &decision.emptied {
        Some(before) => format!(
            "it selected {} before; what it brought is held",
            before.len()
        ),
        None => "no declared cluster matches its terms".to_owned(),
    };
    Problem::warning(&decision.at, Code::SelectsNothing, message).hint(hint)
}

/// Settles per cluster which placement owns which bundle: the higher priority, then the lower name.
fn assign(
    spec: &Spec,
    inventory: &Inventory,
    groups: &Membership,
    placements: &BTreeMap<PlacementName, PlacementDecision>,
) -> BTreeMap<ClusterName, ClusterDecision> {
    let mut wanted: BTreeMap<&ClusterName, BTreeMap<&BundleName, Vec<&PlacementName>>> =
        BTreeMap::new();
    for (name, decision) in placements {
        for cluster in decision.selected.keys() {
            let bundles = wanted.entry(cluster).or_default();
            for bundle in &decision.bundles {
                bundles.entry(&bundle.name).or_default().push(name);
            }
        }
    }
    let mut clusters = BTreeMap::new();
    for (name, member) in &spec.members {
        let mut bundles = BTreeMap::new();
        for (bundle, mut claims) in wanted.remove(name).unwrap_or_default() {
            claims.sort_by_key(|p| (std::cmp::Reverse(placements[*p].priority), *p));
            let claim = Claim {
                spec,
                facts: inventory.facts(name),
                groups,
                cluster: name,
                bundle,
            };
            bundles.insert(bundle.clone(), claim.settle(&claims, placements));
        }
        let decision = ClusterDecision {
            at: member.at.clone(),
            labels: Arc::new(member.labels.clone()),
            bundles,
        };
        clusters.insert(name.clone(), decision);
    }
    clusters
}

struct Claim<'a> {
    spec: &'a Spec,
    facts: &'a Facts,
    groups: &'a Membership,
    cluster: &'a ClusterName,
    bundle: &'a BundleName,
}

impl Claim<'_> {
    /// The first of `claims` owns the bundle.
    fn settle(
        &self,
        claims: &[&PlacementName],
        placements: &BTreeMap<PlacementName, PlacementDecision>,
    ) -> Placed {
        let owner = claims[0];
        let decision = &placements[owner];
        let named = decision.bundles.iter().find(|b| b.name == *self.bundle);
        let declared = self.spec.bundles.get(self.bundle);
        let subject = Subject {
            spec: self.spec,
            groups: self.groups,
            cluster: self.cluster,
            member: &self.spec.members[self.cluster],
            bundle: self.bundle,
            facts: self.facts,
        };
        let inputs = inputs(subject, &self.spec.placements[owner].spec);
        Placed {
            placement: owner.clone(),
            named_at: named
                .map_or(&decision.at, |reference| &reference.at)
                .clone(),
            because: Arc::clone(&decision.selected[self.cluster]),
            declared: declared.is_some(),
            suspended: decision.suspended,
            inputs: Arc::new(inputs),
            shadowed: claims[1..].iter().map(|name| (*name).clone()).collect(),
        }
    }
}

/// A bundle that waits for one that is not placed on the same cluster would wait for ever.
fn missing_dependencies(
    spec: &Spec,
    clusters: &BTreeMap<ClusterName, ClusterDecision>,
) -> Vec<Problem> {
    let mut lacking: BTreeMap<(&BundleName, &BundleName), Vec<&ClusterName>> = BTreeMap::new();
    for (cluster, decision) in clusters {
        for bundle in decision.bundles.keys() {
            let needs = spec
                .bundles
                .get(bundle)
                .into_iter()
                .flat_map(|d| &d.spec.depends_on);
            for need in needs.filter(|need| !decision.bundles.contains_key(&need.name)) {
                lacking
                    .entry((bundle, &need.name))
                    .or_default()
                    .push(cluster);
            }
        }
    }
    let problem = |((bundle, need), clusters): ((&BundleName, &BundleName), Vec<&ClusterName>)| {
        let references = &spec.bundles[bundle].spec.depends_on;
        let at = references.iter().find(|r| r.name == *need).map(|r| &r.at);
        let first = clusters[0];
        let more = match clusters.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let message = format!(
            "bundle `{}` waits for `{}`, which is not placed on {first}{more}",
            bundle.name(),
            need.name(),
        );
        Problem::error(
            at.unwrap_or(&spec.bundles[bundle].at),
            Code::DependencyNotPlaced,
            message,
        )
        .about_bundle(bundle)
        .hint("place both on the same clusters")
    };
    lacking.into_iter().map(problem).collect()
}
