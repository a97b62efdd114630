//! Several orders become one write.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::{
    BundleName, Digest, Entry, Generation, Incarnation, Number, ObjectKey, Snapshot, Triple,
};
use capstan_spoke_core::effect::Store;
use capstan_spoke_core::head::Head;
use tokio::sync::mpsc;

use super::{Order, fold};

fn snapshot(contents: &[&str]) -> Snapshot {
    let bundle = BundleName::parse("fleet.shop").expect("a name");
    let object = |text: &&str| {
        let key = ObjectKey::new("", "ConfigMap", "shop", (*text).to_owned());
        let bundle = bundle.clone();
        let digest = Digest::of(text.as_bytes());
        (key, Entry { bundle, digest })
    };
    let bundles = BTreeMap::from([(bundle.clone(), Digest::of(b"policy"))]);
    Snapshot::try_new(bundles, contents.iter().map(object).collect()).expect("a snapshot")
}

fn head(generation: u64, receipt: &[u8]) -> Head {
    let number = Number {
        incarnation: Incarnation {
            counter: 1,
            random: 1,
        },
        generation: Generation(generation),
    };
    Head {
        triple: Triple {
            number,
            digest: Digest::of(b"snapshot"),
        },
        receipt: receipt.to_vec(),
        follows_held: true,
        barren: false,
        mode: capstan_proto::policy::Mode::Enforce,
        approvals: Vec::new(),
        stamps: BTreeMap::new(),
    }
}

fn store(generation: u64, names: &[&str], new: &[&str]) -> Box<Store> {
    Box::new(Store {
        head: head(generation, b""),
        snapshot: snapshot(names),
        contents: new
            .iter()
            .map(|text| (Digest::of(text.as_bytes()), Arc::from(text.as_bytes())))
            .collect(),
    })
}

fn folded(
    orders: Vec<Order>,
    left_over: Option<Box<Store>>,
) -> (Option<Box<Store>>, Option<Box<Head>>) {
    let (sender, mut queue) = mpsc::unbounded_channel();
    let mut orders = orders.into_iter();
    let first = orders.next().expect("at least one");
    orders.for_each(|order| drop(sender.send(order)));
    fold(first, &mut queue, left_over)
}

fn digests(texts: &[&str]) -> BTreeSet<Digest> {
    texts
        .iter()
        .map(|text| Digest::of(text.as_bytes()))
        .collect()
}

#[test]
fn the_newest_store_inherits_what_it_still_needs() {
    let first = Order::Store(store(1, &["a", "b"], &["a", "b"]));
    let second = Order::Store(store(2, &["b", "c"], &["c"]));
    let (store, head) = folded(vec![first, second], None);
    let store = store.expect("a store");
    assert_eq!(store.head.triple.number.generation, Generation(2));
    assert_eq!(
        store.contents.keys().copied().collect::<BTreeSet<_>>(),
        digests(&["b", "c"])
    );
    assert_eq!(head, None);
}

#[test]
fn what_a_failed_store_did_not_write_goes_with_the_next() {
    let next = Order::Store(store(2, &["a", "c"], &["c"]));
    let (store, _) = folded(vec![next], Some(store(1, &["a"], &["a"])));
    let contents = store.expect("a store").contents;
    assert_eq!(
        contents.keys().copied().collect::<BTreeSet<_>>(),
        digests(&["a", "c"])
    );
}

#[test]
fn a_receipt_for_the_store_that_waits_is_written_with_it() {
    let orders = vec![
        Order::Store(store(1, &["a"], &["a"])),
        Order::Head(Box::new(head(1, b"receipt"))),
    ];
    let (store, head) = folded(orders, None);
    assert_eq!(store.expect("a store").head.receipt, b"receipt");
    assert_eq!(head, None);
}
