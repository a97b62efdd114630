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
