//! Decisions as people read them: each placement with its clusters in the order of rank, then each
//! cluster with its bundles. Of a large fleet, one line each, unless one of them is asked for.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use super::plan::{Detail, and_more, counted};
use crate::interchange::{
    BundleAnswer, ClusterAnswer, PlacementAnswer, Rejected, Resolved, Selected,
};
use crate::placement::{PlacementDecision, Reason};

/// Placements, and clusters, that are shown with everything; of more there is one line each.
const IN_FULL_MAX: usize = 12;

/// Lines of one kind that are shown of a large fleet.
const LINES_MAX: usize = 60;

/// Selected clusters that are listed of one placement.
const SELECTED_MAX: usize = 20;

/// Rejected clusters that are named of one reason.
const REJECTED_MAX: usize = 5;

const INFALLIBLE: &str = "writing to a string cannot fail";

/// Decisions as text without terminal codes.
#[must_use]
pub fn resolve(resolved: Resolved<'_>, detail: Detail) -> String {
    let mut out = String::new();
    let all = detail == Detail::All;
    if all || resolved.decided().take(IN_FULL_MAX + 1).count() <= IN_FULL_MAX {
        for placement in resolved.placements() {
            placement_lines(&mut out, &placement, detail);
        }
    } else {
        placements_in_brief(&mut out, resolved);
    }
    if all || resolved.names().take(IN_FULL_MAX + 1).count() <= IN_FULL_MAX {
        for cluster in resolved.clusters() {
            cluster_lines(&mut out, &cluster);
        }
    } else {
        clusters_in_brief(&mut out, resolved);
    }
    out
}

fn line(out: &mut String, text: impl fmt::Display) {
    writeln!(out, "{text}").expect(INFALLIBLE);
}

// === placements ===

