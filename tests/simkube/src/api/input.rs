//! Owns what a write brings with it: the decoded object, its warnings, its manager, its dry run.

use serde_json::{Value, json};

use super::Call;
use crate::errors;
use crate::http::body::{self, Document};
use crate::object;
use crate::schema::FieldValidation;
use crate::status::{ApiError, Result};
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

    /// What the options of this request are called in messages.
    fn options_kind(&self) -> &'static str {
        match self.target.verb.as_str() {
            "patch" => "PatchOptions",
            "update" => "UpdateOptions",
            "delete" | "deletecollection" => "DeleteOptions",
            _ => "CreateOptions",
        }
    }

    /// Whether this is a dry run.
    pub(crate) fn dry_run(&self) -> Result<bool> {
        match self.target.query.get("dryRun") {
            "" => Ok(false),
            "All" => Ok(true),
            other => {
                let why = format!("Unsupported value: [{other:?}]: supported values: \"All\"");
                Err(ApiError::unsupported_option(
                    self.options_kind(),
                    "dryRun",
                    why,
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
            mutations: self.suffers.mutations.clone(),
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
                let why = format!(
                    "Unsupported value: {other:?}: supported values: \"\", \"Ignore\", \"Strict\", \"Warn\""
                );
                Err(ApiError::unsupported_option(
                    self.options_kind(),
                    "fieldValidation",
                    why,
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

    /// Decodes what a patch made of an object; a refusal echoes a strategic patch.
    pub(crate) fn decode_patched(&self, value: Value, patch: Option<&Value>) -> Result<Input> {
        let Some(schema) = self.served.schema() else {
            return Ok(Input {
                object: value,
                warnings: Vec::new(),
            });
        };
        let decoded = schema
            .decode_patched(value, patch, self.validation()?)
            .map_err(|error| errors::from_engine(error, &self.served, ""))?;
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
        let given = (
            if got.is_empty() { &wanted } else { &got },
            if got_kind.is_empty() { kind } else { &got_kind },
        );
        if given != (&wanted, kind) {
            return Err(self.wrong_type(given.0, given.1));
        }
        value["apiVersion"] = json!(wanted);
        value["kind"] = json!(kind);
        Ok(())
    }

    /// The body is of another type than the path.
    fn wrong_type(&self, api_version: &str, given: &str) -> ApiError {
        let (version, kind) = (&self.served.version().name, self.served.kind());
        let known = self
            .app
            .shared
            .with(|world| world.kinds.knows(api_version, given));
        let why = if !known {
            format!(
                "no kind {given:?} is registered for version {api_version:?} in scheme \
                 \"pkg/api/legacyscheme/scheme.go:30\""
            )
        } else if given == kind {
            return ApiError::bad_request(format!(
                "the API version in the data ({api_version}) does not match the expected API \
                 version ({})",
                self.served.api_version()
            ));
        } else {
            let group = match self.served.resource.group.as_str() {
                "" => "core",
                group => group.split('.').next().unwrap_or(group),
            };
            let (_, of) = api_version.split_once('/').unwrap_or(("", api_version));
            format!("converting ({of}.{given}) to ({group}.{kind}): unknown conversion")
        };
        ApiError::bad_request(format!(
            "{given} in version {version:?} cannot be handled as a {kind}: {why}"
        ))
    }

    /// Namespace and name must be those of the path; absent ones are filled in.
    pub(crate) fn check_place(&self, object: &mut Value) -> Result<()> {
        self.check_place_of(object)?;
        let namespace = self
            .served
            .resource
            .namespaced
            .then(|| json!(self.path.namespace));
        object::set_meta(object, "namespace", namespace);
        if !self.path.name.is_empty() {
            let name = json!(self.path.name);
            object::set_meta(object, "name", Some(name));
        }
        Ok(())
    }

    /// Namespace and name must be those of the path, or absent.
    pub(crate) fn check_place_of(&self, object: &Value) -> Result<()> {
        let given = object::namespace(object);
        if self.served.resource.namespaced && !given.is_empty() && given != self.path.namespace {
            return Err(ApiError::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
        let name = object::name(object);
        if !self.path.name.is_empty() && !name.is_empty() && name != self.path.name {
            return Err(ApiError::bad_request(format!(
                "the name of the object ({name}) does not match the name on the URL ({})",
                self.path.name
            )));
        }
        Ok(())
    }
}
