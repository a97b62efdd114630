//! `hub resolve`: what the files decide, for every placement and cluster.

use anyhow::anyhow;
use capstan_hub_core::interchange::{Only, Resolved};
use capstan_hub_core::problem::{Severity, nearest};
use capstan_hub_core::report::{self, Detail};
use capstan_proto::{ClusterName, PlacementName};

use super::args::{Format, Resolve};
use super::progress::Progress;
use super::writer::Writer;
use super::{FAILED, Failure, Outcome, files};
use crate::offline::{self, Before, Decided};

pub(super) fn run(args: &Resolve, writer: &mut Writer<'_>) -> Outcome {
    let (checkout, start) = files::open(&args.files)?;
    let at = checkout.or_present(args.rev.as_deref());
    let waiting = Progress::start("reading files and deciding");
    let decided = checkout.decide(&at, &start, Before::Inventory);
    drop(waiting);
    let decided = decided.map_err(|problem| Failure::Usage(problem.into()))?;
    let only = only(args, &decided).map_err(Failure::Usage)?;
    let mut notes = files::notes(&checkout, &start, &[&decided]);
    notes.extend(decided.unknown());
    let resolved = Resolved {
        revision: offline::written(&decided.revision),
        problems: &decided.problems,
        decisions: &decided.decisions,
        holds: &decided.desired.holds,
        only,
        help: decided.help,
        notes: &notes,
    };
    match args.output {
        Format::Json | Format::Yaml => writer.value(&resolved, args.output)?,
        Format::Table | Format::Wide => {
            let detail = match args.output {
                Format::Wide => Detail::All,
                _ => Detail::Usual,
            };
            let text = report::resolve(resolved, detail);
            writer.text(text.trim_end())?;
            if is_empty(&decided) {
                writer.text(NOTHING)?;
            }
            writer.problems(&said(&decided))?;
            for note in &notes {
                writer.text(&format!("note: {note}"))?;
            }
        }
    }
    let is_error = |problem: &capstan_hub_core::problem::Problem| {
        problem.severity == Severity::Error && problem.at.is_some()
    };
    match decided.problems.iter().any(is_error) {
        true => Err(Failure::Said(FAILED)),
        false => Ok(()),
    }
}

/// What is said where there is nothing.
const NOTHING: &str = "nothing is declared: no document here begins with `apiVersion: capstan.dev/v1alpha1` (name \
                       the directory with --repo, and a folder in it with --path)";

/// Whether there is no document of ours, good or bad.
fn is_empty(decided: &Decided) -> bool {
    let spec = &decided.spec;
    spec.members.is_empty()
        && spec.placements.is_empty()
        && spec.bundles.is_empty()
        && decided.problems.is_empty()
}

/// What is wrong, as `hub lint` shows it; nothing where nothing is.
fn said(decided: &Decided) -> String {
    match decided.problems.as_slice() {
        [] => String::new(),
        problems => format!("\n{}", report::lint(problems, &decided.trees)),
    }
}

/// What is asked for, as the decisions call it.
fn only<'a>(args: &Resolve, decided: &'a Decided) -> anyhow::Result<Only<'a>> {
    let mut only = Only::default();
    if let Some(name) = &args.placement {
        let keys = || decided.decisions.placements.keys();
        only.placement = keys().find(|key| key.name() == name);
        if only.placement.is_none() {
            let broken = decided.broken_words();
            let names = keys().map(PlacementName::name);
            return Err(unknown("placement", name, names, &broken));
        }
    }
    if let Some(name) = &args.cluster {
        let keys = || decided.decisions.clusters.keys();
        only.cluster = keys().find(|key| *key == name);
        if only.cluster.is_none() {
            let names = keys().map(ClusterName::as_str);
            let broken = decided.broken_words();
            return Err(unknown("cluster", name.as_str(), names, &broken));
        }
    }
    Ok(only)
}

fn unknown<'a>(
    what: &str,
    name: &str,
    known: impl Iterator<Item = &'a str>,
    broken: &str,
) -> anyhow::Error {
    let known: Vec<&str> = known.collect();
    match nearest(name, &known) {
        Some(near) => anyhow!("no {what} `{name}` is declared (did you mean `{near}`?){broken}"),
        None => anyhow!("no {what} `{name}` is declared{broken}"),
    }
}
