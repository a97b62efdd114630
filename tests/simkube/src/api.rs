//! Owns the way of a request: faults, authentication, impersonation, authorisation, dispatch.

use std::sync::Arc;

use http::{HeaderMap, Request, Response};
use hyper::body::{Bytes, Incoming};

use crate::app::App;
use crate::auth::rbac::{self, Attributes};
use crate::auth::{self, User};
use crate::faults::{Inside, Suffering};
use crate::http::accept::{self, Form};
use crate::http::body;
use crate::http::reply::{Body, Reply};
use crate::kinds::Served;
use crate::path::{ResourcePath, Target};
use crate::selector::{Fields, Selectable};
use crate::status::{ApiError, Named, Result};
use crate::{admin, discovery};

mod encode;
mod input;
mod patch;
mod read;
mod review;
mod scale;
mod subresource;
mod watch;
mod write;

pub(crate) use encode::metadata;
pub(crate) use scale::selector_text;

/// The request was broken off on purpose.
#[derive(Debug, thiserror::Error)]
#[error("the request was aborted by a fault")]
pub(crate) struct Aborted;

/// One authorised request for a served resource.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) app: Arc<App>,
    pub(crate) user: User,
    pub(crate) target: Target,
    pub(crate) path: ResourcePath,
    pub(crate) served: Served,
    pub(crate) headers: HeaderMap,
    pub(crate) form: Form,
    pub(crate) suffers: Inside,
}

/// Answers a request.
pub(crate) async fn handle(
    app: Arc<App>,
    certificate: Option<Arc<User>>,
    request: Request<Incoming>,
) -> std::result::Result<Response<Body>, Aborted> {
    let (parts, incoming) = request.into_parts();
    let target = Target::parse(
        &parts.method,
        parts.uri.path(),
        parts.uri.query().unwrap_or(""),
    );
    let mut suffering = Suffering::default();
    if !admin::owns(&target.path) {
        let label = label(&target);
        app.requests.add(&target.verb, &label);
        let path = target.resource.clone().unwrap_or_default();
        suffering = app
            .faults
            .meet(&target.verb, &label, &path.namespace, &path.name);
        if !suffering.latency.is_zero() {
            tokio::time::sleep(suffering.latency).await;
        }
    }
    if !suffering.after
        && let Some(end) = end(&suffering)
    {
        return end;
    }
    let user = certificate.as_deref();
    let reply = match body::read(incoming).await {
        Ok(bytes) => {
            let inside = std::mem::take(&mut suffering.inside);
            answer(app, user, target, (&parts.headers, inside), bytes)
        }
        Err(error) => Err(error),
    };
    if let Some(end) = end(&suffering) {
        return end;
    }
    Ok(reply
        .unwrap_or_else(|error| Reply::error(&error))
        .into_response())
}

/// How a fault ends a request.
fn end(suffering: &Suffering) -> Option<std::result::Result<Response<Body>, Aborted>> {
    if suffering.abort {
        return Some(Err(Aborted));
    }
    let fault = suffering.answer.as_ref()?;
    Some(Ok(admin::answer(fault).into_response()))
}

/// What a request is counted and matched by: `deployments.apps/status`, or the path.
fn label(target: &Target) -> String {
    let Some(path) = &target.resource else {
        return target.path.clone();
    };
    let mut label = path.resource.clone();
    for (separator, part) in [(".", &path.group), ("/", &path.subresource)] {
        if !part.is_empty() {
            label.push_str(separator);
            label.push_str(part);
        }
    }
    label
}

fn answer(
    app: Arc<App>,
    certificate: Option<&User>,
    target: Target,
    (headers, suffers): (&HeaderMap, Inside),
    bytes: Bytes,
) -> Result<Reply> {
    let user = app.shared.with(|world| {
        let user = auth::authenticate(&app.identity, &world.store, certificate, headers)?;
        auth::impersonate(&world.store, user, headers)
    })?;
    authorise(&app, &user, &target)?;
    let Some(path) = target.resource.clone() else {
        return other(&app, &target, headers, &bytes);
    };
    let served = app.shared.with(|world| {
        world
            .kinds
            .served(&path.group, &path.version, &path.resource)
    });
    let Some(served) = served else {
        return unknown(&app, &path);
    };
    let misplaced =
        !served.resource.namespaced && !path.namespace.is_empty() && !served.is("", "namespaces");
    let homeless = served.resource.namespaced && path.namespace.is_empty() && !path.name.is_empty();
    if misplaced || homeless || !is_known_subresource(&served, &path) {
        return unknown(&app, &path);
    }
    if path.name.is_empty() && matches!(target.verb.as_str(), "update" | "patch") {
        return Err(ApiError::method_not_allowed());
    }
    let form = accept::form(headers)?;
    let call = Call {
        app,
        user,
        target,
        path,
        served,
        headers: headers.clone(),
        form,
        suffers,
    };
    let reply = dispatch(&call, &bytes)?;
    Ok(match &call.served.version().deprecation {
        Some(text) => reply.warn(std::slice::from_ref(text)),
        None => reply,
    })
}

