//! Owns RFC 6902 JSON patch. As on the server, an operation that does not apply is a 422 whose message
//! does not say which.

use serde_json::Value;

use crate::schema::StatusError;

/// Operations that one patch may have.
const MAX_OPERATIONS: usize = 10_000;

/// RFC 6902 patch.
///
/// # Errors
/// 400 for a malformed patch, 413 for one with too many operations, 422 when an operation does not
/// apply.
pub fn json_patch(target: &Value, patch: &Value) -> Result<Value, StatusError> {
    let Value::Array(operations) = patch else {
        return Err(StatusError::bad_request(
            "error decoding patch: json: cannot unmarshal object into Go value of type \
             []handlers.jsonPatchOp",
        ));
    };
    if operations.len() > MAX_OPERATIONS {
        return Err(StatusError::new(
            413,
            "RequestEntityTooLarge",
            format!(
                "The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {}",
                operations.len()
            ),
        ));
    }
    let mut document = target.clone();
    for operation in operations {
        run(&mut document, operation).ok_or_else(|| {
            StatusError::new(
                422,
                "Invalid",
                "the server rejected our request due to an error in our request",
            )
        })?;
    }
    Ok(document)
}

/// Runs one operation; `None` when it does not apply.
fn run(document: &mut Value, operation: &Value) -> Option<()> {
    let text = |name: &str| operation.get(name).and_then(Value::as_str);
    let path = || text("path").and_then(pointer);
    let from = || text("from").and_then(pointer);
    let value = || operation.get("value").cloned();
    match text("op")? {
        "add" => add(document, &path()?, value()?),
        "remove" => remove(document, &path()?).map(drop),
        "replace" => replace(document, &path()?, value()?),
        "move" => {
            let value = remove(document, &from()?)?;
            add(document, &path()?, value)
        }
        "copy" => {
            let value = find(document, &from()?)?.clone();
            add(document, &path()?, value)
        }
        "test" => {
            let expected = value().unwrap_or(Value::Null);
            let found = find(document, &path()?).unwrap_or(&Value::Null);
            (*found == expected).then_some(())
        }
        _ => None,
    }
}

/// The decoded steps of a JSON pointer.
fn pointer(text: &str) -> Option<Vec<String>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    let steps = text.strip_prefix('/')?.split('/');
    Some(
        steps
            .map(|step| step.replace("~1", "/").replace("~0", "~"))
            .collect(),
    )
}

fn find<'v>(document: &'v Value, path: &[String]) -> Option<&'v Value> {
    path.iter().try_fold(document, |value, step| match value {
        Value::Object(fields) => fields.get(step),
        Value::Array(items) => items.get(index(step, items.len())?),
        _ => None,
    })
}

fn find_mut<'v>(document: &'v mut Value, path: &[String]) -> Option<&'v mut Value> {
    path.iter().try_fold(document, |value, step| match value {
        Value::Object(fields) => fields.get_mut(step),
        Value::Array(items) => {
            let index = index(step, items.len())?;
            items.get_mut(index)
        }
        _ => None,
    })
}

/// A position in a list; negative ones count from its end.
fn index(step: &str, length: usize) -> Option<usize> {
    match step.strip_prefix('-') {
        Some(back) => length.checked_sub(back.parse().ok()?),
        None => step.parse().ok(),
    }
}

fn add(document: &mut Value, path: &[String], value: Value) -> Option<()> {
    let Some((last, parents)) = path.split_last() else {
        *document = value;
        return Some(());
    };
    match find_mut(document, parents)? {
        Value::Object(fields) => {
            fields.insert(last.clone(), value);
        }
        Value::Array(items) if last == "-" => items.push(value),
        Value::Array(items) => {
            let at = index(last, items.len() + 1)?;
            if at > items.len() {
                return None;
            }
            items.insert(at, value);
        }
        _ => return None,
    }
    Some(())
}

fn remove(document: &mut Value, path: &[String]) -> Option<Value> {
    let (last, parents) = path.split_last()?;
    match find_mut(document, parents)? {
        Value::Object(fields) => fields.remove(last),
        Value::Array(items) => {
            let at = index(last, items.len())?;
            (at < items.len()).then(|| items.remove(at))
        }
        _ => None,
    }
}

/// Replaces a value. As on the server, a field of an object need not exist.
fn replace(document: &mut Value, path: &[String], value: Value) -> Option<()> {
    let Some((last, parents)) = path.split_last() else {
        *document = value;
        return Some(());
    };
    match find_mut(document, parents)? {
        Value::Object(fields) => {
            fields.insert(last.clone(), value);
        }
        Value::Array(items) => {
            let at = index(last, items.len())?;
            *items.get_mut(at)? = value;
        }
        _ => return None,
    }
    Some(())
}
