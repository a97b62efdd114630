//! Reading aggregated discovery.

use capstan_spoke_core::Kind;
use capstan_spoke_core::event::Served;
use serde_json::json;

use super::{Discovery, Lookup, parse};

fn discovered() -> Discovery {
    let resource = |plural: &str, kind: &str, scope: &str, verbs: &[&str]| {
        json!({"resource": plural, "responseKind": {"group": "", "version": "", "kind": kind},
               "scope": scope, "verbs": verbs})
    };
    let usual = ["get", "list", "watch", "patch", "delete", "create"];
    let core = json!({"kind": "APIGroupDiscoveryList", "items": [{"metadata": {}, "versions": [
    {"version": "v1", "freshness": "Current", "resources": [
        resource("namespaces", "Namespace", "Cluster", &usual),
        resource("bindings", "Binding", "Namespaced", &["create"]),
    ]}]}]});
    let groups = json!({"kind": "APIGroupDiscoveryList", "items": [
        {"metadata": {"name": "autoscaling"}, "versions": [
            {"version": "v2", "resources": [resource("horizontalpodautoscalers", "HorizontalPodAutoscaler", "Namespaced", &usual)]},
            {"version": "v1", "resources": [resource("horizontalpodautoscalers", "HorizontalPodAutoscaler", "Namespaced", &usual)]},
        ]},
        {"metadata": {"name": "leaving.example"}, "versions": [
            {"version": "v1", "resources": [resource("gadgets", "Gadget", "Namespaced", &["delete", "get", "list", "watch"])]},
        ]},
        {"metadata": {"name": "metrics.example"}, "versions": [{"version": "v1", "freshness": "Stale"}]},
    ]});
    Discovery {
        roots: [
            parse(core).expect("aggregated"),
            parse(groups).expect("aggregated"),
        ],
        complete: true,
    }
}

#[test]
fn the_asked_version_wins_where_it_is_served() {
    let discovery = discovered();
    let version = |asked| match discovery
        .look_up(&Kind::new("autoscaling", "HorizontalPodAutoscaler"), asked)
    {
        Lookup::Found(resource) => resource.version,
        other => panic!("{other:?}"),
    };
    assert_eq!(version(Some("v1")), "v1");
    assert_eq!(version(Some("v9")), "v2");
    assert_eq!(version(None), "v2");
}

#[test]
fn a_stale_group_is_unknown_and_not_absent() {
    let discovery = discovered();
    assert_eq!(
        discovery.look_up(&Kind::new("metrics.example", "Metric"), None),
        Lookup::Unknown
    );
    assert_eq!(
        discovery.served(&Kind::new("metrics.example", "Metric")),
        Served::Unknown
    );
    assert_eq!(
        discovery.look_up(&Kind::new("shop.example", "Cart"), None),
        Lookup::NotServed
    );
}

#[test]
fn nothing_is_absent_before_discovery_was_read() {
    let discovery = Discovery::default();
    assert_eq!(
        discovery.look_up(&Kind::new("", "Namespace"), None),
        Lookup::Unknown
    );
}

#[test]
fn what_cannot_be_read_is_no_kind_of_ours() {
    assert_eq!(discovered().served(&Kind::new("", "Binding")), Served::No);
}

#[test]
fn the_old_form_of_discovery_is_refused() {
    assert!(parse(json!({"kind": "APIVersions", "versions": ["v1"]})).is_err());
}

#[test]
fn k19_a_kind_whose_definition_is_being_deleted_takes_nothing_new() {
    let gadget = Kind::new("leaving.example", "Gadget");
    assert_eq!(discovered().served(&gadget), Served::ReadOnly);
    assert!(matches!(
        discovered().look_up(&gadget, None),
        Lookup::Found(_)
    ));
}
