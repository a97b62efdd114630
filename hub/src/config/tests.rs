//! Tests of the configuration.

use std::path::Path;

use expect_test::{Expect, expect};

use super::template::{Answers, Repository, text};
use super::{Config, HostPort};

fn check(text: &str, wanted: Expect) {
    let found = match Config::parse(Path::new("hub.yaml"), text) {
        Ok(config) => format!("{config:#?}"),
        Err(mistakes) => mistakes.to_string(),
    };
    wanted.assert_eq(&found);
}

#[test]
fn every_mistake_is_reported_at_once_with_its_place() {
    check(
        "dataDir: ''\nadvertise: https://hub.example\nlisten:\n  api: \"0.0.0.0:7444\"\n  spoke: x\nsafety: {maxRemovedClusters: 120%}\nsources:\n- name: Platform\n  git: {branch: 'refs/heads/main', path: ../x}\n  pol: 3\n- git: 5\n",
        expect![[r#"
            hub.yaml:1:10: `dataDir` is empty (give it a value or remove it)
            hub.yaml:2:12: `advertise`: `https://hub.example` is a URL, not HOST:PORT (what spokes dial, as HOST:PORT)
            hub.yaml:4:8: `listen.api`: `0.0.0.0:7444` could be reached from other machines (use a loopback address such as 127.0.0.1:7444; from elsewhere, forward the port over SSH)
            hub.yaml:5:3: `listen` has no field `spoke` (did you mean `spokes`?)
            hub.yaml:6:30: `safety.maxRemovedClusters`: `120%` is no percentage (a percentage such as 20%)
            hub.yaml:8:9: `sources[].name`: `Platform` must consist of a-z, 0-9 and -, and start and end with a letter or digit (a short name of a-z, 0-9 and -)
            hub.yaml:9:8: `git.url` is missing (every source needs it)
            hub.yaml:9:17: `git.branch`: `refs/heads/main` is no branch name (a branch's name, without refs/heads/)
            hub.yaml:9:42: `git.path`: `../x` leaves the repository (a directory inside the repository, such as fleet)
            hub.yaml:10:3: `sources[]` has no field `pol` (did you mean `poll`?)
            hub.yaml:11:3: `sources[].name` is missing (every source needs it)
            hub.yaml:11:8: `git` must be a map, and is a number (compare it with the file that `hub init` writes)"#]],
    );
}

#[test]
fn text_that_is_not_yaml_is_one_mistake_with_its_place() {
    check(
        "dataDir: [a\n",
        expect![
            "hub.yaml:1:10: unclosed bracket '[' (the file must be YAML, as `hub init` writes it)"
        ],
    );
}

#[test]
fn an_empty_file_lacks_everything() {
    check(
        "{}",
        expect![[r#"
        hub.yaml:1:1: `dataDir` is missing (the directory that `hub init` made)
        hub.yaml:1:1: `advertise` is missing (what spokes dial, as HOST:PORT)
        hub.yaml:1:1: `sources` is missing (at least one: [{name: platform, git: {url: ...}}])"#]],
    );
}

#[test]
fn what_init_writes_is_read_without_a_mistake() {
    let sources = [Repository {
        name: "platform".to_owned(),
        url: "https://git.example/platform.git".to_owned(),
        branch: "main".to_owned(),
        path: "fleet".to_owned(),
    }];
    let advertise = HostPort::parse("hub.example:7443").unwrap();
    let answers = Answers {
        data_dir: "data",
        advertise: &advertise,
        sources: &sources,
        spokes: "0.0.0.0:7443".parse().unwrap(),
        api: "127.0.0.1:7444".parse().unwrap(),
        http: "127.0.0.1:7480".parse().unwrap(),
    };
    check(
        &text(&answers),
        expect![[r#"
            Config {
                file: "hub.yaml",
                data_dir: "data",
                advertise: HostPort {
                    host: "hub.example",
                    port: 7443,
                },
                listen: Listen {
                    spokes: 0.0.0.0:7443,
                    api: 127.0.0.1:7444,
                    socket: "data/hub.sock",
                    http: 127.0.0.1:7480,
                },
                ledger: "data/ledger",
                safety: Budget {
                    clusters_percent: 20,
                    clusters_min: 1,
                    objects_percent: 20,
                    objects_min: 10,
                    window_ms: 86400000,
                    placement_may_change: false,
                },
                sources: [
                    Source {
                        git: Source {
                            name: SourceName(
                                "platform",
                            ),
                            url: "https://git.example/platform.git",
                            branch: "main",
                            path: "fleet",
                            auth: None,
                        },
                        declared_at: "hub.yaml:36:8",
                        poll: 30s,
                    },
                ],
            }"#]],
    );
}
