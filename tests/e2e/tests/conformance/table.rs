//! Owns the files of the table: scenarios, their requests and the recorded answers.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// One file of the table.
#[derive(Debug, Deserialize)]
pub(crate) struct Scenario {
    #[serde(skip)]
    pub(crate) name: String,
    #[serde(skip)]
    file: PathBuf,
    about: String,
    pub(crate) steps: Vec<Step>,
}

/// A request and the answer that a real server gave.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Step {
    pub(crate) note: String,
    pub(crate) request: Request,
    /// Send again until the answer has this code: the server gets there by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) retry_until: Option<u16>,
    /// JSON pointers of the parts of the answer that are compared; everything when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) show: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) answer: Option<Answer>,
}

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) content_type: Option<String>,
    /// A document, or a string that is sent as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<Value>,
}

#[derive(Debug, Deserialize, Serialize, PartialEq)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) warnings: Vec<String>,
    pub(crate) body: Value,
}

/// All scenarios, by name.
pub(crate) fn load(directory: &Path) -> Result<Vec<Scenario>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)
        .context("list the table")?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<_, _>>()?;
    files.sort();
    files
        .into_iter()
        .filter(|file| file.extension().is_some_and(|e| e == "json"))
        .map(|file| {
            let text = std::fs::read_to_string(&file)?;
            let mut scenario: Scenario =
                serde_json::from_str(&text).with_context(|| format!("read {}", file.display()))?;
            let name = file.file_stem().unwrap_or_default();
            scenario.name = name.to_string_lossy().into_owned();
            scenario.file = file;
            Ok(scenario)
        })
        .collect()
}

impl Scenario {
    /// Writes the scenario back, one line per request and per answer.
    pub(crate) fn save(&self) -> Result<()> {
        let steps: Vec<String> = self
            .steps
            .iter()
            .map(|step| {
                let text = serde_json::to_string(&step_head(step))?;
                Ok(format!(
                    "{},\n \"answer\": {}}}",
                    text.strip_suffix('}').unwrap_or(&text),
                    serde_json::to_string(&step.answer)?
                ))
            })
            .collect::<Result<_>>()?;
        let text = format!(
            "{{\"about\": {},\n\"steps\": [\n{}\n]}}\n",
            json!(self.about),
            steps.join(",\n")
        );
        Ok(std::fs::write(&self.file, text)?)
    }
}

fn step_head(step: &Step) -> Value {
    let mut head = json!({"note": step.note, "request": step.request});
    if let Some(code) = step.retry_until {
        head["retry_until"] = json!(code);
    }
    if let Some(show) = &step.show {
        head["show"] = json!(show);
    }
    head
}

/// The parts of `body` at these pointers.
pub(crate) fn project(body: &Value, pointers: &[String]) -> Value {
    let parts = pointers.iter().map(|pointer| {
        let part = body.pointer(pointer).cloned().unwrap_or(Value::Null);
        (pointer.clone(), part)
    });
    Value::Object(parts.collect())
}

/// The fields in which two answers differ, one per line.
pub(crate) fn difference(expected: &Answer, found: &Answer) -> String {
    let mut lines = Vec::new();
    if expected.code != found.code {
        lines.push(format!(
            "  code: recorded {}, got {}",
            expected.code, found.code
        ));
    }
    if expected.warnings != found.warnings {
        lines.push(format!(
            "  warnings: recorded {:?}, got {:?}",
            expected.warnings, found.warnings
        ));
    }
    compare(&expected.body, &found.body, "", &mut lines);
    lines.join("\n")
}

fn compare(expected: &Value, found: &Value, path: &str, lines: &mut Vec<String>) {
    match (expected, found) {
        (Value::Object(e), Value::Object(f)) => {
            for (key, value) in e {
                let at = format!("{path}/{key}");
                match f.get(key) {
                    Some(other) => compare(value, other, &at, lines),
                    None => lines.push(format!("  {at}: recorded {value}, got nothing")),
                }
            }
            for (key, value) in f.iter().filter(|(key, _)| !e.contains_key(*key)) {
                lines.push(format!("  {path}/{key}: recorded nothing, got {value}"));
            }
        }
        (Value::Array(e), Value::Array(f)) if e.len() == f.len() => {
            for (index, (e, f)) in e.iter().zip(f).enumerate() {
                compare(e, f, &format!("{path}/{index}"), lines);
            }
        }
        (e, f) if e == f => {}
        (e, f) => lines.push(format!("  {path}: recorded {e}, got {f}")),
    }
}
