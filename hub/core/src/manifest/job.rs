//! What is to be made for one bundle on one cluster, and what keeps it from being made.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use capstan_proto::digest::Hasher;
use capstan_proto::{BundleName, ClusterName, Digest, PlacementName, Revision};

use super::directory::{Directory, Library, Name};
use super::instantiate::policy;
use super::substitute::{self, Values};
use super::{Failure, patch};
use crate::effective::{self, Applied, Layers};
use crate::placement::Placed;
use crate::problem::{Code, Place, Problem};
use crate::spec::{Bundle, Document, Member, Mode, Patch, PinState, Restriction, Spec, Trees};
use crate::template::{BuiltIn, Effective};

pub(super) fn is_chart(bundle: &Bundle) -> bool {
    bundle
        .helm
        .as_ref()
        .is_some_and(|helm| helm.chart.is_some())
}

pub(super) fn varies(text: &str) -> bool {
    text.contains("${")
}

pub(super) fn directory(bundle: &BundleName, pin: Option<&str>, path: &str) -> Name {
    Name {
        source: bundle.source().clone(),
        pin: pin.map(ToOwned::to_owned),
        path: path.to_owned(),
    }
}

// === what is alike on many clusters ===

/// A bundle with the overrides that apply: alike on many clusters, looked at once.
pub(super) struct Shape<'a> {
    pub(super) document: &'a Document<Bundle>,
    pub(super) patches: Vec<&'a Patch>,
    /// The variables that the patches use.
    pub(super) uses: BTreeSet<String>,
    /// What the objects may be.
    pub(super) restrictions: Vec<&'a Restriction>,
    /// What the document and the patches say.
    pub(super) key: Digest,
    /// Where they stand: what problems name besides.
    pub(super) places: Digest,
    /// The bundle's directory, where its path uses no values.
    directory: OnceLock<Directory>,
}

#[derive(Default)]
pub(super) struct Shapes<'a> {
    known: BTreeMap<ShapeName<'a>, Option<Arc<Shape<'a>>>>,
    /// The same by the address of what is placed, which many clusters share.
    placed: BTreeMap<(usize, &'a BundleName), Option<Arc<Shape<'a>>>>,
}

/// The bundle, its pin, the placement, and the overrides that apply.
type ShapeName<'a> = (
    &'a BundleName,
    Option<&'a str>,
    &'a PlacementName,
    &'a [Applied],
);

impl<'a> Shapes<'a> {
    fn get(&mut self, subject: Subject<'a>) -> Option<Arc<Shape<'a>>> {
        let address = (Arc::as_ptr(subject.placed).addr(), subject.bundle);
        if let Some(shape) = self.placed.get(&address) {
            return shape.clone();
        }
        let shape = self.by_name(subject);
        self.placed.insert(address, shape.clone());
        shape
    }

    fn by_name(&mut self, subject: Subject<'a>) -> Option<Arc<Shape<'a>>> {
        let inputs = &subject.placed.inputs;
        let name = (
            subject.bundle,
            subject.pin(),
            &subject.placed.placement,
            inputs.overrides.as_slice(),
        );
        let make = || {
            let pair = (subject.cluster, subject.bundle);
            let layers = Layers::of(subject.spec, pair, &subject.placed.placement, inputs)?;
            Some(Arc::new(Shape::new(subject, layers)))
        };
        self.known.entry(name).or_insert_with(make).clone()
    }
}

impl<'a> Shape<'a> {
    fn new(subject: Subject<'a>, layers: Layers<'a>) -> Self {
        let document = layers.bundle;
        let patches: Vec<&Patch> = layers.patches().collect();
        let bundle = &document.spec;
        let mut uses = BTreeSet::new();
        let mut hasher = Hasher::new();
        hasher
            .field(subject.bundle.to_string().as_bytes())
            .field(&policy(bundle, None, Mode::Enforce).to_bytes())
            .field(&[
                u8::from(bundle.create_namespace),
                u8::from(bundle.substitute),
            ]);
        let restrictions = restrictions(subject, layers);
        hasher.field(format!("{restrictions:?}").as_bytes());
        let mut places = Hasher::new();
        places
            .field(subject.pin().unwrap_or_default().as_bytes())
            .field(bundle.path_at.to_string().as_bytes());
        for patch in &patches {
            places.field(patch.at.to_string().as_bytes());
            patch::used(patch, &mut uses);
            patch::fingerprint(patch, &mut hasher);
        }
        Self {
            document,
            patches,
            uses,
            restrictions,
            key: hasher.finish(),
            places: places.finish(),
            directory: OnceLock::new(),
        }
    }
}

/// What the bundle's source may declare, and the placement's where it changes the bundle: what
/// another source exports can be placed as it is, unless the placement's source may place nothing.
fn restrictions<'a>(subject: Subject<'a>, layers: Layers<'a>) -> Vec<&'a Restriction> {
    let known = &subject.spec.restrictions;
    let own = subject.bundle.source();
    let other = subject.placed.placement.source();
    let places_nothing = known.get(other).is_some_and(|r| r.service_account_required);
    let counts = own != other && (layers.is_changed_by_placement() || places_nothing);
    let sources = [Some(own), Some(other).filter(|_| counts)];
    sources
        .into_iter()
        .flatten()
        .filter_map(|source| known.get(source))
        .collect()
}

// === one bundle on one cluster ===

#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) spec: &'a Spec,
    pub(super) cluster: &'a ClusterName,
    pub(super) member: &'a Member,
    pub(super) bundle: &'a BundleName,
    pub(super) placed: &'a Arc<Placed>,
}

/// A bundle on a cluster, with the first thing that keeps it from being made.
pub(super) struct Job<'a> {
    pub(super) subject: Subject<'a>,
    pub(super) ready: Result<Ready<'a>, Failure>,
}

