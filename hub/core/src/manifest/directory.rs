//! Directories of bundles, by source, revision and path: each is parsed once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::{Digest, SourceName};

use super::instantiate::content_key;
use super::{Content, Rendered, parse};
use crate::problem::nearest;
use crate::spec::{PinName, PinState, Tree, Trees};

/// A directory of a source, at the branch or at a pinned revision.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    pub(super) source: SourceName,
    /// The pinned tag or commit; `None`: the branch.
    pub(super) pin: Option<String>,
    pub(super) path: String,
}

/// A directory, parsed.
#[derive(Clone, Debug)]
pub(super) struct Directory {
    /// What its files say, as a digest.
    pub(super) key: Digest,
    pub(super) content: Arc<Content>,
    /// Whether there is anything of that path.
    pub(super) is_there: bool,
}

/// The directories of one render.
pub(super) struct Library<'a> {
    trees: &'a Trees,
    previous: &'a Rendered,
    pub(super) directories: BTreeMap<Name, Directory>,
    /// Parsed contents by source and digest: a pinned revision and the branch may share one.
    contents: BTreeMap<(SourceName, Digest), Arc<Content>>,
    pub(super) parsed: usize,
}

impl<'a> Library<'a> {
    pub(super) fn new(trees: &'a Trees, previous: &'a Rendered) -> Self {
        let known = previous.directories.iter();
        let contents = known.map(|(name, directory)| {
            let key = (name.source.clone(), directory.key);
            (key, Arc::clone(&directory.content))
        });
        Self {
            trees,
            previous,
            directories: BTreeMap::new(),
            contents: contents.collect(),
            parsed: 0,
        }
    }

    /// A directory; what is remembered of it where its revision cannot be read now, and `None`
    /// where nothing is.
    pub(super) fn get(&mut self, name: &Name) -> Option<Directory> {
        if let Some(directory) = self.directories.get(name) {
            return Some(directory.clone());
        }
        let directory = match self.tree(name) {
            Some(tree) => self.read(name, &tree),
            None => self.previous.directories.get(name)?.clone(),
        };
        self.directories.insert(name.clone(), directory.clone());
        Some(directory)
    }

    fn tree(&self, name: &Name) -> Option<Arc<Tree>> {
        let Some(pin) = &name.pin else {
            return self.trees.read(&name.source).cloned();
        };
        let pin = PinName {
            source: name.source.clone(),
            text: pin.clone(),
        };
        match self.trees.pins.get(&pin)? {
            PinState::Read(tree) => Some(Arc::clone(tree)),
            PinState::Missing(_) | PinState::Branch(_) => None,
        }
    }

    fn read(&mut self, name: &Name, tree: &Tree) -> Directory {
        let key = content_key(&name.path, tree);
        let parsed = &mut self.parsed;
        let content = self
            .contents
            .entry((name.source.clone(), key))
            .or_insert_with(|| {
                *parsed += 1;
                Arc::new(parse::content(&name.source, tree, &name.path))
            });
        Directory {
            key,
            content: Arc::clone(content),
            is_there: !tree.is_empty_below(&name.path),
        }
    }

    /// The directory nearest to one that is not there, beside it.
    pub(super) fn nearest(&self, name: &Name) -> Option<String> {
        let tree = self.tree(name)?;
        let (parent, last) = name.path.rsplit_once('/').unwrap_or(("", &name.path));
        let skip = if parent.is_empty() {
            0
        } else {
            parent.len() + 1
        };
        let beside: BTreeSet<&str> = tree
            .below(parent)
            .filter_map(|(path, _)| path[skip..].split_once('/'))
            .map(|(directory, _)| directory)
            .collect();
        let beside: Vec<&str> = beside.into_iter().collect();
        let near = nearest(last, &beside)?;
        Some(format!("{}{near}", &name.path[..skip]))
    }
}
