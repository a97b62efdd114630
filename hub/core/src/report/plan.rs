//! A plan as people read it: what leaves first, then what comes and changes, then what is wrong.

use std::fmt::{self, Write as _};

use capstan_proto::{ClusterName, ObjectKey};

use crate::diff::{
    Action, BundleChange, Change, ClusterChange, Field, InputChange, ObjectChange, Plan, Released,
    Rename, Summary, Turn, Uncompared, Unknown, Value,
};
use crate::interchange::{Finding, HeldAnswer, LastGoodUnknown};

/// Clusters that are named before they are counted.
const NAMED_MAX: usize = 3;

/// Groups of clusters that change alike that are shown, unless everything is wanted.
const GROUPS_MAX: usize = 60;

/// Objects and problems that are listed of one group, unless everything is wanted.
const LISTED_MAX: usize = 20;

/// Longest value that is shown, in characters, unless everything is wanted.
const VALUE_CHARS_MAX: usize = 80;

const INFALLIBLE: &str = "writing to a string cannot fail";

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// What fits on a screen or two.
    Usual,
    /// Everything.
    All,
}

impl Detail {
    const fn groups(self) -> usize {
        match self {
            Self::Usual => GROUPS_MAX,
            Self::All => usize::MAX,
        }
    }

    const fn listed(self) -> usize {
        match self {
            Self::Usual => LISTED_MAX,
            Self::All => usize::MAX,
        }
    }

    /// `on 1 cluster: a`, `on 212 clusters: a, b, c and 209 more`.
    pub(super) fn on<'a>(self, clusters: impl ExactSizeIterator<Item = &'a ClusterName>) -> String {
        let all = clusters.len();
        let most = match self {
            Self::Usual => NAMED_MAX,
            Self::All => usize::MAX,
        };
        let names: Vec<&str> = clusters.take(most).map(ClusterName::as_str).collect();
        let more = match all - names.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("{}: {}{more}", counted(all, "cluster"), names.join(", "))
    }
}

/// `1 cluster`, `2 clusters`.
pub(super) fn counted(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        number => format!("{number} {what}s"),
    }
}

/// `and 1 more cluster`, `and 2 more clusters`.
pub(super) fn and_more(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("and {number} more {what}{plural}")
}

/// A plan as text without terminal codes. Lines begin with `+`, `~` and `-` for what comes, changes
/// and leaves, and with `!` for what waits or is wrong.
#[must_use]
pub fn plan(plan: &Plan<'_>, detail: Detail) -> String {
    let mut out = String::new();
    for cluster in plan.clusters.iter().take(detail.groups()) {
        line(&mut out, cluster_line(cluster));
    }
    not_shown(&mut out, plan.clusters.len(), detail, "cluster");
    for rename in plan.renames.iter().take(detail.groups()) {
        line(&mut out, format!("! {}", rename_line(rename)));
    }
    not_shown(&mut out, plan.renames.len(), detail, "cluster");
    for released in plan.released.iter().take(detail.groups()) {
        line(&mut out, format!("! {}", released_line(released)));
    }
    not_shown(&mut out, plan.released.len(), detail, "cluster");
    for bundle in plan.bundles.iter().take(detail.groups()) {
        bundle_lines(&mut out, bundle, detail);
    }
    not_shown(&mut out, plan.bundles.len(), detail, "bundle");
    if !out.is_empty() {
        out.push('\n');
    }
    for change in plan.changes.iter().take(detail.groups()) {
        change_lines(&mut out, change, detail);
    }
    not_shown(&mut out, plan.changes.len(), detail, "group of clusters");
    for keeping in plan.kept.iter().take(detail.groups()) {
        let on = detail.on(keeping.clusters.iter().copied());
        let (bundle, why) = (keeping.bundle, &keeping.why);
        line(
            &mut out,
            format!("! {bundle} stays as it is on {on}: {why}"),
        );
    }
    not_shown(&mut out, plan.kept.len(), detail, "bundle");
    for unknown in plan.unknown.iter().take(detail.groups()) {
        line(&mut out, format!("! {}", unknown_line(unknown, detail)));
    }
    not_shown(&mut out, plan.unknown.len(), detail, "bundle");
    for unknown in plan.last_good_unknown.iter().take(detail.groups()) {
        line(&mut out, format!("! {}", last_good_line(unknown)));
    }
    not_shown(&mut out, plan.last_good_unknown.len(), detail, "document");
    for uncompared in &plan.uncompared {
        line(&mut out, format!("! {}", uncompared_line(uncompared)));
    }
    for held in plan.held.iter().take(detail.groups()) {
        held_lines(&mut out, held, detail);
    }
    not_shown(&mut out, plan.held.len(), detail, "held removal");
    findings(&mut out, "new problem", &plan.introduced, detail);
    findings(&mut out, "fixed problem", &plan.fixed, detail);
    line(&mut out, sentence(&plan.summary));
    out
}

