//! From files to what clusters would be given, without a hub: the whole way of the data, through the core.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::ManuallyDrop;
use std::sync::Arc;

use capstan_hub_core::desired::{self, Budget, Desired, Given, Running, Wanted};
use capstan_hub_core::interchange::{InventoryFile, LastGoodUnknown, as_selected};
use capstan_hub_core::inventory::Inventory;
use capstan_hub_core::manifest::{self, Rendered};
use capstan_hub_core::placement::{self, Decisions};
use capstan_hub_core::problem::{Place, Problem as Finding, Severity};
use capstan_hub_core::spec::{self, PinName, PinState, Rules, Spec, Trees};
use capstan_proto::{ClusterName, Moment, Revision, SourceName};

use super::{At, Checkout, Problem};
use crate::history::{self, Past as _};
use crate::telemetry;

/// Broken documents without a good version that are named before they are counted.
const UNKNOWN_NAMED_MAX: usize = 5;

/// What decisions start from besides files.
#[derive(Clone, Debug, Default)]
pub(crate) struct Start {
    /// Facts, and what placements selected last.
    pub(crate) inventory: InventoryFile,
    /// How much may be removed without asking.
    pub(crate) budget: Budget,
    /// What the source may do.
    pub(crate) rules: Rules,
    /// The hub's other sources, which are not looked at, and what they export.
    pub(crate) others: BTreeMap<SourceName, Rules>,
    /// The present moment.
    pub(crate) now: Moment,
}

/// What was before.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Before<'a> {
    /// Nothing that counts: what is broken is absent, and clusters had nothing.
    Nothing,
    /// The commits before, where what is broken was good once; clusters had nothing.
    Past,
    /// As `Past`; and clusters had what placements brought that selected them, as the inventory says.
    Inventory,
    /// This was decided, and handed out.
    Decided(&'a Decided),
}

impl<'a> Before<'a> {
    const fn decided(self) -> Option<&'a Decided> {
        match self {
            Self::Decided(decided) => Some(decided),
            Self::Nothing | Self::Past | Self::Inventory => None,
        }
    }
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
    /// What brings older commits, where they may have good versions that are not known.
    pub(crate) help: Option<&'static str>,
}

impl Decided {
    /// Documents that are broken, so that nobody knows what they would declare.
    pub(crate) fn broken(&self) -> Vec<&Place> {
        let is_broken = |finding: &&Finding| {
            let of_document = finding.code.as_str().starts_with("E01");
            finding.severity == Severity::Error && of_document
        };
        let broken = self.problems.iter().filter(is_broken);
        broken.filter_map(|finding| finding.at.as_ref()).collect()
    }

    /// What is wrong with the branch's content of bundles that are pinned wherever they are placed: what would be
    /// promoted next. Nothing of it reaches a cluster yet.
    pub(crate) fn promoted(&self, start: &Start) -> Vec<Finding> {
        let (mut pinned, mut followed) = (BTreeSet::new(), BTreeSet::new());
        for (bundle, placed) in self.decisions.clusters.values().flat_map(|d| &d.bundles) {
            match placed.inputs.pin {
                Some(_) => pinned.insert(bundle),
                None => followed.insert(bundle),
            };
        }
        pinned.retain(|bundle| !followed.contains(bundle));
        if pinned.is_empty() {
            return Vec::new();
        }
        let spec = Arc::new(self.spec.unpinned());
        let inventory = start.inventory.inventory();
        let decisions = placement::resolve(&spec, &inventory, &self.decisions);
        let rendered = manifest::render(&spec, &self.trees, &decisions, &self.rendered);
        let of_pinned = |problem: &&Finding| {
            let bundle = problem.bundle.as_ref();
            bundle.is_some_and(|bundle| pinned.contains(bundle))
        };
        // A patch of a placement that fails on what is pinned is told already.
        let told = |problem: &&Finding| {
            let same = |have: &Finding| have.at == problem.at && have.code == problem.code;
            self.problems
                .iter()
                .any(|have| have.pin.is_none() && same(have))
        };
        let found = rendered.problems().filter(of_pinned);
        found.filter(|problem| !told(problem)).cloned().collect()
    }

    /// Whether there are documents of which no good version is known: what they bring is unknown. As a note.
    pub(crate) fn unknown(&self) -> Option<String> {
        let all = LastGoodUnknown::all(&self.spec, self.help);
        let advice = all.first()?.advice();
        let places = all.iter().take(UNKNOWN_NAMED_MAX);
        let mut places = places
            .map(LastGoodUnknown::place)
            .collect::<Vec<_>>()
            .join(", ");
        if let Some(more @ 1..) = all.len().checked_sub(UNKNOWN_NAMED_MAX) {
            places.push_str(&format!(" and {more} more"));
        }
        Some(format!(
            "no good version is known of what is broken at {places}: what that brings is not counted in{advice}"
        ))
    }

    /// The same as the end of a sentence: nothing, or what is broken, in brackets.
    pub(crate) fn broken_words(&self) -> String {
        match self.broken().as_slice() {
            [] => String::new(),
            [only] => format!(" ({only} is broken: `hub lint`)"),
            [first, more @ ..] => {
                format!(" ({first} is broken, and {} more: `hub lint`)", more.len())
            }
        }
    }
}

