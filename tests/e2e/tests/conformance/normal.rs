//! Owns the form of an answer that does not depend on when and where it was given.
//!
//! UIDs, resource versions and addresses become tokens numbered by their first appearance, so a
//! write that changes nothing still shows as the same resource version. Requests may use the tokens.

use serde_json::Value;

/// The tokens of one scenario.
#[derive(Debug, Default)]
pub(crate) struct Normalizer {
    /// Raw text and token.
    known: Vec<(String, String)>,
}

impl Normalizer {
    /// Brings an answer into its recorded form.
    pub(crate) fn clean(&mut self, mut body: Value) -> Value {
        sort(&mut body);
        self.learn(&body, "");
        self.replace(&mut body, "");
        body
    }

    /// The text of a request body with the tokens replaced by what they stand for.
    pub(crate) fn fill(&self, body: &Value) -> String {
        match body {
            Value::String(raw) => self.fill_text(raw),
            other => self.fill_text(&other.to_string()),
        }
    }

    /// Replaces tokens in a text.
    pub(crate) fn fill_text(&self, text: &str) -> String {
        self.known
            .iter()
            .fold(text.to_owned(), |text, (raw, token)| {
                text.replace(token.as_str(), raw)
            })
    }

    fn learn(&mut self, value: &Value, key: &str) {
        match value {
            Value::Object(fields) => {
                for (key, value) in fields {
                    self.learn(value, key);
                }
            }
            Value::Array(items) => {
                for item in items {
                    self.learn(item, key);
                }
            }
            Value::String(text) => {
                if let Some(kind) = kind_of(key, text) {
                    self.token(kind, text);
                }
            }
            _ => {}
        }
    }

    fn token(&mut self, kind: &str, raw: &str) {
        if self.known.iter().any(|(known, _)| known == raw) {
            return;
        }
        let prefix = format!("<{kind} ");
        let count = self
            .known
            .iter()
            .filter(|(_, t)| t.starts_with(&prefix))
            .count();
        self.known
            .push((raw.to_owned(), format!("{prefix}{}>", count + 1)));
    }

    fn replace(&self, value: &mut Value, key: &str) {
        match value {
            Value::Object(fields) => {
                let old = std::mem::take(fields);
                for (key, mut value) in old {
                    self.replace(&mut value, &key);
                    fields.insert(self.replaced(&key, ""), value);
                }
            }
            Value::Array(items) => {
                for item in items {
                    self.replace(item, key);
                }
            }
            Value::String(text) if is_time(text) => "<time>".clone_into(text),
            Value::String(text) => *text = self.replaced(text, key),
            _ => {}
        }
    }

    fn replaced(&self, text: &str, key: &str) -> String {
        let exact = self.known.iter().find(|(raw, _)| raw == text);
        if let (Some((_, token)), Some(_)) = (exact, kind_of(key, text)) {
            return token.clone();
        }
        // Messages mention UIDs; resource versions are too short to be looked for in a text.
        let uids = self
            .known
            .iter()
            .filter(|(_, token)| token.starts_with("<uid"));
        uids.fold(text.to_owned(), |text, (raw, token)| {
            text.replace(raw.as_str(), token)
        })
    }
}

/// Sorts what a server lists by time or in no order at all: entries of managed fields and causes.
fn sort(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields.iter_mut() {
                sort(value);
                let key = key.rsplit('/').next().unwrap_or(key);
                let names: &[&str] = match key {
                    "managedFields" => &["operation", "manager", "apiVersion", "subresource"],
                    "causes" => &["field", "message"],
                    _ => continue,
                };
                if let Value::Array(items) = value {
                    items.sort_by_key(|item| {
                        let names = names.iter().map(|name| item[name].to_string());
                        (names.collect::<Vec<_>>(), item["fieldsV1"].to_string())
                    });
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(sort),
        _ => {}
    }
}

fn kind_of(key: &str, text: &str) -> Option<&'static str> {
    // A projected answer has pointers as keys.
    let key = key.rsplit('/').next().unwrap_or(key);
    match key {
        "uid" if text.len() == 36 => Some("uid"),
        "resourceVersion" if !text.is_empty() => Some("rv"),
        "clusterIP" | "clusterIPs" if text.starts_with("10.") => Some("ip"),
        _ => None,
    }
}

fn is_time(text: &str) -> bool {
    let shape: String = text
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    shape == "0000-00-00T00:00:00Z"
}
