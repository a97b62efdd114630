//! Owns the kinds that are only ever created and never stored: questions about users and rights.

use serde_json::{Value, json};

use super::Call;
use crate::auth::rbac::{self, Attributes};
use crate::auth::{self, User};
use crate::http::body;
use crate::http::reply::Reply;
use crate::status::{ApiError, Cause, Result};
use crate::{clock, object};

/// Answers a review.
pub(super) fn create(call: &Call, bytes: &[u8]) -> Result<Reply> {
    let mut review = body::parse(&call.headers, bytes)?.value;
    if !review.is_object() {
        return Err(ApiError::bad_request("the body is no object"));
    }
    let status = match call.served.kind() {
        "SelfSubjectAccessReview" => access(call, &call.user, &review["spec"]),
        "SubjectAccessReview" | "LocalSubjectAccessReview" => {
            check(&review["spec"])?;
            let user = user_of(&review["spec"]);
            access(call, &user, &review["spec"])
        }
        "SelfSubjectRulesReview" => rules(call, &review["spec"]),
        "SelfSubjectReview" => json!({"userInfo": info(&call.user)}),
        "TokenReview" => token(call, &review["spec"]),
        _ => return Err(ApiError::method_not_allowed()),
    };
    review["apiVersion"] = json!(call.served.api_version());
    review["kind"] = json!(call.served.kind());
    review["status"] = status;
    object::metadata_mut(&mut review);
    if call.served.kind() == "SelfSubjectReview" {
        object::set_meta(&mut review, "creationTimestamp", Some(json!(clock::now())));
    }
    Ok(Reply::json(201, &review))
}

/// A question must say about whom, and about what.
fn check(spec: &Value) -> Result<()> {
    let mut causes = Vec::new();
    let given = |field: &str| spec[field].is_object();
    if given("resourceAttributes") == given("nonResourceAttributes") {
        let why = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
        causes.push(Cause::invalid("spec.resourceAttributes", &Value::Null, why));
    }
    if spec["user"].as_str().unwrap_or_default().is_empty()
        && object::texts(&spec["groups"]).next().is_none()
    {
        let why = "at least one of user or group must be specified";
        causes.push(Cause::invalid("spec.user", &json!(""), why));
    }
    if causes.is_empty() {
        return Ok(());
    }
    Err(ApiError::invalid("authorization.k8s.io", "", "", &causes))
}

fn user_of(spec: &Value) -> User {
    User {
        name: spec["user"].as_str().unwrap_or_default().to_owned(),
        uid: spec["uid"].as_str().unwrap_or_default().to_owned(),
        groups: object::texts(&spec["groups"]).map(str::to_owned).collect(),
        ..User::default()
    }
}

fn access(call: &Call, user: &User, spec: &Value) -> Value {
    let text = |value: &'_ Value| value.as_str().unwrap_or_default().to_owned();
    let wanted = &spec["resourceAttributes"];
    let other = &spec["nonResourceAttributes"];
    let (verb, path) = if other.is_object() {
        (text(&other["verb"]), text(&other["path"]))
    } else {
        (text(&wanted["verb"]), String::new())
    };
    let field = |name: &str| text(&wanted[name]);
    let (group, resource, subresource) = (field("group"), field("resource"), field("subresource"));
    let (namespace, name) = (field("namespace"), field("name"));
    let asked = Attributes {
        verb: &verb,
        group: &group,
        resource: &resource,
        subresource: &subresource,
        namespace: &namespace,
        name: &name,
        path: &path,
    };
    match call
        .app
        .shared
        .with(|world| rbac::decide(&world.store, user, &asked))
    {
        Some(reason) if reason.is_empty() => json!({"allowed": true}),
        Some(reason) => json!({"allowed": true, "reason": reason}),
        None => json!({"allowed": false}),
    }
}

fn rules(call: &Call, spec: &Value) -> Value {
    let namespace = spec["namespace"].as_str().unwrap_or_default();
    let rules = call
        .app
        .shared
        .with(|world| rbac::rules_of(&world.store, &call.user, namespace));
    let (other, resources): (Vec<Value>, Vec<Value>) = rules
        .into_iter()
        .partition(|rule| rule["nonResourceURLs"].is_array());
    json!({"resourceRules": resources, "nonResourceRules": other, "incomplete": false})
}

fn token(call: &Call, spec: &Value) -> Value {
    let bearer = spec["token"].as_str().unwrap_or_default();
    let user = call
        .app
        .shared
        .with(|world| auth::authenticate_token(&call.app.identity, &world.store, bearer));
    match user {
        Some(user) => json!({
            "authenticated": true,
            "user": info(&user),
            "audiences": [auth::token::ISSUER],
        }),
        None => json!({"user": {}, "error": "invalid bearer token"}),
    }
}

fn info(user: &User) -> Value {
    let mut info = json!({"username": user.name, "groups": user.groups});
    if !user.uid.is_empty() {
        info["uid"] = json!(user.uid);
    }
    if !user.extra.is_empty() {
        info["extra"] = json!(user.extra);
    }
    info
}
