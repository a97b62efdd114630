//! Owns the part of JSONPath that printed columns use: `.a.b`, `['a']`, `[0]`,
//! `[?(@.type=="Ready")]`.

use serde_json::Value;

/// The first value at `path`.
pub(super) fn find<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let path = path
        .trim()
        .trim_start_matches('{')
        .trim_end_matches('}')
        .trim_start_matches('$');
    walk(value, path)
}

fn walk<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    if path.is_empty() {
        return Some(value);
    }
    if let Some(rest) = path.strip_prefix('.') {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        return match &rest[..end] {
            "" => walk(value, rest),
            field => walk(value.get(field)?, &rest[end..]),
        };
    }
    if let Some(rest) = path.strip_prefix('[') {
        let (inside, rest) = bracket(rest)?;
        return walk(select(value, inside)?, rest);
    }
    let end = path.find(['.', '[']).unwrap_or(path.len());
    walk(value.get(&path[..end])?, &path[end..])
}

/// Splits at the bracket that closes, outside of quotes.
fn bracket(text: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    for (index, character) in text.char_indices() {
        match (quote, character) {
            (None, '\'' | '"') => quote = Some(character),
            (Some(open), close) if open == close => quote = None,
            (None, ']') => return Some((&text[..index], &text[index + 1..])),
            _ => {}
        }
    }
    None
}

fn select<'a>(value: &'a Value, inside: &str) -> Option<&'a Value> {
    let inside = inside.trim();
    if let Some(condition) = inside
        .strip_prefix("?(")
        .and_then(|text| text.strip_suffix(')'))
    {
        let (left, right) = condition.split_once("==")?;
        let path = left.trim().strip_prefix('@')?;
        let wanted = unquoted(right.trim());
        return value.as_array()?.iter().find(|item| {
            find(item, path).is_some_and(|found| match found {
                Value::String(text) => text == wanted,
                other => {
                    let text = other.to_string();
                    text == wanted
                }
            })
        });
    }
    if inside == "*" {
        return value.as_array()?.first();
    }
    match inside.parse::<usize>() {
        Ok(index) => value.get(index),
        Err(_) => value.get(unquoted(inside)),
    }
}

fn unquoted(text: &str) -> &str {
    text.trim_matches(|character| matches!(character, '\'' | '"'))
}
