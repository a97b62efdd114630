//! Tests of the engine, as values in and values out.

use std::collections::BTreeMap;
use std::sync::Arc;

use capstan_hub_core::desired::{Budget, RemovalLog};
use capstan_hub_core::session;
use capstan_hub_core::spec::Tree;
use capstan_proto::{ClusterName, Incarnation, Moment, Revision, SourceName, Triple};

use super::effect::Effect;
use super::event::{Event, Lacks, Opening, Polled, Said, SessionId};
use super::numbers::{BLOCK, Numbers};
use super::out::Outbox;
use super::pass;
use super::picture::SourceView;
use super::receipt::Receipts;
use super::restore::Restored;
use super::settling::{Settling, Ticket};
use super::{Setting, State, spokes};
use crate::ca::{ClusterId, FleetId, Identity, KeyHash, Serial};
use crate::git::Commit;
use crate::ledger::records::{Credential, Registration};
use crate::metrics::Metrics;
use crate::tls::ConnectionId;

mod hearsay;
mod lost;
mod pins;
mod races;
mod rename;

const NOW: Moment = Moment::from_unix_ms(1_000_000);

fn source() -> SourceName {
    SourceName::try_new("fleet").unwrap()
}

fn one() -> ClusterName {
    ClusterName::try_new("one").unwrap()
}

/// A hub whose store remembers what placements selected.
fn remembering(previous: super::previous::Previous) -> State {
    state_of(Restored {
        previous,
        ..restored()
    })
}

fn setting() -> Setting {
    Setting {
        budget: Budget::default(),
        rules: BTreeMap::new(),
        archives: Arc::default(),
        receipts: Receipts::new(&[0; 32]),
        metrics: Metrics::default(),
        started_at: NOW,
    }
}

fn restored() -> Restored {
    let incarnation = Incarnation {
        counter: 1,
        random: 1,
    };
    Restored {
        clusters: BTreeMap::new(),
        lived_at: None,
        numbers: Numbers::new(incarnation, 1, 1 + BLOCK),
        log: RemovalLog::default(),
        approvals: Vec::new(),
        previous: BTreeMap::new(),
        pins: BTreeMap::new(),
    }
}

fn state() -> State {
    state_of(restored())
}

fn state_of(restored: Restored) -> State {
    let view = SourceView {
        name: source(),
        url: String::new(),
        branch: "main".to_owned(),
        commit: None,
        polled_at: None,
        failing: None,
        rewritten: None,
    };
    State::new(setting(), vec![view], restored)
}

/// A commit that declares clusters with these names.
fn head(digit: char, clusters: &[&str]) -> Event {
    let revision = Revision::try_new(digit.to_string().repeat(40)).unwrap();
    let file = |name: &&str| (format!("{name}.yaml"), declared(name).into_bytes());
    commit(revision, clusters.iter().map(file).collect())
}

fn declared(name: &str) -> String {
    format!("apiVersion: capstan.dev/v1alpha1\nkind: Cluster\nmetadata: {{name: {name}}}\n")
}

/// A commit that declares a cluster and brings ConfigMaps with these names to it.
fn content(digit: char, names: &[&str]) -> Event {
    let revision = Revision::try_new(digit.to_string().repeat(40)).unwrap();
    let bundle = "apiVersion: capstan.dev/v1alpha1\nkind: Bundle\nmetadata: {name: web}\n\
                  spec: {path: apps}\n---\n\
                  apiVersion: capstan.dev/v1alpha1\nkind: Placement\nmetadata: {name: web}\n\
                  spec: {bundles: [web], clusters: [{names: [one]}]}\n";
    let object = |name: &&str| {
        let text = format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: default}}\n"
        );
        (format!("apps/{name}.yaml"), text.into_bytes())
    };
    let mut files: Vec<(String, Vec<u8>)> = names.iter().map(object).collect();
    files.push(("one.yaml".to_owned(), declared("one").into_bytes()));
    files.push(("web.yaml".to_owned(), bundle.as_bytes().to_vec()));
    commit(revision, files)
}

fn commit(revision: Revision, files: Vec<(String, Vec<u8>)>) -> Event {
    let tree = Arc::new(Tree::new(revision.clone(), files));
    let commit = Commit {
        revision,
        summary: String::new(),
        author: String::new(),
        time: NOW,
    };
    let answer = Polled::Head {
        commit: Box::new(commit),
        tree,
        at: Some(NOW),
    };
    Event::Polled {
        source: source(),
        answer,
    }
}

