//! A Git repository on disk, written by tests.

use std::path::{Path, PathBuf};

/// The repository.
pub(crate) struct Repository {
    path: PathBuf,
    git: git2::Repository,
}

impl Repository {
    /// An empty one, whose branch will be `main`.
    pub(crate) fn new(path: &Path) -> Self {
        let mut options = git2::RepositoryInitOptions::new();
        options.initial_head("main");
        let git = git2::Repository::init_opts(path, &options).unwrap();
        Self {
            path: path.to_owned(),
            git,
        }
    }

    /// Commits files; `None` removes one.
    pub(crate) fn commit(&self, files: &[(&str, Option<&str>)]) -> String {
        let mut index = self.git.index().unwrap();
        for (path, text) in files {
            let file = self.path.join(path);
            match text {
                Some(text) => {
                    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                    std::fs::write(&file, text).unwrap();
                    index.add_path(Path::new(path)).unwrap();
                }
                None => {
                    std::fs::remove_file(&file).unwrap();
                    index.remove_path(Path::new(path)).unwrap();
                }
            }
        }
        self.commit_index(&mut index)
    }

    /// Commits a symbolic link in the place of a file, or of a directory with everything below it.
    pub(crate) fn link(&self, path: &str, target: &str) -> String {
        let mut index = self.git.index().unwrap();
        drop(index.remove_path(Path::new(path)));
        index.remove_dir(Path::new(path), 0).unwrap();
        let entry = git2::IndexEntry {
            ctime: git2::IndexTime::new(0, 0),
            mtime: git2::IndexTime::new(0, 0),
            dev: 0,
            ino: 0,
            mode: 0o120_000,
            uid: 0,
            gid: 0,
            file_size: 0,
            id: git2::Oid::from_bytes(&[0; 20]).unwrap(),
            flags: 0,
            flags_extended: 0,
            path: path.as_bytes().to_vec(),
        };
        index.add_frombuffer(&entry, target.as_bytes()).unwrap();
        self.commit_index(&mut index)
    }

    /// Commits the removal of a symbolic link.
    pub(crate) fn unlink(&self, path: &str) -> String {
        let mut index = self.git.index().unwrap();
        index.remove_path(Path::new(path)).unwrap();
        self.commit_index(&mut index)
    }

    fn commit_index(&self, index: &mut git2::Index) -> String {
        index.write().unwrap();
        let tree = self.git.find_tree(index.write_tree().unwrap()).unwrap();
        let author = git2::Signature::now("Somebody", "somebody@fleet.example").unwrap();
        let head = self
            .git
            .head()
            .ok()
            .and_then(|head| head.peel_to_commit().ok());
        let parents: Vec<_> = head.iter().collect();
        let id = self
            .git
            .commit(
                Some("HEAD"),
                &author,
                &author,
                "Change the fleet",
                &tree,
                &parents,
            )
            .unwrap();
        id.to_string()
    }

    /// Makes the branch point elsewhere, as a force-push does.
    pub(crate) fn reset(&self, revision: &str) {
        let oid = git2::Oid::from_str(revision).unwrap();
        let commit = self.git.find_object(oid, None).unwrap();
        self.git
            .reset(&commit, git2::ResetType::Hard, None)
            .unwrap();
    }

    /// Renames the branch, so that the one that is followed is gone.
    pub(crate) fn rename_branch(&self, from: &str, to: &str) {
        let mut branch = self.git.find_branch(from, git2::BranchType::Local).unwrap();
        branch.rename(to, true).unwrap();
    }
}

/// A Cluster document.
pub(crate) fn cluster(name: &str) -> String {
    format!(
        "apiVersion: capstan.dev/v1alpha1\nkind: Cluster\nmetadata: {{name: {name}, labels: {{env: test}}}}\n---\n"
    )
}

/// A bundle `name` in `apps/<name>`, placed on every cluster.
pub(crate) fn everywhere(name: &str) -> String {
    format!(
        "apiVersion: capstan.dev/v1alpha1\nkind: Bundle\nmetadata: {{name: {name}}}\nspec: {{path: apps/{name}}}\n---\n\
         apiVersion: capstan.dev/v1alpha1\nkind: Placement\nmetadata: {{name: {name}}}\n\
         spec: {{bundles: [{name}], clusters: [{{matchLabels: {{env: test}}}}]}}\n"
    )
}

/// A ConfigMap.
pub(crate) fn config_map(name: &str, value: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: default}}\ndata: {{value: \"{value}\"}}\n---\n"
    )
}
