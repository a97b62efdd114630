//! Small fleets for tests, written as text.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use capstan_proto::{BundleName, ClusterName, Revision, SourceName};

use crate::desired::{Approval, Desired, Given, Hold, Running, Wanted, desired};
use crate::inventory::Inventory;
use crate::limits;
use crate::manifest::{Rendered, render};
use crate::placement::{Decisions, resolve};
use crate::problem::Problem;
use crate::spec::{SourceState, Spec, Tree, Trees, load};

/// The one source of most tests.
pub(crate) fn source() -> SourceName {
    SourceName::try_new("main").unwrap()
}

pub(crate) fn revision(n: u32) -> Revision {
    Revision::try_new(format!("{n:040x}")).unwrap()
}

pub(crate) fn cluster(name: &str) -> ClusterName {
    ClusterName::try_new(name).unwrap()
}

pub(crate) fn bundle(name: &str) -> BundleName {
    BundleName::try_new(source(), name).unwrap()
}

/// Files from a text: `== path` begins a file; `!= path` is a symbolic link; `@Kind` and `@Kind name` stand for the lines that
/// every document begins with.
pub(crate) fn tree(n: u32, text: &str) -> Tree {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    let mut path = "fleet.yaml".to_owned();
    let mut refused = BTreeMap::new();
    for line in text.lines() {
        if let Some(link) = line.strip_prefix("!= ") {
            refused.insert(
                link.to_owned(),
                "symbolic links are not followed".to_owned(),
            );
            continue;
        }
        if let Some(next) = line.strip_prefix("== ") {
            path = next.trim().to_owned();
            files.entry(path.clone()).or_default();
            continue;
        }
        let file = files.entry(path.clone()).or_default();
        match line.strip_prefix('@') {
            Some(header) => {
                let (kind, name) = header.split_once(' ').unwrap_or((header, ""));
                writeln!(file, "---\napiVersion: capstan.dev/v1alpha1\nkind: {kind}").unwrap();
                if !name.is_empty() {
                    writeln!(file, "metadata: {{name: {name}}}").unwrap();
                }
            }
            None => writeln!(file, "{line}").unwrap(),
        }
    }
    let files = files
        .into_iter()
        .map(|(path, text)| (path, text.into_bytes()));
    Tree {
        refused,
        ..Tree::new(revision(n), files)
    }
}

/// One source at revision `n`.
pub(crate) fn trees(n: u32, text: &str) -> Trees {
    let read = SourceState::Read(Arc::new(tree(n, text)));
    Trees {
        sources: BTreeMap::from([(source(), read)]),
        ..Trees::default()
    }
}

/// Several sources at revision `n`.
pub(crate) fn many(n: u32, texts: &[(&str, &str)]) -> Trees {
    let read = |text: &str| SourceState::Read(Arc::new(tree(n, text)));
    let source = |name: &str| SourceName::try_new(name).unwrap();
    let texts = texts.iter();
    Trees {
        sources: texts.map(|(of, text)| (source(of), read(text))).collect(),
        ..Trees::default()
    }
}

/// Loads one revision after another; the last spec and its problems.
pub(crate) fn load_all(texts: &[&str]) -> (Spec, Vec<Problem>) {
    let mut spec = None;
    let mut problems = Vec::new();
    for (n, text) in (1..).zip(texts) {
        let (loaded, found) = load(&trees(n, text), spec.as_ref());
        spec = Some(loaded);
        problems = found;
    }
    (spec.unwrap_or_default(), problems)
}

/// Loads one revision that has no problem.
pub(crate) fn good(text: &str) -> Spec {
    let (spec, problems) = load_all(&[text]);
    assert_eq!(problems, [], "the fixture has problems");
    spec
}

/// A hub without a shell: hands out at once what it decides.
#[derive(Default)]
pub(crate) struct Hub {
    pub(crate) revision: u32,
    pub(crate) spec: Option<Arc<Spec>>,
    pub(crate) decisions: Decisions,
    pub(crate) rendered: Rendered,
    pub(crate) running: Running,
}

impl Hub {
    /// Reads a commit and hands out what follows from it.
    pub(crate) fn commit(&mut self, text: &str) -> Desired {
        self.revision += 1;
        self.follow(&trees(self.revision, text))
    }

    /// Looks at trees and hands out what follows from them.
    pub(crate) fn follow(&mut self, trees: &Trees) -> Desired {
        let desired = self.look(trees);
        self.hand_out(&desired);
        desired
    }

    pub(crate) fn look(&mut self, trees: &Trees) -> Desired {
        let (spec, _) = load(trees, self.spec.as_deref());
        let spec = Arc::new(spec);
        self.decisions = resolve(&spec, &Inventory::default(), &self.decisions);
        self.rendered = render(&spec, trees, &self.decisions, &self.rendered);
        self.spec = Some(spec);
        desired(&self.decisions, &self.rendered, &self.running)
    }

    pub(crate) fn hand_out(&mut self, desired: &Desired) {
        self.running.policies = self.running.policies_after(desired);
        for (name, wanted) in &desired.clusters {
            if let Wanted::Snapshot(target) = wanted {
                let given = self.running.clusters.entry(name.clone()).or_default();
                let certain = matches!(given, Given::Known(last) if last.certain);
                *given = match (certain, Given::after(target)) {
                    (true, after) => after.confirmed(),
                    (false, after) => after,
                };
            }
        }
        self.running.log.append(desired.removals.iter().cloned());
    }

    pub(crate) fn approve(&mut self, hold: &Hold) {
        self.running.approvals.push(Approval {
            set: hold.set.clone(),
            approver: "somebody".to_owned(),
            reason: "because".to_owned(),
            expires_unix_ms: self.running.now.plus_ms(limits::APPROVAL_MS).unix_ms(),
        });
    }

    pub(crate) fn pass_ms(&mut self, ms: u64) {
        self.running.now = self.running.now.plus_ms(ms);
    }
}

/// A file of ConfigMaps.
pub(crate) fn maps(path: &str, names: &[&str]) -> String {
    let mut out = format!("== {path}\n");
    for name in names {
        writeln!(
            out,
            "---\n{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}}}}}"
        )
        .unwrap();
    }
    out
}

pub(crate) fn clusters(names: &[&str]) -> String {
    let mut out = "== clusters.yaml\n".to_owned();
    for name in names {
        writeln!(
            out,
            "@Cluster\nmetadata: {{name: {name}, labels: {{name: {name}}}}}"
        )
        .unwrap();
    }
    out
}

pub(crate) const BUNDLES: &str =
    "== bundles.yaml\n@Bundle web\nspec: {path: w}\n@Bundle db\nspec: {path: d}\n";

/// Clusters a, b and c with web [w1 w2] and db [d1] everywhere.
pub(crate) fn fleet() -> String {
    [
        clusters(&["a", "b", "c"]),
        BUNDLES.to_owned(),
        maps("w/w.yaml", &["w1", "w2"]),
        maps("d/d.yaml", &["d1"]),
        "== p.yaml\n@Placement web\nspec: {bundles: [web], clusters: [{}]}\n@Placement db\nspec: {bundles: [db], clusters: [{}]}\n".to_owned(),
    ]
    .concat()
}
