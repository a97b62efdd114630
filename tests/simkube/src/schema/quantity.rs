//! Owns the canonical text of resource quantities: `1000m` is stored as `1`, `1024Mi` as `1Gi`.

use std::cmp::Ordering;

/// The server's text for a quantity that is none.
pub(crate) const MALFORMED: &str = "quantities must match the regular expression \
     '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

/// How a quantity was written, which its canonical text keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Decimal,
    Binary,
    Exponent,
}

/// A quantity in units of one billionth, the finest that the server keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quantity {
    nano: i128,
    format: Format,
}

const NANO: i128 = 1_000_000_000;

/// Suffixes by power of ten, from small to large.
const DECIMAL: [(&str, i32); 10] = [
    ("n", -9),
    ("u", -6),
    ("m", -3),
    ("", 0),
    ("k", 3),
    ("M", 6),
    ("G", 9),
    ("T", 12),
    ("P", 15),
    ("E", 18),
];

/// Suffixes by power of 1024.
const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/// The canonical text of `text`.
///
/// # Errors
/// The server's text when `text` is no quantity.
pub(crate) fn canonical(text: &str) -> Result<String, String> {
    parse(text)
        .map(Quantity::text)
        .ok_or_else(|| MALFORMED.to_owned())
}

/// Compares two quantities by value; texts that are none are equal.
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    match (parse(a), parse(b)) {
        (Some(a), Some(b)) => a.nano.cmp(&b.nano),
        _ => Ordering::Equal,
    }
}

/// Reads a quantity; fractions of a billionth are rounded up, as the server does.
pub(crate) fn parse(text: &str) -> Option<Quantity> {
    let text = text.trim();
    let (negative, rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let digits = rest
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(rest.len());
    let (number, suffix) = rest.split_at(digits);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let mantissa: i128 = format!("0{whole}{fraction}").parse().ok()?;
    let scale = i32::try_from(fraction.len()).ok()?;
    let (numerator, ten, format) = suffix_factor(suffix)?;
    let scaled = mantissa.checked_mul(numerator)?.checked_mul(NANO)?;
    let power = ten - scale;
    let nano = if power >= 0 {
        scaled.checked_mul(10i128.checked_pow(power.unsigned_abs())?)?
    } else {
        match 10i128.checked_pow(power.unsigned_abs()) {
            Some(divisor) => (scaled + divisor - 1) / divisor,
            None => i128::from(scaled != 0),
        }
    };
    Some(Quantity {
        nano: if negative { -nano } else { nano },
        format,
    })
}

/// The factor of a suffix: a multiplier, a power of ten and the format.
fn suffix_factor(suffix: &str) -> Option<(i128, i32, Format)> {
    if let Some((_, power)) = DECIMAL.iter().find(|(s, _)| *s == suffix) {
        return Some((1, *power, Format::Decimal));
    }
    if let Some(power) = BINARY.iter().position(|s| *s == suffix) {
        let power = u32::try_from(power).ok()?;
        return Some((1024i128.checked_pow(power)?, 0, Format::Binary));
    }
    let exponent = suffix
        .strip_prefix('e')
        .or_else(|| suffix.strip_prefix('E'))?;
    let power: i32 = exponent.parse().ok()?;
    (power.abs() <= 18).then_some((1, power, Format::Exponent))
}

impl Quantity {
    fn text(self) -> String {
        if self.nano == 0 {
            return "0".to_owned();
        }
        let small = self.nano.abs() < 1024 * NANO;
        match self.format {
            Format::Binary if !small && self.nano % NANO == 0 => self.binary(),
            Format::Exponent => self.exponent(),
            Format::Binary | Format::Decimal => self.decimal(),
        }
    }

    fn binary(self) -> String {
        let mut number = self.nano / NANO;
        let mut power = 0;
        while number % 1024 == 0 && power + 1 < BINARY.len() {
            number /= 1024;
            power += 1;
        }
        format!("{number}{}", BINARY[power])
    }

    /// The number and the power of ten, a multiple of three, that it is times.
    fn thousands(self) -> (i128, i32) {
        let (mut number, mut power) = (self.nano, -9);
        while number % 1000 == 0 && power < 18 {
            number /= 1000;
            power += 3;
        }
        (number, power)
    }

    fn decimal(self) -> String {
        let (number, power) = self.thousands();
        let suffix = DECIMAL.iter().find(|(_, p)| *p == power);
        format!("{number}{}", suffix.map_or("", |(s, _)| s))
    }

    fn exponent(self) -> String {
        match self.thousands() {
            (number, 0) => number.to_string(),
            (number, power) => format!("{number}e{power}"),
        }
    }
}
