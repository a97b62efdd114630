//! A disk that fails: nothing is acknowledged that is not durable, and what is not known is said to be unknown.

use std::io;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

use super::{key, place, put, reopen, value_of};
use crate::ledger::disk::{Disk, FileDisk};
use crate::ledger::embedded::Tuning;
use crate::ledger::{Embedded, Ledger, OpenError, Txn, WriteError};

const FINE: u8 = 0;
const FULL: u8 = 1;
const FULL_AND_STUCK: u8 = 2;
const SYNC_FAILS: u8 = 3;
const REPLACEMENT_FULL: u8 = 4;
const DIRECTORY_SYNC_FAILS: u8 = 5;

/// A real disk that fails as it is told to.
struct Failing {
    disk: FileDisk,
    mode: Arc<AtomicU8>,
    calls: Arc<Mutex<Vec<&'static str>>>,
}

impl Failing {
    fn call(&self, name: &'static str, failing: &[u8], kind: io::ErrorKind) -> io::Result<()> {
        self.calls.lock().unwrap().push(name);
        match failing.contains(&self.mode.load(Ordering::SeqCst)) {
            true => Err(kind.into()),
            false => Ok(()),
        }
    }
}

impl Disk for Failing {
    fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let fails = self.call("write", &[FULL, FULL_AND_STUCK], io::ErrorKind::StorageFull);
        if fails.is_err() {
            self.disk.write(offset, &bytes[..bytes.len() / 2])?;
            return fails;
        }
        self.disk.write(offset, bytes)
    }
    fn sync(&mut self) -> io::Result<()> {
        self.call("sync", &[SYNC_FAILS], io::ErrorKind::Other)?;
        self.disk.sync()
    }
    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.call("truncate", &[FULL_AND_STUCK], io::ErrorKind::Other)?;
        self.disk.truncate(length)
    }
    fn begin_replacement(&mut self) -> io::Result<()> {
        self.call("begin", &[], io::ErrorKind::Other)?;
        self.disk.begin_replacement()
    }
    fn write_replacement(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.call("write new", &[REPLACEMENT_FULL], io::ErrorKind::StorageFull)?;
        self.disk.write_replacement(offset, bytes)
    }
    fn sync_replacement(&mut self) -> io::Result<()> {
        self.call("sync new", &[], io::ErrorKind::Other)?;
        self.disk.sync_replacement()
    }
    fn swap(&mut self) -> io::Result<()> {
        self.call("swap", &[], io::ErrorKind::Other)?;
        self.disk.swap()
    }
    fn sync_directory(&mut self) -> io::Result<()> {
        self.call(
            "sync directory",
            &[DIRECTORY_SYNC_FAILS],
            io::ErrorKind::Other,
        )?;
        self.disk.sync_directory()
    }
}

struct Bench {
    _directory: tempfile::TempDir,
    path: std::path::PathBuf,
    mode: Arc<AtomicU8>,
    calls: Arc<Mutex<Vec<&'static str>>>,
    ledger: Embedded,
}

/// A ledger on a failing disk, with one acknowledged write in it.
async fn bench(compact_bytes_min: u64) -> Bench {
    let (directory, path) = place();
    let (mode, calls) = (
        Arc::new(AtomicU8::new(FINE)),
        Arc::new(Mutex::new(Vec::new())),
    );
    let (given_mode, given_calls) = (mode.clone(), calls.clone());
    let disk = Box::new(move |disk| -> Box<dyn Disk> {
        Box::new(Failing {
            disk,
            mode: given_mode,
            calls: given_calls,
        })
    });
    let ledger = Embedded::create_on(
        &path,
        Tuning {
            disk,
            compact_bytes_min,
        },
    )
    .unwrap();
    put(&ledger, "before", "1").await;
    calls.lock().unwrap().clear();
    Bench {
        _directory: directory,
        path,
        mode,
        calls,
        ledger,
    }
}

async fn write(ledger: &Embedded, name: &str) -> Result<(), WriteError> {
    ledger.txn(Txn::new().put(key(name), *b"2")).await.map(drop)
}

#[tokio::test]
async fn a_full_disk_refuses_writes_in_words_and_serves_reads_until_there_is_space() {
    let bench = bench(u64::MAX).await;
    bench.mode.store(FULL, Ordering::SeqCst);
    for _ in 0..3 {
        let error = write(&bench.ledger, "during").await.unwrap_err();
        assert!(matches!(error, WriteError::Refused { .. }), "{error}");
        assert!(error.to_string().contains("free some space"), "{error}");
    }
    assert_eq!(
        value_of(&bench.ledger, "before").await.as_deref(),
        Some("1")
    );
    assert_eq!(value_of(&bench.ledger, "during").await, None);
    bench.mode.store(FINE, Ordering::SeqCst);
    write(&bench.ledger, "after").await.unwrap();
    drop(bench.ledger);
    let ledger = reopen(&bench.path);
    assert_eq!(value_of(&ledger, "during").await, None);
    assert_eq!(value_of(&ledger, "after").await.as_deref(), Some("2"));
}

