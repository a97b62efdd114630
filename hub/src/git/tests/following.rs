//! Polling: what changed, how it is related to before, and what to say when nothing can be had.

use super::{Origin, oid, source};
use crate::git::{Auth, Follower, Limits, Problem, Relation, Source};

#[test]
fn polls_tell_first_same_and_fast_forward() {
    let origin = Origin::new();
    let one = origin.commit("main", &[("a.yaml", "1")]);
    let mut follower = origin.follow();
    assert_eq!(follower.head().unwrap(), None);
    let first = follower.poll(None).unwrap();
    assert_eq!(
        (first.relation, &first.commit.revision),
        (Relation::First, &one)
    );
    assert_eq!(first.commit.summary, "Change the fleet");
    assert_eq!(first.commit.author, "A Person");
    assert_eq!(first.commit.time.unix_ms(), 1_800_000_000_000);
    assert_eq!(follower.poll(Some(&one)).unwrap().relation, Relation::Same);
    let two = origin.commit("main", &[("a.yaml", "2")]);
    let three = origin.commit("main", &[("a.yaml", "3")]);
    let next = follower.poll(Some(&one)).unwrap();
    assert_eq!(
        (next.relation, &next.commit.revision),
        (Relation::FastForward, &three)
    );
    assert_eq!(next.previous, Some(one.clone()));
    let history = follower.history(&three, 10).unwrap();
    let revisions: Vec<_> = history.into_iter().map(|commit| commit.revision).collect();
    assert_eq!(revisions, [three, two, one]);
}

#[test]
fn a_copy_outlives_its_process_and_its_server() {
    let origin = Origin::new();
    let one = origin.commit("main", &[("a.yaml", "1")]);
    origin.follow().poll(None).unwrap();
    std::fs::remove_dir_all(origin.path()).unwrap();
    let mut follower = origin.follow();
    let problem = follower.poll(Some(&one)).unwrap_err();
    assert!(matches!(problem, Problem::NoDirectory { .. }), "{problem}");
    assert_eq!(follower.head().unwrap().unwrap().revision, one);
    assert_eq!(follower.tree(&one).unwrap().files().unwrap().files.len(), 1);
}

#[test]
fn a_rewritten_history_is_flagged_again_and_again_until_it_is_accepted() {
    let origin = Origin::new();
    let one = origin.commit("main", &[("a.yaml", "1")]);
    let two = origin.commit("main", &[("a.yaml", "2")]);
    let mut follower = origin.follow();
    follower.poll(None).unwrap();
    let other = origin.commit_onto(&[oid(&one)], "main", &[("a.yaml", "other")]);
    for _ in 0..2 {
        let fetched = follower.poll(Some(&two)).unwrap();
        assert_eq!(
            (fetched.relation, &fetched.commit.revision),
            (Relation::Rewritten, &other)
        );
    }
    let mut follower = origin.follow();
    assert_eq!(
        follower.poll(Some(&two)).unwrap().relation,
        Relation::Rewritten
    );
    assert_eq!(
        follower.poll(Some(&other)).unwrap().relation,
        Relation::Same
    );
    // Going back is not forward either.
    origin
        .repository
        .reference("refs/heads/main", oid(&one), true, "back")
        .unwrap();
    assert_eq!(
        follower.poll(Some(&two)).unwrap().relation,
        Relation::Rewritten
    );
    // A history without a common root, seen by a copy that never had the old one.
    let root = origin.commit_onto(&[], "main", &[("b.yaml", "new")]);
    std::fs::remove_dir_all(origin.copy()).unwrap();
    let fetched = origin.follow().poll(Some(&two)).unwrap();
    assert_eq!(
        (fetched.relation, fetched.commit.revision),
        (Relation::Rewritten, root)
    );
}

