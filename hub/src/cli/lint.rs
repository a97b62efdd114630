//! `hub lint`: checks fleet files from a checkout alone, as a compiler would.

use std::collections::BTreeMap;
use std::path::{Component, Path};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use capstan_hub_core::interchange::Finding;
use capstan_hub_core::inventory::Inventory;
use capstan_hub_core::manifest::{self, Rendered};
use capstan_hub_core::placement::{self, Decisions};
use capstan_hub_core::problem::{Code, Problem, Severity, nearest};
use capstan_hub_core::report;
use capstan_hub_core::spec::{self, SourceState, Spec, Tree, Trees};
use capstan_proto::SourceName;
use serde::Serialize;

use super::args::{Format, Lint, LintFormat};
use super::writer::Writer;
use super::{Failure, Outcome};
use crate::offline::{self, Before, Checkout, Start};

/// What was checked.
struct Checked {
    trees: Trees,
    revision: String,
    /// The folder of the files, from the repository's root.
    folder: String,
    problems: Vec<Problem>,
    note: Option<String>,
}

pub(super) fn run(args: &Lint, writer: &mut Writer<'_>) -> Outcome {
    if let Some(code) = &args.explain {
        let page = page(code).map_err(Failure::Usage)?;
        return writer.raw(&page);
    }
    let checked = match args.rev.is_none() && args.path.is_file() {
        true => one(&args.path),
        false => all(args),
    };
    let Checked {
        trees,
        revision,
        folder,
        mut problems,
        note,
    } = checked.map_err(Failure::Usage)?;
    leave_out_what_follows(&mut problems);
    match args.output {
        LintFormat::Json | LintFormat::Yaml => {
            let report = Report {
                revision: &revision,
                problems: problems.iter().map(|p| Found::new(p, &trees)).collect(),
                note: note.as_deref(),
            };
            let yaml = args.output == LintFormat::Yaml;
            writer.value(&report, if yaml { Format::Yaml } else { Format::Json })?;
        }
        LintFormat::Github => writer.raw(&report::github(&problems, &trees, &folder))?,
        LintFormat::Table => {
            writer.problems(&report::lint(&problems, &trees))?;
            if let Some(note) = note {
                writer.text(&format!("note: {note}"))?;
            }
        }
    }
    let fails = |problem: &Problem| args.strict || problem.severity == Severity::Error;
    match problems.iter().any(fails) {
        true => Err(Failure::Said(super::FAILED)),
        false => Ok(()),
    }
}

/// One mistake is one problem: that a broken document is named elsewhere matters where something is
/// delivered, and goes away with the error that says what is broken.
fn leave_out_what_follows(problems: &mut Vec<Problem>) {
    let follows = |problem: &Problem| problem.code == Code::NamesBroken;
    let is_cause = |problem: &Problem| problem.severity == Severity::Error && !follows(problem);
    if problems.iter().any(is_cause) {
        problems.retain(|problem| !follows(problem));
    }
}

/// What is said of a code.
fn page(text: &str) -> anyhow::Result<String> {
    if let Some(code) = Code::parse(text) {
        return Ok(code.explain());
    }
    let known: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    let hint = nearest(text, &known).map_or_else(
        || "codes look like E0102".to_owned(),
        |near| format!("did you mean {near}?"),
    );
    Err(anyhow!("there is no code `{text}` ({hint})"))
}

/// Everything of a directory or a commit.
fn all(args: &Lint) -> anyhow::Result<Checked> {
    let checkout = Checkout::open(&args.path, &args.within)?;
    let at = checkout.or_present(args.rev.as_deref());
    // What was before is no business of it.
    let start = Start::default();
    let mut decided = checkout.decide(&at, &start, Before::Nothing)?;
    let promoted = decided.promoted(&start);
    decided.problems.extend(promoted);
    decided.problems.sort();
    decided.problems.dedup();
    Ok(Checked {
        trees: std::mem::take(&mut decided.trees),
        revision: offline::written(&decided.revision).to_owned(),
        folder: checkout.folder().to_owned(),
        problems: std::mem::take(&mut decided.problems),
        note: checkout.note(),
    })
}

/// One file alone.
fn one(path: &Path) -> anyhow::Result<Checked> {
    let source = SourceName::try_new("fleet").expect("a DNS label");
    let trees = trees(source, one_file(path)?);
    let (problems, note) = check_alone(&trees);
    Ok(Checked {
        trees,
        revision: String::new(),
        folder: String::new(),
        problems,
        note: Some(note.to_owned()),
    })
}

fn trees(source: SourceName, tree: Tree) -> Trees {
    Trees {
        sources: BTreeMap::from([(source, SourceState::Read(Arc::new(tree)))]),
        ..Trees::default()
    }
}

