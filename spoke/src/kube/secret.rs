//! The agent's own Secrets: read, written with a resourceVersion precondition, deleted.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::{ApiError, Call, CallError, Kube, Place, Resource};

/// Label of everything that the agent keeps for itself; its value says what it is.
pub const STATE_LABEL: &str = "capstan.dev/state";

/// Annotation that names the process that wrote a state Secret last, so that a write whose answer was lost is
/// told apart from another writer's.
pub const WRITER_ANNOTATION: &str = "capstan.dev/writer";

/// Why a Secret could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// No answer.
    #[error("the Secret {name} could not be {action}")]
    Call {
        /// Which one.
        name: String,
        /// What was tried.
        action: &'static str,
        /// Why not.
        source: CallError,
    },
    /// A refusal.
    #[error("the Secret {name} could not be {action}")]
    Refused {
        /// Which one.
        name: String,
        /// What was tried.
        action: &'static str,
        /// Why not.
        source: ApiError,
    },
    /// Somebody else wrote it since we read it.
    #[error("the Secret {name} was written by another process meanwhile")]
    Conflict {
        /// Which one.
        name: String,
    },
    /// A snapshot names content that is neither stored nor handed over.
    #[error("{lacking} contents of the snapshot are neither stored nor at hand")]
    Lacking {
        /// How many.
        lacking: usize,
    },
    /// Not what the agent wrote.
    #[error("the Secret {name} does not hold what the agent writes there")]
    Garbled {
        /// Which one.
        name: String,
    },
}

/// A Secret as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Secret {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Its data, decoded.
    pub data: BTreeMap<String, Vec<u8>>,
    /// The resourceVersion it was read at; `None` for one that is to be created.
    pub version: Option<String>,
}

/// The Secrets of one namespace.
#[derive(Clone, Debug)]
pub struct Secrets {
    kube: Kube,
    namespace: String,
    writer: String,
}

impl Secrets {
    /// Those of `namespace`, written as the process `writer`.
    #[must_use]
    pub fn new(kube: Kube, namespace: &str, writer: &str) -> Self {
        Self {
            kube,
            namespace: namespace.to_owned(),
            writer: writer.to_owned(),
        }
    }

    /// The namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    fn path(&self, name: &str) -> String {
        Resource::core("secrets", "Secret", true).path(Place {
            namespace: &self.namespace,
            name,
        })
    }

    /// Reads one; `None` when it is not there.
    ///
    /// # Errors
    /// When that cannot be said.
    pub async fn get(&self, name: &str) -> Result<Option<Secret>, SecretError> {
        let answer = self.call(name, "read", Call::get(self.path(name))).await?;
        if answer.failure().says_gone("secrets", name) {
            return Ok(None);
        }
        let body = answer
            .success()
            .map_err(|source| refused(name, "read", source))?;
        Secret::read(&body).map(Some).ok_or_else(|| garbled(name))
    }

    /// Lists those whose [`STATE_LABEL`] has this value.
    ///
    /// # Errors
    /// When there is no complete answer.
    pub async fn list(&self, state: &str) -> Result<Vec<Secret>, SecretError> {
        let target = format!("{}?labelSelector={STATE_LABEL}%3D{state}", self.path(""));
        let call = Call::get(target).deadline(super::call::LIST_DEADLINE);
        let body = self
            .call(state, "listed", call)
            .await?
            .success()
            .map_err(|source| refused(state, "listed", source))?;
        items(&body)
            .ok_or_else(|| garbled(state))?
            .iter()
            .map(|item| Secret::read(item).ok_or_else(|| garbled(state)))
            .collect()
    }

    /// The names of those whose [`STATE_LABEL`] has this value; their data is not read.
    ///
    /// # Errors
    /// When there is no complete answer.
    pub async fn names(&self, state: &str) -> Result<Vec<String>, SecretError> {
        let target = format!("{}?labelSelector={STATE_LABEL}%3D{state}", self.path(""));
        let call = Call::get(target)
            .accept(super::call::PARTIAL_LIST)
            .deadline(super::call::LIST_DEADLINE);
        let body = self
            .call(state, "listed", call)
            .await?
            .success()
            .map_err(|source| refused(state, "listed", source))?;
        let name = |item: &Value| {
            let name = item.pointer("/metadata/name").and_then(Value::as_str);
            name.map(str::to_owned).ok_or_else(|| garbled(state))
        };
        let items = items(&body).ok_or_else(|| garbled(state))?;
        items.iter().map(name).collect()
    }

    /// Creates it when it has no version, else replaces exactly that version; gives the new version.
    ///
    /// When the answer to an earlier write of ours was lost, the version is newer and the writer is us: then it is
    /// written again on top.
    ///
    /// # Errors
    /// [`SecretError::Conflict`] when another process wrote it, and when there is no answer.
    pub async fn write(&self, secret: &Secret) -> Result<String, SecretError> {
        match self.try_write(secret).await? {
            Some(version) => Ok(version),
            None => {
                let name = &secret.name;
                let conflict = || SecretError::Conflict { name: name.clone() };
                let found = self.get(name).await?.ok_or_else(conflict)?;
                if found.annotations.get(WRITER_ANNOTATION) != Some(&self.writer) {
                    return Err(conflict());
                }
                let again = Secret {
                    version: found.version,
                    ..secret.clone()
                };
                self.try_write(&again).await?.ok_or_else(conflict)
            }
        }
    }

    /// `None`: somebody wrote it meanwhile, or created it.
    async fn try_write(&self, secret: &Secret) -> Result<Option<String>, SecretError> {
        let name = &secret.name;
        let body = secret.body(&self.namespace, &self.writer);
        let call = match secret.version {
            None => Call::post(self.path(""), &body),
            Some(_) => Call::put(self.path(name), &body),
        };
        let answer = self
            .call(name, "written", call.accept(super::call::PARTIAL))
            .await?;
        if answer.status == 409 {
            return Ok(None);
        }
        let body = answer
            .success()
            .map_err(|source| refused(name, "written", source))?;
        let version = body.pointer("/metadata/resourceVersion");
        let version = version
            .and_then(Value::as_str)
            .ok_or_else(|| garbled(name))?;
        Ok(Some(version.to_owned()))
    }

    /// Deletes it; that it is gone already is fine.
    ///
    /// # Errors
    /// When it may still be there.
    pub async fn delete(&self, name: &str) -> Result<(), SecretError> {
        self.try_delete(name, None).await.map(drop)
    }

    /// Deletes it where it still is what was read or written at `version`, or what a write of ours whose answer was
    /// lost made or made of it; that it is gone already is fine.
    ///
    /// # Errors
    /// [`SecretError::Conflict`] when another process wrote it, and when it may still be there.
    pub async fn delete_version(
        &self,
        name: &str,
        version: Option<&str>,
    ) -> Result<(), SecretError> {
        let conflict = || SecretError::Conflict {
            name: name.to_owned(),
        };
        if version.is_some() && self.try_delete(name, version).await? {
            return Ok(());
        }
        let Some(found) = self.get(name).await? else {
            return Ok(());
        };
        if found.annotations.get(WRITER_ANNOTATION) != Some(&self.writer) {
            return Err(conflict());
        }
        match self.try_delete(name, found.version.as_deref()).await? {
            true => Ok(()),
            false => Err(conflict()),
        }
    }

    /// `false`: it has another version.
    async fn try_delete(&self, name: &str, version: Option<&str>) -> Result<bool, SecretError> {
        let mut options = json!({"apiVersion": "v1", "kind": "DeleteOptions"});
        if let Some(version) = version {
            options["preconditions"] = json!({"resourceVersion": version});
        }
        let call = Call::delete(self.path(name), &options);
        let answer = self.call(name, "deleted", call).await?;
        if answer.failure().says_gone("secrets", name) {
            return Ok(true);
        }
        if answer.status == 409 && version.is_some() {
            return Ok(false);
        }
        answer
            .success()
            .map(|_| true)
            .map_err(|source| refused(name, "deleted", source))
    }

    async fn call(
        &self,
        name: &str,
        action: &'static str,
        call: Call,
    ) -> Result<super::Answer, SecretError> {
        self.kube
            .call(call)
            .await
            .map_err(|source| SecretError::Call {
                name: name.to_owned(),
                action,
                source,
            })
    }
}

