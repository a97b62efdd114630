//! Who may do what: certificates, tokens, impersonation, RBAC.

use serde_json::{Value, json};

use crate::support::{Client, Fixture, MAPS, config_map};

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
const SECRETS: &str = "/api/v1/namespaces/default/secrets";
const ACCOUNTS: &str = "/api/v1/namespaces/default/serviceaccounts";

/// Gives a user `rules` in the namespace `default`.
async fn grant(admin: &Client, name: &str, user: &Value, rules: Value) {
    let role = json!({"metadata": {"name": name}, "rules": rules});
    admin
        .post(&format!("{RBAC}/namespaces/default/roles"), &role)
        .await
        .expect(201);
    let binding = json!({
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [user],
    });
    admin
        .post(&format!("{RBAC}/namespaces/default/rolebindings"), &binding)
        .await
        .expect(201);
}

fn user(name: &str) -> Value {
    json!({"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": name})
}

#[tokio::test]
async fn strangers_see_the_version_and_nothing_else() {
    let Fixture { running, admin: _ } = Fixture::start().await;
    let nobody = Client::new(&running, None);
    nobody.get("/version").await.expect(200);
    let refused = nobody.get(MAPS).await.expect(403);
    assert_eq!(
        refused["message"],
        "configmaps is forbidden: User \"system:anonymous\" cannot list resource \"configmaps\" in \
         API group \"\" in the namespace \"default\""
    );
    Client::new(&running, Some("wrong"))
        .get("/version")
        .await
        .expect(401);
}

#[tokio::test]
async fn a_client_certificate_names_user_and_group() {
    let Fixture { running, admin } = Fixture::start().await;
    let kubeconfig = running.kubeconfig_of("ann", "readers").unwrap();
    let ann = Client::of_kubeconfig(&running, &kubeconfig);
    ann.get(MAPS).await.expect(403);
    let readers =
        json!({"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "readers"});
    let rules = json!([{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]}]);
    grant(&admin, "read", &readers, rules).await;
    ann.get(MAPS).await.expect(200);
    ann.get(&format!("{MAPS}/a")).await.expect(403);
}

#[tokio::test]
async fn impersonation_never_asks_whether_the_account_exists() {
    let Fixture {
        running: _running,
        admin,
    } = Fixture::start().await;
    let ghost = json!({"kind": "ServiceAccount", "namespace": "default", "name": "ghost"});
    let rules = json!([{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]}]);
    grant(&admin, "ghost", &ghost, rules).await;
    let acting = admin.acting_as("system:serviceaccount:default:ghost");
    acting
        .post(MAPS, &config_map("made", json!({})))
        .await
        .expect(201);
    let forbidden = admin.acting_as("ann").acting_as("bob").get(MAPS).await;
    assert_eq!(forbidden.code, 403);
}

#[tokio::test]
async fn who_impersonates_needs_the_right_to() {
    let Fixture { running, admin } = Fixture::start().await;
    let kubeconfig = running.kubeconfig_of("ann", "").unwrap();
    let ann = Client::of_kubeconfig(&running, &kubeconfig).acting_as("bob");
    let refused = ann.get(MAPS).await.expect(403);
    assert!(
        refused["message"]
            .as_str()
            .unwrap()
            .contains("cannot impersonate resource \"users\"")
    );
    let role = json!({
        "metadata": {"name": "be-bob"},
        "rules": [{"apiGroups": [""], "resources": ["users"], "verbs": ["impersonate"], "resourceNames": ["bob"]}],
    });
    admin
        .post(&format!("{RBAC}/clusterroles"), &role)
        .await
        .expect(201);
    let binding = json!({
        "metadata": {"name": "be-bob"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "be-bob"},
        "subjects": [user("ann")],
    });
    admin
        .post(&format!("{RBAC}/clusterrolebindings"), &binding)
        .await
        .expect(201);
    let refused = ann.get(MAPS).await.expect(403);
    assert!(
        refused["message"]
            .as_str()
            .unwrap()
            .contains("User \"bob\" cannot list")
    );
}

#[tokio::test]
async fn a_requested_token_lives_as_long_as_its_account() {
    let Fixture { running, admin } = Fixture::start().await;
    admin
        .post(ACCOUNTS, &json!({"metadata": {"name": "agent"}}))
        .await
        .expect(201);
    let path = format!("{ACCOUNTS}/agent/token");
    let answer = admin
        .post(&path, &json!({"spec": {"expirationSeconds": 600}}))
        .await
        .expect(201);
    let token = answer["status"]["token"].as_str().unwrap();
    assert_eq!(token.split('.').count(), 3);
    let agent = Client::new(&running, Some(token));
    let review = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let me = agent.post(review, &json!({})).await.expect(201);
    assert_eq!(
        me["status"]["userInfo"]["username"],
        "system:serviceaccount:default:agent"
    );
    admin
        .post(&path, &json!({"spec": {"expirationSeconds": 10}}))
        .await
        .expect(422);
    admin
        .delete(&format!("{ACCOUNTS}/agent"), &json!({}))
        .await
        .expect(200);
    agent.post(review, &json!({})).await.expect(401);
}

