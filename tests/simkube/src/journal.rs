//! Owns the file that keeps the objects across restarts: one line per change, rewritten as one
//! line per object when it has grown past twice what it describes.
//!
//! A process that is killed loses nothing (the kernel has every line); a machine that loses power
//! may lose the last ones. That is deliberate: this is a simulation, not a database.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::store::{Key, Store};

/// Below this many lines a journal is never rewritten: about 20 MB of common objects.
const LINES_MIN: usize = 10_000;

#[derive(Debug, Serialize)]
struct Line<'a> {
    revision: u64,
    resource: &'a str,
    namespace: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<&'a Value>,
}

#[derive(Debug, Deserialize)]
struct OwnedLine {
    revision: u64,
    resource: String,
    namespace: String,
    name: String,
    object: Option<Value>,
}

/// Takes a data directory for this process until the file is closed.
pub(crate) fn lock(directory: &Path) -> io::Result<File> {
    fs::create_dir_all(directory)?;
    let file = File::create(directory.join("lock"))?;
    file.try_lock().map_err(|error| match error {
        fs::TryLockError::Error(error) => error,
        fs::TryLockError::WouldBlock => {
            io::Error::new(io::ErrorKind::WouldBlock, "another server is using it")
        }
    })?;
    Ok(file)
}

/// An open journal.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    lines: usize,
    /// Lines right after the last rewrite.
    baseline: usize,
}

impl Journal {
    /// Opens or makes the journal in `directory` and puts its objects into `store`.
    pub(crate) fn open(directory: &Path, store: &mut Store) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let path = directory.join("objects.jsonl");
        let mut revision = 0;
        if path.exists() {
            for line in BufReader::new(File::open(&path)?).lines() {
                // The last line may be torn; everything before it is whole.
                let Ok(line) = serde_json::from_str::<OwnedLine>(&line?) else {
                    break;
                };
                revision = revision.max(line.revision);
                store.restore(
                    &line.resource,
                    Key::new(&line.namespace, &line.name),
                    line.object,
                );
            }
            store.restored(revision);
        }
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        let mut journal = Self {
            path,
            file,
            lines: 0,
            baseline: 0,
        };
        journal.try_rewrite(store.revision(), store.everything())?;
        Ok(journal)
    }

    pub(crate) fn append(
        &mut self,
        revision: u64,
        resource: &str,
        key: &Key,
        object: Option<&Value>,
    ) {
        let mut bytes = encode(revision, resource, key, object);
        bytes.push(b'\n');
        if let Err(error) = self.file.write_all(&bytes) {
            tracing::error!(path = %self.path.display(), %error, "cannot write the journal");
        }
        self.lines += 1;
    }

    pub(crate) fn is_overgrown(&self) -> bool {
        self.lines > LINES_MIN.max(self.baseline * 2)
    }

    pub(crate) fn rewrite<'a>(
        &mut self,
        revision: u64,
        objects: impl Iterator<Item = (&'a str, &'a Key, &'a Arc<Value>)>,
    ) {
        if let Err(error) = self.try_rewrite(revision, objects) {
            tracing::error!(path = %self.path.display(), %error, "cannot rewrite the journal");
        }
    }

    fn try_rewrite<'a>(
        &mut self,
        revision: u64,
        objects: impl Iterator<Item = (&'a str, &'a Key, &'a Arc<Value>)>,
    ) -> io::Result<()> {
        let fresh = self.path.with_extension("new");
        let mut writer = BufWriter::new(File::create(&fresh)?);
        // The revision survives even when the newest change was a deletion.
        writer.write_all(&encode(revision, "", &Key::new("", ""), None))?;
        writer.write_all(b"\n")?;
        let mut lines = 1;
        for (resource, key, object) in objects {
            let own = crate::object::revision(object);
            writer.write_all(&encode(own, resource, key, Some(object)))?;
            writer.write_all(b"\n")?;
            lines += 1;
        }
        writer
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?
            .sync_all()?;
        fs::rename(&fresh, &self.path)?;
        self.file = OpenOptions::new().append(true).open(&self.path)?;
        self.lines = lines;
        self.baseline = lines;
        Ok(())
    }
}

fn encode(revision: u64, resource: &str, key: &Key, object: Option<&Value>) -> Vec<u8> {
    let line = Line {
        revision,
        resource,
        namespace: &key.namespace,
        name: &key.name,
        object,
    };
    serde_json::to_vec(&line).expect("texts and JSON values always serialise")
}

#[cfg(test)]
mod tests;
