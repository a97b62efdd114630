//! A cluster that gets another name.

use capstan_hub_core::desired::Wanted;

use super::super::memory::Which;
use super::super::rename::{self, Refusal, Rename};
use super::*;
use crate::layout::Layout;
use crate::ledger::Embedded;
use crate::ledger::records::{Batch, Identified, Records, keys};
use crate::store::Store;

fn two() -> ClusterName {
    ClusterName::try_new("two").unwrap()
}

fn pass(state: &mut State, event: Event) -> Vec<Effect> {
    let input = passes(state.handle(event, NOW)).remove(0);
    state.handle(Event::Passed(Box::new(pass::run(input))), NOW)
}

/// One cluster under this name with one object.
fn named(digit: char, document: String) -> Event {
    let bundle = "apiVersion: capstan.dev/v1alpha1\nkind: Bundle\nmetadata: {name: web}\nspec: {path: apps}\n---\n\
                  apiVersion: capstan.dev/v1alpha1\nkind: Placement\nmetadata: {name: web}\n\
                  spec: {bundles: [web], clusters: [{}]}\n";
    let object = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: default}\n";
    let files = [
        ("apps/a.yaml", object.to_owned()),
        ("web.yaml", bundle.to_owned()),
        ("c.yaml", document),
    ];
    let files = files.map(|(path, text)| (path.to_owned(), text.into_bytes()));
    commit(
        Revision::try_new(digit.to_string().repeat(40)).unwrap(),
        files.to_vec(),
    )
}

#[test]
fn what_it_was_given_and_its_session_move_along_and_nothing_is_given_anew() {
    let mut state = state();
    pass(&mut state, named('a', declared("one")));
    let _outgoing = opened(&mut state, 1);
    let before = state.clusters[&one()].given.clone().unwrap();
    assert_eq!(before.snapshot.objects().len(), 1);
    let renamed = "apiVersion: capstan.dev/v1alpha1\nkind: Cluster\nmetadata: {name: two}\nspec: {renamedFrom: one}\n";
    let effects = pass(&mut state, named('b', renamed.to_owned()));
    // Until the ledger has the new name, the cluster has the old one, and nothing is said to the new one.
    assert!(asks_the_ledger(&effects), "{effects:?}");
    assert!(state.clusters[&one()].live.is_some() && !state.clusters.contains_key(&two()));
    let effects = state.handle(Event::Renamed(moving()), NOW);
    assert!(!state.clusters.contains_key(&one()));
    let after = state.clusters[&two()].given.clone().unwrap();
    assert_eq!(after.triple, before.triple);
    assert!(after.certain && state.clusters[&two()].member.is_some());
    let kept = |effect: &Effect| matches!(effect, Effect::Remember(Which::Given, name, _) if *name == two());
    assert!(effects.iter().any(kept), "{effects:?}");
    // The agent is sent away to come back under the new name.
    let closes = |effect: &Effect| matches!(effect, Effect::CloseConnection(_));
    assert!(effects.iter().any(closes), "{effects:?}");
    assert!(state.clusters[&two()].live.is_none());
    let input = passes(effects).remove(0);
    state.handle(Event::Passed(Box::new(pass::run(input))), NOW);
    assert_eq!(
        state.clusters[&two()].given.as_ref().unwrap().triple,
        before.triple
    );
    assert!(state.desired.as_ref().unwrap().holds.is_empty() && state.log.entries.is_empty());
    let wanted = &state.desired.as_ref().unwrap().clusters;
    assert!(matches!(wanted[&two()], Wanted::Snapshot(_)) && !wanted.contains_key(&one()));
    assert!(state.problems.is_empty(), "{:?}", state.problems);
}

fn moving() -> Rename {
    Rename {
        id: identity().cluster,
        from: one(),
        to: two(),
    }
}

fn asks_the_ledger(effects: &[Effect]) -> bool {
    let asks = |effect: &Effect| matches!(effect, Effect::Rename(rename) if *rename == moving());
    effects.iter().any(asks)
}

/// Another cluster.
fn stranger() -> Registration {
    Registration {
        id: ClusterId(uuid::Uuid::from_u128(9)),
        cluster_uid: "stranger".to_owned(),
        ..registration(&identity())
    }
}

