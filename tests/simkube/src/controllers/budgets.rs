//! Owns the status of PodDisruptionBudgets. Evictions are not held back by it.

use serde_json::{Value, json};

use super::{deployments, pods};
use crate::selector::Labels;
use crate::store::{Key, Reference};
use crate::world::World;
use crate::{clock, object};

pub(super) const BUDGETS: &str = "poddisruptionbudgets.policy";

/// The budgets that a pod counts for.
pub(super) fn of_pod(world: &World, pod: &Value) -> Vec<Reference> {
    world
        .store
        .list(BUDGETS, Some(object::namespace(pod)))
        .filter(|(_, budget)| Labels::from_object(&budget["spec"]["selector"]).matches(pod))
        .map(|(key, _)| (BUDGETS.to_owned(), key.clone()))
        .collect()
}

pub(super) fn reconcile(world: &mut World, budget: &Value) {
    if object::is_terminating(budget) {
        return;
    }
    let selector = Labels::from_object(&budget["spec"]["selector"]);
    let (mut expected, mut healthy) = (0_i64, 0_i64);
    for (_, pod) in world.store.list("pods", Some(object::namespace(budget))) {
        if selector.matches(pod) && pods::is_active(pod) {
            expected += 1;
            healthy += i64::from(pods::is_ready(pod));
        }
    }
    let spec = &budget["spec"];
    let desired = match (&spec["minAvailable"], &spec["maxUnavailable"]) {
        (Value::Null, Value::Null) => 0,
        (Value::Null, most) => (expected - deployments::share(most, expected, true)).max(0),
        (least, _) => deployments::share(least, expected, true),
    };
    let allowed = (healthy - desired).max(0);
    let mut object = json!({"status": budget["status"]});
    for (field, value) in [
        ("currentHealthy", healthy),
        ("desiredHealthy", desired),
        ("disruptionsAllowed", allowed),
        ("expectedPods", expected),
        ("observedGeneration", object::generation(budget)),
    ] {
        object["status"][field] = json!(value);
    }
    let (status, reason) = if allowed > 0 {
        ("True", "SufficientPods")
    } else {
        ("False", "InsufficientPods")
    };
    super::set_condition(
        &mut object,
        json!({
            "type": "DisruptionAllowed", "status": status, "reason": reason, "message": "",
            "lastTransitionTime": clock::now(), "observedGeneration": object::generation(budget),
        }),
    );
    super::put_status(world, BUDGETS, &Key::of(budget), object["status"].take());
}
