//! Reading the files of a commit from Git's objects, within limits. Names and kinds that could lead astray are refused.

use std::collections::BTreeMap;
use std::path::Path;

use capstan_proto::Revision;
use git2::{ErrorCode, ObjectType, Odb, Oid, Repository};

use super::history::oid_of;
use super::problem::Problem;
use super::{BlobId, File, Files, Limits, Refusal, Source, remote};

/// A commit's files; it has its own handle on the copy, so that it can be read on another thread.
pub struct Tree {
    repository: Repository,
    revision: Revision,
    url: String,
    path: String,
    limits: Limits,
}

impl std::fmt::Debug for Tree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tree")
            .field("revision", &self.revision)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// A file's kind in a tree, from its mode.
enum Mode {
    Folder,
    File { executable: bool },
    Refused(Refusal),
}

/// The walk so far.
struct Walk<'a> {
    tree: &'a Tree,
    odb: Odb<'a>,
    found: Files,
    entries: usize,
    bytes: u64,
}

impl Tree {
    /// The files of `revision` in the repository in `directory`.
    pub(crate) fn open(
        directory: &Path,
        source: &Source,
        revision: &Revision,
        limits: Limits,
    ) -> Result<Self, Problem> {
        let url = remote::without_secrets(&source.url);
        let repository = Repository::open_bare(directory).map_err(|source| Problem::Copy {
            url: url.clone(),
            doing: "opening it",
            source,
        })?;
        let (revision, path) = (revision.clone(), source.path.clone());
        Ok(Self {
            repository,
            revision,
            url,
            path,
            limits,
        })
    }

    /// The commit.
    pub fn revision(&self) -> &Revision {
        &self.revision
    }

    /// Lists all files below the source's path. Either everything is listed, or it is a problem.
    pub fn files(&self) -> Result<Files, Problem> {
        let root = self.root()?;
        let odb = self
            .repository
            .odb()
            .map_err(|error| self.copy("opening its objects", error))?;
        let found = Files {
            tree: root.to_string(),
            ..Files::default()
        };
        let mut walk = Walk {
            tree: self,
            odb,
            found,
            entries: 0,
            bytes: 0,
        };
        let mut waiting = vec![(root, String::new(), 0)];
        while let Some((folder, prefix, depth)) = waiting.pop() {
            if depth > self.limits.depth {
                return Err(
                    self.too_much(format!("folders nest deeper than {}", self.limits.depth))
                );
            }
            for (oid, path) in walk.folder(folder, &prefix)? {
                waiting.push((oid, path, depth + 1));
            }
        }
        Ok(walk.found)
    }

    /// Reads a file's bytes. A file above the limit is an error, so look at [`File::bytes`] first.
    pub fn read(&self, blob: &BlobId) -> Result<Vec<u8>, Problem> {
        let failed = |error| self.copy("reading a file", error);
        let oid = Oid::from_str(&blob.0).map_err(failed)?;
        let odb = self.repository.odb().map_err(failed)?;
        let (bytes, _) = odb.read_header(oid).map_err(failed)?;
        if bytes as u64 > self.limits.blob_bytes {
            let most = self.limits.blob_bytes;
            return Err(self.too_much(format!("a file has {bytes} bytes, of at most {most}")));
        }
        let blob = self.repository.find_blob(oid).map_err(failed)?;
        Ok(blob.content().to_vec())
    }

