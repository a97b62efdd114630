//! How rollouts are told.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Rollout, conditions};

const STUCK: Rollout<'_> = Rollout {
    set: "web-1",
    available: false,
    done: false,
    moved: false,
    paused: false,
    limit: Duration::from_secs(60),
};

fn progressing(object: &Value) -> (&str, &str) {
    let condition = &object["status"]["conditions"][1];
    (
        condition["status"].as_str().unwrap(),
        condition["reason"].as_str().unwrap(),
    )
}

/// A Deployment that last moved long ago.
fn old(reason: &str) -> Value {
    let condition = |kind: &str, reason: &str| {
        json!({
            "type": kind, "status": "True", "reason": reason, "message": "ReplicaSet \"web-1\" ...",
            "lastUpdateTime": "2020-01-01T00:00:00Z", "lastTransitionTime": "2020-01-01T00:00:00Z",
        })
    };
    json!({"status": {"conditions": [condition("Available", "x"), condition("Progressing", reason)]}})
}

#[test]
fn a_new_rollout_gets_its_whole_time() {
    let mut object = json!({});
    let again = conditions(&mut object, &STUCK);
    assert_eq!(progressing(&object), ("True", "ReplicaSetUpdated"));
    assert_eq!(again, Some(Duration::from_secs(61)));
}

#[test]
fn a_rollout_that_does_not_move_times_out_and_stays_so() {
    let mut object = old("ReplicaSetUpdated");
    assert_eq!(conditions(&mut object, &STUCK), None);
    assert_eq!(progressing(&object), ("False", "ProgressDeadlineExceeded"));
    assert_eq!(conditions(&mut object, &STUCK), None);
    assert_eq!(progressing(&object), ("False", "ProgressDeadlineExceeded"));
}

#[test]
fn movement_starts_the_time_anew() {
    let mut object = old("ReplicaSetUpdated");
    let again = conditions(
        &mut object,
        &Rollout {
            moved: true,
            ..STUCK
        },
    );
    assert_eq!(progressing(&object), ("True", "ReplicaSetUpdated"));
    assert_eq!(again, Some(Duration::from_secs(61)));
}

#[test]
fn another_template_is_another_rollout() {
    let mut object = old("ProgressDeadlineExceeded");
    conditions(
        &mut object,
        &Rollout {
            set: "web-2",
            ..STUCK
        },
    );
    assert_eq!(progressing(&object), ("True", "ReplicaSetUpdated"));
}

#[test]
fn done_and_paused_are_told() {
    let mut object = json!({});
    conditions(
        &mut object,
        &Rollout {
            done: true,
            available: true,
            ..STUCK
        },
    );
    assert_eq!(progressing(&object), ("True", "NewReplicaSetAvailable"));
    let mut object = json!({});
    conditions(
        &mut object,
        &Rollout {
            paused: true,
            ..STUCK
        },
    );
    assert_eq!(progressing(&object), ("Unknown", "DeploymentPaused"));
}
