//! What differs in how a bundle is treated, in the words of fleet files and with the defaults written
//! out.

use capstan_proto::policy::BundlePolicy;
use serde_json::{Value as Json, json};

use super::fields::{Fields, fields};

/// What differs between two policies, as their bytes say. Nothing where one of them is not known.
pub(super) fn policy_fields(old: Option<&[u8]>, new: Option<&[u8]>) -> Fields {
    let read = |bytes: Option<&[u8]>| BundlePolicy::from_bytes(bytes?).ok();
    match (read(old), read(new)) {
        (Some(old), Some(new)) => fields(&written(&old), &written(&new)),
        _ => Fields::default(),
    }
}

/// A policy with its defaults.
fn written(policy: &BundlePolicy) -> Json {
    let BundlePolicy {
        mode,
        depends_on,
        create_namespace,
        removal,
        adopt,
        conflict,
        drift,
        health_timeout_ms,
        health_checks,
    } = policy;
    let depends_on: Vec<&str> = depends_on.iter().map(|bundle| bundle.name()).collect();
    let timeout = health_timeout_ms.map(|ms| match ms {
        ms if ms.is_multiple_of(60_000) => format!("{}m", ms / 60_000),
        ms if ms.is_multiple_of(1000) => format!("{}s", ms / 1000),
        ms => format!("{ms}ms"),
    });
    let mode = format!("{mode:?}");
    let mut written = json!({
        "mode": mode,
        "dependsOn": depends_on,
        "removal": {"object": removal.object, "bundle": removal.bundle},
        "adopt": {"mode": adopt},
        "conflict": conflict,
        "drift": {"mode": drift.mode, "ignore": drift.ignore},
        "health": {
            "timeout": timeout.unwrap_or_else(|| "5m".to_owned()),
            "checks": health_checks,
        },
    });
    if let Some(namespace) = create_namespace {
        written["createNamespace"] = json!(namespace);
    }
    written
}

#[cfg(test)]
mod tests;
