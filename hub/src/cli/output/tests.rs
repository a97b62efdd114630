//! Tests of what a watch shows again.

use serde_json::json;

use super::{Shown, without_age, without_ages};

fn shown(lines: &[&str]) -> Shown {
    Shown {
        lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        sayings: lines.iter().map(|line| without_age(line)).collect(),
    }
}

#[test]
fn a_row_is_shown_again_only_when_more_than_its_age_changed() {
    let before = shown(&[
        "NAME   SYNC     HEARD",
        "one    Synced   3 s ago",
        "two    Synced   59 s ago",
    ]);
    let older = shown(&[
        "NAME   SYNC     HEARD",
        "one    Synced   4 s ago",
        "two    Synced   1 min ago",
    ]);
    assert_eq!(before.news(&older).count(), 0);
    let wider = shown(&[
        "NAME   SYNC       HEARD",
        "one    Synced     4 s ago",
        "two    Applying   0 s ago",
    ]);
    let news: Vec<_> = before.news(&wider).collect();
    assert_eq!(news, ["two    Applying   0 s ago"]);
}

#[test]
fn only_ages_are_left_out_of_a_line() {
    assert_eq!(
        without_age("  one  Offline, heard 3 h ago, 5 objects"),
        "one Offline, heard ago, 5 objects"
    );
    assert_eq!(without_age("3 objects long ago"), "3 objects long ago");
    assert_ne!(without_age("2 d"), without_age("3 d"));
}

#[test]
fn a_value_is_shown_again_only_when_more_than_its_ages_changed() {
    let ageless = |seen: u32, sync: &str| {
        let mut value = json!({
            "picture": seen,
            "clusters": [{"name": "one", "seenAtMs": seen, "sync": sync}],
            "text": format!("one heard {seen} s ago"),
        });
        without_ages(&mut value);
        value
    };
    assert_eq!(ageless(1, "Synced"), ageless(2, "Synced"));
    assert_ne!(ageless(1, "Synced"), ageless(1, "Failed"));
}
