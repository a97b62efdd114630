//! What exactly an API server objects to in a declaration: fields and words, without values.
//!
//! No reason in a `Status` tells a wrong type from an unknown field: both are a 500 without any, and
//! only the text says which. Values that it echoes are left out (K20).

use serde_json::Value;

use crate::outcome::Refused;

/// What a server says of values that fit its schema and not its types; what a conversion webhook says, which may be
/// away for a moment, has other words.
pub(super) const UNCONVERTED: &str = "unable to convert unstructured object to ";

/// What a server says of a field that cannot be changed.
const IMMUTABLE: &str = "field is immutable";

/// Complaints that are spelled out; more do not fit two lines of a terminal.
const SPELLED_MAX: usize = 4;

/// The kind of a complaint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    UnknownField,
    WrongType,
    Duplicate,
    Immutable,
    /// A value, or something else.
    Invalid,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Complaint {
    /// Path of the field, as the server writes it; may be empty.
    pub(super) field: String,
    pub(super) problem: Problem,
    /// What the server said of it, without values; may be empty.
    said: String,
}

impl Problem {
    /// One CamelCase word.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::UnknownField => "UnknownField",
            Self::WrongType => "WrongType",
            Self::Duplicate => "DuplicateField",
            Self::Immutable => "Immutable",
            Self::Invalid => "Invalid",
        }
    }
}

impl Complaint {
    fn new(field: &str, problem: Problem, said: &str) -> Self {
        Self {
            field: field.to_owned(),
            problem,
            said: said.to_owned(),
        }
    }

    fn words(&self) -> String {
        let Self {
            field,
            problem,
            said,
        } = self;
        let field = match field.as_str() {
            "" => "a field",
            field => field,
        };
        match problem {
            Problem::UnknownField => format!("it knows no field {field}"),
            Problem::WrongType if said.is_empty() => format!("{field} has the wrong type"),
            Problem::WrongType => format!("{field} has the wrong type: {said}"),
            Problem::Duplicate => format!("{field} is there twice"),
            Problem::Immutable => format!("{field} cannot be changed once it is set"),
            Problem::Invalid if said.is_empty() => format!("{field} is not valid"),
            Problem::Invalid if self.field.is_empty() => said.clone(),
            Problem::Invalid => format!("{field}: {said}"),
        }
    }
}

/// All complaints in words; of a Secret without anything the server said.
pub(super) fn spelled(complaints: &[Complaint], secret: bool) -> String {
    let words = complaints.iter().take(SPELLED_MAX).map(|complaint| {
        if secret {
            let said = String::new();
            let quiet = Complaint {
                said,
                ..complaint.clone()
            };
            return quiet.words();
        }
        complaint.words()
    });
    let mut words: Vec<_> = words.collect();
    if complaints.len() > SPELLED_MAX {
        words.push(format!("and {} more", complaints.len() - SPELLED_MAX));
    }
    words.join("; ")
}

/// What the server objects to; empty where it does not say.
pub(super) fn complaints(refused: &Refused) -> Vec<Complaint> {
    let causes = refused.status.pointer("/details/causes");
    let causes = causes.and_then(Value::as_array).into_iter().flatten();
    let of_causes: Vec<_> = causes.filter_map(of_cause).collect();
    let message = refused.status["message"].as_str().unwrap_or(&refused.text);
    if is_denied(message) {
        let lasts_not = |complaint: Complaint| Complaint {
            problem: Problem::Invalid,
            ..complaint
        };
        return of_causes.into_iter().map(lasts_not).collect();
    }
    let whole_is_immutable = message.contains(IMMUTABLE);
    if !of_causes.is_empty() {
        let told = of_causes.iter().any(|c| c.problem == Problem::Immutable);
        let mark = |complaint: Complaint| match complaint.said.is_empty() {
            true if whole_is_immutable && !told => Complaint {
                problem: Problem::Immutable,
                ..complaint
            },
            _ => complaint,
        };
        return of_causes.into_iter().map(mark).collect();
    }
    if let Some(typed) = message.split_once("failed to create typed patch object") {
        return of_typed(typed.1);
    }
    if let Some((_, rest)) = message.split_once(UNCONVERTED) {
        return vec![of_conversion(rest)];
    }
    let decoded = of_decoding(message);
    match decoded.is_empty() {
        true if whole_is_immutable => vec![Complaint::new("", Problem::Immutable, "")],
        _ => decoded,
    }
}

/// Whether a webhook or a policy said it, in words of its own: whoever wrote them may mend them, so that nothing of
/// it is for ever.
fn is_denied(message: &str) -> bool {
    message.starts_with("admission webhook") || message.contains(" denied request: ")
}

