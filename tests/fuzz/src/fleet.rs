//! Whole fleets: bytes to commits of files, loaded one after another, and rendered.
//!
//! | line | what it does |
//! |---|---|
//! | `== PATH` | begins a file of the source `main`; `== other:PATH` one of `other`, `== team:PATH` one of `team`, which is restricted |
//! | `!= PATH` | an entry that the shell refused to read |
//! | `===` | begins the next commit, which is loaded after this one |
//! | `@KIND` or `@KIND NAME` | the lines that every fleet document begins with |
//!
//! What stands before the first `== ` is `fleet.yaml`. Every other line is content, as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_hub_core::desired::{Running, desired};
use capstan_hub_core::inventory::Inventory;
use capstan_hub_core::limits;
use capstan_hub_core::manifest::{self, Instance, Rendered};
use capstan_hub_core::placement::{Decisions, resolve};
use capstan_hub_core::problem::{Problem, Severity};
use capstan_hub_core::spec::{
    self, Kinds, PinState, Restriction, Rules, SourceState, Spec, Tree, Trees,
};
use capstan_hub_core::yaml::{self, Dialect, Node, Value};
use capstan_proto::limits::OBJECT_BYTES_MAX;
use capstan_proto::{BundleName, ClusterName, Digest, Revision, SourceName};

use crate::Answer;

/// Most commits of one input: a third one is loaded after what a broken second one left.
const COMMITS_MAX: usize = 3;

/// Longest sentence or hint of a problem: what is quoted in it is cut before.
const WORDS_BYTES_MAX: usize = 2 * limits::SENTENCE_BYTES_MAX;

