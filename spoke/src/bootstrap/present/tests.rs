//! What stays and what changes.

use serde_json::{Value, json};

use super::{Asked, Present, agent};
use crate::bootstrap::manifests::tests::install;
use crate::bootstrap::{AgentRuns, Install, Rights};

fn inside(image: &str) -> AgentRuns {
    AgentRuns::Inside {
        image: image.to_owned(),
    }
}

fn asked(rights: Option<Rights>, agent: Option<AgentRuns>) -> Asked {
    let Install {
        namespace,
        hub,
        pin,
        token,
        ..
    } = install(AgentRuns::Outside);
    Asked {
        namespace,
        hub,
        pin,
        token,
        rights,
        agent,
    }
}

/// What is present after these manifests were applied.
fn present(install: &Install) -> Present {
    let manifests = install.manifests();
    let of = |kind: &str| manifests.iter().find(|manifest| manifest["kind"] == kind);
    Present {
        rights: of("ClusterRole").map(Rights::of),
        agent: agent(of("Role"), of("Deployment")),
        deployment: of("Deployment").is_some(),
        hub: Some(install.hub.clone()),
    }
}

fn installed(rights: Rights, agent: AgentRuns) -> Install {
    Install {
        rights,
        ..install(agent)
    }
}

#[test]
fn what_is_not_asked_for_stays_as_it_is_installed() {
    for before in [
        installed(Rights::Platform, inside("mirror.example/spoke:2")),
        installed(Rights::Namespaced, AgentRuns::Outside),
    ] {
        let asked = asked(None, None);
        let install = asked.over(&present(&before));
        assert_eq!(install.rights, before.rights);
        assert_eq!(install.agent, before.agent);
        let said = asked.settings(&present(&before), &install);
        assert_eq!(
            said[0],
            format!("rights: {}, as installed", before.rights.as_str())
        );
        assert!(said[1].ends_with(", as installed"), "{said:?}");
    }
}

#[test]
fn what_changes_is_said() {
    let before = present(&installed(Rights::Platform, inside("spoke:1")));
    let asked = asked(Some(Rights::Namespaced), Some(inside("spoke:2")));
    let install = asked.over(&before);
    assert_eq!(install.rights, Rights::Namespaced);
    assert_eq!(
        asked.settings(&before, &install),
        [
            "rights: platform -> namespaced",
            "agent: Deployment with image spoke:1 -> Deployment with image spoke:2",
            "hub: hub.example:7443",
        ]
    );
}

#[test]
fn a_deployment_that_an_agent_outside_leaves_behind_is_named() {
    let before = present(&installed(Rights::Platform, inside("spoke:1")));
    let asked = asked(None, Some(AgentRuns::Outside));
    let said = asked.settings(&before, &asked.over(&before));
    assert_eq!(
        said[1],
        "agent: Deployment with image spoke:1 -> outside the cluster"
    );
    assert!(
        said[3].contains("delete deployment capstan-spoke"),
        "{said:?}"
    );
}

#[test]
fn a_first_installation_has_the_defaults() {
    let asked = asked(None, None);
    let install = asked.over(&Present::default());
    assert_eq!(install.rights, Rights::Namespaced);
    let said = asked.settings(&Present::default(), &install);
    assert_eq!(said[0], "rights: namespaced");
    assert!(said[1].starts_with("agent: Deployment with image capstan/spoke:"));
}

#[test]
fn a_role_without_our_annotation_is_told_by_its_rules() {
    let role = |group: &str| json!({"rules": [{"apiGroups": [group], "resources": ["*"], "verbs": ["get"]}]});
    assert_eq!(Rights::of(&role("*")), Rights::Platform);
    assert_eq!(Rights::of(&role("apps")), Rights::Namespaced);
    assert_eq!(Rights::of(&Value::Null), Rights::Namespaced);
}
