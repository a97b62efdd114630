//! Starting a fleet, following it, and stopping it again.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tempfile::TempDir;
use tokio::net::UnixListener;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{interval, timeout};

use crate::cli::Start;
use crate::layout::{Layout, Settings};
use crate::parts::{Parts, Recipe};
use crate::repository::{self, BRANCH, shell_quoted};
use crate::sample::{self, Cluster};
use crate::status::{self, Picture};
use crate::table::Live;
use crate::{control, guide};

/// How long a part may take until it serves.
const PART: Duration = Duration::from_secs(30);

/// How often a part is looked at while it starts, and for having ended.
const LOOK: Duration = Duration::from_millis(20);

/// A free port on loopback, so that a playground runs beside other hubs.
const ANY_PORT: &str = "127.0.0.1:0";

/// A directory that goes away at the end, or one that stays.
enum Home {
    Temporary(TempDir),
    Kept(PathBuf),
}

impl Home {
    fn open(dir: Option<&Path>) -> anyhow::Result<Self> {
        Ok(match dir {
            Some(dir) => {
                refuse_foreign(dir)?;
                Self::Kept(dir.to_owned())
            }
            None => Self::Temporary(
                TempDir::with_prefix("capstan-").context("cannot make a temporary directory")?,
            ),
        })
    }

    fn path(&self) -> &Path {
        match self {
            Self::Temporary(dir) => dir.path(),
            Self::Kept(dir) => dir,
        }
    }
}

/// A fleet that runs.
struct Fleet {
    layout: Layout,
    settings: Settings,
    clusters: Vec<Cluster>,
    parts: Parts,
}

/// Runs a playground until it is synced, timed out or interrupted.
pub(crate) async fn run(start: &Start) -> anyhow::Result<ExitCode> {
    let home = Home::open(start.dir.as_deref())?;
    let layout = Layout::new(home.path())?;
    let requests = control::listen(&layout.control()).await?;
    let clusters = sample::clusters(start.clusters);
    let names: Vec<_> = clusters
        .iter()
        .map(|cluster| cluster.name.clone())
        .collect();
    let known = layout.known_clusters()?;
    let settings = layout.settings(&names)?;
    if let Some(growth) = growth(&known, &names) {
        guide::step("fleet", &growth);
    }
    let mut fleet = Fleet {
        layout,
        settings,
        clusters,
        parts: Parts::default(),
    };
    let mut terminate = signal(SignalKind::terminate())?;
    let outcome = tokio::select! {
        outcome = live(&mut fleet, start, requests) => outcome,
        _ = tokio::signal::ctrl_c() => Ok(ExitCode::SUCCESS),
        _ = terminate.recv() => Ok(ExitCode::SUCCESS),
    };
    fleet.parts.stop_all().await;
    // What stays in a kept directory is state; the socket is not.
    drop(fs::remove_file(fleet.layout.control()));
    if let Home::Temporary(dir) = home {
        dir.close()
            .context("cannot remove the temporary directory")?;
    }
    outcome
}

async fn live(
    fleet: &mut Fleet,
    start: &Start,
    requests: UnixListener,
) -> anyhow::Result<ExitCode> {
    let began = Instant::now();
    fleet.start().await?;
    let names: Vec<_> = fleet
        .clusters
        .iter()
        .map(|cluster| cluster.name.clone())
        .collect();
    if !start.until_synced {
        guide::what_to_try(&fleet.layout, &names);
    }
    let mut pictures = status::follow(fleet.layout.hub_socket());
    let mut table = Live::new();
    let mut look = interval(LOOK * 10);
    loop {
        tokio::select! {
            changed = pictures.changed() => {
                changed.context("the hub is not followed any more")?;
                let picture = pictures.borrow_and_update().clone();
                table.show(&picture);
                if start.until_synced && fleet.is_synced(&picture)? {
                    let seconds = began.elapsed().as_secs_f32();
                    table.note(&format!("Everything is Synced and Healthy after {seconds:.1} s."));
                    return Ok(ExitCode::SUCCESS);
                }
            }
            request = requests.accept() => {
                let (stream, _) = request.context("requests are not taken any more")?;
                control::answer(stream, &mut fleet.parts).await?;
            }
            _ = look.tick() => {
                for (name, status) in fleet.parts.reap() {
                    table.note(&format!("{name} ended ({status}); start it again with `part start {name}`"));
                }
                if start.until_synced && began.elapsed() > start.timeout() {
                    let picture = pictures.borrow().clone();
                    return fleet.give_up(&picture, start.timeout());
                }
            }
        }
    }
}

