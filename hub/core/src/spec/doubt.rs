//! What broken documents may declare: a name that is missed because of one is no problem of its
//! own.

use std::collections::{BTreeMap, BTreeSet};

use capstan_proto::SourceName;

use super::document::Kind;
use super::load::FileRecord;

/// Something that a broken document may declare.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Doubt {
    /// Its kind; `None` where that is misspelt.
    pub(super) kind: Option<Kind>,
    /// Its name; `None` where that is not known.
    pub(super) name: Option<String>,
}

/// Everything that broken documents may declare, by source.
#[derive(Clone, Debug, Default)]
pub(super) struct Doubts(BTreeMap<SourceName, BTreeSet<Doubt>>);

impl Doubts {
    /// What the broken documents in these files may declare.
    pub(super) fn of(files: &BTreeMap<SourceName, BTreeMap<String, FileRecord>>) -> Self {
        let mut doubts = Self::default();
        doubts.extend(files);
        doubts
    }

    /// Adds what the broken documents in these files may declare.
    pub(super) fn extend(&mut self, files: &BTreeMap<SourceName, BTreeMap<String, FileRecord>>) {
        for (source, records) in files {
            for contents in records.values().map(|record| &record.contents) {
                let broken = contents.broken.iter().map(|broken| Doubt {
                    kind: broken.kind,
                    name: broken.name.clone(),
                });
                let all = broken.chain(contents.doubts.iter().cloned());
                self.0.entry(source.clone()).or_default().extend(all);
            }
        }
    }

    /// A document that is dropped for what it says.
    pub(super) fn add(&mut self, source: &SourceName, kind: Kind, name: &str) {
        self.0.entry(source.clone()).or_default().insert(Doubt {
            kind: Some(kind),
            name: Some(name.to_owned()),
        });
    }

    /// Whether a broken document of a source may declare this.
    pub(super) fn cover(&self, source: &SourceName, kind: Kind, name: &str) -> bool {
        self.0.get(source).is_some_and(|of| covers(of, kind, name))
    }

    /// Whether a broken document of any source may declare this cluster.
    pub(super) fn cover_cluster(&self, name: &str) -> bool {
        let mut all = self.0.values();
        all.any(|of| covers(of, Kind::Cluster, name))
    }

    /// Whether any broken document may declare something of this kind that is not known.
    pub(super) fn cover_unknown(&self, kind: Kind, known: impl Fn(&str) -> bool) -> bool {
        let mut doubts = self.0.values().flatten();
        doubts.any(|doubt| match (&doubt.name, doubt.kind) {
            (Some(name), of) => of.is_none_or(|of| of == kind) && !known(name),
            (None, of) => of == Some(kind),
        })
    }
}

fn covers(doubts: &BTreeSet<Doubt>, kind: Kind, name: &str) -> bool {
    let has = |kind, name: Option<&str>| {
        let name = name.map(ToOwned::to_owned);
        doubts.contains(&Doubt { kind, name })
    };
    has(Some(kind), Some(name)) || has(Some(kind), None) || has(None, Some(name))
}

/// What a file that cannot be parsed may declare: every name in it, as every kind in it.
pub(super) fn of_text(bytes: &[u8]) -> Vec<Doubt> {
    let kinds: BTreeSet<Kind> = words_after(bytes, "kind").filter_map(Kind::parse).collect();
    let mut doubts = BTreeSet::new();
    for name in words_after(bytes, "name") {
        if doubts.len() >= DOUBTS_MAX || kinds.is_empty() {
            break;
        }
        doubts.extend(kinds.iter().map(|kind| Doubt {
            kind: Some(*kind),
            name: Some(name.to_owned()),
        }));
    }
    doubts.into_iter().collect()
}

/// Most doubts that one file may raise: they only make the list of problems shorter.
const DOUBTS_MAX: usize = 256;

/// Whether a text says that something in it is of one of our kinds.
pub(super) fn names_our_kind(bytes: &[u8]) -> bool {
    words_after(bytes, "kind").any(|word| Kind::parse(word).is_some())
}

/// The words that stand after a key and a colon, in YAML or JSON that may be broken.
fn words_after<'a>(bytes: &'a [u8], key: &'static str) -> impl Iterator<Item = &'a str> {
    let in_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    let quote = |byte: u8| matches!(byte, b'"' | b'\'');
    let space = |byte: u8| matches!(byte, b' ' | b'\t');
    let mut hits = 0..bytes.len();
    std::iter::from_fn(move || {
        hits.find_map(|at| {
            let begins = bytes[at..].starts_with(key.as_bytes());
            if !begins || at > 0 && in_word(bytes[at - 1]) {
                return None;
            }
            let mut end = at + key.len();
            let mut skip = |which: &dyn Fn(u8) -> bool| {
                while bytes.get(end).is_some_and(|byte| which(*byte)) {
                    end += 1;
                }
                end
            };
            skip(&quote);
            let colon = skip(&space);
            if bytes.get(colon) != Some(&b':') {
                return None;
            }
            skip(&|byte| byte == b':');
            skip(&space);
            let start = skip(&quote);
            let end = skip(&in_word);
            let word = std::str::from_utf8(&bytes[start..end]).ok()?;
            (!word.is_empty()).then_some(word)
        })
    })
}
