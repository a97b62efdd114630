//! Marks, rights and who made what.

use capstan_proto::{BundleName, Digest, Generation, Incarnation, Number, ObjectKey, Triple};
use serde_json::{Value, json};

use super::{
    Maker, Removal, Rights, empty, holds_foreign_content, maker, removal, stamp, with_uid,
};
use crate::inventory::{Origin, Row};

fn key(kind: &str) -> ObjectKey {
    ObjectKey::new("", kind, "shop", "x")
}

fn triple(generation: u64) -> Triple {
    let incarnation = Incarnation {
        counter: 1,
        random: 1,
    };
    Triple {
        number: Number {
            incarnation,
            generation: Generation(generation),
        },
        digest: Digest::of(b"x"),
    }
}

#[test]
fn our_marks_are_added_and_others_kept() {
    let bundle = BundleName::parse("main.web").unwrap();
    let manifest = json!({"metadata": {"name": "x", "labels": {"a": "b"}, "annotations": null}});
    let stamped = stamp(manifest, &bundle, Digest::of(b"x"));
    assert_eq!(
        stamped["metadata"]["labels"],
        json!({"a": "b", "capstan.dev/bundle": "main.web"})
    );
    let digest = Digest::of(b"x").to_string();
    assert_eq!(
        stamped["metadata"]["annotations"],
        json!({"capstan.dev/digest": digest})
    );
    assert_eq!(with_uid(stamped, "u")["metadata"]["uid"], json!("u"));
}

#[test]
fn the_body_that_gives_up_everything_names_one_object_only() {
    let body = empty(&key("ConfigMap"), "v1", "u");
    assert_eq!(
        body,
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": "shop", "uid": "u"}})
    );
}

#[test]
fn the_right_to_delete_needs_all_of_it() {
    let all = Rights {
        durable: Some(triple(1)),
        follows_held: true,
        permit: Some(triple(1)),
        frozen: false,
    };
    assert_eq!(all.check(), Ok(()));
    assert!(
        Rights {
            durable: None,
            ..all
        }
        .check()
        .is_err()
    );
    assert!(
        Rights {
            follows_held: false,
            ..all
        }
        .check()
        .is_err()
    );
    assert!(
        Rights {
            permit: None,
            ..all
        }
        .check()
        .is_err()
    );
    assert!(
        Rights {
            permit: Some(triple(2)),
            ..all
        }
        .check()
        .is_err()
    );
    assert!(
        Rights {
            frozen: true,
            ..all
        }
        .check()
        .is_err()
    );
}

#[test]
fn what_becomes_of_an_object_follows_from_its_row() {
    let row = |origin, uid: Option<&str>| Row {
        origin,
        uid: uid.map(ToOwned::to_owned),
        ..Row::default()
    };
    let delete = Removal::Delete {
        uid: "u".to_owned(),
    };
    let release = Removal::Release {
        uid: "u".to_owned(),
    };
    let map = key("ConfigMap");
    assert_eq!(
        removal(&map, &row(Origin::Created, Some("u")), false),
        delete
    );
    assert_eq!(
        removal(&map, &row(Origin::Adopted, Some("u")), false),
        delete
    );
    assert_eq!(
        removal(&map, &row(Origin::Foreign, Some("u")), false),
        release
    );
    assert_eq!(
        removal(&map, &row(Origin::Intent, None), false),
        Removal::Resolve
    );
    let orphan = Row {
        orphan: true,
        ..row(Origin::Created, Some("u"))
    };
    assert_eq!(removal(&map, &orphan, false), release);
    assert_eq!(
        removal(&map, &orphan, true),
        delete,
        "its bundle goes, and that policy is another"
    );
    let space = key("Namespace");
    assert!(matches!(
        removal(&space, &row(Origin::Created, Some("u")), true),
        Removal::Keep { .. }
    ));
    let confirmed = Row {
        confirmed: true,
        ..row(Origin::Created, Some("u"))
    };
    assert_eq!(removal(&space, &confirmed, true), delete);
    assert!(holds_foreign_content(&key("PersistentVolumeClaim")));
}

fn body(entries: &[(&str, &str)]) -> Value {
    let entry = |(manager, second): &(&str, &str)| {
        let operation = if *manager == "capstan" {
            "Apply"
        } else {
            "Update"
        };
        json!({"manager": manager, "operation": operation, "time": format!("2026-01-01T00:00:{second}Z"), "fieldsV1": {"f:data": {}}})
    };
    let entries: Vec<_> = entries.iter().map(entry).collect();
    json!({"metadata": {"creationTimestamp": "2026-01-01T00:00:05Z", "managedFields": entries}})
}

#[test]
fn after_a_crash_the_entries_tell_who_made_an_object() {
    assert_eq!(maker(&body(&[("capstan", "05")])), Maker::We);
    assert_eq!(
        maker(&body(&[("capstan", "05"), ("kubectl", "09")])),
        Maker::We
    );
    assert_eq!(
        maker(&body(&[("capstan", "08"), ("kubectl", "05")])),
        Maker::Others
    );
    assert_eq!(maker(&body(&[("kubectl", "05")])), Maker::Others);
    assert_eq!(
        maker(&body(&[("capstan", "05"), ("kubectl", "05")])),
        Maker::Unclear
    );
}
