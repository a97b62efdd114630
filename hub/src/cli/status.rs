//! `hub status`: the fleet at a glance.

use std::collections::BTreeMap;

use capstan_proto::wire;
use capstan_proto::wire::query_client::QueryClient;
use tonic::transport::Channel;

use super::Outcome;
use super::args::{Shape, Target};
use super::connect;
use super::output::{Show, show};
use super::table::{Cell, Table, colour};
use super::words::{ago, objects, or_dash};

/// Objects of a held removal that are shown; `-o json` has all.
const HELD_SHOWN_MAX: usize = 10;

pub(super) async fn run(target: &Target, shape: Shape) -> Outcome {
    let client = connect::query(connect::connect(target).await?);
    let ask = async |client: &mut QueryClient<Channel>| {
        Ok(Glance(
            client
                .get_fleet(wire::GetFleetRequest {})
                .await?
                .into_inner(),
        ))
    };
    show(client, shape, ask).await
}

struct Glance(wire::Fleet);

impl Show for Glance {
    type Value = wire::Fleet;

    fn value(&self) -> &wire::Fleet {
        &self.0
    }

    fn lines(&self, wide: bool, headers: bool) -> Vec<String> {
        let fleet = &self.0;
        let mut lines = vec![colour(&format!("Hub: {}", or_dash(&fleet.state)))];
        if !fleet.state_reason.is_empty() {
            lines.push(format!("  {}", fleet.state_reason));
        }
        lines.push(String::new());
        lines.extend(sources(&fleet.sources, wide).lines(headers));
        for source in fleet
            .sources
            .iter()
            .filter(|source| !source.message.is_empty())
        {
            lines.push(format!(
                "  {} fails since {}: {}",
                source.name,
                ago(source.failing_since_ms),
                source.message
            ));
            if !source.hint.is_empty() {
                lines.push(format!("  {}", source.hint));
            }
        }
        lines.push(String::new());
        lines.extend(wrong(fleet.errors, fleet.warnings));
        lines.extend(fleet.text.lines().map(colour));
        lines.extend(modes(&fleet.modes));
        for held in &fleet.held {
            lines.push(String::new());
            lines.extend(held_lines(held));
        }
        lines
    }
}

/// A held removal: why, the first of its objects, and what lets it go on.
fn held_lines(held: &wire::HeldRemoval) -> Vec<String> {
    let all = held.objects as usize;
    let head = format!("Held: {} ({})", held.why, objects(held.objects));
    let mut lines = vec![colour(&head)];
    let shown = held.examples.iter().take(HELD_SHOWN_MAX);
    lines.extend(shown.map(|object| format!("  {object}")));
    let rest = all.saturating_sub(HELD_SHOWN_MAX);
    match held.examples.len() {
        _ if rest == 0 => {}
        listed if listed >= all => {
            lines.push(format!("  and {rest} more: hub status -o json"));
        }
        listed => lines.push(format!(
            "  and {rest} more: hub status -o json (it lists {listed} of them)"
        )),
    }
    lines.push(format!("  to let it go on: {}", held.command));
    lines
}

/// `modes     2 Enforce, 1 Paused (as their spokes confirmed)`; nothing where all are enforced.
fn modes(counts: &BTreeMap<String, u32>) -> Option<String> {
    let parts: Vec<String> = counts
        .iter()
        .map(|(mode, n)| format!("{n} {mode}"))
        .collect();
    let others = counts.keys().any(|mode| *mode != "Enforce");
    others.then(|| format!("modes     {} (as their spokes confirmed)", parts.join(", ")))
}

/// `problems  2 errors, 1 warning: hub get problems`; nothing where nothing is wrong.
fn wrong(errors: u32, warnings: u32) -> Option<String> {
    let counted = |number: u32, what: &str| match number {
        0 => None,
        1 => Some(format!("1 {what}")),
        number => Some(format!("{number} {what}s")),
    };
    let parts = [counted(errors, "error"), counted(warnings, "warning")];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let all = parts.join(", ");
    (!all.is_empty()).then(|| colour(&format!("problems  {all}: hub get problems")))
}

fn sources(items: &[wire::Source], wide: bool) -> Table {
    let mut header = vec!["SOURCE", "STATE", "COMMIT", "SUBJECT", "ASKED"];
    if wide {
        header.extend(["BRANCH", "URL", "AUTHOR"]);
    }
    let mut table = Table::new(&header);
    for source in items {
        let short: String = source.revision.chars().take(12).collect();
        let mut row = vec![
            Cell::new(&source.name),
            Cell::word(&source.state),
            Cell::new(or_dash(&short)),
            Cell::new(or_dash(&source.summary)),
            Cell::new(ago(source.polled_at_ms)),
        ];
        if wide {
            row.extend([
                Cell::new(&source.branch),
                Cell::new(&source.url),
                Cell::new(or_dash(&source.author)),
            ]);
        }
        table.push(row);
    }
    table
}

#[cfg(test)]
mod tests;
