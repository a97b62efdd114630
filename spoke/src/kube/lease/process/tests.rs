//! What counts as knowing that a process has ended.

use std::path::Path;
use std::process::Command;

use super::{Pod, Process, is_gone};

fn this() -> Process {
    Process::read(Path::new("/proc"), None).expect("the system tells")
}

fn in_pod(uid: &str, pid: u32, started: u64) -> Process {
    let pod = Pod {
        uid: uid.to_owned(),
        address: "0.0.0.0:7481".parse().unwrap(),
        network: "net:[1]".to_owned(),
    };
    Process {
        pid,
        started,
        table: format!("pid:[{started}]"),
        pod: Some(pod),
        ..this()
    }
}

#[test]
fn a_process_that_runs_has_not_ended() {
    assert!(!this().knows_ended(&this()));
    let mut child = Command::new("sleep").arg("60").spawn().unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
    let other = Process {
        pid: child.id(),
        started: super::started(&stat).unwrap(),
        ..this()
    };
    assert!(!this().knows_ended(&other));
    child.kill().unwrap();
    assert!(!this().knows_ended(&other), "a zombie counts as alive");
    child.wait().unwrap();
    assert!(this().knows_ended(&other));
}

#[test]
fn a_number_that_another_process_got_since_tells_that_it_ended() {
    let before = Process {
        started: this().started - 1,
        ..this()
    };
    assert!(this().knows_ended(&before));
}

#[test]
fn of_another_machine_boot_or_table_nothing_is_known() {
    let gone = Process {
        pid: u32::MAX,
        ..this()
    };
    assert!(this().knows_ended(&gone));
    let rebooted = Process {
        boot: "another".to_owned(),
        ..gone.clone()
    };
    assert!(!this().knows_ended(&rebooted));
    let elsewhere = Process {
        table: "pid:[1]".to_owned(),
        ..gone
    };
    assert!(!this().knows_ended(&elsewhere));
}

#[test]
fn what_cannot_be_read_is_alive() {
    let dir = tempfile::tempdir().unwrap();
    let stat = dir.path().join(this().pid.to_string());
    std::fs::create_dir_all(stat.join("stat")).unwrap();
    assert!(!is_gone(dir.path(), &this()), "no file");
    assert_eq!(Process::read(dir.path(), None), None);
}

#[test]
fn a_container_of_the_same_pod_follows_one_that_had_its_address() {
    let (first, second) = (in_pod("a", 1, 10), in_pod("a", 1, 20));
    assert!(second.knows_ended(&first));
    assert!(!second.knows_ended(&second));
    assert!(!second.knows_ended(&in_pod("b", 1, 10)), "another pod");
    assert!(!in_pod("a", 7, 20).knows_ended(&first), "started by exec");
    assert!(!second.knows_ended(&in_pod("a", 7, 10)), "started by exec");
    let mut other = first;
    other.pod.as_mut().unwrap().address = "127.0.0.1:7481".parse().unwrap();
    assert!(!second.knows_ended(&other), "another address");
}

#[test]
fn the_same_address_in_another_network_proves_nothing() {
    let (first, second) = (in_pod("a", 1, 10), in_pod("a", 1, 20));
    for network in ["net:[2]", ""] {
        let mut other = first.clone();
        other.pod.as_mut().unwrap().network = network.to_owned();
        assert!(!second.knows_ended(&other), "{network}");
    }
    let older = first.to_text().replace(",\"network\":\"net:[1]\"", "");
    let older = Process::parse(&older).expect("an older agent's trace");
    assert_eq!(older.pod.as_ref().unwrap().network, "");
    assert!(!second.knows_ended(&older));
}

#[test]
fn the_network_of_a_pod_is_traced() {
    let address = "0.0.0.0:7481".parse().unwrap();
    let pod = Some(("a".to_owned(), address));
    let process = Process::read(Path::new("/proc"), pod).unwrap();
    let network = process.pod.unwrap().network;
    let link = std::fs::read_link("/proc/self/ns/net").unwrap();
    assert_eq!(network, link.display().to_string());
}

#[test]
fn it_is_written_and_read() {
    for process in [this(), in_pod("a", 1, 10)] {
        assert_eq!(Process::parse(&process.to_text()), Some(process));
    }
    assert_eq!(Process::parse("{}"), None);
}
