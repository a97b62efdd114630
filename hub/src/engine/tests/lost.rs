//! What placements selected, over a restart with and without the store.

use capstan_hub_core::desired::{Kept, Wanted};
use capstan_hub_core::placement::Selected;
use capstan_hub_core::problem::Code;
use capstan_proto::PlacementName;

use super::super::cluster::{Cluster, Heard, Member};
use super::*;

fn named(name: &str) -> ClusterName {
    ClusterName::try_new(name).unwrap()
}

fn web() -> PlacementName {
    PlacementName::try_new(source(), "web").unwrap()
}

/// Three clusters, and one bundle on as many of them as `count` says.
fn fleet(digit: char, count: u32) -> Event {
    let bundle = format!(
        "apiVersion: capstan.dev/v1alpha1\nkind: Bundle\nmetadata: {{name: web}}\n\
         spec: {{path: apps}}\n---\n\
         apiVersion: capstan.dev/v1alpha1\nkind: Placement\nmetadata: {{name: web}}\n\
         spec: {{bundles: [web], clusters: [{{}}], count: {count}}}\n"
    );
    let object = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: default}\n";
    let mut files = vec![
        ("apps/a.yaml".to_owned(), object.as_bytes().to_vec()),
        ("web.yaml".to_owned(), bundle.into_bytes()),
    ];
    for name in ["one", "two", "three"] {
        files.push((format!("{name}.yaml"), declared(name).into_bytes()));
    }
    commit(
        Revision::try_new(digit.to_string().repeat(40)).unwrap(),
        files,
    )
}

/// What is to be kept of a pass, and whether another one is due.
fn pass(state: &mut State, event: Event) -> BTreeMap<PlacementName, Selected> {
    let input = passes(state.handle(event, NOW)).remove(0);
    finish(state, input)
}

fn finish(state: &mut State, input: pass::Input) -> BTreeMap<PlacementName, Selected> {
    let outcome = pass::run(input);
    let effects = state.handle(Event::Passed(Box::new(outcome)), NOW);
    let kept = effects.into_iter().find_map(|effect| match effect {
        Effect::RememberSelected(changes) => Some(changes),
        _ => None,
    });
    kept.unwrap_or_default()
}

fn selected(state: &State) -> Vec<String> {
    let decision = state.memory.decisions.placements.get(&web()).unwrap();
    decision.selected().map(ToString::to_string).collect()
}

/// A hub whose store is lost: the ledger knows these clusters, and nothing is known of what they run.
fn forgetful(names: &[&str]) -> State {
    let mut state = state();
    for name in names {
        let cluster = Cluster {
            member: Some(Member::new(&registration(&identity()), None)),
            forgotten: true,
            heard: Heard::Awaited,
            observed: capstan_hub_core::rollup::Observed {
                unreported: true,
                ..Default::default()
            },
            ..Cluster::default()
        };
        state.clusters.insert(named(name), cluster);
    }
    state
}

/// A cluster says what it runs, and the pass that follows ends.
fn says(state: &mut State, name: &str, bundles: &[&str]) -> BTreeMap<PlacementName, Selected> {
    let cluster = state.clusters.get_mut(&named(name)).unwrap();
    let states = bundles.iter().map(|bundle| said_of(bundle)).collect();
    cluster.observed.take(true, states, &[]);
    cluster.observed.unreported = false;
    let mut effects = Vec::new();
    state.may_be_heard(&named(name), false, NOW, &mut effects);
    let input = passes(effects).remove(0);
    finish(state, input)
}

fn brings(state: &State, name: &str) -> bool {
    let wanted = &state.desired.as_ref().unwrap().clusters[&named(name)];
    wanted
        .target()
        .is_some_and(|target| !target.snapshot.objects().is_empty())
}

#[test]
fn what_changed_is_kept_and_only_that() {
    let mut state = state();
    let kept = pass(&mut state, fleet('a', 1));
    let first = selected(&state);
    let names = kept[&web()].clone().unwrap();
    assert_eq!(
        names.iter().map(ToString::to_string).collect::<Vec<_>>(),
        first
    );
    assert!(
        pass(&mut state, fleet('b', 1)).is_empty(),
        "nothing changed"
    );
    assert_eq!(pass(&mut state, fleet('c', 2)).len(), 1);
    assert_eq!(
        pass(&mut state, head('d', &["one"])),
        BTreeMap::from([(web(), None)])
    );
}

