//! The live table: rewritten in place on a terminal, a line for each change elsewhere.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use capstan_proto::wire;

use crate::guide;
use crate::status::Picture;

/// Width of the longest word of each column: Quarantined, WaitingForDependency, Progressing.
const CONNECTION: usize = 11;
const SYNC: usize = 20;
const HEALTH: usize = 11;

/// Where the table stands on the screen, and what was said before.
pub(crate) struct Live {
    terminal: bool,
    lines: usize,
    said: BTreeMap<String, String>,
}

impl Live {
    pub(crate) fn new() -> Self {
        Self {
            terminal: std::io::stdout().is_terminal(),
            lines: 0,
            said: BTreeMap::new(),
        }
    }

    /// Shows a picture.
    pub(crate) fn show(&mut self, picture: &Picture) {
        if self.terminal {
            self.redraw(picture)
        } else {
            self.report(picture)
        }
    }

    /// Prints a line above the table.
    pub(crate) fn note(&mut self, text: &str) {
        self.clear();
        guide::say(text);
    }

    fn redraw(&mut self, picture: &Picture) {
        self.clear();
        let text = render(picture);
        guide::say(&text);
        self.lines = text.lines().count();
    }

    fn clear(&mut self) {
        if self.lines > 0 {
            let mut out = anstream::stdout();
            // Up to the table's first line, then clear to the end of the screen.
            drop(write!(out, "\x1b[{}A\x1b[J", self.lines));
            drop(out.flush());
        }
        self.lines = 0;
    }

    fn report(&mut self, picture: &Picture) {
        let hub = if picture.live {
            "answers"
        } else {
            "does not answer"
        };
        self.line("hub", hub.to_owned());
        for cluster in &picture.clusters {
            let text = format!(
                "{}, {}, {}, {}/{} bundles synced",
                cluster.connection,
                cluster.sync,
                cluster.health,
                cluster.bundles_synced,
                cluster.bundles
            );
            self.line(&cluster.name, text);
        }
    }

    fn line(&mut self, subject: &str, text: String) {
        if self.said.get(subject) != Some(&text) {
            guide::say(&format!("{subject:<16} {text}"));
            self.said.insert(subject.to_owned(), text);
        }
    }
}

fn render(picture: &Picture) -> String {
    let longest = picture
        .clusters
        .iter()
        .map(|cluster| cluster.name.len())
        .max();
    let name_width = longest.unwrap_or_default().max("CLUSTER".len());
    let mut lines = vec![
        heading(picture),
        format!(
            "{:name_width$}  {:CONNECTION$}  {:SYNC$}  {:HEALTH$}  BUNDLES  OBJECTS  REVISION",
            "CLUSTER", "CONNECTION", "SYNC", "HEALTH"
        ),
    ];
    lines.extend(picture.clusters.iter().map(|cluster| {
        format!(
            "{:name_width$}  {}  {}  {}  {:>7}  {:>7}  {}",
            cluster.name,
            word(&cluster.connection, CONNECTION),
            word(&cluster.sync, SYNC),
            word(&cluster.health, HEALTH),
            format!("{}/{}", cluster.bundles_healthy, cluster.bundles),
            cluster.objects,
            revision(cluster)
        )
    }));
    lines.join("\n")
}

fn heading(picture: &Picture) -> String {
    let bold = Style::new().bold();
    let Some(fleet) = &picture.fleet else {
        return "waiting for the hub".to_owned();
    };
    let away = if picture.live {
        ""
    } else {
        "   (the hub does not answer; this is what it said last)"
    };
    format!(
        "{bold}{} of {} clusters ready{bold:#}   {} open drifts   {} problems{away}",
        fleet.clusters_ready,
        fleet.clusters,
        fleet.open_drifts,
        fleet.errors + fleet.warnings
    )
}

fn revision(cluster: &wire::Cluster) -> String {
    cluster
        .revisions
        .values()
        .next()
        .map(|text| text.chars().take(12).collect())
        .unwrap_or_default()
}

fn word(word: &str, width: usize) -> String {
    let color = match word {
        "Connected" | "Synced" | "Healthy" => AnsiColor::Green,
        "Failed" | "Degraded" | "Conflict" | "Offline" | "Banned" => AnsiColor::Red,
        _ => AnsiColor::Yellow,
    };
    let style = color.on_default();
    // Padded before it is coloured: colour codes have no width on the screen.
    format!("{style}{word:width$}{style:#}")
}
