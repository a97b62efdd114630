//! JSON patch (RFC 6902): one operation after another on a value, or words why not.

use serde_json::Value;

use crate::problem::{listed, nearest};

/// One operation with every text in it settled.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Add(Value),
    Remove,
    Replace(Value),
    Move(String),
    Copy(String),
    Test(Value),
}

/// Why an operation cannot be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

fn fault<T>(message: impl Into<String>) -> Result<T, Fault> {
    Err(Fault {
        message: message.into(),
        hint: None,
    })
}

/// Carries out one operation at a JSON pointer.
///
/// # Errors
/// When it does not fit the value, which may then be half changed.
pub(super) fn apply(target: &mut Value, step: Step, path: &str) -> Result<(), Fault> {
    match step {
        Step::Add(value) => add(target, path, value),
        Step::Remove => take(target, path).map(|_| ()),
        Step::Replace(value) => {
            *find(target, path)? = value;
            Ok(())
        }
        Step::Move(from) => {
            if path == from {
                return find(target, path).map(|_| ());
            }
            let rest = path.strip_prefix(from.as_str());
            if rest.is_some_and(|rest| rest.starts_with('/')) {
                return fault(format!("`{from}` cannot move into itself"));
            }
            let value = take(target, &from)?;
            add(target, path, value)
        }
        Step::Copy(from) => {
            let value = find(target, &from)?.clone();
            add(target, path, value)
        }
        Step::Test(wanted) => {
            let have = find(target, path)?;
            if equal(have, &wanted) {
                return Ok(());
            }
            fault(format!(
                "the test fails: `{path}` is {}, not {}",
                shown(have),
                shown(&wanted)
            ))
        }
    }
}

/// A value in a message, cut where it is long.
pub(super) fn shown(value: &Value) -> String {
    const SHOWN_MAX: usize = 60;
    let text = value.to_string();
    if text.chars().count() <= SHOWN_MAX {
        return text;
    }
    let cut: String = text.chars().take(SHOWN_MAX).collect();
    format!("{cut}...")
}

/// The keys and positions that a pointer leads through.
///
/// # Errors
/// When it is no JSON pointer (RFC 6901).
pub(super) fn tokens(path: &str) -> Result<Vec<String>, Fault> {
    if path.is_empty() {
        return Ok(Vec::new());
    }
    let Some(rest) = path.strip_prefix('/') else {
        return Err(Fault {
            message: format!("`{path}` is no JSON pointer"),
            hint: Some(format!("begin with /, as in `/{}`", path.replace('.', "/"))),
        });
    };
    rest.split('/').map(unescaped).collect()
}

fn unescaped(token: &str) -> Result<String, Fault> {
    let mut pieces = token.split('~');
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (escaped, rest) = match (piece.strip_prefix('0'), piece.strip_prefix('1')) {
            (Some(rest), _) => ('~', rest),
            (_, Some(rest)) => ('/', rest),
            (None, None) => {
                return Err(Fault {
                    message: format!("`{token}` has a `~` that is neither `~0` nor `~1`"),
                    hint: Some("write `~0` for `~` and `~1` for `/`".to_owned()),
                });
            }
        };
        out.push(escaped);
        out.push_str(rest);
    }
    Ok(out)
}

fn position(token: &str, len: usize) -> Option<usize> {
    let plain = token == "0" || !token.starts_with('0');
    let digits = !token.is_empty() && token.bytes().all(|b| b.is_ascii_digit());
    let index: usize = token.parse().ok().filter(|_| plain && digits)?;
    (index < len).then_some(index)
}

fn find<'v>(target: &'v mut Value, path: &str) -> Result<&'v mut Value, Fault> {
    walk(target, &tokens(path)?, path)
}

fn walk<'v>(target: &'v mut Value, tokens: &[String], path: &str) -> Result<&'v mut Value, Fault> {
    let mut value = target;
    for (depth, token) in tokens.iter().enumerate() {
        if !has(value, token) {
            return Err(absent(value, &tokens[..=depth], path));
        }
        value = match value {
            Value::Object(members) => &mut members[token.as_str()],
            Value::Array(items) => {
                let index = position(token, items.len()).expect("it was found just now");
                &mut items[index]
            }
            _ => unreachable!("only maps and lists have anything in them"),
        };
    }
    Ok(value)
}

fn has(value: &Value, token: &str) -> bool {
    match value {
        Value::Object(members) => members.contains_key(token),
        Value::Array(items) => position(token, items.len()).is_some(),
        _ => false,
    }
}

fn absent(value: &Value, tokens: &[String], path: &str) -> Fault {
    let (token, above) = tokens.split_last().expect("something is looked for");
    let shown: String = above.iter().map(|token| format!("/{token}")).collect();
    let whole = if shown.is_empty() {
        "the object".to_owned()
    } else {
        format!("`{shown}`")
    };
    let message = match value {
        Value::Object(_) => format!("`{path}` leads nowhere: {whole} has no `{token}`"),
        Value::Array(items) => format!(
            "`{path}` leads nowhere: {whole} has {} items, and no item `{token}`",
            items.len()
        ),
        _ => format!("`{path}` leads nowhere: {whole} is neither a map nor a list"),
    };
    let hint = value.as_object().map(|members| {
        let keys: Vec<&str> = members.keys().map(String::as_str).collect();
        match nearest(token, &keys) {
            Some(key) => format!("did you mean `{shown}/{key}`?"),
            None if keys.is_empty() => format!("{whole} is empty"),
            None => format!("{whole} has {}", listed(&keys)),
        }
    });
    Fault { message, hint }
}

fn add(target: &mut Value, path: &str, value: Value) -> Result<(), Fault> {
    let tokens = tokens(path)?;
    let Some((last, above)) = tokens.split_last() else {
        *target = value;
        return Ok(());
    };
    match walk(target, above, path)? {
        Value::Object(members) => {
            members.insert(last.clone(), value);
            Ok(())
        }
        Value::Array(items) if last == "-" => {
            items.push(value);
            Ok(())
        }
        Value::Array(items) => match position(last, items.len() + 1) {
            Some(index) => {
                items.insert(index, value);
                Ok(())
            }
            None => Err(Fault {
                message: format!("`{path}` leads nowhere: the list has {} items", items.len()),
                hint: Some("write `-` for the end of a list".to_owned()),
            }),
        },
        _ => fault(format!(
            "`{path}` leads nowhere: what is above is neither a map nor a list"
        )),
    }
}

fn take(target: &mut Value, path: &str) -> Result<Value, Fault> {
    let tokens = tokens(path)?;
    let Some((last, above)) = tokens.split_last() else {
        return fault("the whole object cannot be removed");
    };
    let parent = walk(target, above, path)?;
    if !has(parent, last) {
        return Err(absent(parent, &tokens, path));
    }
    Ok(match parent {
        Value::Object(members) => members.remove(last).unwrap_or_default(),
        Value::Array(items) => {
            let index = position(last, items.len()).expect("it was found just now");
            items.remove(index)
        }
        _ => unreachable!("only maps and lists have anything in them"),
    })
}

/// Equal as JSON: `1` and `1.0` are one number.
pub(super) fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(one), Value::Number(other)) => {
            let exact = |n: &serde_json::Number| n.is_i64() || n.is_u64();
            one == other || !(exact(one) && exact(other)) && one.as_f64() == other.as_f64()
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let same = |(key, value)| {
                b.get::<String>(key)
                    .is_some_and(|other| equal(value, other))
            };
            a.len() == b.len() && a.iter().all(same)
        }
        _ => a == b,
    }
}