#[test]
fn a_name_that_the_ledger_gave_to_another_cluster_stays_its_own_and_the_former_one_is_what_it_was()
{
    let mut state = state();
    pass(&mut state, named('a', declared("one")));
    let _outgoing = opened(&mut state, 1);
    let before = state.clusters[&one()].given.clone().unwrap();
    let renamed = "apiVersion: capstan.dev/v1alpha1\nkind: Cluster\nmetadata: {name: two}\nspec: {renamedFrom: one}\n";
    assert!(asks_the_ledger(&pass(
        &mut state,
        named('b', renamed.to_owned())
    )));
    let refusal = Refusal::Taken(Box::new(stranger()));
    let mut inputs = passes(state.handle(Event::NotRenamed(moving(), refusal), NOW));
    assert_eq!(state.clusters[&one()].given, Some(before));
    assert!(state.clusters[&one()].live.is_some());
    let two = &state.clusters[&two()];
    assert_eq!(two.member.as_ref().unwrap().id, stranger().id);
    assert!(two.given.is_none() && two.held.is_none());
    // It is told, and not tried again.
    let effects = state.handle(Event::Passed(Box::new(pass::run(inputs.remove(0)))), NOW);
    assert!(!asks_the_ledger(&effects), "{effects:?}");
    let problem = state.problems.first().unwrap();
    assert_eq!(problem.code, capstan_hub_core::problem::Code::NotRenamed);
}

#[test]
fn records_that_keep_changing_delay_a_rename_until_the_next_pass_which_is_told_meanwhile() {
    let mut state = state();
    pass(&mut state, named('a', declared("one")));
    let _outgoing = opened(&mut state, 1);
    let renamed = "apiVersion: capstan.dev/v1alpha1\nkind: Cluster\nmetadata: {name: two}\nspec: {renamedFrom: one}\n";
    pass(&mut state, named('b', renamed.to_owned()));
    let effects = state.handle(Event::NotRenamed(moving(), Refusal::Contended), NOW);
    assert!(passes(effects).is_empty(), "at once it would be no better");
    let told = |state: &mut State| {
        let Some(Effect::Show(picture)) = state.picture(NOW) else {
            panic!("readers have an old picture");
        };
        let codes = picture.problems.iter().map(|problem| problem.code.as_str());
        codes.collect::<Vec<_>>()
    };
    assert_eq!(told(&mut state), ["E0506"]);
    let later = NOW.plus_ms(60_000);
    let input = passes(state.handle(Event::Tick, later)).remove(0);
    let effects = state.handle(Event::Passed(Box::new(pass::run(input))), later);
    assert!(asks_the_ledger(&effects), "{effects:?}");
    assert_eq!(told(&mut state), [""; 0]);
}

#[test]
fn a_cluster_that_takes_a_name_over_has_nothing_of_the_former_one() {
    let mut state = state();
    pass(&mut state, named('a', declared("one")));
    let _outgoing = opened(&mut state, 1);
    assert!(state.clusters[&one()].held.is_some());
    // A pass runs that was decided for the former one.
    let input = passes(state.handle(content('b', &["a", "b"]), NOW)).remove(0);
    let mut registration = stranger();
    registration.current.serial = Serial::new(2, 7);
    let event = Event::Enrolled {
        cluster: one(),
        registration: Box::new(registration),
    };
    let effects = state.handle(event, NOW);
    let forgets = |effect: &Effect| matches!(effect, Effect::Forget(name, _) if *name == one());
    assert!(effects.iter().any(forgets), "{effects:?}");
    let empty = |state: &State| {
        let known = &state.clusters[&one()];
        known.given.is_none() && known.held.is_none() && known.live.is_none() && !known.forgotten
    };
    assert!(empty(&state));
    let mut inputs = passes(state.handle(Event::Passed(Box::new(pass::run(input))), NOW));
    assert!(empty(&state), "what was decided for another is not given");
    let effects = state.handle(Event::Passed(Box::new(pass::run(inputs.remove(0)))), NOW);
    drop(effects);
    let given = state.clusters[&one()].given.as_ref().unwrap();
    assert_eq!(given.of, Some(stranger().id));
    // What the former one says late is nobody's.
    drop(opened(&mut state, 2));
    assert!(state.clusters[&one()].live.is_none());
    let member = state.clusters[&one()].member.as_ref().unwrap();
    assert_eq!(member.id, stranger().id);
}

#[test]
fn a_name_that_was_declared_first_and_said_to_be_another_later_is_free() {
    let mut state = state();
    pass(&mut state, named('a', declared("one")));
    let _outgoing = opened(&mut state, 1);
    let before = state.clusters[&one()].given.clone().unwrap();
    pass(&mut state, named('b', declared("two")));
    let stranger = state.clusters[&two()].given.clone().unwrap();
    assert_ne!(stranger.triple, before.triple);
    let renamed = "apiVersion: capstan.dev/v1alpha1\nkind: Cluster\nmetadata: {name: two}\nspec: {renamedFrom: one}\n";
    let effects = pass(&mut state, named('c', renamed.to_owned()));
    assert!(asks_the_ledger(&effects), "{effects:?}");
    state.handle(Event::Renamed(moving()), NOW);
    assert!(!state.clusters.contains_key(&one()));
    let after = &state.clusters[&two()];
    assert!(after.member.is_some());
    assert_eq!(after.given.as_ref().unwrap().triple, before.triple);
}

