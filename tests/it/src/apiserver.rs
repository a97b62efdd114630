//! A real kube-apiserver with etcd, started from the directory that `KUBEBUILDER_ASSETS` names (the
//! convention of controller-runtime's envtest), on loopback, in a temporary directory.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Context as _;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::{port, wait};

/// The variable that names the binaries.
pub const VARIABLE: &str = "KUBEBUILDER_ASSETS";

/// A server that runs until it is dropped.
pub struct ApiServer {
    directory: TempDir,
    _etcd: Child,
    _server: Child,
}

/// The directory of the binaries, where one is named.
#[must_use]
pub fn assets() -> Option<PathBuf> {
    std::env::var_os(VARIABLE)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

impl ApiServer {
    /// Starts etcd and kube-apiserver and waits until the server is ready.
    ///
    /// # Errors
    /// When one of them cannot be started or does not get ready within a minute.
    pub async fn start(assets: &Path) -> anyhow::Result<Self> {
        let directory = TempDir::with_prefix("apiserver-")?;
        let (client, peer, secure) = (port::free()?, port::free()?, port::free()?);
        let etcd_url = format!("http://127.0.0.1:{client}");
        let etcd = etcd(assets, directory.path(), &etcd_url, peer)?;
        write_identity(directory.path())?;
        let server = server(assets, directory.path(), &etcd_url, secure)?;
        std::fs::write(
            directory.path().join("kubeconfig"),
            kubeconfig(secure, &directory.path().join("ca.pem")),
        )?;
        let running = Self {
            directory,
            _etcd: etcd,
            _server: server,
        };
        let client = crate::cluster::Client::connect(&running.kubeconfig()).await?;
        wait::until("kube-apiserver is ready", async || {
            client
                .text("/readyz")
                .await
                .and_then(|text| match text.as_str() {
                    "ok" => Ok(()),
                    other => Err(anyhow::anyhow!("{other}")),
                })
        })
        .await
        .with_context(|| running.log())?;
        Ok(running)
    }

    /// The last that the server said.
    fn log(&self) -> String {
        let path = self.directory.path().join("apiserver.log");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(10)..].join("\n")
    }

    /// A kubeconfig with all rights.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.directory.path().join("kubeconfig")
    }
}

fn etcd(assets: &Path, directory: &Path, url: &str, peer: u16) -> anyhow::Result<Child> {
    let peer = format!("http://127.0.0.1:{peer}");
    quiet(&assets.join("etcd"), directory, "etcd.log")?
        .arg("--data-dir")
        .arg(directory.join("etcd"))
        .args(["--listen-client-urls", url, "--advertise-client-urls", url])
        .args([
            "--listen-peer-urls",
            &peer,
            "--initial-advertise-peer-urls",
            &peer,
        ])
        .args([
            "--initial-cluster",
            &format!("default={peer}"),
            "--unsafe-no-fsync",
        ])
        .spawn()
        .context("cannot start etcd")
}

fn server(assets: &Path, directory: &Path, etcd: &str, port: u16) -> anyhow::Result<Child> {
    let file = |name: &str| directory.join(name).display().to_string();
    quiet(&assets.join("kube-apiserver"), directory, "apiserver.log")?
        .args(["--etcd-servers", etcd])
        .args([
            "--bind-address",
            "127.0.0.1",
            "--secure-port",
            &port.to_string(),
        ])
        .args([
            "--tls-cert-file",
            &file("server.pem"),
            "--tls-private-key-file",
            &file("server-key.pem"),
        ])
        .args([
            "--advertise-address",
            "127.0.0.1",
            "--endpoint-reconciler-type",
            "none",
        ])
        .args([
            "--authorization-mode",
            "RBAC",
            "--token-auth-file",
            &file("tokens.csv"),
        ])
        .args(["--service-account-issuer", "https://kubernetes.default.svc"])
        .args(["--service-account-key-file", &file("service-account.pub")])
        .args([
            "--service-account-signing-key-file",
            &file("service-account.pem"),
        ])
        .args(["--service-cluster-ip-range", "10.0.0.0/24"])
        // No controller-manager runs here to make default ServiceAccounts.
        .args(["--disable-admission-plugins", "ServiceAccount"])
        .spawn()
        .context("cannot start kube-apiserver")
}

fn quiet(program: &Path, directory: &Path, log: &str) -> anyhow::Result<Command> {
    let file = std::fs::File::create(directory.join(log))?;
    let mut command = Command::new(program);
    command
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .kill_on_drop(true);
    Ok(command)
}

/// The key that signs tokens, the administrator's token, and a certificate for loopback.
fn write_identity(directory: &Path) -> anyhow::Result<()> {
    let key = || KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256);
    let write = |name: &str, text: &str| std::fs::write(directory.join(name), text);
    let signer = key()?;
    write("service-account.pem", &signer.serialize_pem())?;
    write("service-account.pub", &signer.public_key_pem())?;
    write(
        "tokens.csv",
        "administrator,admin,admin,\"system:masters\"\n",
    )?;
    let mut root = CertificateParams::new(Vec::new())?;
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(root, key()?)?;
    write("ca.pem", &issuer.pem())?;
    let server = key()?;
    let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let certificate = CertificateParams::new(names)?.signed_by(&server, &issuer)?;
    write("server.pem", &certificate.pem())?;
    write("server-key.pem", &server.serialize_pem())?;
    Ok(())
}

fn kubeconfig(port: u16, ca: &Path) -> String {
    let ca = ca.display();
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: real\n\
         clusters: [{{name: real, cluster: {{server: \"https://127.0.0.1:{port}\", certificate-authority: \"{ca}\"}}}}]\n\
         contexts: [{{name: real, context: {{cluster: real, user: admin}}}}]\n\
         users: [{{name: admin, user: {{token: administrator}}}}]\n"
    )
}
