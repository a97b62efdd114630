//! The tags of a source, for revisions that placements pin: each as the commit that it leads to.
//!
//! A tag that moved is followed, and one that is gone is gone: what is pinned to it is then not known, which removes
//! nothing. Tags are kept by their commits, because only commits outlive a repack.

use std::collections::BTreeMap;

use capstan_proto::Revision;
use git2::{Error, ErrorCode, Oid, Repository};

use super::history::revision_of;

/// Where the copy notes them.
const NOTED: &str = "refs/capstan/tags/";

const TAGS: &str = "refs/tags/";

/// What a server adds to an annotated tag's name where it says which commit that leads to.
const PEELED: &str = "^{}";

/// Digits of a commit's id that are enough to name it.
const SHORT: usize = 7;

/// Commits by the name of their tag.
pub(super) type Tags = BTreeMap<String, Oid>;

/// The tags among what a server lists.
pub(super) fn listed(heads: &[(String, Oid)]) -> Tags {
    let mut tags = Tags::new();
    for (name, oid) in heads {
        if let Some(name) = name.strip_prefix(TAGS)
            && !name.ends_with(PEELED)
        {
            tags.insert(name.to_owned(), *oid);
        }
    }
    for (name, oid) in heads {
        let name = name.strip_prefix(TAGS);
        if let Some(name) = name.and_then(|name| name.strip_suffix(PEELED)) {
            tags.insert(name.to_owned(), *oid);
        }
    }
    tags
}

/// The tags of a repository on this machine.
pub(super) fn of_repository(origin: &Repository) -> Result<Tags, Error> {
    named(origin, TAGS)
}

/// The tags that a copy knows.
pub(super) fn noted(copy: &Repository) -> Result<Tags, Error> {
    named(copy, NOTED)
}

fn named(repository: &Repository, prefix: &str) -> Result<Tags, Error> {
    let mut tags = Tags::new();
    for reference in repository.references_glob(&format!("{prefix}*"))? {
        let reference = reference?;
        let name = std::str::from_utf8(reference.name_bytes()).ok();
        let name = name.and_then(|name| name.strip_prefix(prefix));
        let commit = reference.peel_to_commit();
        if let (Some(name), Ok(commit)) = (name, commit) {
            tags.insert(name.to_owned(), commit.id());
        }
    }
    Ok(tags)
}

/// The tags whose commits a copy lacks.
pub(super) fn lacking<'t>(copy: &Repository, tags: &'t Tags) -> Vec<&'t str> {
    let lacks = |oid: &Oid| copy.find_object(*oid, None).is_err();
    let lacking = tags.iter().filter(|(_, oid)| lacks(oid));
    lacking.map(|(name, _)| name.as_str()).collect()
}

/// Notes what tags lead to now, as far as that is in the copy; says whether that is news.
pub(super) fn note(copy: &Repository, tags: &Tags) -> Result<bool, Error> {
    let before = noted(copy)?;
    let mut news = false;
    for (name, oid) in tags
        .iter()
        .filter(|(name, oid)| before.get(*name) != Some(oid))
    {
        if copy.find_commit(*oid).is_err() {
            continue;
        }
        if let Some(before) = before.get(name) {
            tracing::warn!(tag = name, from = %before, to = %oid, "a tag moved; what is pinned to it follows");
        }
        copy.reference(&format!("{NOTED}{name}"), *oid, true, "poll")?;
        news = true;
    }
    for name in before.keys().filter(|name| !tags.contains_key(*name)) {
        copy.find_reference(&format!("{NOTED}{name}"))?.delete()?;
        news = true;
    }
    Ok(news)
}

/// The commit that a pin names: a tag, or a commit that was fetched. Never a branch, which moves by itself.
pub(super) fn pinned(copy: &Repository, text: &str) -> Result<Result<Revision, String>, Error> {
    match copy.refname_to_id(&format!("{NOTED}{text}")) {
        Ok(oid) => return Ok(Ok(revision_of(oid))),
        Err(error) if matches!(error.code(), ErrorCode::NotFound | ErrorCode::InvalidSpec) => {}
        Err(error) => return Err(error),
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if digits && (SHORT..=40).contains(&text.len()) {
        let found = copy.revparse_single(text);
        match found.and_then(|object| object.peel_to_commit()) {
            Ok(commit) => return Ok(Ok(revision_of(commit.id()))),
            Err(error) if error.code() == ErrorCode::Ambiguous => {
                return Ok(Err(format!("more than one commit begins with `{text}`")));
            }
            Err(_) => {}
        }
    }
    Ok(Err(format!("the source has no tag or commit `{text}`")))
}
