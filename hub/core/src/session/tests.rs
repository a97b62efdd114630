//! Transcripts of sessions, and what must never be said in one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use capstan_proto::delta::sender::Target;
use capstan_proto::delta::{Header, receiver};
use capstan_proto::{Digest, Generation, Incarnation, Number, Snapshot, Triple};
use expect_test::{Expect, expect};

use super::{Aim, Close, CloseReason, Effect, Event, Hello, Known, Receipt, Session};
use crate::desired::Prune;
use crate::fixture::bundle;

mod claims;
mod properties;

const LIFE: Incarnation = Incarnation {
    counter: 7,
    random: 1,
};

fn snapshot(name: &str) -> Arc<Snapshot> {
    let bundles = BTreeMap::from([(bundle(name), Digest::of(name.as_bytes()))]);
    Arc::new(Snapshot::try_new(bundles, BTreeMap::new()).unwrap())
}

fn number(generation: u64) -> Number {
    Number {
        incarnation: LIFE,
        generation: Generation(generation),
    }
}

fn triple(generation: u64, name: &str) -> Triple {
    Triple {
        number: number(generation),
        digest: snapshot(name).digest(),
    }
}

/// The hub's ledger reserved numbers up to 100.
fn known() -> Known {
    Known {
        incarnation: LIFE,
        reserved: number(100),
        issued: number(100),
        recorded: (1..=100)
            .flat_map(|n| ["a", "b", "c", "x"].map(|name| triple(n, name)))
            .collect(),
        given_before: false,
        unsettled: false,
        unkept: None,
        snapshot: None,
        states: None,
        recovering: None,
        refresh_wanted: 0,
        refresh_done: 0,
    }
}

fn hello(accepted: Option<Triple>, receipt: Receipt) -> Event {
    Event::Hello(Hello {
        agent_version: "1".to_owned(),
        protocol_min: 1,
        protocol_max: 1,
        features: BTreeSet::from(["policy-v1".to_owned()]),
        accepted,
        receipt,
        states: None,
    })
}

fn aim(generation: u64, name: &str, prune: Prune) -> Event {
    let target = Target {
        triple: triple(generation, name),
        snapshot: snapshot(name),
        header: Header::default(),
    };
    Event::Aim(Aim::Target(target, prune))
}

fn withheld() -> Prune {
    Prune::Withheld("the past is unknown".to_owned())
}

/// Feeds events to a session and prints what each leads to.
fn check(known: Known, events: impl IntoIterator<Item = Event>, expected: Expect) {
    let mut session = Session::new(known);
    let mut out = String::new();
    for event in events {
        let name = format!("{event:?}");
        let name = name
            .split(['(', ' ', '{'])
            .next()
            .unwrap_or_default()
            .to_owned();
        let effects: Vec<String> = session.handle(event).iter().map(show).collect();
        writeln!(out, "{name}: {}", effects.join(", ")).unwrap();
    }
    expected.assert_eq(&out);
}

fn named(triple: Triple) -> String {
    let of = ["a", "b", "c", "x"]
        .into_iter()
        .find(|n| snapshot(n).digest() == triple.digest);
    format!("{}={}", triple.number, of.unwrap_or("?"))
}

fn show(effect: &Effect) -> String {
    match effect {
        Effect::InSync(triple) => format!("in sync {}", named(*triple)),
        Effect::Offer(pieces) => {
            let header = pieces[0].header.as_ref().unwrap();
            let follows = header.follows.map_or("nothing".to_owned(), named);
            let how = if header.full { "full" } else { "delta" };
            format!(
                "offer {} ({how}) after {follows}",
                named(pieces[0].snapshot)
            )
        }
        Effect::Receipt(triple) => format!("receipt {}", named(*triple)),
        Effect::PrunePermit(triple) => format!("permit {}", named(*triple)),
        Effect::Recovering(Some(_)) => "recovery begins".to_owned(),
        Effect::Recovering(None) => "recovery ends".to_owned(),
        Effect::RaiseNumbers(number) => format!("raise above {number}"),
        Effect::Close(close) => format!("close {:?}: {}", close.reason, close.detail),
        other => format!("{other:?}"),
    }
}