fn passes(effects: Vec<Effect>) -> Vec<pass::Input> {
    let input = |effect| match effect {
        Effect::Pass(input) => Some(*input),
        _ => None,
    };
    effects.into_iter().filter_map(input).collect()
}

#[test]
fn commits_that_come_during_a_pass_make_one_more_pass_over_the_newest() {
    let mut state = state();
    let mut first = passes(state.handle(head('a', &["one"]), NOW));
    assert_eq!(first.len(), 1);
    assert!(passes(state.handle(head('b', &["one", "two"]), NOW)).is_empty());
    assert!(passes(state.handle(head('c', &["one", "two", "three"]), NOW)).is_empty());
    let outcome = pass::run(first.remove(0));
    let mut second = passes(state.handle(Event::Passed(Box::new(outcome)), NOW));
    assert_eq!(second.len(), 1);
    let outcome = pass::run(second.remove(0));
    assert!(passes(state.handle(Event::Passed(Box::new(outcome)), NOW)).is_empty());
    let Some(Effect::Show(picture)) = state.picture(NOW) else {
        panic!("readers have an old picture");
    };
    assert_eq!(picture.fleet.clusters.len(), 3);
}

#[test]
fn a_mode_alone_is_offered_and_needs_an_agent_that_knows_it_only_where_it_is_not_enforced() {
    let mut state = state();
    let mut digests = std::collections::BTreeSet::new();
    let words = [
        ("a", "Enforce", false),
        ("b", "Paused", true),
        ("c", "Observe", true),
    ];
    for (digit, word, needed) in words {
        let revision = Revision::try_new(digit.repeat(40)).unwrap();
        let document = format!("{}spec: {{mode: {word}}}\n", declared("one"));
        let event = commit(
            revision,
            vec![("one.yaml".to_owned(), document.into_bytes())],
        );
        let input = passes(state.handle(event, NOW)).remove(0);
        state.handle(Event::Passed(Box::new(pass::run(input))), NOW);
        let session::Aim::Target(target, _) = state.aim_of(&one()) else {
            panic!("it has a target");
        };
        assert!(
            digests.insert(target.triple.digest),
            "{word} is another snapshot"
        );
        let required = target.header.required_features;
        assert_eq!(required.contains(capstan_proto::feature::MODE), needed);
    }
}

#[test]
fn nothing_is_resolved_before_git_was_read() {
    let mut state = state();
    let failed = Polled::Failed {
        at: NOW,
        message: "unreachable".to_owned(),
    };
    let event = Event::Polled {
        source: source(),
        answer: failed,
    };
    assert!(state.handle(event, NOW).is_empty());
    let later = NOW.plus_ms(600_000);
    assert!(passes(state.handle(Event::Tick, later)).is_empty());
}

#[test]
fn a_source_that_fails_says_since_when_until_it_answers() {
    let mut state = state();
    for (second, answer) in [(1, "first"), (2, "second")] {
        let at = NOW.plus_ms(second * 1000);
        let answer = Polled::Failed {
            at,
            message: answer.to_owned(),
        };
        state.handle(
            Event::Polled {
                source: source(),
                answer,
            },
            at,
        );
    }
    let (since, why) = state.sources[0].failing.clone().unwrap();
    assert_eq!((since, why.as_str()), (NOW.plus_ms(1000), "second"));
    state.handle(
        Event::Polled {
            source: source(),
            answer: Polled::Same { at: NOW },
        },
        NOW,
    );
    assert_eq!(state.sources[0].failing, None);
}

#[test]
fn a_pass_runs_every_minute_even_when_nothing_happens() {
    let mut state = state();
    let outcome = pass::run(passes(state.handle(head('a', &["one"]), NOW)).remove(0));
    state.handle(Event::Passed(Box::new(outcome)), NOW);
    assert!(passes(state.handle(Event::Tick, NOW.plus_ms(59_999))).is_empty());
    assert_eq!(
        passes(state.handle(Event::Tick, NOW.plus_ms(60_000))).len(),
        1
    );
}

