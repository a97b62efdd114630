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
        expect![[r#""#]],
    );
}

#[test]
fn text_that_is_not_yaml_is_one_mistake_with_its_place() {
    check("dataDir: [a\n", expect![[r#""#]]);
}

#[test]
fn an_empty_file_lacks_everything() {
    check("{}", expect![[r#""#]]);
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
    let answers = Answers { data_dir: "data", advertise: &advertise, sources: &sources };
    check(&text(&answers), expect![[r#""#]]);
}
