//! Unix sockets whose paths may be longer than the system's 107 bytes.
//!
//! A longer path is reached through its directory's descriptor below `/proc/self/fd`, which only
//! Linux has; elsewhere the system's own error says that the path is too long.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

/// Longest path in a socket's address: 108 bytes with the final zero.
const PATH_BYTES_MAX: usize = 107;

/// Listens at `path`, replacing what a dead process left there; only the user may connect, from the first moment on:
/// the socket is made inside a folder of the user's own, and gets its name once its permissions are right.
///
/// # Errors
/// When another process listens there, or the system refuses.
pub fn listen(path: &Path) -> io::Result<UnixListener> {
    let (short, _directory) = shortened(path)?;
    if let Ok(found) = fs::symlink_metadata(path) {
        if !found.file_type().is_socket() {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "it is no socket",
            ));
        }
        if std::os::unix::net::UnixStream::connect(&short).is_ok() {
            return Err(io::Error::new(
                io::ErrorKind::AddrInUse,
                "another hub listens there",
            ));
        }
    }
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let private = tempfile::Builder::new()
        .prefix(".socket-")
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir_in(parent)?;
    let made = private.path().join("s");
    let (short, _directory) = shortened(&made)?;
    let listener = UnixListener::bind(&short)?;
    fs::set_permissions(&made, fs::Permissions::from_mode(0o600))?;
    fs::rename(&made, path)?;
    Ok(listener)
}

/// Connects to `path`.
///
/// # Errors
/// When nobody listens there, or the user may not.
pub async fn connect(path: &Path) -> io::Result<UnixStream> {
    let (short, _directory) = shortened(path)?;
    UnixStream::connect(short).await
}

/// A path that fits an address, and what must stay open while it is used.
fn shortened(path: &Path) -> io::Result<(PathBuf, Option<File>)> {
    if path.as_os_str().len() <= PATH_BYTES_MAX {
        return Ok((path.to_owned(), None));
    }
    let wrong = || io::Error::new(io::ErrorKind::InvalidInput, "the path names no file");
    let name = path.file_name().ok_or_else(wrong)?;
    let directory = File::open(path.parent().ok_or_else(wrong)?)?;
    let short = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd())).join(name);
    Ok((short, Some(directory)))
}

#[cfg(test)]
mod tests;
