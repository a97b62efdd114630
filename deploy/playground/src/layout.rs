//! Where a playground keeps what.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

/// The file that makes a directory a playground's.
const SETTINGS: &str = "playground.json";

/// A playground's directory.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    root: PathBuf,
}

/// What must not change from one start to the next.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Settings {
    /// The port that spokes dial.
    pub(crate) hub_port: u16,
    /// Each cluster's API server's port.
    pub(crate) cluster_ports: BTreeMap<String, u16>,
}

impl Layout {
    /// The layout below `root`, which is made when it is not there.
    pub(crate) fn new(root: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(root).with_context(|| format!("cannot make {}", root.display()))?;
        let root = root
            .canonicalize()
            .with_context(|| format!("cannot find {} again", root.display()))?;
        let layout = Self { root };
        for directory in [
            layout.bin(),
            layout.programs(),
            layout.logs(),
            layout.clusters(),
        ] {
            fs::create_dir_all(&directory)
                .with_context(|| format!("cannot make {}", directory.display()))?;
        }
        Ok(layout)
    }

    /// Whether a playground was started in a directory before.
    pub(crate) fn is_playground(root: &Path) -> bool {
        root.join(SETTINGS).exists()
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The Git repository to edit.
    pub(crate) fn repository(&self) -> PathBuf {
        self.root.join("fleet")
    }

    /// What a person calls.
    pub(crate) fn bin(&self) -> PathBuf {
        self.root.join("bin")
    }

    /// The multi-call binary under its names.
    pub(crate) fn programs(&self) -> PathBuf {
        self.root.join("libexec")
    }

    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.programs().join(name)
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    pub(crate) fn hub_data(&self) -> PathBuf {
        self.root.join("hub")
    }

    pub(crate) fn hub_config(&self) -> PathBuf {
        self.root.join("hub.yaml")
    }

    pub(crate) fn hub_socket(&self) -> PathBuf {
        self.hub_data().join("hub.sock")
    }

    /// Where a running playground takes requests.
    pub(crate) fn control(&self) -> PathBuf {
        self.root.join("control.sock")
    }

    pub(crate) fn clusters(&self) -> PathBuf {
        self.root.join("clusters")
    }

    pub(crate) fn cluster(&self, name: &str) -> PathBuf {
        self.clusters().join(name)
    }

    pub(crate) fn kubeconfig(&self, cluster: &str) -> PathBuf {
        self.cluster(cluster).join("kubeconfig")
    }

    /// The clusters of the start before; none in a new directory.
    pub(crate) fn known_clusters(&self) -> anyhow::Result<Vec<String>> {
        let settings = self.remembered()?;
        Ok(settings.map_or_else(Vec::new, |settings| {
            settings.cluster_ports.into_keys().collect()
        }))
    }

    fn remembered(&self) -> anyhow::Result<Option<Settings>> {
        let path = self.root.join(SETTINGS);
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .with_context(|| format!("{} is damaged; remove it", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// Reads the settings, or chooses free ports for `clusters` and remembers them.
    pub(crate) fn settings(&self, clusters: &[String]) -> anyhow::Result<Settings> {
        let path = self.root.join(SETTINGS);
        let mut settings = match self.remembered()? {
            Some(settings) => settings,
            None => Settings {
                hub_port: free_port()?,
                cluster_ports: BTreeMap::new(),
            },
        };
        for cluster in clusters {
            if !settings.cluster_ports.contains_key(cluster) {
                settings.cluster_ports.insert(cluster.clone(), free_port()?);
            }
        }
        let bytes = serde_json::to_vec_pretty(&settings)?;
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(settings)
    }
}

fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").context("cannot find a free port")?;
    Ok(listener.local_addr()?.port())
}
