//! Revisions that placements pin, from a repository to clusters.

use capstan_proto::{BundleName, PlacementName};
use git2::{Oid, Repository, Signature, Time};

use super::super::source::Archive;
use super::*;
use crate::git::{Auth, Follower, Limits};

/// A repository, and the hub's copy of it.
struct Origin {
    directory: tempfile::TempDir,
    repository: Repository,
}

impl Origin {
    fn new() -> Self {
        crate::git::options::prepare().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(directory.path().join("origin")).unwrap();
        Self {
            directory,
            repository,
        }
    }

    fn archive(&self) -> Archive {
        Archive {
            source: crate::git::Source {
                name: source(),
                url: self.directory.path().join("origin").display().to_string(),
                branch: "main".to_owned(),
                path: String::new(),
                auth: Auth::None,
            },
            directory: self.directory.path().join("copy"),
        }
    }

    fn commit(&self, files: &[(&str, &str)]) -> Oid {
        let repository = &self.repository;
        let mut index = git2::Index::new().unwrap();
        for (path, text) in files {
            let entry = git2::IndexEntry {
                ctime: git2::IndexTime::new(0, 0),
                mtime: git2::IndexTime::new(0, 0),
                dev: 0,
                ino: 0,
                mode: 0o100_644,
                uid: 0,
                gid: 0,
                file_size: 0,
                id: repository.blob(text.as_bytes()).unwrap(),
                flags: 0,
                flags_extended: 0,
                path: path.as_bytes().to_vec(),
            };
            index.add(&entry).unwrap();
        }
        let tree = index.write_tree_to(repository).unwrap();
        let tree = repository.find_tree(tree).unwrap();
        let parent = repository.find_reference("refs/heads/main").ok();
        let parent = parent.map(|head| head.peel_to_commit().unwrap());
        let who =
            Signature::new("A Person", "person@example", &Time::new(1_800_000_000, 0)).unwrap();
        let parents: Vec<_> = parent.iter().collect();
        repository
            .commit(
                Some("refs/heads/main"),
                &who,
                &who,
                "Change",
                &tree,
                &parents,
            )
            .unwrap()
    }

    /// An annotated tag; one of that name moves.
    fn tag(&self, name: &str, commit: Oid) {
        let who =
            Signature::new("A Person", "person@example", &Time::new(1_800_000_000, 0)).unwrap();
        let object = self.repository.find_object(commit, None).unwrap();
        self.repository
            .tag(name, &object, &who, "a release", true)
            .unwrap();
    }

    /// Polls, and says what the engine is told.
    fn poll(&self, state: &mut State) -> Vec<Effect> {
        let archive = self.archive();
        let limits = Limits::default();
        let mut follower = Follower::open(archive.source, &archive.directory, limits).unwrap();
        let fetched = follower.poll(None).unwrap();
        let mut effects = Vec::new();
        if fetched.tags_moved {
            effects.extend(state.handle(Event::Tagged(source()), NOW));
        }
        let revision = fetched.commit.revision.clone();
        let known = state.trees[&source()].as_ref().map(|tree| &tree.revision);
        if known != Some(&revision) {
            let tree = follower.tree(&revision).unwrap();
            let (tree, _) = crate::history::read_tree(&tree, &BTreeMap::new()).unwrap();
            let answer = Polled::Head {
                commit: Box::new(fetched.commit),
                tree: Arc::new(tree),
                at: Some(NOW),
            };
            let event = Event::Polled {
                source: source(),
                answer,
            };
            effects.extend(state.handle(event, NOW));
        }
        effects
    }
}

fn hub(origin: &Origin) -> State {
    let mut state = state();
    state.setting.archives = Arc::new(BTreeMap::from([(source(), origin.archive())]));
    state
}

fn files(image: &str, placement: &str) -> Vec<(&'static str, String)> {
    let bundle = "apiVersion: capstan.dev/v1alpha1\nkind: Bundle\nmetadata: {name: web}\nspec: {path: apps}\n";
    let placement = format!(
        "apiVersion: capstan.dev/v1alpha1\nkind: Placement\nmetadata: {{name: web}}\nspec:\n  bundles: [web]\n  clusters: [{{}}]\n{placement}"
    );
    let object = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a, namespace: b}}\ndata: {{image: {image}}}\n"
    );
    vec![
        ("apps/a.yaml", object),
        ("bundle.yaml", bundle.to_owned()),
        ("placement.yaml", placement),
        ("one.yaml", declared("one")),
        ("two.yaml", declared("two")),
    ]
}

fn commit_of(origin: &Origin, image: &str, placement: &str) -> Oid {
    let files = files(image, placement);
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, text)| (*path, text.as_str()))
        .collect();
    origin.commit(&files)
}

