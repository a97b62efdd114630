//! Following real repositories, made here, and servers that misbehave.

use std::path::{Path, PathBuf};

use capstan_proto::{Revision, SourceName};
use git2::{Oid, Repository, Signature, Time};

use super::{Auth, Follower, Limits, Problem, Source, Tree};

mod following;
mod reading;
mod servers;
mod tags;

/// A repository to be followed, and a place for the copy.
struct Origin {
    directory: tempfile::TempDir,
    repository: Repository,
}

impl Origin {
    fn new() -> Self {
        super::options::prepare().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let mut options = git2::RepositoryInitOptions::new();
        options.bare(true).initial_head("main");
        let repository = Repository::init_opts(directory.path().join("origin"), &options).unwrap();
        Self {
            directory,
            repository,
        }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("origin")
    }

    fn copy(&self) -> PathBuf {
        self.directory.path().join("copy")
    }

    /// Commits files (path, content) onto a branch, or onto nothing; returns the commit.
    fn commit_onto(&self, parents: &[Oid], branch: &str, files: &[(&str, &str)]) -> Revision {
        let mut builder = Vec::new();
        for (path, content) in files {
            builder.push((
                *path,
                self.repository.blob(content.as_bytes()).unwrap(),
                0o100_644,
            ));
        }
        let tree = self.tree_of(&builder);
        self.commit_tree(parents, branch, tree)
    }

    fn commit_tree(&self, parents: &[Oid], branch: &str, tree: Oid) -> Revision {
        let repository = &self.repository;
        let parents: Vec<_> = parents
            .iter()
            .map(|oid| repository.find_commit(*oid).unwrap())
            .collect();
        let parents: Vec<&git2::Commit<'_>> = parents.iter().collect();
        let who = Signature::new("A Person", "person@example", &Time::new(1_800_000_000, 0));
        let who = who.unwrap();
        let tree = repository.find_tree(tree).unwrap();
        let message = "Change the fleet\n\nBecause.";
        let oid = repository
            .commit(None, &who, &who, message, &tree, &parents)
            .unwrap();
        repository
            .reference(&format!("refs/heads/{branch}"), oid, true, "test")
            .unwrap();
        Revision::try_new(oid.to_string()).unwrap()
    }

    /// Commits files on top of a branch.
    fn commit(&self, branch: &str, files: &[(&str, &str)]) -> Revision {
        let head = self
            .repository
            .refname_to_id(&format!("refs/heads/{branch}"))
            .ok();
        self.commit_onto(head.as_slice(), branch, files)
    }

    /// A tree of entries whose paths may have folders.
    fn tree_of(&self, entries: &[(&str, Oid, i32)]) -> Oid {
        let mut builder = self.repository.treebuilder(None).unwrap();
        let mut folders: std::collections::BTreeMap<&str, Vec<(&str, Oid, i32)>> =
            std::collections::BTreeMap::new();
        for (path, oid, mode) in entries {
            match path.split_once('/') {
                Some((folder, rest)) => {
                    folders.entry(folder).or_default().push((rest, *oid, *mode))
                }
                None => drop(builder.insert(path, *oid, *mode).unwrap()),
            }
        }
        for (folder, entries) in folders {
            builder
                .insert(folder, self.tree_of(&entries), 0o040_000)
                .unwrap();
        }
        builder.write().unwrap()
    }

    fn source(&self) -> Source {
        source(&self.path().to_string_lossy())
    }

    fn follow(&self) -> Follower {
        Follower::open(self.source(), &self.copy(), Limits::default()).unwrap()
    }

    fn tree(&self, revision: &Revision, path: &str, limits: Limits) -> Result<Tree, Problem> {
        let source = Source {
            path: path.to_owned(),
            ..self.source()
        };
        Tree::open(&self.copy(), &source, revision, limits)
    }
}

fn source(url: &str) -> Source {
    Source {
        name: SourceName::try_new("platform").unwrap(),
        url: url.to_owned(),
        branch: "main".to_owned(),
        path: String::new(),
        auth: Auth::None,
    }
}

fn oid(revision: &Revision) -> Oid {
    Oid::from_str(revision.as_str()).unwrap()
}

fn write(path: &Path, text: &str) -> PathBuf {
    std::fs::write(path, text).unwrap();
    path.to_owned()
}