#[test]
fn many_packs_become_one_and_nothing_that_is_needed_is_lost() {
    let origin = Origin::new();
    let mut follower = origin.follow();
    let mut revisions = Vec::new();
    for at in 0..6 {
        let content = at.to_string();
        revisions.push(origin.commit("main", &[("a.yaml", &content), ("b/c.yaml", &content)]));
        follower.poll(revisions.first()).unwrap();
    }
    // The accepted revision is the first; history is rewritten, so that no branch leads to the second.
    let other = origin.commit_onto(&[], "main", &[("a.yaml", "other")]);
    follower.poll(revisions.first()).unwrap();
    let copy = git2::Repository::open_bare(origin.copy()).unwrap();
    assert!(!crate::git::repack::repack(&copy, 100).unwrap());
    assert!(crate::git::repack::repack(&copy, 1).unwrap());
    let packs = std::fs::read_dir(origin.copy().join("objects/pack")).unwrap();
    let packs = packs.filter(|entry| {
        entry
            .as_ref()
            .unwrap()
            .path()
            .extension()
            .is_some_and(|extension| extension == "pack")
    });
    assert_eq!(packs.count(), 1);
    for revision in [&revisions[0], &other] {
        let tree = follower.tree(revision).unwrap();
        let files = tree.files().unwrap();
        tree.read_all(&files, |_| true).unwrap();
    }
    let next = origin.commit("main", &[("a.yaml", "next")]);
    assert_eq!(follower.poll(Some(&other)).unwrap().commit.revision, next);
}

#[test]
fn a_wrong_branch_lists_near_ones() {
    let origin = Origin::new();
    origin.commit("main", &[("a.yaml", "1")]);
    origin.commit("mainframe", &[("a.yaml", "1")]);
    origin.commit("unrelated", &[("a.yaml", "1")]);
    let source = Source {
        branch: "mian".to_owned(),
        ..origin.source()
    };
    let mut follower = Follower::open(source, &origin.copy(), Limits::default()).unwrap();
    let problem = follower.poll(None).unwrap_err();
    let Problem::NoBranch { near, .. } = &problem else {
        panic!("{problem}")
    };
    assert_eq!(near[0], "main");
    assert!(!near.contains(&"unrelated".to_owned()));
    assert!(
        problem.to_string().contains("did you mean main"),
        "{problem}"
    );
}

#[test]
fn an_empty_repository_and_a_deleted_branch_are_told_apart() {
    let origin = Origin::new();
    let mut follower = origin.follow();
    let problem = follower.poll(None).unwrap_err();
    assert!(matches!(problem, Problem::Empty { .. }), "{problem}");
    let one = origin.commit("main", &[("a.yaml", "1")]);
    origin.commit("other", &[("a.yaml", "1")]);
    follower.poll(None).unwrap();
    origin
        .repository
        .find_reference("refs/heads/main")
        .unwrap()
        .delete()
        .unwrap();
    let problem = follower.poll(Some(&one)).unwrap_err();
    assert!(
        matches!(&problem, Problem::BranchDeleted { last, .. } if *last == one),
        "{problem}"
    );
    assert_eq!(follower.head().unwrap().unwrap().revision, one);
    origin
        .repository
        .reference("refs/heads/main", oid(&one), true, "back")
        .unwrap();
    assert_eq!(follower.poll(Some(&one)).unwrap().relation, Relation::Same);
}

#[test]
fn a_file_url_and_a_work_tree_are_followed_too() {
    let origin = Origin::new();
    let one = origin.commit("main", &[("a.yaml", "1")]);
    let url = format!("file://{}", origin.path().display());
    let mut follower = Follower::open(source(&url), &origin.copy(), Limits::default()).unwrap();
    assert_eq!(follower.poll(None).unwrap().commit.revision, one);
    let work = origin.directory.path().join("work");
    git2::build::RepoBuilder::new()
        .clone(&origin.path().to_string_lossy(), &work)
        .unwrap();
    let place = origin.directory.path().join("copy-of-work");
    let source = source(&work.to_string_lossy());
    let mut follower = Follower::open(source, &place, Limits::default()).unwrap();
    assert_eq!(follower.poll(None).unwrap().commit.revision, one);
}

