//! Why a bundle is, or is not, on a cluster: only reasons that were recorded with the decision.
//!
//! Nothing is decided here again: every step puts a decision of the resolver or the removal budget
//! in words, from the documents and facts that it was made from.

use std::cmp::Reverse;

use capstan_proto::{BundleName, ClusterName, PlacementName};

use crate::desired::{Desired, Kept, Prune, Target, Wanted, unknown_placement};
use crate::effective::{self, Layers, revision};
use crate::placement::{
    Advised, ClusterDecision, Decisions, Placed, PlacementDecision, Step as Chosen, Trials, Why,
};
use crate::problem::{Place, nearest};
use crate::selector::Match;
use crate::spec::{Layer, Mode, Pin, Spec};

/// Placements of which it is said what would have to change. Each is decided again a few times.
const ADVISED_MAX: usize = 8;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// On which cluster.
    pub cluster: ClusterName,
    /// Which bundle.
    pub bundle: BundleName,
}

/// The answer in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is there, as a placement says.
    Placed,
    /// It is left as it is, and not as it is declared now; the steps say why.
    Kept,
    /// It is not there.
    NotPlaced,
    /// Files alone do not say it; the steps say why.
    Unknown,
    /// The cluster is not declared.
    NotDeclared,
}

/// One recorded reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The line of the file that it rests on.
    pub at: Option<Place>,
    /// What was decided there.
    pub text: String,
    /// Whether it says what would have to change, rather than what is.
    pub advice: bool,
}

/// The answer, with the chain of reasons from the first to the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What was asked.
    pub question: Question,
    /// The answer.
    pub answer: Answer,
    /// Why.
    pub steps: Vec<Step>,
}

/// Collects the recorded reasons.
#[must_use]
pub fn explain(decisions: &Decisions, desired: &Desired, question: &Question) -> Explanation {
    explained(decisions, desired, (question, false))
}

/// The same where only files are known, and not what clusters have: what stays there as it is, and what a
/// document brought of which no good version is known, is unknown and not absent.
#[must_use]
pub fn explain_files(decisions: &Decisions, desired: &Desired, question: &Question) -> Explanation {
    explained(decisions, desired, (question, true))
}

fn explained(
    decisions: &Decisions,
    desired: &Desired,
    (question, files_alone): (&Question, bool),
) -> Explanation {
    let mut chain = Chain {
        steps: Vec::new(),
        files_alone,
    };
    let answer = chain.answer(decisions, desired, question);
    Explanation {
        question: question.clone(),
        answer,
        steps: chain.steps,
    }
}

impl Explanation {
    /// Says of every document that the answer rests on where its present text is broken, so that its
    /// last good version counts; `command` shows the present one.
    pub fn mark_last_good(&mut self, (spec, decisions): (&Spec, &Decisions), command: &str) {
        let Question { cluster, bundle } = self.question.clone();
        let of_cluster = spec.clusters.get(&cluster).filter(|d| d.kept);
        let of_bundle = spec.bundles.get(&bundle).filter(|d| d.kept);
        let mut kept: Vec<(String, Place)> = Vec::new();
        kept.extend(of_cluster.map(|d| (format!("cluster {cluster}"), d.at.clone())));
        kept.extend(of_bundle.map(|d| (format!("bundle {}", bundle.name()), d.at.clone())));
        let owner = decisions.clusters.get(&cluster).and_then(|decision| {
            let placed = decision.bundles.get(&bundle)?;
            Some(placed.placement.clone())
        });
        for (name, document) in &spec.placements {
            let names_it = || document.spec.bundles.iter().any(|r| r.name == bundle);
            if owner.as_ref().map_or_else(names_it, |owner| owner == name) {
                if document.kept {
                    let what = format!("placement {}", name.name());
                    kept.push((what, document.at.clone()));
                }
                for group in document.spec.references() {
                    if let Some(group_of) = spec.groups.get(&group.name).filter(|d| d.kept) {
                        let what = format!("group {}", group.name.name());
                        kept.push((what, group_of.at.clone()));
                    }
                }
            }
        }
        kept.dedup();
        for (what, at) in kept {
            let text = format!(
                "this is the last good version of {what}: its present text is broken (`{command}`)"
            );
            let same = |step: &Step| {
                let place = step.at.as_ref();
                place.is_some_and(|p| p.source == at.source && p.path == at.path)
            };
            let after = self
                .steps
                .iter()
                .position(same)
                .map_or(0, |found| found + 1);
            let advice = false;
            self.steps.insert(
                after,
                Step {
                    at: Some(at),
                    text,
                    advice,
                },
            );
        }
    }
}