/// The whole way of the data as far as it goes without a fleet.
fn check(trees: &Trees) -> (Arc<Spec>, Vec<Problem>) {
    // Lint looks at what is there: what was before is no business of it.
    let nothing = trees
        .sources
        .keys()
        .fold(None, |before: Option<Spec>, source| {
            Some(Spec::beginning(before.as_ref(), source))
        });
    let (spec, mut problems) = spec::load(trees, nothing.as_ref());
    let spec = Arc::new(spec);
    let decisions = placement::resolve(&spec, &Inventory::default(), &Decisions::default());
    let rendered = manifest::render(&spec, trees, &decisions, &Rendered::default());
    problems.extend(decisions.problems.iter().cloned());
    problems.extend(decisions.odd());
    problems.extend(rendered.problems().cloned());
    problems.sort();
    problems.dedup();
    (spec, problems)
}

/// What is said of a file of ours that is read alone.
const FLEET_FILE_ALONE: &str = "only this file was read: whether what it names is declared \
     elsewhere, and what is in the directories of its bundles, was not checked";
/// What is said of any other file that is read alone.
const MANIFEST_ALONE: &str = "this file declares nothing of a fleet and was read as content of a \
     bundle: its variables were not checked";

/// Checks one file without the others, and says what is not checked then.
fn check_alone(trees: &Trees) -> (Vec<Problem>, &'static str) {
    let (spec, mut problems) = check(trees);
    problems.retain(|problem| !problem.code.is_about_others());
    let ours = !spec.clusters.is_empty()
        || !spec.groups.is_empty()
        || !spec.bundles.is_empty()
        || !spec.placements.is_empty()
        || !problems.is_empty();
    if ours {
        return (problems, FLEET_FILE_ALONE);
    }
    let (_, mut problems) = check(&as_content(trees));
    problems.retain(|problem| {
        let at = problem.at.as_ref();
        at.is_none_or(|at| &*at.path != STAND_IN_PATH)
    });
    for problem in &mut problems {
        problem.bundle = None;
    }
    (problems, MANIFEST_ALONE)
}

/// The path of a fleet file that stands in for the one that is not read.
const STAND_IN_PATH: &str = ".lint.yaml";
/// A fleet whose one bundle is everything there is.
const STAND_IN: &str = "\
apiVersion: capstan.dev/v1alpha1
kind: Cluster
metadata: {name: lint}
---
apiVersion: capstan.dev/v1alpha1
kind: Bundle
metadata: {name: lint}
spec: {path: .}
---
apiVersion: capstan.dev/v1alpha1
kind: Placement
metadata: {name: lint}
spec: {bundles: [lint], clusters: [{}]}
";

/// The same files as the content of a bundle.
fn as_content(trees: &Trees) -> Trees {
    let mut trees = trees.clone();
    for state in trees.sources.values_mut() {
        if let SourceState::Read(tree) = state {
            let stand_in = spec::File::new(STAND_IN.as_bytes());
            let files = &mut Arc::make_mut(tree).files;
            files.insert(STAND_IN_PATH.to_owned(), stand_in);
        }
    }
    trees
}

/// One file as it is now, called as the caller calls it where that is a path below a directory.
fn one_file(path: &Path) -> anyhow::Result<Tree> {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.with_context(|| format!("{} has a name that is not UTF-8", path.display()))?;
    if ![".yaml", ".yml", ".json"]
        .iter()
        .any(|ending| name.ends_with(ending))
    {
        return Err(anyhow!("{name} is no .yaml, .yml or .json file"));
    }
    let steps: Option<Vec<&str>> = path
        .components()
        .filter(|step| *step != Component::CurDir)
        .map(|step| match step {
            Component::Normal(step) => step.to_str(),
            _ => None,
        })
        .collect();
    let called = steps.map_or_else(|| name.to_owned(), |steps| steps.join("/"));
    let content = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Tree::new(offline::no_commit(), [(called, content)]))
}

/// What JSON and YAML hold.
#[derive(Serialize)]
struct Report<'a> {
    revision: &'a str,
    problems: Vec<Found<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
}

/// A problem as every command prints it, and where the word that it is about ends.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Found<'a> {
    #[serde(flatten)]
    finding: Finding<'a>,
    /// The column behind it in characters, from 1, on the same line.
    end_column: Option<u32>,
    /// The pinned revision that the file is of; nothing: the one that is looked at.
    pin: Option<&'a str>,
}

impl<'a> Found<'a> {
    fn new(problem: &'a Problem, trees: &Trees) -> Self {
        Self {
            finding: Finding::new(problem),
            end_column: report::end_column(trees, problem),
            pin: problem.pin.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests;
