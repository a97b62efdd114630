//! The parts of a playground: processes that are started, watched and stopped one by one.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{sleep, timeout};

use crate::leash;

/// How long a part may take to stop after it was told to, before it is killed.
const STOP: Duration = Duration::from_secs(5);

/// How long a part may take until it serves.
const START: Duration = Duration::from_secs(30);

/// How often a part that starts is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// How a part is started.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    /// Where its output goes, appended.
    pub(crate) log: PathBuf,
    /// The file that it makes when it serves; removed before each start. `None` for a part that
    /// nobody waits for.
    pub(crate) serves: Option<PathBuf>,
}

struct Running {
    child: Child,
    leash: Option<ChildStdin>,
}

/// Every part by name, running or not.
#[derive(Default)]
pub(crate) struct Parts {
    recipes: BTreeMap<String, Recipe>,
    running: BTreeMap<String, Running>,
    order: Vec<String>,
}

impl Parts {
    /// Starts a part for the first time.
    pub(crate) fn add(&mut self, name: &str, recipe: Recipe) -> anyhow::Result<u32> {
        self.order.push(name.to_owned());
        self.recipes.insert(name.to_owned(), recipe);
        self.start(name)
    }

    /// Starts a part that is not running.
    pub(crate) fn start(&mut self, name: &str) -> anyhow::Result<u32> {
        self.reap();
        if let Some(pid) = self.pid(name) {
            bail!("{name} is running with pid {pid}");
        }
        let Some(recipe) = self.recipes.get(name) else {
            bail!(
                "there is no part {name}; there are {}",
                self.order.join(", ")
            );
        };
        if let Some(file) = &recipe.serves {
            // One that an earlier run left would look like a part that serves.
            drop(std::fs::remove_file(file));
        }
        let running = spawn(recipe).with_context(|| format!("cannot start {name}"))?;
        let pid = running.child.id().unwrap_or_default();
        self.running.insert(name.to_owned(), running);
        Ok(pid)
    }

    /// Waits until a part that was started serves.
    pub(crate) async fn serves(&mut self, name: &str) -> anyhow::Result<()> {
        let Some(Recipe {
            serves: Some(file),
            log,
            ..
        }) = self.recipes.get(name).cloned()
        else {
            return Ok(());
        };
        let began = Instant::now();
        while !file.exists() {
            if self.reap().iter().any(|(ended, _)| ended == name) || began.elapsed() > START {
                bail!("{name} does not serve:\n{}", tail(&log));
            }
            sleep(LOOK).await;
        }
        Ok(())
    }

    /// Stops a part, in at most five seconds.
    pub(crate) async fn stop(&mut self, name: &str) -> anyhow::Result<()> {
        let Some(mut running) = self.running.remove(name) else {
            bail!("{name} is not running");
        };
        drop(running.leash.take());
        if timeout(STOP, running.child.wait()).await.is_err() {
            running
                .child
                .kill()
                .await
                .with_context(|| format!("cannot kill {name}"))?;
        }
        Ok(())
    }

    /// Stops everything, the last started first.
    pub(crate) async fn stop_all(&mut self) {
        for name in self.order.clone().iter().rev() {
            // A part that is gone already needs no stopping.
            drop(self.stop(name).await);
        }
    }

    /// Parts that ended by themselves, or were killed, since the last call.
    pub(crate) fn reap(&mut self) -> Vec<(String, ExitStatus)> {
        let mut ended = Vec::new();
        for (name, running) in &mut self.running {
            if let Ok(Some(status)) = running.child.try_wait() {
                ended.push((name.clone(), status));
            }
        }
        for (name, _) in &ended {
            self.running.remove(name);
        }
        ended
    }

    /// The pid of a part that runs.
    pub(crate) fn pid(&self, name: &str) -> Option<u32> {
        self.running
            .get(name)
            .and_then(|running| running.child.id())
    }

    /// Every part with its pid, in the order in which they were first started.
    pub(crate) fn list(&self) -> Vec<(String, Option<u32>)> {
        self.order
            .iter()
            .map(|name| (name.clone(), self.pid(name)))
            .collect()
    }
}

fn spawn(recipe: &Recipe) -> anyhow::Result<Running> {
    let open = || File::options().create(true).append(true).open(&recipe.log);
    let log = open().with_context(|| format!("cannot write {}", recipe.log.display()))?;
    let mut child = Command::new(&recipe.program)
        .args(&recipe.arguments)
        .env(leash::VARIABLE, "1")
        .stdin(Stdio::piped())
        .stdout(log.try_clone()?)
        .stderr(log)
        // Ctrl-C is for the playground, which stops its parts in order.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot run {}", recipe.program.display()))?;
    let leash = child.stdin.take();
    Ok(Running { child, leash })
}

/// The last lines of a log.
fn tail(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}
