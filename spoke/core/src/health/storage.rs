//! Health of volume claims.

use serde_json::Value;

use super::{Verdict, condition};

/// A claim that waits for its first consumer blocks nothing: waiting for it would be waiting for
/// ourselves.
pub(super) fn claim(live: &Value) -> Verdict {
    match live.pointer("/status/phase").and_then(Value::as_str) {
        Some("Bound") => match condition(live, "Resizing").filter(|c| c.is("True")) {
            Some(resizing) => Verdict::progressing("Resizing", resizing.message),
            None => Verdict::healthy(),
        },
        Some("Lost") => Verdict::degraded("Lost", "its volume is gone"),
        _ if waits_for_consumer(live) => Verdict {
            reason: "WaitForFirstConsumer".to_owned(),
            ..Verdict::healthy()
        },
        _ => Verdict::progressing("Pending", "it is not bound to a volume yet"),
    }
}

/// The claim itself does not say which binding mode its class has. A claim that somebody provisions
/// for, or that names a volume, waits for that; any other waits for a pod, or for an administrator.
fn waits_for_consumer(live: &Value) -> bool {
    let provisioner = [
        "volume.kubernetes.io~1storage-provisioner",
        "volume.beta.kubernetes.io~1storage-provisioner",
        "volume.kubernetes.io~1selected-node",
    ];
    let being_provisioned = provisioner.iter().any(|name| {
        live.pointer(&format!("/metadata/annotations/{name}"))
            .is_some()
    });
    let named = live
        .pointer("/spec/volumeName")
        .and_then(Value::as_str)
        .is_some_and(|name| !name.is_empty());
    let classed = live
        .pointer("/spec/storageClassName")
        .and_then(Value::as_str)
        .is_some_and(|name| !name.is_empty());
    classed && !being_provisioned && !named
}