#[tokio::test]
async fn the_ledger_knows_it_by_its_new_name_alone() {
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::new(directory.path());
    crate::found::found(&layout).await.unwrap();
    let records = Records::new(Arc::new(Embedded::open(&layout.ledger()).unwrap()));
    let store = Arc::new(Store::open(directory.path()).unwrap().store);
    let registration = registration(&identity());
    let id = keys::identified(registration.id);
    let batch = Batch::new()
        .put(&keys::registration(&one()), &registration)
        .put(&id, &Identified { name: one() });
    records.commit(batch).await.unwrap();
    // Twice: what is written already is no mistake.
    for _ in 0..2 {
        let written = rename::write(records.clone(), Arc::clone(&store), moving()).await;
        assert!(matches!(written, Ok(Event::Renamed(_))));
    }
    assert_eq!(
        records.get(&keys::registration(&one())).await.unwrap(),
        None
    );
    let moved = records
        .get(&keys::registration(&two()))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(moved.value, registration);
    assert_eq!(records.get(&id).await.unwrap().unwrap().value.name, two());
    // Who enrols under the former name then is not taken for the one before.
    let batch = Batch::new().put(&keys::registration(&one()), &stranger());
    records.commit(batch).await.unwrap();
    let back = Rename {
        from: two(),
        to: one(),
        ..moving()
    };
    let written = rename::write(records.clone(), Arc::clone(&store), back).await;
    assert!(matches!(
        written,
        Ok(Event::NotRenamed(_, Refusal::Taken(other))) if *other == stranger()
    ));
    let third = Rename {
        from: one(),
        to: ClusterName::try_new("three").unwrap(),
        ..moving()
    };
    let written = rename::write(records, store, third).await;
    assert!(matches!(
        written,
        Ok(Event::NotRenamed(_, Refusal::Left(Some(_))))
    ));
}

/// The same with a placement that is suspended.
fn suspended(digit: char, document: &str) -> Event {
    let bundle = "apiVersion: capstan.dev/v1alpha1\nkind: Bundle\nmetadata: {name: web}\nspec: {path: apps}\n---\n\
                  apiVersion: capstan.dev/v1alpha1\nkind: Placement\nmetadata: {name: web}\n\
                  spec: {suspend: true, bundles: [web], clusters: [{}]}\n";
    let object = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: default}\n";
    let files = [
        ("apps/a.yaml", object),
        ("web.yaml", bundle),
        ("c.yaml", document),
    ];
    let files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
    commit(
        Revision::try_new(digit.to_string().repeat(40)).unwrap(),
        files.to_vec(),
    )
}

const RENAMED: &str = "apiVersion: capstan.dev/v1alpha1\nkind: Cluster\nmetadata: {name: two}\nspec: {renamedFrom: one}\n";

fn inherits(state: &State) -> usize {
    let given = state.clusters[&two()].given.as_ref();
    given.map_or(0, |given| given.snapshot.objects().len())
}

#[test]
fn who_enrols_while_the_pass_runs_that_renames_has_nothing_of_the_other() {
    let mut state = state();
    pass(&mut state, named('a', declared("one")));
    let _outgoing = opened(&mut state, 1);
    let input = passes(state.handle(suspended('b', RENAMED), NOW)).remove(0);
    let event = Event::Enrolled {
        cluster: two(),
        registration: Box::new(stranger()),
    };
    drop(state.handle(event, NOW));
    let mut inputs = passes(state.handle(Event::Passed(Box::new(pass::run(input))), NOW));
    let first = inherits(&state);
    drop(state.handle(Event::Passed(Box::new(pass::run(inputs.remove(0)))), NOW));
    assert_eq!((first, inherits(&state)), (0, 0));
}

#[test]
fn who_has_the_name_in_the_ledger_while_a_pass_runs_has_nothing_of_the_other() {
    let mut state = state();
    pass(&mut state, named('a', declared("one")));
    let _outgoing = opened(&mut state, 1);
    assert!(asks_the_ledger(&pass(&mut state, suspended('b', RENAMED))));
    // Another pass runs while the ledger is asked.
    let input = passes(state.handle(suspended('c', RENAMED), NOW)).remove(0);
    let refusal = Refusal::Taken(Box::new(stranger()));
    drop(state.handle(Event::NotRenamed(moving(), refusal), NOW));
    let mut inputs = passes(state.handle(Event::Passed(Box::new(pass::run(input))), NOW));
    let first = inherits(&state);
    drop(state.handle(Event::Passed(Box::new(pass::run(inputs.remove(0)))), NOW));
    assert_eq!((first, inherits(&state)), (0, 0));
}
