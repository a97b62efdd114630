//! What is wrong with decisions, as problems.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::{BundleName, PlacementName};

use super::answer::{self, Asking};
use super::bits::Bits;
use super::choose::{Choice, Reaching, kept_out_by};
use super::clusters::Core;
use super::{failing, why};
use crate::problem::{Code, Place, Problem};
use crate::spec::{Bundle, Document, Placement, Reference, Taint, Unsatisfiable};

/// Everything that was found while deciding, in order.
pub(super) fn all(core: &Core) -> Vec<Problem> {
    let mut problems = Vec::new();
    let lacking = OnceCell::new();
    let excepting = excepting(core);
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
        problems.extend(answer::problems(
            &choice.failures,
            &core.fleet.index,
            &excepting,
        ));
    }
    for failures in core.fleet.failures.values() {
        problems.extend(answer::problems(failures, &core.fleet.index, &excepting));
    }
    let failures = failing::failures(&core.failing, &core.fleet);
    problems.extend(answer::problems(&failures, &core.fleet.index, &excepting));
    problems.extend(missing_dependencies(core));
    problems.sort();
    problems.dedup();
    problems
}

/// The places of expressions that take clusters out.
fn excepting(core: &Core) -> BTreeSet<&Place> {
    let placements = core.fleet.spec.placements.values();
    let groups = core.fleet.spec.groups.values();
    let terms = placements.flat_map(|document| &document.spec.except);
    let terms = terms.chain(groups.flat_map(|document| &document.spec.except));
    let places = terms.filter_map(|term| term.cel.as_ref().map(|cel| &cel.at));
    places.collect()
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
        return match matching.possible {
            Some(_) => "it hangs on facts that clusters did not report yet".to_owned(),
            None => "no declared cluster matches its terms".to_owned(),
        };
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
    let keeps_out = |taint: &&Taint| {
        kept_out_by(std::iter::once(*taint), &placement.tolerations, false).is_some()
    };
    let mut tainted = matching.yes.iter().filter_map(|cluster| {
        let taints = index.member(cluster).taints.iter().map(|(taint, _)| taint);
        let taints: Vec<&Taint> = taints.filter(keeps_out).collect();
        (!taints.is_empty()).then(|| (index.name(cluster).as_str(), taints))
    });
    match tainted.next() {
        Some((cluster, taints)) => tolerate(cluster, &taints, placement),
        None => "no declared cluster matches its terms".to_owned(),
    }
}

/// What would let a placement have a cluster that these taints keep out.
fn tolerate(cluster: &str, taints: &[&Taint], placement: &Placement) -> String {
    let each = |words: fn(&Taint) -> String| {
        let all: Vec<String> = taints.iter().map(|taint| words(taint)).collect();
        all.join(", ")
    };
    let taint = match taints.len() {
        1 => "taint",
        _ => "taints",
    };
    let (words, wanted) = (each(why::words), each(why::toleration));
    let at = &taints[0].at;
    let add = match placement.tolerations.is_empty() {
        true => format!("add `tolerations: [{wanted}]`"),
        false => format!("add to its tolerations: `{wanted}`"),
    };
    let keep = if taints.len() == 1 { "keeps" } else { "keep" };
    format!("{taint} {words} {keep} {cluster} out, at {at}: {add}")
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
    let problem = Problem::warning(&spread.at, Code::Shortfall, message);
    if spread.when_unsatisfiable == Unsatisfiable::DoNotSelect {
        let hint = "allow a larger `maxSkew`, or `whenUnsatisfiable: SelectAnyway`";
        return problem.hint(hint);
    }
    let all = core.fleet.spec.placements[name].spec.spread.iter();
    let strict = all.filter(|s| s.when_unsatisfiable == Unsatisfiable::DoNotSelect);
    let strict: Vec<&str> = strict.map(|spread| spread.by.as_str()).collect();
    let strict = strict.join(", ");
    problem.hint(format!(
        "this one may be ignored, and the spread by {strict} may not: allow that a larger `maxSkew`"
    ))
}

/// Placements of restricted sources whose terms name clusters that the source may not use.
fn reaching<'a>(
    core: &'a Core,
    name: &'a PlacementName,
    choice: &'a Choice,
) -> impl Iterator<Item = Problem> + use<'a> {
    choice.reaching.iter().map(move |reaching| {
        let message = format!(
            "{}; nothing of placement `{}` changes anywhere",
            reaches(core, name, reaching),
            name.name()
        );
        let hint = "select less, or let those who run the hub widen what the source may use";
        let terms = &core.fleet.spec.placements[name].spec.clusters;
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
            // That nothing is called so is told where it is named.
            if has.is_empty() && !core.fleet.spec.bundles.contains_key(&need.name) {
                continue;
            }
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
