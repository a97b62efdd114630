//! Real processes, really killed: at every step that touches the disk, in the middle of writes, and at random.
//!
//! The child is this test binary again. It writes, prints what was acknowledged, and stops where it is told to; the
//! parent kills it there and looks at what is left.

use std::collections::BTreeSet;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{key, place, reopen};
use crate::ledger::disk::{Disk, FileDisk};
use crate::ledger::embedded::Tuning;
use crate::ledger::{Embedded, Ledger, OpenError, Page, Txn, list_all};

const PATH: &str = "CAPSTAN_TEST_LEDGER";
const STEP: &str = "CAPSTAN_TEST_STEP";
const PART: &str = "CAPSTAN_TEST_PART";
const TASKS: &str = "CAPSTAN_TEST_TASKS";

/// Small enough that a child of some 30 writes compacts twice.
const COMPACT_BYTES_MIN: u64 = 1500;

/// Writes of a child that is stopped at a step.
const WRITES: u64 = 30;

/// A real disk on which the process stops at one step, possibly with a part of a write done.
struct Stopping {
    disk: FileDisk,
    left: u64,
    /// How much of a write is done when it stops, in eighths; more than 8 means all, but the step is not reported.
    part: usize,
}

impl Stopping {
    /// Counts a step; when it is the one, says so and waits to be killed.
    fn step(&mut self) -> bool {
        self.left = self.left.wrapping_sub(1);
        self.left == 0
    }

    fn stop(&self) -> ! {
        say("stopped");
        loop {
            std::thread::park();
        }
    }

    fn stop_here(&mut self) {
        if self.step() {
            self.stop();
        }
    }

    fn part_of<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        &bytes[..bytes.len() * self.part / 8]
    }
}

impl Disk for Stopping {
    fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if self.step() {
            self.disk.write(offset, self.part_of(bytes))?;
            self.stop();
        }
        self.disk.write(offset, bytes)
    }
    fn sync(&mut self) -> io::Result<()> {
        self.stop_here();
        self.disk.sync()
    }
    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.stop_here();
        self.disk.truncate(length)
    }
    fn begin_replacement(&mut self) -> io::Result<()> {
        self.stop_here();
        self.disk.begin_replacement()
    }
    fn write_replacement(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if self.step() {
            self.disk.write_replacement(offset, self.part_of(bytes))?;
            self.stop();
        }
        self.disk.write_replacement(offset, bytes)
    }
    fn sync_replacement(&mut self) -> io::Result<()> {
        self.stop_here();
        self.disk.sync_replacement()
    }
    fn swap(&mut self) -> io::Result<()> {
        self.stop_here();
        self.disk.swap()
    }
    fn sync_directory(&mut self) -> io::Result<()> {
        self.stop_here();
        self.disk.sync_directory()
    }
}

fn say(line: &str) {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).unwrap();
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// What the child does; without its settings it does nothing.
#[tokio::test]
#[ignore = "a child of the tests beside it"]
async fn child() {
    let Ok(path) = std::env::var(PATH) else {
        return;
    };
    let path = Path::new(&path);
    let (left, part) = (
        number(STEP).unwrap_or(0),
        number(PART).unwrap_or(8) as usize,
    );
    let disk = Box::new(move |disk| -> Box<dyn Disk> { Box::new(Stopping { disk, left, part }) });
    let tuning = Tuning {
        disk,
        compact_bytes_min: COMPACT_BYTES_MIN,
    };
    let opened = match path.exists() {
        true => Embedded::open_on(path, tuning),
        false => Embedded::create_on(path, tuning),
    };
    let ledger = match opened {
        Ok(ledger) => Arc::new(ledger),
        Err(error) => return say(&format!("error {error}")),
    };
    say("open");
    match number(TASKS) {
        None => write_in_order(&ledger).await,
        Some(tasks) => write_together(&ledger, tasks).await,
    }
    say("done");
}

