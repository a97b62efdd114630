//! One source's bare copy in the data directory, and the poll that keeps it up to date.

use std::fs;
use std::path::{Path, PathBuf};

use capstan_proto::Revision;
use git2::{ErrorCode, Oid, Repository};

use super::history::{commit_of, oid_of};
use super::problem::Problem;
use super::remote::{self, Location, Remote};
use super::tags::{self, Tags};
use super::{Commit, Fetched, Limits, Relation, Source, Tree, history, options, repack};

/// The head that the newest successful poll found; it keeps the commit's objects alive in the copy.
const HEAD: &str = "refs/capstan/head";

/// The revision that the caller acts upon; it is kept even when no branch leads to it any more.
const ACCEPTED: &str = "refs/capstan/accepted";

/// Copies that were damaged are kept beside the new one, so that somebody can look at them; this many.
const DAMAGED_KEPT: usize = 3;

/// Follows one branch of one source.
pub struct Follower {
    source: Source,
    location: Location,
    directory: PathBuf,
    limits: Limits,
    repository: Repository,
}

impl std::fmt::Debug for Follower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Follower")
            .field("source", &self.source.name)
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

impl Follower {
    /// Opens the copy of `source` in `directory`, or begins one. Nothing is fetched yet. A damaged copy is moved aside.
    pub fn open(source: Source, directory: &Path, limits: Limits) -> Result<Self, Problem> {
        let copy = |doing| {
            let url = remote::without_secrets(&source.url);
            move |source| Problem::Copy { url, doing, source }
        };
        options::prepare().map_err(copy("setting up the Git library"))?;
        let location = Location::of(&source)?;
        let repository = match Repository::open_bare(directory) {
            Ok(repository) => repository,
            Err(error) => {
                if directory.exists() {
                    tracing::warn!(source = %source.name, error = error.message(), "moving a damaged copy aside");
                    move_aside(directory)?;
                }
                begin(directory)?;
                Repository::init_bare(directory).map_err(copy("beginning it"))?
            }
        };
        Ok(Self {
            source,
            location,
            directory: directory.to_owned(),
            limits,
            repository,
        })
    }

    /// What is followed.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The head that the newest successful poll found, this process's or an earlier one's; needs no network.
    pub fn head(&self) -> Result<Option<Commit>, Problem> {
        self.noted(HEAD)
    }

    /// The revision that the caller acts upon, or an earlier process did; needs no network.
    pub fn accepted(&self) -> Result<Option<Commit>, Problem> {
        self.noted(ACCEPTED)
    }

    /// Notes, durably, that the caller acts upon a commit that a poll brought.
    pub fn accept(&self, revision: &Revision) -> Result<(), Problem> {
        match oid_of(revision) {
            Some(oid) => self.keep(ACCEPTED, oid),
            None => Ok(()),
        }
    }

    /// Whether `head` is `revision`, or has it among its ancestors.
    pub fn contains(&self, head: &Revision, revision: &Revision) -> Result<bool, Problem> {
        let Some(head) = oid_of(head) else {
            return Ok(false);
        };
        let relation = self.relation(Some(revision), head)?;
        Ok(matches!(relation, Relation::Same | Relation::FastForward))
    }

    fn noted(&self, name: &str) -> Result<Option<Commit>, Problem> {
        match self.repository.refname_to_id(name) {
            Ok(oid) => self.commit(oid).map(Some),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(self.copy("reading what it notes", error)),
        }
    }

    /// Asks the server for the branch's head, and fetches it when it is not here yet. `accepted` is the revision that
    /// the caller acts upon; the answer says how the head is related to it.
    pub fn poll(&mut self, accepted: Option<&Revision>) -> Result<Fetched, Problem> {
        let (oid, tags) = match self.advertised()? {
            Some(found) => found,
            None => self.fetch()?,
        };
        self.keep(HEAD, oid)?;
        let tags_moved = self.take_tags(&tags)?;
        if let Some(accepted) = accepted.and_then(oid_of)
            && self.repository.find_commit(accepted).is_ok()
        {
            self.keep(ACCEPTED, accepted)?;
        }
        if let Err(error) = repack::repack_if_due(&self.repository) {
            // Many packs are slow, not wrong.
            tracing::warn!(source = %self.source.name, error = error.message(), "the copy could not be packed");
        }
        Ok(Fetched {
            commit: self.commit(oid)?,
            previous: accepted.cloned(),
            relation: self.relation(accepted, oid)?,
            tags_moved,
        })
    }

    /// The commit that a pin names, or why there is none; needs no network.
    pub fn pinned(&self, text: &str) -> Result<Result<Revision, String>, Problem> {
        tags::pinned(&self.repository, text).map_err(|error| self.copy("looking for a tag", error))
    }

    /// The commit that the followed branch leads to, where it has this name.
    pub fn head_of(&self, branch: &str) -> Option<Revision> {
        let followed = branch == self.source.branch;
        let head = followed.then(|| self.repository.refname_to_id(HEAD));
        head?.ok().map(history::revision_of)
    }