/// What an instance is made of.
pub(super) struct Ready<'a> {
    pub(super) shape: Arc<Shape<'a>>,
    pub(super) revision: &'a Revision,
    /// The directory and its path, where they are this cluster's own.
    own: Option<Box<(Directory, String)>>,
}

impl<'a> Ready<'a> {
    pub(super) fn directory(&self) -> &Directory {
        match &self.own {
            Some(own) => &own.0,
            None => {
                let directory = self.shape.directory.get();
                directory.expect("it was looked up before the first job was ready")
            }
        }
    }

    pub(super) fn path(&self) -> &str {
        match &self.own {
            Some(own) => &own.1,
            None => &self.shape.document.spec.path,
        }
    }

    /// The default namespace, with values put in.
    pub(super) fn namespace(
        &self,
        values: Values<'_>,
    ) -> Result<Option<Cow<'a, str>>, Box<Problem>> {
        namespace(self.shape.document, values)
    }

    /// Whether anything of it may differ between clusters of one mode.
    pub(super) fn uses_values(&self) -> bool {
        let bundle = &self.shape.document.spec;
        let namespace = bundle.default_namespace.as_deref();
        !self.shape.uses.is_empty()
            || bundle.substitute && !self.directory().content.uses.is_empty()
            || varies(&bundle.path)
            || namespace.is_some_and(varies)
    }
}

