//! Tests of queries.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_hub_core::problem::{Code, Problem};
use capstan_proto::ClusterName;
use capstan_proto::wire::Page;

use super::{find, page, problem_key, wrongs};
use crate::engine::picture::Picture;

fn names() -> BTreeMap<String, u32> {
    (0..7).map(|n| (format!("c-{n}"), n)).collect()
}

#[test]
fn pages_together_give_every_entry_once_and_in_order() {
    let (mut all, mut page_token) = (Vec::new(), String::new());
    loop {
        let wanted = Some(Page {
            page_size: 3,
            page_token,
        });
        let (items, next, total) = page(names().into_iter(), wanted, |n| n);
        assert_eq!(total, 7);
        all.extend(items);
        if next.is_empty() {
            break;
        }
        page_token = next;
    }
    assert_eq!(all, (0..7).collect::<Vec<_>>());
}

#[test]
fn an_entry_that_appears_between_pages_does_not_shift_the_others() {
    let first = page(
        names().into_iter(),
        Some(Page {
            page_size: 3,
            page_token: String::new(),
        }),
        |n| n,
    );
    let mut more = names();
    more.insert("a-0".to_owned(), 99);
    let second = page(
        more.into_iter(),
        Some(Page {
            page_size: 9,
            page_token: first.1,
        }),
        |n| n,
    );
    assert_eq!(second.0, [3, 4, 5, 6]);
}

#[test]
fn a_short_name_is_enough_where_one_source_has_it() {
    let names = ["a.web", "b.web", "a.db"].map(str::to_owned);
    assert_eq!(find("bundle", "db", names.iter()).unwrap(), "a.db");
    assert_eq!(find("bundle", "b.web", names.iter()).unwrap(), "b.web");
    assert!(
        find("bundle", "web", names.iter())
            .unwrap_err()
            .message()
            .contains("a.web and b.web")
    );
    assert!(find("bundle", "x", names.iter()).is_err());
}

#[test]
fn a_problem_of_several_clusters_is_listed_for_each_of_them() {
    let name = |text| ClusterName::try_new(text).unwrap();
    let problem = Problem {
        clusters: BTreeSet::from([name("a"), name("b")]),
        ..Problem::of_cluster(&name("a"), Code::UnknownVariable, "nothing defines it")
    };
    let picture = Picture {
        problems: Arc::new(vec![problem]),
        ..Picture::default()
    };
    let of = |cluster| wrongs(&picture, Some(&name(cluster))).len();
    assert_eq!([of("a"), of("b"), of("c")], [1, 1, 0]);
}

#[test]
fn the_key_of_a_problem_of_many_clusters_is_short_and_its_own() {
    let of = |clusters: std::ops::Range<u32>| {
        let name = |n| ClusterName::try_new(format!("cluster-{n:05}")).unwrap();
        let clusters: BTreeSet<ClusterName> = clusters.map(name).collect();
        let first = clusters.first().unwrap().clone();
        Problem {
            clusters,
            ..Problem::of_cluster(&first, Code::UnknownVariable, "no such variable")
        }
    };
    let all = problem_key(&of(0..10_000));
    assert!(all.len() < 200, "{all}");
    assert_eq!(all, problem_key(&of(0..10_000)));
    let mut other = of(0..10_001);
    other
        .clusters
        .remove(&ClusterName::try_new("cluster-05000").unwrap());
    assert_ne!(all, problem_key(&other), "as many, and others");
}