struct Chain {
    steps: Vec<Step>,
    /// Whether nobody can be asked what clusters have.
    files_alone: bool,
}

impl Chain {
    fn at(&mut self, at: &Place, text: impl Into<String>) {
        self.steps.push(Step {
            at: Some(at.clone()),
            text: text.into(),
            advice: false,
        });
    }

    fn text(&mut self, text: impl Into<String>) {
        self.steps.push(Step {
            at: None,
            text: text.into(),
            advice: false,
        });
    }

    /// What would have to change.
    fn advise(&mut self, text: impl Into<String>) {
        self.steps.push(Step {
            at: None,
            text: text.into(),
            advice: true,
        });
    }

    fn answer(&mut self, decisions: &Decisions, desired: &Desired, question: &Question) -> Answer {
        let Question { cluster, bundle } = question;
        let wanted = desired.clusters.get(cluster);
        let Some(decision) = decisions.clusters.get(cluster) else {
            match wanted {
                Some(Wanted::NoOpinion { reason }) => self.text(reason.clone()),
                _ => self.text(format!("no source declares cluster {cluster}")),
            }
            if self.files_alone && decisions.spec().may_declare(cluster) {
                self.steps.clear();
                self.text(format!(
                    "no good document declares cluster {cluster}, and no good version is known of one that may"
                ));
                return Answer::Unknown;
            }
            self.undeclared(cluster, decisions);
            return Answer::NotDeclared;
        };
        self.at(
            &decision.at,
            format!("cluster {cluster} is declared{}", labels(decision)),
        );
        self.mode(cluster, decisions);
        match decisions.bundles.get(bundle) {
            Some(at) => self.at(at, format!("bundle {} is declared", bundle.name())),
            None => self.text(not_declared(
                bundle,
                decision.bundles.get(bundle).map(|p| &**p),
            )),
        }
        let target = wanted.and_then(Wanted::target);
        if let Some(Wanted::NoOpinion { reason }) = wanted {
            self.text(reason.clone());
        }
        let answer = match decision.bundles.get(bundle) {
            Some(placed) => {
                self.placed((cluster, bundle), decisions, placed);
                Answer::Placed
            }
            None => match self.doubt(bundle, decisions) {
                Some(why) => {
                    self.text(why);
                    Answer::Unknown
                }
                None => {
                    self.not_placed(cluster, bundle, decisions);
                    Answer::NotPlaced
                }
            },
        };
        self.outcome(answer, bundle, target, desired)
    }

    /// Why it is not known whether a bundle that nothing places is placed all the same.
    fn doubt(&self, bundle: &BundleName, decisions: &Decisions) -> Option<String> {
        let why = unknown_placement(decisions, bundle, None).filter(|_| self.files_alone)?;
        let name = bundle.name();
        Some(format!(
            "no good placement brings {name} here, and there may be another: {why}"
        ))
    }

    /// What was meant, perhaps, and what would declare a cluster.
    fn undeclared(&mut self, cluster: &ClusterName, decisions: &Decisions) {
        let names: Vec<&str> = decisions.clusters.keys().map(ClusterName::as_str).collect();
        let meant = match nearest(cluster.as_str(), &names) {
            Some(near) => format!("did you mean `{near}`? else "),
            None => String::new(),
        };
        self.advise(format!(
            "{meant}declare it first: `kind: Cluster` with `metadata: {{name: {cluster}}}`"
        ));
    }

