//! A fleet looked at without a hub: the files of a checkout, or a commit of a local repository.
//!
//! Nothing is written and nothing is fetched. What is decided goes through the same core, and through the same walk
//! over history, as in a running hub. Deliberately absent: what clusters run (nobody can be asked), so that removals
//! are counted against what the starting point alone would have given.

mod decide;
mod disk;
mod open;
mod problem;

pub(crate) use decide::{Before, Decided, Start};
pub(crate) use open::{At, Checkout};
pub(crate) use problem::Problem;

use capstan_proto::Revision;

/// The revision of files that are in no commit.
const NO_COMMIT: &str = "0000000000000000000000000000000000000000";

/// The revision of files that are in no commit.
pub(crate) fn no_commit() -> Revision {
    Revision::try_new(NO_COMMIT).expect("40 digits")
}

/// A commit as programs read it: empty for files that are in none.
pub(crate) fn written(revision: &Revision) -> &str {
    match revision.as_str() {
        NO_COMMIT => "",
        text => text,
    }
}

/// A commit as people read it.
pub(crate) fn shown(revision: &Revision) -> &str {
    match revision.as_str() {
        NO_COMMIT => "the files on disk",
        _ => revision.short(),
    }
}

#[cfg(test)]
mod tests;
