//! What is said while a fleet starts.

use super::growth;

#[test]
fn a_fleet_that_is_resumed_with_more_clusters_says_so() {
    let names = |names: &[&str]| -> Vec<String> { names.iter().map(ToString::to_string).collect() };
    let (one, two) = (names(&["a"]), names(&["a", "b"]));
    let said = growth(&one, &two);
    assert_eq!(said.as_deref(), Some("grows from 1 to 2 clusters: b"));
    assert_eq!(growth(&two, &one), None, "none is taken away");
    assert_eq!(growth(&[], &two), None, "a new fleet does not grow");
}
