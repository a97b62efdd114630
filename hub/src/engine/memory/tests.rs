//! Tests of what survives a restart.

use std::collections::BTreeMap;
use std::sync::Arc;

use capstan_proto::{
    BundleName, ClusterName, Digest, Entry, Generation, Incarnation, Number, ObjectKey,
    PlacementName, Revision, Snapshot, SourceName, Triple,
};

use capstan_proto::policy::Mode;

use super::{Recalled, Remembered, Which, recall, remember};
use crate::store::Store;

fn remembered() -> Remembered {
    let bundle = BundleName::parse("platform.web").unwrap();
    let key = ObjectKey::new("apps", "Deployment", "web", "web");
    let entry = Entry {
        bundle: bundle.clone(),
        digest: Digest::of(b"object"),
    };
    let bundles = BTreeMap::from([(bundle.clone(), Digest::of(b"policy"))]);
    let snapshot = Snapshot::try_new(bundles, BTreeMap::from([(key, entry)])).unwrap();
    let snapshot = snapshot.with_mode(Mode::Paused);
    let incarnation = Incarnation {
        counter: 1,
        random: 2,
    };
    let number = Number {
        incarnation,
        generation: Generation(3),
    };
    Remembered {
        of: None,
        triple: Triple {
            number,
            digest: snapshot.digest(),
        },
        snapshot: Arc::new(snapshot),
        owners: BTreeMap::from([(bundle, PlacementName::parse("platform.all").unwrap())]),
        stamps: BTreeMap::from([(
            SourceName::try_new("platform").unwrap(),
            Revision::try_new("a".repeat(40)).unwrap(),
        )]),
        certain: true,
    }
}

#[test]
fn a_snapshot_is_recalled_as_it_was_remembered() {
    let directory = tempfile::tempdir().unwrap();
    let cluster = ClusterName::try_new("prod").unwrap();
    let wanted = remembered();
    let store = Store::open(directory.path()).unwrap().store;
    remember(&store, Which::Given, &cluster, &wanted).unwrap();
    store.flush().unwrap();
    drop(store);
    let store = Store::open(directory.path()).unwrap().store;
    assert_eq!(
        recall(&store, Which::Given, &cluster).unwrap(),
        Recalled::Whole(wanted)
    );
    assert_eq!(
        recall(&store, Which::Held, &cluster).unwrap(),
        Recalled::Nothing
    );
}
