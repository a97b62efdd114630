//! Whatever happens in whatever order: nothing is deleted without every right to it (the world checks
//! each deletion), and once the faults stop, everything is as declared.

use capstan_proto::{ObjectKey, Sync};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::cluster::status;
use super::world::{Declared, World, bundle, config, deployment, key};
use crate::event::{Event, FromHub, WatchProblem};
use crate::kind::Kind;
use crate::outcome::Outcome;

#[derive(Clone, Debug)]
enum Step {
    /// Two bundles, each with those objects whose bit is set; the number is their content.
    Want(u8, u8, u8),
    Permit,
    Permits(bool),
    Pass(u32),
    Edit(usize, u8),
    Remove(usize),
    Recreate(usize),
    Foreign(usize),
    StripLabel(usize),
    Restart,
    Reconnect,
    Disconnect,
    Fail(Vec<u8>),
    Silent(bool),
    Blind(bool),
    LoseInventory(bool),
    LoseHead,
    Restored,
    Refresh,
}

fn step() -> impl Strategy<Value = Step> {
    let object = 0..OBJECTS;
    prop_oneof![
        4 => (any::<u8>(), any::<u8>(), 0_u8..3).prop_map(|(a, b, c)| Step::Want(a, b, c)),
        1 => Just(Step::Permit),
        1 => any::<bool>().prop_map(Step::Permits),
        4 => (0_u32..90_000).prop_map(Step::Pass),
        2 => (object.clone(), any::<u8>()).prop_map(|(o, v)| Step::Edit(o, v)),
        2 => object.clone().prop_map(Step::Remove),
        1 => object.clone().prop_map(Step::Recreate),
        2 => object.clone().prop_map(Step::Foreign),
        1 => object.prop_map(Step::StripLabel),
        2 => Just(Step::Restart),
        1 => Just(Step::Reconnect),
        1 => Just(Step::Disconnect),
        3 => prop::collection::vec(0_u8..9, 0..6).prop_map(Step::Fail),
        1 => any::<bool>().prop_map(Step::Silent),
        1 => any::<bool>().prop_map(Step::Blind),
        1 => any::<bool>().prop_map(Step::LoseInventory),
        1 => Just(Step::LoseHead),
        1 => Just(Step::Restored),
        1 => Just(Step::Refresh),
    ]
}

const OBJECTS: usize = 6;

fn manifest(object: usize, content: u8) -> Value {
    match object {
        0..4 => config(&format!("c{object}"), &content.to_string()),
        4 => deployment("web", i64::from(content)),
        _ => {
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "shop"},
            "data": {"p": content.to_string()}})
        }
    }
}

/// The field that people change.
fn field(object: usize) -> &'static str {
    match object {
        0..4 => "/data/key",
        4 => "/spec/replicas",
        _ => "/data/p",
    }
}

/// Objects of the first bundle, then of the second where the first does not have them.
fn wanted(first: u8, second: u8, content: u8) -> [Declared; 2] {
    let of = |bits: u8| (0..OBJECTS).filter(move |object| bits & (1 << object) != 0);
    let manifests = |bits: u8| of(bits).map(|object| manifest(object, content)).collect();
    [
        bundle("one", manifests(first)),
        bundle("two", manifests(second & !first)),
    ]
}

fn failure(code: u8) -> Option<Outcome> {
    match code {
        0 => Some(status(503, json!({"reason": "ServiceUnavailable"}))),
        1 => Some(Outcome::Ambiguous {
            detail: String::new(),
        }),
        2 => Some(Outcome::Unsent {
            detail: String::new(),
        }),
        3 => Some(status(403, json!({"reason": "Forbidden"}))),
        4 => Some(status(404, Value::Null)),
        5 => Some(status(
            429,
            json!({"message": "storage is (re)initializing"}),
        )),
        6 => Some(status(409, json!({"reason": "Conflict"}))),
        _ => None,
    }
}

fn existing(world: &World, object: usize) -> Option<ObjectKey> {
    let key = key(&manifest(object, 0));
    world.cluster.objects.contains_key(&key).then_some(key)
}