    /// The files of a commit that a poll brought.
    pub fn tree(&self, revision: &Revision) -> Result<Tree, Problem> {
        Tree::open(&self.directory, &self.source, revision, self.limits)
    }

    /// First parents from `revision` backwards, the newest first.
    pub fn history(&self, revision: &Revision, limit: usize) -> Result<Vec<Commit>, Problem> {
        history::first_parents(&self.repository, revision, limit)
            .map_err(|error| self.copy("walking its history", error))
    }

    /// Moves a damaged copy aside and begins a new one; the next poll fills it.
    pub fn discard(self) -> Result<Self, Problem> {
        let Self {
            source,
            directory,
            limits,
            repository,
            ..
        } = self;
        drop(repository);
        move_aside(&directory)?;
        Self::open(source, &directory, limits)
    }

    /// A cheap look at a local repository's branch: its head, when the copy has that commit already.
    fn advertised(&self) -> Result<Option<(Oid, Tags)>, Problem> {
        let Location::Local { path } = &self.location else {
            return Ok(None);
        };
        let Ok(origin) = Repository::open(path) else {
            return Ok(None);
        };
        let found = origin.refname_to_id(&self.reference()).ok();
        let here = found.filter(|oid| self.repository.find_commit(*oid).is_ok());
        let tags = tags::of_repository(&origin).ok();
        Ok(here.zip(tags))
    }

    /// Connects, reads the head, and downloads what is missing.
    fn fetch(&self) -> Result<(Oid, Tags), Problem> {
        let last = self.head()?.map(|commit| commit.revision);
        self.remote().fetch(&self.repository, last)
    }

    /// Takes in what tags lead to; says whether that is news. Tags that cannot be had stay as they were.
    fn take_tags(&self, tags: &Tags) -> Result<bool, Problem> {
        let lacking = tags::lacking(&self.repository, tags);
        if !lacking.is_empty()
            && let Err(problem) = self.remote().fetch_tags(&self.repository, &lacking)
        {
            tracing::warn!(
                source = %self.source.name,
                error = crate::telemetry::chain(&problem),
                "some tags could not be fetched"
            );
        }
        tags::note(&self.repository, tags).map_err(|error| self.copy("noting tags", error))
    }

    fn remote(&self) -> Remote<'_> {
        Remote {
            source: &self.source,
            location: &self.location,
            limits: &self.limits,
            reference: self.reference(),
        }
    }

    fn keep(&self, name: &str, oid: Oid) -> Result<(), Problem> {
        let kept = self.repository.reference(name, oid, true, "poll");
        kept.map(drop)
            .map_err(|error| self.copy("noting a commit", error))
    }

    fn reference(&self) -> String {
        format!("refs/heads/{}", self.source.branch)
    }

    fn relation(&self, accepted: Option<&Revision>, head: Oid) -> Result<Relation, Problem> {
        let Some(accepted) = accepted else {
            return Ok(Relation::First);
        };
        let Some(before) = oid_of(accepted) else {
            return Ok(Relation::Rewritten);
        };
        if before == head {
            return Ok(Relation::Same);
        }
        if self.repository.find_commit(before).is_err() {
            // The copy is newer than the commit's disappearance: nothing leads from it to the head.
            return Ok(Relation::Rewritten);
        }
        match self.repository.graph_descendant_of(head, before) {
            Ok(true) => Ok(Relation::FastForward),
            Ok(false) => Ok(Relation::Rewritten),
            Err(error) => Err(self.copy("comparing two commits", error)),
        }
    }

    fn commit(&self, oid: Oid) -> Result<Commit, Problem> {
        let found = self.repository.find_commit(oid);
        found
            .and_then(|commit| commit_of(&commit))
            .map_err(|error| self.copy("reading a commit", error))
    }

    fn copy(&self, doing: &'static str, source: git2::Error) -> Problem {
        Problem::Copy {
            url: remote::without_secrets(&self.source.url),
            doing,
            source,
        }
    }
}

fn begin(directory: &Path) -> Result<(), Problem> {
    fs::create_dir_all(directory).map_err(|source| disk("create", directory, source))
}

/// Renames a damaged copy; the oldest kept one makes room.
fn move_aside(directory: &Path) -> Result<(), Problem> {
    let kept = |number: usize| directory.with_extension(format!("damaged-{number}"));
    let free = (1..=DAMAGED_KEPT).find(|number| !kept(*number).exists());
    let target = kept(free.unwrap_or(1));
    if free.is_none() {
        fs::remove_dir_all(&target).map_err(|source| disk("remove", &target, source))?;
    }
    fs::rename(directory, &target).map_err(|source| disk("move aside", directory, source))
}

fn disk(action: &'static str, path: &Path, source: std::io::Error) -> Problem {
    Problem::Disk {
        action,
        path: path.to_owned(),
        source,
    }
}
