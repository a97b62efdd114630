//! What paths and revisions name.

use std::fs;
use std::path::{Path, PathBuf};

use expect_test::{Expect, expect};
use git2::{Repository, Signature};

use super::{At, Checkout};

/// A repository with the fleet in `fleet/`, one commit and a tag.
fn repository() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("checkout");
    fs::create_dir_all(root.join("fleet/apps")).unwrap();
    fs::create_dir_all(root.join("fleet/build")).unwrap();
    fs::write(root.join("fleet/a.yaml"), "a: 1\n").unwrap();
    fs::write(root.join("fleet/apps/b.yml"), "b: 1\n").unwrap();
    fs::write(root.join("fleet/notes.txt"), "no\n").unwrap();
    fs::write(root.join("fleet/build/made.yaml"), "made: 1\n").unwrap();
    fs::write(root.join(".gitignore"), "build/\n").unwrap();
    let mut options = git2::RepositoryInitOptions::new();
    let repository = Repository::init_opts(&root, options.initial_head("main")).unwrap();
    let mut index = repository.index().unwrap();
    index
        .add_all(["*"], git2::IndexAddOption::DEFAULT, None)
        .unwrap();
    index.write().unwrap();
    let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
    let author = Signature::now("fleet", "fleet@example.com").unwrap();
    let commit = repository
        .commit(Some("HEAD"), &author, &author, "first", &tree, &[])
        .unwrap();
    let commit = repository.find_object(commit, None).unwrap();
    repository
        .tag_lightweight("shop/v1.0.0", &commit, false)
        .unwrap();
    fs::write(root.join("fleet/a.yaml"), "a: 2\n").unwrap();
    directory
}

fn check(path: PathBuf, within: &str, rev: Option<&str>, expected: &Expect) {
    let root = path
        .ancestors()
        .find(|path| path.ends_with("checkout") || path.ends_with("checkout.git"))
        .and_then(Path::parent)
        .unwrap_or(Path::new("/"))
        .display()
        .to_string();
    let tree = Checkout::open(&path, within).and_then(|checkout| {
        let at = checkout.or_present(rev);
        checkout.tree(&at)
    });
    let said = match tree {
        Ok(tree) => {
            let line = |(path, file): (&String, &capstan_hub_core::spec::File)| {
                format!("{path}: {}", String::from_utf8_lossy(file.bytes()))
            };
            tree.files.iter().map(line).collect()
        }
        Err(problem) => format!("{problem}\n").replace(&root, ""),
    };
    expected.assert_eq(&said);
}

#[test]
fn files_on_disk_are_read_without_what_git_ignores() {
    let directory = repository();
    let root = directory.path().join("checkout");
    let all = expect![[r#"
        a.yaml: a: 2
        apps/b.yml: b: 1
    "#]];
    check(root.join("fleet"), "", None, &all);
    let apps = expect![[r#"
        b.yml: b: 1
    "#]];
    check(root.clone(), "fleet/apps/", None, &apps);
    let asked = expect![[r#"
        made.yaml: made: 1
    "#]];
    check(root.join("fleet/build"), "", None, &asked);
}

#[test]
fn a_commit_is_read_below_the_directory_that_is_named() {
    let directory = repository();
    let root = directory.path().join("checkout");
    let committed = expect![[r#"
        a.yaml: a: 1
        apps/b.yml: b: 1
    "#]];
    check(root.join("fleet"), "", Some("shop/v1.0.0"), &committed);
    check(root.clone(), "fleet", Some("main"), &committed);
    check(root.join(".git"), "fleet", Some("HEAD"), &committed);
}

#[test]
fn a_bare_repository_has_its_head() {
    let directory = repository();
    let bare = directory.path().join("checkout.git");
    Repository::clone(
        directory.path().join("checkout").to_str().unwrap(),
        directory.path().join("clone"),
    )
    .unwrap();
    fs::rename(directory.path().join("clone/.git"), &bare).unwrap();
    let repository = Repository::open(&bare).unwrap();
    repository
        .config()
        .unwrap()
        .set_bool("core.bare", true)
        .unwrap();
    let head = expect![[r#"
        a.yaml: a: 1
        apps/b.yml: b: 1
    "#]];
    check(bare.clone(), "fleet", None, &head);
    let checkout = Checkout::open(&bare, "fleet").unwrap();
    assert!(checkout.is_bare());
    assert!(checkout.tree(&At::Disk).is_err());
    assert_eq!(checkout.source().as_str(), "checkout");
}

#[test]
fn what_is_not_there_is_said_with_what_is_nearest() {
    let directory = repository();
    let root = directory.path().join("checkout");
    check(
        root.join("flet"),
        "",
        None,
        &expect![[r#"
            there is no /checkout/flet (name a directory with fleet files, or a Git repository)
        "#]],
    );
    check(
        root.join("fleet/a.yaml"),
        "",
        None,
        &expect![[r#"
            /checkout/fleet/a.yaml is a file (name the directory that it is in)
        "#]],
    );
    check(
        root.clone(),
        "",
        Some("shop/v1.0.1"),
        &expect![[r#"
            there is no revision `shop/v1.0.1` in /checkout (did you mean `shop/v1.0.0`?)
        "#]],
    );
    check(
        root,
        "",
        Some("x"),
        &expect![[r#"
            there is no revision `x` in /checkout (there are main, shop/v1.0.0)
        "#]],
    );
}
