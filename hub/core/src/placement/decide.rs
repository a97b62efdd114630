//! The deciding itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::{BundleName, ClusterName, PlacementName};

use super::{ClusterDecision, Decisions, Placed, PlacementDecision, Rejection};
use crate::inventory::Inventory;
use crate::problem::{Code, Problem};
use crate::selector::{Candidate, Match, Membership, Miss, membership, select};
use crate::spec::{Bundle, Document, Placement, Spec, Variables};
use crate::template::{BuiltIn, Effective, effective};

/// Decides for every placement and cluster, with reasons. The same input gives the same answer,
/// in whatever order the files came.
#[must_use]
pub fn resolve(spec: &Spec, inventory: &Inventory, previous: &Decisions) -> Decisions {
    let candidates = spec.clusters.iter().map(|(name, document)| Candidate {
        name,
        labels: &document.labels,
    });
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
    let clusters = assign(spec, &groups, &placements);
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
        match select(&placement.clusters, candidate, groups) {
            Err(misses) => {
                let misses: Arc<[Miss]> = match known.get(misses.as_slice()) {
                    Some(same) => Arc::clone(same),
                    None => misses.into(),
                };
                known.insert(Arc::clone(&misses));
                rejected.insert(name, Rejection::NotMatched(misses));
            }
            Ok(found) => match select(&placement.except, candidate, groups) {
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
    for (name, document) in &spec.clusters {
        let mut bundles = BTreeMap::new();
        for (bundle, mut claims) in wanted.remove(name).unwrap_or_default() {
            claims.sort_by_key(|p| (std::cmp::Reverse(placements[*p].priority), *p));
            let claim = Claim {
                spec,
                groups,
                cluster: name,
                bundle,
            };
            bundles.insert(bundle.clone(), claim.settle(&claims, placements));
        }
        let decision = ClusterDecision {
            at: document.at.clone(),
            labels: Arc::new(document.labels.clone()),
            bundles,
        };
        clusters.insert(name.clone(), decision);
    }
    clusters
}

struct Claim<'a> {
    spec: &'a Spec,
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
        let (overrides, variables) = self.variables(&self.spec.placements[owner].spec, declared);
        Placed {
            placement: owner.clone(),
            named_at: named
                .map_or(&decision.at, |reference| &reference.at)
                .clone(),
            because: Arc::clone(&decision.selected[self.cluster]),
            declared: declared.is_some(),
            suspended: decision.suspended,
            overrides,
            variables: Arc::new(variables),
            shadowed: claims[1..].iter().map(|name| (*name).clone()).collect(),
        }
    }

    /// The overrides that apply, and the variables in force.
    fn variables(
        &self,
        placement: &Placement,
        declared: Option<&Document<Bundle>>,
    ) -> (Vec<crate::problem::Place>, Effective) {
        let document = &self.spec.clusters[self.cluster];
        let candidate = Candidate {
            name: self.cluster,
            labels: &document.labels,
        };
        let applies = placement.overrides.iter().filter(|o| {
            let bundle = o
                .bundles
                .as_ref()
                .is_none_or(|names| names.contains(self.bundle));
            bundle
                && o.clusters
                    .as_ref()
                    .is_none_or(|terms| select(terms, candidate, self.groups).is_ok())
        });
        let nothing = Variables::new();
        let mut layers = vec![
            declared.map_or(&nothing, |d| &d.spec.variables),
            &document.spec.variables,
        ];
        let mut places = Vec::new();
        for entry in applies {
            layers.push(&entry.variables);
            places.push(entry.at.clone());
        }
        let Some(revision) = self.spec.revisions.get(self.bundle.source()) else {
            return (places, Effective::new());
        };
        let built_in = BuiltIn {
            cluster: self.cluster,
            labels: &document.labels,
            bundle: self.bundle,
            revision,
        };
        (places, effective(&layers, built_in))
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
