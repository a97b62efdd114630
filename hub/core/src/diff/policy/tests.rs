//! How what differs in a policy is written.

use capstan_proto::policy::BundlePolicy;

use super::policy_fields;
use crate::diff::Value;

#[test]
fn timeouts_are_written_in_the_largest_unit_that_is_exact() {
    let with = |ms| {
        let policy = BundlePolicy {
            health_timeout_ms: Some(ms),
            ..BundlePolicy::default()
        };
        policy.to_bytes()
    };
    let told = |old, new| {
        let found = policy_fields(Some(&with(old)), Some(&with(new))).fields;
        let text = |value: &Value| match value {
            Value::Shown(value) => value.as_str().unwrap_or_default().to_owned(),
            other => format!("{other:?}"),
        };
        let fields = found.iter().map(|f| (text(&f.old), text(&f.new)));
        fields.collect::<Vec<_>>()
    };
    let pair = |old: &str, new: &str| vec![(old.to_owned(), new.to_owned())];
    assert_eq!(told(500, 1_900), pair("500ms", "1900ms"));
    assert_eq!(told(1_500, 1_900), pair("1500ms", "1900ms"));
    assert_eq!(told(90_000, 120_000), pair("90s", "2m"));
    assert_eq!(told(300_000, 300_000), []);
}
