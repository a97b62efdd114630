//! The hub's configuration: read whole before anything is touched, every mistake reported at once.
//!
//! Deliberately absent: fields that this version would not obey. They are refused, because a
//! setting that looks active and is not is worse than an error.

mod listen;
mod reader;
mod rules;
mod safety;
mod sources;
pub(crate) mod template;
mod values;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use capstan_hub_core::desired::Budget;
use capstan_hub_core::spec::Rules;
use capstan_hub_core::yaml::{self, Dialect, Node};

use crate::git;
use reader::{Fields, Reader, START};
pub(crate) use sources::url as source_url;
pub use values::HostPort;
pub(crate) use values::duration;

/// Name of the file that the command line looks for.
pub const FILE_NAME: &str = "hub.yaml";

/// How often a source is polled unless its configuration says otherwise.
pub const POLL: Duration = Duration::from_secs(30);

/// Shortest poll: a Git server that many hubs ask more than once a second takes it for an attack.
pub const POLL_MIN: Duration = Duration::from_secs(1);

/// Everything that `hub.yaml` says.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The file it was read from.
    pub file: PathBuf,
    /// Where the hub keeps what it knows.
    pub data_dir: PathBuf,
    /// What spokes dial; port 0 stands for the port that is bound.
    pub advertise: HostPort,
    /// Where the hub listens.
    pub listen: Listen,
    /// The ledger's file.
    pub ledger: PathBuf,
    /// How much may be removed without asking.
    pub safety: Budget,
    /// The Git sources, in the order of the file.
    pub sources: Vec<Source>,
}

/// Where the hub listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Spokes, with TLS.
    pub spokes: SocketAddr,
    /// Operators' queries, without TLS, on loopback only.
    pub api: SocketAddr,
    /// Operators' queries and commands: a Unix socket whose file's permissions decide.
    pub socket: PathBuf,
    /// Health, readiness and metrics.
    pub http: SocketAddr,
}

/// One Git source.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// What to follow.
    pub git: git::Source,
    /// Where the configuration names it: `hub.yaml:8:12`.
    pub declared_at: String,
    /// How often to ask.
    pub poll: Duration,
    /// What it may do.
    pub rules: Rules,
}

/// One mistake in the configuration, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The file.
    pub file: PathBuf,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            column,
            message,
            hint,
        } = self;
        write!(f, "{}:{line}:{column}: {message} ({hint})", file.display())
    }
}

/// Everything that is wrong with a configuration; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.0.iter().enumerate() {
            let newline = if index == 0 { "" } else { "\n" };
            write!(f, "{newline}{mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

impl Config {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// With every mistake in it; an unreadable file is one mistake at its beginning.
    pub fn read(file: &Path) -> Result<Self, Mistakes> {
        match std::fs::read_to_string(file) {
            Ok(text) => Self::parse(file, &text),
            Err(error) => {
                let mut reader = Reader::new(file);
                let hint = "make one with `hub init`, or name it with --config";
                reader.wrong(START, format!("cannot read the file: {error}"), hint);
                reader.finish(None)
            }
        }
    }

    /// Parses the text of a configuration file; relative paths count from the file's directory.
    ///
    /// # Errors
    /// With every mistake in it.
    pub fn parse(file: &Path, text: &str) -> Result<Self, Mistakes> {
        let mut reader = Reader::new(file);
        let config = document(&mut reader, text)
            .and_then(|root| reader.map(root, FILE_NAME))
            .and_then(|mut fields| {
                let config = read(&mut reader, &mut fields, file);
                reader.close(fields, FILE_NAME);
                config
            });
        reader.finish(config)
    }
}

/// The one document of the file.
fn document(reader: &mut Reader<'_>, text: &str) -> Option<Node> {
    const HINT: &str = "the file must be YAML, as `hub init` writes it";
    let mut documents = yaml::read(text.as_bytes(), Dialect::Fleet).into_iter();
    match (documents.next(), documents.next()) {
        (Some(Ok(root)), None) => Some(root),
        (Some(Ok(_)), Some(_)) => {
            reader.wrong(START, "the file has more than one document", HINT);
            None
        }
        (Some(Err(fault)), _) => {
            let at = reader::At {
                line: fault.line,
                column: fault.column,
            };
            reader.wrong(at, fault.message, HINT);
            None
        }
        (None, _) => {
            reader.wrong(START, "the file is empty", HINT);
            None
        }
    }
}

fn read(reader: &mut Reader<'_>, fields: &mut Fields, file: &Path) -> Option<Config> {
    let base = file.parent().unwrap_or(Path::new("")).to_owned();
    let data_dir = data_dir(reader, fields, &base);
    let advertise = advertise(reader, fields);
    let within = data_dir.clone().unwrap_or_default();
    let listen = listen::read(reader, fields.take("listen"), &within);
    let ledger = ledger(reader, fields, &within);
    let safety = safety::read(reader, fields.take("safety"));
    let sources = sources::read(reader, fields, &base);
    Some(Config {
        file: file.to_owned(),
        data_dir: data_dir?,
        advertise: advertise?,
        listen: listen?,
        ledger: ledger?,
        safety: safety?,
        sources: sources?,
    })
}

fn data_dir(reader: &mut Reader<'_>, fields: &mut Fields, base: &Path) -> Option<PathBuf> {
    match fields.take("dataDir") {
        Some(node) => reader
            .text(node, "dataDir")
            .map(|(_, text)| base.join(text)),
        None => {
            reader.wrong(
                fields.at,
                "`dataDir` is missing",
                "the directory that `hub init` made",
            );
            None
        }
    }
}

fn advertise(reader: &mut Reader<'_>, fields: &mut Fields) -> Option<HostPort> {
    match fields.take("advertise") {
        None => {
            reader.wrong(
                fields.at,
                "`advertise` is missing",
                "what spokes dial, as HOST:PORT",
            );
            None
        }
        node => reader.parsed(
            node,
            "advertise",
            "what spokes dial, as HOST:PORT",
            HostPort::parse,
        ),
    }
}

fn ledger(reader: &mut Reader<'_>, fields: &mut Fields, within: &Path) -> Option<PathBuf> {
    let default = within.join("ledger");
    let Some(node) = fields.take("ledger") else {
        return Some(default);
    };
    let mut ledger = reader.map(node, "ledger")?;
    let file = match ledger.take("file") {
        Some(node) => reader
            .text(node, "ledger.file")
            .map(|(_, text)| within.join(text)),
        None => Some(default),
    };
    reader.close(ledger, "ledger");
    file
}

#[cfg(test)]
mod tests;
