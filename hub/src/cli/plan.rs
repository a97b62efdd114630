//! `hub plan`: what a change of the fleet files would do.

use anyhow::anyhow;
use capstan_hub_core::diff::{self, Plan as Found, Side};
use capstan_hub_core::report::{self, Detail};
use serde::Serialize;

use super::args::{Format, Plan, PlanFormat};
use super::progress::Progress;
use super::writer::Writer;
use super::{FAILED, Failure, Outcome, files};
use crate::offline::{self, At, Before, Checkout, Decided};

/// Something would be removed. It wins over everything else that may be said: nobody takes it for less.
const REMOVES: u8 = 3;
/// Something cannot be compared, so that nobody knows whether anything would be removed.
const UNCOMPARED: u8 = 4;

/// What files cannot say of a removal.
const TODAY: &str = "what left clusters in the last 24 hours is not in files; a hub counts it too, and may hold more \
                     than is held here";

/// What JSON and YAML hold.
#[derive(Serialize)]
struct Report<'a> {
    from: &'a str,
    to: &'a str,
    #[serde(flatten)]
    plan: Found<'a>,
    notes: &'a [String],
}

pub(super) fn run(args: &Plan, writer: &mut Writer<'_>) -> Outcome {
    let (checkout, start) = files::open(&args.files)?;
    let to = to(&checkout, args.to.as_deref()).map_err(Failure::Usage)?;
    let usage = |problem: offline::Problem| Failure::Usage(problem.into());
    let from = At::Rev(args.from.clone());
    let waiting = Progress::start("reading both sides and deciding");
    let before = checkout
        .decide(&from, &start, Before::Past)
        .map_err(usage)?;
    let after = checkout
        .decide(&to, &start, Before::Decided(&before))
        .map_err(usage)?;
    let plan = diff::plan(side(&before), side(&after));
    drop(waiting);
    let summary = plan.summary;
    let mut notes = files::notes(&checkout, &start, &[&before, &after]);
    if summary.removes() {
        notes.push(TODAY.to_owned());
    }
    match args.output {
        PlanFormat::Json | PlanFormat::Yaml => {
            let report = Report {
                from: offline::written(&before.revision),
                to: offline::written(&after.revision),
                plan,
                notes: &notes,
            };
            let yaml = args.output == PlanFormat::Yaml;
            writer.value(&report, if yaml { Format::Yaml } else { Format::Json })?;
        }
        PlanFormat::Markdown => {
            writer.raw(&report::plan_markdown(&plan, &notes))?;
        }
        PlanFormat::Table | PlanFormat::Wide => {
            let detail = match args.output {
                PlanFormat::Wide => Detail::All,
                _ => Detail::Usual,
            };
            let (from, to) = (
                offline::shown(&before.revision),
                offline::shown(&after.revision),
            );
            writer.text(&format!("from {from} to {to}\n\n"))?;
            writer.plan(&report::plan(&plan, detail))?;
            for note in &notes {
                writer.text(&format!("note: {note}"))?;
            }
        }
    }
    if summary.removes() {
        Err(Failure::Said(REMOVES))
    } else if summary.is_in_part() {
        Err(Failure::Said(UNCOMPARED))
    } else if summary.errors_introduced > 0 {
        Err(Failure::Said(FAILED))
    } else {
        Ok(())
    }
}

fn to(checkout: &Checkout, rev: Option<&str>) -> anyhow::Result<At> {
    match rev {
        Some(rev) => Ok(At::Rev(rev.to_owned())),
        None if checkout.is_bare() => Err(anyhow!(
            "a bare repository has no files on disk (name the commit that shall follow with --to)"
        )),
        None => Ok(At::Disk),
    }
}

fn side(decided: &Decided) -> Side<'_> {
    Side {
        spec: &decided.spec,
        decisions: &decided.decisions,
        desired: &decided.desired,
        problems: &decided.problems,
        help: decided.help,
    }
}
