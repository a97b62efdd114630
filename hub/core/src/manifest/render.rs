//! The whole way from directories to instances, remembering what did not change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::digest::Hasher;
use capstan_proto::{BundleName, ClusterName, Digest, ObjectKey};

use super::directory::{Directory, Library};
use super::instantiate::{self, Inputs};
use super::job::{Job, Ready, Shapes, Subject, directory, is_chart, varies};
use super::odd::{Forgotten, Told};
use super::substitute::Values;
use super::{Failure, Instance, Places, Rendered, Scope, Scopes, Work, near};
use crate::placement::Decisions;
use crate::problem::{self, Code, Place, Problem};
use crate::spec::{Mode, Spec, Trees};
use crate::template::Effective;

/// Renders every placed bundle for every cluster it is placed on. `previous` is a memory:
/// without broken content and contradictory definitions the answer is the same without it.
#[must_use]
pub fn render(spec: &Spec, trees: &Trees, decisions: &Decisions, previous: &Rendered) -> Rendered {
    let mut library = Library::new(trees, previous);
    let declared = declared(spec, &mut library);
    let jobs = jobs(spec, decisions, &mut library);
    let (scopes, contradictions) = scopes(&library, spec, previous);
    let mut factory = Factory {
        scopes_key: scopes_key(&scopes),
        scopes,
        previous,
        made: BTreeMap::new(),
        alike: BTreeMap::new(),
        failed: BTreeMap::new(),
        instantiated: 0,
        shared: Shared::default(),
    };
    let mut rendered = Rendered::default();
    let mut failures = Failures::default();
    let mut forgotten = Forgotten::new(spec);
    let mut told = Told::default();
    let mut names: BTreeMap<&BundleName, Named> = BTreeMap::new();
    for jobs in jobs.chunk_by(|one, next| one.subject.cluster == next.subject.cluster) {
        let mut bundles = Vec::with_capacity(jobs.len());
        for Job { subject, ready } in jobs {
            let named = names.entry(subject.bundle);
            let named = named.or_insert_with(|| Named::new(subject.bundle));
            named.clusters += 1;
            named.branch |= subject.placed.inputs.pin.is_none();
            let result = match ready {
                Ok(ready) => {
                    forgotten.of(*subject, ready);
                    factory.instance(*subject, ready)
                }
                Err(failure) => Err(Arc::clone(failure)),
            };
            if let (Ok(ready), Ok(instance)) = (ready, &result)
                && let Some(odd) = told.of(*subject, ready, instance)
            {
                failures.add(&odd, subject.cluster);
            }
            if let Err(failure) = &result
                && !subject.is_told(failure, trees)
            {
                failures.add(failure, subject.cluster);
            }
            bundles.push((Arc::clone(&named.name), result));
        }
        let cluster = jobs[0].subject.cluster.clone();
        rendered
            .clusters
            .insert(cluster, bundles.into_iter().collect());
    }
    drop(jobs);
    rendered.problems = near::advised(failures.problems(&names), spec, decisions);
    for (name, directory) in &declared {
        if let Some(directory) = directory {
            forgotten.look((*name, None), &spec.bundles[*name], &directory.content);
        }
    }
    rendered.problems.extend(forgotten.problems);
    let unplaced = unplaced_problems(&declared, &names);
    rendered.problems.extend(unplaced);
    rendered.problems.extend(contradictions);
    rendered.work = Work {
        parsed: library.parsed,
        instantiated: factory.instantiated,
    };
    rendered.directories = library.directories;
    rendered.instances = factory.made;
    rendered.scopes = Arc::new(factory.scopes);
    rendered
}

/// A placed bundle.
struct Named {
    /// Shared by all clusters.
    name: Arc<BundleName>,
    /// How many clusters it is on.
    clusters: usize,
    /// Whether it is somewhere as the branch has it.
    branch: bool,
}

impl Named {
    fn new(name: &BundleName) -> Self {
        Self {
            name: Arc::new(name.clone()),
            clusters: 0,
            branch: false,
        }
    }
}

/// The directory of every declared bundle, placed or not, where it is the same for all clusters.
fn declared<'a>(
    spec: &'a Spec,
    library: &mut Library<'_>,
) -> Vec<(&'a BundleName, Option<Directory>)> {
    let mut declared = Vec::new();
    for (name, document) in &spec.bundles {
        let bundle = &document.spec;
        if !is_chart(bundle) && !varies(&bundle.path) {
            declared.push((name, library.get(&directory(name, None, &bundle.path))));
        }
    }
    declared
}

/// What is to be made for every placed bundle on every cluster.
fn jobs<'a>(spec: &'a Spec, decisions: &'a Decisions, library: &mut Library<'_>) -> Vec<Job<'a>> {
    let mut shapes = Shapes::default();
    let mut jobs = Vec::new();
    for (cluster, decision) in &decisions.clusters {
        let Some(member) = spec.members.get(cluster) else {
            continue;
        };
        let placed = decision.bundles.iter();
        for (bundle, placed) in placed.filter(|(_, placed)| placed.declared) {
            let subject = Subject {
                spec,
                cluster,
                member,
                bundle,
                placed,
            };
            jobs.extend(subject.job(&mut shapes, library));
        }
    }
    jobs
}