fn placements_in_brief(out: &mut String, resolved: Resolved<'_>) {
    let header = [
        "PLACEMENT",
        "WANTED",
        "SELECTED",
        "ELIGIBLE",
        "NOTE",
        "CLUSTERS",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    let mut left = 0;
    for decision in resolved.decided() {
        if rows.len() > LINES_MAX {
            left += 1;
            continue;
        }
        let first = decision.selected().take(3).map(|name| name.as_str());
        let names = first.collect::<Vec<_>>().join(", ");
        let more = match decision.selected_count() {
            0..=3 => String::new(),
            count => format!(" and {} more", count - 3),
        };
        rows.push(vec![
            decision.name().name().to_owned(),
            decision.wanted().to_string(),
            decision.selected_count().to_string(),
            decision.eligible_count().to_string(),
            note(resolved, decision),
            format!("{names}{more}"),
        ]);
    }
    table(out, &rows);
    if left > 0 {
        line(out, and_more(left, "placement"));
    }
    line(out, "--placement NAME shows one with every reason\n");
}

fn note(resolved: Resolved<'_>, decision: PlacementDecision<'_>) -> String {
    let notes = [
        (decision.shortfall().is_some(), "Short"),
        (resolved.held(decision.name()).is_some(), "Held"),
        (decision.is_suspended(), "Suspended"),
    ];
    let notes: Vec<&str> = notes.iter().filter(|n| n.0).map(|n| n.1).collect();
    match notes.is_empty() {
        true => "-".to_owned(),
        false => notes.join(","),
    }
}

fn placement_lines(out: &mut String, placement: &PlacementAnswer<'_>, detail: Detail) {
    let PlacementAnswer {
        name,
        at,
        priority,
        bundles,
        eligible,
        selected,
        rejected,
        shortfall,
        held,
        suspended,
    } = placement;
    let priority = match priority {
        0 => String::new(),
        priority => format!(", priority {priority}"),
    };
    line(
        out,
        format!("placement {name} ({at}{priority}): {}", bundles.join(", ")),
    );
    let (chosen, of) = (selected.len(), eligible.len());
    line(
        out,
        format!("  selects {chosen} of {}", counted(of, "eligible cluster")),
    );
    if *suspended {
        line(out, "  Suspended: nothing of it changes anywhere");
    }
    selected_lines(out, selected, detail);
    if let Some(shortfall) = shortfall {
        let (wanted, lacking) = (shortfall.wanted, shortfall.wanted - shortfall.selected);
        let constraint = shortfall.constraint.as_ref().map_or_else(String::new, |c| {
            let (by, skew, when) = (c.by, c.max_skew, c.when_unsatisfiable);
            format!(": spread by {by} with maxSkew {skew} and {when}")
        });
        line(out, format!("  lacks {lacking} of {wanted}{constraint}"));
    }
    rejected_lines(out, rejected, detail);
    if let Some(held) = held {
        line(out, format!("  Held: {}", held.why));
        line(
            out,
            format!(
                "    once the hub holds it, approve it with: {}",
                held.command
            ),
        );
    }
    out.push('\n');
}

fn selected_lines(out: &mut String, selected: &[Selected<'_>], detail: Detail) {
    if selected.is_empty() {
        return;
    }
    let most = match detail {
        Detail::Usual => SELECTED_MAX,
        Detail::All => usize::MAX,
    };
    let header = ["CLUSTER", "SCORE", "STEP", "TERM", "BECAUSE"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for selected in selected.iter().take(most) {
        let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        rows.push(vec![
            selected.cluster.to_owned(),
            selected.score.to_string(),
            selected.step.to_owned(),
            text(&selected.term),
            text(&selected.because),
        ]);
    }
    let mut lines = String::new();
    table(&mut lines, &rows);
    indent(out, &lines, "    ");
    if selected.len() > most {
        line(
            out,
            format!("    and {} more (-o wide)", selected.len() - most),
        );
    }
}

fn rejected_lines(out: &mut String, rejected: &[Rejected<'_>], detail: Detail) {
    let mut reasons: BTreeMap<(usize, &str), Vec<&Rejected<'_>>> = BTreeMap::new();
    for one in rejected {
        let order = REASONS
            .iter()
            .position(|reason| reason.as_str() == one.reason);
        let order = order.unwrap_or(REASONS.len());
        reasons.entry((order, one.reason)).or_default().push(one);
    }
    let most = match detail {
        Detail::Usual => REJECTED_MAX,
        Detail::All => usize::MAX,
    };
    for ((_, reason), all) in reasons {
        line(
            out,
            format!("  {reason}: {}", counted(all.len(), "cluster")),
        );
        let rows: Vec<Vec<String>> = all
            .iter()
            .take(most)
            .map(|one| vec![one.cluster.to_owned(), one.detail.clone()])
            .collect();
        let mut lines = String::new();
        table(&mut lines, &rows);
        indent(out, &lines, "    ");
        if all.len() > most {
            line(out, format!("    and {} more (-o wide)", all.len() - most));
        }
    }
}

/// In the order in which they apply.
const REASONS: [Reason; 5] = [
    Reason::NotMatched,
    Reason::Excepted,
    Reason::Tainted,
    Reason::Spread,
    Reason::OutRanked,
];

// === clusters ===

fn clusters_in_brief(out: &mut String, resolved: Resolved<'_>) {
    let mut rows = vec![["CLUSTER", "BUNDLES"].map(str::to_owned).to_vec()];
    let mut left = 0;
    for name in resolved.names() {
        if rows.len() > LINES_MAX {
            left += 1;
            continue;
        }
        let owners = resolved.decisions.clusters.owners(name);
        let bundles: Vec<&str> = owners.map(|(bundle, _)| bundle.name()).collect();
        let shown = bundles.iter().take(4).copied().collect::<Vec<_>>();
        let more = match bundles.len() {
            0..=4 => String::new(),
            count => format!(" and {} more", count - 4),
        };
        let text = match shown.is_empty() {
            true => "-".to_owned(),
            false => format!("{}{more}", shown.join(", ")),
        };
        rows.push(vec![name.to_string(), text]);
    }
    table(out, &rows);
    if left > 0 {
        line(out, and_more(left, "cluster"));
    }
    line(out, "--cluster NAME shows one with its variables");
}

fn cluster_lines(out: &mut String, cluster: &ClusterAnswer<'_>) {
    let ClusterAnswer {
        name,
        at,
        mode,
        bundles,
    } = cluster;
    let mode = match *mode {
        "Enforce" => String::new(),
        mode => format!(", {mode}"),
    };
    let nothing = if bundles.is_empty() { ": nothing" } else { "" };
    line(out, format!("cluster {name} ({at}{mode}){nothing}"));
    for bundle in bundles {
        bundle_lines(out, bundle);
    }
}

fn bundle_lines(out: &mut String, bundle: &BundleAnswer<'_>) {
    let mut text = format!("  {} by {}", bundle.name, bundle.placement);
    if let Some(revision) = bundle.revision {
        write!(text, " at {revision}").expect(INFALLIBLE);
    }
    if !bundle.shadowed.is_empty() {
        write!(text, ", Shadowed: {}", bundle.shadowed.join(", ")).expect(INFALLIBLE);
    }
    if !bundle.declared {
        text.push_str(", not declared: what is there stays");
    }
    line(out, text);
    if let Some(unknown) = &bundle.unknown {
        line(out, format!("    stays as it is: {unknown}"));
    }
    for at in &bundle.overrides {
        line(out, format!("    override at {at}"));
    }
    let mut rows = Vec::new();
    for (name, value) in &bundle.variables {
        let layer = bundle.variable_layers.get(name).cloned();
        rows.push(vec![format!("{name}={value}"), layer.unwrap_or_default()]);
    }
    for (name, why) in &bundle.unresolved {
        rows.push(vec![format!("{name} has no value"), why.clone()]);
    }
    let mut lines = String::new();
    table(&mut lines, &rows);
    indent(out, &lines, "    ");
    if let Some(values) = &bundle.helm_values {
        line(out, format!("    values of its chart: {values}"));
    }
}

// === tables ===

fn indent(out: &mut String, lines: &str, by: &str) {
    for text in lines.lines() {
        line(out, format!("{by}{text}"));
    }
}

/// Columns padded with blanks.
fn table(out: &mut String, rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let mut text = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            write!(text, "{cell:width$}   ").expect(INFALLIBLE);
        }
        line(out, text.trim_end());
    }
}
