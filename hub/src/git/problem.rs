//! What can go wrong with a source, in words for the person who can mend it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use capstan_proto::Revision;

/// Why a source could not be read. The last good commit stays in force.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// No connection.
    #[error(
        "cannot reach {url} (check the address, DNS, proxies and firewalls between the hub and the server)"
    )]
    Unreachable {
        /// Where to, without credentials.
        url: String,
        /// What the connection said.
        #[source]
        source: git2::Error,
    },
    /// The server's certificate or host key is not trusted.
    #[error(
        "the identity of {url} cannot be verified (install its CA on the hub's machine, or correct the known_hosts file)"
    )]
    Untrusted {
        /// Where to.
        url: String,
        /// Why.
        #[source]
        source: git2::Error,
    },
    /// Refused: credentials missing or wrong.
    #[error("{url} refused access ({hint})")]
    Denied {
        /// Where to.
        url: String,
        /// What to look at.
        hint: String,
        /// What the server said.
        #[source]
        source: git2::Error,
    },
    /// There is no such repository.
    #[error(
        "there is no Git repository at {url} (check the address; private servers say this also when access is missing)"
    )]
    NotFound {
        /// Where.
        url: String,
        /// What was said.
        #[source]
        source: git2::Error,
    },
    /// The source is a directory of this machine, and it is not there.
    #[error(
        "there is no directory {} (correct the source's `url`, or make the repository there with `git init`; a relative `url` counts from the directory of hub.yaml)",
        .path.display()
    )]
    NoDirectory {
        /// Which directory.
        path: PathBuf,
    },
    /// Something answered, but not Git.
    #[error(
        "{url} answers, but not as a Git server (a login page, a proxy or a wrong path answer with HTML; give the URL that `git clone` takes)"
    )]
    NotGit {
        /// Where.
        url: String,
        /// What was understood.
        #[source]
        source: git2::Error,
    },
    /// Too slow.
    #[error("{url} did not finish in {} s (the server stalls, or the repository is too large for the connection)", .limit.as_secs())]
    TimedOut {
        /// Where.
        url: String,
        /// The limit.
        limit: Duration,
    },
    /// The server sent more than it may.
    #[error("{url} sent more than {} MiB in one fetch (give the fleet a repository of its own, without large files)", .limit / (1024 * 1024))]
    FetchTooLarge {
        /// Where.
        url: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// The repository has no commit.
    #[error("{url} has no commits yet (push a first one to branch {branch})")]
    Empty {
        /// Where.
        url: String,
        /// The branch wanted.
        branch: String,
    },
    /// The branch is not there and never was, as far as we know.
    #[error("{url} has no branch {branch}{}", near_words(.near))]
    NoBranch {
        /// Where.
        url: String,
        /// The branch wanted.
        branch: String,
        /// Branches with similar names, the most similar first.
        near: Vec<String>,
    },
    /// The branch was followed and is gone.
    #[error("branch {branch} of {url} was deleted; its last commit was {} (push it again, or name another branch){}", .last.short(), near_words(.near))]
    BranchDeleted {
        /// Where.
        url: String,
        /// The branch.
        branch: String,
        /// The last head we saw; it is still in the copy.
        last: Revision,
        /// Branches with similar names.
        near: Vec<String>,
    },
    /// The commit has no such folder.
    #[error("commit {} has no folder {path} (correct the source's path, or add the folder)", .revision.short())]
    NoPath {
        /// The commit.
        revision: Revision,
        /// The source's path.
        path: String,
    },
    /// The tree breaks a limit; it is refused whole, because a part of it would look like a smaller fleet.
    #[error("commit {} has too much below {path:?}: {what} (move what is no fleet file elsewhere, or narrow the source's path)", .revision.short())]
    TooMuch {
        /// The commit.
        revision: Revision,
        /// The source's path.
        path: String,
        /// Which limit.
        what: String,
    },
    /// The configuration cannot work.
    #[error("source {name} is misconfigured: {what}")]
    Misconfigured {
        /// The source.
        name: String,
        /// What is wrong, and what would be right.
        what: String,
    },
    /// A credential file cannot be read.
    #[error("cannot read the credential file {} (it must exist and be readable by the hub's user)", .path.display())]
    Credential {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The hub's own copy is damaged. It was moved aside; the next poll makes a new one.
    #[error("the hub's copy of {url} is damaged ({doing})")]
    Copy {
        /// Of which source.
        url: String,
        /// What was being done.
        doing: &'static str,
        /// What Git said.
        #[source]
        source: git2::Error,
    },
    /// The hub's own disk refused.
    #[error("cannot {action} {}", .path.display())]
    Disk {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
}

impl Problem {
    /// Whether what the configuration says of the source may be wrong: then its place is worth saying.
    #[must_use]
    pub const fn is_of_configuration(&self) -> bool {
        matches!(
            self,
            Self::NoDirectory { .. }
                | Self::NotFound { .. }
                | Self::NotGit { .. }
                | Self::NoBranch { .. }
                | Self::NoPath { .. }
                | Self::Misconfigured { .. }
        )
    }
}

fn near_words(near: &[String]) -> String {
    if near.is_empty() {
        return String::new();
    }
    format!(" (did you mean {}?)", near.join(", "))
}
