//! Tests of names.

use super::*;

#[test]
fn labels_follow_rfc_1123() {
    for good in ["a", "prod-eu-1", "0", &"x".repeat(63)] {
        assert!(ClusterName::try_new(good).is_ok(), "{good}");
    }
    for bad in ["", "-a", "a-", "A", "a.b", "a_b", "ä", &"x".repeat(64)] {
        assert!(ClusterName::try_new(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_bundle_name_is_read_back_as_it_is_written() {
    let name = BundleName::parse("platform.checkout").unwrap();
    assert_eq!(
        (name.source().as_str(), name.name()),
        ("platform", "checkout")
    );
    assert_eq!(BundleName::parse(&name.to_string()).unwrap(), name);
    assert_eq!(
        BundleName::parse("checkout").unwrap_err().to_string(),
        "`checkout` must have the form <source>.<name>"
    );
}

#[test]
fn a_bundle_name_fits_a_label_value() {
    let source = SourceName::try_new("s".repeat(40)).unwrap();
    assert!(BundleName::try_new(source.clone(), "b".repeat(22)).is_ok());
    assert!(BundleName::try_new(source, "b".repeat(23)).is_err());
}

#[test]
fn an_abbreviated_commit_id_is_refused() {
    assert!(Revision::try_new("0123abc").is_err());
    assert_eq!(
        Revision::try_new("0123456789abcdef".repeat(4))
            .unwrap()
            .short(),
        "0123456789ab"
    );
}

#[test]
fn a_new_incarnation_numbers_above_every_generation_of_the_old_one() {
    let number = |counter, generation| Number {
        incarnation: Incarnation { counter, random: 7 },
        generation: Generation(generation),
    };
    assert!(number(2, 1) > number(1, 900));
}