impl Fleet {
    async fn start(&mut self) -> anyhow::Result<()> {
        let Self {
            layout, clusters, ..
        } = self;
        guide::step("directory", &layout.root().display().to_string());
        install_programs(layout, clusters)?;
        repository::prepare(&layout.repository(), clusters, &layout.bin().join("hub"))?;
        guide::step("repository", &layout.repository().display().to_string());
        self.start_hub().await?;
        for cluster in self.clusters.clone() {
            self.start_simkube(&cluster.name)?;
        }
        self.parts.serves("hub").await?;
        guide::step(
            "hub",
            &format!(
                "serves spokes at 127.0.0.1:{}, pid {}",
                self.settings.hub_port,
                self.parts.pid("hub").unwrap_or_default()
            ),
        );
        for cluster in self.clusters.clone() {
            self.join(&cluster.name).await?;
        }
        Ok(())
    }

    async fn start_hub(&mut self) -> anyhow::Result<()> {
        let layout = self.layout.clone();
        if !layout.hub_config().exists() {
            let source = format!("fleet={}#{BRANCH}", layout.repository().display());
            let advertise = format!("127.0.0.1:{}", self.settings.hub_port);
            let arguments: [OsString; 15] = [
                "init".into(),
                "--config".into(),
                layout.hub_config().into(),
                "--data-dir".into(),
                layout.hub_data().into(),
                "--advertise".into(),
                advertise.clone().into(),
                "--listen-spokes".into(),
                advertise.into(),
                "--listen-api".into(),
                ANY_PORT.into(),
                "--listen-http".into(),
                ANY_PORT.into(),
                "--source".into(),
                source.into(),
            ];
            call(&layout.program("hub"), &arguments).await?;
        }
        let arguments = vec![
            "serve".into(),
            "--config".into(),
            layout.hub_config().into_os_string(),
        ];
        self.add("hub", "hub", arguments, Some(layout.hub_socket()))
    }

    fn start_simkube(&mut self, cluster: &str) -> anyhow::Result<()> {
        let layout = self.layout.clone();
        let directory = layout.cluster(cluster);
        fs::create_dir_all(&directory)?;
        let port = self
            .settings
            .cluster_ports
            .get(cluster)
            .copied()
            .unwrap_or_default();
        let arguments = vec![
            "--name".into(),
            cluster.into(),
            "--port".into(),
            port.to_string().into(),
            "--kubeconfig".into(),
            layout.kubeconfig(cluster).into_os_string(),
            "--data".into(),
            directory.join("state").into_os_string(),
        ];
        self.add(
            &format!("simkube-{cluster}"),
            "simkube",
            arguments,
            Some(layout.kubeconfig(cluster)),
        )
    }

    /// Enrols a cluster by the real command path, once, and starts its spoke.
    async fn join(&mut self, cluster: &str) -> anyhow::Result<()> {
        let layout = self.layout.clone();
        self.parts.serves(&format!("simkube-{cluster}")).await?;
        let enrolled = layout.cluster(cluster).join("enrolled");
        if !enrolled.exists() {
            let token = self.token(cluster).await?;
            let arguments: [OsString; 12] = [
                "bootstrap".into(),
                "--hub".into(),
                token.hub.into(),
                "--token".into(),
                token.token.into(),
                "--ca-pin".into(),
                token.ca_pin.into(),
                "--kubeconfig".into(),
                layout.kubeconfig(cluster).into_os_string(),
                "--rights".into(),
                "platform".into(),
                "--outside".into(),
            ];
            call(&layout.program("spoke"), &arguments).await?;
            fs::write(&enrolled, "")?;
        }
        let name = format!("spoke-{cluster}");
        let kubeconfig = layout.kubeconfig(cluster).into_os_string();
        self.add(
            &name,
            "spoke",
            vec!["run".into(), "--kubeconfig".into(), kubeconfig],
            None,
        )?;
        let pid = |name: &str| self.parts.pid(name).unwrap_or_default();
        let (api, agent) = (pid(&format!("simkube-{cluster}")), pid(&name));
        guide::step(cluster, &format!("API server pid {api}, spoke pid {agent}"));
        Ok(())
    }

    async fn token(&self, cluster: &str) -> anyhow::Result<Token> {
        let arguments =
            ["token", "create", cluster, "--re-enrol", "-o", "json"].map(OsString::from);
        let text = call(&self.layout.bin().join("hub"), &arguments).await?;
        serde_json::from_str(&text).context("`hub token create` did not answer with a token")
    }

