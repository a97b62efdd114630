//! The `hub` binary itself: exit codes, what goes where, and how it stops.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use crate::support::{Repository, cluster, config_map, everywhere};

fn hub(directory: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hub"))
        .args(args)
        .current_dir(directory)
        .env_remove("CAPSTAN_HUB")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A founded fleet with a repository; no hub runs.
fn founded() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let repository = Repository::new(&directory.path().join("fleet"));
    repository.commit(&[
        ("clusters.yaml", Some(&cluster("one"))),
        ("web.yaml", Some(&everywhere("web"))),
        ("apps/web/a.yaml", Some(&config_map("a", "1"))),
    ]);
    let made = hub(
        directory.path(),
        &[
            "init",
            "--data-dir",
            "data",
            "--advertise",
            "localhost:0",
            "--source",
            "fleet=fleet",
            "--listen-spokes",
            "127.0.0.1:0",
            "--listen-api",
            "127.0.0.1:0",
            "--listen-http",
            "127.0.0.1:0",
        ],
    );
    assert!(made.status.success(), "{made:?}");
    directory
}

/// A hub process; killed when the test is over.
struct Serving(Child);

impl Serving {
    fn start(directory: &Path) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_hub"))
            .args(["serve", "--config", "hub.yaml"])
            .current_dir(directory)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let serving = Self(child);
        // `hub status` itself is the state that is waited for.
        for _ in 0..600 {
            let status = hub(directory, &["status", "-o", "json"]);
            if status.status.success() && text(&status.stdout).contains("\"Following\"") {
                return serving;
            }
        }
        panic!("the hub does not serve");
    }

    fn stop(mut self) -> Option<i32> {
        let pid = self.0.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        self.0.wait().unwrap().code()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if self.0.kill().is_ok() {
            drop(self.0.wait());
        }
    }
}

#[test]
fn all_mistakes_of_a_configuration_are_said_at_once_and_nothing_is_bound() {
    let directory = tempfile::tempdir().unwrap();
    let config =
        "dataDir: data\nadvertise: https://hub\nlisten: {api: \"0.0.0.0:1\"}\nsorces: []\n";
    std::fs::write(directory.path().join("hub.yaml"), config).unwrap();
    let out = hub(directory.path(), &["serve", "--config", "hub.yaml"]);
    assert_eq!(out.status.code(), Some(2));
    let said = text(&out.stderr);
    for place in [
        "hub.yaml:2:12: `advertise`",
        "hub.yaml:3:15: `listen.api`",
        "hub.yaml:4:1: `hub.yaml` has no field `sorces` (did you mean `sources`?)",
        "hub.yaml:1:1: `sources` is missing",
    ] {
        assert!(said.contains(place), "{place} is not in\n{said}");
    }
    assert!(!directory.path().join("data").exists());
}

#[test]
fn a_source_that_can_never_be_followed_is_refused_before_anything_is_made_or_bound() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let init = [
        "init",
        "--data-dir",
        "data",
        "--advertise",
        "hub.example:17443",
        "--listen-api",
        "0.0.0.0:7444",
        "--source",
        "one=http://git.example/fleet.git",
        "--source",
        "two=https://me:secret@git.example/fleet.git",
    ];
    let out = hub(path, &init);
    assert_eq!(out.status.code(), Some(2), "{out:?}");
    let said = text(&out.stderr);
    for mistake in [
        "--source one: http:// lets anybody",
        "--source two: `url` must not hold",
        "--listen-api 0.0.0.0:7444",
    ] {
        assert!(said.contains(mistake), "{mistake} is not in\n{said}");
    }
    assert!(!path.join("data").exists() && !path.join("hub.yaml").exists());
    let source = |name, url| format!("- name: {name}\n  git: {{url: \"{url}\"}}\n");
    let sources = [
        source("one", "http://git.example/fleet.git"),
        source("two", "ssh://git@git.example/fleet.git"),
    ];
    let config = format!(
        "dataDir: data\nadvertise: hub.example:7443\nsources:\n{}",
        sources.concat()
    );
    std::fs::write(path.join("hub.yaml"), config).unwrap();
    let out = hub(path, &["serve", "--config", "hub.yaml"]);
    assert_eq!(out.status.code(), Some(2), "{out:?}");
    let said = text(&out.stderr);
    for mistake in [
        "hub.yaml:5:14: `git.url`: http:// lets anybody on the way say what the fleet runs (use https://",
        "hub.yaml:7:14: `git.url`: ssh:// needs a key (use `auth: {ssh: ...}`)",
    ] {
        assert!(said.contains(mistake), "{mistake} is not in\n{said}");
    }
    assert!(!path.join("data").exists());
}

