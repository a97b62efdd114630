//! The Git repository that a person edits: made from the sample, with a hook that wakes the hub.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use git2::{IndexAddOption, Repository, RepositoryInitOptions, Signature};

use crate::sample::{Cluster, FILES};

/// The branch that the hub follows.
pub(crate) const BRANCH: &str = "main";

/// Makes the repository where there is none, and declares the clusters that it lacks.
pub(crate) fn prepare(path: &Path, clusters: &[Cluster], hub: &Path) -> anyhow::Result<()> {
    let fresh = !path.join(".git").exists();
    let repository = if fresh {
        init(path)?
    } else {
        Repository::open(path)?
    };
    if fresh {
        for (file, text) in FILES {
            write(path, file, text)?;
        }
    }
    let missing: Vec<_> = clusters
        .iter()
        .filter(|c| !path.join(c.path()).exists())
        .collect();
    for cluster in &missing {
        write(path, &cluster.path(), &cluster.document())?;
    }
    if fresh {
        commit(&repository, &["*"], "Declare the sample fleet")?;
    } else if !missing.is_empty() {
        let paths: Vec<_> = missing.iter().map(|cluster| cluster.path()).collect();
        commit(&repository, &paths, "Declare more clusters")?;
    }
    install_hook(path, hub)
}

fn init(path: &Path) -> anyhow::Result<Repository> {
    let mut options = RepositoryInitOptions::new();
    options.initial_head(BRANCH).external_template(false);
    let repository = Repository::init_opts(path, &options)
        .with_context(|| format!("cannot make a Git repository in {}", path.display()))?;
    // So that `git commit` works on a machine where nobody told Git who he is.
    let mut config = repository.config()?;
    config.set_str("user.name", "Playground")?;
    config.set_str("user.email", "playground@localhost")?;
    Ok(repository)
}

fn write(root: &Path, file: &str, text: &str) -> anyhow::Result<()> {
    let path = root.join(file);
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn commit(repository: &Repository, paths: &[impl AsRef<str>], message: &str) -> anyhow::Result<()> {
    let mut index = repository.index()?;
    let specs = paths.iter().map(AsRef::as_ref);
    index.add_all(specs, IndexAddOption::DEFAULT, None)?;
    index.write()?;
    let tree = repository.find_tree(index.write_tree()?)?;
    let who = Signature::now("Playground", "playground@localhost")?;
    let parent = repository
        .head()
        .ok()
        .and_then(|head| head.peel_to_commit().ok());
    let parents: Vec<_> = parent.iter().collect();
    repository
        .commit(Some("HEAD"), &who, &who, message, &tree, &parents)
        .context("cannot commit the sample fleet")?;
    Ok(())
}

/// Commits, merges and pulls wake the hub; it looks for itself what changed.
fn install_hook(repository: &Path, hub: &Path) -> anyhow::Result<()> {
    let script = format!(
        "#!/bin/sh\n\
         # Wakes the hub, which then looks for itself; without it the next poll would find the commit.\n\
         {} refresh >/dev/null 2>&1 || true\n",
        shell_quoted(hub)
    );
    for name in ["post-commit", "post-merge", "post-rewrite"] {
        let path = repository.join(".git/hooks").join(name);
        fs::create_dir_all(repository.join(".git/hooks"))?;
        fs::write(&path, &script).with_context(|| format!("cannot write {}", path.display()))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// A path as one word of a shell command.
pub(crate) fn shell_quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.:=@".contains(c);
    if text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
