//! Owns who a request comes from: client certificate, bearer token, impersonation.

use std::collections::BTreeMap;

use http::HeaderMap;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::identity::Identity;
use crate::status::{ApiError, Named, Result};
use crate::store::Store;

pub(crate) mod escalation;
pub(crate) mod rbac;
pub(crate) mod token;

/// The group that may do everything.
pub(crate) const MASTERS: &str = "system:masters";

/// Who asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) groups: Vec<String>,
    pub(crate) extra: BTreeMap<String, Vec<String>>,
}

impl User {
    fn new(name: &str, groups: &[&str]) -> Self {
        let mut groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
        groups.push("system:authenticated".to_owned());
        Self {
            name: name.to_owned(),
            groups,
            ..Self::default()
        }
    }

    fn anonymous() -> Self {
        Self {
            name: "system:anonymous".to_owned(),
            groups: vec!["system:unauthenticated".to_owned()],
            ..Self::default()
        }
    }

    /// The account `namespace/name`.
    pub(crate) fn service_account(namespace: &str, name: &str, uid: &str) -> Self {
        let of_namespace = format!("system:serviceaccounts:{namespace}");
        let mut user = Self::new(
            &format!("system:serviceaccount:{namespace}:{name}"),
            &["system:serviceaccounts", &of_namespace],
        );
        uid.clone_into(&mut user.uid);
        user
    }

    /// The user that may do everything.
    pub(crate) fn admin() -> Self {
        Self::new("kubernetes-admin", &[MASTERS])
    }

    pub(crate) fn is_master(&self) -> bool {
        self.groups.iter().any(|group| group == MASTERS)
    }
}

/// The user that a client certificate names: the common name, and the organisations as groups.
pub(crate) fn user_of_certificate(der: &[u8]) -> Option<User> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let subject = certificate.subject();
    let name = subject.iter_common_name().next()?.as_str().ok()?;
    let groups: Vec<&str> = subject
        .iter_organization()
        .filter_map(|group| group.as_str().ok())
        .collect();
    Some(User::new(name, &groups))
}

/// Says who sent a request with these headers over a connection of `certificate`'s user.
pub(crate) fn authenticate(
    identity: &Identity,
    store: &Store,
    certificate: Option<&User>,
    headers: &HeaderMap,
) -> Result<User> {
    if let Some(user) = certificate {
        return Ok(user.clone());
    }
    let Some(header) = headers.get(http::header::AUTHORIZATION) else {
        return Ok(User::anonymous());
    };
    let text = header.to_str().map_err(|_| ApiError::unauthorized())?;
    let Some((scheme, bearer)) = text.split_once(' ') else {
        return Err(ApiError::unauthorized());
    };
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(ApiError::unauthorized());
    }
    authenticate_token(identity, store, bearer.trim()).ok_or_else(ApiError::unauthorized)
}

/// The user of a bearer token.
pub(crate) fn authenticate_token(identity: &Identity, store: &Store, bearer: &str) -> Option<User> {
    let same = ring::digest::digest(&ring::digest::SHA256, bearer.as_bytes());
    let admin = ring::digest::digest(&ring::digest::SHA256, identity.admin_token().as_bytes());
    if same.as_ref() == admin.as_ref() {
        return Some(User::admin());
    }
    token::verify(identity, store, bearer)
}

/// The user that a request acts as. Every impersonated name needs the verb `impersonate`; that
/// it exists is never checked.
pub(crate) fn impersonate(store: &Store, user: User, headers: &HeaderMap) -> Result<User> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(name) = text("impersonate-user") else {
        let groups: Vec<String> = values(headers, "impersonate-group")
            .map(|group| format!("{group:?}"))
            .collect();
        let uid = text("impersonate-uid").unwrap_or_default();
        if !groups.is_empty() || !uid.is_empty() {
            return Err(ApiError::bad_request(format!(
                "requested &user.DefaultInfo{{Name:\"\", UID:{uid:?}, Groups:[]string{{{}}}, \
                 Extra:map[string][]string(nil)}} without impersonating a user name",
                groups.join(", ")
            )));
        }
        return Ok(user);
    };
    let groups: Vec<String> = values(headers, "impersonate-group")
        .map(str::to_owned)
        .collect();
    check_impersonation(store, &user, "users", name)?;
    for group in &groups {
        check_impersonation(store, &user, "groups", group)?;
    }
    let mut acting = account(name).unwrap_or_else(|| User::new(name, &[]));
    if !groups.is_empty() {
        acting.groups.clone_from(&groups);
        if !groups.iter().any(|group| group == "system:unauthenticated") {
            acting.groups.push("system:authenticated".to_owned());
        }
    }
    if let Some(uid) = text("impersonate-uid") {
        check_impersonation(store, &user, "uids", uid)?;
        uid.clone_into(&mut acting.uid);
    }
    for (header, value) in headers {
        let Some(key) = header.as_str().strip_prefix("impersonate-extra-") else {
            continue;
        };
        let key = crate::path::decode(key, false);
        let value = value.to_str().unwrap_or_default();
        check_impersonation(store, &user, &format!("userextras/{key}"), value)?;
        acting.extra.entry(key).or_default().push(value.to_owned());
    }
    Ok(acting)
}

fn values<'a>(headers: &'a HeaderMap, name: &'static str) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
}

/// The user of a ServiceAccount's user name.
fn account(name: &str) -> Option<User> {
    let (namespace, account) = name
        .strip_prefix("system:serviceaccount:")?
        .split_once(':')?;
    Some(User::service_account(namespace, account, ""))
}

fn check_impersonation(store: &Store, user: &User, resource: &str, name: &str) -> Result<()> {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let serviceaccount = (resource == "users").then(|| account_parts(name)).flatten();
    let group = if matches!(resource, "uids" | "userextras") {
        "authentication.k8s.io"
    } else {
        ""
    };
    let (resource, namespace, object) = match &serviceaccount {
        Some((namespace, account)) => ("serviceaccounts", *namespace, *account),
        None => (resource, "", name),
    };
    let asked = rbac::Attributes {
        verb: "impersonate",
        group,
        resource,
        subresource,
        namespace,
        name: object,
        path: "",
    };
    if rbac::allows(store, user, &asked) {
        return Ok(());
    }
    Err(ApiError::forbidden(
        Named { resource, group },
        object,
        &rbac::refusal(user, &asked),
    ))
}

fn account_parts(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix("system:serviceaccount:")?.split_once(':')
}
