//! Hints.

use super::did_you_mean;

#[test]
fn a_misspelt_word_is_answered_with_the_nearest_known_one() {
    let known = ["matchExpressions", "matchLabels", "names"];
    assert_eq!(
        did_you_mean("matchLables", &known),
        "did you mean `matchLabels`?"
    );
    assert_eq!(
        did_you_mean("matchlabels", &known),
        "did you mean `matchLabels`?"
    );
}

#[test]
fn a_word_that_resembles_nothing_is_answered_with_all_known_ones() {
    assert_eq!(
        did_you_mean("zzz", &["names", "groups"]),
        "allowed: names, groups"
    );
}
