//! How a bundle's state is put together from its objects: the worst word stands for all, and what
//! needs a look comes first.

use capstan_proto::drift::Drift;
use capstan_proto::limits::{ATTENTION_MAX, REPORT_BYTES_MAX};
use capstan_proto::state::{BundleState, ObjectState};
use capstan_proto::{BundleName, Health, Moment, ObjectKey, Sync, Triple};

use crate::refusal::cut;

/// A report is cut at half of what the hub takes: sizes here are estimates.
const BATCH_BYTES: usize = REPORT_BYTES_MAX / 2;

/// Fields kept of a drift where a bundle's state would be too large.
const FIELDS_WHEN_LARGE: usize = 2;

/// A word with its sentence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reason<'a> {
    /// One CamelCase word; may be empty.
    pub word: &'a str,
    /// One sentence; may be empty.
    pub sentence: &'a str,
}

/// One object, as far as a report needs it.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// Which object.
    pub key: &'a ObjectKey,
    /// Whether the snapshot names it.
    pub wanted: bool,
    /// Whether it says what is declared.
    pub sync: Sync,
    /// Whether it works.
    pub health: Health,
    /// Why it is not Synced, or what is to be said of it though it is.
    pub sync_reason: Reason<'a>,
    /// Why it is not Healthy.
    pub health_reason: Reason<'a>,
    /// Its latest drift.
    pub drift: Option<&'a Drift>,
}

/// What a whole bundle waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// The word for it.
    pub sync: Sync,
    /// One CamelCase word.
    pub word: &'static str,
    /// One sentence.
    pub sentence: String,
}

/// Everything that a bundle's state is made of.
#[derive(Clone, Debug)]
pub struct Summary<'a> {
    /// Which bundle.
    pub bundle: BundleName,
    /// What it is judged against.
    pub snapshot: Triple,
    /// Its objects, wanted or leaving.
    pub lines: Vec<Line<'a>>,
    /// Wanted objects whose content is damaged.
    pub damaged: usize,
    /// What it waits for.
    pub wait: Option<Wait>,
    /// Features that this agent lacks for what the hub would offer.
    pub upgrade: Vec<String>,
    /// The time.
    pub now: Moment,
}

/// Puts a bundle's state together.
#[must_use]
pub fn assemble(summary: Summary<'_>) -> BundleState {
    let wanted = || summary.lines.iter().filter(|line| line.wanted);
    let worst = |line: &&Line<'_>| (line.sync.severity(), line.health.severity());
    let mut attention: Vec<_> = summary
        .lines
        .iter()
        .filter(|line| needs_a_look(line))
        .collect();
    attention.sort_by(|a, b| worst(b).cmp(&worst(a)).then_with(|| a.key.cmp(b.key)));
    let mut drifts: Vec<_> = summary.lines.iter().filter_map(|line| line.drift).collect();
    drifts.sort_by(|a, b| {
        b.seen_at
            .cmp(&a.seen_at)
            .then_with(|| a.object.cmp(&b.object))
    });

    let (sync, reason, message) = bundle_sync(&summary, attention.first().copied());
    let health = bundle_health(&summary);
    let count = |lines: usize| u32::try_from(lines).unwrap_or(u32::MAX);
    let mut state = BundleState {
        bundle: summary.bundle.clone(),
        snapshot: summary.snapshot,
        sync,
        health,
        reason,
        message,
        objects: count(wanted().count() + summary.damaged),
        objects_synced: count(wanted().filter(|line| line.sync == Sync::Synced).count()),
        objects_healthy: count(
            wanted()
                .filter(|line| line.health == Health::Healthy)
                .count(),
        ),
        attention: attention
            .into_iter()
            .take(ATTENTION_MAX)
            .map(object_state)
            .collect(),
        drifts: drifts.into_iter().take(ATTENTION_MAX).cloned().collect(),
        judged_at: summary.now,
    };
    if weight(&state) > BATCH_BYTES {
        for drift in &mut state.drifts {
            drift.fields.truncate(FIELDS_WHEN_LARGE);
        }
    }
    state
}

