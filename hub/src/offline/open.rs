//! Finding what a path names: a directory, a checkout, a bare repository, and the commits in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use capstan_hub_core::problem::nearest;
use capstan_hub_core::spec::{File, PinState, SourceState, Tree, Trees};
use capstan_proto::{Revision, SourceName};
use git2::Repository;

use super::{Problem, disk};
use crate::git::{self, BlobId, Limits};
use crate::history::{Past, read_tree};

/// Commits that are named when there is no such one.
const NAMED_MAX: usize = 8;

/// Which files are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum At {
    /// Those on disk.
    Disk,
    /// Those of a commit, a branch or a tag.
    Rev(String),
}

/// A fleet's files in a directory or a repository.
pub(crate) struct Checkout {
    /// As the caller named it.
    path: PathBuf,
    /// The folder below it, without slashes at its ends.
    within: String,
    /// The one source.
    source: SourceName,
    repository: Option<Found>,
}

/// A repository that a path is in.
struct Found {
    repository: Repository,
    /// The folder that is looked at, from the repository's root.
    folder: String,
    /// Whether there are no files on disk where the path leads.
    bare: bool,
}

impl Checkout {
    /// Finds what `path` names, and the folder `within` in it.
    pub(crate) fn open(path: &Path, within: &str) -> Result<Self, Problem> {
        if path.is_file() {
            let path = path.to_owned();
            return Err(Problem::File { path });
        }
        if !path.is_dir() {
            let path = path.to_owned();
            return Err(Problem::NoPath { path });
        }
        let within = without_slashes(within);
        let repository = discover(path)?.map(|repository| {
            let folder = below(&repository, path);
            let folder = joined(&folder, &within);
            let path = path.canonicalize();
            let bare = path.is_ok_and(|path| is_git_directory(&repository, &path));
            Found {
                repository,
                folder,
                bare,
            }
        });
        Ok(Self {
            path: path.to_owned(),
            within,
            source: source_name(path),
            repository,
        })
    }

    /// The folder that is looked at, from the root of its repository; below the path that was named where it is in none.
    pub(crate) fn folder(&self) -> &str {
        let found = self.repository.as_ref();
        found.map_or(&self.within, |found| &found.folder)
    }

    /// What is worth saying where a folder of a repository is looked at, and nobody said that it is the whole fleet.
    pub(crate) fn note(&self) -> Option<String> {
        let found = self.repository.as_ref()?;
        let unsaid = self.within.is_empty() && !found.folder.is_empty();
        unsaid.then(|| {
            let folder = &found.folder;
            format!(
                "only `{folder}/` of the repository is read; where the fleet is more than that, call this at its root"
            )
        })
    }

    /// The one source that is looked at.
    pub(crate) fn source(&self) -> &SourceName {
        &self.source
    }

    /// The same, called so: what other documents and an inventory call it.
    pub(crate) fn called(self, source: SourceName) -> Self {
        Self { source, ..self }
    }

    /// Whether there are no files on disk.
    pub(crate) fn is_bare(&self) -> bool {
        self.repository.as_ref().is_some_and(|found| found.bare)
    }

    /// What is looked at when the caller does not say: the files on disk, or a bare repository's `HEAD`.
    pub(crate) fn or_present(&self, rev: Option<&str>) -> At {
        match rev {
            Some(rev) => At::Rev(rev.to_owned()),
            None if self.is_bare() => At::Rev("HEAD".to_owned()),
            None => At::Disk,
        }
    }

    /// The files.
    pub(crate) fn tree(&self, at: &At) -> Result<Arc<Tree>, Problem> {
        match at {
            At::Disk => self.on_disk().map(Arc::new),
            At::Rev(rev) => {
                let revision = self.commit(rev)?;
                let past = self.history().expect("a commit is in a repository");
                let tree = Past::tree(&past, &revision, &mut BTreeMap::new());
                tree.map_err(|source| Problem::Commit {
                    path: self.path.clone(),
                    rev: rev.clone(),
                    source,
                })
            }
        }
    }

