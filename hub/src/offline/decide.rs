//! From files to what clusters would be given, without a hub: the whole way of the data, through the core.

use std::collections::BTreeMap;
use std::sync::Arc;

use capstan_hub_core::desired::{self, Budget, Desired, Given, Running, Wanted};
use capstan_hub_core::interchange::InventoryFile;
use capstan_hub_core::inventory::Inventory;
use capstan_hub_core::manifest::{self, Rendered};
use capstan_hub_core::placement::{self, Decisions};
use capstan_hub_core::problem::Problem as Finding;
use capstan_hub_core::spec::{self, Spec, Trees};
use capstan_proto::{Moment, Revision};

use super::{At, Checkout, Problem};
use crate::history;

/// What decisions start from besides files.
#[derive(Clone, Debug, Default)]
pub(crate) struct Start {
    /// Facts, and what placements selected last.
    pub(crate) inventory: InventoryFile,
    /// How much may be removed without asking.
    pub(crate) budget: Budget,
    /// The present moment.
    pub(crate) now: Moment,
}

/// Everything decided upon some files.
#[derive(Clone, Debug)]
pub(crate) struct Decided {
    /// The files.
    pub(crate) trees: Trees,
    /// The commit they are from.
    pub(crate) revision: Revision,
    /// What is declared.
    pub(crate) spec: Arc<Spec>,
    /// What was decided.
    pub(crate) decisions: Decisions,
    /// What was rendered.
    pub(crate) rendered: Rendered,
    /// What clusters would be given.
    pub(crate) desired: Desired,
    /// Everything that is wrong.
    pub(crate) problems: Vec<Finding>,
}

impl Checkout {
    /// Decides upon the files at `at`. What was decided `before` is what clusters were given then.
    pub(crate) fn decide(
        &self,
        at: &At,
        start: &Start,
        before: Option<&Decided>,
    ) -> Result<Decided, Problem> {
        let tree = self.tree(at)?;
        let revision = tree.revision.clone();
        let trees = self.trees(tree);
        let (spec, found) = self.declared(at, &trees, before.map(|before| &*before.spec));
        let step = Step {
            checkout: self,
            start,
            inventory: start.inventory.inventory(),
            trees: &trees,
        };
        let spec = Arc::new(spec);
        let (decisions, rendered, desired) = step.run(&spec, before);
        let mut problems = found;
        problems.extend(decisions.problems.iter().cloned());
        problems.extend(rendered.problems().cloned());
        problems.extend(desired.problems.iter().cloned());
        problems.sort();
        problems.dedup();
        Ok(Decided {
            revision,
            spec,
            decisions,
            rendered,
            desired,
            problems,
            trees,
        })
    }

    /// What is declared. A commit has a past, where the last good version of what is broken is; files on disk have
    /// none, unless something was decided before.
    fn declared(&self, at: &At, trees: &Trees, before: Option<&Spec>) -> (Spec, Vec<Finding>) {
        match (at, self.history()) {
            (At::Rev(_), Some(past)) => {
                let archives = BTreeMap::from([(self.source().clone(), past)]);
                history::declared(trees, before, &archives)
            }
            _ => {
                let beginning = Spec::beginning(before, self.source());
                spec::load(trees, Some(&beginning))
            }
        }
    }
}

/// From declarations to snapshots.
struct Step<'a> {
    checkout: &'a Checkout,
    start: &'a Start,
    inventory: Inventory,
    trees: &'a Trees,
}

impl Step<'_> {
    fn run(&self, spec: &Arc<Spec>, before: Option<&Decided>) -> (Decisions, Rendered, Desired) {
        let previous = match before {
            Some(before) => before.decisions.clone(),
            None => self.remembered(),
        };
        let (decisions, rendered) = self.rendered(spec, &previous, before.map(|b| &b.rendered));
        let given = match before {
            Some(before) => given(&before.desired),
            None => BTreeMap::new(),
        };
        let running = Running {
            clusters: given,
            budget: self.start.budget,
            now: self.start.now,
            ..Running::default()
        };
        let desired = desired::desired(&decisions, &rendered, &running);
        (decisions, rendered, desired)
    }

    /// What the inventory says that placements selected last.
    fn remembered(&self) -> Decisions {
        Decisions::remembered(self.start.inventory.previous(self.checkout.source()))
    }

    fn rendered(
        &self,
        spec: &Arc<Spec>,
        previous: &Decisions,
        before: Option<&Rendered>,
    ) -> (Decisions, Rendered) {
        let decisions = placement::resolve(spec, &self.inventory, previous);
        let nothing = Rendered::default();
        let before = before.unwrap_or(&nothing);
        let rendered = manifest::render(spec, self.trees, &decisions, before);
        (decisions, rendered)
    }
}

/// What clusters were given once everything was handed out.
fn given(desired: &Desired) -> BTreeMap<capstan_proto::ClusterName, Given> {
    let given = |wanted: &Wanted| wanted.target().map(Given::after);
    desired
        .clusters
        .iter()
        .filter_map(|(name, wanted)| Some((name.clone(), given(wanted)?)))
        .collect()
}