fn play(world: &mut World, step: Step) {
    match step {
        Step::Want(first, second, content) => {
            world.want(&wanted(first, second, content));
            world.pass(0);
        }
        Step::Permit if world.connected && world.generation > 0 => world.permit(),
        Step::Permit => {}
        Step::Permits(permits) => world.permits = permits,
        Step::Pass(ms) => world.pass(u64::from(ms)),
        Step::Restart => {
            world.start();
            world.connect();
        }
        Step::Reconnect => world.connect(),
        Step::Disconnect => world.disconnect(),
        Step::Fail(mut codes) => {
            world.fault = Some(Box::new(move |_| codes.pop().and_then(failure)));
        }
        Step::Silent(silent) => world.silent = silent,
        Step::Blind(blind) => {
            let kind = Kind::new("", "ConfigMap");
            let detail = String::new();
            world.blind.clear();
            if blind {
                let problem = WatchProblem::Unknown { detail };
                world.blind.insert(kind.clone(), problem);
            }
            world.relist_if_watched(&kind);
        }
        Step::LoseInventory(lose) => world.lose_inventory(lose),
        Step::LoseHead => world.lose_head(),
        Step::Restored => world.handle(Event::ClusterRestored),
        Step::Refresh => world.handle(Event::FromHub(FromHub::RefreshWanted(1))),
        foreign => interfere(world, foreign),
    }
}

/// What others do to objects.
fn interfere(world: &mut World, step: Step) {
    let (Step::Edit(object, _)
    | Step::Remove(object)
    | Step::Recreate(object)
    | Step::Foreign(object)
    | Step::StripLabel(object)) = step
    else {
        return;
    };
    let mut theirs = manifest(object, 7);
    theirs["metadata"]["labels"] = json!({"capstan.dev/bundle": "main.one"});
    match (step, existing(world, object)) {
        (Step::Edit(_, value), Some(key)) => world.edit(&key, "kubectl", |body| {
            *body.pointer_mut(field(object)).unwrap() = json!(value.to_string());
        }),
        (Step::Remove(_), Some(key)) => world.remove(&key),
        (Step::Recreate(_), Some(key)) => {
            world.cluster.remove(&key);
            world.cluster.create("kubectl", &theirs);
            world.handle(Event::Tick);
        }
        (Step::Foreign(_), None) => {
            theirs["metadata"]["labels"] = json!({"theirs": "yes"});
            world.cluster.create("kubectl", &theirs);
            world.handle(Event::Tick);
        }
        (Step::StripLabel(_), Some(key)) => world.edit(&key, "kubectl", |body| {
            body["metadata"]["labels"] = json!({});
        }),
        _ => {}
    }
}

fn calm(world: &mut World) {
    world.fault = None;
    world.blind.clear();
    world.lose_inventory(false);
    world.permits = true;
    world.speak();
    for kind in ["ConfigMap", "Secret"] {
        world.relist_if_watched(&Kind::new("", kind));
    }
    world.relist_if_watched(&Kind::new("apps", "Deployment"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_deleted_without_every_right_to_it(steps in prop::collection::vec(step(), 1..40)) {
        let mut world = World::started();
        for step in steps {
            play(&mut world, step);
        }
        world.pass(120_000);
    }

    #[test]
    fn once_the_faults_stop_everything_is_as_declared(steps in prop::collection::vec(step(), 1..30)) {
        let mut world = World::started();
        for step in steps {
            play(&mut world, step);
        }
        calm(&mut world);
        world.connect();
        world.pass(1_000);
        world.disconnect();
        world.connect();
        world.want(&wanted(0b1111, 0b11_0000, 1));
        // Longer than any fight, any back-off and the hourly list.
        world.pass(3 * 3_600_000);
        for object in 0..OBJECTS {
            let wanted = manifest(object, 1);
            let live = &world.cluster.objects[&key(&wanted)];
            let said = world.states.values().flat_map(|state| &state.attention);
            let mut said = said.filter(|line| line.object == key(&wanted));
            let conflict = said.any(|line| line.sync == Sync::Conflict);
            if live.maker == "capstan" && !conflict {
                let field = field(object);
                prop_assert_eq!(live.body.pointer(field), wanted.pointer(field), "object {}", object);
            }
        }
        for bundle in ["one", "two"] {
            let state = world.state(bundle);
            let foreign = state.attention.iter().any(|o| o.sync == Sync::Conflict);
            prop_assert!(foreign || state.sync == Sync::Synced, "{:?}", state);
        }
    }
}
