//! Which variable was probably meant by one that nothing defines.

use std::collections::BTreeSet;

use super::job::Subject;
use crate::placement::Decisions;
use crate::problem::{Code, Problem, nearest};
use crate::spec::Spec;
use crate::template::unknown_name;

/// The names that are built in, without the labels.
const BUILT_IN: [&str; 3] = ["cluster.name", "bundle.name", "source.revision"];

/// The same problems; those of a variable that nothing defines with the name that is near to it on
/// the first cluster concerned.
pub(super) fn advised(
    problems: BTreeSet<Problem>,
    spec: &Spec,
    decisions: &Decisions,
) -> BTreeSet<Problem> {
    let told = |problem: Problem| match near(&problem, spec, decisions) {
        Some(near) => problem.hint(format!("did you mean `${{{near}}}`?")),
        None => problem,
    };
    problems.into_iter().map(told).collect()
}

fn near(problem: &Problem, spec: &Spec, decisions: &Decisions) -> Option<String> {
    if problem.code != Code::UnknownVariable {
        return None;
    }
    let name = unknown_name(&problem.message)?;
    let (cluster, bundle) = (problem.clusters.first()?, problem.bundle.as_ref()?);
    let member = spec.members.get(cluster)?;
    let placed = decisions.clusters.get(cluster)?.bundles.get(bundle)?;
    let subject = Subject {
        spec,
        cluster,
        member,
        bundle,
        placed,
    };
    let labels: Vec<&str> = member.labels.keys().map(String::as_str).collect();
    let of_label = |label: &str| format!("cluster.labels.{label}");
    if let Some(label) = name.strip_prefix("cluster.labels.") {
        return nearest(label, &labels).map(of_label);
    }
    if name.contains('.') {
        return nearest(name, &BUILT_IN).map(ToOwned::to_owned);
    }
    let variables = subject.variables();
    let known: Vec<&str> = variables.keys().map(String::as_str).collect();
    let same = labels.iter().find(|label| **label == name);
    match (nearest(name, &known), same) {
        (Some(near), _) => Some(near.to_owned()),
        (None, same) => same.map(|label| of_label(label)),
    }
}
