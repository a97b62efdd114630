//! The authority's files: written once, keys readable by the hub's user alone.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use capstan_proto::Moment;
use zeroize::Zeroizing;

use super::{Authority, AuthorityError, FleetId, MadeAuthority};

/// Where an authority's parts are; in the data directory, or given by cert-manager, Vault or by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorityFiles {
    /// The roots' certificates, the current one first.
    pub roots: PathBuf,
    /// The issuer's certificate, followed by what leads from it to a root.
    pub chain: PathBuf,
    /// The issuer's key.
    pub key: PathBuf,
}

/// Why the files cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// The operating system refused.
    #[error("cannot {action} {}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Its answer.
        #[source]
        source: io::Error,
    },
    /// Everybody on the machine may read a key.
    #[error("the key {} can be read by every user of this machine (run `chmod 600` on it)", .path.display())]
    TooOpen {
        /// Which file.
        path: PathBuf,
    },
    /// The content is not usable.
    #[error("the authority in {} cannot be used", .directory.display())]
    Unusable {
        /// Where the chain is.
        directory: PathBuf,
        /// Why.
        #[source]
        source: AuthorityError,
    },
}

impl AuthorityFiles {
    /// The files' places when the hub made them itself.
    pub fn below(directory: &Path) -> Self {
        Self {
            roots: directory.join("root.crt"),
            chain: directory.join("issuer.crt"),
            key: directory.join("issuer.key"),
        }
    }

    /// Where the root's key is written; it may be moved to a safe place afterwards.
    pub fn root_key_below(directory: &Path) -> PathBuf {
        directory.join("root.key")
    }

    /// Reads the authority.
    pub fn load(&self, fleet: FleetId, now: Moment) -> Result<Authority, FilesError> {
        refuse_open(&self.key)?;
        let read =
            |path: &Path| fs::read_to_string(path).map_err(|source| io_error("read", path, source));
        let key = Zeroizing::new(read(&self.key)?);
        let (roots, chain) = (read(&self.roots)?, read(&self.chain)?);
        Authority::from_pem(fleet, &roots, &chain, &key, now).map_err(|source| {
            let directory = self.chain.parent().unwrap_or(Path::new(".")).to_owned();
            FilesError::Unusable { directory, source }
        })
    }
}

impl MadeAuthority {
    /// Writes a new authority into a directory; refuses to overwrite anything.
    pub fn write(&self, directory: &Path) -> Result<AuthorityFiles, FilesError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(|source| io_error("create", directory, source))?;
        let files = AuthorityFiles::below(directory);
        write_new(
            &AuthorityFiles::root_key_below(directory),
            &self.root_key,
            0o600,
        )?;
        write_new(&files.roots, &self.root_certificate, 0o644)?;
        write_new(&files.key, &self.issuer_key, 0o600)?;
        write_new(&files.chain, &self.issuer_certificate, 0o644)?;
        fs::File::open(directory)
            .and_then(|opened| opened.sync_all())
            .map_err(|source| io_error("sync", directory, source))?;
        Ok(files)
    }
}

fn write_new(path: &Path, text: &str, mode: u32) -> Result<(), FilesError> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        })
        .map_err(|source| io_error("write", path, source))
}

fn refuse_open(path: &Path) -> Result<(), FilesError> {
    let metadata = fs::metadata(path).map_err(|source| io_error("read", path, source))?;
    match metadata.permissions().mode() & 0o007 {
        0 => Ok(()),
        _ => Err(FilesError::TooOpen {
            path: path.to_owned(),
        }),
    }
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> FilesError {
    FilesError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}
