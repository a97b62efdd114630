//! Which requests are never sent.

use super::*;

fn resource(namespaced: bool) -> Resource {
    Resource::core("things", "Thing", namespaced)
}

fn key(namespace: &str) -> ObjectKey {
    ObjectKey::new("", "Thing", namespace, "one")
}

#[test]
fn a_namespace_on_a_kind_without_them_is_refused_and_so_is_the_lack_of_one() {
    assert_eq!(in_scope(&key("shop"), &resource(true)), Ok(()));
    assert_eq!(in_scope(&key(""), &resource(false)), Ok(()));
    for (namespace, namespaced) in [("shop", false), ("", true)] {
        let refused = in_scope(&key(namespace), &resource(namespaced));
        assert_eq!(refused, Err(Outcome::WrongScope { namespaced }));
    }
}

fn of_secret() -> (ObjectKey, Resource) {
    let key = ObjectKey::new("", "Secret", "shop", "one");
    (key, Resource::core("secrets", "Secret", true))
}

#[test]
fn k21_a_deletion_is_in_the_background_and_names_a_uid_and_no_version() {
    let request = Request::Delete {
        key: key("shop"),
        api_version: "v1".to_owned(),
        uid: "u-1".to_owned(),
    };
    let sent = call(&request, &resource(true));
    let body: Value = serde_json::from_slice(sent.body().expect("options")).expect("JSON");
    assert_eq!(body["propagationPolicy"], "Background");
    assert_eq!(body["preconditions"], json!({"uid": "u-1"}));
}

#[test]
fn k23_of_a_secret_only_metadata_is_asked_back() {
    let (key, secrets) = of_secret();
    let api_version = "v1".to_owned();
    let requests = [
        Request::Apply {
            key: key.clone(),
            manifest: Arc::new(json!({"apiVersion": "v1", "kind": "Secret"})),
            manager: MANAGER,
            force: true,
            dry_run: false,
        },
        Request::Patch {
            key: key.clone(),
            api_version: api_version.clone(),
            patch: json!([]),
        },
        Request::Get { key, api_version },
    ];
    for request in requests {
        assert_eq!(call(&request, &secrets).accepts(), PARTIAL);
    }
}
