//! From the engine's picture to the operators' messages, one function a message.

use std::collections::{BTreeMap, BTreeSet};

use capstan_hub_core::desired::Hold;
use capstan_hub_core::effective;
use capstan_hub_core::explain::{Answer, Explanation};
use capstan_hub_core::placement::{Decisions, PlacementDecision};
use capstan_hub_core::problem::{self, Code, Severity};
use capstan_hub_core::report;
use capstan_hub_core::rollup::{BundleOnCluster, BundleSummary, ClusterSummary, Trouble};
use capstan_hub_core::session::Connection;
use capstan_hub_core::spec::{Mode, PinName, Pinned};
use capstan_proto::convert::key_to_wire;
use capstan_proto::convert::state::drift_to_wire;
use capstan_proto::drift::Drift;
use capstan_proto::state::BundleState;
use capstan_proto::{BundleName, ClusterName, Health, Moment, PlacementName, Sync, wire};

use super::mode;
use crate::engine::picture::{ClusterView, Phase, Picture, SourceView};

/// Objects of a held removal that are listed with a placement; the rest is counted.
const EXAMPLES_MAX: usize = 10;

/// Objects of all held removals that are listed with the fleet: the answer stays below 4 MiB. The rest is counted.
const HELD_MAX: usize = 5_000;

/// Names of clusters that are listed with a problem: a page of 1,000 problems stays below 1.3 MB. The rest is counted.
const CLUSTERS_MAX: usize = 20;

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn ms(moment: Option<Moment>) -> i64 {
    moment.map_or(0, Moment::unix_ms)
}