/// One commit: what is there of every source.
#[derive(Debug, Default)]
struct Commit {
    files: BTreeMap<(&'static str, String), Vec<u8>>,
    refused: BTreeMap<String, String>,
}

/// Loads every commit after the one before. No load panics, answers differently a second time,
/// refuses in silence, or finds more than its input pays for.
pub fn load(bytes: &[u8]) -> Answer {
    let mut before: Option<Spec> = None;
    let mut good = true;
    for trees in commits(bytes) {
        values_are_bounded(&trees, Dialect::Fleet);
        let (trees, found) = loaded(trees, before.as_ref());
        load_is_lawful(&trees, before.as_ref(), &found, bytes.len());
        let (spec, problems) = found;
        good = is_good(&problems);
        before = Some(spec);
    }
    good.into()
}

/// Loads, resolves and renders every commit after the one before. What is rendered is whole, within
/// its limits, and the same a second time.
pub fn render(bytes: &[u8]) -> Answer {
    let mut before: Option<Arc<Spec>> = None;
    let (mut decisions, mut rendered) = (Decisions::default(), Rendered::default());
    let mut good = true;
    for trees in commits(bytes) {
        values_are_bounded(&trees, Dialect::Kubernetes);
        let (trees, (spec, problems)) = loaded(trees, before.as_deref());
        let spec = Arc::new(spec);
        decisions = resolve(&spec, &Inventory::default(), &decisions);
        let first = manifest::render(&spec, &trees, &decisions, &rendered);
        let again = manifest::render(&spec, &trees, &decisions, &first);
        assert_eq!(again.work().parsed, 0, "nothing is parsed twice");
        assert!(
            first.problems().eq(again.problems()),
            "not the same problems twice"
        );
        let pairs = spec.clusters.keys();
        let pairs = pairs.flat_map(|cluster| spec.bundles.keys().map(move |b| (cluster, b)));
        let whole = pairs.filter(|pair| is_whole(*pair, &first, &again)).count();
        first.problems().for_each(words_are_bounded);
        let wanted = desired(&decisions, &first, &Running::default());
        let removals = wanted.removals.len();
        assert_eq!(removals, 0, "nothing was given that could be removed");
        good = whole > 0 && is_good(&problems) && first.problems().next().is_none();
        (before, rendered) = (Some(spec), first);
    }
    good.into()
}

fn is_good(problems: &[Problem]) -> bool {
    !problems.iter().any(|p| p.severity == Severity::Error)
}

/// Whether a bundle is there on a cluster; then every object has its bytes, which are its digest's.
fn is_whole(
    (cluster, bundle): (&ClusterName, &BundleName),
    first: &Rendered,
    again: &Rendered,
) -> bool {
    let instance = first.get(cluster, bundle);
    assert_eq!(instance, again.get(cluster, bundle), "not the same twice");
    match instance {
        Some(Ok(instance)) => {
            objects_are_whole(instance);
            true
        }
        Some(Err(problems)) => {
            assert!(!problems.is_empty(), "it fails without a word");
            assert!(problems.len() <= limits::CONTENT_PROBLEMS_MAX + 3);
            problems.iter().for_each(words_are_bounded);
            false
        }
        None => false,
    }
}

fn objects_are_whole(instance: &Instance) {
    for (key, digest) in &instance.objects {
        let bytes = &instance.bytes[digest];
        assert_eq!(Digest::of(bytes), *digest, "{key}");
        assert!(bytes.len() <= OBJECT_BYTES_MAX, "{key}: {}", bytes.len());
        let json: serde_json::Value = serde_json::from_slice(bytes).expect("canonical JSON");
        assert_eq!(json["metadata"]["name"], key.name.as_str());
        assert!(instance.places.contains_key(key), "{key} has no place");
    }
}

/// Loads, asks for the pins that the fleet names, and loads again with them, as the shell does.
fn loaded(mut trees: Trees, before: Option<&Spec>) -> (Trees, spec::Loaded) {
    let mut loaded = spec::load(&trees, before);
    let pins = loaded.0.pins();
    if !pins.is_empty() {
        for pin in pins {
            let state = match trees.read(&pin.source) {
                Some(tree) if pin.text.len() < 8 => PinState::Read(Arc::clone(tree)),
                _ => PinState::Missing("there is no such tag".to_owned()),
            };
            trees.pins.insert(pin, state);
        }
        loaded = spec::load(&trees, before);
    }
    (trees, loaded)
}

/// What a load answers is bounded by its input, in words where it refuses, and the same again.
fn load_is_lawful(trees: &Trees, before: Option<&Spec>, loaded: &spec::Loaded, bytes: usize) {
    let (spec, problems) = loaded;
    let count = problems.len();
    assert!(count <= 16 + bytes, "{count} problems of {bytes} bytes");
    problems.iter().for_each(words_are_bounded);
    assert!(
        spec.gaps.is_empty() || count > 0,
        "something is refused in silence"
    );
    let again = spec::load(trees, before);
    assert!(*loaded == again, "not the same answer twice");
    let after = spec::load(trees, Some(spec));
    assert_eq!(after.1.len(), count, "a second look finds others");
}

fn words_are_bounded(problem: &Problem) {
    let hint = problem.hint.as_ref().map_or(0, String::len);
    let longest = problem.message.len().max(hint);
    assert!(
        longest <= WORDS_BYTES_MAX,
        "{longest} bytes of words: {problem}"
    );
}

/// No file is more values than the limits say, or deeper, whatever aliases do.
fn values_are_bounded(trees: &Trees, dialect: Dialect) {
    let trees = trees.sources.keys().filter_map(|name| trees.read(name));
    for file in trees.flat_map(|tree| tree.files.values()) {
        let mut nodes = 0;
        for document in yaml::read(file.bytes(), dialect).iter().flatten() {
            count(document, 1, &mut nodes);
        }
        let most = limits::YAML_NODES_MAX + limits::YAML_ALIAS_NODES_MAX;
        assert!(nodes <= most, "{nodes} values");
    }
}

fn count(node: &Node, depth: usize, nodes: &mut usize) {
    assert!(depth <= limits::YAML_DEPTH_MAX + 1, "{depth} deep");
    *nodes += 1;
    match &node.value {
        Value::List(items) => items.iter().for_each(|item| count(item, depth + 1, nodes)),
        Value::Map(members) => {
            let keys: BTreeSet<&str> = members.iter().map(|(key, _)| key.text.as_str()).collect();
            assert_eq!(keys.len(), members.len(), "a key stands twice");
            members
                .iter()
                .for_each(|(_, value)| count(value, depth + 1, nodes));
        }
        _ => {}
    }
}

fn commits(bytes: &[u8]) -> Vec<Trees> {
    let mut commits = vec![Commit::default()];
    let mut file = ("main", "fleet.yaml".to_owned());
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let commit = commits.last_mut().expect("one is there from the start");
        if text == b"===" {
            if commits.len() == COMMITS_MAX {
                break;
            }
            file = ("main", "fleet.yaml".to_owned());
            commits.push(Commit::default());
        } else if let Some(path) = text.strip_prefix(b"== ") {
            file = name(path);
            commit.files.entry(file.clone()).or_default();
        } else if let Some(path) = text.strip_prefix(b"!= ") {
            let path = String::from_utf8_lossy(path).into_owned();
            commit
                .refused
                .insert(path, "links are not followed".to_owned());
        } else {
            let content = commit.files.entry(file.clone()).or_default();
            match text.strip_prefix(b"@") {
                Some(header) => content.extend(head(header)),
                None => content.extend_from_slice(line),
            }
        }
    }
    (1..)
        .zip(commits)
        .map(|(n, commit)| trees(n, commit))
        .collect()
}

