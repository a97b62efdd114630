//! What is written is read back; what is not ours is refused.

use capstan_proto::{Digest, ObjectKey};

use super::{Origin, Row, Rows, from_bytes, to_bytes};

#[test]
fn an_inventory_is_read_back() {
    let key = |name: &str| ObjectKey::new("apps", "Deployment", "shop", name);
    let full = Row {
        uid: Some("u".to_owned()),
        origin: Origin::Created,
        digest: Some(Digest::of(b"d")),
        entry: Some(Digest::of(b"e")),
        generation: Some(3),
        resource_version: 9,
        values: Some(Digest::of(b"v")),
        api_version: "apps/v1".to_owned(),
        confirmed: true,
        completed: true,
        retained: vec![".data.key".to_owned()],
        orphan: true,
        orphan_with_bundle: true,
    };
    let rows = Rows::from([(key("a"), Row::default()), (key("b"), full)]);
    assert_eq!(from_bytes(&to_bytes(&rows)).unwrap(), rows);
    assert_eq!(from_bytes(b"").unwrap(), Rows::new());
}

#[test]
fn a_field_that_this_build_does_not_know_is_no_inventory() {
    let line = br#"{"key":{"group":"","kind":"A","namespace":"","name":"a"},"row":{"origin":"created","newer":1}}"#;
    assert!(from_bytes(line).is_err());
    assert!(from_bytes(b"nonsense").is_err());
}
