//! Health by kind family: one table each.

use capstan_proto::{Moment, ObjectKey};
use serde_json::{Value, json};

use super::{Context, Verdict, evaluate, needs_status};

const NOW: Moment = Moment::from_unix_ms(1_767_225_600_000); // 2026-01-01T00:00:00Z

fn judged(api_version: &str, kind: &str, rest: &Value, applied_ms_ago: u64) -> Verdict {
    let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "x", "generation": 2}});
    for (name, value) in rest.as_object().unwrap() {
        match name.as_str() {
            "metadata" => {
                let metadata = object["metadata"].as_object_mut().unwrap();
                metadata.extend(value.as_object().unwrap().clone());
            }
            _ => object[name] = value.clone(),
        }
    }
    let key = ObjectKey::of(&object).unwrap();
    let context = Context {
        now: NOW,
        applied_at: NOW.minus_ms(applied_ms_ago),
    };
    evaluate(&key, &object, None, context)
}

#[track_caller]
fn check(api_version: &str, kind: &str, rows: &[(Value, &str)]) {
    for (object, expected) in rows {
        let verdict = judged(api_version, kind, object, 3_600_000);
        let words = format!("{} {}", verdict.health, verdict.reason);
        assert_eq!(words.trim_end(), *expected, "{kind} {object}");
    }
}

fn conditions(list: &[(&str, &str, &str)]) -> Value {
    let condition = |(name, status, reason): &(&str, &str, &str)| {
        json!({"type": name, "status": status, "reason": reason, "message": "words",
            "lastTransitionTime": "2025-12-31T00:00:00Z"})
    };
    Value::Array(list.iter().map(condition).collect())
}

#[test]
fn deletion_and_unobserved_changes_come_first() {
    check(
        "apps/v1",
        "Deployment",
        &[
            (
                json!({"metadata": {"deletionTimestamp": "2025-12-31T23:59:00Z"}}),
                "Progressing Terminating",
            ),
            (
                json!({"metadata": {"deletionTimestamp": "2025-12-31T20:00:00Z", "finalizers": ["a/b"]}}),
                "Degraded Terminating",
            ),
            (
                json!({"status": {"observedGeneration": 1, "replicas": 1}}),
                "Progressing NotObserved",
            ),
            (
                json!({"status": {"observedGeneration": 2, "conditions": conditions(&[("Reconciling", "True", "")])}}),
                "Progressing Reconciling",
            ),
            (
                json!({"status": {"observedGeneration": 2, "conditions": conditions(&[("Stalled", "True", "Broken")])}}),
                "Degraded Broken",
            ),
        ],
    );
}

#[test]
fn a_deployment_is_healthy_only_with_all_pods_updated_ready_and_available() {
    let status = |updated: i64, ready: i64, available: i64, total: i64| {
        json!({"spec": {"replicas": 2}, "status": {"observedGeneration": 2, "replicas": total,
            "updatedReplicas": updated, "readyReplicas": ready, "availableReplicas": available}})
    };
    let with = |conditions: Value| {
        let mut object = status(2, 2, 2, 2);
        object["status"]["conditions"] = conditions;
        object
    };
    check(
        "apps/v1",
        "Deployment",
        &[
            (json!({"spec": {"replicas": 2}}), "Progressing NotObserved"),
            (status(2, 2, 2, 2), "Healthy"),
            (status(1, 2, 2, 3), "Progressing PodsNotReady"),
            (status(2, 2, 2, 3), "Progressing PodsNotReady"),
            (status(2, 0, 0, 2), "Progressing PodsNotReady"),
            (status(2, 2, 1, 2), "Progressing PodsNotReady"),
            (
                with(conditions(&[(
                    "Available",
                    "False",
                    "MinimumReplicasUnavailable",
                )])),
                "Progressing MinimumReplicasUnavailable",
            ),
            (
                with(conditions(&[(
                    "Progressing",
                    "False",
                    "ProgressDeadlineExceeded",
                )])),
                "Degraded ProgressDeadlineExceeded",
            ),
            (
                json!({"spec": {"replicas": 2, "paused": true}, "status": {"observedGeneration": 2}}),
                "Suspended Paused",
            ),
            (
                json!({"spec": {"replicas": 2}, "status": {"observedGeneration": 2, "conditions": conditions(&[("ReplicaFailure", "True", "FailedCreate")])}}),
                "Progressing FailedCreate",
            ),
            (
                json!({"spec": {"replicas": 0}, "status": {"observedGeneration": 2}}),
                "Healthy",
            ),
        ],
    );
}

