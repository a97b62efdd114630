//! Test vectors of canonical bytes.

use serde_json::json;

use super::*;

fn check(value: &Value, expected: &str) {
    assert_eq!(String::from_utf8(to_bytes(value)).unwrap(), expected);
}

#[test]
fn keys_are_sorted_and_white_space_is_gone() {
    check(
        &json!({"b": [1, {"z": null, "a": true}], "a": "x", "": 0}),
        r#"{"":0,"a":"x","b":[1,{"a":true,"z":null}]}"#,
    );
}

#[test]
fn the_string_example_of_rfc_8785_is_escaped_as_there() {
    check(
        &json!("\u{20ac}$\u{f}\nA'B\"\\\\\"/"),
        "\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"",
    );
}

#[test]
fn integers_are_exact() {
    check(&json!(9_007_199_254_740_993_i64), "9007199254740993");
    check(&json!(u64::MAX), "18446744073709551615");
    check(&json!(-1), "-1");
}

#[test]
fn floats_follow_appendix_b_of_rfc_8785() {
    let rows: [(u64, &str); 12] = [
        (0x0000_0000_0000_0000, "0"),
        (0x8000_0000_0000_0000, "0"),
        (0x0000_0000_0000_0001, "5e-324"),
        (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
        (0x4340_0000_0000_0000, "9007199254740992"),
        (0x4430_0000_0000_0000, "295147905179352830000"),
        (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
        (0x44b5_2d02_c7e1_4af6, "1e+23"),
        (0x444b_1ae4_d6e2_ef50, "1e+21"),
        (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
        (0x41b3_de43_5555_5553, "333333333.3333332"),
        (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
    ];
    for (bits, expected) in rows {
        let mut out = String::new();
        write_float(&mut out, f64::from_bits(bits));
        assert_eq!(out, expected);
    }
}

#[test]
fn status_and_server_owned_metadata_are_not_declared() {
    let live = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "status": {"a": 1}, "data": {"k": "v"},
        "metadata": {"name": "c", "uid": "1", "resourceVersion": "2", "generation": 3,
            "managedFields": [], "creationTimestamp": null, "labels": {"a": "b"}},
    });
    check(
        &declared(live),
        r#"{"apiVersion":"v1","data":{"k":"v"},"kind":"ConfigMap","metadata":{"labels":{"a":"b"},"name":"c"}}"#,
    );
}
