//! Tests of opening.

use super::openness;

#[test]
fn only_a_directory_of_the_users_own_is_closed() {
    assert_eq!(openness(0o40_700), None);
    assert!(openness(0o40_755).unwrap().contains("look into"));
    assert!(openness(0o40_770).unwrap().contains("exchange"));
}
