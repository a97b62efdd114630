//! The law of deltas, and convergence over a connection that loses, doubles and cuts off.

use std::collections::BTreeMap;
use std::sync::Arc;

use expect_test::expect;
use proptest::prelude::*;

use super::diff::{apply, diff};
use super::receiver::{Reason, Received, Receiver};
use super::sender::{Say, Sender, Target};
use super::*;
use crate::Snapshot;
use crate::convert::offer::{piece, piece_to_wire};
use crate::ids::{Generation, Incarnation, Number};
use crate::limits;

fn bundle(index: u8) -> BundleName {
    BundleName::parse(&format!("fleet.bundle-{index}")).unwrap()
}

fn key(index: u16) -> ObjectKey {
    ObjectKey::new("", "ConfigMap", "shop", format!("config-{index}"))
}

fn snapshot(objects: &BTreeMap<u16, (u8, u8)>) -> Snapshot {
    let bundles = objects
        .values()
        .map(|(owner, _)| (bundle(*owner), Digest::of(&[*owner])))
        .collect();
    let objects = objects
        .iter()
        .map(|(name, (owner, content))| {
            (
                key(*name),
                Entry {
                    bundle: bundle(*owner),
                    digest: Digest::of(&[*content]),
                },
            )
        })
        .collect();
    Snapshot::try_new(bundles, objects).unwrap()
}

fn target(generation: u64, snapshot: Snapshot) -> Target {
    let number = Number {
        incarnation: Incarnation {
            counter: 1,
            random: 1,
        },
        generation: Generation(generation),
    };
    let triple = Triple {
        number,
        digest: snapshot.digest(),
    };
    Target {
        triple,
        snapshot: Arc::new(snapshot),
        header: Header::default(),
    }
}

fn offered(say: Say) -> Vec<Piece> {
    match say {
        Say::Offer(pieces) => pieces,
        other => panic!("expected an offer, got {other:?}"),
    }
}

fn deliver(receiver: &mut Receiver, pieces: Vec<Piece>) -> Received {
    let mut received = Received::More;
    for sent in pieces {
        let wire = piece_to_wire(&sent);
        let size = prost::Message::encoded_len(&wire);
        assert!(size <= limits::PIECE_BYTES_MAX, "a piece of {size} bytes");
        received = receiver.piece(piece(&wire).unwrap());
    }
    received
}

fn any_objects() -> impl Strategy<Value = BTreeMap<u16, (u8, u8)>> {
    proptest::collection::btree_map(0..400_u16, (0..4_u8, 0..3_u8), 0..300)
}

proptest! {
    #[test]
    fn applying_the_difference_leads_to_the_target(from in any_objects(), to in any_objects()) {
        let (from, to) = (snapshot(&from), snapshot(&to));
        prop_assert_eq!(apply(&from, &diff(&from, &to)).unwrap(), to);
    }

    #[test]
    fn both_sides_converge_over_a_bad_connection(
        versions in proptest::collection::vec(any_objects(), 1..6),
        faults in proptest::collection::vec(0..5_u8, 40),
    ) {
        let mut faults = faults.into_iter();
        let mut receiver = Receiver::default();
        let mut sender = Sender::new(None, None);
        let mut last = None;
        for (index, version) in versions.iter().enumerate() {
            let goal = target(index as u64 + 1, snapshot(version));
            last = Some(goal.clone());
            let say = sender.aim(goal);
            exchange(&mut sender, &mut receiver, say, &mut faults);
        }
        // The connection is good at last: one fresh session suffices.
        let held = receiver.held().cloned();
        receiver.reconnected();
        let (triple, entries) = held.unzip();
        let mut sender = Sender::new(triple, entries.map(Arc::new));
        let goal = last.unwrap();
        let say = sender.aim(goal.clone());
        exchange(&mut sender, &mut receiver, say, &mut std::iter::empty());
        prop_assert_eq!(&receiver.held().unwrap().1, &*goal.snapshot);
        prop_assert!(sender.in_sync());
    }
}

