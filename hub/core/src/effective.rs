//! What one bundle is rendered with on one cluster: layers and overrides, put together.
//!
//! All overrides that match apply, the bundle's before the placement's, in order; later wins. The
//! precedence of variables, highest first: placement overrides, bundle overrides, the cluster, its
//! templates (later first), the bundle. Where a revision is pinned, the bundle is as it is there,
//! with its overrides; the placement is always as the branch has it.
//!
//! [`Inputs`] hold what was decided, and are alike on many clusters; [`Layers`] and [`variables`] look
//! up in the documents what follows from it.

mod helm;

use std::collections::BTreeMap;
use std::fmt;

use capstan_proto::{BundleName, ClusterName, PlacementName, Revision};

pub use helm::helm_values;

use crate::inventory::Facts;
use crate::problem::Place;
use crate::selector::{Candidate, Judgement, Membership, Truth, any, judge};
use crate::spec::{
    Bundle, Document, GroupName, Layer, Member, Override, Patch, Pin, PinName, Pinned, Placement,
    Spec, TemplateName, Variables,
};
use crate::template::{BuiltIn, Effective, Scalar, effective};

/// What one bundle is rendered with on one cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Inputs {
    /// The revision that the bundle is read at; `None`: the branch.
    pub pin: Option<Pin>,
    /// Whether the bundle is declared there.
    pub declared: bool,
    /// The overrides that apply, in order: the bundle's, then the placement's.
    pub overrides: Vec<Applied>,
    /// Why they are not all known: what is there of the bundle stays until they are.
    pub unknown: Option<Unknown>,
}

/// An override that applies. Known by its number in its document: a pinned revision and the branch,
/// or a document that is kept beside a newer one, can have overrides at equal places.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Applied {
    /// Whose override it is.
    pub of: Overrider,
    /// Which one of the document's, counted from 0.
    pub index: usize,
    /// Where it is, for people.
    pub at: Place,
}

/// The document that an override belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Overrider {
    /// The bundle, at the revision in force.
    Bundle,
    /// The placement.
    Placement,
}

/// Why it is not known what a bundle is rendered with on a cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unknown {
    /// It hangs on facts whether an override applies.
    Override {
        /// The override.
        at: Place,
        /// What is not known, in words.
        because: String,
    },
    /// Nothing is known of the pinned revision.
    Revision {
        /// Where it is pinned.
        at: Place,
        /// The revision, as it is written.
        revision: String,
        /// Why, in words.
        because: String,
    },
    /// The pinned revision does not declare the bundle.
    NotThere {
        /// Where it is pinned.
        at: Place,
        /// The revision, as it is written.
        revision: String,
        /// The bundle.
        bundle: BundleName,
    },
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Override { at, because } => {
                write!(
                    f,
                    "it is not known whether the override at {at} applies: {because}"
                )
            }
            Self::Revision {
                revision, because, ..
            } => write!(
                f,
                "revision `{revision}` is pinned and not known: {because}"
            ),
            Self::NotThere {
                revision, bundle, ..
            } => write!(
                f,
                "revision `{revision}` is pinned and has no good bundle `{}`",
                bundle.name()
            ),
        }
    }
}

/// Whose inputs are wanted.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) spec: &'a Spec,
    pub(crate) groups: &'a Membership,
    pub(crate) cluster: &'a ClusterName,
    pub(crate) member: &'a Member,
    pub(crate) facts: &'a Facts,
    pub(crate) bundle: &'a BundleName,
}

/// Puts the inputs of a bundle on a cluster together, as the placement that owns it says.
pub(crate) fn inputs(subject: Subject<'_>, placement: &Placement) -> Inputs {
    let mut inputs = Inputs::default();
    let of_placement = subject.applying(&placement.overrides, &mut inputs.unknown);
    let mut pinned = of_placement.iter().rev();
    let pinned = pinned.find_map(|(_, entry)| entry.revision.as_ref());
    inputs.pin = pinned.or(placement.revision.as_ref()).cloned();
    let document = subject.document(&mut inputs);
    inputs.declared = document.is_some();
    let of_bundle = match document {
        Some(document) => subject.applying(&document.spec.overrides, &mut inputs.unknown),
        None => Vec::new(),
    };
    for (of, entries) in [
        (Overrider::Bundle, of_bundle),
        (Overrider::Placement, of_placement),
    ] {
        for (index, entry) in entries {
            let at = entry.at.clone();
            inputs.overrides.push(Applied { of, index, at });
        }
    }
    inputs
}

