//! The whole way from directories to instances, remembering what did not change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::{BundleName, ClusterName, Digest};

use super::instantiate::{self, Inputs, content_key, inputs_key};
use super::substitute::Values;
use super::{Content, Failure, Instance, Rendered, Scopes, Work, parse};
use crate::placement::{Decisions, Placed};
use crate::problem::{self, Code, Problem};
use crate::spec::{Bundle, Document, Spec, Trees};
use crate::template::BuiltIn;

/// What is remembered of one bundle.
#[derive(Clone, Debug)]
pub(super) struct Memo {
    key: Digest,
    content: Arc<Content>,
    instances: BTreeMap<Digest, Result<Arc<Instance>, Failure>>,
}

/// Renders every placed bundle for every cluster it is placed on. `previous` is a memory:
/// without broken content the answer is the same without it.
#[must_use]
pub fn render(spec: &Spec, trees: &Trees, decisions: &Decisions, previous: &Rendered) -> Rendered {
    let mut work = Work::default();
    let mut bundles: BTreeMap<BundleName, Memo> = BTreeMap::new();
    for (name, document) in &spec.bundles {
        if let Some(memo) = parsed(name, document, trees, previous, &mut work) {
            bundles.insert(name.clone(), memo);
        }
    }
    let mut scopes = Scopes::of(bundles.values().map(|memo| &*memo.content));
    if bundles.values().any(|memo| memo.content.is_in_doubt()) {
        scopes.fill(&previous.scopes);
    }
    let scopes = Arc::new(scopes);
    let mut rendered = Rendered {
        scopes,
        work,
        ..Rendered::default()
    };
    let mut found = BTreeSet::new();
    for (cluster, decision) in &decisions.clusters {
        let mut instances = BTreeMap::new();
        for (name, placed) in decision
            .bundles
            .iter()
            .filter(|(_, placed)| placed.declared)
        {
            let Some(document) = spec.bundles.get(name) else {
                continue;
            };
            let instance = match bundles.get_mut(name) {
                Some(memo) => {
                    let revision = &spec.revisions[name.source()];
                    let built_in = BuiltIn {
                        cluster,
                        labels: &decision.labels,
                        bundle: name,
                        revision,
                    };
                    let before = previous.bundles.get(name);
                    let step = Step {
                        document,
                        before,
                        built_in,
                    };
                    step.instance(placed, memo, &mut rendered)
                }
                None => Err(unread(name, document)),
            };
            if let Err(problems) = &instance {
                let known = without_directory(name, document, trees);
                let news = |p: &&Problem| !(known && p.code == Code::EmptyBundle);
                found.extend(problems.iter().filter(news).cloned());
            }
            instances.insert(name.clone(), instance);
        }
        rendered.clusters.insert(cluster.clone(), instances);
    }
    rendered.problems = problem::by_place(found);
    rendered.problems.extend(unplaced_problems(&bundles));
    rendered.bundles = bundles;
    rendered
}

/// The parsed content of a bundle: from the tree, or what is remembered.
fn parsed(
    name: &BundleName,
    document: &Document<Bundle>,
    trees: &Trees,
    previous: &Rendered,
    work: &mut Work,
) -> Option<Memo> {
    let before = previous.bundles.get(name);
    let Some(tree) = trees.read(name.source()) else {
        return before.map(|memo| Memo {
            instances: BTreeMap::new(),
            ..memo.clone()
        });
    };
    let path = &document.spec.path;
    let key = content_key(path, tree);
    let content = match before.filter(|memo| memo.key == key) {
        Some(memo) => Arc::clone(&memo.content),
        None => {
            work.parsed += 1;
            Arc::new(parse::content(name.source(), tree, path))
        }
    };
    Some(Memo {
        key,
        content,
        instances: BTreeMap::new(),
    })
}

/// Whether a bundle's directory is not there, which loading its document said already.
fn without_directory(name: &BundleName, document: &Document<Bundle>, trees: &Trees) -> bool {
    let tree = trees.read(name.source());
    !document.kept && tree.is_some_and(|tree| tree.is_empty_below(&document.spec.path))
}

struct Step<'a> {
    document: &'a Document<Bundle>,
    before: Option<&'a Memo>,
    built_in: BuiltIn<'a>,
}

impl Step<'_> {
    fn instance(
        &self,
        placed: &Placed,
        memo: &mut Memo,
        rendered: &mut Rendered,
    ) -> Result<Arc<Instance>, Failure> {
        let bundle = &self.document.spec;
        let values = Values {
            variables: &placed.inputs.variables,
            built_in: self.built_in,
        };
        let inputs = Inputs {
            name: self.built_in.bundle,
            bundle,
            scopes: &rendered.scopes,
            values: bundle.substitute.then_some(values),
        };
        let key = inputs_key(&memo.content, inputs);
        if let Some(instance) = memo.instances.get(&key) {
            return instance.clone();
        }
        let same_content = self.before.filter(|before| before.key == memo.key);
        let instance = match same_content.and_then(|before| before.instances.get(&key)) {
            Some(instance) => instance.clone(),
            None => {
                rendered.work.instantiated += 1;
                instantiate::instantiate(&memo.content, inputs)
                    .map(Arc::new)
                    .map_err(Arc::from)
            }
        };
        memo.instances.insert(key, instance.clone());
        instance
    }
}

fn unread(name: &BundleName, document: &Document<Bundle>) -> Failure {
    let message = format!(
        "source `{}` was not read since the hub started",
        name.source()
    );
    let problem =
        Problem::error(&document.spec.path_at, Code::Unreadable, message).about_bundle(name);
    Arc::from([problem])
}

/// What does not parse is a problem before anything places it.
fn unplaced_problems(bundles: &BTreeMap<BundleName, Memo>) -> BTreeSet<Problem> {
    let unplaced = bundles.iter().filter(|(_, memo)| memo.instances.is_empty());
    unplaced
        .flat_map(|(name, memo)| {
            memo.content
                .problems
                .iter()
                .map(|problem| problem.clone().about_bundle(name))
        })
        .collect()
}

impl Rendered {
    /// The bundles rendered for a cluster.
    pub fn of_cluster(
        &self,
        cluster: &ClusterName,
    ) -> impl Iterator<Item = (&BundleName, &Result<Arc<Instance>, Failure>)> {
        self.clusters.get(cluster).into_iter().flatten()
    }
}
