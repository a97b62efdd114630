//! Where a running hub listens, written for scripts and for the command line.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The bound addresses, as `addresses.json` in the data directory has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Addresses {
    /// Spokes, with TLS.
    pub spokes: SocketAddr,
    /// What spokes dial.
    pub advertise: String,
    /// Operators' queries.
    pub api: SocketAddr,
    /// Operators' queries and commands.
    pub socket: PathBuf,
    /// Health, readiness and metrics.
    pub http: SocketAddr,
    /// The process.
    pub pid: u32,
}

/// Why the file cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum AddressesError {
    /// The operating system refused.
    #[error("cannot {action} {}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Its answer.
        #[source]
        source: std::io::Error,
    },
    /// The file says something else.
    #[error("{} does not say where a hub listens (start the hub once on this data directory)", .path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
}

fn file(data: &Path) -> PathBuf {
    data.join("addresses.json")
}

impl Addresses {
    /// Writes the file whole or not at all.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn write(&self, data: &Path) -> Result<(), AddressesError> {
        let path = file(data);
        let failed = |source| AddressesError::Io {
            action: "write",
            path: path.clone(),
            source,
        };
        let mut text = serde_json::to_vec_pretty(self).expect("addresses have only text keys");
        text.push(b'\n');
        let mut new = tempfile::NamedTempFile::new_in(data).map_err(failed)?;
        new.write_all(&text).map_err(failed)?;
        new.persist(&path).map_err(|error| failed(error.error))?;
        Ok(())
    }

    /// Reads the file of the hub that runs, or ran last, on this data directory.
    ///
    /// # Errors
    /// When there is none, or it is not readable.
    pub fn read(data: &Path) -> Result<Self, AddressesError> {
        let path = file(data);
        let bytes = std::fs::read(&path).map_err(|source| AddressesError::Io {
            action: "read",
            path: path.clone(),
            source,
        })?;
        serde_json::from_slice(&bytes).map_err(|source| AddressesError::Malformed { path, source })
    }
}
