//! Which columns each kind of thing has.

use capstan_proto::wire;

use super::table::{Cell, Table};
use super::words::{ago, moment, objects, or_dash, pairs};

/// Longest value of a drifted field in a table; `-o yaml` has all of it.
const VALUE_CHARS_MAX: usize = 40;

/// Clusters of a problem that a table names before it counts.
const NAMED_MAX: usize = 3;

pub(super) fn clusters(items: &[wire::Cluster], wide: bool) -> Table {
    let mut header = vec![
        "NAME",
        "CONNECTION",
        "SYNC",
        "HEALTH",
        "BUNDLES SYNCED",
        "OBJECTS",
        "HEARD",
        "FLAGS",
    ];
    if wide {
        header.extend(["AGENT", "HOLDS", "WANTED", "CERTIFICATE UNTIL", "LABELS"]);
    }
    let mut table = Table::new(&header);
    for cluster in items {
        let flags: Vec<&str> = cluster
            .flags
            .iter()
            .map(|flag| flag.name.as_str())
            .collect();
        let mut row = vec![
            Cell::new(&cluster.name),
            Cell::word(&cluster.connection),
            Cell::word(&cluster.sync),
            Cell::word(&cluster.health),
            Cell::new(format!("{}/{}", cluster.bundles_synced, cluster.bundles)),
            Cell::new(cluster.objects),
            Cell::new(ago(cluster.seen_at_ms)),
            Cell::new(or_dash(&flags.join(","))),
        ];
        if wide {
            row.extend([
                Cell::new(or_dash(&cluster.agent_version)),
                Cell::new(or_dash(&cluster.accepted)),
                Cell::new(or_dash(&cluster.wanted)),
                Cell::new(moment(cluster.certificate_expires_at_ms)),
                Cell::new(pairs(&cluster.labels)),
            ]);
        }
        table.push(row);
    }
    table
}

pub(super) fn cluster(item: &wire::Cluster, wide: bool, headers: bool) -> Vec<String> {
    let mut lines = clusters(std::slice::from_ref(item), wide).lines(headers);
    for flag in item.flags.iter().filter(|flag| !flag.message.is_empty()) {
        lines.push(format!("  {}: {}", flag.name, flag.message));
    }
    if !item.connection_reason.is_empty() {
        lines.push(format!("  {}: {}", item.connection, item.connection_reason));
    }
    below(
        &mut lines,
        &on_clusters(&item.bundle_states, wide, Column::Bundle),
        headers,
    );
    lines
}

pub(super) fn bundles(items: &[wire::Bundle], wide: bool) -> Table {
    let mut header = vec![
        "NAME",
        "CLUSTERS",
        "SYNCED ON",
        "HEALTHY ON",
        "SYNC",
        "HEALTH",
        "PROBLEMS",
    ];
    if wide {
        header.extend(["PATH", "DECLARED AT", "DEPENDS ON"]);
    }
    let mut table = Table::new(&header);
    for bundle in items {
        let mut row = vec![
            Cell::new(&bundle.name),
            Cell::new(bundle.clusters),
            Cell::new(bundle.clusters_synced),
            Cell::new(bundle.clusters_healthy),
            Cell::word(or_dash(&bundle.sync)),
            Cell::word(or_dash(&bundle.health)),
            Cell::new(bundle.problems),
        ];
        if wide {
            row.extend([
                Cell::new(or_dash(&bundle.path)),
                Cell::new(or_dash(&bundle.declared_at)),
                Cell::new(or_dash(&bundle.depends_on.join(","))),
            ]);
        }
        table.push(row);
    }
    table
}

pub(super) fn bundle(item: &wire::Bundle, wide: bool, headers: bool) -> Vec<String> {
    let mut lines = bundles(std::slice::from_ref(item), wide).lines(headers);
    below(
        &mut lines,
        &on_clusters(&item.bundle_states, wide, Column::Cluster),
        headers,
    );
    lines
}

/// What a list of bundles on clusters is a list of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Column {
    Bundle,
    Cluster,
}

/// The columns below one bundle or cluster.
pub(super) const BELOW: [&str; 6] = [
    "SYNC",
    "HEALTH",
    "OBJECTS SYNCED",
    "COMMIT",
    "CHANGED",
    "MESSAGE",
];