#[test]
fn the_hub_listens_at_the_port_that_spokes_dial_unless_it_is_told_otherwise() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let made = |name: &str, more: &[&str]| {
        let config = format!("{name}.yaml");
        let mut init = vec!["init", "--data-dir", name, "--config", config.as_str()];
        init.extend(["--advertise", "hub.example:17443", "--source", "a=fleet"]);
        init.extend(more);
        let out = hub(path, &init);
        assert!(out.status.success(), "{out:?}");
        let config = std::fs::read_to_string(path.join(config)).unwrap();
        (text(&out.stdout), config)
    };
    let (said, config) = made("derived", &[]);
    assert!(config.contains("spokes: \"0.0.0.0:17443\""), "{config}");
    assert!(!said.contains("forward"), "{said}");
    let (said, config) = made("told", &["--listen-spokes", "127.0.0.1:7443"]);
    assert!(config.contains("spokes: \"127.0.0.1:7443\""), "{config}");
    assert!(said.contains("the hub listens at 127.0.0.1:7443"), "{said}");
}

#[test]
fn a_source_that_is_a_directory_which_is_not_there_is_named_with_its_place() {
    let directory = founded();
    let serving = Serving::start(directory.path());
    std::fs::rename(
        directory.path().join("fleet"),
        directory.path().join("elsewhere"),
    )
    .unwrap();
    // `hub status` itself is the state that is waited for.
    let said = (0..600)
        .map(|_| {
            hub(directory.path(), &["refresh"]);
            text(&hub(directory.path(), &["status"]).stdout)
        })
        .find(|said| said.contains("there is no directory"))
        .expect("the source is missed");
    let line = said
        .lines()
        .find(|line| line.contains("there is no"))
        .unwrap();
    assert!(
        line.contains("hub.yaml:") && line.contains("/fleet (correct the source's `url`"),
        "{line}"
    );
    assert_eq!(serving.stop(), Some(0));
}

#[test]
fn a_second_init_changes_nothing() {
    let directory = founded();
    let before = std::fs::read(directory.path().join("hub.yaml")).unwrap();
    assert_eq!(hub(directory.path(), &["init"]).status.code(), Some(2));
    let again = hub(
        directory.path(),
        &["init", "--data-dir", "data", "--config", "other.yaml"],
    );
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("there is a fleet in data already"));
    assert_eq!(
        std::fs::read(directory.path().join("hub.yaml")).unwrap(),
        before
    );
}

#[test]
fn a_hub_that_does_not_run_is_named_with_who_named_it() {
    let directory = founded();
    let out = hub(directory.path(), &["status"]);
    assert_eq!(out.status.code(), Some(1));
    let said = text(&out.stderr);
    assert!(
        said.contains("hub.sock") && said.contains("the nearest hub.yaml"),
        "{said}"
    );
    let out = hub(directory.path(), &["--hub", "127.0.0.1:1", "status"]);
    assert!(text(&out.stderr).contains("named by --hub"), "{out:?}");
}

#[test]
fn lint_says_by_its_exit_code_what_it_found() {
    let directory = founded();
    let fleet = directory.path().join("fleet");
    assert_eq!(hub(&fleet, &["lint", "."]).status.code(), Some(0));
    std::fs::write(
        fleet.join("bad.yaml"),
        "apiVersion: capstan.dev/v1alpha1\nkind: Bundel\n",
    )
    .unwrap();
    let out = hub(&fleet, &["lint", ".", "-o", "json"]);
    assert_eq!(out.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(report["problems"][0]["path"], "bad.yaml");
    assert_eq!(report["problems"][0]["line"], 2);
    assert_eq!(
        hub(&fleet, &["lint", ".", "--rev", "main"]).status.code(),
        Some(0)
    );
    assert_eq!(hub(&fleet, &["lint", "nowhere"]).status.code(), Some(2));
}

#[test]
fn a_hub_is_founded_asked_and_stopped() {
    let directory = founded();
    let path = directory.path();
    let serving = Serving::start(path);
    let clusters = hub(path, &["get", "clusters", "--no-headers"]);
    assert!(
        text(&clusters.stdout).starts_with("one   NeverSeen"),
        "{clusters:?}"
    );
    let token = hub(path, &["token", "create", "one"]);
    let line = text(&token.stdout);
    assert!(
        line.starts_with("spoke bootstrap --hub localhost:") && line.lines().count() == 1,
        "{line}"
    );
    let json = hub(path, &["get", "bundles", "-o", "json"]);
    let bundles: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(bundles[0]["name"], "fleet.web");
    assert!(!text(&hub(path, &["status"]).stdout).contains('\x1b'));
    assert_eq!(hub(path, &["explain", "one", "web"]).status.code(), Some(0));
    assert_eq!(hub(path, &["explain", "two", "web"]).status.code(), Some(1));
    assert_eq!(
        hub(path, &["get", "clusters", "two"]).status.code(),
        Some(1)
    );
    let second = hub(path, &["serve", "--config", "hub.yaml"]);
    assert!(
        text(&second.stderr).contains("in use by another process"),
        "{second:?}"
    );
    assert_eq!(serving.stop(), Some(0));
    assert!(!path.join("data/hub.sock").exists());
}

#[test]
fn a_closed_pipe_is_no_panic() {
    let directory = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_hub"))
        .args(["completion", "bash"])
        .current_dir(directory.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let out = child.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(0));
    assert!(!text(&out.stderr).contains("panicked"));
}