/// Cuts states into reports that the hub takes. Always at least one, which may be empty.
#[must_use]
pub fn batches(states: Vec<BundleState>) -> Vec<Vec<BundleState>> {
    let mut batches = vec![Vec::new()];
    let mut bytes = 0;
    for state in states {
        let size = weight(&state);
        if bytes > 0 && bytes + size > BATCH_BYTES {
            batches.push(Vec::new());
            bytes = 0;
        }
        bytes += size;
        batches
            .last_mut()
            .expect("there is always a batch")
            .push(state);
    }
    batches
}

fn needs_a_look(line: &Line<'_>) -> bool {
    let works = matches!(line.health, Health::Healthy | Health::Suspended);
    !line.wanted || line.sync != Sync::Synced || !works || !line.sync_reason.word.is_empty()
}

fn bundle_sync(summary: &Summary<'_>, worst: Option<&Line<'_>>) -> (Sync, String, String) {
    if !summary.upgrade.is_empty() {
        let features = summary.upgrade.join(", ");
        let message = format!("a newer snapshot waits for an agent that knows {features}");
        return (Sync::UpgradeNeeded, "UpgradeNeeded".to_owned(), message);
    }
    let of_objects = summary
        .lines
        .iter()
        .map(|line| line.sync)
        .max_by_key(|sync| sync.severity())
        .unwrap_or(Sync::Synced);
    if summary.damaged > 0 && of_objects.severity() <= Sync::Unknown.severity() {
        let message = format!(
            "the content of {} objects is damaged and is fetched anew",
            summary.damaged
        );
        return (Sync::Unknown, "ContentLacking".to_owned(), message);
    }
    if let Some(wait) = &summary.wait
        && of_objects.severity() <= wait.sync.severity().max(Sync::Applying.severity())
    {
        return (wait.sync, wait.word.to_owned(), wait.sentence.clone());
    }
    match worst {
        Some(line) => {
            let state = object_state(line);
            let message = match state.message.is_empty() {
                true => String::new(),
                // A sentence that names its object already says enough.
                false if state.message.contains(&line.key.to_string()) => state.message,
                false => format!("{}: {}", line.key, state.message),
            };
            (of_objects, state.reason, message)
        }
        None => (of_objects, String::new(), String::new()),
    }
}

fn bundle_health(summary: &Summary<'_>) -> Health {
    let of_objects = summary
        .lines
        .iter()
        .filter(|line| line.wanted)
        .map(|line| line.health)
        .max_by_key(|health| health.severity())
        .unwrap_or(Health::Healthy);
    if summary.damaged > 0 && of_objects.severity() < Health::Unknown.severity() {
        return Health::Unknown;
    }
    of_objects
}

/// The words of what is worse: that it is not as declared, or that it does not work; and what is to be
/// said of it though it is as declared.
fn object_state(line: &Line<'_>) -> ObjectState {
    let synced = line.sync == Sync::Synced;
    let (why, besides) = match (line.sync_reason, line.health_reason) {
        (sync, health) if sync.word.is_empty() => (health, ""),
        (note, health) if synced && !health.word.is_empty() => (health, note.sentence),
        (sync, _) => (sync, ""),
    };
    let sentences = [why.sentence, besides].into_iter();
    let said: Vec<_> = sentences.filter(|text| !text.is_empty()).collect();
    ObjectState {
        object: line.key.clone(),
        sync: line.sync,
        health: line.health,
        reason: why.word.to_owned(),
        message: cut(&said.join("; ")),
    }
}

/// About how many bytes a state takes on the wire.
fn weight(state: &BundleState) -> usize {
    let key =
        |key: &ObjectKey| key.group.len() + key.kind.len() + key.namespace.len() + key.name.len();
    let object = |o: &ObjectState| 32 + key(&o.object) + o.reason.len() + o.message.len();
    let field = |f: &capstan_proto::drift::Field| {
        let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let values = match &f.values {
            capstan_proto::drift::Values::Shown { declared, live } => {
                length(declared) + length(live)
            }
            capstan_proto::drift::Values::Redacted => 0,
        };
        16 + f.path.len() + values
    };
    let drift = |d: &Drift| {
        let fields: usize = d.fields.iter().map(field).sum();
        64 + key(&d.object) + d.manager.len() + fields
    };
    let objects: usize = state.attention.iter().map(object).sum();
    let drifts: usize = state.drifts.iter().map(drift).sum();
    200 + state.reason.len() + state.message.len() + objects + drifts
}

#[cfg(test)]
mod tests;
