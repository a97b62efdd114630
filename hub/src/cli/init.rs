//! `hub init`: makes a fleet, and says what comes next.

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};

use super::args::Init;
use super::output::print;
use super::{Failure, Outcome};
use crate::config::source_url;
use crate::config::template::{Answers, Repository, text};
use crate::found;
use crate::git::{self, Auth};
use crate::layout::Layout;

/// The port for spokes where `--advertise` leaves it open.
const SPOKES_PORT: u16 = 7443;

pub(super) fn run(args: &Init) -> Outcome {
    let here = std::env::current_dir().context("cannot tell the current directory")?;
    let (sources, data_dir) = wanted(args, &here).map_err(Failure::Usage)?;
    let spokes = args.listen_spokes.unwrap_or_else(|| listen(args));
    let answers = Answers {
        data_dir: &data_dir,
        advertise: &args.advertise,
        sources: &sources,
        spokes,
        api: args.listen_api,
        http: args.listen_http,
    };
    refuse_existing(&args.config).map_err(Failure::Usage)?;
    make_directory(&args.data_dir)?;
    let layout = Layout::new(&args.data_dir);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let fleet = runtime.block_on(found::found(&layout))?;
    write_new(&args.config, &text(&answers))?;
    let config = args.config.display();
    let mut lines = vec![
        format!("made fleet {fleet}"),
        format!(
            "  {}  what the hub knows (back up the ledger and ca/)",
            args.data_dir.display()
        ),
        format!("  {config}  its configuration"),
        String::new(),
    ];
    let dialled = args.advertise.port;
    if dialled != 0 && dialled != spokes.port() {
        lines.push(format!(
            "Spokes dial {}, and the hub listens at {spokes}: something must forward the one to the other.",
            args.advertise
        ));
    }
    lines.extend(["Next:".to_owned()]);
    if sources.is_empty() {
        lines.push(format!(
            "  edit {config}: name a Git repository under `sources`"
        ));
    }
    for source in sources.iter().filter(|source| is_ssh(&source.url)) {
        let name = &source.name;
        lines.push(format!(
            "  edit {config}: below `git` of {name} give `auth: {{ssh: {{key: FILE, knownHosts: FILE}}}}`"
        ));
    }
    lines.push(format!("  hub serve --config {config}"));
    lines.push("  hub token create NAME     for each cluster, in another terminal".to_owned());
    print(&lines)
}

/// The sources and the data directory, or every mistake at once.
fn wanted(args: &Init, here: &Path) -> anyhow::Result<(Vec<Repository>, String)> {
    let mut mistakes = Vec::new();
    let mut sources = Vec::new();
    for repository in &args.sources {
        match source(repository, here) {
            Ok(source) => sources.push(source),
            Err(why) => mistakes.push(format!("--source {}: {why}", repository.name)),
        }
    }
    let data_dir = data_dir(args).map_err(|error| mistakes.push(error.to_string()));
    if !args.listen_api.ip().is_loopback() {
        let api = args.listen_api;
        mistakes.push(format!(
            "--listen-api {api} could be reached from other machines (loopback only)"
        ));
    }
    match (mistakes.is_empty(), data_dir) {
        (true, Ok(data_dir)) => Ok((sources, data_dir)),
        _ => Err(anyhow!(mistakes.join("\n"))),
    }
}

/// Where spokes are listened for when nobody says: at the port that they dial.
fn listen(args: &Init) -> SocketAddr {
    let port = match args.advertise.port {
        0 => SPOKES_PORT,
        port => port,
    };
    SocketAddr::from(([0, 0, 0, 0], port))
}

/// A source with a local path made absolute, so that the file may be moved.
fn source(repository: &Repository, here: &Path) -> Result<Repository, String> {
    let url = source_url(&repository.url, here)?;
    // The key of an SSH source is named in the file afterwards.
    let auth = match is_ssh(&url) {
        true => Auth::Ssh {
            username: String::new(),
            key: PathBuf::new(),
            known_hosts: PathBuf::new(),
        },
        false => Auth::None,
    };
    match git::refusal(&url, &auth) {
        Some(why) => Err(why.to_owned()),
        None => Ok(Repository {
            url,
            ..repository.clone()
        }),
    }
}

fn is_ssh(url: &str) -> bool {
    url.starts_with("ssh://")
}

/// The data directory as the file shall name it: relative paths there count from the file.
fn data_dir(args: &Init) -> anyhow::Result<String> {
    let beside = args
        .config
        .parent()
        .is_none_or(|parent| parent.as_os_str().is_empty());
    let path: PathBuf = match beside {
        true => args.data_dir.clone(),
        false => {
            std::path::absolute(&args.data_dir).context("cannot tell the current directory")?
        }
    };
    let text = path
        .to_str()
        .ok_or_else(|| anyhow!("--data-dir is not UTF-8"))?;
    match text.contains(['"', '\\', '\n']) {
        true => Err(anyhow!("--data-dir has quotes or backslashes in it")),
        false => Ok(text.to_owned()),
    }
}

fn refuse_existing(config: &Path) -> anyhow::Result<()> {
    match config.exists() {
        true => Err(anyhow!(
            "{} exists already (`hub serve --config {0}` runs it; --config names another one)",
            config.display()
        )),
        false => Ok(()),
    }
}

fn make_directory(path: &Path) -> anyhow::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("cannot make the data directory {}", path.display()))
}

fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    let write = || {
        fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path)?
            .write_all(text.as_bytes())
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}
