//! Content-addressed files: bytes under the name of their SHA-256, verified whenever they are read.
//!
//! A file is written beside its place, synced and renamed, so that a name always has whole bytes or none; and bytes that
//! do not match their name are moved away and reported as missing, because they can be made again from Git.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use capstan_proto::Digest;

#[cfg(test)]
mod tests;

/// Bytes of one file: an object has at most 1.5 MiB (etcd's request limit); the list of a large removal set some MiB.
pub const CONTENT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Bytes kept in memory: when one object changes in 10,000 clusters, all of them ask for the same few files.
const MEMORY_BYTES_MAX: usize = 32 * 1024 * 1024;

/// A file larger than this is not kept in memory: it would push out a thousand usual ones.
const MEMORY_FILE_BYTES_MAX: usize = MEMORY_BYTES_MAX / 16;

/// A store of content-addressed files. Blocks; call it from `spawn_blocking` where a file may be large.
#[derive(Debug)]
pub struct Content {
    directory: PathBuf,
    recent: Mutex<Recent>,
    /// Files that are about to be removed; who puts one takes it out.
    doomed: Mutex<BTreeSet<Digest>>,
}

/// The files read or written last.
#[derive(Debug, Default)]
struct Recent {
    files: BTreeMap<Digest, (Arc<[u8]>, u64)>,
    /// The same files by their last use, the oldest first.
    uses: BTreeMap<u64, Digest>,
    clock: u64,
    bytes: usize,
}

/// Why content could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// Too many bytes.
    #[error("content of {bytes} bytes is larger than the {CONTENT_BYTES_MAX} that are kept")]
    TooLarge {
        /// How many.
        bytes: usize,
    },
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
}

/// What a garbage collection did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Files kept.
    pub kept: usize,
    /// Files removed.
    pub removed: usize,
    /// Bytes freed.
    pub bytes: u64,
}

impl Content {
    /// Opens, or makes, a store in a directory.
    pub fn open(directory: &Path) -> Result<Self, ContentError> {
        fs::create_dir_all(directory).map_err(|source| io_error("create", directory, source))?;
        Ok(Self {
            directory: directory.to_owned(),
            recent: Mutex::default(),
            doomed: Mutex::default(),
        })
    }

