//! From decisions to answers, one placement and one cluster at a time.
//!
//! A fleet of 10,000 clusters and 1,000 placements has ten million reasons: an answer is made when
//! it is written, and forgotten then.

use capstan_proto::{BundleName, ClusterName, PlacementName};
use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::answer::{
    BundleAnswer, ClusterAnswer, Constraint, HeldAnswer, PlacementAnswer, Rejected, Selected,
    Shortfall,
};
use super::finding::Finding;
use super::lastgood::LastGoodUnknown;
use crate::desired::Hold;
use crate::effective::{self, Layers};
use crate::placement::{Decisions, Placed, PlacementDecision, Why, Whys};
use crate::problem::Problem;
use crate::spec::{Spread, Unsatisfiable};

/// Everything that was decided, as programs read it.
#[derive(Clone, Copy, Debug)]
pub struct Resolved<'a> {
    /// The commit; empty for files that are in none.
    pub revision: &'a str,
    /// What is wrong.
    pub problems: &'a [Problem],
    /// What was decided.
    pub decisions: &'a Decisions,
    /// Removals that wait for approval.
    pub holds: &'a [Hold],
    /// What is asked for.
    pub only: Only<'a>,
    /// What brings older commits, where they may have good versions that are not known.
    pub help: Option<&'a str>,
    /// What is worth saying besides.
    pub notes: &'a [String],
}

/// What is asked for; with nothing, everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Only<'a> {
    /// This placement, and the clusters that it selects.
    pub placement: Option<&'a PlacementName>,
    /// This cluster, and the placements that select it.
    pub cluster: Option<&'a ClusterName>,
}

impl<'a> Resolved<'a> {
    /// The placements that are asked for, by name.
    pub fn decided(self) -> impl Iterator<Item = PlacementDecision<'a>> {
        self.decisions.placements.values().filter(move |decision| {
            match (self.only.placement, self.only.cluster) {
                (Some(name), _) => decision.name() == name,
                (None, Some(cluster)) => decision.selects(cluster),
                (None, None) => true,
            }
        })
    }

    /// What placements decided, by name.
    pub fn placements(self) -> impl Iterator<Item = PlacementAnswer<'a>> {
        self.decided().map(move |decision| self.placement(decision))
    }

    /// The clusters that are asked for, by name.
    pub fn names(self) -> impl Iterator<Item = &'a ClusterName> {
        let placement = self.only.placement;
        let placement = placement.and_then(|name| self.decisions.placements.get(name));
        self.decisions
            .clusters
            .keys()
            .filter(move |name| match (self.only.cluster, placement) {
                (Some(cluster), _) => *name == cluster,
                (None, Some(placement)) => placement.selects(name),
                (None, None) => true,
            })
    }

    /// What clusters get, by name.
    pub fn clusters(self) -> impl Iterator<Item = ClusterAnswer<'a>> {
        self.names().filter_map(move |name| self.cluster(name))
    }

    /// What waits of a placement's.
    #[must_use]
    pub fn held(self, placement: &PlacementName) -> Option<&'a Hold> {
        let theirs = |hold: &&Hold| hold.placement.as_ref() == Some(placement);
        self.holds.iter().find(theirs)
    }

    fn placement(self, decision: PlacementDecision<'a>) -> PlacementAnswer<'a> {
        let bundles = decision.bundles().iter();
        let whys = decision.whys();
        let rejected = |(cluster, reason): (&'a ClusterName, crate::placement::Reason)| Rejected {
            cluster: cluster.as_str(),
            reason: reason.as_str(),
            detail: whys
                .of(cluster)
                .map(|why| why.to_string())
                .unwrap_or_default(),
        };
        PlacementAnswer {
            name: decision.name().name(),
            at: decision.at().to_string(),
            priority: decision.priority(),
            bundles: bundles.map(|reference| reference.name.name()).collect(),
            eligible: decision.eligible().map(ClusterName::as_str).collect(),
            selected: selected(decision, &whys),
            rejected: decision.rejected().map(rejected).collect(),
            shortfall: decision.shortfall().map(|lacking| Shortfall {
                wanted: lacking.wanted,
                selected: lacking.selected,
                constraint: Some(constraint(lacking.constraint)),
            }),
            held: self.held(decision.name()).map(HeldAnswer::of),
            suspended: decision.is_suspended(),
        }
    }

    fn cluster(self, name: &'a ClusterName) -> Option<ClusterAnswer<'a>> {
        let decision = self.decisions.clusters.get(name)?;
        let member = self.decisions.spec().members.get(name)?;
        let bundles = decision.bundles.iter();
        Some(ClusterAnswer {
            name: name.as_str(),
            at: decision.at.to_string(),
            mode: member.mode.as_str(),
            bundles: bundles
                .map(|(bundle, placed)| self.bundle(name, bundle, placed))
                .collect(),
        })
    }

    fn bundle(
        self,
        cluster: &'a ClusterName,
        bundle: &'a BundleName,
        placed: &'a Placed,
    ) -> BundleAnswer<'a> {
        let inputs = &placed.inputs;
        let spec = self.decisions.spec();
        let pair = (cluster, bundle);
        let layers = Layers::of(spec, pair, &placed.placement, inputs);
        let origins = layers.map(|layers| layers.origins()).unwrap_or_default();
        let mut shadowed: Vec<&str> = placed.shadowed.iter().map(|name| name.name()).collect();
        shadowed.sort_unstable();
        let mut answer = BundleAnswer {
            name: bundle.name(),
            placement: placed.placement.name(),
            variables: Default::default(),
            variable_layers: Default::default(),
            unresolved: Default::default(),
            helm_values: effective::helm_values(spec, pair, &placed.placement, inputs),
            shadowed,
            overrides: inputs.overrides.iter().map(|o| o.at.to_string()).collect(),
            revision: inputs.pin.as_ref().map(|pin| pin.text.as_str()),
            declared: placed.declared,
            unknown: inputs.unknown.as_ref().map(ToString::to_string),
        };
        let variables = effective::variables(spec, pair, &placed.placement, inputs);
        for (name, value) in variables {
            if let Some(origin) = origins.get(name.as_str()) {
                let origin = origin.to_string();
                answer.variable_layers.insert(name.clone(), origin);
            }
            match value {
                Ok(value) => {
                    answer.variables.insert(name, value.to_value());
                }
                Err(error) => {
                    answer.unresolved.insert(name, error.to_string());
                }
            }
        }
        answer
    }
}

