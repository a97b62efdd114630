//! The cluster's own removal budget.

use std::collections::BTreeSet;
use std::ops::Range;

use capstan_proto::delta::Approval;
use capstan_proto::{BundleName, Moment, ObjectKey, removal};

use super::{Leaving, within_budget};
use crate::event::RemovalBudget;

fn set(numbers: Range<usize>) -> BTreeSet<ObjectKey> {
    let key = |n| ObjectKey {
        group: String::new(),
        kind: "ConfigMap".to_owned(),
        namespace: "shop".to_owned(),
        name: format!("c{n}"),
    };
    numbers.map(key).collect()
}

/// What bundles lose: each a range of objects.
fn bundles(ranges: &[Range<usize>]) -> Leaving {
    let bundle = |(n, range): (usize, &Range<usize>)| {
        let name = BundleName::parse(&format!("main.b{n}")).unwrap();
        (name, set(range.clone()))
    };
    ranges.iter().enumerate().map(bundle).collect()
}

fn keys(count: usize) -> Leaving {
    bundles(std::slice::from_ref(&(0..count)))
}

fn approval(numbers: Range<usize>, expires_at: Moment) -> Approval {
    Approval {
        removal_set: removal::cluster_digest(&set(numbers)),
        approver: "operator".to_owned(),
        expires_at,
    }
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
    let check = |approval| within_budget(&keys(3), 3, budget, &[approval], NOW);
    assert!(check(approval(0..3, NOW.plus_ms(1))).is_ok());
    assert!(check(approval(0..3, NOW)).is_err());
    assert!(check(approval(0..2, NOW.plus_ms(1))).is_err());
}

#[test]
fn approvals_of_several_bundles_add_up_and_the_rest_fits_the_budget() {
    let budget = Some(RemovalBudget {
        count: 1,
        percent: 0,
    });
    let later = NOW.plus_ms(1);
    let leaving = bundles(&[0..3, 3..7, 7..8]);
    let check = |approvals: &[Approval]| within_budget(&leaving, 8, budget, approvals, NOW);
    assert!(check(&[approval(0..3, later), approval(3..7, later)]).is_ok());
    assert!(
        check(&[approval(0..7, later)]).is_ok(),
        "two bundles at once"
    );
    assert!(check(&[approval(0..8, later)]).is_ok());
    assert!(check(&[approval(0..3, later)]).is_err());
    assert!(check(&[approval(0..6, later)]).is_err(), "half a bundle");
}

#[test]
fn of_many_bundles_each_alone_and_all_at_once_are_compared() {
    let budget = Some(RemovalBudget {
        count: 18,
        percent: 0,
    });
    let ranges: Vec<_> = (0..10).map(|n| n * 2..n * 2 + 2).collect();
    let leaving = bundles(&ranges);
    let later = NOW.plus_ms(1);
    let check = |approval| within_budget(&leaving, 20, budget, &[approval], NOW);
    assert!(check(approval(4..6, later)).is_ok());
    assert!(check(approval(0..20, later)).is_ok());
    assert!(check(approval(0..1, later)).is_err());
}