/// How many more there are than are shown.
fn not_shown(out: &mut String, all: usize, detail: Detail, what: &str) {
    let more = all.saturating_sub(detail.groups());
    if more > 0 {
        let (first, rest) = what.split_once(' ').unwrap_or((what, ""));
        let plural = if more == 1 { "" } else { "s" };
        let what = format!("{first}{plural} {rest}");
        line(
            out,
            format!("and {more} more {} (-o wide)", what.trim_end()),
        );
    }
}

fn line(out: &mut String, text: impl fmt::Display) {
    writeln!(out, "{text}").expect(INFALLIBLE);
}

/// Everything in one sentence.
pub(super) fn sentence(summary: &Summary) -> String {
    let mut parts = vec![changes(summary)];
    parts.extend(besides(summary));
    parts.join("; ")
}

/// What changes on clusters.
fn changes(summary: &Summary) -> String {
    let Summary {
        clusters,
        created,
        changed,
        moved,
        deleted,
        held,
        ..
    } = *summary;
    match summary.is_nothing() {
        true if summary.is_in_part() => "nothing else changes on any cluster".to_owned(),
        true => "nothing changes on any cluster".to_owned(),
        false if clusters == 0 && held == 0 => "nothing else changes on any cluster".to_owned(),
        false if clusters == 0 => {
            let held = counted(held, "removed object");
            format!("nothing changes on any cluster before it is approved; {held} held")
        }
        false => {
            let moved = match moved {
                0 => String::new(),
                moved => format!(", {moved} handed over"),
            };
            format!(
                "{}: {created} created, {changed} changed{moved}, {deleted} deleted, {held} held",
                counted(clusters, "cluster")
            )
        }
    }
}

/// What there is to say of it besides.
fn besides(summary: &Summary) -> Vec<String> {
    let mut parts = Vec::new();
    let mut say = |number: usize, what: &str, words: &dyn Fn(String) -> String| {
        if number > 0 {
            parts.push(words(counted(number, what)));
        }
    };
    say(summary.waiting, "cluster", &|clusters| {
        format!("{clusters} in mode Paused or Observe, where it waits")
    });
    say(summary.released, "cluster", &|clusters| {
        format!("{clusters} in mode Release, where nothing is applied")
    });
    say(
        summary.undeclared,
        "cluster",
        &|clusters| match summary.undeclared {
            1 => format!("{clusters} is not declared any more: it keeps what it has"),
            _ => format!("{clusters} are not declared any more: they keep what they have"),
        },
    );
    say(summary.uncompared, "bundle", &|bundles| {
        format!("{bundles} cannot be compared")
    });
    say(summary.unknown, "cluster", &|clusters| {
        format!("on {clusters} it is not known what is there")
    });
    say(summary.last_good_unknown, "broken document", &|documents| {
        format!("of {documents} it is not known what was there")
    });
    say(summary.errors_introduced, "new error", &|errors| errors);
    parts
}

pub(super) fn uncompared_line(uncompared: &Uncompared<'_>) -> String {
    let Uncompared {
        bundle,
        revision,
        side,
        why,
    } = uncompared;
    format!(
        "{bundle} cannot be compared: `{revision}`, to which --{side} pins it, cannot be read: {why}"
    )
}

/// What nobody can compare, because it was left as it was.
pub(super) fn unknown_line(unknown: &Unknown<'_>, detail: Detail) -> String {
    let Unknown {
        bundle,
        why,
        clusters,
        objects,
    } = unknown;
    let (on, objects) = (
        detail.on(clusters.iter().copied()),
        counted(*objects, "object"),
    );
    format!(
        "{bundle} comes to be as declared ({objects}) on {on}; what is there of it now is not known: {why}"
    )
}