    /// Who owns it, what selected it, what changes its variables, who else wants it.
    fn placed(
        &mut self,
        (cluster, bundle): (&ClusterName, &BundleName),
        decisions: &Decisions,
        placed: &Placed,
    ) {
        let name = placed.placement.name();
        self.at(&placed.named_at, format!("placement {name} places it"));
        if let Some(decision) = decisions.placements.get(&placed.placement) {
            self.why(cluster, decision);
        }
        if let Some(pin) = &placed.inputs.pin {
            self.pin(pin, bundle, decisions);
        }
        for applied in &placed.inputs.overrides {
            self.at(&applied.at, "this override applies");
        }
        let pair = (cluster, bundle);
        let layers = Layers::of(decisions.spec(), pair, &placed.placement, &placed.inputs);
        let origins = layers.map(|layers| layers.origins()).unwrap_or_default();
        let spec = decisions.spec();
        let variables = effective::variables(spec, pair, &placed.placement, &placed.inputs);
        for (variable, value) in &variables {
            match value {
                Ok(value) => {
                    let of = origins.get(variable.as_str());
                    let of = of.map(|origin| format!(", of the {origin}"));
                    let of = of.unwrap_or_default();
                    self.text(format!("variable {variable} is {}{of}", value.to_value()));
                }
                Err(error) => self.text(format!("variable {variable} has no value: {error}")),
            }
        }
        for shadowed in &placed.shadowed {
            let at = decisions
                .placements
                .get(shadowed)
                .map(|decision| decision.at().clone());
            let text = format!(
                "placement {} places it too and is shadowed: the higher priority, then the lower \
                 name owns it",
                shadowed.name()
            );
            self.steps.push(Step {
                at,
                text,
                advice: false,
            });
            self.ownership(bundle, &placed.placement, shadowed, decisions);
        }
    }

    /// What would have a shadowed placement own a bundle.
    fn ownership(
        &mut self,
        bundle: &BundleName,
        owner: &PlacementName,
        shadowed: &PlacementName,
        decisions: &Decisions,
    ) {
        let name = shadowed.name();
        let is_own = |placement: &PlacementName| placement.source() == bundle.source();
        if is_own(owner) && !is_own(shadowed) {
            let source = bundle.source();
            return self.advise(format!(
                "no priority has {name} own it: placements of the bundle's source {source} come first"
            ));
        }
        let Some(priority) = decisions.placements.get(owner).map(|o| o.priority()) else {
            return;
        };
        let least = match shadowed < owner {
            true => Some(priority),
            false => priority.checked_add(1),
        };
        if let Some(least) = least {
            self.advise(format!(
                "for {name} to own it: set `priority: {least}` in {name}"
            ));
        }
    }

    /// What a cluster's mode means for everything on it.
    fn mode(&mut self, cluster: &ClusterName, decisions: &Decisions) {
        let Some(member) = decisions.spec().members.get(cluster) else {
            return;
        };
        let words = match member.mode {
            Mode::Enforce => return,
            Mode::Observe => "nothing is applied there; what would be is reported",
            Mode::Paused => "nothing is changed there; drift is reported",
            Mode::Release => "everything stays there, without our marks",
        };
        let mode = member.mode.as_str();
        self.text(format!(
            "its mode is {mode}: {words}; for changes to be applied: set `mode: Enforce`"
        ));
    }

    /// The revision that a bundle is read at.
    fn pin(&mut self, pin: &Pin, bundle: &BundleName, decisions: &Decisions) {
        let text = &pin.text;
        match revision(decisions.spec(), bundle, Some(pin)) {
            Some(commit) => self.at(&pin.at, format!("it is pinned to {text}: commit {commit}")),
            None => self.at(
                &pin.at,
                format!("it is pinned to {text}, which is not known"),
            ),
        }
    }

    fn matched(&mut self, found: &Match, cluster: &ClusterName, placement: &str) {
        let because = &found.because;
        self.at(
            &found.term,
            format!("this term of {placement} selects {cluster}: {because}"),
        );
    }

    /// Why no placement that names the bundle selects the cluster.
    fn not_placed(&mut self, cluster: &ClusterName, bundle: &BundleName, decisions: &Decisions) {
        let names_it = |decision: &PlacementDecision| {
            decision
                .bundles()
                .iter()
                .any(|reference| reference.name == *bundle)
        };
        let all: Vec<PlacementDecision<'_>> =
            decisions.placements.values().filter(names_it).collect();
        for decision in &all {
            self.why(cluster, *decision);
        }
        if all.is_empty() {
            return self.nobody_names(cluster, bundle, decisions);
        }
        // What comes latest in deciding is nearest to being there.
        let mut nearest = all;
        nearest.sort_by_key(|decision| Reverse(decision.reason(cluster)));
        let trials = Trials::default();
        for decision in nearest.iter().take(ADVISED_MAX) {
            self.advice(cluster, *decision, &trials);
        }
        if let Some(more) = nearest
            .len()
            .checked_sub(ADVISED_MAX)
            .filter(|more| *more > 0)
        {
            self.advise(format!(
                "and {more} more placements name it, farther from selecting {cluster}"
            ));
        }
        if !decisions.bundles.contains_key(bundle) {
            self.advise(declare(bundle));
        }
    }