fn text(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn counts<K: ToString>(counts: &BTreeMap<K, usize>) -> BTreeMap<String, u32> {
    counts
        .iter()
        .map(|(key, number)| (key.to_string(), count(*number)))
        .collect()
}

/// The fleet at a glance.
pub(super) fn fleet(picture: &Picture, fleet_id: String) -> wire::Fleet {
    let (state, state_reason) = state(picture);
    let fleet = &picture.fleet;
    let drifts = picture
        .clusters
        .values()
        .flat_map(|view| view.states.values());
    let open = drifts
        .flat_map(|state| &state.drifts)
        .filter(|drift| drift.settled_at.is_none())
        .count();
    let severities = picture.problems.iter().map(|problem| problem.severity);
    let said = picture.troubles.iter();
    let all: Vec<Severity> = severities
        .chain(said.map(|trouble| trouble.what.wrong.severity()))
        .collect();
    let warnings = all.iter().filter(|is| **is == Severity::Warning).count();
    wire::Fleet {
        fleet_id,
        hub_version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at_ms: picture.started_at.unix_ms(),
        state,
        state_reason,
        sources: picture.sources.iter().map(source).collect(),
        connections: counts(&fleet.counts.connections),
        syncs: counts(&fleet.counts.syncs),
        healths: counts(&fleet.counts.healths),
        clusters: count(fleet.clusters.len()),
        bundles: count(fleet.bundles.len()),
        placements: count(fleet.placements.len()),
        errors: count(all.len() - warnings),
        warnings: count(warnings),
        open_drifts: count(open),
        held: all_held(&picture.desired.holds),
        picture: picture.number,
        clusters_ready: count(
            fleet
                .clusters
                .iter()
                .filter(|(name, summary)| ready(picture, name, summary))
                .count(),
        ),
        text: report::status(fleet),
        modes: mode::counts(picture),
    }
}

fn state(picture: &Picture) -> (String, String) {
    let (word, reason) = match (&picture.broken, &picture.phase) {
        (Some(reason), _) => ("Failing", format!("{reason} (restart the hub)")),
        (None, Phase::Starting) => (
            "Starting",
            "Git was not read yet; clusters keep what they have".to_owned(),
        ),
        (None, Phase::Recovering(clusters)) => (
            "Recovering",
            format!(
                "{clusters} cluster(s) hold what this hub's ledger does not know of; nothing is \
                 pruned there until `hub recover --confirm`"
            ),
        ),
        (None, Phase::Serving) => ("Serving", String::new()),
    };
    (word.to_owned(), reason)
}

/// Whether a cluster is heard, holds what it should, and all of it is Synced and Healthy.
fn ready(picture: &Picture, name: &ClusterName, summary: &ClusterSummary) -> bool {
    let view = picture.clusters.get(name);
    let same = view.is_some_and(|view| {
        let (wanted, held) = (view.wanted.map(|t| t.digest), view.held.map(|t| t.digest));
        wanted.is_some() && wanted == held
    });
    same && summary.connection == Connection::Connected
        && summary.sync == Sync::Synced
        && summary.health == Health::Healthy
}

fn source(source: &SourceView) -> wire::Source {
    let commit = source.commit.as_ref();
    let (since, message) = match &source.failing {
        Some((since, message)) => (Some(*since), message.clone()),
        None => (None, String::new()),
    };
    let state = match (commit, since) {
        (_, Some(_)) => "Failing",
        (None, None) => "Starting",
        (Some(_), None) => "Following",
    };
    wire::Source {
        name: source.name.to_string(),
        url: source.url.clone(),
        branch: source.branch.clone(),
        revision: text(commit.map(|commit| &commit.revision)),
        summary: text(commit.map(|commit| &commit.summary)),
        author: text(commit.map(|commit| &commit.author)),
        committed_at_ms: ms(commit.map(|commit| commit.time)),
        polled_at_ms: ms(source.polled_at),
        state: state.to_owned(),
        failing_since_ms: ms(since),
        message,
        hint: source.hint(),
    }
}

/// Every held removal; each with its objects, as long as there is room.
fn all_held(holds: &[Hold]) -> Vec<wire::HeldRemoval> {
    let most = HELD_MAX / holds.len().max(1);
    holds
        .iter()
        .map(|hold| held(hold, most.max(EXAMPLES_MAX)))
        .collect()
}

fn held(hold: &Hold, most: usize) -> wire::HeldRemoval {
    let why: Vec<String> = hold.why.iter().map(ToString::to_string).collect();
    let clusters: Vec<&ClusterName> = hold.set.clusters().collect();
    let objects = clusters.iter().flat_map(|cluster| {
        let objects = hold.set.of_cluster(cluster).into_iter().flatten();
        objects.map(move |(object, _)| format!("{cluster}: {object}"))
    });
    wire::HeldRemoval {
        digest: hold.digest.to_string(),
        cluster: match clusters.as_slice() {
            [one] => one.to_string(),
            _ => String::new(),
        },
        placement: text(hold.placement.as_ref()),
        why: why.join("; "),
        objects: count(hold.set.objects()),
        examples: objects.take(most).collect(),
        command: hold.command(),
    }
}

/// One cluster; its bundles too, where `whole`.
pub(super) fn cluster(
    picture: &Picture,
    name: &ClusterName,
    summary: &ClusterSummary,
    whole: bool,
) -> wire::Cluster {
    let nothing = ClusterView::default();
    let view = picture.clusters.get(name).unwrap_or(&nothing);
    let in_sync = view.wanted.is_some()
        && view.wanted.map(|wanted| wanted.digest) == view.held.map(|held| held.digest);
    let with = |accept: fn(&BundleOnCluster) -> bool| {
        count(
            summary
                .bundles
                .values()
                .filter(|bundle| accept(bundle))
                .count(),
        )
    };
    let states = summary
        .bundles
        .iter()
        .filter(|_| whole)
        .map(|(bundle, state)| bundle_on_cluster(picture, (name, bundle), state));
    let decision = picture.decisions.clusters.get(name);
    let mode = mode::declared(picture, name);
    let wanted = picture
        .desired
        .clusters
        .get(name)
        .and_then(|wanted| wanted.target());
    wire::Cluster {
        name: name.to_string(),
        labels: summary.labels.clone(),
        declared: decision.is_some(),
        connection: summary.connection.to_string(),
        connection_reason: view.reason.clone(),
        seen_at_ms: ms(summary.heard_at),
        agent_version: summary.agent_version.clone(),
        facts: BTreeMap::clone(&view.facts),
        sync: summary.sync.to_string(),
        health: summary.health.to_string(),
        bundles: count(summary.bundles.len()),
        bundles_synced: with(|bundle| bundle.sync == Sync::Synced),
        bundles_healthy: with(|bundle| bundle.health == Health::Healthy),
        objects: count(
            summary
                .bundles
                .values()
                .map(|bundle| bundle.objects.all)
                .sum(),
        ),
        wanted: text(view.wanted),
        accepted: text(view.held),
        in_sync,
        flags: flags(summary, view, mode),
        certificate_expires_at_ms: ms(view.certificate_expires_at),
        bundle_states: states.collect(),
        revisions: wanted
            .map(|target| &target.stamps)
            .into_iter()
            .flatten()
            .map(|(source, revision)| (source.to_string(), revision.to_string()))
            .collect(),
        mode: text(mode.map(Mode::as_str)),
        mode_confirmed: text(mode::confirmed(view).map(Mode::as_str)),
    }
}

fn flags(summary: &ClusterSummary, view: &ClusterView, declared: Option<Mode>) -> Vec<wire::Flag> {
    let flag = |name: &str, message: String| wire::Flag {
        name: name.to_owned(),
        message,
    };
    let mut flags: Vec<wire::Flag> = summary
        .flags
        .iter()
        .map(|name| flag(&name.to_string(), String::new()))
        .collect();
    if let Some(flag) = mode::flag(declared, mode::confirmed(view)) {
        flags.insert(0, flag);
    }
    if !summary.message.is_empty() {
        flags.push(flag(&summary.reason, summary.message.clone()));
    }
    if let Some(reason) = &view.session.offer_withheld {
        flags.push(flag("NotOffered", reason.clone()));
    }
    if let Some(reason) = &view.session.prune_withheld {
        flags.push(flag("NotPruned", reason.clone()));
    }
    flags
}

fn bundle_on_cluster(
    picture: &Picture,
    (cluster, bundle): (&ClusterName, &BundleName),
    state: &BundleOnCluster,
) -> wire::BundleOnCluster {
    let reported = picture
        .clusters
        .get(cluster)
        .and_then(|view| view.states.get(bundle));
    let placed = picture
        .decisions
        .clusters
        .get(cluster)
        .and_then(|decision| decision.bundles.get(bundle));
    wire::BundleOnCluster {
        cluster: cluster.to_string(),
        bundle: bundle.to_string(),
        placement: text(state.placement.as_ref()),
        sync: state.sync.to_string(),
        health: state.health.to_string(),
        reason: state.reason.clone(),
        message: state.message.clone(),
        objects: count(state.objects.all),
        objects_synced: count(state.objects.synced),
        objects_healthy: count(state.objects.healthy),
        attention: reported.map(attention).unwrap_or_default(),
        revision: text(state.revision.as_ref()),
        seen_at_ms: ms(state.seen_at),
        shadowed: placed
            .map(|placed| placed.shadowed.iter().map(ToString::to_string).collect())
            .unwrap_or_default(),
    }
}

fn attention(state: &BundleState) -> Vec<wire::ObjectStatus> {
    let one = |object: &capstan_proto::state::ObjectState| wire::ObjectStatus {
        object: Some(key_to_wire(&object.object)),
        sync: object.sync.to_string(),
        health: object.health.to_string(),
        reason: object.reason.clone(),
        message: object.message.clone(),
    };
    state.attention.iter().map(one).collect()
}

/// Every bundle that is declared or placed, with what is known of it.
pub(super) fn bundles(picture: &Picture) -> BTreeMap<BundleName, BundleSummary> {
    let declared = picture.decisions.bundles.keys();
    let mut all: BTreeMap<BundleName, BundleSummary> = declared
        .map(|name| {
            (
                name.clone(),
                BundleSummary {
                    declared: true,
                    ..BundleSummary::default()
                },
            )
        })
        .collect();
    all.extend(picture.fleet.bundles.clone());
    all
}

/// One bundle; its clusters too, where `whole`.
pub(super) fn bundle(
    picture: &Picture,
    name: &BundleName,
    summary: &BundleSummary,
    whole: bool,
) -> wire::Bundle {
    let document = picture
        .spec
        .as_ref()
        .and_then(|spec| spec.bundles.get(name));
    let on = |cluster: &ClusterName| {
        let summary = picture.fleet.clusters.get(cluster)?;
        Some((cluster.clone(), summary.bundles.get(name)?))
    };
    let states: Vec<_> = summary.clusters.iter().filter_map(on).collect();
    let worst_sync = states
        .iter()
        .map(|(_, state)| state.sync)
        .max_by_key(|sync| sync.severity());
    let worst_health = states
        .iter()
        .map(|(_, state)| state.health)
        .max_by_key(|health| health.severity());
    let of_files = picture.problems.iter();
    let of_files = of_files.filter(|problem| problem.bundle.as_ref() == Some(name));
    let said = picture.troubles.iter();
    let said = said.filter(|trouble| trouble.what.bundle == *name);
    let problems = of_files.count() + said.count();
    let synced = states
        .iter()
        .filter(|(_, state)| state.sync == Sync::Synced)
        .count();
    let healthy = states
        .iter()
        .filter(|(_, state)| state.health == Health::Healthy)
        .count();
    let detail = states
        .iter()
        .filter(|_| whole)
        .map(|(cluster, state)| bundle_on_cluster(picture, (cluster, name), state));
    wire::Bundle {
        name: name.to_string(),
        source: name.source().to_string(),
        path: document
            .map(|document| document.spec.path.clone())
            .unwrap_or_default(),
        clusters: count(summary.clusters.len()),
        clusters_synced: count(synced),
        clusters_healthy: count(healthy),
        sync: text(worst_sync),
        health: text(worst_health),
        problems: count(problems),
        depends_on: document
            .map(|document| {
                document
                    .spec
                    .depends_on
                    .iter()
                    .map(|r| r.name.to_string())
                    .collect()
            })
            .unwrap_or_default(),
        declared_at: text(document.map(|document| &document.at)),
        bundle_states: detail.collect(),
    }
}

/// One placement; its choices too, where `whole`.
pub(super) fn placement(
    picture: &Picture,
    name: &PlacementName,
    decision: PlacementDecision<'_>,
    whole: bool,
) -> wire::Placement {
    let hold = picture
        .desired
        .holds
        .iter()
        .find(|hold| hold.placement.as_ref() == Some(name));
    let problems = picture
        .problems
        .iter()
        .filter(|problem| {
            problem.at.as_ref().is_some_and(|at| {
                at.source == decision.at().source && at.path == decision.at().path
            })
        })
        .count();
    wire::Placement {
        name: name.to_string(),
        priority: i32::try_from(decision.priority()).unwrap_or(i32::MAX),
        suspended: decision.is_suspended(),
        bundles: decision
            .bundles()
            .iter()
            .map(|bundle| bundle.name.to_string())
            .collect(),
        eligible: count(decision.eligible_count()),
        selected: count(decision.selected_count()),
        problems: count(problems),
        declared_at: decision.at().to_string(),
        held: hold.map(|hold| held(hold, if whole { HELD_MAX } else { EXAMPLES_MAX })),
        choices: if whole { choices(decision) } else { Vec::new() },
        shortfall: text(decision.shortfall().map(|short| {
            format!(
                "{} of {}: no other cluster keeps the spread by {}",
                short.selected, short.wanted, short.constraint.by
            )
        })),
        waits: waits(picture, decision),
        pins: pins(picture, decision),
    }
}

fn choices(decision: PlacementDecision<'_>) -> Vec<wire::Choice> {
    let choice = |cluster: &ClusterName, reason: &str| wire::Choice {
        cluster: cluster.to_string(),
        reason: reason.to_owned(),
        detail: text(decision.why(cluster)),
        ..wire::Choice::default()
    };
    let picks = decision.picks();
    let selected = (1..).zip(picks).map(|(rank, pick)| wire::Choice {
        selected: true,
        rank,
        score: pick.score.to_string(),
        ..choice(pick.cluster, pick.step.as_str())
    });
    let rejected = decision.rejected();
    let rejected = rejected.map(|(cluster, reason)| choice(cluster, reason.as_str()));
    selected.chain(rejected).collect()
}

/// Why a placement moves nothing, where it does not know what it selected before.
fn waits(picture: &Picture, decision: PlacementDecision<'_>) -> String {
    let of_it = |problem: &&problem::Problem| {
        problem.code == Code::SelectionLost && problem.at.as_ref() == Some(decision.at())
    };
    text(picture.problems.iter().find(of_it).map(|p| &p.message))
}

/// What each revision that a placement pins leads to.
fn pins(picture: &Picture, decision: PlacementDecision<'_>) -> Vec<wire::Pin> {
    let known = &picture.decisions.spec().pinned;
    let mut pins = Vec::new();
    for (pin, bundles) in decision.placement().pins() {
        let sources: BTreeSet<_> = bundles.iter().map(|bundle| bundle.source()).collect();
        for source in sources {
            let name = PinName {
                source: source.clone(),
                text: pin.text.clone(),
            };
            let (commit, problem) = match known.get(&name).map(|pinned| &**pinned) {
                Some(Pinned::Read { revision, .. }) => (revision.to_string(), String::new()),
                Some(Pinned::Unknown(why)) => (String::new(), why.clone()),
                None => (String::new(), "it was not read yet".to_owned()),
            };
            pins.push(wire::Pin {
                revision: pin.text.clone(),
                at: pin.at.to_string(),
                source: source.to_string(),
                commit,
                problem,
            });
        }
    }
    pins
}

/// One problem.
pub(super) fn problem(problem: &problem::Problem) -> wire::Problem {
    let at = problem.at.as_ref();
    wire::Problem {
        code: problem.code.to_string(),
        severity: problem.severity.to_string(),
        source: text(at.map(|at| &at.source)),
        path: text(at.map(|at| &at.path)),
        line: at.map_or(0, |at| at.line),
        column: at.map_or(0, |at| at.column),
        cluster: text(problem.cluster()),
        bundle: text(problem.bundle.as_ref()),
        message: problem.message.clone(),
        hint: problem.hint.clone().unwrap_or_default(),
        clusters: problem
            .clusters
            .iter()
            .take(CLUSTERS_MAX)
            .map(ToString::to_string)
            .collect(),
        clusters_total: count(problem.clusters.len()),
        ..wire::Problem::default()
    }
}

/// What spokes say is wrong, on all clusters that say so.
pub(super) fn trouble(trouble: &Trouble) -> wire::Problem {
    let Trouble { what, on } = trouble;
    let names = on.keys().map(ToString::to_string);
    let clusters: Vec<String> = names.take(CLUSTERS_MAX).collect();
    wire::Problem {
        code: what.wrong.to_string(),
        severity: what.wrong.severity().to_string(),
        cluster: match clusters.as_slice() {
            [one] => one.clone(),
            _ => String::new(),
        },
        bundle: what.bundle.to_string(),
        message: trouble.sentence(),
        object: what.object.as_ref().map(key_to_wire),
        since_ms: ms(trouble.since()),
        clusters,
        clusters_total: count(on.len()),
        ..wire::Problem::default()
    }
}

/// One drift.
pub(super) fn drift(cluster: &ClusterName, bundle: &BundleName, drift: &Drift) -> wire::DriftSeen {
    let wire::Drift {
        object,
        fields,
        manager,
        operation,
        times,
        ..
    } = drift_to_wire(drift);
    wire::DriftSeen {
        cluster: cluster.to_string(),
        bundle: bundle.to_string(),
        object,
        fields,
        manager,
        operation,
        changed_at_ms: drift.changed_at.unix_ms(),
        seen_at_ms: drift.seen_at.unix_ms(),
        outcome: drift.outcome.to_string(),
        settled_at_ms: ms(drift.settled_at),
        times,
    }
}

/// Why a bundle is, or is not, on a cluster.
pub(super) fn explanation(
    picture: &Picture,
    explanation: &Explanation,
    now: Moment,
) -> wire::Explanation {
    let question = &explanation.question;
    let summary = picture.fleet.clusters.get(&question.cluster);
    let state = summary.and_then(|summary| summary.bundles.get(&question.bundle));
    let said = picture
        .clusters
        .get(&question.cluster)
        .and_then(|view| view.states.get(&question.bundle));
    let drifts = said.into_iter().flat_map(|said| &said.drifts);
    let mut text = text_of(explanation, summary, said, now);
    let view = picture.clusters.get(&question.cluster);
    let declared = mode::declared(picture, &question.cluster);
    if let Some(sentence) = view.and_then(|view| mode::sentence(declared, view)) {
        text.push_str(&format!("{}: {sentence}\n", question.cluster));
    }
    wire::Explanation {
        state: state
            .map(|state| bundle_on_cluster(picture, (&question.cluster, &question.bundle), state)),
        text,
        drifts: drifts
            .map(|seen| drift(&question.cluster, &question.bundle, seen))
            .collect(),
        ..explained(&picture.decisions, explanation)
    }
}

/// What decisions use that does not stand in Git.
pub(super) fn inventory(picture: &Picture) -> Vec<wire::InventoryPart> {
    use wire::inventory_part::Part;
    let part = |part| wire::InventoryPart { part: Some(part) };
    // Nobody enrolled without a certificate.
    let enrolled = |(_, view): &(&ClusterName, &ClusterView)| view.certificate_expires_at.is_some();
    let cluster = |(name, view): (&ClusterName, &ClusterView)| {
        let facts = BTreeMap::clone(&view.facts);
        part(Part::Cluster(wire::ClusterFacts {
            name: name.to_string(),
            facts: facts.into_iter().collect(),
            unknown: !view.facts_said,
        }))
    };
    let selection = |(placement, clusters): (PlacementName, BTreeSet<ClusterName>)| {
        part(Part::Selection(wire::Selection {
            placement: placement.to_string(),
            clusters: clusters.iter().map(ToString::to_string).collect(),
        }))
    };
    let clusters = picture.clusters.iter().filter(enrolled).map(cluster);
    let previous = picture.decisions.previous();
    clusters
        .chain(previous.into_iter().map(selection))
        .collect()
}

/// What files alone say.
pub(crate) fn explained(decisions: &Decisions, explanation: &Explanation) -> wire::Explanation {
    let question = &explanation.question;
    let decision = decisions.clusters.get(&question.cluster);
    let placed = decision.and_then(|decision| decision.bundles.get(&question.bundle));
    let variables = placed.map(|placed| {
        let pair = (&question.cluster, &question.bundle);
        effective::variables(decisions.spec(), pair, &placed.placement, &placed.inputs)
    });
    let answer = match explanation.answer {
        Answer::Placed => "Placed",
        Answer::Kept => "Kept",
        Answer::NotPlaced => "NotPlaced",
        Answer::NotDeclared => "NotDeclared",
        Answer::Unknown => "Unknown",
    };
    let steps = explanation.steps.iter();
    wire::Explanation {
        cluster: question.cluster.to_string(),
        bundle: question.bundle.to_string(),
        placed: matches!(explanation.answer, Answer::Placed | Answer::Kept),
        summary: explanation
            .steps
            .iter()
            .rfind(|step| !step.advice)
            .map(|step| step.text.clone())
            .unwrap_or_default(),
        reasons: steps
            .map(|step| wire::Reason {
                at: text(step.at.as_ref()),
                message: step.text.clone(),
            })
            .collect(),
        state: None,
        variables: variables
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name, value.ok()?.to_value().to_string())))
            .collect(),
        answer: answer.to_owned(),
        text: report::explain(explanation),
        drifts: Vec::new(),
    }
}

/// The reasons, and below them what the spoke says, where there is anything to say of it.
fn text_of(
    explanation: &Explanation,
    summary: Option<&ClusterSummary>,
    said: Option<&BundleState>,
    now: Moment,
) -> String {
    let mut text = report::explain(explanation);
    let question = &explanation.question;
    let state = summary.and_then(|summary| Some((summary, summary.bundles.get(&question.bundle)?)));
    if let Some((summary, state)) = state {
        text.push_str(&report::state(
            &question.cluster,
            (summary, state),
            said,
            now,
        ));
    }
    text
}
