//! `hub lint`: checks fleet files from a checkout alone, as a compiler would.

use std::collections::BTreeMap;
use std::path::{Component, Path};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use capstan_hub_core::inventory::Inventory;
use capstan_hub_core::manifest::{self, Rendered};
use capstan_hub_core::placement::{self, Decisions};
use capstan_hub_core::problem::{Problem, Severity};
use capstan_hub_core::report;
use capstan_hub_core::spec::{self, SourceState, Spec, Tree, Trees};
use capstan_proto::{ClusterName, Revision, SourceName};
use serde::Serialize;

use super::args::{Format, Lint};
use super::output::{print, value};
use super::table::colour;
use super::{Failure, Outcome};
use crate::git::{self, Limits};

/// The revision of files that are in no commit.
const NO_COMMIT: &str = "0000000000000000000000000000000000000000";

pub(super) fn run(args: &Lint) -> Outcome {
    let alone = args.rev.is_none() && args.path.is_file();
    let tree = match &args.rev {
        Some(rev) => committed(&args.path, rev, &args.within),
        None if alone => one_file(&args.path),
        None => on_disk(&args.path),
    };
    let tree = tree.map_err(Failure::Usage)?;
    let revision = tree.revision.clone();
    let trees = trees(source_name(&args.path), tree);
    let (problems, note) = if alone {
        let (problems, note) = check_alone(&trees);
        (problems, Some(note))
    } else {
        (check(&trees).1, None)
    };
    let errors = problems
        .iter()
        .any(|problem| problem.severity == Severity::Error);
    match args.output {
        Format::Json | Format::Yaml => {
            value(&Report::new(&revision, &problems, note), args.output)?;
        }
        Format::Table | Format::Wide => {
            let text = report::lint(&problems, &trees);
            let mut lines: Vec<String> = text.lines().map(colour).collect();
            lines.extend(note.map(|note| format!("note: {note}")));
            print(&lines)?;
        }
    }
    if errors {
        Err(Failure::Said(super::FAILED))
    } else {
        Ok(())
    }
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

/// Names the source after the directory, where that is a name.
fn source_name(path: &Path) -> SourceName {
    std::path::absolute(path)
        .ok()
        .and_then(|path| Some(path.file_name()?.to_str()?.to_ascii_lowercase()))
        .and_then(|name| SourceName::try_new(name.trim_end_matches(".git")).ok())
        .unwrap_or_else(|| SourceName::try_new("fleet").expect("a DNS label"))
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
    let revision = Revision::try_new(NO_COMMIT).expect("40 digits");
    Ok(Tree::new(revision, [(called, content)]))
}

/// The files of a directory as they are now.
fn on_disk(root: &Path) -> anyhow::Result<Tree> {
    let limits = Limits::default();
    if !root.is_dir() {
        return Err(anyhow!("{} is no directory", root.display()));
    }
    let revision = Revision::try_new(NO_COMMIT).expect("40 digits");
    let (mut files, mut bytes) = (Vec::new(), 0_u64);
    let mut refused = BTreeMap::new();
    let mut waiting = vec![String::new()];
    while let Some(folder) = waiting.pop() {
        let path = root.join(&folder);
        let reading = || format!("cannot read {}", path.display());
        for entry in std::fs::read_dir(&path).with_context(reading)? {
            let entry = entry.with_context(reading)?;
            let Ok(name) = entry.file_name().into_string() else {
                return Err(anyhow!(
                    "{} has a name that is not UTF-8",
                    entry.path().display()
                ));
            };
            let relative = if folder.is_empty() {
                name.clone()
            } else {
                format!("{folder}/{name}")
            };
            let kind = entry.file_type().with_context(reading)?;
            if kind.is_dir() && name != ".git" {
                waiting.push(relative);
            } else if kind.is_file() && is_text(&name) {
                let content = std::fs::read(entry.path())
                    .with_context(|| format!("cannot read {}", entry.path().display()))?;
                bytes += content.len() as u64;
                files.push((relative, content));
            } else if kind.is_symlink() {
                refused.insert(relative, git::Refusal::SymbolicLink.to_string());
            }
            if files.len() > limits.files || bytes > limits.total_bytes {
                return Err(anyhow!(
                    "{} has more files than a fleet may have",
                    root.display()
                ));
            }
        }
    }
    Ok(Tree {
        refused,
        ..Tree::new(revision, files)
    })
}

fn is_text(name: &str) -> bool {
    [".yaml", ".yml", ".json"]
        .iter()
        .any(|ending| name.to_ascii_lowercase().ends_with(ending))
}

/// The files of a commit of a local repository.
fn committed(root: &Path, rev: &str, within: &str) -> anyhow::Result<Tree> {
    let doing = || format!("cannot read {rev} of {}", root.display());
    let repository = git2::Repository::open(root).with_context(doing)?;
    let commit = repository
        .revparse_single(rev)
        .and_then(|object| object.peel_to_commit())
        .with_context(doing)?;
    let revision = Revision::try_new(commit.id().to_string()).with_context(doing)?;
    let source = git::Source {
        name: source_name(root),
        url: root.display().to_string(),
        branch: String::new(),
        path: within.trim_matches('/').to_owned(),
        auth: git::Auth::None,
    };
    let tree = git::Tree::open(repository.path(), &source, &revision, Limits::default())?;
    let listed = tree.files()?;
    let refused = listed.refused.iter();
    let refused = refused.map(|(path, refusal)| (path.clone(), refusal.to_string()));
    Ok(Tree {
        refused: refused.collect(),
        ..Tree::new(revision, tree.read_all(&listed, is_text)?)
    })
}

/// What JSON and YAML hold.
#[derive(Serialize)]
struct Report<'a> {
    revision: &'a str,
    problems: Vec<Line<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
}

#[derive(Serialize)]
struct Line<'a> {
    code: &'a str,
    severity: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bundle: Option<String>,
    message: &'a str,
    hint: Option<&'a str>,
}

impl<'a> Report<'a> {
    fn new(revision: &'a Revision, problems: &'a [Problem], note: Option<&'a str>) -> Self {
        let revision = match revision.as_str() {
            NO_COMMIT => "",
            text => text,
        };
        Self {
            revision,
            problems: problems.iter().map(Line::new).collect(),
            note,
        }
    }
}

impl<'a> Line<'a> {
    fn new(problem: &'a Problem) -> Self {
        let at = problem.at.as_ref();
        Self {
            code: problem.code.as_str(),
            severity: problem.severity.to_string(),
            path: at.map(|at| at.path.as_ref()),
            line: at.map(|at| at.line),
            column: at.map(|at| at.column),
            cluster: problem.cluster().map(ClusterName::as_str),
            bundle: problem.bundle.as_ref().map(ToString::to_string),
            message: &problem.message,
            hint: problem.hint.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests;