fn scopes(library: &Library<'_>, spec: &Spec, previous: &Rendered) -> (Scopes, Vec<Problem>) {
    let directories = || library.directories.iter().map(|(n, d)| (n, &*d.content));
    let before = &previous.scopes;
    let (mut scopes, problems) = Scopes::of(directories(), &spec.restrictions, before);
    if directories().any(|(_, content)| content.is_in_doubt()) {
        scopes.fill(before);
    }
    (scopes, problems)
}

fn scopes_key(scopes: &Scopes) -> Digest {
    let mut hasher = Hasher::new();
    for ((group, kind), found) in scopes.found() {
        let scope = match found.scope {
            Scope::Cluster => b"c",
            Scope::Namespaced => b"n",
        };
        hasher
            .field(group.as_bytes())
            .field(kind.as_bytes())
            .field(scope)
            .field(&[u8::from(found.defined)]);
    }
    hasher.finish()
}

// === instances ===

/// Makes instances, each once.
struct Factory<'a> {
    scopes: Scopes,
    scopes_key: Digest,
    previous: &'a Rendered,
    made: BTreeMap<Digest, Arc<Instance>>,
    /// What comes of shapes that use no values, by the shape's address and the cluster's mode. The
    /// jobs hold the shapes.
    alike: BTreeMap<(usize, &'static str), Result<Arc<Instance>, Failure>>,
    /// By inputs and the places that problems name. Not remembered: places may move.
    failed: BTreeMap<(Digest, Digest), Failure>,
    instantiated: usize,
    shared: Shared,
}

/// What instances have in common, kept once: those of one bundle differ in few objects.
#[derive(Default)]
struct Shared {
    keys: BTreeSet<ObjectKey>,
    bytes: BTreeMap<Digest, Arc<[u8]>>,
    places: BTreeSet<Arc<Places>>,
}

impl Shared {
    fn share(&mut self, instance: &mut Instance) {
        if let Some(places) = self.places.get(&instance.places) {
            instance.places = Arc::clone(places);
        } else {
            self.places.insert(Arc::clone(&instance.places));
        }
        for (digest, bytes) in &mut instance.bytes {
            let known = self.bytes.entry(*digest);
            *bytes = Arc::clone(known.or_insert_with(|| Arc::clone(bytes)));
        }
        let objects = std::mem::take(&mut instance.objects).into_iter();
        let shared = objects.map(|(key, digest)| (self.key(key), digest));
        instance.objects = shared.collect();
    }

    fn key(&mut self, key: ObjectKey) -> ObjectKey {
        if let Some(known) = self.keys.get(&key) {
            return known.clone();
        }
        self.keys.insert(key.clone());
        key
    }
}

impl Factory<'_> {
    fn instance(
        &mut self,
        subject: Subject<'_>,
        ready: &Ready<'_>,
    ) -> Result<Arc<Instance>, Failure> {
        if ready.uses_values() {
            return self.of_values(subject, ready, &subject.variables());
        }
        let address = Arc::as_ptr(&ready.shape).addr();
        let name = (address, subject.member.mode.as_str());
        if let Some(made) = self.alike.get(&name) {
            return made.clone();
        }
        let made = self.of_values(subject, ready, &Effective::new());
        self.alike.insert(name, made.clone());
        made
    }

    fn of_values(
        &mut self,
        subject: Subject<'_>,
        ready: &Ready<'_>,
        variables: &Effective,
    ) -> Result<Arc<Instance>, Failure> {
        let values = Values {
            variables,
            built_in: subject.built_in(ready.revision),
        };
        let namespace = ready.namespace(values);
        let namespace = namespace.map_err(|problem| subject.told(vec![*problem]))?;
        let namespace = namespace.as_deref();
        let key = self.key(ready, namespace, values, subject.member.mode);
        let known = self.made.get(&key);
        if let Some(instance) = known.or_else(|| self.previous.instances.get(&key)) {
            let instance = Arc::clone(instance);
            self.made.insert(key, Arc::clone(&instance));
            return Ok(instance);
        }
        let failure = (key, ready.shape.places);
        if let Some(failure) = self.failed.get(&failure) {
            return Err(Arc::clone(failure));
        }
        self.instantiated += 1;
        let inputs = Inputs {
            name: subject.bundle,
            bundle: &ready.shape.document.spec,
            path: ready.path(),
            namespace,
            scopes: &self.scopes,
            values,
            patches: &ready.shape.patches,
            restrictions: &ready.shape.restrictions,
            mode: subject.member.mode,
        };
        match instantiate::instantiate(&ready.directory().content, inputs) {
            Ok(mut instance) => {
                self.shared.share(&mut instance);
                let instance = Arc::new(instance);
                self.made.insert(key, Arc::clone(&instance));
                Ok(instance)
            }
            Err(found) => {
                let found = subject.told(found);
                self.failed.insert(failure, Arc::clone(&found));
                Err(found)
            }
        }
    }

    /// Equal inputs have equal keys, whatever cluster they are for.
    fn key(
        &self,
        ready: &Ready<'_>,
        namespace: Option<&str>,
        values: Values<'_>,
        mode: Mode,
    ) -> Digest {
        let mut hasher = Hasher::new();
        hasher
            .field(ready.shape.key.as_bytes())
            .field(self.scopes_key.as_bytes())
            .field(ready.directory().key.as_bytes())
            .field(namespace.unwrap_or_default().as_bytes())
            .field(mode.as_str().as_bytes());
        let substitute = ready.shape.document.spec.substitute;
        let content = substitute.then_some(&ready.directory().content.uses);
        for name in content.into_iter().flatten().chain(&ready.shape.uses) {
            hasher
                .field(name.as_bytes())
                .field(values.fingerprint(name).as_bytes());
        }
        hasher.finish()
    }
}

