//! What is wrong with decisions, as problems.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use capstan_proto::{BundleName, PlacementName};

use super::answer::{self, Asking};
use super::bits::Bits;
use super::choose::{Choice, Reaching, kept_out_by};
use super::clusters::Core;
use super::{failing, why};
use crate::problem::{Code, Problem};
use crate::spec::{Bundle, Document, Placement, Reference};

/// Everything that was found while deciding, in order.
pub(super) fn all(core: &Core) -> Vec<Problem> {
    let mut problems = Vec::new();
    let lacking = OnceCell::new();
    for (name, choice) in &core.choices {
        // Where a cluster that it may want is missing because its document is broken, that is the
        // problem.
        let lacks = || {
            let lacking = lacking.get_or_init(|| core.fleet.spec.lacking());
            lacking.may_match(&core.fleet.spec.placements[name].spec.clusters)
        };
        problems.extend(reaching(core, name, choice));
        let refused = !choice.reaching.is_empty();
        if choice.selected.is_empty() && (choice.emptied.is_some() || !refused && !lacks()) {
            problems.push(selects_nothing(core, name, choice));
        }
        if let Some(constraint) = choice.shortfall {
            problems.push(falls_short(core, name, choice, constraint));
        }
        problems.extend(answer::problems(&choice.failures, &core.fleet.index));
    }
    for failures in core.fleet.failures.values() {
        problems.extend(answer::problems(failures, &core.fleet.index));
    }
    let failures = failing::failures(&core.failing, &core.fleet);
    problems.extend(answer::problems(&failures, &core.fleet.index));
    problems.extend(missing_dependencies(core));
    problems.sort();
    problems.dedup();
    problems
}

fn selects_nothing(core: &Core, name: &PlacementName, choice: &Choice) -> Problem {
    let document = &core.fleet.spec.placements[name];
    let message = format!("placement `{}` selects no cluster", name.name());
    let hint = match &choice.emptied {
        Some(before) => format!(
            "it selected {} before; what it brought is held",
            before.len()
        ),
        None if !choice.eligible.is_empty() => {
            "its count leaves none of the eligible ones".to_owned()
        }
        None => kept_out(core, &document.spec),
    };
    Problem::warning(&document.at, Code::SelectsNothing, message).hint(hint)
}

/// Why none of the clusters that the terms of a placement match is eligible.
fn kept_out(core: &Core, placement: &Placement) -> String {
    let index = &core.fleet.index;
    let mut asking = Asking::new(index, &core.fleet.groups);
    let mut matching = asking.any(&placement.clusters);
    if matching.yes.is_empty() {
        return "no declared cluster matches its terms".to_owned();
    }
    if let Some(except) = placement.except.first() {
        matching.and_not(&asking.any(&placement.except));
        if matching.yes.is_empty() {
            return format!(
                "its exceptions take out every cluster that its terms match, at {}",
                except.at
            );
        }
    }
    let taints = |cluster: u32| index.member(cluster).taints.iter().map(|(taint, _)| taint);
    let mut tainted = matching.yes.iter().filter_map(|cluster| {
        let taint = kept_out_by(taints(cluster), &placement.tolerations, false)?;
        Some((cluster, taint))
    });
    match tainted.next() {
        Some((cluster, taint)) => format!(
            "taint {} keeps {} out, at {}: add `tolerations: [{}]`",
            why::words(taint),
            index.name(cluster),
            taint.at,
            why::toleration(taint),
        ),
        None => "no declared cluster matches its terms".to_owned(),
    }
}

fn falls_short(core: &Core, name: &PlacementName, choice: &Choice, constraint: usize) -> Problem {
    let spread = &core.fleet.spec.placements[name].spec.spread[constraint];
    let message = format!(
        "placement `{}` selects {} of {} clusters: no other one keeps the spread by {} within {}",
        name.name(),
        choice.selected.count(),
        choice.wanted,
        spread.by,
        spread.max_skew,
    );
    Problem::warning(&spread.at, Code::Shortfall, message)
        .hint("allow a larger `maxSkew`, or `whenUnsatisfiable: SelectAnyway`")
}

/// Placements of restricted sources whose terms name clusters that the source may not use.
fn reaching<'a>(
    core: &'a Core,
    name: &'a PlacementName,
    choice: &'a Choice,
) -> impl Iterator<Item = Problem> + use<'a> {
    let terms = &core.fleet.spec.placements[name].spec.clusters;
    choice.reaching.iter().map(move |reaching| {
        let message = format!(
            "{}; nothing of placement `{}` changes anywhere",
            reaches(core, name, reaching),
            name.name()
        );
        let hint = "select less, or let those who run the hub widen what the source may use";
        let at = &terms[reaching.term].at;
        Problem::error(at, Code::Restricted, message).hint(hint)
    })
}

/// Which clusters a term reaches that it may not, in words.
pub(super) fn reaches(core: &Core, name: &PlacementName, reaching: &Reaching) -> String {
    let more = match reaching.more {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(
        "source `{}` may not use cluster {}{more}, which this term matches",
        name.source(),
        core.fleet.index.name(reaching.first)
    )
}

/// A bundle that waits for one that is not placed on the same cluster would wait for ever.
fn missing_dependencies(core: &Core) -> Vec<Problem> {
    let mut placed: BTreeMap<&BundleName, Bits> = BTreeMap::new();
    let mut problems = Vec::new();
    for (name, document) in &core.fleet.spec.bundles {
        for need in &document.spec.depends_on {
            let has = placed
                .entry(&need.name)
                .or_insert_with(|| on(core, &need.name))
                .clone();
            let mut lacking = placed.entry(name).or_insert_with(|| on(core, name)).clone();
            lacking.subtract(&has);
            if !lacking.is_empty() {
                problems.push(lacks(core, (name, document), need, &lacking));
            }
        }
    }
    problems
}

/// The clusters that a bundle is placed on.
fn on(core: &Core, bundle: &BundleName) -> Bits {
    let mut on = Bits::empty(core.fleet.index.len());
    for placement in core.owners.routes().of_bundle(bundle) {
        let choice: &Arc<Choice> = &core.choices[placement];
        on.or(&choice.selected);
    }
    on
}

fn lacks(
    core: &Core,
    (bundle, document): (&BundleName, &Document<Bundle>),
    need: &Reference<BundleName>,
    lacking: &Bits,
) -> Problem {
    debug_assert!(document.spec.depends_on.contains(need));
    let first = lacking.iter().next().expect("some cluster lacks it");
    let more = match lacking.count() - 1 {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let message = format!(
        "bundle `{}` waits for `{}`, which is not placed on {}{more}",
        bundle.name(),
        need.name.name(),
        core.fleet.index.name(first),
    );
    Problem::error(&need.at, Code::DependencyNotPlaced, message)
        .about_bundle(bundle)
        .hint("place both on the same clusters")
}