    /// How a bundle that no placement names comes to a cluster.
    fn nobody_names(&mut self, cluster: &ClusterName, bundle: &BundleName, decisions: &Decisions) {
        let name = bundle.name();
        self.text(format!("no placement names bundle {name}"));
        let may = |decision: &PlacementDecision<'_>| {
            let placement = decision.placement();
            decision.name().source() == bundle.source()
                && !decision.is_suspended()
                && placement.pins().next().is_none()
                && decision.selects(cluster)
        };
        let mut placements = decisions.placements.values();
        if let Some(decision) = placements.find(may) {
            let text = format!(
                "for it to be there: add `{name}` to `bundles` of {}, which selects {cluster}",
                decision.name().name()
            );
            self.steps.push(Step {
                at: Some(decision.at().clone()),
                text,
                advice: true,
            });
        } else if decisions.spec().restrictions.contains_key(bundle.source()) {
            self.advise(format!(
                "for it to be there: name it in a placement whose source may use {cluster}"
            ));
        } else {
            let tainted = decisions.spec().members.get(cluster);
            let tolerations = match tainted.is_some_and(|member| !member.taints.is_empty()) {
                true => ", tolerations: [{operator: Exists}]",
                false => "",
            };
            self.advise(format!(
                "for it to be there: declare a Placement with `spec: {{bundles: [{name}], clusters: \
                 [{{names: [{cluster}]}}]{tolerations}}}`"
            ));
        }
        if !decisions.bundles.contains_key(bundle) {
            self.advise(declare(bundle));
        }
    }

    /// The chain of one placement: term, exception, taint, rank, spread; and, where the cluster is
    /// not selected, what would have to change.
    fn why(&mut self, cluster: &ClusterName, decision: PlacementDecision<'_>) {
        let name = decision.name().name();
        let Some(why) = decision.why(cluster) else {
            let text = format!("placement {name} did not decide on {cluster}");
            return self.at(decision.at(), text);
        };
        if let Some(found) = why.matched() {
            self.matched(found, cluster, name);
        }
        match &why {
            Why::Selected { step, score, .. } => self.chosen(cluster, decision, *step, *score),
            Why::NotMatched { misses, .. } => {
                for miss in misses {
                    let because = &miss.because;
                    let text = format!("this term of {name} does not select {cluster}: {because}");
                    self.at(&miss.term, text);
                }
            }
            Why::Excepted { except, .. } => {
                let text = format!("this exception of {name} takes it out: {}", except.because);
                self.at(&except.term, text);
            }
            Why::Tainted { taints, .. } => {
                for (taint, layer) in taints {
                    let given = match layer {
                        Layer::Own => String::new(),
                        Layer::Template(template) => format!(" of template {}", template.name()),
                    };
                    let effect = taint.effect.as_str();
                    let text = format!(
                        "this {effect} taint{given} keeps {name} out, which does not tolerate it"
                    );
                    self.at(&taint.at, text);
                }
            }
            Why::Spread { constraint, .. } => {
                self.at(
                    &constraint.at,
                    format!("{name} passed it over for this spread: {why}"),
                );
            }
            Why::OutRanked { .. } => {
                self.at(
                    decision.at(),
                    format!("{name} selects others before it: {why}"),
                );
            }
        }
        if let Some(nearest) = why.nearest() {
            self.text(nearest);
        }
    }

    /// What would have to change for a placement to select the cluster: only what was tried.
    fn advice(&mut self, cluster: &ClusterName, decision: PlacementDecision<'_>, trials: &Trials) {
        let name = decision.name().name();
        let mut reaching = decision.reaching();
        if let Some(first) = reaching.next() {
            let more = match reaching.count() {
                0 => String::new(),
                1 => " and one more term".to_owned(),
                more => format!(" and {more} more terms"),
            };
            let source = decision.name().source();
            return self.advise(format!(
                "narrow the term at {first}{more} of {name} to clusters that source {source} may use: \
                 nothing of {name} changes anywhere before"
            ));
        }
        let Advised { advice, cut_short } = decision.advice(cluster, trials);
        for (number, advice) in advice.iter().enumerate() {
            self.advise(match number {
                0 => format!("for {name} to select it: {advice}"),
                _ => format!("or: {advice}"),
            });
        }
        if advice.is_empty() && cut_short {
            self.advise(format!(
                "what would have {name} select it is too much to look for: see to the reasons above, and \
                 ask again"
            ));
        } else if advice.is_empty() {
            self.advise(format!(
                "no change of fleet files alone has {name} select it: the hub's configuration keeps its \
                 source from {cluster}, or something is not known yet"
            ));
        }
    }

    /// How a selected cluster was chosen, where there was a choice.
    fn chosen(
        &mut self,
        cluster: &ClusterName,
        decision: PlacementDecision<'_>,
        step: Chosen,
        score: Option<i128>,
    ) {
        let Some(score) = score else { return };
        let (wanted, of) = (decision.wanted(), decision.eligible_count());
        let how = match step {
            Chosen::Kept => "it was selected before, and stays",
            Chosen::Ranked => "its rank brought it",
            Chosen::Relaxed => "its rank brought it, with spread ignored for this pick",
        };
        let name = decision.name().name();
        self.at(
            decision.at(),
            format!(
                "{name} selects {cluster} among {wanted} of {of} clusters: {how} (score {score})"
            ),
        );
    }

    /// What became of the decision: delivered, kept, held, in conflict.
    fn outcome(
        &mut self,
        answer: Answer,
        bundle: &BundleName,
        target: Option<&Target>,
        desired: &Desired,
    ) -> Answer {
        let Some(target) = target else { return answer };
        for conflict in target
            .conflicts
            .iter()
            .filter(|conflict| conflict.loser == *bundle)
        {
            let holder = conflict.holder.name();
            self.text(format!(
                "{} is left to bundle {holder}, which has it",
                conflict.object
            ));
        }
        if let Prune::Withheld(reason) = &target.prune {
            self.text(reason.clone());
        }
        let Some(kept) = target.kept.get(bundle) else {
            return answer;
        };
        let there = target.snapshot.bundles().contains_key(bundle);
        let stays = match there || self.files_alone {
            true => "what is there stays",
            false => "nothing of it is there",
        };
        self.text(format!("{stays}: {kept}"));
        if let Some(advice) = for_change(kept, bundle) {
            self.advise(advice);
        }
        if let Kept::Held { set } = kept
            && let Some(hold) = desired.holds.iter().find(|hold| hold.digest == *set)
        {
            self.text(hold.sentence());
            self.advise(format!("to let it go: `{}`", hold.command()));
        }
        match (there, self.files_alone) {
            (true, _) => Answer::Kept,
            (false, true) => Answer::Unknown,
            (false, false) => Answer::NotPlaced,
        }
    }
}

