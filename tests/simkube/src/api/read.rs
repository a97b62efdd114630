//! Owns get and list: selectors, pages and resource versions.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{Call, encode};
use crate::api::encode::ListMeta;
use crate::http::reply::Reply;
use crate::selector::{Fields, Labels, Selectable};
use crate::status::{ApiError, Cause, Result};
use crate::store::{Key, Store};

/// One object.
pub(super) fn get(call: &Call) -> Result<Reply> {
    let object = call.app.shared.with(|world| {
        check_not_future(&world.store, call.target.query.get("resourceVersion"))?;
        world.get(&call.served, &call.key()).cloned()
    })?;
    Ok(encode::object(&call.served, call.form, 200, &object))
}

/// Which objects a list or a watch is about.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    pub(crate) namespace: Option<String>,
    /// The one name, of the path's old form of a watch.
    name: Option<String>,
    labels: Labels,
    fields: Fields,
}

impl Scope {
    pub(crate) fn read(call: &Call) -> Result<Self> {
        let query = &call.target.query;
        let selectable = match call.served.resource.custom {
            true => Selectable::Custom(&call.served.version().selectable),
            false => Selectable::Kind(call.served.kind()),
        };
        let namespaced = call.served.resource.namespaced && !call.path.namespace.is_empty();
        Ok(Self {
            namespace: namespaced.then(|| call.path.namespace.clone()),
            name: (!call.path.name.is_empty()).then(|| call.path.name.clone()),
            labels: Labels::parse(query.get("labelSelector"))?,
            fields: Fields::parse(query.get("fieldSelector"), &selectable)?,
        })
    }

    pub(crate) fn selects(&self, key: &Key, object: &Value) -> bool {
        self.namespace
            .as_ref()
            .is_none_or(|namespace| *namespace == key.namespace)
            && self.name.as_ref().is_none_or(|name| *name == key.name)
            && self.labels.matches(object)
            && self.fields.matches(object)
    }

    fn is_selective(&self) -> bool {
        !self.labels.is_empty() || !self.fields.is_empty() || self.name.is_some()
    }

    /// The selected objects as they are now.
    pub(crate) fn current(&self, store: &Store, collection: &str) -> Vec<Arc<Value>> {
        store
            .list(collection, self.namespace.as_deref())
            .filter(|(key, object)| self.selects(key, object))
            .map(|(_, object)| Arc::clone(object))
            .collect()
    }
}

/// Where a page goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Continue {
    revision: u64,
    after: Key,
}

impl Continue {
    fn encode(&self) -> String {
        let token = json!({"v": "meta.k8s.io/v1", "rv": self.revision, "ns": self.after.namespace, "name": self.after.name});
        URL_SAFE_NO_PAD.encode(token.to_string())
    }

    fn decode(text: &str) -> Result<Self> {
        let bad = || ApiError::bad_request("continue key is not valid");
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| bad())?;
        let token: Value = serde_json::from_slice(&bytes).map_err(|_| bad())?;
        let text = |field: &str| token[field].as_str().ok_or_else(bad);
        Ok(Self {
            revision: token["rv"].as_u64().ok_or_else(bad)?,
            after: Key::new(text("ns")?, text("name")?),
        })
    }
}

/// What a list asked for, beside the selectors.
struct Page {
    limit: usize,
    from: Option<Continue>,
    exact: Option<u64>,
}

impl Page {
    fn read(call: &Call, store: &Store) -> Result<Self> {
        let query = &call.target.query;
        let version = query.get("resourceVersion");
        let matching = query.get("resourceVersionMatch");
        let limit = query.get("limit").parse().unwrap_or(0);
        check_match(version, matching, query.has("continue"))?;
        if query.has("continue") && !query.get("continue").is_empty() {
            let from = Continue::decode(query.get("continue"))?;
            return Ok(Self {
                limit,
                from: Some(from),
                exact: None,
            });
        }
        check_not_future(store, version)?;
        let revision: u64 = version.parse().unwrap_or(0);
        // Without a match rule a version together with a limit means exactly that version.
        let exact = matching == "Exact" || (matching.is_empty() && limit > 0 && revision > 0);
        Ok(Self {
            limit,
            from: None,
            exact: exact.then_some(revision),
        })
    }
}