/// Each write replaces one key and adds another, so that a torn transaction would show.
async fn write_in_order(ledger: &Embedded) {
    for at in 1..=WRITES {
        if let Err(error) = write(ledger, at).await {
            return say(&format!("error {error}"));
        }
    }
}

async fn write(ledger: &Embedded, at: u64) -> Result<(), crate::ledger::WriteError> {
    let value = format!("{at:>100}").into_bytes();
    let slot = key(&format!("slot/{}", at % 4));
    let txn = Txn::new().put(key("last"), value.clone()).put(slot, value);
    ledger.txn(txn).await?;
    say(&format!("ack {at}"));
    Ok(())
}

/// Many at once, for ever: group commits of changing sizes.
async fn write_together(ledger: &Arc<Embedded>, tasks: u64) {
    let next = Arc::new(AtomicU64::new(1));
    let writers = (0..tasks).map(|_| {
        let (ledger, next) = (ledger.clone(), next.clone());
        tokio::spawn(async move {
            loop {
                let at = next.fetch_add(1, Ordering::SeqCst);
                let put = Txn::new().put(key(&format!("n/{at}")), at.to_string().into_bytes());
                match ledger.txn(put).await {
                    Ok(_) => say(&format!("ack {at}")),
                    Err(error) => return say(&format!("error {error}")),
                }
            }
        })
    });
    futures::future::join_all(writers).await;
}

