//! What broken documents may declare: a name that is missed because of one is no problem of its
//! own.

use std::collections::BTreeMap;

use capstan_proto::SourceName;

use super::document::Kind;
use super::load::FileRecord;

/// Something that a broken document may declare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Doubt {
    /// Its kind; `None` where that is misspelt.
    pub(super) kind: Option<Kind>,
    /// Its name; `None` where that is not known.
    pub(super) name: Option<String>,
}

/// Everything that broken documents may declare, by source.
#[derive(Clone, Debug, Default)]
pub(super) struct Doubts(BTreeMap<SourceName, Vec<Doubt>>);

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
        self.0.entry(source.clone()).or_default().push(Doubt {
            kind: Some(kind),
            name: Some(name.to_owned()),
        });
    }

    /// Whether a broken document of a source may declare this.
    pub(super) fn cover(&self, source: &SourceName, kind: Kind, name: &str) -> bool {
        let mut doubts = self.0.get(source).into_iter().flatten();
        doubts.any(|doubt| doubt.covers(kind, name))
    }

    /// Whether a broken document of any source may declare this cluster.
    pub(super) fn cover_cluster(&self, name: &str) -> bool {
        let mut doubts = self.0.values().flatten();
        doubts.any(|doubt| doubt.covers(Kind::Cluster, name))
    }

    /// Whether any broken document may declare something of this kind that is not known.
    pub(super) fn cover_unknown(&self, kind: Kind, known: impl Fn(&str) -> bool) -> bool {
        let mut doubts = self.0.values().flatten();
        doubts.any(|doubt| match &doubt.name {
            Some(name) => doubt.covers(kind, name) && !known(name),
            None => doubt.kind == Some(kind),
        })
    }
}

impl Doubt {
    fn covers(&self, kind: Kind, name: &str) -> bool {
        match (self.kind, &self.name) {
            (None, None) => false,
            (known, text) => {
                known.is_none_or(|known| known == kind) && text.as_ref().is_none_or(|t| t == name)
            }
        }
    }
}

/// What a file that cannot be parsed may declare: every name in it, as every kind in it.
pub(super) fn of_text(bytes: &[u8]) -> Vec<Doubt> {
    let kinds: Vec<Kind> = words_after(bytes, "kind").filter_map(Kind::parse).collect();
    let both = words_after(bytes, "name").flat_map(|name| {
        kinds.iter().map(|kind| Doubt {
            kind: Some(*kind),
            name: Some(name.to_owned()),
        })
    });
    let mut doubts = Vec::new();
    for doubt in both {
        if !doubts.contains(&doubt) && doubts.len() < DOUBTS_MAX {
            doubts.push(doubt);
        }
    }
    doubts
}

/// Most doubts that one file may raise: they only make the list of problems shorter.
const DOUBTS_MAX: usize = 256;

/// Whether a text says that something in it is of one of our kinds.
pub(super) fn names_our_kind(bytes: &[u8]) -> bool {
    words_after(bytes, "kind").any(|word| Kind::parse(word).is_some())
}

/// The words that stand after a key and a colon, in YAML or JSON that may be broken.
fn words_after<'a>(bytes: &'a [u8], key: &'static str) -> impl Iterator<Item = &'a str> {
    let in_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    let quote = |byte: &u8| matches!(byte, b'"' | b'\'');
    let space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let hits = bytes
        .windows(key.len())
        .enumerate()
        .filter(move |(at, window)| {
            *window == key.as_bytes() && (*at == 0 || !in_word(&bytes[*at - 1]))
        });
    hits.filter_map(move |(at, _)| {
        let rest = bytes[at + key.len()..].iter();
        let mut rest = rest.skip_while(|b| quote(b)).skip_while(|b| space(b));
        if rest.next() != Some(&b':') {
            return None;
        }
        let before = rest.skip_while(|b| space(b)).skip_while(|b| quote(b));
        let length = before.clone().take_while(|b| in_word(b)).count();
        let start = bytes.len() - before.count();
        std::str::from_utf8(&bytes[start..start + length]).ok()
    })
    .filter(|word| !word.is_empty())
}
