//! Tests of conversions.

use super::*;
use crate::drift::{Drift, Field, Outcome, Values};
use crate::ids::BundleName;
use crate::moment::Moment;
use crate::state::{BundleState, ObjectState, states_digest};

fn state() -> BundleState {
    let object = ObjectKey::new("apps", "Deployment", "shop", "web");
    BundleState {
        bundle: BundleName::parse("platform.shop").unwrap(),
        snapshot: Triple {
            number: Number {
                incarnation: Incarnation {
                    counter: 1,
                    random: 2,
                },
                generation: Generation(3),
            },
            digest: Digest::of(b"x"),
        },
        sync: Sync::Drifted,
        health: Health::Progressing,
        reason: "Drifted".into(),
        message: "one object drifted".into(),
        objects: 2,
        objects_synced: 1,
        objects_healthy: 1,
        attention: vec![ObjectState {
            object: object.clone(),
            sync: Sync::Drifted,
            health: Health::Progressing,
            reason: String::new(),
            message: String::new(),
        }],
        drifts: vec![Drift {
            object,
            fields: vec![
                Field {
                    path: ".spec.replicas".into(),
                    values: Values::Shown {
                        declared: Some("2".into()),
                        live: None,
                    },
                },
                Field {
                    path: ".data.p".into(),
                    values: Values::Redacted,
                },
            ],
            manager: "kubectl".into(),
            operation: "Update".into(),
            changed_at: Moment::from_unix_ms(1),
            seen_at: Moment::from_unix_ms(2),
            outcome: Outcome::Healed,
            settled_at: Some(Moment::from_unix_ms(3)),
            times: 1,
        }],
        judged_at: Moment::from_unix_ms(4),
    }
}

#[test]
fn a_state_survives_the_wire() {
    assert_eq!(
        state::from_wire(&state::to_wire(&state())).unwrap(),
        state()
    );
}

#[test]
fn the_states_digest_does_not_depend_on_when_they_were_judged() {
    let later = BundleState {
        judged_at: Moment::from_unix_ms(99),
        ..state()
    };
    assert_eq!(states_digest([&state()]), states_digest([&later]));
    let other = BundleState {
        objects: 3,
        ..state()
    };
    assert_ne!(states_digest([&state()]), states_digest([&other]));
}

#[test]
fn redacted_values_cannot_travel() {
    let wire = state::to_wire(&state());
    assert_eq!(
        (
            &wire.drifts[0].fields[1].declared,
            wire.drifts[0].fields[1].redacted
        ),
        (&None, true)
    );
}

#[test]
fn every_word_has_its_own_number() {
    for word in Sync::ALL {
        assert_eq!(sync(sync_to_wire(*word).into()), *word);
    }
    for word in Health::ALL {
        assert_eq!(health(health_to_wire(*word).into()), *word);
    }
    assert_eq!((sync(99), health(99)), (Sync::Unknown, Health::Unknown));
}

#[test]
fn a_malformed_state_is_refused_by_the_field_that_is_wrong() {
    let mut wire = state::to_wire(&state());
    wire.bundle = "no-source".into();
    assert_eq!(
        state::from_wire(&wire).unwrap_err().to_string(),
        "bundle is not a name"
    );
    let mut wire = state::to_wire(&state());
    wire.message = "x".repeat(crate::limits::MESSAGE_BYTES_MAX + 1);
    assert_eq!(
        state::from_wire(&wire).unwrap_err(),
        Malformed::TooLong("message")
    );
}
