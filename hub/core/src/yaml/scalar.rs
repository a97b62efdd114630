//! What a scalar without quotes means.

use serde_json::Number;

use super::{Dialect, Numeral, Value};

/// The value of a plain scalar.
pub(super) fn plain(text: &str, dialect: Dialect) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    if dialect == Dialect::Kubernetes
        && let Some(value) = old_bool(text)
    {
        return Value::Bool(value);
    }
    match integer(text, dialect).or_else(|| float(text)) {
        Some(number) => Value::Number(Numeral::new(number, text)),
        None => Value::Text(text.to_owned()),
    }
}

/// The truth values of YAML 1.1.
fn old_bool(text: &str) -> Option<bool> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

fn integer(text: &str, dialect: Dialect) -> Option<Number> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (digits, radix) = match dialect {
        Dialect::Fleet if digits.len() > 1 && digits.starts_with('0') => return None,
        Dialect::Fleet => (digits, 10),
        Dialect::Kubernetes => radix(digits),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    if negative {
        0_i64.checked_sub_unsigned(magnitude).map(Number::from)
    } else {
        Some(Number::from(magnitude))
    }
}

/// The prefixes of integers in YAML 1.1.
fn radix(digits: &str) -> (&str, u32) {
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(rest) = digits.strip_prefix(prefix) {
            return (rest, radix);
        }
    }
    match digits.strip_prefix('0') {
        Some(rest) if !rest.is_empty() => (rest, 8),
        _ => (digits, 10),
    }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, without zeros in front.
fn float(text: &str) -> Option<Number> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let whole_holds = digits(whole) && (whole.len() == 1 || !whole.starts_with('0'));
    let mantissa_holds = match (whole.is_empty(), fraction.is_empty()) {
        (true, _) => digits(fraction),
        (false, true) => whole_holds,
        (false, false) => whole_holds && digits(fraction),
    };
    let exponent_holds = exponent.is_none_or(|e| digits(e.strip_prefix(['-', '+']).unwrap_or(e)));
    if !mantissa_holds || !exponent_holds {
        return None;
    }
    text.parse().ok().and_then(Number::from_f64)
}
