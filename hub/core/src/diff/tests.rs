//! What differs between two versions of an object.

use expect_test::{Expect, expect};

use super::{Value, fields};

fn check(old: &str, new: &str, expected: Expect) {
    let [old, new] = [old, new].map(|text| serde_json::from_str(text).unwrap());
    let found = fields(&old, &new);
    let shown = |value: &Value| match value {
        Value::Absent => "absent".to_owned(),
        Value::Redacted => "redacted".to_owned(),
        Value::Shown(value) => value.to_string(),
    };
    let lines = found.fields.iter().map(|field| {
        let (old, new) = (shown(&field.old), shown(&field.new));
        format!("{}: {old} -> {new}\n", field.path)
    });
    expected.assert_eq(&lines.collect::<String>());
}

#[test]
fn fields_come_go_and_change() {
    check(
        r#"{"spec": {"a": 1, "b": {"c": true}, "same": []}}"#,
        r#"{"spec": {"b": {"c": false}, "d": "new", "same": []}}"#,
        expect![[r#"
            .spec.a: 1 -> absent
            .spec.b.c: true -> false
            .spec.d: absent -> "new"
        "#]],
    );
}

#[test]
fn items_are_told_apart_by_their_names() {
    check(
        r#"{"containers": [{"name": "web", "image": "web:1"}, {"name": "log", "image": "log:1"}]}"#,
        r#"{"containers": [{"name": "log", "image": "log:1"}, {"name": "web", "image": "web:2"}]}"#,
        expect![[r#"
            .containers[name="web"].image: "web:1" -> "web:2"
            .containers[order]: ["web","log"] -> ["log","web"]
        "#]],
    );
}

#[test]
fn other_items_are_told_apart_by_their_places() {
    check(
        r#"{"args": ["-a", "-b"]}"#,
        r#"{"args": ["-a", "-c", "-d"]}"#,
        expect![[r#"
            .args[1]: "-b" -> "-c"
            .args[2]: absent -> "-d"
        "#]],
    );
}

#[test]
fn what_a_secret_holds_is_not_told() {
    check(
        r#"{"apiVersion": "v1", "kind": "Secret", "metadata": {"labels": {"a": "1"}}, "data": {"p": "eA=="}}"#,
        r#"{"apiVersion": "v1", "kind": "Secret", "metadata": {"labels": {"a": "2"}}, "data": {"p": "eQ==", "q": "eg=="}}"#,
        expect![[r#"
            .data.p: redacted -> redacted
            .data.q: absent -> redacted
            .metadata.labels.a: "1" -> "2"
        "#]],
    );
}
