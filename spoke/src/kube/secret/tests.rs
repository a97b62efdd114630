//! Lists.

use serde_json::json;

use super::items;

#[test]
fn an_answer_without_items_is_no_empty_list() {
    for body in [
        json!({}),
        json!({"kind": "SecretList"}),
        json!({"items": null}),
    ] {
        assert_eq!(items(&body), None, "{body}");
    }
    let body = json!({"kind": "SecretList", "items": []});
    assert_eq!(items(&body), Some(&[][..]));
}
