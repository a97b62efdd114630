//! A Git repository whose commits say what runs where.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use git2::{IndexAddOption, Repository, RepositoryInitOptions, Signature};

/// A fleet repository with a work tree, on branch `main`.
pub struct Git {
    repository: Repository,
    path: PathBuf,
}

impl Git {
    /// An empty repository in `path`.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn init(path: &Path) -> anyhow::Result<Self> {
        let mut options = RepositoryInitOptions::new();
        options.initial_head("main").external_template(false);
        let repository = Repository::init_opts(path, &options)?;
        Ok(Self {
            repository,
            path: path.to_owned(),
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The branch's commit.
    ///
    /// # Errors
    /// When nothing was committed yet.
    pub fn head(&self) -> anyhow::Result<String> {
        Ok(self.repository.head()?.peel_to_commit()?.id().to_string())
    }

    /// Writes files (`None` removes one), commits, and gives the commit's id.
    ///
    /// # Errors
    /// When a file cannot be written or the commit cannot be made.
    pub fn commit(&self, files: &[(&str, Option<&str>)]) -> anyhow::Result<String> {
        for (file, text) in files {
            let path = self.path.join(file);
            match text {
                Some(text) => {
                    std::fs::create_dir_all(path.parent().context("a file has a directory")?)?;
                    std::fs::write(&path, text)?;
                }
                None => std::fs::remove_file(&path)?,
            }
        }
        let mut index = self.repository.index()?;
        index.add_all(["*"], IndexAddOption::DEFAULT, None)?;
        index.update_all(["*"], None)?;
        index.write()?;
        let tree = self.repository.find_tree(index.write_tree()?)?;
        let who = Signature::now("Tester", "tester@example.org")?;
        let parent = self
            .repository
            .head()
            .ok()
            .and_then(|head| head.peel_to_commit().ok());
        let parents: Vec<_> = parent.iter().collect();
        let id = self
            .repository
            .commit(Some("HEAD"), &who, &who, "Change", &tree, &parents)?;
        Ok(id.to_string())
    }
}
