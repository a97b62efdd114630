//! What is said of a kubeconfig that is of no use.

use std::path::PathBuf;

use expect_test::{Expect, expect};

use super::Access;
use crate::telemetry::chain;

const GOOD: &str = "\
apiVersion: v1
kind: Config
current-context: one
clusters:
- name: one
  cluster: {server: \"https://127.0.0.1:6443\"}
users:
- name: one
  user: {token: sample}
contexts:
- name: one
  context: {cluster: one, user: one}
- name: two
  context: {cluster: gone, user: one}
- name: three
  context: {cluster: one, user: nobody}
";

async fn check(content: Option<&str>, context: Option<&str>, said: Expect) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("kubeconfig");
    if let Some(content) = content {
        std::fs::write(&path, content).unwrap();
    }
    let access = Access {
        kubeconfig: Some(path),
        context: context.map(str::to_owned),
    };
    let words = match access.administrator().await {
        Ok(config) => config.cluster_url.to_string(),
        Err(error) => format!("{}\nhint: {}", chain(&error), error.hint()),
    };
    said.assert_eq(&words.replace(&dir.path().display().to_string(), "DIR"));
}

#[tokio::test]
async fn a_good_one_leads_to_its_server() {
    check(Some(GOOD), None, expect![["https://127.0.0.1:6443/"]]).await;
}

#[tokio::test]
async fn one_that_is_not_there_is_named() {
    check(None, None, expect![[r#"
        there is no kubeconfig at DIR/kubeconfig
        hint: check the path that --kubeconfig (or the variable KUBECONFIG) names, and that you may read it"#]]).await;
}

#[tokio::test]
async fn a_directory_cannot_be_read() {
    let access = Access {
        kubeconfig: Some(PathBuf::from("/")),
        context: None,
    };
    let error = access.administrator().await.unwrap_err();
    assert!(
        chain(&error).starts_with("the kubeconfig / cannot be read: "),
        "{}",
        chain(&error)
    );
}

#[tokio::test]
async fn what_is_no_kubeconfig_is_said_to_be_none() {
    check(Some("- a\n- b\n"), None, expect![[r#"
        DIR/kubeconfig is no kubeconfig: line 1 column 1: expected mapping start
        hint: name another file with --kubeconfig; `kubectl config view` shows what kubectl makes of it"#]]).await;
    check(Some("{"), None, expect![[r#"
        DIR/kubeconfig is no kubeconfig: line 1 column 1: it is not YAML
        hint: name another file with --kubeconfig; `kubectl config view` shows what kubectl makes of it"#]]).await;
    check(
        Some("kind: Pod\n"),
        None,
        expect![[r#"
        the kubeconfig DIR/kubeconfig has no current context
        hint: it has no context at all; name another file with --kubeconfig"#]],
    )
    .await;
}

#[tokio::test]
async fn a_credential_at_the_wrong_place_is_not_shown() {
    let base = "apiVersion: v1\nkind: Config\nusers:\n";
    for users in [
        "- name: one\n  user: hunter2\n",
        "- hunter2\n",
        "- name: one\n  user: {token: [hunter2]}\n",
        "- name: one\n  user: {hunter2: a, hunter2: b}\n",
        "- name: one\n  user: {exec: {interactiveMode: hunter2}}\n",
        "- name: one\n  user: {exec: {args: hunter2}}\n",
        "- name: one\n  user: *hunter2\n",
        "- name: one\n  user: !hunter2 {a: }}\n",
        "- name: one\n  user: \"hunter2\n",
        "- name: one\n  user:\n  hunter2\n",
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kubeconfig");
        std::fs::write(&path, format!("{base}{users}")).unwrap();
        let access = Access {
            kubeconfig: Some(path),
            context: None,
        };
        let error = access.administrator().await.unwrap_err();
        let words = format!("{}\n{}", chain(&error), error.hint());
        assert!(!words.contains("hunter2"), "{users}: {words}");
    }
    let bare = format!("{base}- name: one\n  user: hunter2\n");
    check(Some(&bare), None, expect![[r#"
        DIR/kubeconfig is no kubeconfig: line 5 column 9: expected mapping start
        hint: name another file with --kubeconfig; `kubectl config view` shows what kubectl makes of it"#]]).await;
}

#[tokio::test]
async fn an_unknown_context_is_told_with_those_that_there_are() {
    check(
        Some(GOOD),
        Some("four"),
        expect![[r#"
        the kubeconfig DIR/kubeconfig has no context `four`
        hint: name one with --context; it has one, two, three"#]],
    )
    .await;
    let without = GOOD.replace("current-context: one\n", "");
    check(
        Some(&without),
        None,
        expect![[r#"
        the kubeconfig DIR/kubeconfig has no current context
        hint: name one with --context; it has one, two, three"#]],
    )
    .await;
}

#[tokio::test]
async fn a_context_that_leads_nowhere_says_where() {
    check(Some(GOOD), Some("two"), expect![[r#"
        the context `two` of the kubeconfig DIR/kubeconfig names the cluster `gone`, which is not in it
        hint: check that `kubectl get namespaces` works with the same kubeconfig and context"#]]).await;
    check(Some(GOOD), Some("three"), expect![[r#"
        the context `three` of the kubeconfig DIR/kubeconfig names the user `nobody`, which is not in it
        hint: check that `kubectl get namespaces` works with the same kubeconfig and context"#]]).await;
}