#[test]
fn numbers_are_asked_for_in_time_and_never_given_twice() {
    let incarnation = Incarnation {
        counter: 1,
        random: 1,
    };
    let mut numbers = Numbers::new(incarnation, 10, 10 + BLOCK);
    let mut given = std::collections::BTreeSet::new();
    let mut asked = 0;
    while let Some(number) = numbers.take() {
        assert!(given.insert(number));
        asked += usize::from(numbers.ask());
    }
    assert_eq!((given.len() as u64, asked), (BLOCK, 1));
    numbers.refill(incarnation, 5_000, 5_000 + BLOCK);
    assert!(
        numbers
            .take()
            .is_some_and(|number| !given.contains(&number))
    );
    // A block that was reserved before and comes later is left out.
    let before = numbers.issued();
    numbers.refill(incarnation, 2_000, 2_000 + BLOCK);
    assert!(numbers.take().is_some_and(|number| number > before));
}

#[test]
fn no_number_up_to_a_claimed_one_is_given() {
    let incarnation = Incarnation {
        counter: 1,
        random: 1,
    };
    let number = |generation| capstan_proto::Number {
        incarnation,
        generation: capstan_proto::Generation(generation),
    };
    let mut numbers = Numbers::new(incarnation, 10, 10 + BLOCK);
    assert_eq!(numbers.skip(number(500)), Ok(true));
    assert_eq!(numbers.take(), Some(number(501)));
    assert_eq!(numbers.skip(number(20)), Ok(true));
    assert_eq!(numbers.take(), Some(number(502)));
    for last in [9 + BLOCK, 10 + BLOCK] {
        assert_eq!(numbers.skip(number(last)), Ok(false));
    }
}

fn identity() -> Identity {
    Identity {
        fleet: FleetId(uuid::Uuid::from_u128(1)),
        cluster: ClusterId(uuid::Uuid::from_u128(2)),
        serial: Serial::new(1, 1),
        not_before: NOW,
        not_after: NOW.plus_ms(3_600_000),
        key: KeyHash(capstan_proto::Digest::of(b"a key")),
    }
}

fn registration(identity: &Identity) -> Registration {
    Registration {
        id: identity.cluster,
        enrolled_unix_ms: NOW.unix_ms(),
        cluster_uid: "uid".to_owned(),
        current: Credential {
            serial: identity.serial,
            key: identity.key,
            not_after_unix_ms: identity.not_after.unix_ms(),
        },
        pending: None,
        renewals: 1,
        quarantine: None,
    }
}

/// A session of cluster one that holds what is wanted; what the hub says goes out at the other end.
fn opened(state: &mut State, id: u64) -> super::out::Outgoing {
    opened_with(state, id, BTreeMap::new())
}

fn opened_with(
    state: &mut State,
    id: u64,
    facts: BTreeMap<String, String>,
) -> super::out::Outgoing {
    let one = ClusterName::try_new("one").unwrap();
    let given = state.clusters[&one].given.as_ref();
    let accepted = given.map(|given| given.triple);
    let receipt = session::Receipt::Valid;
    claimed_with(state, id, (accepted, receipt), facts).0
}

/// A session of cluster one that claims something; what follows, too.
fn claimed(
    state: &mut State,
    id: u64,
    claim: (Option<Triple>, session::Receipt),
) -> (super::out::Outgoing, Vec<Effect>) {
    claimed_with(state, id, claim, BTreeMap::new())
}

fn claimed_with(
    state: &mut State,
    id: u64,
    (accepted, receipt): (Option<Triple>, session::Receipt),
    facts: BTreeMap<String, String>,
) -> (super::out::Outgoing, Vec<Effect>) {
    let one = ClusterName::try_new("one").unwrap();
    let (outbox, outgoing) = Outbox::new();
    let identity = identity();
    let opening = Opening {
        cluster: one,
        registration: registration(&identity),
        identity,
        connection: ConnectionId(id),
        session: SessionId(id),
        instance: [7; 16],
        cluster_uid: "uid".to_owned(),
        hello: session::Hello {
            agent_version: "1".to_owned(),
            protocol_min: 1,
            protocol_max: 1,
            features: super::required_features(super::Mode::Paused),
            accepted,
            receipt,
            states: None,
        },
        facts,
        outbox,
    };
    let effects = state.handle(Event::Opened(Box::new(opening)), NOW);
    (outgoing, effects)
}