fn on_clusters(items: &[wire::BundleOnCluster], wide: bool, column: Column) -> Table {
    let first = if column == Column::Bundle {
        "BUNDLE"
    } else {
        "CLUSTER"
    };
    let mut header = vec![first];
    header.extend(BELOW);
    if wide {
        header.push("PLACEMENT");
    }
    let mut table = Table::new(&header);
    for state in items {
        let name = if column == Column::Bundle {
            &state.bundle
        } else {
            &state.cluster
        };
        let text = why(&state.reason, &state.message);
        let short: String = state.revision.chars().take(12).collect();
        let mut row = vec![
            Cell::new(name),
            Cell::word(&state.sync),
            Cell::word(&state.health),
            Cell::new(format!("{}/{}", state.objects_synced, state.objects)),
            Cell::new(or_dash(&short)),
            Cell::new(ago(state.seen_at_ms)),
            Cell::new(or_dash(&text)),
        ];
        if wide {
            row.push(Cell::new(or_dash(&state.placement)));
        }
        table.push(row);
        table_of_objects(&mut table, state, header.len());
    }
    table
}

/// `reason: sentence`, or the one that there is.
fn why(reason: &str, message: &str) -> String {
    match (reason, message) {
        ("", message) => message.to_owned(),
        (reason, "") => reason.to_owned(),
        (reason, message) => format!("{reason}: {message}"),
    }
}

/// The objects that need a look, indented below their bundle.
fn table_of_objects(table: &mut Table, state: &wire::BundleOnCluster, columns: usize) {
    for object in &state.attention {
        let text = why(&object.reason, &object.message);
        let mut row = vec![
            Cell::new(format!("  {}", object_name(object.object.as_ref()))),
            Cell::word(&object.sync),
            Cell::word(&object.health),
            Cell::new(""),
            Cell::new(""),
            Cell::new(""),
            Cell::new(text),
        ];
        row.resize(columns, Cell::default());
        table.push(row);
    }
}

pub(super) fn placements(items: &[wire::Placement], wide: bool) -> Table {
    let mut header = vec!["NAME", "PRIORITY", "BUNDLES", "CLUSTERS", "STATE"];
    if wide {
        header.extend(["DECLARED AT", "HELD"]);
    }
    let mut table = Table::new(&header);
    for placement in items {
        let state = match (&placement.held, placement.suspended) {
            (Some(_), _) => "Held",
            (None, true) => "Suspended",
            (None, false) => "-",
        };
        let mut row = vec![
            Cell::new(&placement.name),
            Cell::new(placement.priority),
            Cell::new(or_dash(&placement.bundles.join(","))),
            Cell::new(placement.selected),
            Cell::word(state),
        ];
        if wide {
            let held = placement
                .held
                .as_ref()
                .map_or("-", |held| held.command.as_str());
            row.extend([Cell::new(or_dash(&placement.declared_at)), Cell::new(held)]);
        }
        table.push(row);
    }
    table
}

pub(super) fn placement(item: &wire::Placement, wide: bool, headers: bool) -> Vec<String> {
    let mut lines = placements(std::slice::from_ref(item), wide).lines(headers);
    if let Some(held) = &item.held {
        lines.push(format!(
            "  Held: {} ({}): {}",
            held.why,
            objects(held.objects),
            held.command
        ));
    }
    for (what, words) in [("Waits", &item.waits), ("Short", &item.shortfall)] {
        if !words.is_empty() {
            lines.push(format!("  {what}: {words}"));
        }
    }
    for pin in &item.pins {
        let to = match pin.commit.is_empty() {
            true => format!("not known: {}", pin.problem),
            false => format!("commit {}", pin.commit),
        };
        lines.push(format!(
            "  Pin: {} of {}: {to} ({})",
            pin.revision, pin.source, pin.at
        ));
    }
    let mut table = Table::new(&["CLUSTER", "RANK", "SCORE", "REASON", "DETAIL"]);
    for choice in &item.choices {
        let rank = match choice.selected {
            true => choice.rank.to_string(),
            false => "-".to_owned(),
        };
        table.push(vec![
            Cell::new(&choice.cluster),
            Cell::new(rank),
            Cell::new(or_dash(&choice.score)),
            Cell::new(&choice.reason),
            Cell::new(or_dash(&choice.detail)),
        ]);
    }
    below(&mut lines, &table, headers);
    lines
}