/// A document of which nobody can tell what it brought.
pub(super) fn last_good_line(unknown: &LastGoodUnknown<'_>) -> String {
    let (at, advice) = (unknown.place(), unknown.advice());
    format!(
        "{at} is broken at --from, and no good version of it is known: what clusters have of it, and what stays \
         there only because it is broken, may leave and is not in this plan{advice}"
    )
}

/// A cluster that may have a new name.
pub(super) fn rename_line(rename: &Rename<'_>) -> String {
    let Rename { gone, new, alike } = rename;
    let names: Vec<&str> = new.iter().map(|name| name.as_str()).collect();
    let alike = match *alike {
        "labels" => "the same labels",
        _ => "the same document",
    };
    match names.as_slice() {
        [only] => format!(
            "cluster {gone} is gone, and {only} is new with {alike}: if it is the same cluster, write \
             `renamedFrom: {gone}` in {only}"
        ),
        several => format!(
            "cluster {gone} is gone, and {} are new with {alike}: if one of them is the same cluster, write \
             `renamedFrom: {gone}` in it",
            several.join(", ")
        ),
    }
}

/// What release leaves behind, and what ends with it.
pub(super) fn released_line(released: &Released<'_>) -> String {
    let Released {
        cluster,
        bundles,
        objects,
    } = released;
    let stays = match objects {
        0 => "nothing of ours is there".to_owned(),
        objects => format!(
            "what is there of {} stays ({}), without our label, annotation and field ownership",
            bundles.join(", "),
            counted(*objects, "object")
        ),
    };
    format!(
        "cluster {cluster} is released: {stays}; from then on nothing is applied, put back or removed there, and \
         no drift is reported, until its mode is another one"
    )
}

pub(super) fn cluster_line(cluster: &ClusterChange<'_>) -> String {
    let name = cluster.name;
    if let Some(before) = cluster.renamed_from {
        return format!("~ cluster {before} is called {name} now");
    }
    match (cluster.from, cluster.to) {
        (None, Some("Enforce")) => format!("+ cluster {name} is declared"),
        (None, Some(mode)) => format!("+ cluster {name} is declared, mode {mode}"),
        (Some(_), None) => {
            format!("~ cluster {name} is not declared any more; it keeps what it has")
        }
        (from, to) => {
            let (from, to) = (from.unwrap_or("-"), to.unwrap_or("-"));
            format!("~ cluster {name} changes its mode from {from} to {to}")
        }
    }
}

fn bundle_lines(out: &mut String, bundle: &BundleChange<'_>, detail: Detail) {
    let name = bundle.name;
    if !bundle.gained.is_empty() {
        let on = detail.on(bundle.gained.iter().copied());
        line(out, format!("+ {name} comes to {on}"));
    }
    if !bundle.lost.is_empty() {
        let on = detail.on(bundle.lost.iter().copied());
        line(out, format!("- {name} leaves {on}"));
    }
    if !bundle.held.is_empty() {
        let on = detail.on(bundle.held.iter().copied());
        line(out, format!("! {name} would leave {on}; held"));
    }
}

fn change_lines(out: &mut String, change: &Change<'_>, detail: Detail) {
    let on = detail.on(change.clusters.iter().copied());
    let same = if change.clusters.len() > 1 {
        "same on "
    } else {
        "on "
    };
    line(out, format!("{}, {same}{on}", change.bundle.name()));
    for text in treatment(change, detail) {
        line(out, format!("  {text}"));
    }
    for object in change.objects.iter().take(detail.listed()) {
        line(out, format!("  {}", object_line(object)));
        for field in &object.fields.fields {
            line(out, format!("      {}", field_line(field, detail)));
        }
        if object.fields.more_fields > 0 {
            let more = and_more(object.fields.more_fields, "field");
            line(out, format!("      {more}"));
        }
    }
    let more = change.objects.len().saturating_sub(detail.listed());
    if more > 0 {
        line(out, format!("  {}", and_more(more, "object")));
    }
    out.push('\n');
}

