//! Owns ServiceAccount tokens: signed JWTs that expire and that die with what they are bound to.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED, KeyPair as _, UnparsedPublicKey};
use serde_json::{Value, json};

use super::User;
use crate::identity::Identity;
use crate::status::{ApiError, Cause, Result};
use crate::store::{Key, Store};
use crate::{clock, object};

pub(crate) const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
const LIFETIME_MIN_S: i64 = 600;
const LIFETIME_MAX_S: i64 = 1 << 32;
const LIFETIME_DEFAULT_S: i64 = 3600;

/// Answers a TokenRequest for an account.
pub(crate) fn request(
    identity: &Identity,
    store: &Store,
    account: &Value,
    asked: &Value,
) -> Result<Value> {
    let spec = &asked["spec"];
    let lifetime = lifetime(asked)?;
    let audiences: Vec<&str> = object::texts(&spec["audiences"]).collect();
    let audiences = if audiences.is_empty() {
        vec![ISSUER]
    } else {
        audiences
    };
    let (namespace, name) = (object::namespace(account), object::name(account));
    let mut private = json!({
        "namespace": namespace,
        "serviceaccount": {"name": name, "uid": object::uid(account)},
    });
    if spec["boundObjectRef"].is_object() {
        let (field, object) = bound_object(store, namespace, &spec["boundObjectRef"])?;
        private[field] = json!({"name": object::name(object), "uid": object::uid(object)});
    }
    let now = clock::unix();
    let claims = json!({
        "aud": audiences,
        "exp": now + lifetime,
        "iat": now,
        "iss": ISSUER,
        "jti": uuid::Uuid::new_v4().to_string(),
        "kubernetes.io": private,
        "nbf": now,
        "sub": format!("system:serviceaccount:{namespace}:{name}"),
    });
    Ok(json!({
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": clock::now()},
        "spec": {
            "audiences": audiences,
            "expirationSeconds": lifetime,
            "boundObjectRef": spec["boundObjectRef"],
        },
        "status": {
            "token": sign(identity, &claims)?,
            "expirationTimestamp": clock::from_unix(now + lifetime),
        },
    }))
}

/// The lifetime that a request asks for, in seconds.
fn lifetime(asked: &Value) -> Result<i64> {
    let seconds = asked["spec"]["expirationSeconds"]
        .as_i64()
        .unwrap_or(LIFETIME_DEFAULT_S);
    let why = match seconds {
        ..LIFETIME_MIN_S => "may not specify a duration less than 10 minutes",
        LIFETIME_MIN_S..=LIFETIME_MAX_S => return Ok(seconds),
        _ => "may not specify a duration larger than 2^32 seconds",
    };
    let cause = Cause::invalid("spec.expirationSeconds", &json!(seconds), why);
    let name = object::name(asked);
    Err(ApiError::invalid(
        "authentication.k8s.io",
        "TokenRequest",
        name,
        &[cause],
    ))
}

fn bound_object<'a>(
    store: &'a Store,
    namespace: &str,
    bound: &Value,
) -> Result<(&'static str, &'a Value)> {
    let name = bound["name"].as_str().unwrap_or_default();
    let (field, resource, key) = match bound["kind"].as_str() {
        Some("Pod") => ("pod", "pods", Key::new(namespace, name)),
        Some("Secret") => ("secret", "secrets", Key::new(namespace, name)),
        Some("Node") => ("node", "nodes", Key::new("", name)),
        other => {
            let message = format!(
                "cannot bind token for serviceaccount to object of type {}",
                other.unwrap_or_default()
            );
            return Err(ApiError::bad_request(message));
        }
    };
    let named = crate::status::Named {
        resource,
        group: "",
    };
    let object = store
        .get(resource, &key)
        .ok_or_else(|| ApiError::not_found(named, name))?;
    let wanted = bound["uid"].as_str().unwrap_or_default();
    if !wanted.is_empty() && wanted != object::uid(object) {
        let why = format!(
            "the UID in the bound object reference ({wanted}) does not match the UID in record. \
             The object might have been deleted and then recreated"
        );
        return Err(ApiError::conflict(named, name, &why));
    }
    Ok((field, object))
}

fn sign(identity: &Identity, claims: &Value) -> Result<String> {
    let header = json!({"alg": "ES256", "typ": "JWT"});
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&header), part(claims));
    let signature = identity
        .token_key
        .sign(&SystemRandom::new(), signed.as_bytes())
        .map_err(|_| ApiError::internal("cannot sign a token"))?;
    Ok(format!(
        "{signed}.{}",
        URL_SAFE_NO_PAD.encode(signature.as_ref())
    ))
}

/// The user of a token that this server signed, that has not expired, and whose account and bound
/// object still exist.
pub(crate) fn verify(identity: &Identity, store: &Store, bearer: &str) -> Option<User> {
    let claims = claims(identity, bearer)?;
    let audience = object::texts(&claims["aud"]).any(|audience| audience == ISSUER);
    if !audience || claims["exp"].as_i64()? <= clock::unix() {
        return None;
    }
    let private = &claims["kubernetes.io"];
    let namespace = private["namespace"].as_str()?;
    let account = private["serviceaccount"]["name"].as_str()?;
    let live = |resource: &str, namespace: &str, reference: &Value| {
        let key = Key::new(namespace, reference["name"].as_str().unwrap_or_default());
        store
            .get(resource, &key)
            .is_some_and(|object| reference["uid"] == object::uid(object))
    };
    if !live("serviceaccounts", namespace, &private["serviceaccount"]) {
        return None;
    }
    for (field, resource, namespace) in [
        ("pod", "pods", namespace),
        ("secret", "secrets", namespace),
        ("node", "nodes", ""),
    ] {
        if !private[field].is_null() && !live(resource, namespace, &private[field]) {
            return None;
        }
    }
    let uid = private["serviceaccount"]["uid"].as_str()?;
    let mut user = User::service_account(namespace, account, uid);
    if let Some(jti) = claims["jti"].as_str() {
        let key = "authentication.kubernetes.io/credential-id".to_owned();
        user.extra.insert(key, vec![format!("JTI={jti}")]);
    }
    Some(user)
}

fn claims(identity: &Identity, bearer: &str) -> Option<Value> {
    let (signed, signature) = bearer.rsplit_once('.')?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    UnparsedPublicKey::new(
        &ECDSA_P256_SHA256_FIXED,
        identity.token_key.public_key().as_ref(),
    )
    .verify(signed.as_bytes(), &signature)
    .ok()?;
    let (_, claims) = signed.split_once('.')?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
}
