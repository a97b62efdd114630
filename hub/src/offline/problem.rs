//! What can be wrong with a call that looks at a checkout, in words for the caller.

use std::io;
use std::path::PathBuf;

use crate::git;

/// Why nothing could be looked at.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    /// There is nothing at this path.
    #[error("there is no {} (name a directory with fleet files, or a Git repository)", .path.display())]
    NoPath {
        /// The path.
        path: PathBuf,
    },
    /// It is a file.
    #[error("{} is a file (name the directory that it is in)", .path.display())]
    File {
        /// The path.
        path: PathBuf,
    },
    /// Something cannot be read.
    #[error("cannot read {}", .path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A name is not UTF-8.
    #[error("{} has a name that is not UTF-8 (rename it)", .path.display())]
    NotUtf8 {
        /// The path.
        path: PathBuf,
    },
    /// More than a source may have.
    #[error("{} has more than {most} (name the directory of the fleet files alone)", .path.display())]
    TooMuch {
        /// The path.
        path: PathBuf,
        /// How much it may have.
        most: String,
    },
    /// A revision is wanted of what has none.
    #[error("{} is in no Git repository, so there is no revision `{rev}` ({hint})", .path.display())]
    NoRepository {
        /// The path.
        path: PathBuf,
        /// The revision.
        rev: String,
        /// What to do.
        hint: &'static str,
    },
    /// There are no files on disk.
    #[error("{} is a bare repository and has no files on disk (name a commit, such as {hint})", .path.display())]
    Bare {
        /// The path.
        path: PathBuf,
        /// What to add to the command line.
        hint: &'static str,
    },
    /// There is no such revision.
    #[error("there is no revision `{rev}` in {} ({hint})", .path.display())]
    NoRevision {
        /// The repository.
        path: PathBuf,
        /// The revision.
        rev: String,
        /// The nearest one, or what there is.
        hint: String,
    },
    /// A commit cannot be read.
    #[error("cannot read `{rev}` of {}", .path.display())]
    Commit {
        /// The repository.
        path: PathBuf,
        /// The revision.
        rev: String,
        /// Why.
        #[source]
        source: git::Problem,
    },
    /// The repository cannot be read.
    #[error("cannot read the Git repository of {}", .path.display())]
    Repository {
        /// The path.
        path: PathBuf,
        /// Why.
        #[source]
        source: git2::Error,
    },
}