#[test]
fn a_cluster_that_claims_the_last_number_moves_none_and_is_a_problem_with_a_next_command() {
    for receipt in [session::Receipt::Absent, session::Receipt::Valid] {
        let mut state = state();
        let one = ClusterName::try_new("one").unwrap();
        let input = passes(state.handle(content('a', &["a"]), NOW)).remove(0);
        state.handle(Event::Passed(Box::new(pass::run(input))), NOW);
        let given = state.clusters[&one].given.clone().unwrap().triple;
        let mut claim = given;
        claim.number.generation = capstan_proto::Generation(u64::MAX);
        let (mut outgoing, mut effects) = claimed(&mut state, 1, (Some(claim), receipt));
        let recorded = || Event::Recorded {
            cluster: one.clone(),
            session: SessionId(1),
        };
        effects.extend(state.handle(recorded(), NOW));
        let (reply, _answer) = tokio::sync::oneshot::channel();
        let cluster = Some(one.clone());
        effects.extend(state.handle(Event::Confirmed { cluster, reply }, NOW));
        effects.extend(state.handle(recorded(), NOW));
        let input = passes(state.handle(content('b', &["a", "b"]), NOW)).remove(0);
        effects.extend(state.handle(Event::Passed(Box::new(pass::run(input))), NOW));
        let raises = |effect: &Effect| matches!(effect, Effect::Raise(_));
        assert!(!effects.iter().any(raises), "{effects:?}");
        assert!(outgoing.try_recv().is_err(), "it is told nothing");
        assert_eq!(state.clusters[&one].held, None);
        let wanted = state.clusters[&one].given.clone().unwrap().triple;
        assert_eq!(wanted.number.generation.0, given.number.generation.0 + 1);
        let Some(Effect::Show(picture)) = state.picture(NOW) else {
            panic!("readers have an old picture");
        };
        let shown = picture
            .problems
            .iter()
            .find(|problem| problem.cluster() == Some(&one));
        let hint = shown.and_then(|problem| problem.hint.clone()).unwrap();
        assert!(hint.contains("`hub token create one --re-enrol`"), "{hint}");
    }
}

#[test]
fn a_hub_that_starts_again_and_again_awaits_only_whom_it_heard_to_the_end() {
    let heard = |name: &str, ago_ms: u64| {
        let mut cluster = super::Cluster::default();
        cluster.observed.heard_at = Some(NOW.minus_ms(ago_ms));
        (ClusterName::try_new(name).unwrap(), cluster)
    };
    let restored = Restored {
        clusters: BTreeMap::from([heard("lately", 20_000), heard("long-ago", 1_209_600_000)]),
        lived_at: Some(NOW.minus_ms(10_000)),
        ..restored()
    };
    let mut state = State::new(setting(), Vec::new(), restored);
    let admitted: Vec<_> = state
        .clusters
        .values()
        .map(|it| it.observed.admitted_at)
        .collect();
    assert_eq!(admitted, [Some(NOW), None]);
    // It writes down that it lives, now and then.
    let lives = |state: &mut State, second: u64| {
        let effects = state.handle(Event::Tick, NOW.plus_ms(second * 1000));
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::RememberLife(_)))
    };
    assert_eq!(
        [0, 29, 30, 31].map(|second| lives(&mut state, second)),
        [true, false, true, false]
    );
}

#[test]
fn a_failed_disk_lets_nothing_be_pruned_and_starts_no_recovery() {
    for failure in [
        Event::StoreFailed("disk full".to_owned()),
        Event::LedgerFailed("disk full".to_owned()),
    ] {
        let mut state = state();
        let one = ClusterName::try_new("one").unwrap();
        let pass = |state: &mut State, event| {
            let input = passes(state.handle(event, NOW)).remove(0);
            state.handle(Event::Passed(Box::new(pass::run(input))), NOW)
        };
        pass(&mut state, content('a', &["a"]));
        let _outgoing = opened(&mut state, 1);
        pass(&mut state, content('b', &["a", "b"]));
        let after = state.handle(failure, NOW);
        let recovers = |effects: &[Effect]| {
            let mut effects = effects.iter();
            effects.any(|effect| matches!(effect, Effect::Recovering(..)))
        };
        assert!(!recovers(&after), "{after:?}");
        let _again = opened(&mut state, 2);
        assert_eq!(state.clusters[&one].recovering, None);
        state.picture(NOW);
        let why = state.clusters[&one].observed.session.prune_withheld.clone();
        assert!(why.is_some_and(|why| why.contains("disk full")));
        assert_eq!(state.setting.metrics.prunes_withheld.get(), 1);
        assert_eq!(state.setting.metrics.offers_withheld.get(), 0);
    }
}

