//! Stock `kubectl` against the server, where it is installed.

use std::path::Path;
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::support::Fixture;

/// Runs a line of `kubectl` arguments and gives back what it said.
struct Kubectl<'a> {
    directory: &'a Path,
}

impl Kubectl<'_> {
    async fn run(&self, line: &str, input: &str) -> (bool, String) {
        let mut child = Command::new("kubectl")
            .args(line.split_whitespace())
            .env("KUBECONFIG", self.directory.join("kubeconfig"))
            .env("HOME", self.directory)
            .env("KUBE_EDITOR", "sed -i s/image:.*/image:\\ app:edited/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .await
            .unwrap();
        let output = child.wait_with_output().await.unwrap();
        let text = [output.stdout, output.stderr].concat();
        (
            output.status.success(),
            String::from_utf8_lossy(&text).into_owned(),
        )
    }

    /// The command works and says `wanted`.
    async fn says(&self, line: &str, wanted: &str) {
        self.given(line, "", wanted).await;
    }

    async fn given(&self, line: &str, input: &str, wanted: &str) {
        let (worked, text) = self.run(line, input).await;
        assert!(
            worked && text.contains(wanted),
            "kubectl {line}: wanted {wanted:?}, got:\n{text}"
        );
    }

    async fn fails(&self, line: &str, wanted: &str) {
        let (worked, text) = self.run(line, "").await;
        assert!(
            !worked && text.contains(wanted),
            "kubectl {line}: wanted {wanted:?}, got:\n{text}"
        );
    }
}

fn is_installed() -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|path| path.join("kubectl").is_file())
}

const MANIFEST: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: team}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: 'app:1'}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: team}
spec: {selector: {app: web}, ports: [{port: 80}]}
";

#[tokio::test(flavor = "multi_thread")]
async fn stock_kubectl_works_unchanged() {
    if !is_installed() {
        eprintln!("SKIPPED: kubectl is not on the PATH, so nothing was tried with it");
        return;
    }
    let fixture = Fixture::start().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("kubeconfig");
    std::fs::write(file, fixture.running.kubeconfig()).unwrap();
    let kubectl = Kubectl {
        directory: directory.path(),
    };
    looking(&kubectl).await;
    applying(&kubectl).await;
    changing(&kubectl).await;
    rights(&kubectl).await;
    kubectl
        .says("delete -n team deployment web", "deleted")
        .await;
    kubectl.says("delete namespace team", "deleted").await;
    kubectl.fails("get namespace team", "NotFound").await;
}

async fn looking(kubectl: &Kubectl<'_>) {
    kubectl.says("version", "Server Version: v1.36").await;
    kubectl.says("api-resources", "deployments").await;
    kubectl.says("api-versions", "apps/v1").await;
    kubectl.says("get nodes", "Ready").await;
    kubectl
        .says("explain deployment.spec.replicas", "replicas <integer>")
        .await;
    kubectl.says("create namespace team", "created").await;
    kubectl.says("get ns team", "Active").await;
    kubectl
        .says("describe namespace team", "Status:       Active")
        .await;
}

async fn applying(kubectl: &Kubectl<'_>) {
    kubectl
        .given("apply -f -", MANIFEST, "deployment.apps/web created")
        .await;
    kubectl
        .given("apply -f -", MANIFEST, "deployment.apps/web unchanged")
        .await;
    kubectl
        .says(
            "rollout status -n team deployment/web --timeout=20s",
            "successfully rolled out",
        )
        .await;
    kubectl
        .says("get -n team deployments,pods,svc -o wide", "2/2")
        .await;
    kubectl
        .says(
            "wait -n team deployment/web --for=condition=Available --timeout=20s",
            "condition met",
        )
        .await;
    let taken = MANIFEST.replace("replicas: 2", "replicas: 3");
    kubectl
        .given(
            "apply --server-side -f -",
            &taken,
            "deployment.apps/web serverside-applied",
        )
        .await;
    kubectl
        .says("scale -n team deployment web --replicas=2", "scaled")
        .await;
    let (worked, text) = kubectl.run("apply --server-side -f -", &taken).await;
    assert!(
        !worked && text.contains("conflict with \"kubectl\" with subresource \"scale\""),
        "{text}"
    );
    let forced = "apply --server-side --force-conflicts -f -";
    kubectl
        .given(forced, &taken, "deployment.apps/web serverside-applied")
        .await;
    kubectl
        .says(
            "get -n team deployment web -o yaml --show-managed-fields",
            "operation: Apply",
        )
        .await;
    let bad = MANIFEST.replace("replicas", "replicaz");
    let (worked, text) = kubectl.run("apply -f -", &bad).await;
    assert!(
        !worked && text.contains("unknown field \"spec.replicaz\""),
        "{text}"
    );
}

async fn changing(kubectl: &Kubectl<'_>) {
    kubectl
        .says("scale -n team deployment web --replicas=1", "scaled")
        .await;
    kubectl
        .says(
            "set image -n team deployment/web main=app:2",
            "image updated",
        )
        .await;
    kubectl
        .says("label -n team deployment web tier=front", "labeled")
        .await;
    kubectl
        .says("annotate -n team deployment web note=x", "annotated")
        .await;
    kubectl
        .says(
            "patch -n team deployment web -p {\"spec\":{\"paused\":false}}",
            "patched",
        )
        .await;
    kubectl.says("edit -n team deployment web", "edited").await;
    kubectl
        .says(
            "get -n team deployment web -o jsonpath={..image}",
            "app:edited",
        )
        .await;
    kubectl
        .says("describe -n team deployment web", "app:edited")
        .await;
    kubectl.says("get events -n team", "").await;
    kubectl
        .says(
            "get -n team configmaps -w --request-timeout=1s",
            "kube-root-ca.crt",
        )
        .await;
}

async fn rights(kubectl: &Kubectl<'_>) {
    kubectl.says("auth can-i create deployments", "yes").await;
    kubectl
        .fails("auth can-i create deployments --as ann", "no")
        .await;
    kubectl.says("auth whoami", "kubernetes-admin").await;
    kubectl.says("create token -n team default", "ey").await;
    kubectl
        .says(
            "create role -n team reader --verb=get --resource=pods",
            "created",
        )
        .await;
    kubectl
        .says(
            "create rolebinding -n team reader --role=reader --user=ann",
            "created",
        )
        .await;
    kubectl
        .says("auth can-i get pods -n team --as ann", "yes")
        .await;
    kubectl
        .fails("get secrets -n team --as ann", "Forbidden")
        .await;
}
