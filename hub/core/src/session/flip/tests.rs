//! Tests of what betrays a copied agent.

use super::*;

#[test]
fn two_agents_with_one_identity_are_told_from_one_that_moved() {
    let opened = |turns: &[(u64, u8)]| -> Vec<Opened> {
        let one = |(minute, instance): &(u64, u8)| Opened {
            at: Moment::from_unix_ms(0).plus_ms(minute * 60_000),
            instance: [*instance; 16],
            cluster_uid: "uid".to_owned(),
        };
        turns.iter().map(one).collect()
    };
    let judge = |turns: &[(u64, u8)]| quarantine(Some("uid"), &opened(turns));
    assert_eq!(
        judge(&[(0, 1), (1, 2), (2, 1), (3, 2)]),
        Some(Quarantine::TwoInstances)
    );
    assert_eq!(judge(&[(0, 1), (1, 2), (2, 1)]), None);
    assert_eq!(judge(&[(0, 1), (1, 1), (2, 2), (3, 2), (4, 1)]), None);
    assert_eq!(judge(&[(0, 1), (1, 2), (2, 1), (12, 2)]), None);
    assert_eq!(judge(&[(0, 1), (1, 2), (2, 3), (3, 4)]), None);
    let other = quarantine(Some("other"), &opened(&[(0, 1)]));
    assert!(matches!(other, Some(Quarantine::TwoClusters { .. })));
    assert_eq!(quarantine(None, &opened(&[(0, 1)])), None);
}
