//! Owns bringing an object from one API version of its kind to another.
//!
//! Custom resources have conversion strategy `None`: only `apiVersion` changes. Built-in kinds that
//! are served at two versions have a conversion of their own.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::{Schema, StatusError, hpa};

/// An object together with the schema of its version.
#[derive(Debug)]
pub(crate) struct Versioned<'a> {
    pub(crate) object: Cow<'a, Value>,
    pub(crate) schema: &'a Schema,
}

/// Why an object has no form at a version.
#[derive(Debug)]
pub(crate) enum VersionError {
    /// The version of a built-in kind does not exist.
    Gone,
    /// The conversion failed, with the server's text.
    Failed(String),
}

/// Brings an object of a kind with several versions from one of them to another.
///
/// # Errors
/// 500 when the object does not fit the version that it claims to have.
pub fn convert(object: &Value, from: &Schema, to: &Schema) -> Result<Value, StatusError> {
    to.convert_from(object, from).map_err(|error| match error {
        VersionError::Failed(text) => StatusError::internal(text),
        VersionError::Gone => StatusError::internal("no such version"),
    })
}

impl Schema {
    /// `object`, which is at the version of this schema, at `api_version`.
    pub(crate) fn convert<'a>(
        &'a self,
        object: &Value,
        api_version: &str,
    ) -> Result<Versioned<'a>, VersionError> {
        let schema = self.at_version(api_version)?;
        Ok(Versioned {
            object: Cow::Owned(schema.convert_from(object, self)?),
            schema,
        })
    }

    /// `object`, which is at the version of `from`, at the version of this schema.
    pub(crate) fn convert_from(&self, object: &Value, from: &Self) -> Result<Value, VersionError> {
        if from.gvk() == self.gvk() {
            return Ok(object.clone());
        }
        let mut object = match from.is_builtin() {
            true => {
                super::decode::retype(from.root(), object.clone()).map_err(VersionError::Failed)?
            }
            false => object.clone(),
        };
        if self.is_builtin() {
            hpa::convert(&mut object, &from.gvk().version, &self.gvk().version);
        }
        if let Some(fields) = object.as_object_mut() {
            fields.insert("apiVersion".to_owned(), json!(self.api_version()));
        }
        Ok(object)
    }

    /// The schema of another version of this kind.
    pub(crate) fn at_version(&self, api_version: &str) -> Result<&Self, VersionError> {
        if self.api_version() == api_version {
            return Ok(self);
        }
        if let Some(sibling) = self.siblings().find(|s| s.api_version() == api_version) {
            return Ok(sibling);
        }
        if !self.is_builtin() {
            return Err(VersionError::Failed(format!(
                "request to convert CR to an invalid group/version: {api_version}"
            )));
        }
        let gvk = self.gvk();
        let version = api_version.rsplit('/').next().unwrap_or_default();
        match super::builtin(&gvk.group, version, &gvk.kind) {
            Some(schema) if schema.api_version() == api_version => Ok(schema),
            _ => Err(VersionError::Gone),
        }
    }
}