// === problems ===

/// Failures with the clusters that have them. Thousands of clusters share a failure.
#[derive(Default)]
struct Failures<'a> {
    found: BTreeMap<usize, (Failure, Vec<&'a ClusterName>)>,
}

impl<'a> Failures<'a> {
    fn add(&mut self, failure: &Failure, cluster: &'a ClusterName) {
        let address = failure.as_ptr().addr();
        let found = self.found.entry(address);
        let (_, clusters) = found.or_insert_with(|| (Arc::clone(failure), Vec::new()));
        clusters.push(cluster);
    }

    /// One problem for a place and a sentence, however many clusters have it. `placed` says on how
    /// many clusters each bundle is: what not all of them have in common names its clusters.
    fn problems(&self, placed: &BTreeMap<&BundleName, Named>) -> BTreeSet<Problem> {
        let mut clusters: BTreeMap<&Problem, BTreeSet<&ClusterName>> = BTreeMap::new();
        for (failure, of) in self.found.values() {
            for problem in failure.iter() {
                clusters.entry(problem).or_default().extend(of);
            }
        }
        let told = alike(clusters).into_iter().map(|(problem, clusters)| {
            let bundle = problem.bundle.as_ref();
            let all = bundle.and_then(|bundle| placed.get(bundle));
            let common = all.is_some_and(|all| all.clusters == clusters.len())
                && !hangs_on_cluster(&problem);
            let named = clusters.into_iter().filter(|_| !common).cloned();
            Problem {
                clusters: named.collect(),
                ..problem
            }
        });
        problem::by_place(told)
    }
}

/// What problems have in common that only values tell apart.
type Same<'a> = (&'a Option<Place>, Code, &'a Option<BundleName>);

/// A patch fails on each cluster with the values of that cluster: told once, with the first words.
fn alike<'a>(
    found: BTreeMap<&Problem, BTreeSet<&'a ClusterName>>,
) -> Vec<(Problem, BTreeSet<&'a ClusterName>)> {
    let mut all: Vec<(Problem, BTreeSet<&ClusterName>)> = Vec::new();
    let mut first: BTreeMap<Same<'_>, (usize, bool)> = BTreeMap::new();
    for (problem, clusters) in found {
        let of_patch = matches!(problem.code, Code::BadPatch | Code::PatchMatchesNothing);
        let name = (&problem.at, problem.code, &problem.bundle);
        match first.get_mut(&name).filter(|_| of_patch) {
            Some((at, several)) => {
                all[*at].1.extend(clusters);
                *several = true;
            }
            None => {
                first.insert(name, (all.len(), false));
                all.push((problem.clone(), clusters));
            }
        }
    }
    for (at, _) in first.into_values().filter(|(_, several)| *several) {
        all[at].0.message.push_str(" (elsewhere with other values)");
    }
    all
}

/// Whether a problem comes from what a cluster says, although all may say the same.
fn hangs_on_cluster(problem: &Problem) -> bool {
    matches!(
        problem.code,
        Code::UnknownVariable
            | Code::VariableCycle
            | Code::BadSubstitution
            | Code::NoDirectory
            | Code::TooMuch
    )
}

/// What does not parse is a problem before anything places it.
fn unplaced_problems(
    declared: &[(&BundleName, Option<Directory>)],
    placed: &BTreeMap<&BundleName, Named>,
) -> BTreeSet<Problem> {
    let is_placed = |name: &BundleName| placed.get(name).is_some_and(|named| named.branch);
    let unplaced = declared.iter().filter(|(name, _)| !is_placed(name));
    unplaced
        .filter_map(|(name, directory)| Some((name, directory.as_ref()?)))
        .flat_map(|(name, directory)| {
            let problems = directory.content.problems.iter();
            problems.map(|problem| problem.clone().about_bundle(name))
        })
        .collect()
}

impl Rendered {
    /// The bundles rendered for a cluster.
    pub fn of_cluster(
        &self,
        cluster: &ClusterName,
    ) -> impl Iterator<Item = (&BundleName, &Result<Arc<Instance>, Failure>)> {
        let bundles = self.clusters.get(cluster).into_iter().flatten();
        bundles.map(|(name, result)| (&**name, result))
    }
}
