//! The cluster's own removal budget.

use std::collections::BTreeSet;

use capstan_proto::delta::Approval;
use capstan_proto::{Moment, ObjectKey, removal};

use super::within_budget;
use crate::event::RemovalBudget;

fn keys(count: usize) -> BTreeSet<ObjectKey> {
    let key = |n| ObjectKey {
        group: String::new(),
        kind: "ConfigMap".to_owned(),
        namespace: "shop".to_owned(),
        name: format!("c{n}"),
    };
    (0..count).map(key).collect()
}

const NOW: Moment = Moment::from_unix_ms(1_000);

#[test]
fn the_larger_of_count_and_percent_is_allowed() {
    let budget = Some(RemovalBudget {
        count: 2,
        percent: 10,
    });
    assert!(within_budget(&keys(2), 5, budget, &[], NOW).is_ok());
    assert!(within_budget(&keys(3), 5, budget, &[], NOW).is_err());
    assert!(within_budget(&keys(10), 100, budget, &[], NOW).is_ok());
    assert!(within_budget(&keys(50), 50, None, &[], NOW).is_ok());
}

#[test]
fn an_approval_covers_exactly_its_set_until_it_expires() {
    let budget = Some(RemovalBudget {
        count: 0,
        percent: 0,
    });
    let approval = |count, expires_at| Approval {
        removal_set: removal::cluster_digest(&keys(count)),
        approver: "operator".to_owned(),
        expires_at,
    };
    let check = |approval| within_budget(&keys(3), 3, budget, &[approval], NOW);
    assert!(check(approval(3, NOW.plus_ms(1))).is_ok());
    assert!(check(approval(3, NOW)).is_err());
    assert!(check(approval(2, NOW.plus_ms(1))).is_err());
}
