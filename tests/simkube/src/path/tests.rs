//! What requests ask for.

use expect_test::{Expect, expect};
use http::Method;

use super::{Query, Target, decode};

fn check(method: Method, uri: &str, expected: Expect) {
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    let target = Target::parse(&method, path, query);
    let shown = match &target.resource {
        Some(found) => format!(
            "{} {:?} {} {:?} in {:?} called {:?}",
            target.verb,
            found.group,
            found.version,
            [&found.resource, &found.subresource],
            found.namespace,
            found.name
        ),
        None => format!("{} {}", target.verb, target.path),
    };
    expected.assert_eq(&shown);
}

#[test]
fn resources_are_found_in_paths() {
    check(
        Method::GET,
        "/api/v1/pods",
        expect![[r#"list "" v1 ["pods", ""] in "" called """#]],
    );
    check(
        Method::GET,
        "/apis/apps/v1/namespaces/n/deployments/web/scale",
        expect![[r#"get "apps" v1 ["deployments", "scale"] in "n" called "web""#]],
    );
    check(
        Method::DELETE,
        "/api/v1/namespaces/n/pods",
        expect![[r#"deletecollection "" v1 ["pods", ""] in "n" called """#]],
    );
    check(
        Method::POST,
        "/api/v1/namespaces/n/serviceaccounts/a/token",
        expect![[r#"create "" v1 ["serviceaccounts", "token"] in "n" called "a""#]],
    );
}

#[test]
fn a_namespace_is_a_resource_and_a_place() {
    check(
        Method::PATCH,
        "/api/v1/namespaces/n",
        expect![[r#"patch "" v1 ["namespaces", ""] in "n" called "n""#]],
    );
    check(
        Method::PUT,
        "/api/v1/namespaces/n/finalize",
        expect![[r#"update "" v1 ["namespaces", "finalize"] in "n" called "n""#]],
    );
}

#[test]
fn watches_are_asked_for_in_two_ways() {
    check(
        Method::GET,
        "/api/v1/namespaces/n/pods?watch=1",
        expect![[r#"watch "" v1 ["pods", ""] in "n" called """#]],
    );
    check(
        Method::GET,
        "/api/v1/watch/namespaces/n/pods/p",
        expect![[r#"watch "" v1 ["pods", ""] in "n" called "p""#]],
    );
    check(
        Method::GET,
        "/api/v1/pods?watch=false",
        expect![[r#"list "" v1 ["pods", ""] in "" called """#]],
    );
}

#[test]
fn other_paths_name_no_resource() {
    check(Method::GET, "/version", expect!["get /version"]);
    check(Method::GET, "/apis/apps/v1", expect!["get /apis/apps/v1"]);
}

#[test]
fn encoded_text_is_decoded() {
    let query = Query::parse("labelSelector=a%3Db+c%2C&empty&labelSelector=second");
    assert_eq!(query.get("labelSelector"), "a=b c,");
    assert!(query.flag("empty"));
    assert_eq!(decode("a+b%2", false), "a+b%2");
}
