//! Hub and spoke as processes: one binary, told by its first argument what to be.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

/// Becomes the hub or the spoke.
#[must_use]
pub fn main() -> ExitCode {
    let mut arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match arguments.first().and_then(|name| name.to_str()) {
        Some("hub") => capstan_hub::cli::run(arguments.drain(..)),
        Some("spoke") => capstan_spoke::cli::run(arguments.drain(..)),
        _ => ExitCode::from(2),
    }
}

/// How to start hubs and spokes.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The binary that calls [`main`].
    pub binary: PathBuf,
}

/// A part that runs.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Parts {
    /// Runs a command to its end.
    ///
    /// # Errors
    /// When it cannot be run.
    pub async fn call(&self, arguments: &[&str]) -> anyhow::Result<std::process::Output> {
        Command::new(&self.binary)
            .args(arguments)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .with_context(|| format!("cannot run {}", arguments.join(" ")))
    }

    /// Runs a command that must succeed, and gives what it printed.
    ///
    /// # Errors
    /// When it cannot be run or fails.
    pub async fn must(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.call(arguments).await?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if !output.status.success() {
            bail!("`{}` failed: {}", arguments.join(" "), text(&output.stderr));
        }
        Ok(text(&output.stdout))
    }

    /// Starts a part whose output goes to `log`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&self, name: &str, arguments: &[&str], log: &Path) -> anyhow::Result<Process> {
        let file = std::fs::File::options()
            .create(true)
            .append(true)
            .open(log)?;
        let child = Command::new(&self.binary)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        Ok(Process {
            name: name.to_owned(),
            child,
            log: log.to_owned(),
        })
    }
}

impl Process {
    /// Ends it as a power failure would.
    ///
    /// # Errors
    /// When it was gone already.
    pub async fn kill(mut self) -> anyhow::Result<()> {
        self.child
            .kill()
            .await
            .with_context(|| format!("cannot kill {}", self.name))
    }

    /// Asks it to stop and waits until it did.
    ///
    /// # Errors
    /// When it cannot be asked, or says that it failed.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        let raw = self.child.id().context("it is gone already")?;
        let pid = Pid::from_raw(i32::try_from(raw)?).context("a pid is not 0")?;
        kill_process(pid, Signal::TERM)?;
        let status = self.child.wait().await?;
        if !status.success() {
            bail!("{} ended with {status}:\n{}", self.name, self.log());
        }
        Ok(())
    }

    /// What it printed so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Resident memory and CPU time used so far, as `/proc` tells: kilobytes and milliseconds.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn usage(&self) -> anyhow::Result<(u64, u64)> {
        let pid = self.child.id().context("it is gone")?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let rss = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.trim().split(' ').next())
            .and_then(|number| number.parse().ok())
            .context("no VmRSS")?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        let ticks: Vec<u64> = after_name
            .split_whitespace()
            .filter_map(|field| field.parse().ok())
            .collect();
        // Of the numeric fields after the state: utime is the 11th, stime the 12th; 100 ticks a second.
        let cpu =
            ticks.get(10).copied().unwrap_or_default() + ticks.get(11).copied().unwrap_or_default();
        Ok((rss, cpu * 10))
    }
}
