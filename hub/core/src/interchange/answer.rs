//! The shapes of an answer: one placement, one cluster.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::desired::Hold;

/// What one placement decided.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlacementAnswer<'a> {
    /// Its name.
    pub name: &'a str,
    /// Where it is declared.
    pub at: String,
    /// Its priority.
    pub priority: i64,
    /// The bundles it places, in the order of the file.
    pub bundles: Vec<&'a str>,
    /// The clusters it could select, by name.
    pub eligible: Vec<&'a str>,
    /// The clusters it selects: the kept ones by rank, then the rest in the order of choice.
    pub selected: Vec<Selected<'a>>,
    /// The clusters it does not select, by name.
    pub rejected: Vec<Rejected<'a>>,
    /// What is lacking, where it selects fewer than it wants.
    pub shortfall: Option<Shortfall<'a>>,
    /// What would leave clusters and waits for approval.
    pub held: Option<HeldAnswer>,
    /// Whether nothing of it changes anywhere.
    pub suspended: bool,
}

/// A cluster that a placement selects.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Selected<'a> {
    /// The cluster.
    pub cluster: &'a str,
    /// The sum of the weights of the preferences that match.
    pub score: i128,
    /// `kept`, `ranked` or `relaxed`.
    pub step: &'static str,
    /// Where the term stands that matches.
    pub term: Option<String>,
    /// What of the term holds, in words.
    pub because: Option<String>,
}

/// A cluster that a placement does not select.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rejected<'a> {
    /// The cluster.
    pub cluster: &'a str,
    /// `NotMatched`, `Excepted`, `Tainted`, `Spread` or `OutRanked`.
    pub reason: &'static str,
    /// Why, in words.
    pub detail: String,
}

/// What a placement lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shortfall<'a> {
    /// How many clusters it wants.
    pub wanted: usize,
    /// How many it selects.
    pub selected: usize,
    /// The constraint that keeps it from more.
    pub constraint: Option<Constraint<'a>>,
}

/// A spread constraint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Constraint<'a> {
    /// The label whose values are the domains.
    pub by: &'a str,
    /// How far domains may be apart.
    pub max_skew: u32,
    /// `DoNotSelect` or `SelectAnyway`.
    pub when_unsatisfiable: &'static str,
}

/// What waits for approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldAnswer {
    /// What is approved.
    pub digest: String,
    /// Why it waits.
    pub why: String,
    /// What would leave, by cluster and object.
    pub removals: Vec<Removal>,
    /// The exact command that approves it.
    pub command: String,
}

impl HeldAnswer {
    /// A hold as programs read it.
    #[must_use]
    pub fn of(hold: &Hold) -> Self {
        let removals = hold.set.clusters().flat_map(|cluster| {
            let objects = hold.set.of_cluster(cluster).into_iter().flatten();
            objects.map(move |(object, bundle)| Removal {
                cluster: cluster.to_string(),
                bundle: bundle.name().to_owned(),
                object: object.to_string(),
            })
        });
        Self {
            digest: hold.digest.to_string(),
            why: hold.sentence(),
            removals: removals.collect(),
            command: hold.command(),
        }
    }
}

/// One object that would leave a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Removal {
    /// The cluster.
    pub cluster: String,
    /// The bundle it belongs to.
    pub bundle: String,
    /// The object: `Deployment.apps shop/web`.
    pub object: String,
}

/// What one declared cluster gets.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterAnswer<'a> {
    /// Its name.
    pub name: &'a str,
    /// Where it is declared.
    pub at: String,
    /// `Enforce`, `Observe`, `Paused` or `Release`.
    pub mode: &'static str,
    /// What is placed there, by name.
    pub bundles: Vec<BundleAnswer<'a>>,
}

/// One bundle on one cluster.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BundleAnswer<'a> {
    /// Its name.
    pub name: &'a str,
    /// The placement that owns it there.
    pub placement: &'a str,
    /// The variables in force, without built-ins. One without a value is in `unresolved`.
    pub variables: BTreeMap<String, Value>,
    /// Which document gave each variable.
    pub variable_layers: BTreeMap<String, String>,
    /// Variables without a value, each with the reason.
    pub unresolved: BTreeMap<String, String>,
    /// The values that its chart would be rendered with; null where nobody gives any, or one lacks a value.
    pub helm_values: Option<Value>,
    /// Placements that place it here too and do not own it, by name.
    pub shadowed: Vec<&'a str>,
    /// Where the overrides stand that apply, in order.
    pub overrides: Vec<String>,
    /// The tag or commit that it is read at; null for the branch.
    pub revision: Option<&'a str>,
    /// Whether the bundle is declared; if not, what is there of it stays.
    pub declared: bool,
    /// Why it is not known yet what it is rendered with; null where it is.
    pub unknown: Option<String>,
}