/// The variables in force for a bundle on a cluster, given what was decided there from the same
/// `spec`; none where nothing is known of the revision that it is read at. They are looked up when
/// somebody wants them: few bundles use any, and every cluster has others.
#[must_use]
pub fn variables(
    spec: &Spec,
    (cluster, bundle): (&ClusterName, &BundleName),
    placement: &PlacementName,
    inputs: &Inputs,
) -> Effective {
    let pin = inputs.pin.as_ref();
    let member = spec.members.get(cluster);
    let (Some(member), Some(revision)) = (member, revision(spec, bundle, pin)) else {
        return Effective::new();
    };
    let document = document(spec, bundle, pin);
    let mut layers = Vec::with_capacity(2 + inputs.overrides.len());
    layers.extend(document.map(|document| &document.spec.variables));
    layers.push(&member.variables);
    let own = document.map_or(&[][..], |document| &document.spec.overrides);
    let theirs = spec.placements.get(placement);
    let theirs = theirs.map_or(&[][..], |placement| &placement.spec.overrides);
    for (of, overrides) in [(Overrider::Bundle, own), (Overrider::Placement, theirs)] {
        layers.extend(applied(of, overrides, inputs).map(|entry| &entry.variables));
    }
    let built_in = BuiltIn {
        cluster,
        labels: &member.labels,
        bundle,
        revision,
    };
    effective(&layers, built_in)
}

impl<'a> Subject<'a> {
    /// The overrides that apply, each with its number; the first of which it is not known is noted.
    fn applying(
        self,
        overrides: &'a [Override],
        unknown: &mut Option<Unknown>,
    ) -> Vec<(usize, &'a Override)> {
        let mut applying = Vec::new();
        for (index, entry) in overrides.iter().enumerate() {
            let names = entry.bundles.as_ref();
            if names.is_some_and(|names| !names.contains(self.bundle)) {
                continue;
            }
            match self.matches(entry) {
                Truth::Yes => applying.push((index, entry)),
                Truth::No => {}
                Truth::Unknown if unknown.is_some() => {}
                Truth::Unknown => *unknown = Some(self.unknown(entry)),
            }
        }
        applying
    }

    fn candidate(self) -> Candidate<'a> {
        Candidate::of(self.cluster, self.member, self.facts)
    }

    fn matches(self, entry: &Override) -> Truth {
        let Some(terms) = &entry.clusters else {
            return Truth::Yes;
        };
        let group = |name: &GroupName| {
            let members = self.groups.get(name);
            members.map_or(Truth::No, |members| members.truth(self.cluster))
        };
        any(terms, self.candidate(), &group)
    }

    fn unknown(self, entry: &Override) -> Unknown {
        let terms = entry.clusters.as_deref().unwrap_or_default();
        let because = match judge(terms, self.candidate(), self.groups) {
            Judgement::Unknown(misses) => misses.into_iter().next().map(|miss| miss.because),
            Judgement::Yes(_) | Judgement::No(_) => None,
        };
        Unknown::Override {
            at: entry.at.clone(),
            because: because.unwrap_or_default(),
        }
    }

    /// The bundle as the revision in force has it.
    fn document(self, inputs: &mut Inputs) -> Option<&'a Document<Bundle>> {
        let found = document(self.spec, self.bundle, inputs.pin.as_ref());
        if let (None, Some(pin)) = (found, &inputs.pin)
            && inputs.unknown.is_none()
        {
            let (at, revision) = (pin.at.clone(), pin.text.clone());
            inputs.unknown = Some(match pinned(self.spec, self.bundle, pin) {
                Some(Pinned::Read { .. }) => Unknown::NotThere {
                    at,
                    revision,
                    bundle: self.bundle.clone(),
                },
                Some(Pinned::Unknown(because)) => Unknown::Revision {
                    at,
                    revision,
                    because: because.clone(),
                },
                None => Unknown::Revision {
                    at,
                    revision,
                    because: "it was not read yet".to_owned(),
                },
            });
        }
        found
    }
}

// === what hangs on the revision ===

/// Whether a value may use the revision of the source.
pub(crate) fn mentions_revision(variables: &Variables) -> bool {
    let mut values = variables.values().map(|variable| &variable.value);
    values.any(|value| matches!(value, Scalar::Text(text) if text.contains("source.revision")))
}

// === pinned revisions ===

/// The name under which a bundle's pinned revision is known.
pub(crate) fn pin_name(bundle: &BundleName, pin: &Pin) -> PinName {
    PinName {
        source: bundle.source().clone(),
        text: pin.text.clone(),
    }
}

fn pinned<'a>(spec: &'a Spec, bundle: &BundleName, pin: &Pin) -> Option<&'a Pinned> {
    spec.pinned
        .get(&pin_name(bundle, pin))
        .map(|pinned| &**pinned)
}

/// A bundle's document: the branch's, or the pinned revision's.
pub(crate) fn document<'a>(
    spec: &'a Spec,
    bundle: &BundleName,
    pin: Option<&Pin>,
) -> Option<&'a Document<Bundle>> {
    match pin {
        None => spec.bundles.get(bundle),
        Some(pin) => match pinned(spec, bundle, pin)? {
            Pinned::Read { bundles, .. } => bundles.get(bundle),
            Pinned::Unknown(_) => None,
        },
    }
}

/// Whether a bundle is declared by the branch, or by a revision that the placement pins it to.
pub(crate) fn is_declared(spec: &Spec, bundle: &BundleName, placement: &Placement) -> bool {
    let overrides = placement.overrides.iter();
    let pins = overrides.filter_map(|entry| entry.revision.as_ref());
    let mut pins = pins.chain(placement.revision.as_ref());
    spec.bundles.contains_key(bundle) || pins.any(|pin| document(spec, bundle, Some(pin)).is_some())
}

