//! Who has an object that two bundles declare, and how it moves from one to the other.

use expect_test::expect;

use super::{check, show};
use crate::fixture::{Hub, fleet, maps};

#[test]
fn an_object_of_two_bundles_stays_where_it_is_else_the_lower_name_has_it() {
    let both = format!("{}{}", fleet(), maps("d/w.yaml", &["w1"]));
    check(
        &[&both],
        expect![[r#"
            a: db[d1 w1] web[w2]
            b: db[d1 w1] web[w2]
            c: db[d1 w1] web[w2]
            w/w.yaml:2:1: error[E0406]: bundles `db` and `web` both declare ConfigMap default/w1 on a and 2 more (declare it in one of them; the one that has it today keeps it, else `db` gets it)
        "#]],
    );
    check(
        &[&fleet(), &both],
        expect![[r#"
        a: db[d1] web[w1 w2]
        b: db[d1] web[w1 w2]
        c: db[d1] web[w1 w2]
        d/w.yaml:2:1: error[E0406]: ConfigMap default/w1 belongs to bundle `web` on a and 2 more; bundle `db` does not get it (declare it in one bundle)
    "#]],
    );
}

#[test]
fn an_object_that_moves_between_bundles_is_handed_over() {
    let moved = [
        fleet().replace(&maps("w/w.yaml", &["w1", "w2"]), &maps("w/w.yaml", &["w1"])),
        maps("d/w.yaml", &["w2"]),
    ]
    .concat();
    let mut hub = Hub::default();
    hub.commit(&fleet());
    let after = hub.commit(&moved);
    assert_eq!(after.removals, []);
    expect![[r#"
        a: db[d1 w2] web[w1]
        b: db[d1 w2] web[w1]
        c: db[d1 w2] web[w1]
    "#]]
    .assert_eq(&show(&after));
}

#[test]
fn a_bundle_that_loses_an_object_to_another_one_gets_it_once_that_leaves() {
    let both = format!("{}{}", fleet(), maps("d/w.yaml", &["w1"]));
    let mut hub = Hub::default();
    hub.commit(&fleet());
    hub.commit(&both);
    // `web` had it: it goes to `db` when `web` stops declaring it, and nothing is removed.
    let moved = both.replace(&maps("w/w.yaml", &["w1", "w2"]), &maps("w/w.yaml", &["w2"]));
    let after = hub.commit(&moved);
    assert_eq!(after.removals, []);
    expect![[r#"
        a: db[d1 w1] web[w2]
        b: db[d1 w1] web[w2]
        c: db[d1 w1] web[w2]
    "#]]
    .assert_eq(&show(&after));
    // Back again, it stays with whom it is.
    expect![[r#"
        a: db[d1 w1] web[w2]
        b: db[d1 w1] web[w2]
        c: db[d1 w1] web[w2]
        w/w.yaml:2:1: error[E0406]: ConfigMap default/w1 belongs to bundle `db` on a and 2 more; bundle `web` does not get it (declare it in one bundle)
    "#]].assert_eq(&show(&hub.commit(&both)));
}