fn command(program: &Path, path: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .args([
            "--exact",
            "ledger::tests::crash::child",
            "--ignored",
            "--nocapture",
        ])
        .env(PATH, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// A child whose files cannot grow beyond 8 blocks of 512 or 1024 bytes (shells differ). The signal that would end it is
/// ignored, so that the write itself fails.
fn spawn_limited(path: &Path) -> Child {
    let program = std::env::current_exe().unwrap();
    let direct = command(&program, path);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\""])
        .arg(&program);
    shell
        .args(direct.get_args())
        .env(PATH, path)
        .env(TASKS, "1");
    shell
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn spawn(path: &Path, settings: &[(&str, u64)]) -> Child {
    let mut command = command(&std::env::current_exe().unwrap(), path);
    for (name, value) in settings {
        command.env(name, value.to_string());
    }
    command.spawn().unwrap()
}

/// What a child said.
#[derive(Default)]
struct Said {
    acknowledged: BTreeSet<u64>,
    stopped: bool,
    done: bool,
    error: Option<String>,
}

/// Listens until the child stops, ends, or has said `most` acknowledgements; then kills it as -9 does.
fn listen_and_kill(mut child: Child, most: usize) -> Said {
    let mut said = Said::default();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        // The harness may print before our first line on the same line.
        match line.rsplit_once("ack ").map(|(_, at)| at.parse::<u64>()) {
            Some(Ok(at)) => drop(said.acknowledged.insert(at)),
            _ if line.ends_with("stopped") => said.stopped = true,
            _ if line.ends_with("done") => said.done = true,
            _ => {
                if let Some((_, error)) = line.split_once("error ") {
                    said.error = Some(error.to_owned());
                }
            }
        }
        if said.stopped || said.done || said.acknowledged.len() >= most {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    said
}

/// The same, with another child as long as the lock is still held by a process that is only starting.
fn live_and_kill(path: &Path, settings: &[(&str, u64)], most: usize) -> Said {
    loop {
        let said = listen_and_kill(spawn(path, settings), most);
        if !said
            .error
            .as_ref()
            .is_some_and(|error| error.contains("in use"))
        {
            return said;
        }
    }
}

/// What is in a ledger after [`write_in_order`] was killed: the last write, whole.
fn last_of(path: &Path) -> u64 {
    let ledger = reopen(path);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let listing = runtime
        .block_on(ledger.list(String::new(), Page::default()))
        .unwrap();
    let number =
        |value: &[u8]| -> u64 { std::str::from_utf8(value).unwrap().trim().parse().unwrap() };
    let last = listing
        .entries
        .iter()
        .find(|entry| entry.key.as_str() == "last");
    let last = last.map_or(0, |entry| number(&entry.value));
    let slots: BTreeSet<u64> = listing
        .entries
        .iter()
        .filter(|entry| entry.key.as_str().starts_with("slot/"))
        .map(|entry| number(&entry.value))
        .collect();
    let expected: BTreeSet<u64> = (last.saturating_sub(3).max(1)..=last).collect();
    assert_eq!(slots, expected, "a transaction is torn");
    assert_eq!(listing.revision.0, last);
    last
}

/// Kills a child at one step; false when it had no such step.
fn check_step(step: u64, part: u64) -> bool {
    let (_directory, path) = place();
    let said = listen_and_kill(spawn(&path, &[(STEP, step), (PART, part)]), usize::MAX);
    assert_eq!(said.error, None);
    let acknowledged = said.acknowledged.last().copied().unwrap_or(0);
    if !path.exists() {
        assert_eq!(acknowledged, 0);
        let error = Embedded::open(&path).unwrap_err();
        assert!(matches!(error, OpenError::Missing { .. }));
        drop(Embedded::create(&path).unwrap());
        return said.stopped;
    }
    let found = last_of(&path);
    assert!(
        found == acknowledged || found == acknowledged + 1,
        "step {step}, part {part}: {acknowledged} acknowledged, {found} found"
    );
    // And a second life of the same file goes on from there.
    let again = live_and_kill(&path, &[], 3);
    assert!(again.acknowledged.len() >= 3 || again.done);
    said.stopped
}

#[test]
fn killed_at_any_step_nothing_acknowledged_is_lost() {
    let mut step = 1;
    while check_step(step, 8) {
        step += 1;
    }
    // Creation takes 6 steps, each write 2, and there are compactions of 6 and more.
    assert!(step > 6 + 2 * WRITES + 6, "only {step} steps");
}

#[test]
fn killed_in_the_middle_of_a_write_nothing_acknowledged_is_lost() {
    for step in 1..=24 {
        for part in [0, 1, 3, 5, 7] {
            check_step(step, part);
        }
    }
}

#[tokio::test]
async fn killed_at_random_under_load_nothing_acknowledged_is_lost() {
    let (_directory, path) = place();
    let mut all = BTreeSet::new();
    for round in 0..12 {
        let most = 1 + round * 37;
        let said = live_and_kill(&path, &[(TASKS, 1 + round as u64 * 3)], most);
        assert_eq!(said.error, None);
        all.extend(said.acknowledged);
        let ledger = reopen(&path);
        let found: BTreeSet<u64> = list_all(&ledger, "n/")
            .await
            .unwrap()
            .entries
            .iter()
            .map(|entry| entry.key.as_str()[2..].parse().unwrap())
            .collect();
        let lost: Vec<u64> = all.difference(&found).copied().collect();
        assert_eq!(
            lost,
            Vec::<u64>::new(),
            "acknowledged and lost in round {round}"
        );
    }
}

#[test]
fn a_second_process_is_refused() {
    let (_directory, path) = place();
    let held = Embedded::create(&path).unwrap();
    let said = listen_and_kill(spawn(&path, &[]), usize::MAX);
    assert!(said.error.unwrap().contains("in use by another process"));
    drop(held);
    assert!(live_and_kill(&path, &[], 1).error.is_none());
}

#[test]
fn at_the_file_size_limit_writes_are_refused_and_nothing_acknowledged_is_lost() {
    let (_directory, path) = place();
    drop(Embedded::create(&path).unwrap());
    let said = loop {
        let said = listen_and_kill(spawn_limited(&path), usize::MAX);
        if !said
            .error
            .as_ref()
            .is_some_and(|error| error.contains("in use"))
        {
            break said;
        }
    };
    let error = said.error.expect("the limit is reached");
    assert!(error.contains("file size limit"), "{error}");
    let ledger = reopen(&path);
    assert_eq!(ledger.cut(), None);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let found = runtime
        .block_on(list_all(&ledger, "n/"))
        .unwrap()
        .entries
        .len();
    assert!(found > 10);
    assert_eq!(found, said.acknowledged.len());
}