/// A file's source and path.
fn name(text: &[u8]) -> (&'static str, String) {
    let text = String::from_utf8_lossy(text);
    for source in ["other", "team"] {
        let rest = text.strip_prefix(source);
        if let Some(path) = rest.and_then(|rest| rest.strip_prefix(':')) {
            return (source, path.to_owned());
        }
    }
    ("main", text.into_owned())
}

fn head(header: &[u8]) -> Vec<u8> {
    let at = header.iter().position(|&byte| byte == b' ');
    let (kind, name) = header.split_at(at.unwrap_or(header.len()));
    let mut head = b"---\napiVersion: capstan.dev/v1alpha1\nkind: ".to_vec();
    head.extend_from_slice(kind);
    if !name.is_empty() {
        head.extend_from_slice(b"\nmetadata: {name:");
        head.extend_from_slice(name);
        head.push(b'}');
    }
    head.push(b'\n');
    head
}

fn trees(n: u32, commit: Commit) -> Trees {
    let revision = Revision::try_new(format!("{n:040x}")).expect("a commit's name");
    let source = |name: &str| SourceName::try_new(name).expect("a source's name");
    let mut files: BTreeMap<&str, Vec<(String, Vec<u8>)>> = BTreeMap::new();
    files.entry("main").or_default();
    for ((source, path), content) in commit.files {
        files.entry(source).or_default().push((path, content));
    }
    let mut trees = Trees::default();
    for (name, files) in files {
        let mut tree = Tree::new(revision.clone(), files);
        if name == "main" {
            tree.refused = commit.refused.clone();
        }
        let state = SourceState::Read(Arc::new(tree));
        trees.sources.insert(source(name), state);
    }
    let exports = Rules {
        exported_groups: ["g".to_owned()].into(),
        exported_bundles: ["b".to_owned()].into(),
        ..Rules::default()
    };
    trees.rules.insert(source("main"), exports);
    trees.rules.insert(source("team"), restricted());
    trees
}

/// What `team` may reach: production, its own namespaces, no cluster roles.
fn restricted() -> Rules {
    let terms = yaml::read(b"[{matchLabels: {env: prod}}]", Dialect::Fleet);
    let terms = terms.first().and_then(|terms| terms.as_ref().ok());
    let team = SourceName::try_new("team").expect("a source's name");
    let path = Arc::from("hub.yaml");
    let terms = terms.map(|terms| spec::read_terms(&team, &path, terms, "clusters").0);
    let restriction = Restriction {
        clusters: terms.unwrap_or_default(),
        namespaces: vec!["team-*".to_owned()],
        kinds: Kinds::Deny(["rbac.authorization.k8s.io/ClusterRole".to_owned()].into()),
        service_account_required: false,
    };
    Rules {
        restrict: Some(restriction),
        ..Rules::default()
    }
}
