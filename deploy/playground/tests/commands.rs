//! The playground as a person starts it.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

const BINARY: &str = env!("CARGO_BIN_EXE_playground");

fn playground(arguments: &[&str]) -> Output {
    Command::new(BINARY)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("the playground was built")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The pids that the playground told while it started.
fn pids(said: &str) -> Vec<Pid> {
    said.split("pid ")
        .skip(1)
        .filter_map(|rest| {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            Pid::from_raw(digits.parse().ok()?)
        })
        .collect()
}

fn assert_nothing_runs(said: &str) {
    let pids = pids(said);
    assert!(!pids.is_empty(), "pids are told: {said}");
    for pid in pids {
        assert!(test_kill_process(pid).is_err(), "{pid:?} still runs");
    }
}

fn spoke_log(directory: &Path) -> String {
    let state = directory.join("clusters/dev-eu-1/state");
    assert!(state.exists(), "the cluster's state is kept");
    let log = directory.join("logs/spoke-dev-eu-1.log");
    std::fs::read_to_string(log).expect("the spoke has a log")
}

#[test]
fn a_kept_directory_is_resumed_and_nothing_is_left_running() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let kept = directory.path().join("a fleet").display().to_string();
    let arguments = [
        "--clusters",
        "1",
        "--dir",
        &kept,
        "--until-synced",
        "--timeout",
        "2m",
    ];

    let first = playground(&arguments);
    let said = text(&first.stdout);
    assert!(first.status.success(), "{said}{}", text(&first.stderr));
    assert!(said.contains("Everything is Synced and Healthy"), "{said}");
    assert_nothing_runs(&said);

    let second = playground(&arguments);
    let said = text(&second.stdout);
    assert!(second.status.success(), "{said}{}", text(&second.stderr));
    assert_nothing_runs(&said);
    let log = spoke_log(Path::new(&kept));
    assert_eq!(
        log.matches("enrolled").count(),
        1,
        "the identity was kept:\n{log}"
    );
}

#[test]
fn what_cannot_be_synced_in_time_is_told_with_reasons() {
    let output = playground(&["--clusters", "1", "--until-synced", "--timeout", "0"]);
    assert_eq!(output.status.code(), Some(1));
    let complaint = text(&output.stderr);
    assert!(complaint.contains("not synced after 0 s"), "{complaint}");
    assert_nothing_runs(&text(&output.stdout));
}

#[test]
fn an_interrupt_stops_everything_in_order() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let kept = directory.path().display().to_string();
    let mut child = Command::new(BINARY)
        .args(["--clusters", "1", "--dir", &kept])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the playground was built");
    let mut out = std::io::BufReader::new(child.stdout.take().expect("it is piped"));
    let mut said = String::new();
    while !said.contains("Ctrl-C stops everything") {
        let read = std::io::BufRead::read_line(&mut out, &mut said).expect("it prints text");
        assert!(read > 0, "it ended early: {said}");
    }
    let pid = Pid::from_child(&child);
    kill_process(pid, Signal::INT).expect("it runs");
    let status = child.wait().expect("it ends");
    assert_eq!((status.code(), status.signal()), (Some(0), None));
    assert_nothing_runs(&said);
}

#[test]
fn a_directory_that_holds_something_else_is_refused() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(directory.path().join("thesis.txt"), "years of work").expect("it is writable");
    let output = playground(&["--dir", &directory.path().display().to_string()]);
    assert_eq!(output.status.code(), Some(1));
    let complaint = text(&output.stderr);
    assert!(complaint.contains("holds something else"), "{complaint}");
    let left = std::fs::read_dir(directory.path())
        .expect("it is readable")
        .count();
    assert_eq!(left, 1, "nothing was added");
}

#[test]
fn wrong_flags_are_told_and_nothing_is_started() {
    let output = playground(&["--clusters", "0", "--timeout", "soon"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
}
