//! Tags: noted by their commits, followed when they move, gone when they are gone.

use super::{Origin, oid};
use crate::git::repack;

fn tag(origin: &Origin, name: &str, revision: &capstan_proto::Revision, annotated: bool) {
    let repository = &origin.repository;
    let object = repository.find_object(oid(revision), None).unwrap();
    let made = if annotated {
        let who = git2::Signature::now("A Person", "person@example").unwrap();
        repository.tag(name, &object, &who, "a release", true)
    } else {
        repository.tag_lightweight(name, &object, true)
    };
    made.unwrap();
}

#[test]
fn a_tag_is_followed_through_everything_that_becomes_of_it() {
    let origin = Origin::new();
    let one = origin.commit("main", &[("a.yaml", "1")]);
    let two = origin.commit("main", &[("a.yaml", "2")]);
    let mut follower = origin.follow();
    assert!(!follower.poll(None).unwrap().tags_moved);
    assert!(follower.pinned("v1").unwrap().is_err());
    for annotated in [true, false] {
        tag(&origin, "team/v1", &one, annotated);
        assert!(follower.poll(Some(&two)).unwrap().tags_moved);
        assert!(!follower.poll(Some(&two)).unwrap().tags_moved);
        assert_eq!(follower.pinned("team/v1").unwrap(), Ok(one.clone()));
        tag(&origin, "team/v1", &two, annotated);
        assert!(follower.poll(Some(&two)).unwrap().tags_moved);
        assert_eq!(follower.pinned("team/v1").unwrap(), Ok(two.clone()));
        origin.repository.tag_delete("team/v1").unwrap();
        assert!(follower.poll(Some(&two)).unwrap().tags_moved);
        assert!(follower.pinned("team/v1").unwrap().is_err());
    }
}

#[test]
fn a_tag_off_the_branch_outlives_a_repack_and_a_restart() {
    let origin = Origin::new();
    let one = origin.commit("main", &[("a.yaml", "1")]);
    let beside = origin.commit_onto(&[oid(&one)], "beside", &[("a.yaml", "beside")]);
    origin.follow().poll(None).unwrap();
    tag(&origin, "v1", &beside, true);
    assert!(origin.follow().poll(Some(&one)).unwrap().tags_moved);
    let copy = git2::Repository::open_bare(origin.copy()).unwrap();
    repack::repack(&copy, 0).unwrap();
    let follower = origin.follow();
    assert_eq!(follower.pinned("v1").unwrap(), Ok(beside.clone()));
    assert_eq!(
        follower.tree(&beside).unwrap().files().unwrap().files.len(),
        1
    );
}

#[test]
fn a_pin_is_a_tag_or_a_commit_and_never_a_branch() {
    let origin = Origin::new();
    let one = origin.commit("main", &[("a.yaml", "1")]);
    let follower = {
        let mut follower = origin.follow();
        follower.poll(None).unwrap();
        follower
    };
    assert_eq!(follower.pinned(one.as_str()).unwrap(), Ok(one.clone()));
    assert_eq!(
        follower.pinned(&one.as_str()[..9]).unwrap(),
        Ok(one.clone())
    );
    for text in [
        "main",
        "HEAD",
        "refs/heads/main",
        "refs/capstan/head",
        "..",
        "a b",
        "",
        &one.as_str()[..6],
    ] {
        assert!(follower.pinned(text).unwrap().is_err(), "{text}");
    }
}