/// A path that leads nowhere: within the server's own groups a Status, elsewhere plain text.
fn unknown(app: &App, path: &ResourcePath) -> Result<Reply> {
    if app
        .shared
        .with(|world| world.kinds.is_builtin_group(&path.group))
    {
        return Err(ApiError::no_such_resource());
    }
    Ok(Reply::unknown_path())
}

fn is_known_subresource(served: &Served, path: &ResourcePath) -> bool {
    path.subresource.is_empty() || served.has_subresource(&path.subresource)
}

fn authorise(app: &App, user: &User, target: &Target) -> Result<()> {
    let Some(path) = &target.resource else {
        let asked = Attributes {
            verb: &target.verb,
            path: &target.path,
            ..Attributes::default()
        };
        if app
            .shared
            .with(|world| rbac::allows(&world.store, user, &asked))
        {
            return Ok(());
        }
        let message = format!("forbidden: {}", rbac::refusal(user, &asked));
        return Err(ApiError::new(403, "Forbidden", message).with_details(serde_json::json!({})));
    };
    let collective = matches!(target.verb.as_str(), "list" | "watch" | "deletecollection");
    // A by-name selection counts as naming the object.
    let selected = if collective && path.name.is_empty() {
        Fields::parse(target.query.get("fieldSelector"), &Selectable::Every)
            .ok()
            .and_then(|fields| fields.name().map(str::to_owned))
    } else {
        None
    };
    let asked = Attributes {
        verb: &target.verb,
        group: &path.group,
        resource: &path.resource,
        subresource: &path.subresource,
        namespace: &path.namespace,
        name: selected.as_deref().unwrap_or(&path.name),
        path: "",
    };
    if app
        .shared
        .with(|world| rbac::allows(&world.store, user, &asked))
    {
        return Ok(());
    }
    let named = Named {
        resource: &path.resource,
        group: &path.group,
    };
    Err(ApiError::forbidden(
        named,
        &path.name,
        &rbac::refusal(user, &asked),
    ))
}

fn dispatch(call: &Call, bytes: &[u8]) -> Result<Reply> {
    if call.served.resource.collection.is_empty() {
        return match call.target.verb.as_str() {
            "create" => review::create(call, bytes),
            _ => Err(ApiError::method_not_allowed()),
        };
    }
    let verb = call.target.verb.as_str();
    match (call.path.subresource.as_str(), verb) {
        ("", "get") => read::get(call),
        ("", "list") => read::list(call),
        ("", "watch") => watch::start(call),
        ("", "create") if call.path.name.is_empty() => write::create(call, bytes),
        ("", "update") => write::update(call, bytes),
        ("", "patch") => patch::patch(call, bytes),
        ("", "delete") => write::delete(call, bytes),
        ("", "deletecollection") => write::delete_collection(call, bytes),
        ("status" | "approval", "get") => read::get(call),
        ("status" | "approval", "update") => write::update(call, bytes),
        ("status" | "approval", "patch") => patch::patch(call, bytes),
        ("scale", "get") => scale::get(call),
        ("scale", "update") => scale::update(call, bytes),
        ("scale", "patch") => scale::patch(call, bytes),
        ("token", "create") => subresource::token(call, bytes),
        ("eviction", "create") => subresource::evict(call, bytes),
        ("finalize", "update") => subresource::finalize(call, bytes),
        ("log", "get") => subresource::log(call),
        _ => Err(ApiError::method_not_allowed()),
    }
}

/// Paths that name no resource.
fn other(app: &Arc<App>, target: &Target, headers: &HeaderMap, bytes: &[u8]) -> Result<Reply> {
    if admin::owns(&target.path) {
        return admin::answer_path(app, target, bytes);
    }
    if target.verb != "get" && target.verb != "head" {
        return Ok(Reply::unknown_path());
    }
    discovery::answer(app, &target.path, headers)
}