/// The objects of a collection.
pub(super) fn list(call: &Call) -> Result<Reply> {
    let scope = Scope::read(call)?;
    let (objects, meta) = call
        .app
        .shared
        .with(|world| select(call, &scope, &world.store))?;
    Ok(encode::list(&call.served, call.form, &objects, &meta))
}

fn select(call: &Call, scope: &Scope, store: &Store) -> Result<(Vec<Arc<Value>>, ListMeta)> {
    let page = Page::read(call, store)?;
    let collection = call.served.collection();
    let revision = page
        .from
        .as_ref()
        .map(|from| from.revision)
        .or(page.exact)
        .unwrap_or_else(|| store.revision());
    if page.from.is_none() && page.exact.is_none() && page.limit == 0 {
        return Ok((
            scope.current(store, collection),
            ListMeta {
                revision,
                ..ListMeta::default()
            },
        ));
    }
    let at = store
        .list_at(collection, revision)
        .map_err(|expired| match page.from {
            Some(_) => ApiError::expired_continue(),
            None => ApiError::expired(revision, expired.oldest),
        })?;
    let mut selected = at
        .into_iter()
        .filter(|(key, object)| scope.selects(key, object))
        .filter(|(key, _)| page.from.as_ref().is_none_or(|from| *key > from.after))
        .peekable();
    let limit = if page.limit == 0 {
        usize::MAX
    } else {
        page.limit
    };
    let mut objects = Vec::new();
    let mut last = None;
    while objects.len() < limit
        && let Some((key, object)) = selected.next()
    {
        objects.push(object);
        last = Some(key);
    }
    let mut meta = ListMeta {
        revision,
        ..ListMeta::default()
    };
    if let Some(after) = last
        && selected.peek().is_some()
    {
        meta.next = Some(Continue { revision, after }.encode());
        meta.remaining = (!scope.is_selective()).then(|| selected.count());
    }
    Ok((objects, meta))
}

/// Refuses combinations of `resourceVersion` and `resourceVersionMatch` that mean nothing.
fn check_match(version: &str, matching: &str, continued: bool) -> Result<()> {
    const FIELD: &str = "resourceVersionMatch";
    let why = match matching {
        "" => return Ok(()),
        _ if continued => "resourceVersionMatch is forbidden when continue is provided",
        _ if version.is_empty() => {
            "resourceVersionMatch is forbidden unless resourceVersion is provided"
        }
        "Exact" if version == "0" => {
            "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\""
        }
        "Exact" | "NotOlderThan" => return Ok(()),
        other => {
            let message = format!(
                "Unsupported value: {other:?}: supported values: \"Exact\", \"NotOlderThan\", \"\""
            );
            let cause = Cause {
                reason: "FieldValueNotSupported",
                field: FIELD.into(),
                message,
            };
            return Err(ApiError::invalid(
                "meta.k8s.io",
                "ListOptions",
                "",
                &[cause],
            ));
        }
    };
    Err(ApiError::invalid(
        "meta.k8s.io",
        "ListOptions",
        "",
        &[Cause::forbidden(FIELD, why)],
    ))
}

/// Refuses a resource version that does not exist yet.
pub(crate) fn check_not_future(store: &Store, version: &str) -> Result<()> {
    if version.is_empty() {
        return Ok(());
    }
    let asked = version.parse::<u64>().map_err(|_| {
        ApiError::bad_request(format!(
            "invalid resource version: {}",
            bad_version(version)
        ))
    })?;
    if asked > store.revision() {
        return Err(ApiError::version_too_large(asked, store.revision()));
    }
    Ok(())
}

/// What is wrong with a resource version that is no number.
pub(crate) fn bad_version(version: &str) -> String {
    format!(
        "resourceVersion: Invalid value: {version:?}: strconv.ParseUint: parsing {version:?}: \
         invalid syntax"
    )
}
