//! A cluster under test: simulated or real, reached as a person with all rights would.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use futures::Stream;
use http::Request;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{DynamicObject, WatchEvent};
use serde_json::Value;

use crate::apiserver::ApiServer;

/// What stands behind a cluster.
pub enum Backend {
    /// A simulated API server in this process, whose requests are counted.
    Simulated(Box<simkube::Running>),
    /// A real one.
    Real(Box<ApiServer>),
}

/// A cluster under test.
pub struct Cluster {
    /// What stands behind it.
    pub backend: Backend,
    /// A kubeconfig with all rights.
    pub kubeconfig: PathBuf,
    /// A client with all rights.
    pub client: Client,
}

impl Cluster {
    /// Starts a simulated cluster; its kubeconfig is written to `directory`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn simulated(name: &str, directory: &Path) -> anyhow::Result<Self> {
        let options = simkube::Options {
            name: name.to_owned(),
            ..simkube::Options::default()
        };
        let running = simkube::Server::start(options).await?;
        let kubeconfig = directory.join("kubeconfig");
        std::fs::create_dir_all(directory)?;
        std::fs::write(&kubeconfig, running.kubeconfig())?;
        let client = Client::connect(&kubeconfig).await?;
        Ok(Self {
            backend: Backend::Simulated(Box::new(running)),
            kubeconfig,
            client,
        })
    }

    /// Starts a real API server.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn real(assets: &Path) -> anyhow::Result<Self> {
        let server = ApiServer::start(assets).await?;
        let kubeconfig = server.kubeconfig();
        let client = Client::connect(&kubeconfig).await?;
        Ok(Self {
            backend: Backend::Real(Box::new(server)),
            kubeconfig,
            client,
        })
    }
}

/// Plain requests to an API server.
#[derive(Clone)]
pub struct Client(kube::Client);

impl Client {
    /// A client by a kubeconfig.
    ///
    /// # Errors
    /// When the file is none.
    pub async fn connect(kubeconfig: &Path) -> anyhow::Result<Self> {
        // The first caller installs it; everybody else finds it installed.
        drop(rustls::crypto::ring::default_provider().install_default());
        let file = Kubeconfig::read_from(kubeconfig)?;
        let config =
            kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
        Ok(Self(kube::Client::try_from(config)?))
    }

    /// GET as text.
    ///
    /// # Errors
    /// When the server does not answer with success.
    pub async fn text(&self, path: &str) -> anyhow::Result<String> {
        Ok(self
            .0
            .request_text(Request::get(path).body(Vec::new())?)
            .await?)
    }

    /// A watch's events.
    ///
    /// # Errors
    /// When the server does not open it.
    pub async fn events(
        &self,
        request: Request<Vec<u8>>,
    ) -> anyhow::Result<impl Stream<Item = kube::Result<WatchEvent<DynamicObject>>> + use<>> {
        Ok(self.0.request_events::<DynamicObject>(request).await?)
    }

    /// GET as JSON; `None` where the server says 404.
    ///
    /// # Errors
    /// When the server says anything else than success or 404.
    pub async fn get(&self, path: &str) -> anyhow::Result<Option<Value>> {
        match self
            .0
            .request::<Value>(Request::get(path).body(Vec::new())?)
            .await
        {
            Ok(value) => Ok(Some(value)),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
            Err(error) => Err(error).with_context(|| format!("GET {path}")),
        }
    }

    /// PATCH with a JSON merge patch, as manager `tester`.
    ///
    /// # Errors
    /// When the server refuses it.
    pub async fn merge(&self, path: &str, patch: &Value) -> anyhow::Result<Value> {
        let uri = format!("{path}?fieldManager=tester");
        let request = Request::patch(uri)
            .header("content-type", "application/merge-patch+json")
            .body(serde_json::to_vec(patch)?)?;
        self.0
            .request(request)
            .await
            .with_context(|| format!("PATCH {path}"))
    }

    /// POST.
    ///
    /// # Errors
    /// When the server refuses it.
    pub async fn create(&self, path: &str, object: &Value) -> anyhow::Result<Value> {
        let request = Request::post(path)
            .header("content-type", "application/json")
            .body(serde_json::to_vec(object)?)?;
        self.0
            .request(request)
            .await
            .with_context(|| format!("POST {path}"))
    }

    /// DELETE.
    ///
    /// # Errors
    /// When the server refuses it.
    pub async fn delete(&self, path: &str) -> anyhow::Result<Value> {
        let request = Request::delete(path).body(Vec::new())?;
        self.0
            .request(request)
            .await
            .with_context(|| format!("DELETE {path}"))
    }
}