#[test]
fn a_rewritten_branch_fails_since_it_was_seen_first_whatever_comes_between() {
    let mut state = state();
    state.handle(head('a', &["one"]), NOW);
    let revision = |digit: &str| Revision::try_new(digit.repeat(40)).unwrap();
    let mut polled = |second: u64, answer: &dyn Fn(Moment) -> Polled| {
        let at = NOW.plus_ms(second * 1000);
        let event = Event::Polled {
            source: source(),
            answer: answer(at),
        };
        assert_eq!(passes(state.handle(event, at)).len(), 0);
        state.sources[0].failing.clone()
    };
    let rewritten = |at| Polled::Rewritten {
        at,
        head: revision("b"),
        in_force: revision("a"),
    };
    let failed = |at| Polled::Failed {
        at,
        message: "unreachable".to_owned(),
    };
    let (since, why) = polled(1, &rewritten).unwrap();
    assert_eq!(
        why,
        "branch main was rewritten: bbbbbbbbbbbb does not contain aaaaaaaaaaaa, which is in force"
    );
    polled(2, &failed);
    assert_eq!(polled(3, &rewritten), Some((since, why)));
    assert_eq!(polled(4, &|at| Polled::Same { at }), None);
}

#[test]
fn removals_are_settled_in_order_and_never_when_writing_them_down_failed() {
    let mut settling = Settling::default();
    assert!(settling.is_settled(Ticket::default()));
    let first = settling.next();
    assert!(!settling.is_settled(first));
    assert_eq!(settling.begin(), first);
    let second = settling.begin();
    settling.end(second);
    assert!(!settling.is_settled(first) && !settling.is_settled(second));
    assert!(settling.is_settled(Ticket::default()));
    settling.end(first);
    assert!(settling.is_settled(first) && settling.is_settled(second));
}

#[test]
fn a_pass_that_fails_says_so_and_the_next_one_runs() {
    let mut state = state();
    assert_eq!(passes(state.handle(head('a', &["one"]), NOW)).len(), 1);
    let failed = || Event::PassFailed("it panicked".to_owned());
    assert!(passes(state.handle(failed(), NOW)).is_empty());
    let Some(Effect::Show(picture)) = state.picture(NOW) else {
        panic!("readers have an old picture");
    };
    assert_eq!(picture.broken.as_deref(), Some("it panicked"));
    let mut again = passes(state.handle(Event::Tick, NOW.plus_ms(60_000)));
    assert_eq!(again.len(), 1);
    let outcome = pass::run(again.remove(0));
    state.handle(Event::Passed(Box::new(outcome)), NOW);
    assert_eq!(state.unpassed, None);
}

#[test]
fn what_a_cluster_loses_is_written_down_before_it_may_be_pruned() {
    let mut state = state();
    let one = ClusterName::try_new("one").unwrap();
    let mut written = Vec::new();
    for (digit, names) in [('a', ["a", "b"].as_slice()), ('b', &["a"])] {
        let input = passes(state.handle(content(digit, names), NOW)).remove(0);
        let outcome = pass::run(input);
        for effect in state.handle(Event::Passed(Box::new(outcome)), NOW) {
            if let Effect::LogRemovals(ticket, removals, _) = effect {
                written.push((ticket, removals.len()));
            }
        }
    }
    let [(ticket, 1)] = written.as_slice() else {
        panic!("one object leaves: {written:?}");
    };
    assert!(!state.settling.is_settled(state.clusters[&one].removal));
    state.handle(Event::Settled(*ticket), NOW);
    assert!(state.settling.is_settled(state.clusters[&one].removal));
}

