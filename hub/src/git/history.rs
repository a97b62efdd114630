//! Commits as values.

use capstan_proto::{Moment, Revision};
use git2::{Error, Oid, Repository};

use super::Commit;

/// Characters of a summary or a name that are kept: enough for a line in a terminal.
const WORDS_CHARS_MAX: usize = 200;

/// The revision that an object id is.
pub(super) fn revision_of(oid: Oid) -> Revision {
    Revision::try_new(oid.to_string()).expect("libgit2 writes ids as 40 hexadecimal digits")
}

/// The object id of a revision; `None` when it is of another hash.
pub(super) fn oid_of(revision: &Revision) -> Option<Oid> {
    Oid::from_str(revision.as_str()).ok()
}

/// Reads a commit.
pub(super) fn commit_of(commit: &git2::Commit<'_>) -> Result<Commit, Error> {
    let author = commit.author();
    Ok(Commit {
        revision: revision_of(commit.id()),
        summary: words(commit.summary_bytes().unwrap_or_default()),
        author: words(author.name_bytes()),
        time: Moment::from_unix_ms(commit.time().seconds().saturating_mul(1000)),
    })
}

/// First parents from `revision` backwards, it included.
pub(super) fn first_parents(
    repository: &Repository,
    revision: &Revision,
    limit: usize,
) -> Result<Vec<Commit>, Error> {
    let mut walk = repository.revwalk()?;
    walk.simplify_first_parent()?;
    walk.push(Oid::from_str(revision.as_str())?)?;
    walk.take(limit)
        .map(|oid| commit_of(&repository.find_commit(oid?)?))
        .collect()
}

/// Text of others, made safe for a line: no control characters, bounded.
fn words(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let visible = text
        .chars()
        .map(|char| if char.is_control() { ' ' } else { char });
    visible.take(WORDS_CHARS_MAX).collect()
}

/// The ids of first parents from `revision` backwards, it included.
pub(crate) fn revisions_of_first_parents(
    repository: &Repository,
    revision: &Revision,
    limit: usize,
) -> Result<Vec<Revision>, Error> {
    let commits = first_parents(repository, revision, limit)?;
    Ok(commits.into_iter().map(|commit| commit.revision).collect())
}
