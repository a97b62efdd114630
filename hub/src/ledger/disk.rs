//! The few things the ledger does to a disk, one method for each step, so that a test can stop between any two.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::lock;

/// The ledger's file and the one that will replace it.
pub(super) trait Disk: Send {
    /// Writes all of `bytes` at `offset` of the file.
    fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Returns when everything written is durable.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the file off at `length`.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
    /// Begins a new, empty replacement.
    fn begin_replacement(&mut self) -> io::Result<()>;
    /// Writes all of `bytes` at `offset` of the replacement.
    fn write_replacement(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Returns when the replacement is durable.
    fn sync_replacement(&mut self) -> io::Result<()>;
    /// Gives the replacement the file's name; from here on it is the file.
    fn swap(&mut self) -> io::Result<()>;
    /// Returns when the name is durable.
    fn sync_directory(&mut self) -> io::Result<()>;
}

/// A real disk.
#[derive(Debug)]
pub(super) struct FileDisk {
    path: PathBuf,
    file: Option<File>,
    replacement: Option<File>,
}

impl FileDisk {
    /// A disk whose file does not exist yet: it comes to be by replacement.
    pub(super) fn absent(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            file: None,
            replacement: None,
        }
    }

    /// Opens an existing file and reads it whole.
    pub(super) fn open(path: &Path) -> io::Result<(Self, Vec<u8>)> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, 0)?;
        Ok((
            Self {
                path: path.to_owned(),
                file: Some(file),
                replacement: None,
            },
            bytes,
        ))
    }

    /// The replacement's place.
    pub(super) fn replacement_path(path: &Path) -> PathBuf {
        lock::beside(path, "new")
    }

    fn file(&self) -> io::Result<&File> {
        self.file
            .as_ref()
            .ok_or_else(|| io::Error::other("the ledger's file does not exist yet"))
    }

    fn replacement(&self) -> io::Result<&File> {
        self.replacement
            .as_ref()
            .ok_or_else(|| io::Error::other("no replacement was begun"))
    }
}

impl Disk for FileDisk {
    fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file()?.write_all_at(bytes, offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file()?.sync_data()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.file()?.set_len(length)
    }

    fn begin_replacement(&mut self) -> io::Result<()> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(Self::replacement_path(&self.path))?;
        self.replacement = Some(file);
        Ok(())
    }

    fn write_replacement(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.replacement()?.write_all_at(bytes, offset)
    }

    fn sync_replacement(&mut self) -> io::Result<()> {
        self.replacement()?.sync_all()
    }

    fn swap(&mut self) -> io::Result<()> {
        self.replacement()?;
        fs::rename(Self::replacement_path(&self.path), &self.path)?;
        self.file = self.replacement.take();
        Ok(())
    }

    fn sync_directory(&mut self) -> io::Result<()> {
        let directory = match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        File::open(directory)?.sync_all()
    }
}

/// Writes `pieces` as the file's new content, step by step. Before [`Disk::swap`] nothing has happened to the file.
pub(super) fn replace(disk: &mut dyn Disk, pieces: &[Vec<u8>]) -> Result<u64, Replace> {
    let before = |disk: &mut dyn Disk| -> io::Result<u64> {
        disk.begin_replacement()?;
        let mut length = 0;
        for piece in pieces {
            disk.write_replacement(length, piece)?;
            length += piece.len() as u64;
        }
        disk.sync_replacement()?;
        disk.swap()?;
        Ok(length)
    };
    let length = before(disk).map_err(Replace::NotDone)?;
    disk.sync_directory().map_err(Replace::Unsure)?;
    Ok(length)
}

/// How a replacement failed.
#[derive(Debug)]
pub(super) enum Replace {
    /// The old file is still the file.
    NotDone(io::Error),
    /// After a power cut either file may bear the name: nothing more may be acknowledged.
    Unsure(io::Error),
}
