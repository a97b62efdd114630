//! The cluster's own removal budget.

use std::collections::BTreeSet;
use std::ops::Range;

use capstan_proto::delta::Approval;
use capstan_proto::{BundleName, Moment, ObjectKey, removal};

use super::{Fate, Leaving, within_budget};
use crate::event::RemovalBudget;

fn set(numbers: Range<usize>) -> BTreeSet<ObjectKey> {
    let key = |n| ObjectKey::new("", "ConfigMap", "shop", format!("c{n}"));
    numbers.map(key).collect()
}

/// What bundles lose: each a range of objects.
fn bundles(ranges: &[Range<usize>]) -> Leaving {
    let bundle = |(n, range): (usize, &Range<usize>)| {
        let name = BundleName::parse(&format!("main.b{n}")).unwrap();
        let goes = set(range.clone()).into_iter().map(|key| (key, Fate::Goes));
        (name, goes.collect())
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
fn of_many_bundles_those_that_are_not_approved_alone_are_combined() {
    let budget = Some(RemovalBudget {
        count: 0,
        percent: 0,
    });
    let ranges: Vec<_> = (0..10).map(|n| n * 2..n * 2 + 2).collect();
    let leaving = bundles(&ranges);
    let later = NOW.plus_ms(1);
    let check = |approvals: &[Approval]| within_budget(&leaving, 20, budget, approvals, NOW);
    assert!(check(&[approval(0..20, later)]).is_ok(), "all at once");
    let pieces = [
        approval(0..2, later),
        approval(2..4, later),
        approval(4..12, later),
        approval(12..20, later),
    ];
    assert!(
        check(&pieces).is_ok(),
        "two alone, four and four of the rest"
    );
    let each: Vec<_> = ranges
        .into_iter()
        .map(|range| approval(range, later))
        .collect();
    assert!(check(&each).is_ok());
}

#[test]
fn what_was_not_compared_is_said() {
    let budget = Some(RemovalBudget {
        count: 0,
        percent: 0,
    });
    let ranges: Vec<_> = (0..10).map(|n| n * 2..n * 2 + 2).collect();
    let leaving = bundles(&ranges);
    let later = NOW.plus_ms(1);
    let check = |approvals: &[Approval]| within_budget(&leaving, 20, budget, approvals, NOW);
    let refused = check(&[approval(0..10, later), approval(10..20, later)]).unwrap_err();
    let named = "all at once; they are main.b0, main.b1, main.b2 and 7 more";
    assert!(refused.ends_with(named), "{refused}");
    let refused = check(&[]).unwrap_err();
    assert!(
        !refused.contains("looked for"),
        "there is no approval: {refused}"
    );
}

#[test]
fn what_stays_is_not_counted_and_is_part_of_what_is_approved() {
    let budget = Some(RemovalBudget {
        count: 1,
        percent: 0,
    });
    let mut leaving = bundles(&[0..4, 4..6]);
    let orphans = leaving.values_mut().next().unwrap();
    orphans.values_mut().for_each(|fate| *fate = Fate::Stays);
    let later = NOW.plus_ms(1);
    let check = |budget, approvals: &[Approval]| within_budget(&leaving, 6, budget, approvals, NOW);
    let refused = check(budget, &[]).unwrap_err();
    assert!(
        refused.starts_with("2 objects would be removed"),
        "{refused}"
    );
    let two = Some(RemovalBudget {
        count: 2,
        percent: 0,
    });
    assert!(check(two, &[]).is_ok());
    assert!(check(budget, &[approval(0..6, later)]).is_ok());
}