#[test]
fn a_restart_moves_no_work() {
    let mut all = ["one", "two", "three"].into_iter();
    let mut rank_alone = state();
    pass(&mut rank_alone, fleet('a', 1));
    let other = all.find(|name| selected(&rank_alone) != [*name]).unwrap();
    let mut state = remembering(BTreeMap::from([(web(), [named(other)].into())]));
    assert!(pass(&mut state, fleet('a', 1)).is_empty());
    assert_eq!(selected(&state), [other]);
}

#[test]
fn a_lost_store_moves_no_work_while_clusters_are_awaited() {
    let mut rank_alone = state();
    pass(&mut rank_alone, fleet('a', 1));
    let first = selected(&rank_alone).remove(0);
    let others: Vec<&str> = ["one", "two", "three"]
        .into_iter()
        .filter(|n| *n != first)
        .collect();
    let mut state = forgetful(&["one", "two", "three"]);
    assert!(
        pass(&mut state, fleet('a', 1)).is_empty(),
        "what is not known is not kept"
    );
    let problems: Vec<Code> = state.problems.iter().map(|problem| problem.code).collect();
    assert_eq!(problems, [Code::SelectionLost]);
    for name in ["one", "two", "three"] {
        let wanted = &state.desired.as_ref().unwrap().clusters[&named(name)];
        assert!(matches!(wanted, Wanted::NoOpinion { .. }), "{name}");
    }
    // The one that ranks first has nothing: the work is elsewhere, and does not come.
    says(&mut state, &first, &[]);
    assert!(!brings(&state, &first));
    let kept = state.desired.as_ref().unwrap().clusters[&named(&first)]
        .target()
        .unwrap()
        .kept
        .clone();
    assert!(
        kept.values().all(|kept| matches!(kept, Kept::Waits { .. })),
        "{kept:?}"
    );
    // One that has it keeps it, although others are still awaited.
    assert!(says(&mut state, others[0], &["fleet.web"]).is_empty());
    assert!(brings(&state, others[0]));
    // When the last one spoke, it is known where the work is.
    let kept = says(&mut state, others[1], &[]);
    assert_eq!(
        kept,
        BTreeMap::from([(web(), Some([named(others[0])].into()))])
    );
    assert_eq!(selected(&state), [others[0]]);
    assert!(state.problems.is_empty(), "{:?}", state.problems);
    assert!(brings(&state, others[0]) && !brings(&state, &first));
}

#[test]
fn a_cluster_that_a_person_left_out_is_not_awaited() {
    let mut state = forgetful(&["one", "two"]);
    pass(&mut state, fleet('a', 1));
    says(&mut state, "one", &["fleet.web"]);
    assert_eq!(state.ran().awaited, [named("two")].into());
    let (reply, mut answer) = tokio::sync::oneshot::channel();
    let event = Event::Confirmed {
        cluster: Some(named("two")),
        reply,
    };
    let mut effects = state.handle(event, NOW);
    assert_eq!(answer.try_recv().unwrap(), [named("two")]);
    effects.retain(|effect| matches!(effect, Effect::Pass(_)));
    let input = passes(effects).remove(0);
    assert_eq!(finish(&mut state, input).len(), 1);
    assert_eq!(selected(&state), ["one"]);
}

#[test]
fn a_placement_that_is_new_waits_for_nobody() {
    let mut state = forgetful(&["one"]);
    pass(&mut state, head('a', &["one", "two"]));
    let kept = pass(&mut state, fleet('b', 3));
    assert_eq!(kept[&web()].as_ref().map(|names| names.len()), Some(3));
    assert!(brings(&state, "two"));
}

#[test]
fn what_clusters_were_given_says_where_a_placement_was() {
    let mut before = state();
    pass(&mut before, fleet('a', 1));
    let first = selected(&before).remove(0);
    let other = ["one", "two", "three"]
        .into_iter()
        .find(|n| *n != first)
        .unwrap();
    let given = before.clusters[&named(&first)].given.clone().unwrap();
    let mut restored = super::restored();
    let cluster = Cluster {
        member: Some(Member::new(&registration(&identity()), None)),
        given: Some(given),
        ..Cluster::default()
    };
    restored.clusters.insert(named(other), cluster);
    let mut state = state_of(restored);
    assert_eq!(pass(&mut state, fleet('a', 1)).len(), 1);
    assert_eq!(selected(&state), [other]);
}
