//! Health of Services. An Ingress works as soon as it is accepted: many controllers never write an
//! address.

use serde_json::Value;

use super::Verdict;

/// A Service of type `LoadBalancer` is Progressing until it has an address.
pub(super) fn service(live: &Value) -> Verdict {
    let balanced = live
        .pointer("/spec/type")
        .is_some_and(|t| t == "LoadBalancer");
    let ingress = live
        .pointer("/status/loadBalancer/ingress")
        .and_then(Value::as_array);
    if balanced && ingress.is_none_or(Vec::is_empty) {
        return Verdict::progressing("NoAddress", "its load balancer has no address yet");
    }
    Verdict::healthy()
}