    /// The files as those of the one source.
    pub(crate) fn trees(&self, tree: Arc<Tree>) -> Trees {
        Trees {
            sources: BTreeMap::from([(self.source.clone(), SourceState::Read(tree))]),
            ..Trees::default()
        }
    }

    /// The commits, where there are some.
    pub(crate) fn history(&self) -> Option<History<'_>> {
        let found = self.repository.as_ref()?;
        let source = git::Source {
            name: self.source.clone(),
            url: self.path.display().to_string(),
            branch: String::new(),
            path: found.folder.clone(),
            auth: git::Auth::None,
        };
        Some(History {
            repository: &found.repository,
            source,
        })
    }

    fn on_disk(&self) -> Result<Tree, Problem> {
        let root = match self.path.as_os_str() == "." && !self.within.is_empty() {
            true => PathBuf::from(&self.within),
            false => self.path.join(&self.within),
        };
        if self.is_bare() {
            let path = self.path.clone();
            return Err(Problem::Bare {
                path,
                hint: "HEAD or a branch",
            });
        }
        if !root.is_dir() {
            return Err(Problem::NoPath { path: root });
        }
        let repository = self.repository.as_ref().map(|found| &found.repository);
        let ignored = |path: &Path| repository.is_some_and(|r| is_ignored(r, path));
        // Whoever names a directory that Git ignores wants to look at it all the same.
        let asked = ignored(&root);
        disk::read(&root, &|path| !asked && ignored(path))
    }

    /// The commit that a revision names.
    pub(crate) fn commit(&self, rev: &str) -> Result<Revision, Problem> {
        let Some(found) = &self.repository else {
            let (path, rev) = (self.path.clone(), rev.to_owned());
            let hint = "without a revision, the files on disk are read";
            return Err(Problem::NoRepository { path, rev, hint });
        };
        let commit = found.repository.revparse_single(rev);
        let Ok(commit) = commit.and_then(|object| object.peel_to_commit()) else {
            return Err(Problem::NoRevision {
                path: self.path.clone(),
                rev: rev.to_owned(),
                hint: near(&found.repository, rev),
            });
        };
        Ok(Revision::try_new(commit.id().to_string()).expect("Git writes ids as digits"))
    }
}

impl Checkout {
    /// The commit that a pin names: a tag or a commit, and never a branch, which would move. Else what there is.
    pub(super) fn pin(&self, text: &str) -> Result<Revision, PinState> {
        let Some(found) = &self.repository else {
            let why = "the files are in no Git repository, so there are no tags";
            return Err(PinState::Missing(why.to_owned()));
        };
        let repository = &found.repository;
        let hexadecimal = text.len() >= 7 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let tag = repository.revparse_single(&format!("refs/tags/{text}"));
        let object = match tag {
            Ok(tag) => Ok(tag),
            Err(_) if hexadecimal => repository.revparse_single(text),
            Err(error) => Err(error),
        };
        let revision = |oid: git2::Oid| Revision::try_new(oid.to_string()).expect("digits");
        if let Ok(commit) = object.and_then(|object| object.peel_to_commit()) {
            return Ok(revision(commit.id()));
        }
        let branch = |prefix: &str| repository.refname_to_id(&format!("{prefix}{text}"));
        match branch("refs/heads/").or_else(|_| branch("refs/remotes/origin/")) {
            Ok(oid) => Err(PinState::Branch(revision(oid))),
            Err(_) => {
                let why = format!("there is no tag or commit `{text}`");
                Err(PinState::Missing(why))
            }
        }
    }
}

/// The commits of a local repository, below the folder that is looked at.
pub(crate) struct History<'a> {
    repository: &'a Repository,
    source: git::Source,
}

impl Past for History<'_> {
    fn past(&self, revision: &Revision, most: usize) -> Result<Vec<Revision>, git::Problem> {
        git::first_parents(self.repository, revision, most).map_err(|source| git::Problem::Copy {
            url: self.source.url.clone(),
            doing: "reading its history",
            source,
        })
    }

    fn tree(
        &self,
        revision: &Revision,
        known: &mut BTreeMap<BlobId, File>,
    ) -> Result<Arc<Tree>, git::Problem> {
        let directory = self.repository.commondir();
        let tree = git::Tree::open(directory, &self.source, revision, Limits::default())?;
        let (tree, blobs) = read_tree(&tree, known)?;
        *known = blobs;
        Ok(Arc::new(tree))
    }

    fn is_cut_off(&self) -> bool {
        self.repository.is_shallow()
    }
}

