//! What is installed, word by word.

use expect_test::{ExpectFile, expect_file};
use serde_json::Value;

use super::{AgentRuns, Install};
use crate::bootstrap::{Rights, to_yaml};
use crate::link::Address;
use crate::tls::Pin;

pub(in crate::bootstrap) fn install(agent: AgentRuns) -> Install {
    Install {
        namespace: "capstan-system".to_owned(),
        hub: Address::parse("hub.example:7443").expect("an address"),
        pin: Pin::parse(&"0a".repeat(32)).expect("a pin"),
        token: Some("id.secret".to_owned()),
        rights: Rights::Namespaced,
        agent,
    }
}

fn inside() -> Install {
    install(AgentRuns::Inside {
        image: "spoke:1".to_owned(),
    })
}

fn check(install: &Install, golden: &ExpectFile) {
    golden.assert_eq(&to_yaml(&install.manifests()));
}

#[test]
fn an_agent_inside_with_the_default_rights() {
    check(&inside(), &expect_file!["golden/inside-namespaced.yaml"]);
}

#[test]
fn an_agent_outside_with_the_rights_of_a_platform() {
    let install = Install {
        rights: Rights::Platform,
        ..install(AgentRuns::Outside)
    };
    check(&install, &expect_file!["golden/outside-platform.yaml"]);
}

/// What stands above the manifests in `deploy/spoke/spoke.yaml`.
const HEADER: &str = "\
# The agent of one cluster, as `spoke bootstrap --print` prints it for sample values.
#
# Before `kubectl apply --server-side -f` replace, in the Secret capstan-spoke-bootstrap: hub, ca-pin and
# token by what `hub token create CLUSTER` printed; in the Deployment: image by yours. See README.md.
#
# Generated: a test compares it with what would be installed, and UPDATE_EXPECT=1 writes it anew.
";

#[test]
fn the_manifest_in_deploy_is_what_bootstrap_prints() {
    let sample = Install {
        pin: Pin::parse(&"0".repeat(64)).expect("a pin"),
        token: Some("ID.SECRET".to_owned()),
        ..install(AgentRuns::Inside {
            image: crate::config::default_image(),
        })
    };
    let printed = format!("{HEADER}{}", to_yaml(&sample.printed()));
    expect_file!["../../../../deploy/spoke/spoke.yaml"].assert_eq(&printed);
}

#[test]
fn what_is_printed_says_what_is_applied() {
    let decoded = |value: &Value| {
        use base64::Engine as _;
        let engine = base64::engine::general_purpose::STANDARD;
        let bytes = engine.decode(value.as_str().unwrap()).unwrap();
        Value::from(String::from_utf8(bytes).unwrap())
    };
    let applied = inside().manifests();
    for (mut applied, printed) in applied.into_iter().zip(inside().printed()) {
        if let Some(secret) = applied.as_object_mut()
            && let Some(mut data) = secret.remove("data")
        {
            let values = data.as_object_mut().unwrap().values_mut();
            values.for_each(|value| *value = decoded(value));
            secret.insert("stringData".to_owned(), data);
        }
        assert_eq!(applied, printed);
    }
}

#[test]
fn nobody_may_escalate_bind_impersonate_or_run_commands_by_name() {
    for rights in [Rights::Namespaced, Rights::Platform] {
        let manifests = Install { rights, ..inside() }.manifests();
        let rules = manifests.iter().filter_map(|m| m.get("rules")?.as_array());
        for rule in rules.flatten() {
            let words = |key: &str| -> Vec<String> {
                let list = rule.get(key).and_then(Value::as_array);
                let list = list.into_iter().flatten().filter_map(Value::as_str);
                list.map(str::to_owned).collect()
            };
            for verb in ["*", "escalate", "bind", "impersonate"] {
                assert!(!words("verbs").contains(&verb.to_owned()), "{rule}");
            }
            assert!(
                !words("resources").contains(&"pods/exec".to_owned()),
                "{rule}"
            );
        }
    }
}

#[test]
fn a_new_token_starts_a_new_pod_and_an_old_one_does_not() {
    let print = |install: &Install| install.fingerprint();
    let other = Install {
        token: Some("other.secret".to_owned()),
        ..inside()
    };
    assert_eq!(print(&inside()), print(&inside()));
    assert_ne!(print(&inside()), print(&other));
}
