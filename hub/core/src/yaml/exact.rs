//! Whether a number stays what is written.

use serde_json::Number;

use super::Lost;

/// Why a number does not stay what is written; `written` is given where that differs from the
/// shortest form.
pub(super) fn lost(number: &Number, written: Option<&str>) -> Option<Lost> {
    if number.as_i64().is_some() {
        return None;
    }
    let shortest = number.to_string();
    let written = written.unwrap_or(&shortest);
    let digits = written.strip_prefix(['-', '+']).unwrap_or(written);
    let whole = digits.bytes().all(|byte| byte.is_ascii_digit());
    // JSON has `-0`, which is no whole number to its reader.
    if number.is_u64() || whole && digits.bytes().any(|byte| byte != b'0') {
        return Some(Lost::TooLong);
    }
    (Decimal::of(written) != Decimal::of(&shortest)).then_some(Lost::Rounded(shortest))
}

/// A decimal number: its digits without zeros at either end, and the power of ten of the last one.
#[derive(PartialEq, Eq)]
struct Decimal {
    negative: bool,
    digits: String,
    /// `None` where it is beyond all doubles.
    exponent: Option<i64>,
}

impl Decimal {
    fn of(text: &str) -> Self {
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let significant = all.trim_end_matches('0');
        let zeros = i64::try_from(all.len() - significant.len());
        let fraction = i64::try_from(fraction.len());
        let exponent: Option<i64> = exponent.parse().ok();
        let exponent = exponent.zip(zeros.ok()).zip(fraction.ok());
        let exponent = exponent.and_then(|((exponent, zeros), fraction)| {
            exponent.checked_add(zeros)?.checked_sub(fraction)
        });
        let digits = significant.trim_start_matches('0').to_owned();
        let zero = digits.is_empty();
        Self {
            negative: text.starts_with('-') && !zero,
            digits,
            exponent: if zero { Some(0) } else { exponent },
        }
    }
}
