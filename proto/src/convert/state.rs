//! Bundle states and drifts, to the wire and from it.

use super::{
    Malformed, health, health_to_wire, key, key_to_wire, required_triple, sync, sync_to_wire,
    triple_to_wire,
};
use crate::drift::{Drift, Field, Outcome, Values};
use crate::ids::BundleName;
use crate::limits;
use crate::moment::Moment;
use crate::state::{BundleState, ObjectState};
use crate::wire;

/// A bundle state, to the wire.
#[must_use]
pub fn to_wire(state: &BundleState) -> wire::BundleState {
    wire::BundleState {
        bundle: state.bundle.to_string(),
        snapshot: Some(triple_to_wire(state.snapshot)),
        sync: sync_to_wire(state.sync).into(),
        health: health_to_wire(state.health).into(),
        reason: state.reason.clone(),
        message: state.message.clone(),
        objects: state.objects,
        objects_synced: state.objects_synced,
        objects_healthy: state.objects_healthy,
        attention: state.attention.iter().map(object_to_wire).collect(),
        drifts: state.drifts.iter().map(drift_to_wire).collect(),
        judged_at_ms: state.judged_at.unix_ms(),
    }
}

/// A bundle state, from the wire.
///
/// # Errors
/// When a name, number or digest is malformed, or a list or text is longer than a spoke may send.
pub fn from_wire(state: &wire::BundleState) -> Result<BundleState, Malformed> {
    if state.attention.len() > limits::ATTENTION_MAX || state.drifts.len() > limits::ATTENTION_MAX {
        return Err(Malformed::TooLong("the list of objects"));
    }
    Ok(BundleState {
        bundle: BundleName::parse(&state.bundle).map_err(|source| Malformed::Name {
            field: "bundle",
            source,
        })?,
        snapshot: required_triple(state.snapshot.as_ref())?,
        sync: sync(state.sync),
        health: health(state.health),
        reason: text("reason", &state.reason)?,
        message: text("message", &state.message)?,
        objects: state.objects,
        objects_synced: state.objects_synced,
        objects_healthy: state.objects_healthy,
        attention: state
            .attention
            .iter()
            .map(object)
            .collect::<Result<_, _>>()?,
        drifts: state.drifts.iter().map(drift).collect::<Result<_, _>>()?,
        judged_at: Moment::from_unix_ms(state.judged_at_ms),
    })
}

fn text(field: &'static str, text: &str) -> Result<String, Malformed> {
    if text.len() > limits::MESSAGE_BYTES_MAX {
        return Err(Malformed::TooLong(field));
    }
    Ok(text.to_owned())
}

fn object_to_wire(state: &ObjectState) -> wire::ObjectState {
    wire::ObjectState {
        object: Some(key_to_wire(&state.object)),
        sync: sync_to_wire(state.sync).into(),
        health: health_to_wire(state.health).into(),
        reason: state.reason.clone(),
        message: state.message.clone(),
    }
}

fn object(state: &wire::ObjectState) -> Result<ObjectState, Malformed> {
    Ok(ObjectState {
        object: key(state.object.as_ref().ok_or(Malformed::Missing("object"))?)?,
        sync: sync(state.sync),
        health: health(state.health),
        reason: text("reason", &state.reason)?,
        message: text("message", &state.message)?,
    })
}

/// A drift, to the wire.
#[must_use]
pub fn drift_to_wire(drift: &Drift) -> wire::Drift {
    wire::Drift {
        object: Some(key_to_wire(&drift.object)),
        fields: drift.fields.iter().map(field_to_wire).collect(),
        manager: drift.manager.clone(),
        operation: drift.operation.clone(),
        changed_at_ms: drift.changed_at.unix_ms(),
        seen_at_ms: drift.seen_at.unix_ms(),
        outcome: outcome_to_wire(drift.outcome).into(),
        settled_at_ms: drift.settled_at.map(Moment::unix_ms),
        times: drift.times,
    }
}

/// A drift, from the wire.
///
/// # Errors
/// When the object is missing, the outcome unknown, or a text too long.
pub fn drift(drift: &wire::Drift) -> Result<Drift, Malformed> {
    Ok(Drift {
        object: key(drift.object.as_ref().ok_or(Malformed::Missing("object"))?)?,
        fields: drift.fields.iter().map(field).collect::<Result<_, _>>()?,
        manager: text("manager", &drift.manager)?,
        operation: text("operation", &drift.operation)?,
        changed_at: Moment::from_unix_ms(drift.changed_at_ms),
        seen_at: Moment::from_unix_ms(drift.seen_at_ms),
        outcome: outcome(drift.outcome)?,
        settled_at: drift.settled_at_ms.map(Moment::from_unix_ms),
        times: drift.times,
    })
}

fn field_to_wire(field: &Field) -> wire::DriftField {
    let (declared, live, redacted) = match &field.values {
        Values::Shown { declared, live } => (declared.clone(), live.clone(), false),
        Values::Redacted => (None, None, true),
    };
    wire::DriftField {
        path: field.path.clone(),
        declared,
        live,
        redacted,
    }
}

fn field(field: &wire::DriftField) -> Result<Field, Malformed> {
    let shown = |value: &Option<String>| value.as_deref().map(|v| text("value", v)).transpose();
    let values = match field.redacted {
        true => Values::Redacted,
        false => Values::Shown {
            declared: shown(&field.declared)?,
            live: shown(&field.live)?,
        },
    };
    Ok(Field {
        path: text("path", &field.path)?,
        values,
    })
}

const fn outcome_to_wire(outcome: Outcome) -> wire::DriftOutcome {
    match outcome {
        Outcome::Open => wire::DriftOutcome::Open,
        Outcome::Healed => wire::DriftOutcome::Healed,
        Outcome::Reported => wire::DriftOutcome::Reported,
        Outcome::Fought => wire::DriftOutcome::Fought,
    }
}

fn outcome(value: i32) -> Result<Outcome, Malformed> {
    [
        Outcome::Open,
        Outcome::Healed,
        Outcome::Reported,
        Outcome::Fought,
    ]
    .into_iter()
    .find(|outcome| outcome_to_wire(*outcome) as i32 == value)
    .ok_or(Malformed::Value {
        field: "outcome",
        value,
    })
}
