//! The words of bootstrap.

use std::path::PathBuf;
use std::time::Duration;

use super::manifests::tests::install;
use super::{AgentRuns, Asked, Extent, Order, quoted, start_line};
use crate::kube::Access;

#[test]
fn words_are_quoted_for_a_shell() {
    assert_eq!(quoted("/plain/path.yaml"), "/plain/path.yaml");
    assert_eq!(quoted("two words"), "'two words'");
    assert_eq!(quoted("it's"), r"'it'\''s'");
    assert_eq!(quoted(""), "''");
}

#[test]
fn the_line_that_starts_the_agent_can_be_pasted() {
    let install = install(AgentRuns::Outside);
    let order = Order {
        access: Access {
            kubeconfig: Some(PathBuf::from("/tmp/my edge.kubeconfig")),
            context: Some("edge".to_owned()),
        },
        asked: Asked {
            namespace: "agents".to_owned(),
            hub: install.hub,
            pin: install.pin,
            token: install.token,
            rights: None,
            agent: None,
        },
        extent: Extent::Install,
        timeout: Duration::from_secs(1),
    };
    assert_eq!(
        start_line(&order),
        "spoke run --kubeconfig '/tmp/my edge.kubeconfig' --context edge --namespace agents"
    );
}