#[tokio::test]
async fn a_failed_sync_is_unknown_and_is_never_tried_again() {
    let bench = bench(u64::MAX).await;
    bench.mode.store(SYNC_FAILS, Ordering::SeqCst);
    let error = write(&bench.ledger, "unsure").await.unwrap_err();
    assert!(matches!(error, WriteError::Unknown), "{error}");
    bench.mode.store(FINE, Ordering::SeqCst);
    let error = write(&bench.ledger, "later").await.unwrap_err();
    assert!(error.to_string().contains("restart the hub"), "{error}");
    assert_eq!(*bench.calls.lock().unwrap(), ["write", "sync"]);
    assert_eq!(value_of(&bench.ledger, "unsure").await, None);
    drop(bench.ledger);
    let ledger = reopen(&bench.path);
    assert_eq!(value_of(&ledger, "before").await.as_deref(), Some("1"));
    write(&ledger, "again").await.unwrap();
}

#[tokio::test]
async fn a_half_written_frame_that_cannot_be_taken_back_ends_writing() {
    let bench = bench(u64::MAX).await;
    bench.mode.store(FULL_AND_STUCK, Ordering::SeqCst);
    assert!(matches!(
        write(&bench.ledger, "x").await,
        Err(WriteError::Unknown)
    ));
    bench.mode.store(FINE, Ordering::SeqCst);
    assert!(matches!(
        write(&bench.ledger, "x").await,
        Err(WriteError::Refused { .. })
    ));
    drop(bench.ledger);
    let ledger = reopen(&bench.path);
    assert!(ledger.cut().is_some());
    assert_eq!(value_of(&ledger, "before").await.as_deref(), Some("1"));
    assert_eq!(value_of(&ledger, "x").await, None);
}

#[tokio::test]
async fn a_compaction_without_space_leaves_the_ledger_as_it_was() {
    let bench = bench(512).await;
    bench.mode.store(REPLACEMENT_FULL, Ordering::SeqCst);
    for at in 0..40 {
        put(&bench.ledger, "same", &at.to_string()).await;
    }
    assert!(bench.calls.lock().unwrap().contains(&"write new"));
    assert!(!bench.calls.lock().unwrap().contains(&"swap"));
    bench.mode.store(FINE, Ordering::SeqCst);
    // The second write is answered after the compaction that the first one led to.
    put(&bench.ledger, "same", "first").await;
    put(&bench.ledger, "same", "last").await;
    assert!(bench.calls.lock().unwrap().contains(&"swap"));
    drop(bench.ledger);
    let ledger = reopen(&bench.path);
    assert_eq!(value_of(&ledger, "same").await.as_deref(), Some("last"));
    assert_eq!(value_of(&ledger, "before").await.as_deref(), Some("1"));
}

#[tokio::test]
async fn a_compaction_whose_name_may_not_last_ends_writing() {
    let bench = bench(512).await;
    bench.mode.store(DIRECTORY_SYNC_FAILS, Ordering::SeqCst);
    let mut acknowledged = 0;
    while write(&bench.ledger, "same").await.is_ok() {
        acknowledged += 1;
        assert!(acknowledged < 1000, "no compaction happened");
    }
    assert!(acknowledged > 1);
    drop(bench.ledger);
    let ledger = reopen(&bench.path);
    assert_eq!(value_of(&ledger, "same").await.as_deref(), Some("2"));
}

#[tokio::test]
async fn the_file_stays_small_however_much_is_written() {
    let bench = bench(16 * 1024).await;
    let value = "x".repeat(500);
    for at in 0..2_000 {
        put(&bench.ledger, &format!("key-{}", at % 10), &value).await;
    }
    let bytes = std::fs::metadata(&bench.path).unwrap().len();
    assert!(bytes < 40 * 1024, "{bytes}");
    assert!(!bench.path.with_file_name("ledger.new").exists());
}

#[test]
fn a_second_opener_is_refused() {
    let (_directory, path) = place();
    let _first = Embedded::create(&path).unwrap();
    assert!(matches!(
        Embedded::open(&path),
        Err(OpenError::InUse { .. })
    ));
}