    /// Keeps bytes durably and says their digest. Bytes that are there already are not written again.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest, ContentError> {
        if bytes.len() > CONTENT_BYTES_MAX {
            return Err(ContentError::TooLarge { bytes: bytes.len() });
        }
        let digest = Digest::of(bytes);
        let path = self.path_of(digest);
        self.doomed().remove(&digest);
        if self.get(digest)?.is_some() && self.renew(digest).is_ok() {
            return Ok(digest);
        }
        let folder = path.parent().expect("a content file is inside a folder");
        fs::create_dir_all(folder).map_err(|source| io_error("create", folder, source))?;
        let write = || -> io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            {
                let _nothing_is_removed = self.doomed();
                file.persist(&path)?;
            }
            File::open(folder)?.sync_all()
        };
        write().map_err(|source| io_error("write", &path, source))?;
        self.remember(digest, bytes.into());
        Ok(digest)
    }

    /// The bytes with this digest; `None` when they are not there, or were there and are damaged.
    pub fn get(&self, digest: Digest) -> Result<Option<Arc<[u8]>>, ContentError> {
        if let Some(bytes) = self.recent().touch(digest) {
            return Ok(Some(bytes));
        }
        let path = self.path_of(digest);
        let bytes = match read_bounded(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(io_error("read", &path, source)),
        };
        if Digest::of(&bytes) != digest {
            tracing::warn!(%digest, "a content file is damaged and was moved away");
            let aside = path.with_extension("damaged");
            fs::rename(&path, &aside).map_err(|source| io_error("move away", &path, source))?;
            return Ok(None);
        }
        let bytes: Arc<[u8]> = bytes.into();
        self.remember(digest, bytes.clone());
        Ok(Some(bytes))
    }

    /// Says that a file is wanted from now on. It fails where there is none.
    fn renew(&self, digest: Digest) -> io::Result<()> {
        let _nothing_is_removed = self.doomed();
        let file = File::options().append(true).open(self.path_of(digest))?;
        file.set_modified(SystemTime::now())
    }

    /// Files that `live` does not name and that were neither put nor wanted again for `age`; at most `most` of them.
    pub fn unneeded(
        &self,
        live: &BTreeSet<Digest>,
        age: Duration,
        most: usize,
    ) -> Result<BTreeSet<Digest>, ContentError> {
        let mut old = BTreeSet::new();
        for folder in entries(&self.directory)? {
            for path in entries(&folder)? {
                let name = path.file_name().and_then(|name| name.to_str());
                let digest = name.and_then(|name| Digest::parse(name).ok());
                let Some(digest) = digest.filter(|digest| !live.contains(digest)) else {
                    continue;
                };
                if is_old(&path, age).map_err(|source| io_error("look at", &path, source))? {
                    old.insert(digest);
                }
                if old.len() == most {
                    return Ok(old);
                }
            }
        }
        Ok(old)
    }

    /// Names files that nobody needs; they go with `remove_doomed`, unless somebody puts them before.
    pub fn doom(&self, digests: &BTreeSet<Digest>) {
        self.doomed().extend(digests);
    }

    /// Removes the files that are doomed still and were not put or wanted again for `age`, whatever they were when
    /// somebody looked; says how many there were.
    pub fn remove_doomed(&self, age: Duration) -> Result<usize, ContentError> {
        let mut removed = 0;
        loop {
            // One file at a time is removed under the lock, so that who puts waits for one removal at most.
            let mut doomed = self.doomed();
            let Some(digest) = doomed.pop_first() else {
                return Ok(removed);
            };
            let path = self.path_of(digest);
            match is_old(&path, age) {
                Ok(true) => {}
                Ok(false) => continue,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(source) => return Err(io_error("look at", &path, source)),
            }
            self.recent().forget(digest);
            match fs::remove_file(&path) {
                Ok(()) => removed += 1,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(io_error("remove", &path, source)),
            }
        }
    }

    fn doomed(&self) -> std::sync::MutexGuard<'_, BTreeSet<Digest>> {
        self.doomed
            .lock()
            .expect("no panic happens while the doomed files are held")
    }

    /// Removes every file that `live` does not name. Files younger than the set must be in it: collect only from the one
    /// place that also puts.
    pub fn sweep(&self, live: &BTreeSet<Digest>) -> Result<Swept, ContentError> {
        let mut swept = Swept::default();
        for folder in entries(&self.directory)? {
            for path in entries(&folder)? {
                let name = path.file_name().and_then(|name| name.to_str());
                let digest = name.and_then(|name| Digest::parse(name).ok());
                if digest.is_some_and(|digest| live.contains(&digest)) {
                    swept.kept += 1;
                    continue;
                }
                let metadata = fs::metadata(&path);
                let bytes = metadata
                    .map_err(|source| io_error("look at", &path, source))?
                    .len();
                fs::remove_file(&path).map_err(|source| io_error("remove", &path, source))?;
                if let Some(digest) = digest {
                    self.recent().forget(digest);
                }
                swept.removed += 1;
                swept.bytes += bytes;
            }
        }
        Ok(swept)
    }

    /// Files are spread over 256 folders, so that none becomes slow to list.
    fn path_of(&self, digest: Digest) -> PathBuf {
        let name = digest.to_string();
        self.directory.join(&name[..2]).join(name)
    }

    fn recent(&self) -> std::sync::MutexGuard<'_, Recent> {
        self.recent
            .lock()
            .expect("no panic happens while the recent files are held")
    }

    fn remember(&self, digest: Digest, bytes: Arc<[u8]>) {
        if bytes.len() <= MEMORY_FILE_BYTES_MAX {
            self.recent().add(digest, bytes);
        }
    }
}

impl Recent {
    fn touch(&mut self, digest: Digest) -> Option<Arc<[u8]>> {
        let (bytes, used) = self.files.get_mut(&digest)?;
        self.clock += 1;
        self.uses.remove(used);
        self.uses.insert(self.clock, digest);
        *used = self.clock;
        Some(bytes.clone())
    }

    fn add(&mut self, digest: Digest, bytes: Arc<[u8]>) {
        self.forget(digest);
        self.clock += 1;
        self.bytes += bytes.len();
        self.files.insert(digest, (bytes, self.clock));
        self.uses.insert(self.clock, digest);
        while self.bytes > MEMORY_BYTES_MAX
            && let Some((_, oldest)) = self.uses.pop_first()
        {
            self.forget(oldest);
        }
    }

    fn forget(&mut self, digest: Digest) {
        if let Some((bytes, used)) = self.files.remove(&digest) {
            self.bytes -= bytes.len();
            self.uses.remove(&used);
        }
    }
}

/// Whether a file was neither put nor wanted again for `age`.
fn is_old(path: &Path, age: Duration) -> io::Result<bool> {
    let modified = fs::metadata(path)?.modified()?;
    // A clock that was set back makes files young, and young files stay.
    Ok(modified.elapsed().is_ok_and(|since| since >= age))
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(CONTENT_BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, ContentError> {
    let list = || -> io::Result<Vec<PathBuf>> {
        fs::read_dir(directory)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect()
    };
    list().map_err(|source| io_error("list", directory, source))
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> ContentError {
    ContentError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}
