//! What is written is read back.

use std::collections::BTreeMap;

use capstan_proto::delta::Approval;
use capstan_proto::{
    BundleName, Digest, Entry, Generation, Incarnation, Moment, Number, ObjectKey, Revision,
    Snapshot, SourceName, Triple,
};

use super::{Head, snapshot_from_bytes, snapshot_to_bytes};

#[test]
fn a_head_is_read_back() {
    let incarnation = Incarnation {
        counter: 2,
        random: u64::MAX,
    };
    let head = Head {
        triple: Triple {
            number: Number {
                incarnation,
                generation: Generation(7),
            },
            digest: Digest::of(b"x"),
        },
        receipt: vec![1, 2, 3],
        follows_held: true,
        barren: true,
        mode: capstan_proto::policy::Mode::Paused,
        approvals: vec![Approval {
            removal_set: Digest::of(b"r"),
            approver: "operator".to_owned(),
            expires_at: Moment::from_unix_ms(5),
        }],
        stamps: BTreeMap::from([(
            SourceName::try_new("main").unwrap(),
            Revision::try_new("a".repeat(40)).unwrap(),
        )]),
    };
    assert_eq!(Head::from_bytes(&head.to_bytes()).unwrap(), head);
    assert!(Head::from_bytes(b"{}").is_err());
}

#[test]
fn a_snapshot_is_read_back_with_its_digest() {
    let bundle = BundleName::parse("main.web").unwrap();
    let key = ObjectKey::new("", "ConfigMap", "shop", "a");
    let entry = Entry {
        bundle: bundle.clone(),
        digest: Digest::of(b"a"),
    };
    let snapshot = Snapshot::try_new(
        BTreeMap::from([(bundle, Digest::of(b"p"))]),
        BTreeMap::from([(key, entry)]),
    )
    .unwrap();
    let read = snapshot_from_bytes(&snapshot_to_bytes(&snapshot)).unwrap();
    assert_eq!(read.digest(), snapshot.digest());
    assert!(snapshot_from_bytes(b"[]").is_err());
}
