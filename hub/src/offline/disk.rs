//! The files of a directory as they are now.

use std::collections::BTreeMap;
use std::fs::DirEntry;
use std::path::Path;

use capstan_hub_core::spec::Tree;

use super::{Problem, no_commit};
use crate::git::{Limits, Refusal};
use crate::history::is_fleet_text;

/// Reads what fleets are written in, below a directory. `ignored` says which paths Git would not have.
pub(super) fn read(root: &Path, ignored: &dyn Fn(&Path) -> bool) -> Result<Tree, Problem> {
    let mut walk = Walk {
        root,
        ignored,
        limits: Limits::default(),
        files: Vec::new(),
        refused: BTreeMap::new(),
        bytes: 0,
        waiting: vec![String::new()],
    };
    while let Some(folder) = walk.waiting.pop() {
        walk.folder(&folder)?;
    }
    let Walk { files, refused, .. } = walk;
    Ok(Tree {
        refused,
        ..Tree::new(no_commit(), files)
    })
}

struct Walk<'a> {
    root: &'a Path,
    ignored: &'a dyn Fn(&Path) -> bool,
    limits: Limits,
    files: Vec<(String, Vec<u8>)>,
    refused: BTreeMap<String, String>,
    bytes: u64,
    waiting: Vec<String>,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &str) -> Result<(), Problem> {
        let path = self.root.join(folder);
        let entries = std::fs::read_dir(&path).map_err(|source| unreadable(&path, source))?;
        for entry in entries {
            self.entry(folder, &entry.map_err(|source| unreadable(&path, source))?)?;
        }
        Ok(())
    }

    fn entry(&mut self, folder: &str, entry: &DirEntry) -> Result<(), Problem> {
        let path = entry.path();
        let Ok(name) = entry.file_name().into_string() else {
            return Err(Problem::NotUtf8 { path });
        };
        let kind = entry
            .file_type()
            .map_err(|source| unreadable(&path, source))?;
        let wanted = kind.is_dir() || kind.is_symlink() || is_fleet_text(&name);
        if name == ".git" || !wanted || (self.ignored)(&path) {
            return Ok(());
        }
        let relative = match folder {
            "" => name,
            folder => format!("{folder}/{name}"),
        };
        if kind.is_dir() {
            self.waiting.push(relative);
        } else if kind.is_symlink() {
            let why = Refusal::SymbolicLink.to_string();
            self.refused.insert(relative, why);
        } else if kind.is_file() {
            let content = std::fs::read(&path).map_err(|source| unreadable(&path, source))?;
            self.file(relative, content)?;
        }
        Ok(())
    }

    fn file(&mut self, relative: String, content: Vec<u8>) -> Result<(), Problem> {
        let bytes = content.len() as u64;
        if bytes > self.limits.blob_bytes {
            let why = Refusal::TooLarge.to_string();
            self.refused.insert(relative, why);
            return Ok(());
        }
        self.bytes += bytes;
        self.files.push((relative, content));
        let most = if self.files.len() > self.limits.files {
            format!("{} YAML and JSON files", self.limits.files)
        } else if self.bytes > self.limits.total_bytes {
            let mebibytes = self.limits.total_bytes / (1024 * 1024);
            format!("{mebibytes} MiB of YAML and JSON")
        } else {
            return Ok(());
        };
        let path = self.root.to_owned();
        Err(Problem::TooMuch { path, most })
    }
}

fn unreadable(path: &Path, source: std::io::Error) -> Problem {
    let path = path.to_owned();
    Problem::Unreadable { path, source }
}
