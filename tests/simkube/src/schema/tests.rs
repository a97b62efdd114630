//! Tests of decoding, defaults and values that the recorded table does not show.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{FieldValidation, Gvk, Schema, builtin, builtin_kinds, from_crd, quantity, validate};

fn schema(group: &str, kind: &str) -> &'static Schema {
    builtin(group, "v1", kind).unwrap()
}

fn decode(schema: &Schema, document: Value) -> Value {
    let decoded = schema.decode(document, FieldValidation::Strict);
    decoded.unwrap().object
}

#[test]
fn every_kind_of_the_table_resolves() {
    for gvk in builtin_kinds() {
        let schema = builtin(&gvk.group, &gvk.version, &gvk.kind).unwrap();
        let empty = schema.empty_object();
        assert_eq!(empty["kind"], gvk.kind.as_str());
        let (name, components) = schema.open_api();
        assert!(components[&name]["properties"].is_object(), "{name}");
    }
}

#[test]
fn quantities_are_written_one_way() {
    for (text, canonical) in [
        ("1000m", "1"),
        ("0.5", "500m"),
        ("1.5Gi", "1536Mi"),
        ("1024Mi", "1Gi"),
        ("1000", "1k"),
        ("1024", "1024"),
        ("100M", "100M"),
        ("0.1Mi", "104857600m"),
        ("1e3", "1e3"),
        ("1500e-3", "1500e-3"),
        ("12e6", "12e6"),
        ("0", "0"),
        ("0Gi", "0"),
        ("-1500m", "-1500m"),
        ("1n", "1n"),
        ("0.1n", "1n"),
        (".5", "500m"),
        ("5.", "5"),
        ("1Ei", "1Ei"),
    ] {
        assert_eq!(
            quantity::canonical(text).as_deref(),
            Ok(canonical),
            "{text}"
        );
    }
    for text in ["", "much", "1.2.3", "1Qi", "--1", "1 Gi", "m"] {
        assert!(quantity::canonical(text).is_err(), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_canonical_quantity_stays(number in -100_000i64..100_000, suffix in "(m|k|M|Ki|Mi|Gi||e3)") {
        let once = quantity::canonical(&format!("{number}{suffix}")).unwrap();
        prop_assert_eq!(quantity::canonical(&once).unwrap(), once);
    }
}

#[test]
fn empty_values_are_stored_as_their_struct_says() {
    let object = decode(
        schema("apps", "Deployment"),
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web", "labels": {}, "creationTimestamp": null},
            "spec": {"minReadySeconds": 0, "paused": false, "replicas": 0, "selector": null},
        }),
    );
    assert_eq!(object["metadata"], json!({"name": "web"}));
    assert_eq!(object["status"], json!({}));
    assert_eq!(object["spec"]["replicas"], 0);
    assert_eq!(object["spec"]["selector"], Value::Null);
    assert_eq!(object["spec"].get("paused"), None);
    assert_eq!(
        object["spec"]["template"]["spec"]["containers"],
        Value::Null
    );
}

#[test]
fn a_wrong_type_is_named_with_its_path() {
    let document = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"template": {"spec": {"containers": [{"name": 1}]}}},
    });
    let error = schema("apps", "Deployment").decode(document, FieldValidation::Ignore);
    assert_eq!(
        error.unwrap_err().message,
        "Deployment in version \"v1\" cannot be handled as a Deployment: json: cannot unmarshal \
         number into Go struct field Container.spec.template.spec.containers.name of type string"
    );
}

#[test]
fn unknown_fields_are_warned_of_by_path() {
    let document = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", "imagee": "i"}]},
        "sped": {},
    });
    let decoded = schema("", "Pod")
        .decode(document, FieldValidation::Warn)
        .unwrap();
    let wanted = [
        "unknown field \"spec.containers[0].imagee\"",
        "unknown field \"sped\"",
    ];
    assert_eq!(decoded.warnings, wanted);
}

#[test]
fn plain_text_of_a_secret_is_folded_into_its_data() {
    let document = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s"},
        "data": {"a": "YQ==", "b": "Yg=="},
        "stringData": {"b": "new"},
    });
    let object = decode(schema("", "Secret"), document);
    assert_eq!(object["data"], json!({"a": "YQ==", "b": "bmV3"}));
    assert_eq!(object.get("stringData"), None);
}

#[test]
fn defaults_of_a_custom_schema_reach_into_lists_and_replace_null() {
    let part =
        json!({"type": "object", "properties": {"kind": {"type": "string", "default": "std"}}});
    let spec = json!({
        "type": "object",
        "default": {},
        "properties": {
            "mode": {"type": "string", "default": "auto"},
            "parts": {"type": "array", "items": part},
            "nothing": {"type": "string", "nullable": true, "default": "x"},
        },
    });
    let source = json!({"type": "object", "properties": {"spec": spec}});
    let schema = from_crd(Gvk::new("example.com", "v1", "Widget"), &source).unwrap();
    let document = |spec: Value| json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": spec});
    let object = decode(
        &schema,
        document(json!({"parts": [{}], "mode": null, "nothing": null})),
    );
    let wanted = json!({"mode": "auto", "nothing": null, "parts": [{"kind": "std"}]});
    assert_eq!(object["spec"], wanted);
    let bare = json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}});
    assert_eq!(
        decode(&schema, bare)["spec"],
        json!({"mode": "auto", "nothing": "x"})
    );
}

#[test]
fn a_valid_object_has_no_complaints() {
    let schema = schema("", "Service");
    let object = decode(
        schema,
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web", "labels": {"app.kubernetes.io/name": "web"}},
            "spec": {"ports": [{"port": 80}]},
        }),
    );
    assert_eq!(validate(schema, None, &object), []);
    assert_eq!(validate(schema, Some(&object), &object), []);
}
