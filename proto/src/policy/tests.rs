//! Tests of policies.

use super::*;

#[test]
fn a_default_policy_is_an_empty_object() {
    assert_eq!(BundlePolicy::default().to_bytes(), b"{}");
}

#[test]
fn a_policy_is_read_back_as_it_was_written() {
    let policy = BundlePolicy {
        mode: Mode::Paused,
        depends_on: BTreeSet::from([BundleName::parse("platform.cert-manager").unwrap()]),
        create_namespace: Some("shop".into()),
        removal: RemovalPolicy {
            object: Removal::Orphan,
            bundle: Removal::Delete,
        },
        adopt: Adopt::Always,
        conflict: OnConflict::Force,
        drift: DriftPolicy {
            mode: DriftMode::Report,
            ignore: vec![IgnoreRule {
                kind: Some("Deployment".into()),
                fields: vec!["spec.replicas".into()],
                ..IgnoreRule::default()
            }],
        },
        health_timeout_ms: Some(60_000),
        health_checks: vec![HealthCheck {
            group: Some("example.io".into()),
            kind: "Tenant".into(),
            healthy: "self.status.phase == 'Ready'".into(),
        }],
    };
    let bytes = policy.to_bytes();
    assert_eq!(BundlePolicy::from_bytes(&bytes).unwrap(), policy);
    assert_eq!(
        String::from_utf8(bytes).unwrap(),
        r#"{"adopt":"always","conflict":"force","createNamespace":"shop","dependsOn":["platform.cert-manager"],"drift":{"ignore":[{"fields":["spec.replicas"],"kind":"Deployment"}],"mode":"report"},"healthChecks":[{"group":"example.io","healthy":"self.status.phase == 'Ready'","kind":"Tenant"}],"healthTimeoutMs":60000,"mode":"paused","removal":{"object":"orphan"}}"#
    );
}

#[test]
fn a_field_or_value_from_the_future_is_refused() {
    assert!(BundlePolicy::from_bytes(br#"{"hooks":[]}"#).is_err());
    assert!(BundlePolicy::from_bytes(br#"{"adopt":"sometimes"}"#).is_err());
    assert!(BundlePolicy::from_bytes(br#"{"mode":"later"}"#).is_err());
    let later = br#"{"healthChecks":[{"kind":"A","healthy":"true","failed":"true"}]}"#;
    assert!(BundlePolicy::from_bytes(later).is_err());
    assert!(BundlePolicy::from_bytes(br#"{"drift":{"ignore":[{"regex":"x"}]}}"#).is_err());
}