    fn add(
        &mut self,
        name: &str,
        program: &str,
        arguments: Vec<OsString>,
        serves: Option<PathBuf>,
    ) -> anyhow::Result<()> {
        let recipe = Recipe {
            program: self.layout.program(program),
            arguments,
            log: self.layout.logs().join(format!("{name}.log")),
            serves,
        };
        self.parts.add(name, recipe).map(drop)
    }

    fn is_synced(&self, picture: &Picture) -> anyhow::Result<bool> {
        Ok(picture.is_synced(&self.head()?, self.clusters.len()))
    }

    fn head(&self) -> anyhow::Result<String> {
        let repository = git2::Repository::open(self.layout.repository())?;
        Ok(repository.head()?.peel_to_commit()?.id().to_string())
    }

    fn give_up(&self, picture: &Picture, limit: Duration) -> anyhow::Result<ExitCode> {
        guide::error(&format!("not synced after {} s:", limit.as_secs()));
        for complaint in picture.complaints(&self.head()?) {
            guide::error(&complaint);
        }
        Ok(ExitCode::FAILURE)
    }
}

/// What is said of a fleet that is resumed with more clusters than it had.
fn growth(known: &[String], names: &[String]) -> Option<String> {
    let new: Vec<&str> = names
        .iter()
        .filter(|name| !known.contains(name))
        .map(String::as_str)
        .collect();
    if known.is_empty() || new.is_empty() {
        return None;
    }
    let (before, after) = (known.len(), known.len() + new.len());
    let new = new.join(", ");
    Some(format!("grows from {before} to {after} clusters: {new}"))
}

/// Refuses a directory that holds something else: nothing of a person's is mixed with a sample.
fn refuse_foreign(dir: &Path) -> anyhow::Result<()> {
    let mut entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("cannot use {}", dir.display())),
    };
    if Layout::is_playground(dir) || entries.next().is_none() {
        return Ok(());
    }
    bail!(
        "{} holds something else; name an empty or a new directory",
        dir.display()
    )
}

/// What `hub token create -o json` answers.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Token {
    token: String,
    hub: String,
    ca_pin: String,
}

/// The multi-call binary under its three names, and what a person calls in `bin`.
fn install_programs(layout: &Layout, clusters: &[Cluster]) -> anyhow::Result<()> {
    let executable = std::env::current_exe().context("cannot find the playground's executable")?;
    for name in ["hub", "spoke", "simkube", "playground"] {
        let link = layout.program(name);
        drop(fs::remove_file(&link));
        symlink(&executable, &link).with_context(|| format!("cannot link {}", link.display()))?;
    }
    let program = |name: &str| shell_quoted(&layout.program(name));
    let hub = format!(
        "CAPSTAN_HUB=\"${{CAPSTAN_HUB:-unix:{}}}\"\nexport CAPSTAN_HUB\nexec {} \"$@\"",
        layout.hub_socket().display(),
        program("hub")
    );
    script(layout, "hub", &hub)?;
    script(
        layout,
        "spoke",
        &format!("exec {} \"$@\"", program("spoke")),
    )?;
    let part = format!(
        "exec {} part --dir {} \"$@\"",
        program("playground"),
        shell_quoted(layout.root())
    );
    script(layout, "part", &part)?;
    for cluster in clusters {
        let kubeconfig = shell_quoted(&layout.kubeconfig(&cluster.name));
        let line = format!("exec kubectl --kubeconfig {kubeconfig} \"$@\"");
        script(layout, &format!("kubectl-{}", cluster.name), &line)?;
    }
    Ok(())
}

fn script(layout: &Layout, name: &str, body: &str) -> anyhow::Result<()> {
    let path = layout.bin().join(name);
    fs::write(&path, format!("#!/bin/sh\n{body}\n"))
        .with_context(|| format!("cannot write {}", path.display()))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// Runs a command to its end and gives what it printed.
async fn call(program: &Path, arguments: &[OsString]) -> anyhow::Result<String> {
    let command = Command::new(program)
        .args(arguments)
        .kill_on_drop(true)
        .output();
    let shown = || format!("{} {}", program.display(), arguments[0].display());
    let output = timeout(PART * 2, command)
        .await
        .with_context(|| format!("`{}` takes too long", shown()))?
        .with_context(|| format!("cannot run `{}`", shown()))?;
    if !output.status.success() {
        bail!(
            "`{}` failed:\n{}",
            shown(),
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{}` printed no text", shown()))
}

#[cfg(test)]
mod tests;
