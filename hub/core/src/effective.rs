//! What one bundle is rendered with on one cluster: layers and overrides, put together.
//!
//! All overrides that match apply, the bundle's before the placement's, in order; later wins. The
//! precedence of variables, highest first: placement overrides, bundle overrides, the cluster, its
//! templates (later first), the bundle.

use capstan_proto::{BundleName, ClusterName, Revision};

use crate::inventory::Facts;
use crate::problem::Place;
use crate::selector::{Candidate, Membership, Truth, any};
use crate::spec::{Bundle, Document, GroupName, Member, Override, Placement, Spec, Variables};
use crate::template::{BuiltIn, Effective, effective};

/// What one bundle is rendered with on one cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    /// The overrides that apply, in order.
    pub overrides: Vec<Place>,
    /// The variables in force.
    pub variables: Effective,
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
    let declared = subject.spec.bundles.get(subject.bundle);
    let nothing = Variables::new();
    let mut layers = vec![
        declared.map_or(&nothing, |document: &Document<Bundle>| {
            &document.spec.variables
        }),
        &subject.member.variables,
    ];
    let mut overrides = Vec::new();
    for entry in placement.overrides.iter().filter(|o| subject.applies(o)) {
        layers.push(&entry.variables);
        overrides.push(entry.at.clone());
    }
    let variables = match subject.revision() {
        Some(revision) => effective(&layers, subject.built_in(revision)),
        None => Effective::new(),
    };
    Inputs {
        overrides,
        variables,
    }
}

impl<'a> Subject<'a> {
    fn revision(self) -> Option<&'a Revision> {
        self.spec.revisions.get(self.bundle.source())
    }

    fn built_in(self, revision: &'a Revision) -> BuiltIn<'a> {
        BuiltIn {
            cluster: self.cluster,
            labels: &self.member.labels,
            bundle: self.bundle,
            revision,
        }
    }

    fn applies(self, entry: &Override) -> bool {
        let candidate = Candidate::of(self.cluster, self.member, self.facts);
        let group = |name: &GroupName| {
            let members = self.groups.get(name);
            members.map_or(Truth::No, |members| members.truth(self.cluster))
        };
        let bundle = entry
            .bundles
            .as_ref()
            .is_none_or(|names| names.contains(self.bundle));
        bundle
            && entry
                .clusters
                .as_ref()
                .is_none_or(|terms| any(terms, candidate, &group) == Truth::Yes)
    }
}