impl<'a> Subject<'a> {
    pub(super) fn pin(self) -> Option<&'a str> {
        self.placed.inputs.pin.as_ref().map(|pin| pin.text.as_str())
    }

    /// Problems of this bundle, with the revision that is pinned: the file may be right today.
    pub(super) fn told(self, problems: Vec<Problem>) -> Failure {
        let told = |problem: Problem| {
            let problem = match self.pin() {
                Some(pin) if self.is_of_placement(&problem) => problem.of_pin(pin),
                Some(pin) => problem.in_pin(pin),
                None => problem,
            };
            problem.about_bundle(self.bundle)
        };
        problems.into_iter().map(told).collect()
    }

    /// Whether a problem is about a patch of the placement, which the branch has.
    fn is_of_placement(self, problem: &Problem) -> bool {
        let document = self.spec.placements.get(&self.placed.placement);
        let overrides = document.into_iter().flat_map(|d| &d.spec.overrides);
        let mut patches = overrides.flat_map(|entry| &entry.patches);
        problem.at.as_ref().is_some_and(|at| {
            let extends = |patch: &Patch| (patch.at.line..=patch.last_line()).contains(&at.line);
            let same_file = |own: &Place| (&own.source, &own.path) == (&at.source, &at.path);
            patches.any(|patch| same_file(&patch.at) && extends(patch))
        })
    }

    /// Whether loading the bundle's document said already that its directory is not there.
    pub(super) fn is_told(self, failure: &Failure, trees: &Trees) -> bool {
        let pin = self.placed.inputs.pin.as_ref();
        let tree = match pin {
            None => trees.read(self.bundle.source()),
            Some(pin) => match trees.pins.get(&effective::pin_name(self.bundle, pin)) {
                Some(PinState::Read(tree)) => Some(tree),
                _ => None,
            },
        };
        let document = effective::document(self.spec, self.bundle, pin);
        failure
            .iter()
            .all(|problem| problem.code == Code::EmptyBundle)
            && document.is_some_and(|document| {
                let path = &document.spec.path;
                let empty = tree.is_some_and(|tree| tree.is_empty_below(path));
                empty && !document.kept && !varies(path)
            })
    }

    pub(super) fn job(self, shapes: &mut Shapes<'a>, library: &mut Library<'_>) -> Option<Job<'a>> {
        let ready = match &self.placed.inputs.unknown {
            // A fact that is not known yet is no problem, and a revision that is not there is one of
            // the document that pins it.
            Some(_) => Err(Vec::new()),
            None => {
                let shape = shapes.get(self)?;
                let ready = self.ready(shape, library);
                ready.map_err(|problem| vec![*problem])
            }
        };
        let ready = ready.map_err(|problems| self.told(problems));
        Some(Job {
            subject: self,
            ready,
        })
    }

    fn ready(
        self,
        shape: Arc<Shape<'a>>,
        library: &mut Library<'_>,
    ) -> Result<Ready<'a>, Box<Problem>> {
        let document = shape.document;
        let pin = self.placed.inputs.pin.as_ref();
        let Some(revision) = effective::revision(self.spec, self.bundle, pin) else {
            return Err(Box::new(unread(self.bundle, &document.spec.path_at)));
        };
        if is_chart(&document.spec) {
            let message = "this version does not render charts of a registry yet";
            let problem = Problem::error(&document.at, Code::UnsupportedContent, message);
            return Err(Box::new(
                problem.hint("keep plain manifests in a directory"),
            ));
        }
        let path = &document.spec.path;
        let own = if varies(path) {
            let variables = self.variables();
            let values = Values {
                variables: &variables,
                built_in: self.built_in(revision),
            };
            let path = own_path(&document.spec, values)?;
            let directory = self.directory(document, &path, library)?;
            Some(Box::new((directory, path)))
        } else {
            if shape.directory.get().is_none() {
                let directory = self.directory(document, path, library)?;
                shape.directory.get_or_init(|| directory);
            }
            None
        };
        Ok(Ready {
            shape,
            revision,
            own,
        })
    }

    /// The variables in force.
    pub(super) fn variables(self) -> Effective {
        let pair = (self.cluster, self.bundle);
        effective::variables(self.spec, pair, &self.placed.placement, &self.placed.inputs)
    }

    pub(super) fn built_in(self, revision: &'a Revision) -> BuiltIn<'a> {
        BuiltIn {
            cluster: self.cluster,
            labels: &self.member.labels,
            bundle: self.bundle,
            revision,
        }
    }

    fn directory(
        self,
        document: &Document<Bundle>,
        path: &str,
        library: &mut Library<'_>,
    ) -> Result<Directory, Box<Problem>> {
        let name = directory(self.bundle, self.pin(), path);
        let Some(directory) = library.get(&name) else {
            return Err(Box::new(unread(self.bundle, &document.spec.path_at)));
        };
        if varies(&document.spec.path) && !directory.is_there {
            let message = format!("there is no directory `{path}`");
            let hint = library.nearest(&name);
            let problem = Problem::error(&document.spec.path_at, Code::NoDirectory, message);
            let hint = hint.map(|near| format!("did you mean `{near}`?"));
            return Err(Box::new(problem.maybe_hint(hint)));
        }
        Ok(directory)
    }
}

/// The path of the bundle's directory, with values put in.
fn own_path(bundle: &Bundle, values: Values<'_>) -> Result<String, Box<Problem>> {
    let text = substitute::text(&bundle.path, &bundle.path_at, values)?;
    let parts = text.split('/').filter(|part| !matches!(*part, "" | "."));
    let parts: Vec<&str> = parts.collect();
    if parts.contains(&"..") {
        let message = format!("`spec.path` is `{text}` and cannot go up");
        let problem = Problem::error(&bundle.path_at, Code::NoDirectory, message);
        return Err(Box::new(problem.hint("name a directory below")));
    }
    Ok(parts.join("/"))
}

/// The default namespace, with values put in.
fn namespace<'a>(
    document: &'a Document<Bundle>,
    values: Values<'_>,
) -> Result<Option<Cow<'a, str>>, Box<Problem>> {
    let Some(raw) = &document.spec.default_namespace else {
        return Ok(None);
    };
    if !varies(raw) {
        return Ok(Some(Cow::Borrowed(raw)));
    }
    let text = substitute::text(raw, &document.at, values)?;
    // Namespaces are named as clusters are: both are DNS-1123 labels.
    match ClusterName::try_new(text.clone()) {
        Ok(_) => Ok(Some(Cow::Owned(text))),
        Err(error) => {
            let message = format!("`spec.defaultNamespace` is `{text}`: {error}");
            Err(Box::new(Problem::error(
                &document.at,
                Code::BadName,
                message,
            )))
        }
    }
}

fn unread(bundle: &BundleName, at: &Place) -> Problem {
    let message = format!(
        "source `{}` was not read since the hub started",
        bundle.source()
    );
    Problem::error(at, Code::Unreadable, message)
}
