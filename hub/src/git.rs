//! Following Git: a bare copy of each source, its branch's head, and the files of a commit.
//!
//! Nothing is ever checked out: files are read from Git's objects, so that a symbolic link, a `..` or a `.git` in a
//! tree has nothing to act upon. Everything here blocks; call it from `spawn_blocking`. An answer that is not known is
//! an error in words and never an empty tree.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use capstan_proto::{Moment, Revision, SourceName};

mod follow;
mod history;
mod known_hosts;
pub mod options;
mod problem;
mod remote;
mod repack;
mod tags;
mod tree;

#[cfg(test)]
mod tests;

pub use follow::Follower;
pub(crate) use history::revisions_of_first_parents as first_parents;
pub use problem::Problem;
pub use remote::refusal;
pub use tree::Tree;

/// What to follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name in the hub's configuration.
    pub name: SourceName,
    /// An `https://`, `http://`, `ssh://` or `file://` URL, or an absolute path.
    pub url: String,
    /// The branch, without `refs/heads/`.
    pub branch: String,
    /// The folder below which the fleet's files are; empty for the whole tree.
    pub path: String,
    /// How to prove who we are.
    pub auth: Auth,
}

/// How to authenticate to a Git server. Secrets stay in files and are read anew for every connection, so that a
/// rotated one is used at once; they are sent to the host of the source's own URL and to no other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Auth {
    /// Not at all.
    #[default]
    None,
    /// With a user name and a password or token.
    Token {
        /// The user name; many servers take any.
        username: String,
        /// A file whose first line is the token.
        file: PathBuf,
    },
    /// With an SSH key.
    Ssh {
        /// The user name, usually `git`.
        username: String,
        /// The private key's file, without a passphrase.
        key: PathBuf,
        /// The server's host key, as lines of OpenSSH's `known_hosts`. Without it no server is trusted.
        known_hosts: PathBuf,
    },
}

/// A commit, as people see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Its id.
    pub revision: Revision,
    /// The first line of its message, at most 200 characters.
    pub summary: String,
    /// Its author's name.
    pub author: String,
    /// When it was committed, as the committer's clock had it.
    pub time: Moment,
}

/// What a poll found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The branch's head, now present in the copy.
    pub commit: Commit,
    /// The head that the poll before it found.
    pub previous: Option<Revision>,
    /// How the two are related.
    pub relation: Relation,
    /// Whether a tag came, moved or went.
    pub tags_moved: bool,
}

/// How a branch's new head is related to the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// There was none before.
    First,
    /// Nothing changed.
    Same,
    /// The new head has the old one among its ancestors.
    FastForward,
    /// It has not: history was rewritten, or went back. The caller decides whether that is to be followed.
    Rewritten,
}

/// What a tree, a file and a fetch may have. Each is a defence against a repository made to exhaust us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Files below the source's path. 20,000 x ~200 B of listing = 4 MB.
    pub files: usize,
    /// Entries visited, folders included, those outside YAML and JSON too: a tree of 12 objects can name 10^10 paths.
    pub entries: usize,
    /// Folders inside folders; Kubernetes repositories stay below 10.
    pub depth: usize,
    /// Bytes of one file: a Kubernetes object has at most 1.5 MiB (etcd's request limit), so 2 MiB holds any single one.
    pub blob_bytes: u64,
    /// Bytes of all files read from one commit: 20,000 files x 6.4 KiB, the largest fleets we know of.
    pub total_bytes: u64,
    /// Bytes received in one fetch, so that a server cannot fill the disk.
    pub fetch_bytes: usize,
    /// How long one poll may take in all.
    pub poll: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            files: 20_000,
            entries: 100_000,
            depth: 32,
            blob_bytes: 2 * 1024 * 1024,
            total_bytes: 128 * 1024 * 1024,
            fetch_bytes: 256 * 1024 * 1024,
            poll: Duration::from_secs(120),
        }
    }
}

/// The id of a file's content in Git.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobId(pub String);

/// A file of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its content's id.
    pub blob: BlobId,
    /// Its content's length.
    pub bytes: u64,
    /// Whether Git marks it executable.
    pub executable: bool,
}

/// The files of a commit below the source's path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// The files, by path relative to the source's path, parts separated by `/`.
    pub files: BTreeMap<String, File>,
    /// Entries that are refused, by path, each with a sentence.
    pub refused: BTreeMap<String, Refusal>,
    /// The id of the tree at the source's path: equal ids are equal files.
    pub tree: String,
}

/// Why an entry of a tree is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A symbolic link.
    #[error("symbolic links are not followed; commit a regular file instead")]
    SymbolicLink,
    /// Another repository.
    #[error("submodules are not followed; add the other repository as a source of its own")]
    Submodule,
    /// A name that is not UTF-8.
    #[error("the name is not UTF-8; rename it")]
    NotUtf8,
    /// A name that could lead out of the tree, or that a file system would not take.
    #[error(
        "a name must not be `.`, `..`, `.git`, empty, nor have `/`, `\\` or control characters"
    )]
    UnsafeName,
    /// More bytes than a file may have.
    #[error("the file is larger than 2 MiB, which no Kubernetes object can be; split it")]
    TooLarge,
}
