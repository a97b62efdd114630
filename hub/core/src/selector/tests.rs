//! Selection terms: globs against their definition; the rest below.

mod decimal;
mod random;
mod words;

use proptest::prelude::*;

use super::glob;

/// The obvious definition, exponential in the worst case.
fn glob_by_definition(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) if glob_by_definition(rest, name) => true,
        (Some((b'*', _)), Some((_, name))) => glob_by_definition(pattern, name),
        (Some((c, rest)), Some((n, name))) => {
            (*c == b'?' || c == n) && glob_by_definition(rest, name)
        }
        _ => false,
    }
}

proptest! {
    #[test]
    fn globs_match_as_defined(pattern in "[ab?*]{0,8}", name in "[ab]{0,8}") {
        prop_assert_eq!(glob(&pattern, &name), glob_by_definition(pattern.as_bytes(), name.as_bytes()));
    }
}

#[test]
fn a_glob_of_many_stars_is_answered_at_once() {
    assert!(!glob(&"*a".repeat(30), &"a".repeat(29)));
}