fn said_of(name: &str) -> capstan_proto::state::BundleState {
    capstan_proto::state::BundleState {
        bundle: capstan_proto::BundleName::parse(name).unwrap(),
        snapshot: capstan_proto::Triple {
            number: capstan_proto::Number {
                incarnation: Incarnation {
                    counter: 1,
                    random: 1,
                },
                generation: capstan_proto::Generation(1),
            },
            digest: capstan_proto::Digest::of(b"a snapshot"),
        },
        sync: capstan_proto::Sync::Synced,
        health: capstan_proto::Health::Healthy,
        reason: String::new(),
        message: String::new(),
        objects: 1,
        objects_synced: 1,
        objects_healthy: 1,
        attention: Vec::new(),
        drifts: Vec::new(),
        judged_at: NOW,
    }
}

#[test]
fn a_cluster_reports_only_bundles_that_it_was_given() {
    let mut state = state();
    let input = passes(state.handle(content('a', &["a"]), NOW)).remove(0);
    state.handle(Event::Passed(Box::new(pass::run(input))), NOW);
    let one = ClusterName::try_new("one").unwrap();
    let cluster = state.clusters.get_mut(&one).unwrap();
    let said = || vec![said_of("fleet.web"), said_of("fleet.made-up")];
    let names = |states: Vec<capstan_proto::state::BundleState>| -> Vec<String> {
        states
            .iter()
            .map(|state| state.bundle.to_string())
            .collect()
    };
    assert_eq!(names(spokes::allowed(cluster, said())), ["fleet.web"]);
    // What it spoke of before, it removes.
    let gone = said_of("fleet.made-up");
    cluster.observed.states.insert(gone.bundle.clone(), gone);
    assert_eq!(spokes::allowed(cluster, said()).len(), 2);
    // Of a cluster in recovery nobody knows what it runs; there is an end to that, too.
    cluster.observed.states.clear();
    cluster.recovering = Some(capstan_proto::Digest::of(b"something"));
    let many = (0..2_000).map(|n| said_of(&format!("fleet.b-{n}")));
    assert_eq!(spokes::allowed(cluster, many.collect()).len(), 1_000);
}

#[test]
fn content_that_a_pass_needs_while_it_is_looked_for_is_not_given_up() {
    let mut state = state();
    let pass = |state: &mut State, event| {
        let input = passes(state.handle(event, NOW)).remove(0);
        let outcome = pass::run(input);
        let needed: std::collections::BTreeSet<_> =
            outcome.desired.content.keys().copied().collect();
        state.handle(Event::Passed(Box::new(outcome)), NOW);
        needed
    };
    let needing = |state: &mut State| {
        let (reply, mut answer) = tokio::sync::oneshot::channel();
        state.handle(Event::Sweep(reply), NOW);
        answer.try_recv().unwrap()
    };
    assert!(
        needing(&mut state).is_none(),
        "before the first pass nothing is known"
    );
    let first = pass(&mut state, content('a', &["a"]));
    let needed: std::collections::BTreeSet<_> = needing(&mut state)
        .unwrap()
        .iter()
        .flat_map(|snapshot| snapshot.contents())
        .collect();
    assert!(first.is_subset(&needed));
    let meanwhile = pass(&mut state, content('b', &["a", "b"]));
    let dead = capstan_proto::Digest::of(b"dead");
    let mut found = meanwhile;
    found.insert(dead);
    let age = std::time::Duration::from_secs(3_600);
    let digests = found;
    let effects = state.handle(Event::Unneeded { digests, age }, NOW);
    let [Effect::GiveUp(given_up, _)] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    assert_eq!(given_up.iter().collect::<Vec<_>>(), [&dead]);
    // Where it is not known what a cluster holds, nothing is looked for.
    let one = ClusterName::try_new("one").unwrap();
    state.clusters.get_mut(&one).unwrap().forgotten = true;
    assert!(needing(&mut state).is_none());
}

#[test]
fn a_heartbeat_is_no_news_and_a_report_is() {
    let event = |said| Event::Said {
        cluster: ClusterName::try_new("one").unwrap(),
        session: SessionId(1),
        said,
    };
    assert_eq!(event(Said::Heartbeat).lacks(), Lacks::Ages);
    let report = Said::Report {
        full: false,
        states: Vec::new(),
        gone: Vec::new(),
        digest: None,
    };
    assert_eq!(event(report).lacks(), Lacks::News);
    assert_eq!(Event::Tick.lacks(), Lacks::Nothing);
}