/// That the branch does not declare a bundle, and what does.
fn not_declared(bundle: &BundleName, placed: Option<&Placed>) -> String {
    let name = bundle.name();
    let placed = placed.filter(|placed| placed.declared);
    match placed.and_then(|placed| placed.inputs.pin.as_ref()) {
        Some(pin) => format!(
            "bundle {name} is declared at {}, and not in the branch",
            pin.text
        ),
        None => format!("bundle {name} is not declared"),
    }
}

/// What would declare a bundle.
fn declare(bundle: &BundleName) -> String {
    let name = bundle.name();
    format!("and declare it: `kind: Bundle` with `metadata: {{name: {name}}}`")
}

/// What would have to change for a bundle that is left as it is to become as it is declared; `None` where
/// nothing is asked of anybody, or that is said already.
fn for_change(kept: &Kept, bundle: &BundleName) -> Option<String> {
    let name = bundle.name();
    Some(match kept {
        Kept::NotDeclared { .. } => format!(
            "for it to be there as declared: declare it, `kind: Bundle` with `metadata: {{name: {name}}}`, or \
             mend the name"
        ),
        Kept::NotRendered { .. } => "for it to become as declared: mend that".to_owned(),
        Kept::NotKnown { .. } => "it becomes as declared once that is known".to_owned(),
        Kept::Suspended { placement } => format!(
            "for it to become as declared: take `suspend: true` out of {}",
            placement.name()
        ),
        Kept::SourceUnknown { source, .. } => {
            format!("it becomes as declared once source {source} is known again")
        }
        Kept::ReachesTooFar { placement } => format!(
            "for it to become as declared: let {} select only what its source may use",
            placement.name()
        ),
        Kept::NamesUnknown { .. } | Kept::Waits { .. } | Kept::Released | Kept::Held { .. } => {
            return None;
        }
    })
}

fn labels(decision: &ClusterDecision) -> String {
    if decision.member.labels.is_empty() {
        return " without labels".to_owned();
    }
    let pairs: Vec<String> = decision
        .member
        .labels
        .iter()
        .map(|(k, v)| format!("{k}={v}"))
        .collect();
    format!(" with labels {}", pairs.join(", "))
}
