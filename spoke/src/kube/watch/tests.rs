//! Lists.

use serde_json::json;

use super::items;

#[test]
fn an_answer_without_items_is_no_empty_list() {
    for page in [
        json!({}),
        json!({"kind": "ConfigMapList", "metadata": {}}),
        json!({"items": null}),
        json!({"kind": "ConfigMapList", "items": {}}),
    ] {
        assert!(items(&mut page.clone()).is_err(), "{page}");
    }
    for page in [
        json!({"kind": "ConfigMapList", "items": []}),
        json!({"kind": "ConfigMapList", "items": null}),
    ] {
        assert_eq!(items(&mut page.clone()), Ok(Vec::new()), "{page}");
    }
}