/// The commit that a bundle is read at.
pub(crate) fn revision<'a>(
    spec: &'a Spec,
    bundle: &BundleName,
    pin: Option<&Pin>,
) -> Option<&'a Revision> {
    match pin {
        None => spec.revisions.get(bundle.source()),
        Some(pin) => match pinned(spec, bundle, pin)? {
            Pinned::Read { revision, .. } => Some(revision),
            Pinned::Unknown(_) => None,
        },
    }
}

// === layers ===

/// Which document gave a variable its value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The Bundle's defaults.
    Bundle,
    /// A ClusterTemplate.
    Template(TemplateName),
    /// The Cluster.
    Cluster,
    /// This override of the bundle.
    BundleOverride(Place),
    /// This override of the placement.
    PlacementOverride(Place),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bundle => f.write_str("bundle"),
            Self::Template(name) => write!(f, "template {}", name.name()),
            Self::Cluster => f.write_str("cluster"),
            Self::BundleOverride(at) => write!(f, "bundle override at {at}"),
            Self::PlacementOverride(at) => write!(f, "placement override at {at}"),
        }
    }
}

/// The documents that a bundle's inputs on a cluster come from.
#[derive(Clone, Copy, Debug)]
pub struct Layers<'a> {
    /// The bundle, at the revision in force.
    pub bundle: &'a Document<Bundle>,
    member: &'a Member,
    placement: &'a Placement,
    inputs: &'a Inputs,
}

impl<'a> Layers<'a> {
    /// The documents behind `inputs`, which were decided from the same `spec`. `None` where one of
    /// them is not declared.
    #[must_use]
    pub fn of(
        spec: &'a Spec,
        (cluster, bundle): (&ClusterName, &BundleName),
        placement: &PlacementName,
        inputs: &'a Inputs,
    ) -> Option<Self> {
        Some(Self {
            bundle: document(spec, bundle, inputs.pin.as_ref())?,
            member: spec.members.get(cluster)?,
            placement: &spec.placements.get(placement)?.spec,
            inputs,
        })
    }

    /// The variables in force where these are built in.
    #[must_use]
    pub fn variables(&self, built_in: BuiltIn<'_>) -> Effective {
        let mut layers = vec![&self.bundle.spec.variables, &self.member.variables];
        let overrides = self.of_bundle().chain(self.of_placement());
        layers.extend(overrides.map(|entry| &entry.variables));
        effective(&layers, built_in)
    }

    /// The patches in force, in order: the bundle's, its overrides', the placement's overrides'.
    pub fn patches(&self) -> impl Iterator<Item = &'a Patch> {
        let overrides = self.of_bundle().chain(self.of_placement());
        let own = self.bundle.spec.patches.iter();
        own.chain(overrides.flat_map(|entry| &entry.patches))
    }

    /// Which document gave each variable.
    #[must_use]
    pub fn origins(&self) -> BTreeMap<&'a str, Origin> {
        let mut origins: BTreeMap<&str, Origin> = BTreeMap::new();
        let mut add = |variables: &'a Variables, origin: &Origin| {
            let names = variables.keys();
            origins.extend(names.map(|name| (name.as_str(), origin.clone())));
        };
        add(&self.bundle.spec.variables, &Origin::Bundle);
        add(&self.member.variables, &Origin::Cluster);
        for entry in self.of_bundle() {
            add(&entry.variables, &Origin::BundleOverride(entry.at.clone()));
        }
        for entry in self.of_placement() {
            add(
                &entry.variables,
                &Origin::PlacementOverride(entry.at.clone()),
            );
        }
        for (name, origin) in &mut origins {
            let layer = self.member.variable_layers.get(*name);
            if let (Origin::Cluster, Some(Layer::Template(template))) = (&*origin, layer) {
                *origin = Origin::Template(template.clone());
            }
        }
        origins
    }

    /// Whether the placement changes what is rendered, rather than only where it goes.
    #[must_use]
    pub fn is_changed_by_placement(&self) -> bool {
        self.inputs.pin.is_some() || self.of_placement().next().is_some()
    }

    fn of_bundle(&self) -> impl Iterator<Item = &'a Override> + use<'a> {
        applied(Overrider::Bundle, &self.bundle.spec.overrides, self.inputs)
    }

    fn of_placement(&self) -> impl Iterator<Item = &'a Override> + use<'a> {
        applied(Overrider::Placement, &self.placement.overrides, self.inputs)
    }
}

/// Those of a document's overrides that apply.
fn applied<'a>(
    of: Overrider,
    overrides: &'a [Override],
    inputs: &'a Inputs,
) -> impl Iterator<Item = &'a Override> + use<'a> {
    let applied = inputs.overrides.iter().filter(move |entry| entry.of == of);
    applied.filter_map(|entry| overrides.get(entry.index))
}

#[cfg(test)]
mod tests;