fn passed(state: &mut State, effects: Vec<Effect>) {
    let mut inputs = passes(effects);
    assert_eq!(inputs.len(), 1, "one pass begins");
    let effects = state.handle(Event::Passed(Box::new(pass::run(inputs.remove(0)))), NOW);
    if let Some(input) = passes(effects).into_iter().next() {
        state.handle(Event::Passed(Box::new(pass::run(input))), NOW);
    }
}

/// The image that each cluster gets.
fn images(state: &State) -> Vec<String> {
    let web = BundleName::try_new(source(), "web").unwrap();
    let image = |name: &str| {
        let cluster = ClusterName::try_new(name).unwrap();
        let instance = state.memory.rendered.get(&cluster, &web)?.as_ref().ok()?;
        let text = instance
            .bytes
            .values()
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let text = text.collect::<String>();
        let mut known = ["v1", "v2", "v3"].into_iter();
        known
            .find(|v| text.contains(&format!("\"image\":\"{v}\"")))
            .map(str::to_owned)
    };
    ["one", "two"]
        .map(|name| image(name).unwrap_or_default())
        .to_vec()
}

fn given(state: &State) -> Vec<capstan_proto::Digest> {
    let cluster = |name| &state.clusters[&ClusterName::try_new(name).unwrap()];
    ["one", "two"]
        .map(|name| cluster(name).given.as_ref().unwrap().triple.digest)
        .to_vec()
}

#[test]
fn promotion_is_one_line_and_a_canary_is_an_override() {
    let origin = Origin::new();
    let mut state = hub(&origin);
    let first = commit_of(&origin, "v1", "");
    origin.tag("web/v1", first);
    let second = commit_of(&origin, "v2", "  revision: web/v1\n");
    origin.tag("web/v2", second);
    let effects = origin.poll(&mut state);
    passed(&mut state, effects);
    assert_eq!(images(&state), ["v1", "v1"], "{:?}", state.problems);
    let canary =
        "  revision: web/v1\n  overrides:\n  - clusters: [{names: [two]}]\n    revision: web/v2\n";
    commit_of(&origin, "v3", canary);
    let effects = origin.poll(&mut state);
    passed(&mut state, effects);
    assert_eq!(images(&state), ["v1", "v2"]);
    commit_of(
        &origin,
        "v3",
        &format!("  revision: {}\n", &second.to_string()[..12]),
    );
    let effects = origin.poll(&mut state);
    passed(&mut state, effects);
    assert_eq!(images(&state), ["v2", "v2"], "{:?}", state.problems);
    assert!(state.problems.is_empty(), "{:?}", state.problems);
}

#[test]
fn a_branch_is_no_pin_and_the_problem_says_where_it_is_now() {
    let origin = Origin::new();
    let mut state = hub(&origin);
    commit_of(&origin, "v1", "  revision: main\n");
    let effects = origin.poll(&mut state);
    passed(&mut state, effects);
    let head = origin.repository.refname_to_id("refs/heads/main").unwrap();
    let told: Vec<String> = state.problems.iter().map(ToString::to_string).collect();
    let expected = format!(
        "error[E0211]: `main` is a branch, which moves; a pin is a tag or a commit (write {head}, where it is now,"
    );
    assert!(told.len() == 1 && told[0].contains(&expected), "{told:?}");
}

#[test]
fn a_tag_that_is_missing_keeps_what_is_there_and_is_a_problem_where_it_stands() {
    let origin = Origin::new();
    let mut state = hub(&origin);
    let first = commit_of(&origin, "v1", "");
    origin.tag("v1", first);
    let effects = origin.poll(&mut state);
    passed(&mut state, effects);
    let before = given(&state);
    commit_of(&origin, "v2", "  revision: v2\n");
    let effects = origin.poll(&mut state);
    passed(&mut state, effects);
    assert_eq!(given(&state), before);
    let told: Vec<String> = state.problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "placement.yaml:7:13: error[E0211]: `v2` cannot be read: the source has no tag or commit `v2` (push the tag, or name another one; what is there stays until then; in a clone without tags: `git fetch --tags --unshallow`)"
        ]
    );
    // The tag comes without a commit on the branch.
    let head = origin.repository.refname_to_id("refs/heads/main").unwrap();
    origin.tag("v2", head);
    let effects = origin.poll(&mut state);
    passed(&mut state, effects);
    assert_eq!(images(&state), ["v2", "v2"]);
    assert_ne!(given(&state), before);
    // It moves, and is followed; it goes, and what it brought stays.
    origin.tag("v2", first);
    let effects = origin.poll(&mut state);
    passed(&mut state, effects);
    assert_eq!(images(&state), ["v1", "v1"]);
    let told: Vec<String> = state.problems.iter().map(ToString::to_string).collect();
    let (from, to) = (&head.to_string()[..12], &first.to_string()[..12]);
    assert_eq!(
        told,
        [format!(
            "placement.yaml:7:13: warning[E0505]: `v2` led to commit {from}, and leads to {to} now, which is followed (write {from} to keep what was there)"
        )]
    );
    let after = given(&state);
    origin.repository.tag_delete("v2").unwrap();
    let effects = origin.poll(&mut state);
    passed(&mut state, effects);
    assert_eq!(given(&state), after);
    assert_eq!(state.problems.len(), 1);
    let web = PlacementName::try_new(source(), "web").unwrap();
    assert_eq!(
        state
            .memory
            .decisions
            .placements
            .get(&web)
            .unwrap()
            .selected_count(),
        2
    );
}