#[test]
fn a_new_spoke_is_offered_everything_and_may_prune_once_it_accepted() {
    check(
        known(),
        [
            hello(None, Receipt::Absent),
            aim(5, "a", Prune::Permitted),
            Event::Accept(triple(5, "a")),
            aim(6, "b", Prune::Permitted),
            Event::Accept(triple(5, "a")),
            Event::Accept(triple(6, "b")),
        ],
        expect![[r#"
            Hello: 
            Aim: offer 7/5=a (full) after nothing
            Accept: receipt 7/5=a, permit 7/5=a
            Aim: offer 7/6=b (delta) after 7/5=a
            Accept: 
            Accept: receipt 7/6=b, permit 7/6=b
        "#]],
    );
}

#[test]
fn a_spoke_in_sync_gets_one_answer_and_no_object() {
    let with = Known {
        snapshot: Some(snapshot("a")),
        ..known()
    };
    check(
        with,
        [
            aim(9, "a", Prune::Permitted),
            hello(Some(triple(5, "a")), Receipt::Valid),
            aim(10, "a", Prune::Permitted),
            aim(11, "b", Prune::Permitted),
        ],
        expect![[r#"
            Aim: 
            Hello: in sync 7/5=a, permit 7/5=a
            Aim: 
            Aim: offer 7/11=b (delta) after 7/5=a
        "#]],
    );
}

#[test]
fn a_newer_target_waits_for_the_answer_to_the_one_under_way() {
    check(
        known(),
        [
            hello(None, Receipt::Absent),
            aim(5, "a", Prune::Permitted),
            aim(6, "b", Prune::Permitted),
            aim(7, "c", Prune::Permitted),
            Event::Accept(triple(5, "a")),
            Event::Accept(triple(7, "c")),
        ],
        expect![[r#"
            Hello: 
            Aim: offer 7/5=a (full) after nothing
            Aim: 
            Aim: 
            Accept: receipt 7/5=a, offer 7/7=c (delta) after 7/5=a
            Accept: receipt 7/7=c, permit 7/7=c
        "#]],
    );
}

#[test]
fn a_refused_snapshot_is_not_repeated_until_somebody_asks() {
    let refuse = Event::Refuse {
        snapshot: triple(5, "a"),
        reason: receiver::Reason::TooLarge,
        detail: "no room".to_owned(),
    };
    check(
        known(),
        [
            hello(None, Receipt::Absent),
            aim(5, "a", Prune::Permitted),
            refuse.clone(),
            aim(5, "a", Prune::Permitted),
            Event::RefreshWanted(1),
            Event::RefreshWanted(1),
            refuse,
            aim(6, "b", Prune::Permitted),
            Event::RefreshDone(1),
        ],
        expect![[r#"
            Hello: 
            Aim: offer 7/5=a (full) after nothing
            Refuse: 
            Aim: 
            RefreshWanted: RefreshWanted(1), offer 7/5=a (full) after nothing
            RefreshWanted: 
            Refuse: 
            Aim: offer 7/6=b (full) after nothing
            RefreshDone: 
        "#]],
    );
}

#[test]
fn a_claim_with_a_receipt_from_another_life_recovers_without_pruning() {
    // The ledger was restored: the spoke is ahead, by number 150.
    check(
        known(),
        [
            hello(Some(triple(150, "x")), Receipt::Valid),
            aim(100, "a", Prune::Permitted),
            aim(151, "a", Prune::Permitted),
            Event::Accept(triple(151, "a")),
            aim(152, "b", Prune::Permitted),
            Event::Accept(triple(152, "b")),
            Event::Confirm,
        ],
        expect![[r#"
            Hello: recovery begins, raise above 7/150
            Aim: 
            Aim: offer 7/151=a (full) after 7/150=x
            Accept: receipt 7/151=a
            Aim: offer 7/152=b (delta) after 7/151=a
            Accept: receipt 7/152=b
            Confirm: recovery ends, Confirmed, permit 7/152=b
        "#]],
    );
}

#[test]
fn recovery_ends_only_when_what_was_claimed_is_wanted() {
    let recovering = Known {
        recovering: Some(snapshot("x").digest()),
        ..known()
    };
    // What it accepted from this hub since is no proof.
    check(
        recovering,
        [
            hello(Some(triple(50, "a")), Receipt::Valid),
            aim(51, "a", Prune::Permitted),
            aim(52, "x", Prune::Permitted),
            Event::Accept(triple(52, "x")),
        ],
        expect![[r#"
            Hello: 
            Aim: in sync 7/50=a
            Aim: recovery ends, Confirmed, offer 7/52=x (delta) after 7/50=a
            Accept: receipt 7/52=x, permit 7/52=x
        "#]],
    );
}

#[test]
fn a_claim_without_a_receipt_moves_no_number_and_prunes_nothing() {
    check(
        known(),
        [
            hello(Some(triple(u64::MAX, "x")), Receipt::Invalid),
            aim(5, "a", Prune::Permitted),
            Event::Confirm,
        ],
        expect![[r#"
            Hello: recovery begins
            Aim: 
            Confirm: recovery ends, Confirmed
        "#]],
    );
    // An older life's number: it can be offered something newer, and nothing is pruned.
    let older = Incarnation {
        counter: 6,
        random: 9,
    };
    let claim = Triple {
        number: Number {
            incarnation: older,
            generation: Generation(3),
        },
        ..triple(0, "x")
    };
    check(
        known(),
        [
            hello(Some(claim), Receipt::Absent),
            aim(5, "a", Prune::Permitted),
            Event::Accept(triple(5, "a")),
            Event::Confirm,
        ],
        expect![[r#"
            Hello: recovery begins
            Aim: offer 7/5=a (full) after 6/3=x
            Accept: receipt 7/5=a
            Confirm: recovery ends, Confirmed, permit 7/5=a
        "#]],
    );
}

#[test]
fn a_lost_past_is_certain_again_when_the_spoke_has_what_is_wanted() {
    check(
        known(),
        [
            hello(Some(triple(5, "a")), Receipt::Valid),
            aim(6, "a", withheld()),
            aim(6, "a", Prune::Permitted),
        ],
        expect![[r#"
            Hello: 
            Aim: Confirmed, in sync 7/5=a
            Aim: permit 7/5=a
        "#]],
    );
    check(
        known(),
        [
            hello(Some(triple(5, "x")), Receipt::Valid),
            aim(6, "a", withheld()),
            Event::Accept(triple(6, "a")),
            aim(6, "a", withheld()),
        ],
        expect![[r#"
            Hello: 
            Aim: recovery begins, offer 7/6=a (full) after 7/5=x
            Accept: receipt 7/6=a
            Aim: 
        "#]],
    );
    check(
        known(),
        [hello(None, Receipt::Absent), aim(6, "a", withheld())],
        expect![[r#"
            Hello: 
            Aim: Confirmed, offer 7/6=a (full) after nothing
        "#]],
    );
}

/// The hub has no record of having given anything.
fn lost() -> Known {
    Known {
        recorded: BTreeSet::new(),
        issued: number(60),
        given_before: true,
        ..known()
    }
}

#[test]
fn a_likely_number_alone_does_not_make_a_claim_ours() {
    for receipt in [Receipt::Valid, Receipt::Absent] {
        check(
            lost(),
            [
                hello(Some(triple(50, "x")), receipt),
                aim(55, "a", Prune::Permitted),
                Event::Accept(triple(55, "a")),
                Event::Confirm,
            ],
            expect![[r#"
                Hello: 
                Aim: recovery begins, offer 7/55=a (full) after 7/50=x
                Accept: receipt 7/55=a
                Confirm: recovery ends, Confirmed, permit 7/55=a
            "#]],
        );
    }
}

#[test]
fn a_claim_off_the_record_that_is_what_is_wanted_costs_nothing() {
    check(
        lost(),
        [
            hello(Some(triple(50, "a")), Receipt::Valid),
            aim(40, "a", Prune::Permitted),
        ],
        expect![[r#"
            Hello: 
            Aim: in sync 7/50=a, permit 7/50=a
        "#]],
    );
}

#[test]
fn a_target_below_a_claim_off_the_record_gets_a_higher_number() {
    // An older copy of the record knows the target by an older number, or gave the same one twice.
    for generation in [40, 50] {
        let mut session = Session::new(lost());
        session.handle(hello(Some(triple(50, "x")), Receipt::Valid));
        let effects = session.handle(aim(generation, "a", Prune::Permitted));
        let digest = snapshot("x").digest();
        let wanted = [
            Effect::Recovering(Some(digest)),
            Effect::RaiseNumbers(number(50)),
        ];
        assert_eq!(effects, wanted);
        let effects = session.handle(aim(61, "a", Prune::Permitted));
        assert!(matches!(effects.as_slice(), [Effect::Offer(_)]));
    }
}

#[test]
fn a_receipt_inside_the_reserved_block_shows_that_the_ledger_was_restored() {
    check(
        lost(),
        [
            hello(Some(triple(70, "x")), Receipt::Valid),
            aim(71, "a", Prune::Permitted),
            Event::Accept(triple(71, "a")),
        ],
        expect![[r#"
            Hello: recovery begins, raise above 7/70
            Aim: offer 7/71=a (full) after 7/70=x
            Accept: receipt 7/71=a
        "#]],
    );
}

#[test]
fn a_spoke_that_lost_its_record_does_not_end_recovery() {
    let recovering = Known {
        recovering: Some(snapshot("x").digest()),
        ..lost()
    };
    for known in [recovering, lost()] {
        let mut session = Session::new(known.clone());
        session.handle(hello(None, Receipt::Absent));
        let effects = session.handle(aim(61, "a", withheld()));
        assert!(matches!(effects.as_slice(), [Effect::Offer(_)]));
        session.handle(Event::Accept(triple(61, "a")));
        assert_eq!(session.status().recovering, known.recovering.is_some());
        let mut confirmed = session.handle(Event::Confirm);
        assert_eq!(confirmed.pop(), Some(Effect::Confirmed));
        let effects = session.handle(aim(61, "a", Prune::Permitted));
        assert_eq!(effects, [Effect::PrunePermit(triple(61, "a"))]);
    }
}

#[test]
fn a_removal_waits_until_it_is_written_down() {
    check(
        known(),
        [
            hello(Some(triple(5, "a")), Receipt::Valid),
            Event::Unsettled,
            aim(6, "b", Prune::Permitted),
            Event::Accept(triple(6, "b")),
            Event::Settled,
            Event::Settled,
        ],
        expect![[r#"
            Hello: 
            Unsettled: 
            Aim: offer 7/6=b (full) after 7/5=a
            Accept: receipt 7/6=b
            Settled: permit 7/6=b
            Settled: 
        "#]],
    );
}

#[test]
fn a_hub_that_cannot_write_begins_no_recovery_and_lets_nothing_be_pruned() {
    let unkept = || Event::Unkept("the disk is full".to_owned());
    let mut session = Session::new(known());
    session.handle(hello(Some(triple(5, "a")), Receipt::Valid));
    session.handle(aim(6, "b", Prune::Permitted));
    assert_eq!(session.handle(unkept()), []);
    // What it said first is not what it should hold now; that is no reason to doubt it.
    assert_eq!(session.handle(aim(6, "b", Prune::Permitted)), []);
    let effects = session.handle(Event::Accept(triple(6, "b")));
    assert_eq!(effects, [Effect::Receipt(triple(6, "b"))]);
    assert_eq!(session.handle(Event::Settled), []);
    let status = session.status();
    assert_eq!(status.prune_withheld.as_deref(), Some("the disk is full"));
    assert!(!status.recovering);
    // Nor for a session that begins then.
    let mut session = Session::new(Known {
        unkept: Some("the disk is full".to_owned()),
        ..known()
    });
    session.handle(hello(Some(triple(5, "a")), Receipt::Valid));
    let effects = session.handle(aim(6, "b", Prune::Permitted));
    assert!(
        matches!(effects.as_slice(), [Effect::Offer(_)]),
        "{effects:?}"
    );
    let effects = session.handle(Event::Accept(triple(6, "b")));
    assert_eq!(effects, [Effect::Receipt(triple(6, "b"))]);
    for event in [Event::Settled, aim(6, "b", Prune::Permitted)] {
        assert_eq!(session.handle(event), []);
    }
    let why = session.status().prune_withheld;
    assert_eq!(why.as_deref(), Some("the disk is full"));
}

#[test]
fn a_target_below_what_is_on_record_gets_a_higher_number_and_says_so_meanwhile() {
    let mut session = Session::new(known());
    session.handle(hello(Some(triple(9, "a")), Receipt::Valid));
    let effects = session.handle(aim(6, "b", Prune::Permitted));
    assert_eq!(effects, [Effect::RaiseNumbers(number(9))]);
    assert_eq!(session.handle(aim(6, "b", Prune::Permitted)), []);
    let why = session.status().offer_withheld.unwrap();
    assert!(why.contains("asks for a higher one"), "{why}");
    let effects = session.handle(aim(10, "b", Prune::Permitted));
    assert!(
        matches!(effects.as_slice(), [Effect::Offer(_)]),
        "{effects:?}"
    );
    assert_eq!(session.status().offer_withheld, None);
}

#[test]
fn every_reason_for_which_nothing_is_pruned_is_said() {
    let why = |known: Known, claimed: Triple, more: Option<Event>| {
        let mut session = Session::new(known);
        session.handle(hello(Some(claimed), Receipt::Absent));
        session.handle(aim(6, "a", Prune::Permitted));
        session.handle(more.unwrap_or(Event::Settled));
        session.status().prune_withheld.unwrap_or_default()
    };
    assert_eq!(why(known(), triple(6, "a"), None), "");
    let unsettled = why(known(), triple(6, "a"), Some(Event::Unsettled));
    assert!(unsettled.contains("written down"), "{unsettled}");
    let recovering = why(known(), triple(200, "x"), None);
    assert!(recovering.contains("not on record"), "{recovering}");
}

#[test]
fn a_late_refusal_of_what_was_accepted_changes_nothing() {
    let mut session = Session::new(known());
    session.handle(hello(None, Receipt::Absent));
    session.handle(aim(5, "a", Prune::Permitted));
    session.handle(Event::Accept(triple(5, "a")));
    let refuse = Event::Refuse {
        snapshot: triple(5, "a"),
        reason: receiver::Reason::Gap,
        detail: String::new(),
    };
    assert_eq!(session.handle(refuse), []);
    assert_eq!(session.status().refused, None);
}

#[test]
fn no_opinion_is_said_once_and_is_never_an_empty_snapshot() {
    let nothing = || Event::Aim(Aim::NoOpinion("not declared".to_owned()));
    check(
        known(),
        [
            hello(Some(triple(5, "a")), Receipt::Valid),
            nothing(),
            nothing(),
            aim(6, "a", Prune::Permitted),
            nothing(),
        ],
        expect![[r#"
            Hello: 
            Aim: NoOpinion("not declared")
            Aim: 
            Aim: in sync 7/5=a, permit 7/5=a
            Aim: NoOpinion("not declared")
        "#]],
    );
}

#[test]
fn an_agent_that_lacks_a_feature_is_told_and_offered_nothing() {
    let target = Target {
        triple: triple(5, "a"),
        snapshot: snapshot("a"),
        header: Header {
            required_features: ["policy-v9".to_owned()].into(),
            ..Header::default()
        },
    };
    let needs = || Event::Aim(Aim::Target(target.clone(), Prune::Permitted));
    check(
        known(),
        [
            hello(None, Receipt::Absent),
            needs(),
            needs(),
            aim(6, "b", Prune::Permitted),
        ],
        expect![[r#"
            Hello: 
            Aim: UpgradeNeeded({"policy-v9"})
            Aim: 
            Aim: offer 7/6=b (full) after nothing
        "#]],
    );
}

#[test]
fn whoever_breaks_the_protocol_is_sent_away_in_words() {
    check(
        known(),
        [Event::Accept(triple(1, "a")), hello(None, Receipt::Absent)],
        expect![[r#"
            Accept: close Protocol: no Hello came first
            Hello: 
        "#]],
    );
    check(
        known(),
        [hello(None, Receipt::Absent), hello(None, Receipt::Absent)],
        expect![[r#"
            Hello: 
            Hello: close Protocol: a second Hello
        "#]],
    );
    let Event::Hello(old) = hello(None, Receipt::Absent) else {
        unreachable!()
    };
    check(
        known(),
        [Event::Hello(Hello {
            protocol_min: 8,
            protocol_max: 9,
            ..old
        })],
        expect![[r#"
            Hello: close Protocol: agent 1 speaks protocol 8 to 9, this hub 1 to 1; upgrade the older side
        "#]],
    );
    let end = Close {
        reason: CloseReason::Banned,
        detail: "banned".to_owned(),
        retry_after_ms: 0,
    };
    check(
        known(),
        [
            hello(None, Receipt::Absent),
            Event::End(end),
            aim(5, "a", Prune::Permitted),
        ],
        expect![[r#"
            Hello: 
            End: close Banned: banned
            Aim: 
        "#]],
    );
}

#[test]
fn what_a_spoke_may_read_is_what_it_has_and_what_it_is_offered() {
    let mut session = Session::new(Known {
        snapshot: Some(snapshot("a")),
        ..known()
    });
    assert_eq!(session.readable().count(), 0);
    session.handle(hello(Some(triple(5, "a")), Receipt::Valid));
    session.handle(aim(6, "b", Prune::Permitted));
    session.handle(aim(7, "c", Prune::Permitted));
    let readable: BTreeSet<Digest> = session.readable().map(|s| s.digest()).collect();
    assert_eq!(
        readable,
        ["a", "b", "c"].map(|n| snapshot(n).digest()).into()
    );
}

#[test]
fn bundle_states_are_asked_for_only_where_they_differ() {
    let Event::Hello(plain) = hello(None, Receipt::Absent) else {
        unreachable!()
    };
    let states = |n: u8| Some(Digest::from_bytes([n; 32]));
    let with = |own, hub| {
        let mut session = Session::new(Known {
            states: hub,
            ..known()
        });
        session.handle(Event::Hello(Hello {
            states: own,
            ..plain.clone()
        }))
    };
    assert_eq!(with(states(1), states(1)), []);
    assert_eq!(with(states(1), states(2)), [Effect::ReportWanted]);
    assert_eq!(with(states(1), None), [Effect::ReportWanted]);
    assert_eq!(with(None, None), []);
}