    /// Reads many files at once: those of `files` that `wanted` picks, by path.
    pub fn read_all(
        &self,
        files: &Files,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<BTreeMap<String, Vec<u8>>, Problem> {
        let picked = files.files.iter().filter(|(path, _)| wanted(path));
        picked
            .map(|(path, file)| Ok((path.clone(), self.read(&file.blob)?)))
            .collect()
    }

    /// The tree at the source's path.
    fn root(&self) -> Result<Oid, Problem> {
        let failed = |error| self.copy("reading a commit", error);
        let no_path = || Problem::NoPath {
            revision: self.revision.clone(),
            path: self.path.clone(),
        };
        let oid = oid_of(&self.revision).ok_or_else(no_path)?;
        let commit = self.repository.find_commit(oid).map_err(failed)?;
        let root = commit.tree().map_err(failed)?;
        if self.path.is_empty() {
            return Ok(root.id());
        }
        match root.get_path(Path::new(&self.path)) {
            Ok(entry) if entry.kind() == Some(ObjectType::Tree) => Ok(entry.id()),
            Ok(_) => Err(no_path()),
            Err(error) if error.code() == ErrorCode::NotFound => Err(no_path()),
            Err(error) => Err(failed(error)),
        }
    }

    fn too_much(&self, what: String) -> Problem {
        Problem::TooMuch {
            revision: self.revision.clone(),
            path: self.path.clone(),
            what,
        }
    }

    fn copy(&self, doing: &'static str, source: git2::Error) -> Problem {
        Problem::Copy {
            url: self.url.clone(),
            doing,
            source,
        }
    }
}

impl Walk<'_> {
    /// Takes in one folder's files; gives back its folders.
    fn folder(&mut self, folder: Oid, prefix: &str) -> Result<Vec<(Oid, String)>, Problem> {
        let tree = self.tree;
        let read = tree.repository.find_tree(folder);
        let read = read.map_err(|error| tree.copy("reading a folder", error))?;
        let mut folders = Vec::new();
        for entry in &read {
            self.entries += 1;
            let most = tree.limits.entries;
            if self.entries > most {
                return Err(tree.too_much(format!("more than {most} files and folders")));
            }
            let shown = format!("{prefix}{}", String::from_utf8_lossy(entry.name_bytes()));
            let mode = match check_name(entry.name_bytes()) {
                Ok(()) => mode_of(entry.filemode_raw()),
                Err(refusal) => Mode::Refused(refusal),
            };
            match mode {
                Mode::Folder => folders.push((entry.id(), format!("{shown}/"))),
                Mode::File { executable } => self.file(entry.id(), shown, executable)?,
                Mode::Refused(refusal) => {
                    self.found.refused.insert(escaped(&shown), refusal);
                }
            }
        }
        Ok(folders)
    }

    fn file(&mut self, oid: Oid, path: String, executable: bool) -> Result<(), Problem> {
        let (tree, limits) = (self.tree, &self.tree.limits);
        let header = self.odb.read_header(oid);
        let (bytes, kind) = header.map_err(|error| tree.copy("looking at a file", error))?;
        if kind != ObjectType::Blob {
            let error = git2::Error::from_str("a file's object is no blob");
            return Err(tree.copy("looking at a file", error));
        }
        let bytes = bytes as u64;
        if is_manifest(&path) {
            if bytes > limits.blob_bytes {
                self.found.refused.insert(path, Refusal::TooLarge);
                return Ok(());
            }
            self.bytes += bytes;
        }
        self.found.files.insert(
            path,
            File {
                blob: BlobId(oid.to_string()),
                bytes,
                executable,
            },
        );
        if self.found.files.len() > limits.files {
            return Err(tree.too_much(format!("more than {} files", limits.files)));
        }
        if self.bytes > limits.total_bytes {
            let most = limits.total_bytes / (1024 * 1024);
            return Err(tree.too_much(format!("more than {most} MiB of YAML and JSON")));
        }
        Ok(())
    }
}

/// Whether a file is one that fleets are written in.
fn is_manifest(path: &str) -> bool {
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
    ["yaml", "yml", "json"]
        .iter()
        .any(|known| extension.eq_ignore_ascii_case(known))
}

fn mode_of(mode: i32) -> Mode {
    match mode {
        0o040_000 => Mode::Folder,
        0o100_755 => Mode::File { executable: true },
        0o100_644 | 0o100_664 => Mode::File { executable: false },
        0o120_000 => Mode::Refused(Refusal::SymbolicLink),
        0o160_000 => Mode::Refused(Refusal::Submodule),
        _ => Mode::Refused(Refusal::UnsafeName),
    }
}

fn check_name(name: &[u8]) -> Result<(), Refusal> {
    let name = std::str::from_utf8(name).map_err(|_| Refusal::NotUtf8)?;
    let special = matches!(name, "" | "." | "..") || name.eq_ignore_ascii_case(".git");
    let unsafe_char = |char: char| char.is_control() || matches!(char, '/' | '\\');
    if special || name.chars().any(unsafe_char) {
        Err(Refusal::UnsafeName)
    } else {
        Ok(())
    }
}

/// A refused path as it may be shown.
fn escaped(path: &str) -> String {
    path.chars()
        .map(|char| {
            if char.is_control() {
                char::REPLACEMENT_CHARACTER
            } else {
                char
            }
        })
        .collect()
}
