//! Claims to numbers that this hub never gave.

use super::*;
use crate::limits;

/// Numbers that this hub never gave: far ones that no ledger can have given, and a near one.
fn strange() -> [(Number, bool); 5] {
    let counted = |counter| Number {
        incarnation: Incarnation { counter, random: 1 },
        generation: Generation(1),
    };
    [
        (number(u64::MAX), false),
        (number(limits::CLAIMED_GENERATION_MAX), false),
        (counted(u64::MAX), false),
        (counted(limits::CLAIMED_COUNTER_MAX), false),
        (number(150), true),
    ]
}

#[test]
fn a_strange_number_beside_the_right_digest_raises_nothing_and_gets_no_receipt() {
    for (number, plausible) in strange() {
        for receipt in [Receipt::Absent, Receipt::Invalid, Receipt::Valid] {
            if plausible && receipt == Receipt::Valid {
                continue;
            }
            let claim = Triple {
                number,
                ..triple(0, "a")
            };
            // Once remembered as held by mistake, it is no better.
            let mut known = known();
            if !plausible {
                known.recorded.insert(claim);
            }
            let mut session = Session::new(known);
            let mut effects = session.handle(hello(Some(claim), receipt));
            for event in [
                aim(5, "a", Prune::Permitted),
                Event::Confirm,
                aim(5, "a", Prune::Permitted),
                aim(6, "b", Prune::Permitted),
                Event::Settled,
                aim(7, "c", Prune::Permitted),
            ] {
                effects.extend(session.handle(event));
            }
            let begins = Effect::Recovering(Some(claim.digest));
            let expected = [begins, Effect::Recovering(None), Effect::Confirmed];
            assert_eq!(effects, expected, "{claim}");
            let status = session.status();
            assert_eq!(status.unknown_claim, Some(claim));
            assert!(status.claim_refused && status.offer_withheld.is_some());
        }
    }
}

#[test]
fn a_confirmed_cluster_with_a_strange_number_goes_on_once_the_hub_is_past_it() {
    check(
        known(),
        [
            hello(Some(triple(150, "x")), Receipt::Absent),
            aim(120, "a", Prune::Permitted),
            Event::Confirm,
            aim(151, "a", Prune::Permitted),
            Event::Accept(triple(151, "a")),
        ],
        expect![[r#"
            Hello: recovery begins
            Aim: 
            Confirm: recovery ends, Confirmed
            Aim: offer 7/151=a (full) after 7/150=x
            Accept: receipt 7/151=a, permit 7/151=a
        "#]],
    );
}
