//! What holds whatever a spoke says.

use proptest::prelude::*;

use super::*;
use crate::limits;

/// What an honest spoke may say first.
fn honest() -> impl Strategy<Value = Event> {
    let name = prop_oneof![Just("a"), Just("b"), Just("x")];
    claims((1..200_u64, name).prop_map(|(n, name)| triple(n, name)))
}

/// What anybody may say first, whose numbers lie anywhere.
fn hostile() -> impl Strategy<Value = Event> {
    let name = prop_oneof![Just("a"), Just("b"), Just("x")];
    let far = |max: u64| prop_oneof![1..200_u64, max - 2..=max, u64::MAX - 2..=u64::MAX];
    let counter =
        prop_oneof![4 => Just(7_u64), 1 => 5..9_u64, 1 => far(limits::CLAIMED_COUNTER_MAX)];
    let generation = far(limits::CLAIMED_GENERATION_MAX);
    let claim = (counter, generation, name).prop_map(|(counter, generation, name)| Triple {
        number: Number {
            incarnation: Incarnation { counter, random: 1 },
            generation: Generation(generation),
        },
        ..triple(0, name)
    });
    claims(claim)
}

fn claims(claim: impl Strategy<Value = Triple>) -> impl Strategy<Value = Event> {
    let receipt = prop_oneof![
        Just(Receipt::Valid),
        Just(Receipt::Absent),
        Just(Receipt::Invalid)
    ];
    (proptest::option::of(claim), receipt).prop_map(|(claim, receipt)| hello(claim, receipt))
}

fn events(first: impl Strategy<Value = Event>) -> impl Strategy<Value = Vec<Event>> {
    let name = prop_oneof![Just("a"), Just("b"), Just("x")];
    let prune = prop_oneof![3 => Just(Prune::Permitted), 1 => Just(withheld())];
    let event = prop_oneof![
        4 => (1..200_u64, name.clone(), prune).prop_map(|(n, name, prune)| aim(n, name, prune)),
        4 => (1..200_u64, name.clone()).prop_map(|(n, name)| Event::Accept(triple(n, name))),
        1 => (1..200_u64, name.clone()).prop_map(|(n, name)| Event::Refuse {
            snapshot: triple(n, name),
            reason: receiver::Reason::Gap,
            detail: String::new(),
        }),
        1 => Just(Event::Aim(Aim::NoOpinion("none".to_owned()))),
        1 => (1..3_u64).prop_map(Event::RefreshWanted),
        1 => Just(Event::Confirm),
    ];
    (first, proptest::collection::vec(event, 0..40)).prop_map(|(first, mut rest)| {
        rest.insert(0, first);
        rest
    })
}

proptest! {
    /// A permit names what is held, is wanted, may be pruned by, and was not said just before;
    /// and none is given while the past is not certain.
    #[test]
    fn pruning_is_never_permitted_by_accident(events in events(hostile())) {
        let mut session = Session::new(known());
        let mut wanted: Option<(Digest, bool)> = None;
        let mut recovering = false;
        for event in events {
            if let Event::Aim(aim) = &event {
                wanted = match aim {
                    Aim::Target(target, prune) => {
                        Some((target.triple.digest, *prune == Prune::Permitted))
                    }
                    Aim::NoOpinion(_) => None,
                };
            }
            for effect in session.handle(event) {
                match effect {
                    Effect::Recovering(claimed) => recovering = claimed.is_some(),
                    Effect::PrunePermit(triple) => {
                        prop_assert!(!recovering);
                        prop_assert_eq!(wanted, Some((triple.digest, true)));
                        prop_assert_eq!(session.status().held, Some(triple));
                    }
                    _ => {}
                }
            }
        }
    }

    /// Numbers are raised only above one that this hub gave, and above one that is on record or has
    /// a receipt where a ledger can have made it. No other number is confirmed to a spoke, either,
    /// whoever confirms what the cluster runs.
    #[test]
    fn a_claim_alone_moves_no_number_and_gets_no_receipt(events in events(hostile())) {
        let known = known();
        let Event::Hello(said) = &events[0] else { unreachable!() };
        let claimed = said.accepted;
        let proven = said.receipt == Receipt::Valid
            || claimed.is_some_and(|claimed| known.recorded.contains(&claimed));
        let mut given = BTreeSet::new();
        let mut session = Session::new(known.clone());
        for event in events {
            if let Event::Aim(Aim::Target(target, _)) = &event {
                given.insert(target.triple);
            }
            for effect in session.handle(event) {
                let (number, ours) = match effect {
                    Effect::RaiseNumbers(number) => {
                        (number, given.iter().any(|triple| triple.number == number))
                    }
                    Effect::InSync(triple) | Effect::Receipt(triple) | Effect::PrunePermit(triple) => {
                        (triple.number, given.contains(&triple))
                    }
                    _ => continue,
                };
                let ours = ours || number <= known.issued;
                let of_claim = claimed.is_some_and(|claimed| claimed.number == number);
                prop_assert!(ours || of_claim && proven, "{number}");
                prop_assert!(number.generation.0 < limits::CLAIMED_GENERATION_MAX || number <= known.issued);
                prop_assert!(number.incarnation.counter < limits::CLAIMED_COUNTER_MAX);
            }
        }
    }

    /// Whatever happened before, a spoke that accepts what it is offered ends with the target.
    #[test]
    fn a_willing_spoke_always_ends_with_what_is_wanted(events in events(honest())) {
        let mut session = Session::new(known());
        let mut offered = None;
        let mut feed = |session: &mut Session, event| {
            for effect in session.handle(event) {
                if let Effect::Offer(pieces) = effect {
                    offered = Some(pieces[0].snapshot);
                }
            }
            offered
        };
        for event in events {
            feed(&mut session, event);
        }
        feed(&mut session, aim(1_000, "c", Prune::Permitted));
        for _ in 0..3 {
            if let Some(offer) = feed(&mut session, Event::RefreshDone(0)) {
                feed(&mut session, Event::Accept(offer));
            }
        }
        prop_assert_eq!(session.status().held.map(|held| held.digest), Some(snapshot("c").digest()));
    }
}
