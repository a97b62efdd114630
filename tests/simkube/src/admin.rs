//! Owns the server's own paths under `/simkube/`: request counts, faults, dropped watches,
//! compaction, going back in time. Only members of `system:masters`, and who RBAC allows the path, may use them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::app::App;
use crate::faults::Fault;
use crate::http::reply::Reply;
use crate::path::Target;
use crate::status::{ApiError, Result};
use crate::world::World;

const PREFIX: &str = "/simkube/";

/// Whether a path belongs here; such requests are neither counted nor hit by faults.
pub(crate) fn owns(path: &str) -> bool {
    path.starts_with(PREFIX)
}

/// What a request answers that a fault hit.
pub(crate) fn answer(fault: &Fault) -> Reply {
    let reason = match fault.status {
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        409 => "Conflict",
        410 => "Expired",
        429 => "TooManyRequests",
        503 => "ServiceUnavailable",
        504 => "Timeout",
        _ => "InternalError",
    };
    let message = match fault.message.as_str() {
        "" => "a fault of the simulation",
        message => message,
    };
    let mut error = ApiError::new(fault.status, reason, message);
    if fault.retry_after_s > 0 {
        error = error.with_details(json!({"retryAfterSeconds": fault.retry_after_s}));
    }
    Reply::error(&error)
}

/// Answers a request under `/simkube/`.
pub(crate) fn answer_path(app: &Arc<App>, target: &Target, bytes: &[u8]) -> Result<Reply> {
    let done = || Ok(Reply::json(200, &json!({"status": "Success"})));
    match (target.verb.as_str(), &target.path[PREFIX.len()..]) {
        ("get", "requests") => Ok(Reply::json(200, &counts(app))),
        ("delete", "requests") => {
            app.requests.reset();
            done()
        }
        ("get", "faults") => Ok(Reply::json(200, &json!({"faults": app.faults.all()}))),
        ("post", "faults") => {
            let fault: Fault = serde_json::from_slice(bytes)
                .map_err(|error| ApiError::bad_request(format!("this is no fault: {error}")))?;
            check(&fault)?;
            app.faults.add(fault);
            done()
        }
        ("delete", "faults") => {
            app.faults.clear();
            done()
        }
        ("post", "drop-watches") => {
            app.faults.drop_watches(target.query.get("resource"));
            done()
        }
        ("post", "save") => {
            app.shared.with(World::save);
            done()
        }
        ("post", "go-back") => match app.shared.with(World::go_back) {
            true => done(),
            false => Err(ApiError::bad_request(
                "nothing was saved; POST /simkube/save comes first",
            )),
        },
        ("post", "compact") => {
            app.shared.with(|world| world.store.compact());
            done()
        }
        _ => Ok(Reply::unknown_path()),
    }
}

fn check(fault: &Fault) -> Result<()> {
    if fault.status != 0 && !(400..600).contains(&fault.status) {
        return Err(ApiError::bad_request("status must be 0 or from 400 to 599"));
    }
    if !(0.0..=1.0).contains(&fault.rate) {
        return Err(ApiError::bad_request("rate must be from 0 to 1"));
    }
    let inside = fault.repeat || !fault.mutate.is_null();
    if fault.status == 0 && fault.latency_ms == 0 && !fault.abort && !inside {
        return Err(ApiError::bad_request(
            "a fault needs latencyMs, status, abort, mutate or repeat",
        ));
    }
    Ok(())
}

fn counts(app: &App) -> Value {
    let mut total = 0;
    let mut verbs: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for ((verb, resource), count) in app.requests.all() {
        total += count;
        verbs.entry(verb).or_default().insert(resource, count);
    }
    json!({"total": total, "verbs": verbs})
}