#[tokio::test]
async fn a_right_on_one_name_suffices_to_watch_that_name() {
    let Fixture {
        running: _running,
        admin,
    } = Fixture::start().await;
    let rules = json!([{
        "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["mine"],
        "verbs": ["get", "watch", "list"],
    }]);
    grant(&admin, "one", &user("ann"), rules).await;
    let ann = admin.acting_as("ann");
    ann.get(&format!("{SECRETS}?fieldSelector=metadata.name%3Dmine"))
        .await
        .expect(200);
    ann.watch(&format!(
        "{SECRETS}?watch=true&fieldSelector=metadata.name%3Dmine"
    ))
    .await;
    ann.get(&format!("{SECRETS}?watch=true&labelSelector=a%3Db"))
        .await
        .expect(403);
    ann.get(SECRETS).await.expect(403);
}

#[tokio::test]
async fn nobody_grants_more_than_he_has() {
    let Fixture {
        running: _running,
        admin,
    } = Fixture::start().await;
    let rules = json!([
        {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles", "rolebindings"], "verbs": ["*"]},
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]},
    ]);
    // `*` on roles includes `escalate` and `bind`, so those are left to a narrower rule.
    let narrow = json!([
        {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles", "rolebindings"], "verbs": ["create", "get", "update", "patch"]},
        rules[1],
    ]);
    grant(&admin, "narrow", &user("ann"), narrow).await;
    let ann = admin.acting_as("ann");
    let path = format!("{RBAC}/namespaces/default/roles");
    let role = |name: &str, resource: &str| json!({"metadata": {"name": name}, "rules": [{"apiGroups": [""], "resources": [resource], "verbs": ["get"]}]});
    ann.post(&path, &role("same", "configmaps"))
        .await
        .expect(201);
    let refused = ann.post(&path, &role("more", "secrets")).await.expect(403);
    assert!(
        refused["message"]
            .as_str()
            .unwrap()
            .contains("not currently held")
    );
    grant(&admin, "wide", &user("bob"), rules).await;
    admin
        .acting_as("bob")
        .post(&path, &role("more", "secrets"))
        .await
        .expect(201);
}

#[tokio::test]
async fn only_who_may_everything_writes_a_role_that_gathers_others() {
    let Fixture {
        running: _running,
        admin,
    } = Fixture::start().await;
    let path = format!("{RBAC}/clusterroles");
    let writer = json!({"metadata": {"name": "writer"}, "rules": [
        {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"], "verbs": ["create"]},
    ]});
    admin.post(&path, &writer).await.expect(201);
    let binding = json!({"metadata": {"name": "writer"}, "subjects": [user("ann")],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "writer"}});
    let bindings = format!("{RBAC}/clusterrolebindings");
    admin.post(&bindings, &binding).await.expect(201);
    let role = json!({"metadata": {"name": "gathers"}, "rules": [],
        "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]}});
    let refused = admin.acting_as("ann").post(&path, &role).await.expect(403);
    let message = refused["message"].as_str().unwrap();
    assert!(message.ends_with("must have cluster-admin privileges to use the aggregationRule"));
    admin.post(&path, &role).await.expect(201);
}

#[tokio::test]
async fn aggregated_roles_take_the_rules_of_labelled_ones() {
    let Fixture {
        running: _running,
        admin,
    } = Fixture::start().await;
    let roles = format!("{RBAC}/clusterroles");
    let view = admin
        .until(&roles, "view", |role| {
            role["rules"]
                .as_array()
                .is_some_and(|rules| !rules.is_empty())
        })
        .await;
    let count = view["rules"].as_array().unwrap().len();
    let extra = json!({
        "metadata": {"name": "extra", "labels": {"rbac.authorization.k8s.io/aggregate-to-view": "true"}},
        "rules": [{"apiGroups": ["example.com"], "resources": ["widgets"], "verbs": ["get"]}],
    });
    admin.post(&roles, &extra).await.expect(201);
    admin
        .until(&roles, "view", |role| {
            role["rules"].as_array().unwrap().len() == count + 1
        })
        .await;
    admin
        .merge(&format!("{roles}/view"), &json!({"rules": []}))
        .await
        .expect(200);
    admin
        .until(&roles, "view", |role| {
            role["rules"]
                .as_array()
                .is_some_and(|rules| rules.len() == count + 1)
        })
        .await;
}