/// What changes of a bundle besides its objects: a line with a mark for each thing, lines with four
/// more blanks for what is in it.
pub(super) fn treatment(change: &Change<'_>, detail: Detail) -> Vec<String> {
    let mut lines = Vec::new();
    let InputChange {
        owner,
        revision,
        variables,
    } = &change.inputs;
    let name = |name: &Option<String>| name.clone().unwrap_or_default();
    if let Some(Turn { from, to }) = owner {
        let (from, to) = (name(from), name(to));
        lines.push(format!("~ owner: placement {from} -> placement {to}"));
        for change in variables {
            let value = |value: &Option<serde_json::Value>| {
                let value = value.clone().map_or(Value::Absent, Value::Shown);
                shown(&value, detail)
            };
            let (name, old, new) = (&change.name, value(&change.old), value(&change.new));
            lines.push(format!("    variable {name}: {old} -> {new}"));
        }
    }
    if let Some(Turn { from, to }) = revision {
        let at =
            |revision: &Option<String>| revision.clone().unwrap_or_else(|| "the branch".to_owned());
        lines.push(format!("~ revision: {} -> {}", at(from), at(to)));
    }
    if change.policy {
        lines.push("~ how it is applied, removed or watched".to_owned());
        let fields = change.policy_fields.iter();
        lines.extend(fields.map(|field| format!("    {}", field_line(field, detail))));
    }
    lines
}

/// The mark of what becomes of an object.
pub(super) const fn mark(action: Action) -> char {
    match action {
        Action::Create => '+',
        Action::Change => '~',
        Action::Delete => '-',
    }
}

pub(super) fn object_line(object: &ObjectChange<'_>) -> String {
    let key: &ObjectKey = object.object;
    let moved = match object.moved_from {
        Some(bundle) => format!(" (handed over by {})", bundle.name()),
        None => String::new(),
    };
    format!("{} {key}{moved}", mark(object.action))
}

pub(super) fn field_line(field: &Field, detail: Detail) -> String {
    let Field { path, old, new } = field;
    format!("{path}: {} -> {}", shown(old, detail), shown(new, detail))
}

fn shown(value: &Value, detail: Detail) -> String {
    let most = match detail {
        Detail::Usual => VALUE_CHARS_MAX,
        Detail::All => usize::MAX,
    };
    match value {
        Value::Absent => "(absent)".to_owned(),
        Value::Redacted => "(redacted)".to_owned(),
        Value::Shown(value) => {
            let text = value.to_string();
            match text.char_indices().nth(most) {
                Some((end, _)) => format!("{}...", &text[..end]),
                None => text,
            }
        }
    }
}

fn held_lines(out: &mut String, held: &HeldAnswer, detail: Detail) {
    line(out, format!("! held: {}", held.why));
    for removal in held.removals.iter().take(detail.listed()) {
        let (object, cluster, bundle) = (&removal.object, &removal.cluster, &removal.bundle);
        line(out, format!("    {object} of {bundle} on {cluster}"));
    }
    let more = held.removals.len().saturating_sub(detail.listed());
    if more > 0 {
        line(out, format!("    {}", and_more(more, "object")));
    }
    line(
        out,
        format!("  once the hub holds it, approve it with: {}", held.command),
    );
    out.push('\n');
}

fn findings(out: &mut String, what: &str, findings: &[Finding<'_>], detail: Detail) {
    for finding in findings.iter().take(detail.listed()) {
        line(out, format!("! {what}: {}", finding_line(finding)));
    }
    let more = findings.len().saturating_sub(detail.listed());
    if more > 0 {
        line(out, format!("! {}", and_more(more, what)));
    }
    if !findings.is_empty() {
        out.push('\n');
    }
}

/// `path:line:column: error[E0102]: sentence (hint)`.
pub(super) fn finding_line(finding: &Finding<'_>) -> String {
    let at = match (finding.path, finding.line, finding.column) {
        (Some(path), Some(line), Some(column)) => format!("{path}:{line}:{column}: "),
        _ => String::new(),
    };
    let hint = match finding.hint {
        Some(hint) => format!(" ({hint})"),
        None => String::new(),
    };
    let (severity, code, message) = (finding.severity, finding.code, finding.message);
    format!("{at}{severity}[{code}]: {message}{hint}")
}
