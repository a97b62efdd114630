//! An API server to test against: simkube, or the real one that is named.

use std::path::PathBuf;
use std::sync::Arc;

use capstan_spoke::kube::{Access, Answer, Call, Kube};
use serde_json::Value;

/// Names a kubeconfig of a real API server.
const VARIABLE: &str = "CAPSTAN_TEST_KUBECONFIG";

pub(crate) struct Cluster {
    pub(crate) access: Access,
    /// The agent's namespace, and the prefix of every other of this test.
    pub(crate) namespace: String,
    pub(crate) kube: Kube,
    simulated: Option<(simkube::Running, tempfile::TempDir)>,
}

impl Cluster {
    pub(crate) async fn start(test: &str) -> Self {
        Self::with(test, simkube::Options::default()).await
    }

    /// The same; `options` are those of a simulated one.
    pub(crate) async fn with(test: &str, options: simkube::Options) -> Self {
        capstan_spoke::tls::install_provider();
        let (path, simulated) = match std::env::var_os(VARIABLE) {
            Some(path) => (PathBuf::from(path), None),
            None => {
                let running = simkube::Server::start(options).await.unwrap();
                let dir = tempfile::tempdir().unwrap();
                let path = dir.path().join("kubeconfig");
                std::fs::write(&path, running.kubeconfig()).unwrap();
                (path, Some((running, dir)))
            }
        };
        let access = Access {
            kubeconfig: Some(path),
            context: None,
        };
        let config = access.administrator().await.unwrap();
        let run = uuid::Uuid::new_v4().simple().to_string();
        Self {
            kube: Kube::new(config, Arc::default()).unwrap(),
            access,
            namespace: format!("{test}-{}", &run[..6]),
            simulated,
        }
    }

    pub(crate) async fn call(&self, call: Call) -> Answer {
        self.kube.call(call).await.unwrap()
    }

    /// How many requests like this the server counted; `None` where it is no simulated one.
    pub(crate) async fn count(&self, verb: &str, resource: &str) -> Option<u64> {
        self.simulated.as_ref()?;
        let requests = self.get("/simkube/requests").await.unwrap();
        Some(requests["verbs"][verb][resource].as_u64().unwrap_or(0))
    }

    /// Adds a fault; whether that is possible: a real server has none on demand.
    pub(crate) async fn suffers(&self, fault: &Value) -> bool {
        if self.simulated.is_none() {
            tracing::warn!("SKIPPED: a real API server has no faults on demand");
            return false;
        }
        let answer = self.call(Call::post("/simkube/faults", fault)).await;
        assert!(answer.ok(), "{answer:?}");
        true
    }

    /// Ends all faults.
    pub(crate) async fn recovers(&self) {
        let answer = self
            .call(Call::delete("/simkube/faults", &Value::Null))
            .await;
        assert!(answer.ok(), "{answer:?}");
    }

    /// Does something that only a simulated server can, such as `compact`.
    pub(crate) async fn simkube(&self, what: &str) {
        let answer = self
            .call(Call::post(format!("/simkube/{what}"), &Value::Null))
            .await;
        assert!(answer.ok(), "{answer:?}");
    }

    /// Makes an object, as its administrator.
    pub(crate) async fn make(&self, path: &str, manifest: &Value) {
        let answer = self.call(Call::post(path, manifest)).await;
        assert!(answer.ok(), "{answer:?}");
    }

    /// Deletes an object, as its administrator.
    pub(crate) async fn delete(&self, path: &str) {
        let options = serde_json::json!({"apiVersion": "v1", "kind": "DeleteOptions"});
        let answer = self.call(Call::delete(path, &options)).await;
        assert!(answer.ok(), "{answer:?}");
    }

    /// Somebody's apply, without force.
    pub(crate) async fn apply(&self, path: &str, manager: &str, manifest: &Value) {
        let target = format!("{path}?fieldManager={manager}");
        let answer = self.call(Call::apply(target, manifest)).await;
        assert!(answer.ok(), "{answer:?}");
    }

    /// Somebody's merge patch.
    pub(crate) async fn edit(&self, path: &str, manager: &str, patch: &Value) {
        let target = format!("{path}?fieldManager={manager}");
        let answer = self.call(Call::merge_patch(target, patch)).await;
        assert!(answer.ok(), "{answer:?}");
    }

    pub(crate) async fn get(&self, path: &str) -> Option<Value> {
        let answer = self.call(Call::get(path)).await;
        answer.ok().then_some(answer.body)
    }

    /// Waits until an object is so; polling, because it is seen from outside.
    pub(crate) async fn until(
        &self,
        path: &str,
        is: impl Fn(Option<&Value>) -> bool,
    ) -> Option<Value> {
        let end = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
        let mut look = tokio::time::interval(std::time::Duration::from_millis(50));
        loop {
            let seen = self.get(path).await;
            if is(seen.as_ref()) {
                return seen;
            }
            assert!(
                tokio::time::Instant::now() < end,
                "waited in vain at {path}: {seen:#?}"
            );
            look.tick().await;
        }
    }
}