/// `{"field": "spec.replicas", "message": "Invalid value: -1: must be ..."}`.
fn of_cause(cause: &Value) -> Option<Complaint> {
    let field = cause["field"].as_str().unwrap_or_default();
    let message = cause["message"].as_str().unwrap_or_default();
    let said = without_value(message);
    // Where the end of a value is not found, the detail is what follows the last colon, and no value ends there.
    let last = message.rsplit(": ").next().unwrap_or_default();
    let detail = last.starts_with(IMMUTABLE) && !last.contains(['"', '}']);
    let problem = match said.contains("immutable") || detail {
        true => Problem::Immutable,
        false => Problem::Invalid,
    };
    let nothing = field.is_empty() && said.is_empty();
    (!nothing).then(|| Complaint::new(field, problem, &said))
}

/// ` (shop/web; apps/v1, Kind=Deployment): .spec.replicas: expected numeric ...`, or `: errors:` and
/// one of those a line.
fn of_typed(text: &str) -> Vec<Complaint> {
    let text = text.split_once("): ").map_or("", |(_, text)| text);
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && *line != "errors:");
    lines.map(of_typed_line).collect()
}

fn of_typed_line(line: &str) -> Complaint {
    let (path, said) = line.split_once(": ").unwrap_or((line, ""));
    let is_path = path.starts_with('.') && !path.contains(char::is_whitespace);
    let (path, said) = if is_path { (path, said) } else { ("", line) };
    if said.starts_with("field not declared in schema") {
        return Complaint::new(path, Problem::UnknownField, "");
    }
    if said.starts_with("duplicate entries") {
        return Complaint::new(path, Problem::Duplicate, "");
    }
    match said.split_once(", got ") {
        Some((expected, got)) if expected.starts_with("expected ") => {
            let is_type = got.chars().all(|c| c.is_ascii_lowercase());
            let said = if is_type { said } else { expected };
            Complaint::new(path, Problem::WrongType, said)
        }
        _ => Complaint::new(path, Problem::Invalid, ""),
    }
}

/// `apps/v1, Kind=Deployment: cannot convert float64 to int32`, which names no field.
fn of_conversion(text: &str) -> Complaint {
    let said = text.split_once(": ").map_or("", |(_, said)| said);
    let types = said.strip_prefix("cannot convert ");
    match types.and_then(|types| types.split_once(" to ")) {
        Some((got, expected)) => {
            let said = format!("expected {expected}, got {got}");
            Complaint::new("", Problem::WrongType, &said)
        }
        None => Complaint::new("", Problem::Invalid, said),
    }
}

/// `strict decoding error: unknown field "spec.replica"`, or
/// `json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32`.
fn of_decoding(message: &str) -> Vec<Complaint> {
    let heads = ["strict decoding error", "cannot be handled as a"];
    let rest = heads.iter().find_map(|head| message.split_once(head));
    let Some((_, message)) = rest else {
        return Vec::new();
    };
    let mut out = Vec::new();
    for (before, problem) in [
        ("unknown field \"", Problem::UnknownField),
        ("duplicate field \"", Problem::Duplicate),
    ] {
        for rest in message.split(before).skip(1) {
            let field = rest.split('"').next().unwrap_or_default();
            out.push(Complaint::new(field, problem, ""));
        }
    }
    if let Some((_, rest)) = message.split_once("json: cannot unmarshal ") {
        let got = rest.split(' ').next().unwrap_or_default();
        let place = rest.split_once("Go struct field ").map_or("", |(_, p)| p);
        let (place, kind) = place.split_once(" of type ").unwrap_or((place, ""));
        let field = place.split_once('.').map_or("", |(_, field)| field);
        let kind = kind.split(' ').next().unwrap_or_default();
        let said = format!("expected {kind}, got {got}");
        out.push(Complaint::new(field, Problem::WrongType, &said));
    }
    out
}

/// `Invalid value: "x": must be ...` without the value.
fn without_value(said: &str) -> String {
    for head in ["Invalid value", "Unsupported value", "Duplicate value"] {
        let Some(rest) = said.strip_prefix(head).and_then(|r| r.strip_prefix(": ")) else {
            continue;
        };
        return match after_value(rest) {
            Some(detail) => format!("{head}: {detail}"),
            None => head.to_owned(),
        };
    }
    said.to_owned()
}

/// What follows a value, which is written as JSON or as Go does (`v1.LabelSelector{MatchLabels:...}`): the first
/// `: ` outside its quotes and brackets. `None` where there is none.
fn after_value(text: &str) -> Option<&str> {
    let mut depth = 0_usize;
    let mut quoted = false;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if quoted => {
                chars.next();
            }
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.checked_sub(1)?,
            ':' if depth == 0 && text[at..].starts_with(": ") => return text.get(at + 2..),
            _ => {}
        }
    }
    None
}