pub(super) fn problems(items: &[wire::Problem], wide: bool) -> Table {
    let mut header = vec!["SEVERITY", "CODE", "CLUSTERS", "WHERE", "SINCE", "MESSAGE"];
    if wide {
        header.push("HINT");
    }
    let mut table = Table::new(&header);
    for problem in items {
        let mut row = vec![
            Cell::word(&problem.severity),
            Cell::word(&problem.code),
            Cell::new(on(problem)),
            Cell::new(place(problem)),
            Cell::new(ago(problem.since_ms)),
            Cell::new(&problem.message),
        ];
        if wide {
            row.push(Cell::new(or_dash(&problem.hint)));
        }
        let columns = row.len();
        table.push(row);
        // What to do is worth a line of its own.
        if !wide && !problem.hint.is_empty() {
            let mut row = vec![Cell::default(); columns - 1];
            row.push(Cell::new(format!("  {}", problem.hint)));
            table.push(row);
        }
    }
    table
}

/// `a`, `2 clusters: a, b`, `212 clusters: a, b, c and 209 more`.
fn on(problem: &wire::Problem) -> String {
    let all = problem.clusters_total as usize;
    let named = &problem.clusters[..problem.clusters.len().min(NAMED_MAX)];
    let names = named.join(", ");
    match (all, all - named.len().min(all)) {
        (0, _) => "-".to_owned(),
        (1, _) => names,
        (all, 0) => format!("{all} clusters: {names}"),
        (all, more) => format!("{all} clusters: {names} and {more} more"),
    }
}

fn place(problem: &wire::Problem) -> String {
    let wire::Problem {
        source,
        path,
        line,
        column,
        bundle,
        object,
        ..
    } = problem;
    match (path.is_empty(), bundle.is_empty(), object) {
        (false, ..) => format!("{source}:{path}:{line}:{column}"),
        (true, false, None) => bundle.clone(),
        (true, false, Some(object)) => format!("{bundle}: {}", object_name(Some(object))),
        (true, true, _) => "-".to_owned(),
    }
}

pub(super) fn drifts(items: &[wire::DriftSeen], wide: bool) -> Table {
    let mut header = vec![
        "CLUSTER", "OBJECT", "FIELD", "DECLARED", "FOUND", "BY", "WHEN", "OUTCOME",
    ];
    if wide {
        header.extend(["BUNDLE", "OPERATION", "TIMES"]);
    }
    let when = if wide { moment } else { ago };
    let mut table = Table::new(&header);
    for drift in items {
        let fields: Vec<(&str, String, String)> = match drift.fields.is_empty() {
            true => vec![("(whole object)", "present".to_owned(), "gone".to_owned())],
            false => drift.fields.iter().map(field).collect(),
        };
        for (path, declared, live) in fields {
            let mut row = vec![
                Cell::new(&drift.cluster),
                Cell::new(object_name(drift.object.as_ref())),
                Cell::new(path),
                Cell::new(declared),
                Cell::new(live),
                Cell::new(or_dash(&drift.manager)),
                Cell::new(when(drift.changed_at_ms)),
                Cell::word(&drift.outcome),
            ];
            if wide {
                row.extend([
                    Cell::new(&drift.bundle),
                    Cell::new(or_dash(&drift.operation)),
                    Cell::new(drift.times),
                ]);
            }
            table.push(row);
        }
    }
    table
}

fn field(field: &wire::DriftField) -> (&str, String, String) {
    let shown = |value: &Option<String>| match (field.redacted, value) {
        (true, _) => "(withheld)".to_owned(),
        (false, None) => "-".to_owned(),
        (false, Some(text)) => short(text),
    };
    (&field.path, shown(&field.declared), shown(&field.live))
}

fn short(text: &str) -> String {
    match text.chars().count() > VALUE_CHARS_MAX {
        true => text
            .chars()
            .take(VALUE_CHARS_MAX - 1)
            .chain(['…'])
            .collect(),
        false => text.to_owned(),
    }
}

fn object_name(key: Option<&wire::ObjectKey>) -> String {
    let Some(wire::ObjectKey {
        group,
        kind,
        namespace,
        name,
    }) = key
    else {
        return "-".to_owned();
    };
    let group = if group.is_empty() {
        String::new()
    } else {
        format!(".{group}")
    };
    let namespace = if namespace.is_empty() {
        String::new()
    } else {
        format!("{namespace}/")
    };
    format!("{kind}{group} {namespace}{name}")
}

fn below(lines: &mut Vec<String>, table: &Table, headers: bool) {
    if !table.is_empty() {
        lines.push(String::new());
        lines.extend(table.lines(headers));
    }
}