/// What is told, by a hub that was stopped and started with what it kept.
fn told_after_a_start(origin: &Origin, store: &crate::store::Store) -> Vec<String> {
    let mut state = state_of(Restored {
        pins: super::super::pins::recall(store).unwrap(),
        ..restored()
    });
    state.setting.archives = Arc::new(BTreeMap::from([(source(), origin.archive())]));
    let effects = origin.poll(&mut state);
    let mut inputs = passes(effects);
    let effects = state.handle(Event::Passed(Box::new(pass::run(inputs.remove(0)))), NOW);
    keep(store, effects);
    state.problems.iter().map(ToString::to_string).collect()
}

fn keep(store: &crate::store::Store, effects: Vec<Effect>) {
    for effect in effects {
        if let Effect::RememberPins(changes) = effect {
            super::super::pins::remember(store, changes).unwrap();
        }
    }
}

#[test]
fn where_a_tag_led_first_is_known_over_a_restart_and_is_forgotten_with_the_store() {
    let directory = tempfile::tempdir().unwrap();
    let store = crate::store::Store::open(directory.path()).unwrap().store;
    let origin = Origin::new();
    let first = commit_of(&origin, "v1", "");
    origin.tag("web/v1", first);
    let second = commit_of(&origin, "v2", "  revision: web/v1\n");
    assert_eq!(told_after_a_start(&origin, &store), [""; 0]);
    // It moves while no hub runs, and every start tells so, as a hub that runs does.
    origin.tag("web/v1", second);
    let (from, to) = (&first.to_string()[..12], &second.to_string()[..12]);
    let moved = format!("`web/v1` led to commit {from}, and leads to {to} now");
    for _ in 0..2 {
        let told = told_after_a_start(&origin, &store);
        assert!(told.len() == 1 && told[0].contains(&moved), "{told:?}");
    }
    let lost = tempfile::tempdir().unwrap();
    let lost = crate::store::Store::open(lost.path()).unwrap().store;
    assert_eq!(told_after_a_start(&origin, &lost), [""; 0]);
    // It leads there again; and nothing asks for it.
    origin.tag("web/v1", first);
    assert_eq!(told_after_a_start(&origin, &store), [""; 0]);
    commit_of(&origin, "v2", "");
    assert_eq!(told_after_a_start(&origin, &store), [""; 0]);
    assert_eq!(super::super::pins::recall(&store).unwrap(), BTreeMap::new());
}

#[test]
fn a_source_that_is_not_read_yet_may_ask_for_what_is_pinned() {
    let pin = capstan_hub_core::spec::PinName {
        source: source(),
        text: "web/v1".to_owned(),
    };
    let commit = Revision::try_new("a".repeat(40)).unwrap();
    let restored = Restored {
        pins: BTreeMap::from([(pin, commit)]),
        ..restored()
    };
    let other = SourceName::try_new("other").unwrap();
    let mut state = state_of(restored);
    state.trees.insert(other, None);
    let input = passes(state.handle(head('a', &["one"]), NOW)).remove(0);
    let outcome = pass::run(input);
    assert_eq!(outcome.pinned, BTreeMap::new());
}

#[test]
fn what_is_pinned_is_read_once() {
    let origin = Origin::new();
    let mut state = hub(&origin);
    let first = commit_of(&origin, "v1", "");
    origin.tag("v1", first);
    commit_of(&origin, "v2", "  revision: v1\n");
    let effects = origin.poll(&mut state);
    passed(&mut state, effects);
    // The copy is gone, and nothing asks for it.
    std::fs::remove_dir_all(origin.archive().directory).unwrap();
    let effects = state.handle(Event::Tick, NOW.plus_ms(60_000));
    passed(&mut state, effects);
    assert_eq!(images(&state), ["v1", "v1"]);
    assert!(state.problems.is_empty(), "{:?}", state.problems);
}