fn selected<'a>(decision: PlacementDecision<'a>, whys: &Whys<'a>) -> Vec<Selected<'a>> {
    let picks = decision.picks().into_iter();
    let one = |pick: crate::placement::Pick<'_>| {
        let why = whys.of(pick.cluster);
        let found = why.as_ref().and_then(Why::matched);
        (
            found.map(|found| found.term.to_string()),
            found.map(|found| found.because.clone()),
        )
    };
    picks
        .map(|pick| {
            let (term, because) = one(pick);
            Selected {
                cluster: pick.cluster.as_str(),
                score: pick.score,
                step: pick.step.as_str(),
                term,
                because,
            }
        })
        .collect()
}

/// A spread constraint as programs read it.
fn constraint(spread: &Spread) -> Constraint<'_> {
    Constraint {
        by: &spread.by,
        max_skew: spread.max_skew,
        when_unsatisfiable: match spread.when_unsatisfiable {
            Unsatisfiable::DoNotSelect => "DoNotSelect",
            Unsatisfiable::SelectAnyway => "SelectAnyway",
        },
    }
}

impl Serialize for Resolved<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Resolved", 6)?;
        fields.serialize_field("revision", self.revision)?;
        let problems = self.problems.iter();
        let problems: Vec<Finding<'_>> = problems.map(Finding::new).collect();
        fields.serialize_field("problems", &problems)?;
        fields.serialize_field("placements", &Lazy(|| self.placements()))?;
        fields.serialize_field("clusters", &Lazy(|| self.clusters()))?;
        let unknown = LastGoodUnknown::all(self.decisions.spec(), self.help);
        fields.serialize_field("lastGoodUnknown", &unknown)?;
        fields.serialize_field("notes", self.notes)?;
        fields.end()
    }
}

/// A list whose items are made while it is written.
struct Lazy<F>(F);

impl<F, I> Serialize for Lazy<F>
where
    F: Fn() -> I,
    I: Iterator<Item: Serialize>,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0())
    }
}
