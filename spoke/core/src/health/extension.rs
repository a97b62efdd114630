//! Health of what extends a cluster: Namespace, CustomResourceDefinition, APIService.

use serde_json::Value;

use super::{Verdict, condition};

/// A Namespace is Healthy while it is Active.
pub(super) fn namespace(live: &Value) -> Verdict {
    match live.pointer("/status/phase").and_then(Value::as_str) {
        Some("Active") => Verdict::healthy(),
        Some("Terminating") => Verdict::progressing("Terminating", "is being deleted"),
        _ => Verdict::progressing("NotActive", "it is not active yet"),
    }
}

/// A definition is Healthy once its names are accepted and it is established.
pub(super) fn definition(live: &Value) -> Verdict {
    if let Some(names) = condition(live, "NamesAccepted").filter(|c| c.is("False")) {
        return Verdict::degraded(names.reason_or("NamesNotAccepted"), names.message);
    }
    if let Some(schema) = condition(live, "NonStructuralSchema").filter(|c| c.is("True")) {
        return Verdict::degraded(schema.reason_or("NonStructuralSchema"), schema.message);
    }
    match condition(live, "Established") {
        Some(established) if established.is("True") => Verdict::healthy(),
        Some(not) if not.is("False") && not.reason != "Installing" => {
            Verdict::degraded(not.reason_or("NotEstablished"), not.message)
        }
        _ => Verdict::progressing("Installing", "it is not established yet"),
    }
}

/// An APIService is Healthy while its backend answers.
pub(super) fn api_service(live: &Value) -> Verdict {
    match condition(live, "Available") {
        Some(available) if available.is("True") => Verdict::healthy(),
        Some(not) => Verdict::progressing(not.reason_or("NotAvailable"), not.message),
        None => Verdict::progressing("NotAvailable", "its backend was not asked yet"),
    }
}
