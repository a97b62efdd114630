//! What a spoke says of one bundle, below the reasons for which the bundle is there.

use std::fmt::Write as _;

use capstan_proto::drift::{Drift, Field, Values};
use capstan_proto::state::{BundleState, ObjectState};
use capstan_proto::{ClusterName, Moment};

use super::ago;
use crate::rollup::{BundleOnCluster, ClusterSummary};

const INFALLIBLE: &str = "writing to a string cannot fail";

/// Characters of a drifted value that are shown.
const VALUE_CHARS_MAX: usize = 60;

/// The state of a bundle on a cluster, objects that are not well, and drift; with the age of all of it.
#[must_use]
pub fn state(
    cluster: &ClusterName,
    (summary, on): (&ClusterSummary, &BundleOnCluster),
    said: Option<&BundleState>,
    now: Moment,
) -> String {
    let mut out = String::new();
    let heard = match summary.heard_at {
        Some(heard) => format!(", heard {}", ago(heard, now)),
        None => String::new(),
    };
    writeln!(out, "{cluster} is {}{heard}", summary.connection).expect(INFALLIBLE);
    let why = sentence(&on.reason, &on.message);
    let (sync, health) = (on.sync, on.health);
    writeln!(out, "  state    {sync}, {health}{}", after(": ", &why)).expect(INFALLIBLE);
    let Some(said) = said else {
        writeln!(out, "  report   none of this bundle yet").expect(INFALLIBLE);
        return out;
    };
    let revision = match &on.revision {
        Some(revision) => format!(", of commit {}", revision.short()),
        None => String::new(),
    };
    let age = ago(said.judged_at, now);
    writeln!(out, "  report   last changed {age}{revision}").expect(INFALLIBLE);
    let objects = &on.objects;
    writeln!(
        out,
        "  objects  {}: {} synced, {} healthy",
        objects.all, objects.synced, objects.healthy
    )
    .expect(INFALLIBLE);
    for object in &said.attention {
        writeln!(out, "    {}", one_object(object)).expect(INFALLIBLE);
    }
    if !said.drifts.is_empty() {
        writeln!(out, "  drift").expect(INFALLIBLE);
    }
    for drift in &said.drifts {
        one_drift(&mut out, drift, now);
    }
    out
}

fn one_object(state: &ObjectState) -> String {
    let ObjectState {
        object,
        sync,
        health,
        reason,
        message,
    } = state;
    let why = sentence(reason, message);
    format!("{object}: {sync}, {health}{}", after(": ", &why))
}

fn one_drift(out: &mut String, drift: &Drift, now: Moment) {
    let by = after(" by ", &plain(&drift.manager));
    let (object, outcome) = (&drift.object, drift.outcome);
    let when = ago(drift.changed_at, now);
    writeln!(out, "    {object}: {outcome}, changed {when}{by}").expect(INFALLIBLE);
    if drift.fields.is_empty() {
        writeln!(out, "      the whole object was gone").expect(INFALLIBLE);
    }
    for field in &drift.fields {
        let Field { path, values } = field;
        let shown = |value: &Option<String>| match value {
            None => "nothing".to_owned(),
            Some(value) => plain(value).chars().take(VALUE_CHARS_MAX).collect(),
        };
        let path = plain(path);
        let was = match values {
            Values::Redacted => "the values are withheld".to_owned(),
            Values::Shown { declared, live } => {
                format!("{} instead of {}", shown(live), shown(declared))
            }
        };
        writeln!(out, "      {path}: {was}").expect(INFALLIBLE);
    }
}

/// `reason: sentence`, or the one that there is.
fn sentence(reason: &str, message: &str) -> String {
    let words: Vec<&str> = [reason, message]
        .into_iter()
        .filter(|word| !word.is_empty())
        .collect();
    plain(&words.join(": "))
}

/// A spoke's words on one line, without anything that moves a terminal's cursor.
fn plain(text: &str) -> String {
    text.chars()
        .map(|char| if char.is_control() { ' ' } else { char })
        .collect()
}

fn after(mark: &str, text: &str) -> String {
    match text {
        "" => String::new(),
        text => format!("{mark}{text}"),
    }
}