impl Checkout {
    /// Decides upon the files at `at`. The command ends with its answer: what was decided is given back
    /// to the system at once and not piece by piece, which takes long for thousands of clusters.
    pub(crate) fn decide(
        &self,
        at: &At,
        start: &Start,
        before: Before<'_>,
    ) -> Result<ManuallyDrop<Decided>, Problem> {
        let tree = self.tree(at)?;
        let revision = tree.revision.clone();
        let mut trees = self.trees(tree);
        trees.rules = start.others.clone();
        trees
            .rules
            .insert(self.source().clone(), start.rules.clone());
        let (spec, found) = self.declared(at, &mut trees, before)?;
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
        problems.extend(decisions.odd());
        problems.extend(rendered.problems().cloned());
        problems.extend(desired.problems.iter().cloned());
        problems.sort();
        problems.dedup();
        Ok(ManuallyDrop::new(Decided {
            revision,
            spec,
            decisions,
            rendered,
            desired,
            problems,
            trees,
            help: self.help(at),
        }))
    }

    /// What is declared, with the revisions that placements pin read until nothing new is asked for.
    fn declared(
        &self,
        at: &At,
        trees: &mut Trees,
        before: Before<'_>,
    ) -> Result<(Spec, Vec<Finding>), Problem> {
        loop {
            let loaded = self.loaded(at, trees, before);
            let asked = loaded.0.pins().into_iter();
            let new: Vec<PinName> = asked.filter(|pin| !trees.pins.contains_key(pin)).collect();
            if new.is_empty() {
                return Ok(loaded);
            }
            for pin in new {
                let state = self.pinned(&pin)?;
                trees.pins.insert(pin, state);
            }
        }
    }

    /// A commit has a past, where the last good version of what is broken is; files on disk have none, unless
    /// something was decided before.
    fn loaded(&self, at: &At, trees: &Trees, before: Before<'_>) -> (Spec, Vec<Finding>) {
        let known = before.decided().map(|before| &*before.spec);
        let walked = !matches!(before, Before::Nothing);
        match (at, self.history()) {
            (At::Rev(_), Some(past)) if walked => {
                let archives = BTreeMap::from([(self.source().clone(), past)]);
                history::declared(trees, known, &archives)
            }
            _ => {
                let beginning = Spec::beginning(known, self.source());
                spec::load(trees, Some(&beginning))
            }
        }
    }

    /// What brings older commits than are looked at.
    fn help(&self, at: &At) -> Option<&'static str> {
        let past = self.history()?;
        match at {
            At::Disk => {
                Some("files on disk have no past: `--rev HEAD` reads a commit, which has one")
            }
            At::Rev(_) if past.is_cut_off() => {
                Some("this clone is shallow: `git fetch --unshallow` brings the commits before")
            }
            At::Rev(_) => None,
        }
    }

    fn pinned(&self, pin: &PinName) -> Result<PinState, Problem> {
        if pin.source != *self.source() {
            let why = format!("source {} is not looked at here", pin.source);
            return Ok(PinState::Missing(why));
        }
        match self.pin(&pin.text) {
            Ok(revision) => {
                let at = At::Rev(revision.as_str().to_owned());
                match self.tree(&at) {
                    Ok(tree) => Ok(PinState::Read(tree)),
                    // Only what is pinned hangs on it: a tag may be older than the folder.
                    Err(Problem::Commit { source, .. }) => {
                        Ok(PinState::Missing(telemetry::chain(&source)))
                    }
                    Err(problem) => Err(problem),
                }
            }
            Err(state) => Ok(state),
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
    fn run(&self, spec: &Arc<Spec>, before: Before<'_>) -> (Decisions, Rendered, Desired) {
        let remembered = self.start.inventory.previous(self.checkout.source());
        let mut policies = Arc::default();
        let given = match before {
            Before::Decided(before) => {
                policies = Running::default().policies_after(&before.desired);
                given(&before.desired)
            }
            Before::Inventory if !remembered.is_empty() => {
                let had = Arc::new(as_selected(spec, &remembered));
                let (decisions, rendered) = self.rendered(&had, &Decisions::default(), None);
                let nothing = Running::default();
                let before = desired::desired(&decisions, &rendered, &nothing);
                policies = nothing.policies_after(&before);
                given(&before)
            }
            Before::Nothing | Before::Past | Before::Inventory => BTreeMap::new(),
        };
        let known = before.decided();
        let previous = match known {
            Some(before) => before.decisions.clone(),
            None => Decisions::remembered(remembered),
        };
        let (decisions, rendered) = self.rendered(spec, &previous, known.map(|b| &b.rendered));
        let mut running = Running {
            clusters: given,
            budget: self.start.budget,
            now: self.start.now,
            policies,
            ..Running::default()
        };
        // Files cannot tell who is enrolled: what was declared before is taken to be.
        let enrolled = running.clusters.keys().cloned().collect();
        running.rename(spec, &enrolled);
        let desired = desired::desired(&decisions, &rendered, &running);
        (decisions, rendered, desired)
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
fn given(desired: &Desired) -> BTreeMap<ClusterName, Given> {
    let given = |wanted: &Wanted| wanted.target().map(Given::after);
    desired
        .clusters
        .iter()
        .filter_map(|(name, wanted)| Some((name.clone(), given(wanted)?)))
        .collect()
}
