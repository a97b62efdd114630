//! Tests of receipts.

use capstan_hub_core::session::Receipt;
use capstan_proto::{ClusterName, Digest, Generation, Incarnation, Number, Triple};

use super::Receipts;

fn triple(generation: u64) -> Triple {
    let incarnation = Incarnation {
        counter: 7,
        random: 9,
    };
    let number = Number {
        incarnation,
        generation: Generation(generation),
    };
    Triple {
        number,
        digest: Digest::of(b"x"),
    }
}

#[test]
fn a_receipt_counts_for_its_cluster_and_triple_alone() {
    let receipts = Receipts::new(&[1; 32]);
    let name = |text: &str| ClusterName::try_new(text).unwrap();
    let mac = receipts.make(&name("a"), triple(1));
    assert_eq!(receipts.check(&name("a"), triple(1), &mac), Receipt::Valid);
    assert_eq!(
        receipts.check(&name("b"), triple(1), &mac),
        Receipt::Invalid
    );
    assert_eq!(
        receipts.check(&name("a"), triple(2), &mac),
        Receipt::Invalid
    );
    assert_eq!(receipts.check(&name("a"), triple(1), &[]), Receipt::Absent);
    assert_eq!(
        Receipts::new(&[2; 32]).check(&name("a"), triple(1), &mac),
        Receipt::Invalid
    );
}
