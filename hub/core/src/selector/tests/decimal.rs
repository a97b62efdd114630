//! Decimal numbers, against whole numbers that are scaled alike.

use proptest::prelude::*;

use crate::selector::Decimal;

/// Digits after the point that the reference has room for.
const SCALE: usize = 6;

/// The number times a million.
fn scaled(text: &str) -> i128 {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let padded = format!("{whole}{fraction:0<SCALE$}");
    sign * padded.parse::<i128>().unwrap()
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        "[+-]?[0-9]{1,24}(\\.[0-9]{1,6})?",
        "[+-]?0{0,3}[0-2]{1,2}(\\.[01]{1,2}0{0,3})?",
    ]
}

proptest! {
    #[test]
    fn numbers_compare_as_scaled_whole_numbers_do(a in number(), b in number()) {
        let (left, right) = (Decimal::parse(&a).unwrap(), Decimal::parse(&b).unwrap());
        prop_assert_eq!(left.cmp(&right), scaled(&a).cmp(&scaled(&b)), "{} and {}", a, b);
        prop_assert_eq!(left == right, scaled(&a) == scaled(&b));
        prop_assert_eq!(Decimal::compare(&a, &right), Some(left.cmp(&right)));
        prop_assert_eq!(left.to_string(), a);
    }

    #[test]
    fn nothing_else_is_a_number(text in "[+-]?[0-9.eE +-]{0,6}|\\PC{0,4}") {
        let (sign, digits) = (text.starts_with(['+', '-']), text.trim_start_matches(['+', '-']));
        let unsigned = if sign { &text[1..] } else { digits };
        let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let is = match unsigned.split_once('.') {
            Some((whole, fraction)) => all_digits(whole) && all_digits(fraction),
            None => all_digits(unsigned),
        };
        prop_assert_eq!(Decimal::parse(&text).is_some(), is, "{:?}", text);
    }
}

#[test]
fn numbers_of_any_length_are_exact() {
    let compare = |a: &str, b: &str| Decimal::parse(a).unwrap().cmp(&Decimal::parse(b).unwrap());
    let nines = "9".repeat(1000);
    assert!(compare(&nines, &format!("1{}", "0".repeat(1000))).is_lt());
    assert!(compare(&format!("0.{nines}"), "1").is_lt());
    assert!(compare("9007199254740993", "9007199254740992").is_gt());
    assert!(compare("-0", "+0.000").is_eq());
    assert!(compare("1.50", "001.5").is_eq());
    assert!(compare("-2", "-10").is_gt());
}

#[test]
fn what_is_no_number_is_refused() {
    for text in [
        "", "-", "+", ".", "1.", ".5", "1e3", "0x1", " 1", "1 ", "--1", "1,5", "29+", "v1",
        "1.2.3", "١",
    ] {
        assert!(Decimal::parse(text).is_none(), "{text:?}");
    }
}