#[test]
fn a_damaged_copy_is_moved_aside_and_made_again() {
    let origin = Origin::new();
    let one = origin.commit("main", &[("a.yaml", "1")]);
    origin.follow().poll(None).unwrap();
    std::fs::write(origin.copy().join("HEAD"), b"").unwrap();
    std::fs::remove_dir_all(origin.copy().join("refs")).unwrap();
    let mut follower = origin.follow();
    assert_eq!(follower.poll(Some(&one)).unwrap().relation, Relation::Same);
    assert!(origin.directory.path().join("copy.damaged-1").exists());
    let mut follower = follower.discard().unwrap();
    assert_eq!(follower.head().unwrap(), None);
    assert_eq!(follower.poll(Some(&one)).unwrap().relation, Relation::Same);
    assert!(origin.directory.path().join("copy.damaged-2").exists());
}

#[test]
fn an_object_missing_from_the_copy_is_a_problem_and_not_a_smaller_tree() {
    let origin = Origin::new();
    let one = origin.commit("main", &[("a.yaml", "1"), ("b/c.yaml", "2")]);
    let mut follower = origin.follow();
    follower.poll(None).unwrap();
    for folder in ["pack", "."] {
        let folder = origin.copy().join("objects").join(folder);
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.ends_with(".pack") || name.ends_with(".idx") {
                std::fs::remove_file(&path).unwrap();
            } else if name.len() == 2 {
                std::fs::remove_dir_all(&path).unwrap();
            }
        }
    }
    let problem = follower.tree(&one).unwrap().files().unwrap_err();
    assert!(matches!(problem, Problem::Copy { .. }), "{problem}");
    let mut follower = follower.discard().unwrap();
    follower.poll(Some(&one)).unwrap();
    assert_eq!(follower.tree(&one).unwrap().files().unwrap().files.len(), 2);
}

/// Sources that cannot work, and words of the refusal.
fn unworkable() -> Vec<(Source, &'static str)> {
    let token = Auth::Token {
        username: "x".into(),
        file: "/nowhere".into(),
    };
    let ssh = Auth::Ssh {
        username: "git".into(),
        key: "/k".into(),
        known_hosts: "/h".into(),
    };
    vec![
        (source("git@host.example:a/b.git"), "ssh://git@HOST/PATH"),
        (source("git://host.example/a"), "must begin with"),
        (source("ext::sh -c x"), "must be https://"),
        (source("relative/path"), "absolute path"),
        (source("file://relative"), "absolute"),
        (
            source("https://user:secret@host.example/a"),
            "must not hold credentials",
        ),
        (source("https://-oProxyCommand=x/a"), "no usable host"),
        (source("ssh://git@host.example/a"), "needs a key"),
        (source("http://host.example/a"), "use https:// or ssh://"),
        (
            source("http://localhost.example/a"),
            "use https:// or ssh://",
        ),
        (
            Source {
                auth: token.clone(),
                ..source("http://host.example/a")
            },
            "unencrypted",
        ),
        (
            Source {
                auth: token,
                ..source("ssh://git@host.example/a")
            },
            "takes a key",
        ),
        (
            Source {
                auth: ssh,
                ..source("https://host.example/a")
            },
            "ssh:// URL only",
        ),
        (
            Source {
                branch: "a..b".into(),
                ..source("/a")
            },
            "no valid branch name",
        ),
        (
            Source {
                path: "../up".into(),
                ..source("/a")
            },
            "folder inside",
        ),
        (
            Source {
                path: "/abs".into(),
                ..source("/a")
            },
            "folder inside",
        ),
    ]
}

#[test]
fn what_cannot_work_is_refused_before_anything_is_tried() {
    let directory = tempfile::tempdir().unwrap();
    let refused = |source: Source| {
        Follower::open(source, &directory.path().join("copy"), Limits::default())
            .err()
            .map(|problem| problem.to_string())
    };
    for (source, words) in unworkable() {
        let shown = format!("{} {} {}", source.url, source.branch, source.path);
        let said = refused(source);
        match said {
            Some(said) => assert!(said.contains(words) && !said.contains("secret"), "{said}"),
            None => panic!("{shown} was not refused"),
        }
    }
}