/// The repository that a directory is in, if it is in one.
fn discover(path: &Path) -> Result<Option<Repository>, Problem> {
    let prepared = git::options::prepare();
    match prepared.and_then(|()| Repository::discover(path)) {
        Ok(repository) => Ok(Some(repository)),
        Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
        Err(source) => Err(Problem::Repository {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Where a directory is in its repository; empty for the root, and for a bare one.
fn below(repository: &Repository, path: &Path) -> String {
    let folder = || {
        let root = repository.workdir()?.canonicalize().ok()?;
        let path = path.canonicalize().ok()?;
        if is_git_directory(repository, &path) {
            return None;
        }
        let folder = path.strip_prefix(root).ok()?.to_str()?;
        Some(folder.replace(std::path::MAIN_SEPARATOR, "/"))
    };
    folder().unwrap_or_default()
}

/// Whether a path is Git's own directory, where no files of the fleet are.
fn is_git_directory(repository: &Repository, path: &Path) -> bool {
    let directory = repository.commondir().canonicalize();
    directory.is_ok_and(|directory| path.starts_with(directory))
}

fn joined(folder: &str, within: &str) -> String {
    match (folder, within) {
        ("", within) => within.to_owned(),
        (folder, "") => folder.to_owned(),
        (folder, within) => format!("{folder}/{within}"),
    }
}

fn without_slashes(path: &str) -> String {
    let parts = path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".");
    parts.collect::<Vec<_>>().join("/")
}

/// Whether Git leaves a path out: it is ignored, and not in the index all the same.
fn is_ignored(repository: &Repository, path: &Path) -> bool {
    let relative = || {
        let root = repository.workdir()?.canonicalize().ok()?;
        let path = path.canonicalize().ok()?;
        Some(path.strip_prefix(root).ok()?.to_owned())
    };
    let Some(relative) = relative().filter(|path| !path.as_os_str().is_empty()) else {
        return false;
    };
    let ignored = repository.is_path_ignored(&relative).unwrap_or(false);
    ignored && !is_tracked(repository, &relative)
}

/// Whether the index has a file, or something below a directory.
fn is_tracked(repository: &Repository, path: &Path) -> bool {
    let Ok(index) = repository.index() else {
        return false;
    };
    let below = path.to_str().map(|path| format!("{path}/"));
    index.get_path(path, 0).is_some() || below.is_some_and(|below| index.find_prefix(below).is_ok())
}

/// The branch or tag that was meant, or some that there are.
fn near(repository: &Repository, rev: &str) -> String {
    let names = repository.references().map_or_else(
        |_| Vec::new(),
        |references| {
            let names = references.flatten().filter_map(|reference| {
                let name = reference.shorthand().ok()?;
                (name != "HEAD" && !name.ends_with("/HEAD")).then(|| name.to_owned())
            });
            names.collect::<Vec<_>>()
        },
    );
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    if let Some(name) = nearest(rev, &names) {
        return format!("did you mean `{name}`?");
    }
    if repository.is_shallow() {
        return "this clone is shallow: `git fetch --tags --unshallow`".to_owned();
    }
    let more = names.len().saturating_sub(NAMED_MAX);
    names.truncate(NAMED_MAX);
    match (names.len(), more) {
        (0, _) => "it has no commits on any branch yet".to_owned(),
        (_, 0) => format!("there are {}", names.join(", ")),
        (_, more) => format!("there are {} and {more} more", names.join(", ")),
    }
}

/// Names the source after the directory, where that is a name.
fn source_name(path: &Path) -> SourceName {
    std::path::absolute(path)
        .ok()
        .and_then(|path| Some(path.file_name()?.to_str()?.to_ascii_lowercase()))
        .and_then(|name| SourceName::try_new(name.trim_end_matches(".git")).ok())
        .unwrap_or_else(|| SourceName::try_new("fleet").expect("a DNS label"))
}
