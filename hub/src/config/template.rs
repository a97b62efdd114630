//! The commented `hub.yaml` that `hub init` writes.

use std::fmt::Write as _;
use std::net::SocketAddr;

use super::HostPort;

/// What `hub init` was told.
pub(crate) struct Answers<'a> {
    /// The data directory, as it shall stand in the file.
    pub(crate) data_dir: &'a str,
    /// What spokes dial.
    pub(crate) advertise: &'a HostPort,
    /// Sources: name, URL, branch, path.
    pub(crate) sources: &'a [Repository],
    /// Where to listen for spokes.
    pub(crate) spokes: SocketAddr,
    /// Where to listen for operators' queries.
    pub(crate) api: SocketAddr,
    /// Where to listen for health, readiness and metrics.
    pub(crate) http: SocketAddr,
}

/// A source given on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Repository {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) branch: String,
    pub(crate) path: String,
}

/// The file's text.
pub(crate) fn text(answers: &Answers<'_>) -> String {
    let Answers {
        data_dir,
        advertise,
        sources,
        spokes,
        api,
        http,
    } = answers;
    format!(
        r#"# Configuration of a Capstan hub. `hub serve --config hub.yaml` reads it once, at its start.
# Relative paths count from this file; those under `listen` and `ledger` from dataDir.

# What the hub knows: ledger (back it up), certificate authority (back it up), and what can be rebuilt.
dataDir: "{data_dir}"

# What spokes dial. It stands in the hub's certificate and in every `spoke bootstrap` line.
advertise: "{advertise}"

listen:
  # Spokes, with mutual TLS. Port 0 takes a free one.
  spokes: "{spokes}"
  # Operators' queries, loopback only. Commands that change something need the socket below.
  api: "{api}"
  # Who may open this file is an administrator of the fleet.
  socket: hub.sock
  # /healthz, /readyz and /metrics.
  http: "{http}"

# The irreplaceable facts: one file, synced before anything is acknowledged.
ledger: {{file: ledger}}

# How much may be removed within the window before a person must approve it (`hub approve`).
safety:
  # Of a placement's clusters; but always at least `minimum`.
  maxRemovedClusters: 20%
  minimum: 1
  # Of a cluster's objects: whichever is more.
  objectsPerCluster: {{count: 10, percent: 20%}}
  window: 24h
  placementMayChange: false

# Where desired state comes from. A commit is noticed at the next poll, or at once with `hub refresh`.
# What a source may do is said here and nowhere else; without `restrict` it may do everything:
#   restrict:
#     clusters: [{{matchLabels: {{team: a}}}}]     # as in a fleet file; required
#     namespaces: ["team-a-*"]
#     kinds: {{allow: [apps/Deployment, v1/ConfigMap, v1/Service]}}     # or deny: [...]
#   exports: {{groups: [europe], bundles: [ingress]}}     # what other sources may name, as SOURCE/NAME
sources:{}
"#,
        sources_text(sources)
    )
}

fn sources_text(sources: &[Repository]) -> String {
    if sources.is_empty() {
        return " []\n# - name: platform\n#   git: {url: \"https://git.example/platform.git\", \
                branch: main, path: fleet}\n#   poll: 30s"
            .to_owned();
    }
    let mut text = String::new();
    for Repository {
        name,
        url,
        branch,
        path,
    } in sources
    {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let path = match path.as_str() {
            "" => String::new(),
            path => format!(", path: {}", quoted(path)),
        };
        let written = write!(
            text,
            "\n- name: {name}\n  git: {{url: {}, branch: {}{path}}}\n  poll: 30s",
            quoted(url),
            quoted(branch),
        );
        written.expect("writing to a text cannot fail");
    }
    text
}