/// Plays one offer and its answers. Faults: 1 cuts the connection, 2 doubles a piece, 3 loses one.
fn exchange(
    sender: &mut Sender,
    receiver: &mut Receiver,
    mut say: Say,
    faults: &mut dyn Iterator<Item = u8>,
) {
    while let Say::Offer(pieces) = say {
        let mut answer = Received::More;
        for sent in pieces {
            match faults.next() {
                Some(1) => {
                    receiver.reconnected();
                    let (triple, entries) = receiver.held().cloned().unzip();
                    *sender = Sender::new(triple, entries.map(Arc::new));
                    return;
                }
                Some(2) => {
                    answer = receiver.piece(sent.clone());
                    if matches!(answer, Received::More) {
                        answer = receiver.piece(sent);
                    }
                }
                Some(3) => {}
                _ => answer = receiver.piece(sent),
            }
            if !matches!(answer, Received::More) {
                break;
            }
        }
        say = match answer {
            Received::Complete(verified) => {
                receiver.commit(verified.triple, verified.snapshot);
                sender.accepted(verified.triple)
            }
            Received::Refused(refusal) => sender.refused(refusal.snapshot),
            Received::More | Received::Ignored => return,
        };
    }
}

#[test]
fn one_changed_object_of_500_is_one_entry() {
    let mut objects: BTreeMap<_, _> = (0..500).map(|name| (name, (0, 0))).collect();
    let mut sender = Sender::new(None, None);
    let mut receiver = Receiver::default();
    let first = target(1, snapshot(&objects));
    let pieces = offered(sender.aim(first.clone()));
    assert!(pieces.len() > 1, "500 entries do not fit one piece");
    assert!(matches!(
        deliver(&mut receiver, pieces),
        Received::Complete(_)
    ));
    receiver.commit(first.triple, (*first.snapshot).clone());
    assert_eq!(sender.accepted(first.triple), Say::InSync(first.triple));

    objects.insert(250, (0, 1));
    let pieces = offered(sender.aim(target(2, snapshot(&objects))));
    let entries: usize = pieces
        .iter()
        .map(|piece| piece.part.set_objects.len())
        .sum();
    assert_eq!((pieces.len(), entries), (1, 1));
    let Received::Complete(verified) = deliver(&mut receiver, pieces) else {
        panic!()
    };
    assert!(verified.follows_held);
}

#[test]
fn a_spoke_that_holds_the_target_is_in_sync_without_an_offer() {
    let goal = target(7, snapshot(&BTreeMap::from([(1, (0, 0))])));
    let held = Triple {
        number: target(3, Snapshot::default()).triple.number,
        ..goal.triple
    };
    let mut sender = Sender::new(Some(held), None);
    assert_eq!(sender.aim(goal), Say::InSync(held));
}

#[test]
fn a_newer_target_waits_for_the_answer_and_replaces_what_waited() {
    let version = |content| snapshot(&BTreeMap::from([(1, (0, content))]));
    let mut sender = Sender::new(None, None);
    let first = target(1, version(1));
    offered(sender.aim(first.clone()));
    assert_eq!(sender.aim(target(2, version(2))), Say::Nothing);
    assert_eq!(sender.aim(target(3, version(0))), Say::Nothing);
    let pieces = offered(sender.accepted(first.triple));
    assert_eq!(pieces[0].snapshot.number.generation, Generation(3));
}

#[test]
fn what_is_not_newer_is_refused() {
    let held = target(5, Snapshot::default());
    let mut receiver = Receiver::new(Some((held.triple, Snapshot::default())));
    let mut sender = Sender::new(None, None);
    let pieces = offered(sender.aim(target(5, snapshot(&BTreeMap::from([(1, (0, 0))])))));
    let Received::Refused(refusal) = deliver(&mut receiver, pieces) else {
        panic!()
    };
    assert_eq!(refusal.reason, Reason::Regressed);
    assert_eq!(refusal.detail, "1/5 is not newer than 1/5");
}

#[test]
fn a_full_list_that_does_not_follow_what_is_held_says_so() {
    let held = target(5, Snapshot::default());
    let mut receiver = Receiver::new(Some((held.triple, Snapshot::default())));
    let mut sender = Sender::new(None, None);
    let pieces = offered(sender.aim(target(6, snapshot(&BTreeMap::from([(1, (0, 0))])))));
    let Received::Complete(verified) = deliver(&mut receiver, pieces) else {
        panic!()
    };
    assert!(!verified.follows_held);
}

