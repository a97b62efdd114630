//! A cluster that gets another name.

use capstan_hub_core::desired::Wanted;

use super::super::memory::Which;
use super::super::rename;
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
    assert!(!state.clusters.contains_key(&one()));
    let after = state.clusters[&two()].given.clone().unwrap();
    assert_eq!(after.triple, before.triple);
    assert!(after.certain && state.clusters[&two()].member.is_some());
    assert!(state.desired.as_ref().unwrap().holds.is_empty() && state.log.entries.is_empty());
    let wanted = &state.desired.as_ref().unwrap().clusters;
    assert!(matches!(wanted[&two()], Wanted::Snapshot(_)) && !wanted.contains_key(&one()));
    let moves = |effect: &Effect| matches!(effect, Effect::Rename((from, to)) if *from == one() && *to == two());
    assert!(effects.iter().any(moves), "{effects:?}");
    let kept = |effect: &Effect| matches!(effect, Effect::Remember(Which::Given, name, _) if *name == two());
    assert!(effects.iter().any(kept), "{effects:?}");
    // Once that is written, the agent is sent away to come back under the new name.
    assert!(state.clusters[&two()].live.is_some());
    let effects = state.handle(Event::Renamed((one(), two())), NOW);
    assert!(
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::CloseConnection(_)))
    );
    assert!(state.clusters[&two()].live.is_none());
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
    assert!(!state.clusters.contains_key(&one()));
    let after = &state.clusters[&two()];
    assert!(after.member.is_some());
    assert_eq!(after.given.as_ref().unwrap().triple, before.triple);
    let moves = |effect: &Effect| matches!(effect, Effect::Rename((from, to)) if *from == one() && *to == two());
    assert!(effects.iter().any(moves), "{effects:?}");
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
        let written = rename::write(records.clone(), Arc::clone(&store), (one(), two())).await;
        assert!(matches!(written, Ok(Some(Event::Renamed(_)))));
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
}
