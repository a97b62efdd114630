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
                        declared_at: "hub.yaml:42:8",
                        poll: 30s,
                        rules: Rules {
                            restrict: None,
                            exported_groups: {},
                            exported_bundles: {},
                        },
                    },
                ],
            }"#]],
    );
}

const BEFORE: &str = "dataDir: data\nadvertise: hub.example:7443\nsources:\n\
    - {name: platform, git: {url: /srv/platform.git}}\n\
    - name: team-a\n  git: {url: /srv/a.git}\n";

fn rules(text: &str) -> String {
    match Config::parse(Path::new("hub.yaml"), &format!("{BEFORE}{text}")) {
        Ok(config) => format!("{:?}", config.sources[1].rules),
        Err(mistakes) => mistakes.to_string(),
    }
}

#[test]
fn what_a_source_may_do_is_read() {
    let read = rules(
        "  restrict:\n    clusters: [{names: [a], groups: [platform/europe]}]\n    namespaces: [\"team-a-*\"]\n    \
         kinds: {allow: [apps/Deployment, v1/Service]}\n    serviceAccount: required\n  exports: {groups: [mine], bundles: [web]}\n",
    );
    for part in [
        "platform",
        "namespaces: [\"team-a-*\"]",
        "Allow({\"apps/Deployment\", \"v1/Service\"})",
        "exported_groups: {\"mine\"}",
        "exported_bundles: {\"web\"}",
        "service_account_required: true",
    ] {
        assert!(read.contains(part), "{part} in {read}");
    }
}

#[test]
fn mistakes_in_what_a_source_may_do_are_reported_at_once() {
    expect![[r#"
        hub.yaml:8:17: `restrict.clusters`: `clusters` has no field `name` (did you mean `names`?)
        hub.yaml:8:39: `restrict.clusters` names group `mine`, which the source itself declares (name a group of a source that is not restricted, as SOURCE/GROUP, or labels)
        hub.yaml:8:57: `restrict.clusters` names a group of source `other`, which is no source of this hub (name a group of a source that is not restricted)
        hub.yaml:9:18: `restrict.namespaces`: `Team` cannot be one (a namespace, or a pattern with * and ?, such as team-a-*)
        hub.yaml:10:12: `restrict.kinds` needs exactly one of `allow` and `deny` ({allow: [apps/Deployment, v1/Service]} or {deny: [v1/Secret]})
        hub.yaml:11:21: `restrict.serviceAccount`: `maybe` is no value of it (write required, or leave it out)
        hub.yaml:12:5: `restrict` has no field `namespace` (did you mean `namespaces`?)
        hub.yaml:13:21: `exports.groups` is empty (name something, or leave it out)
        hub.yaml:13:25: `exports` has no field `bundle` (did you mean `bundles`?)"#]]
        .assert_eq(&rules(
            "  restrict:\n    clusters: [{name: [a]}, {groups: [mine]}, {groups: [other/x]}]\n    namespaces: [Team]\n    \
             kinds: {allow: [apps/v1/Deployment], deny: []}\n    serviceAccount: maybe\n    namespace: x\n  \
             exports: {groups: [], bundle: [web]}\n",
        ));
}

#[test]
fn a_restriction_says_which_clusters_and_not_by_what_the_source_itself_declares() {
    expect![[r#"
        hub.yaml:7:13: `restrict.clusters` is missing (which clusters it may use, such as [{matchLabels: {team: a}}]; [{}] for all)
        hub.yaml:7:29: `restrict.kinds.deny`: `Secret` cannot be one (GROUP/Kind such as apps/Deployment, without a version; v1/Kind for the core group)"#]].assert_eq(&rules("  restrict: {kinds: {deny: [Secret]}}\n"));
    expect![[r#"
        hub.yaml:7:35: `restrict.clusters` names group `mine`, which the source itself declares (name a group of a source that is not restricted, as SOURCE/GROUP, or labels)
        hub.yaml:7:53: `restrict.clusters` names a group of source `other`, which is no source of this hub (name a group of a source that is not restricted)
        hub.yaml:7:74: `restrict.clusters` names a group of source `team-b`, which is restricted itself (name a group of a source that is not restricted)"#]].assert_eq(&rules(
        "  restrict: {clusters: [{groups: [mine]}, {groups: [other/x]}, {groups: [team-b/x]}]}\n\
         - {name: team-b, git: {url: /srv/b.git}, restrict: {clusters: [{}]}}\n",
    ));
}
