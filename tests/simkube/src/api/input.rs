//! Owns what a write brings with it: the decoded object, its warnings, its manager, its dry run.

use serde_json::{Value, json};

use super::Call;
use crate::errors;
use crate::http::body::{self, Document};
use crate::object;
use crate::schema::FieldValidation;
use crate::status::{ApiError, Cause, Result};
use crate::store::Key;
use crate::write::Writer;

/// An object that is ready to be written.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) object: Value,
    pub(crate) warnings: Vec<String>,
}

impl Call {
    /// The key that the path names.
    pub(crate) fn key(&self) -> Key {
        let namespace = if self.served.resource.namespaced {
            self.path.namespace.as_str()
        } else {
            ""
        };
        Key::new(namespace, &self.path.name)
    }

    /// Whether this is a dry run.
    pub(crate) fn dry_run(&self) -> Result<bool> {
        match self.target.query.get("dryRun") {
            "" => Ok(false),
            "All" => Ok(true),
            other => {
                let message = format!("Unsupported value: {other:?}: supported values: \"All\"");
                let cause = Cause {
                    reason: "FieldValueNotSupported",
                    field: "dryRun".into(),
                    message,
                };
                Err(ApiError::invalid(
                    "meta.k8s.io",
                    "CreateOptions",
                    "",
                    &[cause],
                ))
            }
        }
    }

    /// Who writes: `fieldManager`, or the first part of the user agent.
    pub(crate) fn manager(&self) -> String {
        let asked = self.target.query.get("fieldManager");
        if !asked.is_empty() {
            return asked.to_owned();
        }
        let agent = self
            .headers
            .get(http::header::USER_AGENT)
            .and_then(|value| value.to_str().ok());
        let name = agent
            .unwrap_or("unknown")
            .split('/')
            .next()
            .unwrap_or_default();
        if name.is_empty() {
            "unknown".to_owned()
        } else {
            name.chars().take(128).collect()
        }
    }

    pub(crate) fn writer(&self) -> Result<Writer> {
        Ok(Writer {
            manager: self.manager(),
            subresource: self.path.subresource.clone(),
            dry_run: self.dry_run()?,
            ..Writer::default()
        })
    }

    /// How unknown and duplicate fields are treated.
    pub(crate) fn validation(&self) -> Result<FieldValidation> {
        match self.target.query.get("fieldValidation") {
            "" | "Warn" => Ok(FieldValidation::Warn),
            "Ignore" => Ok(FieldValidation::Ignore),
            "Strict" => Ok(FieldValidation::Strict),
            other => {
                let message = format!(
                    "Unsupported value: {other:?}: supported values: \"\", \"Ignore\", \"Strict\", \"Warn\""
                );
                let cause = Cause {
                    reason: "FieldValueNotSupported",
                    field: "fieldValidation".into(),
                    message,
                };
                Err(ApiError::invalid(
                    "meta.k8s.io",
                    "CreateOptions",
                    "",
                    &[cause],
                ))
            }
        }
    }

    /// The object in the body of a create or an update.
    pub(crate) fn input(&self, bytes: &[u8]) -> Result<Input> {
        let document = body::parse(&self.headers, bytes)?;
        let Document {
            mut value,
            duplicates,
        } = document;
        self.check_type(&mut value)?;
        let mut input = self.decode(value)?;
        input
            .warnings
            .splice(0..0, self.check_duplicates(&duplicates)?);
        self.check_place(&mut input.object)?;
        Ok(input)
    }

    /// Decodes a whole object: unknown fields, wrong types, defaults.
    pub(crate) fn decode(&self, value: Value) -> Result<Input> {
        let Some(schema) = self.served.schema() else {
            return Ok(Input {
                object: value,
                warnings: Vec::new(),
            });
        };
        let name = object::name(&value).to_owned();
        let decoded = schema
            .decode(value, self.validation()?)
            .map_err(|error| errors::from_engine(error, &self.served, &name))?;
        Ok(Input {
            object: decoded.object,
            warnings: decoded.warnings,
        })
    }

    /// Refuses duplicate fields, or says the warnings that they deserve.
    pub(crate) fn check_duplicates(&self, duplicates: &[String]) -> Result<Vec<String>> {
        let texts = duplicates
            .iter()
            .map(|path| format!("duplicate field {path:?}"));
        match self.validation()? {
            _ if duplicates.is_empty() => Ok(Vec::new()),
            FieldValidation::Ignore => Ok(Vec::new()),
            FieldValidation::Warn => Ok(texts.collect()),
            FieldValidation::Strict => {
                let list: Vec<String> = texts.collect();
                let kind = self.served.kind();
                Err(ApiError::bad_request(format!(
                    "{kind} in version {:?} cannot be handled as a {kind}: strict decoding error: {}",
                    self.served.version().name,
                    list.join(", ")
                )))
            }
        }
    }

    fn check_type(&self, value: &mut Value) -> Result<()> {
        if !value.is_object() {
            let message = "couldn't get version/kind; json parse error: the body is no object";
            return Err(ApiError::bad_request(message));
        }
        let wanted = self.served.api_version();
        let kind = self.served.kind();
        let got = value["apiVersion"].as_str().unwrap_or_default().to_owned();
        let got_kind = value["kind"].as_str().unwrap_or_default().to_owned();
        if self.served.resource.custom && (got.is_empty() || got_kind.is_empty()) {
            return Err(ApiError::bad_request(
                "Object 'Kind' is missing in the body",
            ));
        }
        if !got.is_empty() && got != wanted {
            return Err(ApiError::bad_request(format!(
                "the API version in the data ({got}) does not match the expected API version ({wanted})"
            )));
        }
        if !got_kind.is_empty() && got_kind != kind {
            return Err(ApiError::bad_request(format!(
                "{got_kind} in version {:?} cannot be handled as a {kind}: converting ({got_kind}) to \
                 ({kind}): unknown conversion",
                self.served.version().name
            )));
        }
        value["apiVersion"] = json!(wanted);
        value["kind"] = json!(kind);
        Ok(())
    }

    /// Namespace and name must be those of the path.
    pub(crate) fn check_place(&self, object: &mut Value) -> Result<()> {
        if self.served.resource.namespaced {
            let given = object::namespace(object);
            if !given.is_empty() && given != self.path.namespace {
                return Err(ApiError::bad_request(format!(
                    "the namespace of the provided object does not match the namespace sent on the request"
                )));
            }
            let namespace = json!(self.path.namespace);
            object::set_meta(object, "namespace", Some(namespace));
        } else {
            object::set_meta(object, "namespace", None);
        }
        let name = object::name(object);
        if self.path.name.is_empty() {
            return Ok(());
        }
        if name.is_empty() {
            let name = json!(self.path.name);
            object::set_meta(object, "name", Some(name));
        } else if name != self.path.name {
            return Err(ApiError::bad_request(format!(
                "the name of the object ({name}) does not match the name on the URL ({})",
                self.path.name
            )));
        }
        Ok(())
    }
}