/// What a list holds; an answer without `items` is no empty list. Servers write an empty list as `[]` or `null`,
/// and a `null` is taken only beside the `kind` of a list.
fn items(body: &Value) -> Option<&[Value]> {
    match body.get("items")? {
        Value::Array(items) => Some(items),
        Value::Null if super::watch::is_list(body) => Some(&[]),
        _ => None,
    }
}

fn refused(name: &str, action: &'static str, source: ApiError) -> SecretError {
    SecretError::Refused {
        name: name.to_owned(),
        action,
        source,
    }
}

fn garbled(name: &str) -> SecretError {
    SecretError::Garbled {
        name: name.to_owned(),
    }
}

impl Secret {
    /// A new one that holds agent state.
    #[must_use]
    pub fn state(name: &str, state: &str) -> Self {
        Self {
            name: name.to_owned(),
            labels: BTreeMap::from([(STATE_LABEL.to_owned(), state.to_owned())]),
            ..Self::default()
        }
    }

    /// A value as text; `None` when it is not there or no UTF-8.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        std::str::from_utf8(self.data.get(key)?).ok()
    }

    fn read(body: &Value) -> Option<Self> {
        let metadata = body.get("metadata")?;
        let texts = |value: Option<&Value>| -> BTreeMap<String, String> {
            let map = value.and_then(Value::as_object);
            map.into_iter()
                .flatten()
                .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
                .collect()
        };
        let data = body.get("data").and_then(Value::as_object);
        let data = data
            .into_iter()
            .flatten()
            .map(|(key, value)| Some((key.clone(), STANDARD.decode(value.as_str()?).ok()?)))
            .collect::<Option<_>>()?;
        Some(Self {
            name: metadata.get("name")?.as_str()?.to_owned(),
            labels: texts(metadata.get("labels")),
            annotations: texts(metadata.get("annotations")),
            data,
            version: Some(metadata.get("resourceVersion")?.as_str()?.to_owned()),
        })
    }

    fn body(&self, namespace: &str, writer: &str) -> Value {
        let data: Map<String, Value> = self
            .data
            .iter()
            .map(|(key, bytes)| (key.clone(), Value::from(STANDARD.encode(bytes))))
            .collect();
        let mut annotations = self.annotations.clone();
        annotations.insert(WRITER_ANNOTATION.to_owned(), writer.to_owned());
        let mut metadata = json!({
            "name": self.name,
            "namespace": namespace,
            "labels": self.labels,
            "annotations": annotations,
        });
        if let Some(version) = &self.version {
            metadata["resourceVersion"] = Value::from(version.as_str());
        }
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "Opaque",
            "metadata": metadata,
            "data": data,
        })
    }
}

#[cfg(test)]
mod tests;