#[test]
fn a_required_feature_from_the_future_is_refused() {
    let mut goal = target(1, Snapshot::default());
    goal.header.required_features.insert("teleport".into());
    let mut receiver = Receiver::default();
    let Received::Refused(refusal) =
        deliver(&mut receiver, offered(Sender::new(None, None).aim(goal)))
    else {
        panic!()
    };
    assert_eq!(refusal.reason, Reason::UnknownFeature);
}

#[test]
fn a_mode_travels_with_the_digest_that_covers_it() {
    let entries = snapshot(&BTreeMap::from([(1, (0, 0))]));
    let mut held = Receiver::default();
    let mut sender = Sender::new(None, None);
    for (generation, mode) in (1..).zip([Mode::Paused, Mode::Enforce, Mode::Observe]) {
        let goal = target(generation, entries.clone().with_mode(mode));
        let pieces = offered(sender.aim(goal.clone()));
        let Received::Complete(verified) = deliver(&mut held, pieces) else {
            panic!("{mode:?}")
        };
        assert_eq!(
            (verified.mode, verified.snapshot.mode()),
            (Some(mode), mode)
        );
        held.commit(goal.triple, verified.snapshot);
        sender.accepted(goal.triple);
    }
}

#[test]
fn a_mode_that_is_not_the_digests_is_refused() {
    let said = [None, Some(Mode::Enforce), Some(Mode::Observe)];
    for mode in said {
        let goal = target(1, Snapshot::default().with_mode(Mode::Paused));
        let mut pieces = offered(Sender::new(None, None).aim(goal));
        pieces[0].header.as_mut().unwrap().mode = mode;
        let Received::Refused(refusal) = deliver(&mut Receiver::default(), pieces) else {
            panic!("{mode:?}")
        };
        assert_eq!(refusal.reason, Reason::BadDigest);
    }
}

#[test]
fn digests_of_snapshots_are_what_they_were_and_each_mode_has_its_own() {
    let entries = snapshot(&BTreeMap::from([(1, (0, 0)), (2, (1, 7))]));
    let modes = [Mode::Enforce, Mode::Observe, Mode::Paused, Mode::Release];
    let digests = |snapshot: &Snapshot| {
        let digest = |mode| snapshot.clone().with_mode(mode).digest().to_string();
        modes.map(|mode| format!("{}\n", digest(mode))).concat()
    };
    expect![[r#"
        00db709bd216bfb58c9b1bdec03dfe7958d24022309d5405f730a8cd8c9b8d21
        c9ee6f0d14409bf3ca0ebd21705a4ec085549a0603c8e55cab86f761f4a3c743
        0ca2f062d3b63ee6a2cfaeb51b3b7852c0d225ba5dfad056fadf6f7c35d1044a
        a752620b6a8c9334ad24ad00a64289b6705b79467137af2b7525ed2c23d8fc03
    "#]]
    .assert_eq(&digests(&Snapshot::default()));
    expect![[r#"
        35c4f0908e8ade9c0c723dc7b471a7a0e062a07c096843eb62a04eeabf9a7d77
        96b66ca744beedb76e88144ee0ad6842bd4ea3c22fed103401dccf3f9a90487a
        6a00286c35220c14b2f7e8e0d9f9a9ca7a0d92ebd630e786ec6667c3a23746f7
        95c2db7ae24700d37994652946630bd468c46faacaf619b88664117f2403f4a0
    "#]]
    .assert_eq(&digests(&entries));
}

#[test]
fn entries_with_another_digest_are_refused() {
    let mut goal = target(1, snapshot(&BTreeMap::from([(1, (0, 0))])));
    goal.triple.digest = Digest::of(b"other");
    let mut receiver = Receiver::default();
    let pieces = offered(Sender::new(None, None).aim(goal));
    let Received::Refused(refusal) = deliver(&mut receiver, pieces) else {
        panic!()
    };
    assert_eq!(refusal.reason, Reason::BadDigest);
    assert!(receiver.held().is_none());
}

#[test]
fn a_refused_target_is_offered_again_only_when_asked() {
    let goal = target(1, snapshot(&BTreeMap::from([(1, (0, 0))])));
    let mut sender = Sender::new(None, None);
    offered(sender.aim(goal.clone()));
    assert_eq!(sender.refused(goal.triple), Say::Nothing);
    assert_eq!(sender.aim(goal), Say::Nothing);
    assert!(offered(sender.retry())[0].header.as_ref().unwrap().full);
}
