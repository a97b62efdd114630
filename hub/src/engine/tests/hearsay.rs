//! What clusters say of themselves, in decisions.

use super::*;

const PLACED_BY_FACT: &str = "apiVersion: capstan.dev/v1alpha1\nkind: Bundle\nmetadata: {name: web}\n\
    spec: {path: apps}\n---\n\
    apiVersion: capstan.dev/v1alpha1\nkind: Placement\nmetadata: {name: web}\n\
    spec: {bundles: [web], clusters: [{names: [one], facts: [{key: nodes, operator: Gte, values: [\"3\"]}]}]}\n";

fn fleet(digit: char) -> Event {
    let object = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: default}\n";
    let files = [
        ("apps/a.yaml", object.to_owned()),
        ("one.yaml", declared("one")),
        ("web.yaml", PLACED_BY_FACT.to_owned()),
    ];
    let files = files.map(|(path, text)| (path.to_owned(), text.into_bytes()));
    let revision = Revision::try_new(digit.to_string().repeat(40)).unwrap();
    commit(revision, files.to_vec())
}

fn enrol(state: &mut State) {
    let event = Event::Enrolled {
        cluster: one(),
        registration: Box::new(registration(&identity())),
    };
    state.handle(event, NOW);
}

fn nodes(count: u32) -> BTreeMap<String, String> {
    BTreeMap::from([("nodes".to_owned(), count.to_string())])
}

fn said(facts: BTreeMap<String, String>) -> Event {
    Event::Said {
        cluster: one(),
        session: SessionId(1),
        said: Said::Facts(facts),
    }
}

fn selects(state: &State) -> bool {
    let web = capstan_proto::PlacementName::try_new(source(), "web").unwrap();
    state
        .memory
        .decisions
        .placements
        .get(&web)
        .unwrap()
        .selects(&one())
}

/// Takes the outcome of the one pass among these effects.
fn pass(state: &mut State, effects: Vec<Effect>, now: Moment) -> Vec<Effect> {
    let [input] = <[_; 1]>::try_from(passes(effects)).expect("one pass");
    state.handle(Event::Passed(Box::new(pass::run(input))), now)
}

#[test]
fn a_placement_by_facts_keeps_what_it_had_until_the_cluster_reports_again() {
    let web = capstan_proto::PlacementName::try_new(source(), "web").unwrap();
    for (nodes_now, stays) in [(5, true), (1, false)] {
        let mut state = remembering(BTreeMap::from([(web.clone(), [one()].into())]));
        enrol(&mut state);
        let effects = state.handle(fleet('a'), NOW);
        pass(&mut state, effects, NOW);
        assert!(selects(&state), "nothing is known of the cluster yet");
        let _outgoing = opened_with(&mut state, 1, nodes(nodes_now));
        let effects = state.handle(Event::Tick, NOW.plus_ms(1_000));
        assert!(
            passes(effects).is_empty(),
            "it began when the cluster said it"
        );
        assert_eq!(state.passing, super::super::Passing::Running);
        let input = state.input(NOW);
        state.handle(Event::Passed(Box::new(pass::run(input))), NOW);
        assert_eq!(selects(&state), stays);
    }
    // Without anything remembered, a cluster of which nothing is known is not selected.
    let mut state = state();
    enrol(&mut state);
    let effects = state.handle(fleet('a'), NOW);
    pass(&mut state, effects, NOW);
    assert!(!selects(&state));
}

#[test]
fn facts_start_a_pass_when_they_change_and_at_most_one_a_second() {
    let mut state = state();
    enrol(&mut state);
    let effects = state.handle(fleet('a'), NOW);
    pass(&mut state, effects, NOW);
    let _outgoing = opened_with(&mut state, 1, nodes(3));
    let input = state.input(NOW);
    state.handle(Event::Passed(Box::new(pass::run(input))), NOW);
    assert!(selects(&state));
    let later = |ms| NOW.plus_ms(ms);
    assert!(
        passes(state.handle(said(nodes(3)), later(2_000))).is_empty(),
        "nothing changed"
    );
    let effects = state.handle(said(nodes(4)), later(2_000));
    pass(&mut state, effects, later(2_001));
    for (count, ms) in [(5, 2_100), (6, 2_200), (7, 2_900)] {
        assert!(passes(state.handle(said(nodes(count)), later(ms))).is_empty());
    }
    let effects = state.handle(Event::Tick, later(3_000));
    pass(&mut state, effects, later(3_000));
    assert!(passes(state.handle(Event::Tick, later(9_000))).is_empty());
}

#[test]
fn facts_that_nothing_asks_for_start_no_pass() {
    let mut state = state();
    enrol(&mut state);
    let effects = state.handle(content('a', &["a"]), NOW);
    pass(&mut state, effects, NOW);
    let _outgoing = opened_with(&mut state, 1, nodes(3));
    assert!(passes(state.handle(said(nodes(4)), NOW.plus_ms(5_000))).is_empty());
    assert_eq!(state.passing, super::super::Passing::Idle);
    // A commit that asks for them knows them all.
    let effects = state.handle(fleet('b'), NOW.plus_ms(6_000));
    pass(&mut state, effects, NOW.plus_ms(6_000));
    assert!(selects(&state));
}