#[test]
fn a_stateful_set_follows_its_partition_and_its_strategy() {
    let status = |spec: Value, updated: i64, revisions: (&str, &str)| {
        json!({"spec": spec, "status": {"observedGeneration": 2, "replicas": 3, "readyReplicas": 3, "updatedReplicas": updated,
            "currentRevision": revisions.0, "updateRevision": revisions.1}})
    };
    let rolling = |partition: i64| json!({"replicas": 3, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": partition}}});
    check(
        "apps/v1",
        "StatefulSet",
        &[
            (json!({"spec": {"replicas": 3}}), "Progressing NotObserved"),
            (status(rolling(0), 3, ("b", "b")), "Healthy"),
            (status(rolling(0), 0, ("b", "b")), "Healthy"),
            (
                status(rolling(0), 1, ("a", "b")),
                "Progressing PodsNotUpdated",
            ),
            (status(rolling(2), 1, ("a", "b")), "Healthy"),
            (
                status(rolling(2), 0, ("a", "b")),
                "Progressing PodsNotUpdated",
            ),
            (
                status(
                    json!({"replicas": 3, "updateStrategy": {"type": "OnDelete"}}),
                    0,
                    ("a", "b"),
                ),
                "Healthy",
            ),
            (
                status(json!({"replicas": 4}), 3, ("a", "a")),
                "Progressing PodsNotReady",
            ),
            (
                status(json!({"replicas": 2}), 3, ("a", "a")),
                "Progressing PodsTooMany",
            ),
        ],
    );
}

#[test]
fn a_daemon_set_counts_nodes() {
    let status = |updated: i64, ready: i64| {
        json!({"status": {"observedGeneration": 2, "desiredNumberScheduled": 2, "currentNumberScheduled": 2,
            "updatedNumberScheduled": updated, "numberReady": ready, "numberAvailable": ready}})
    };
    let mut by_hand = status(0, 2);
    by_hand["spec"] = json!({"updateStrategy": {"type": "OnDelete"}});
    check(
        "apps/v1",
        "DaemonSet",
        &[
            (json!({}), "Progressing NotObserved"),
            (status(2, 2), "Healthy"),
            (status(1, 2), "Progressing PodsNotReady"),
            (status(2, 1), "Progressing PodsNotReady"),
            (by_hand, "Healthy"),
        ],
    );
}

#[test]
fn a_replica_set_that_cannot_make_pods_is_degraded() {
    check(
        "apps/v1",
        "ReplicaSet",
        &[
            (json!({"spec": {"replicas": 1}}), "Progressing NotObserved"),
            (
                json!({"spec": {"replicas": 1}, "status": {"observedGeneration": 2, "replicas": 1, "availableReplicas": 1}}),
                "Healthy",
            ),
            (
                json!({"spec": {"replicas": 1}, "status": {"observedGeneration": 2, "conditions": conditions(&[("ReplicaFailure", "True", "FailedCreate")])}}),
                "Degraded FailedCreate",
            ),
        ],
    );
}

#[test]
fn a_pod_says_why_it_does_not_start() {
    let waiting = |list: &str, reason: &str| json!({"status": {"phase": "Pending", list: [{"name": "c", "state": {"waiting": {"reason": reason, "message": "words"}}}]}});
    check(
        "v1",
        "Pod",
        &[
            (json!({}), "Progressing Pending"),
            (
                waiting("containerStatuses", "ContainerCreating"),
                "Progressing Pending",
            ),
            (
                waiting("containerStatuses", "ImagePullBackOff"),
                "Degraded ImagePullBackOff",
            ),
            (
                waiting("initContainerStatuses", "CrashLoopBackOff"),
                "Degraded CrashLoopBackOff",
            ),
            (
                waiting("containerStatuses", "ErrImagePull"),
                "Degraded ErrImagePull",
            ),
            (
                json!({"status": {"phase": "Running", "conditions": conditions(&[("Ready", "True", "")])}}),
                "Healthy",
            ),
            (
                json!({"status": {"phase": "Running", "conditions": conditions(&[("Ready", "False", "ContainersNotReady")])}}),
                "Progressing ContainersNotReady",
            ),
            (json!({"status": {"phase": "Succeeded"}}), "Healthy"),
            (
                json!({"status": {"phase": "Failed", "reason": "Evicted"}}),
                "Degraded Evicted",
            ),
            (
                json!({"status": {"phase": "Pending", "conditions": conditions(&[("PodScheduled", "False", "Unschedulable")])}}),
                "Degraded Unschedulable",
            ),
        ],
    );
}

#[test]
fn a_pod_is_unschedulable_for_a_minute_before_that_is_a_fault() {
    let since = NOW.minus_ms(30_000).to_string();
    let object = json!({"status": {"phase": "Pending", "conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "lastTransitionTime": since}]}});
    let verdict = judged("v1", "Pod", &object, 0);
    assert_eq!(verdict.health.as_str(), "Progressing");
    assert_eq!(verdict.then.unwrap().at, NOW.plus_ms(30_000));
}

#[test]
fn a_job_is_healthy_only_when_it_is_complete() {
    check(
        "batch/v1",
        "Job",
        &[
            (json!({"status": {"active": 1}}), "Progressing Running"),
            (
                json!({"status": {"conditions": conditions(&[("Complete", "True", "")])}}),
                "Healthy Completed",
            ),
            (
                json!({"status": {"conditions": conditions(&[("Complete", "False", "")])}}),
                "Progressing Running",
            ),
            (
                json!({"status": {"conditions": conditions(&[("Failed", "True", "BackoffLimitExceeded")])}}),
                "Degraded BackoffLimitExceeded",
            ),
            (
                json!({"status": {"conditions": conditions(&[("Suspended", "True", "")])}}),
                "Suspended Suspended",
            ),
        ],
    );
    check(
        "batch/v1",
        "CronJob",
        &[
            (json!({}), "Healthy"),
            (json!({"spec": {"suspend": true}}), "Suspended Suspended"),
        ],
    );
}

#[test]
fn a_service_waits_for_an_address_only_when_it_asks_for_one() {
    check(
        "v1",
        "Service",
        &[
            (json!({"spec": {"type": "ClusterIP"}}), "Healthy"),
            (
                json!({"spec": {"type": "LoadBalancer"}}),
                "Progressing NoAddress",
            ),
            (
                json!({"spec": {"type": "LoadBalancer"}, "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}),
                "Healthy",
            ),
        ],
    );
    check("networking.k8s.io/v1", "Ingress", &[(json!({}), "Healthy")]);
}

#[test]
fn a_claim_that_waits_for_its_consumer_blocks_nothing() {
    let provisioned = json!({"annotations": {"volume.kubernetes.io/storage-provisioner": "x"}});
    check(
        "v1",
        "PersistentVolumeClaim",
        &[
            (json!({"status": {"phase": "Bound"}}), "Healthy"),
            (json!({"status": {"phase": "Lost"}}), "Degraded Lost"),
            (
                json!({"spec": {"storageClassName": "fast"}, "status": {"phase": "Pending"}}),
                "Healthy WaitForFirstConsumer",
            ),
            (
                json!({"spec": {"storageClassName": "fast"}, "metadata": provisioned, "status": {"phase": "Pending"}}),
                "Progressing Pending",
            ),
            (
                json!({"status": {"phase": "Pending"}}),
                "Progressing Pending",
            ),
        ],
    );
}

#[test]
fn what_extends_the_cluster_is_healthy_when_it_is_there() {
    check(
        "v1",
        "Namespace",
        &[
            (json!({"status": {"phase": "Active"}}), "Healthy"),
            (
                json!({"status": {"phase": "Terminating"}}),
                "Progressing Terminating",
            ),
            (json!({}), "Progressing NotActive"),
        ],
    );
    check(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        &[
            (json!({}), "Progressing Installing"),
            (
                json!({"status": {"conditions": conditions(&[("NamesAccepted", "True", ""), ("Established", "True", "")])}}),
                "Healthy",
            ),
            (
                json!({"status": {"conditions": conditions(&[("NamesAccepted", "False", "ListKindConflict")])}}),
                "Degraded ListKindConflict",
            ),
            (
                json!({"status": {"conditions": conditions(&[("Established", "False", "Installing")])}}),
                "Progressing Installing",
            ),
            (
                json!({"status": {"conditions": conditions(&[("Established", "False", "Odd")])}}),
                "Degraded Odd",
            ),
        ],
    );
    check(
        "apiregistration.k8s.io/v1",
        "APIService",
        &[
            (json!({}), "Progressing NotAvailable"),
            (
                json!({"status": {"conditions": conditions(&[("Available", "True", "")])}}),
                "Healthy",
            ),
            (
                json!({"status": {"conditions": conditions(&[("Available", "False", "MissingEndpoints")])}}),
                "Progressing MissingEndpoints",
            ),
        ],
    );
}

#[test]
fn guards_and_scalers() {
    check(
        "policy/v1",
        "PodDisruptionBudget",
        &[
            (json!({}), "Progressing NotObserved"),
            (json!({"status": {"observedGeneration": 2}}), "Healthy"),
            (
                json!({"status": {"observedGeneration": 2, "conditions": conditions(&[("DisruptionAllowed", "False", "InsufficientPods")])}}),
                "Healthy",
            ),
            (
                json!({"status": {"observedGeneration": 2, "conditions": conditions(&[("DisruptionAllowed", "False", "SyncFailed")])}}),
                "Degraded SyncFailed",
            ),
        ],
    );
    check(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        &[
            (json!({}), "Progressing NotObserved"),
            (
                json!({"status": {"conditions": conditions(&[("AbleToScale", "True", "")])}}),
                "Healthy",
            ),
            (
                json!({"status": {"conditions": conditions(&[("AbleToScale", "False", "FailedGetScale")])}}),
                "Degraded FailedGetScale",
            ),
            (
                json!({"status": {"conditions": conditions(&[("AbleToScale", "True", ""), ("ScalingActive", "False", "FailedGetResourceMetric")])}}),
                "Degraded FailedGetResourceMetric",
            ),
            (
                json!({"status": {"conditions": conditions(&[("AbleToScale", "True", ""), ("ScalingActive", "False", "ScalingDisabled")])}}),
                "Healthy",
            ),
        ],
    );
}

#[test]
fn custom_resources_are_judged_by_their_conditions() {
    check(
        "certs.example/v1",
        "Certificate",
        &[
            (
                json!({"status": {"conditions": conditions(&[("Ready", "True", "")])}}),
                "Healthy",
            ),
            (
                json!({"status": {"conditions": conditions(&[("Ready", "False", "DoesNotExist")])}}),
                "Degraded DoesNotExist",
            ),
            (
                json!({"status": {"conditions": conditions(&[("Ready", "Unknown", "Waiting")])}}),
                "Progressing Waiting",
            ),
            (
                json!({"status": {"conditions": conditions(&[("Ready", "False", "DoesNotExist"), ("Issuing", "True", "Issuing")])}}),
                "Progressing Issuing",
            ),
            (
                json!({"status": {"conditions": conditions(&[("Ready", "True", ""), ("Issuing", "True", "Renewing")])}}),
                "Progressing Issuing",
            ),
            (json!({"status": {"phase": "odd"}}), "Healthy"),
            (json!({}), "Healthy"),
        ],
    );
}

#[test]
fn a_custom_resource_settles_before_its_silence_means_anything() {
    let silent = judged("certs.example/v1", "Certificate", &json!({}), 1_000);
    assert_eq!(
        (silent.health.as_str(), silent.reason.as_str()),
        ("Progressing", "NoStatus")
    );
    let then = silent.then.unwrap();
    assert_eq!(
        (then.at, then.health.as_str()),
        (NOW.plus_ms(29_000), "Healthy")
    );
    let not_ready =
        json!({"status": {"conditions": conditions(&[("Ready", "False", "Starting")])}});
    let young = judged("certs.example/v1", "Certificate", &not_ready, 1_000);
    assert_eq!(young.health.as_str(), "Progressing");
    assert_eq!(young.then.unwrap().health.as_str(), "Degraded");
}

#[test]
fn a_condition_of_an_older_generation_does_not_count() {
    let old = json!({"status": {"conditions": [{"type": "Ready", "status": "True", "observedGeneration": 1}]}});
    assert_eq!(
        judged("certs.example/v1", "Certificate", &old, 0).reason,
        ""
    );
    let stale_bad = json!({"status": {"conditions": [{"type": "Ready", "status": "False", "observedGeneration": 1}]}});
    assert_ne!(
        judged("certs.example/v1", "Certificate", &stale_bad, 3_600_000)
            .health
            .as_str(),
        "Degraded"
    );
}

#[test]
fn what_has_no_status_works_as_soon_as_it_is_accepted() {
    for (api_version, kind) in [
        ("v1", "ConfigMap"),
        ("rbac.authorization.k8s.io/v1", "Role"),
        ("storage.k8s.io/v1", "StorageClass"),
    ] {
        check(api_version, kind, &[(json!({}), "Healthy")]);
        let (group, _) = capstan_proto::object::group_version(api_version);
        assert!(!needs_status(group, kind));
    }
    assert!(needs_status("gateway.networking.k8s.io", "Gateway"));
}

#[test]
fn messages_are_cut() {
    let long = "x".repeat(5_000);
    let object = json!({"status": {"observedGeneration": 2, "conditions": [{"type": "Stalled", "status": "True", "message": long}]}});
    assert!(judged("apps/v1", "Deployment", &object, 0).message.len() <= 300);
}
