//! What broken documents may declare: a name that is missed because of one is no problem of its
//! own.

use std::collections::{BTreeMap, BTreeSet};

use capstan_proto::SourceName;

use super::document::Kind;
use super::load::FileRecord;
use crate::problem::Place;
use crate::selector::{Pattern, Term, glob};

/// Something that a broken document may declare.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Doubt {
    /// Its kind; `None` where that is misspelt.
    pub(super) kind: Option<Kind>,
    /// Its name; `None` where that is not known.
    pub(super) name: Option<String>,
}

/// The broken document behind a doubt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cause {
    /// Where it is.
    pub(super) at: Place,
    /// Whether it declares just that, rather than perhaps.
    pub(super) is_sure: bool,
}

/// Everything that broken documents may declare, by source.
#[derive(Clone, Debug, Default)]
pub(super) struct Doubts(BTreeMap<SourceName, BTreeMap<Doubt, Cause>>);

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
                let doubts = self.0.entry(source.clone()).or_default();
                for broken in &contents.broken {
                    let doubt = Doubt {
                        kind: broken.kind,
                        name: broken.name.clone(),
                    };
                    let is_sure = broken.kind.is_some() && broken.name.is_some();
                    let at = broken.at.clone();
                    doubts.entry(doubt).or_insert(Cause { at, is_sure });
                }
                for (doubt, at) in contents.doubts.iter().zip(contents.fault.iter().cycle()) {
                    let (at, is_sure) = (at.clone(), false);
                    let cause = Cause { at, is_sure };
                    doubts.entry(doubt.clone()).or_insert(cause);
                }
            }
        }
    }

    /// A document of a source that is dropped because of what stands at a place.
    pub(super) fn add(&mut self, (source, at): (&SourceName, &Place), kind: Kind, name: &str) {
        let doubt = Doubt {
            kind: Some(kind),
            name: Some(name.to_owned()),
        };
        let cause = Cause {
            at: at.clone(),
            is_sure: true,
        };
        let doubts = self.0.entry(source.clone()).or_default();
        doubts.insert(doubt, cause);
    }

    /// The broken document of a source that may declare this.
    pub(super) fn cover(&self, source: &SourceName, kind: Kind, name: &str) -> Option<&Cause> {
        covered(self.0.get(source)?, kind, name)
    }

    /// Whether a broken document of any source may declare this cluster.
    pub(super) fn cover_cluster(&self, name: &str) -> bool {
        let mut sources = self.0.values();
        sources.any(|doubts| covered(doubts, Kind::Cluster, name).is_some())
    }

    /// What of this kind broken documents may declare and is not known.
    pub(super) fn lacking(&self, kind: Kind, known: impl Fn(&str) -> bool) -> Lacking {
        let mut lacking = Lacking::default();
        for doubt in self.0.values().flat_map(BTreeMap::keys) {
            match &doubt.name {
                Some(name) if doubt.covers(kind, name) && !known(name) => {
                    lacking.names.insert(name.clone());
                }
                None if doubt.kind == Some(kind) => lacking.anything = true,
                Some(_) | None => {}
            }
        }
        lacking
    }
}

/// Clusters that are not known, and that broken documents may declare.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lacking {
    names: BTreeSet<String>,
    /// Whether there may be one of any name.
    anything: bool,
}

impl Lacking {
    /// Whether there may be any.
    #[must_use]
    pub fn is_anything(&self) -> bool {
        self.anything || !self.names.is_empty()
    }

    /// Whether one of them may match any of these terms. Only their names are known of them.
    #[must_use]
    pub fn may_match(&self, terms: &[Term]) -> bool {
        let any = |patterns: &[Pattern]| {
            let mut pairs = patterns.iter().flat_map(|pattern| {
                let names = self.names.iter();
                names.map(move |name| (pattern.text.as_str(), name.as_str()))
            });
            pairs.any(|(pattern, name)| glob(pattern, name))
        };
        let may = |term: &Term| self.anything || term.names.is_empty() || any(&term.names);
        self.is_anything() && terms.iter().any(may)
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

/// What covers a name, the surest first; looked up, not searched for.
fn covered<'a>(doubts: &'a BTreeMap<Doubt, Cause>, kind: Kind, name: &str) -> Option<&'a Cause> {
    let get = |kind, name: Option<&str>| {
        doubts.get(&Doubt {
            kind,
            name: name.map(ToOwned::to_owned),
        })
    };
    let some = Some(kind);
    get(some, Some(name)).or_else(|| get(None, Some(name)).or_else(|| get(some, None)))
}

/// What a file that cannot be parsed may declare: every name in it, as every kind in it. Of more
/// names than [`DOUBTS_MAX`], anything of these kinds.
pub(super) fn of_text(bytes: &[u8]) -> Vec<Doubt> {
    let kinds: BTreeSet<Kind> = words_after(bytes, "kind").filter_map(Kind::parse).collect();
    let mut names: BTreeSet<&str> = BTreeSet::new();
    let many = words_after(bytes, "name").any(|name| {
        names.insert(name);
        names.len() > DOUBTS_MAX
    });
    let names: Vec<Option<&str>> = if many {
        vec![None]
    } else {
        names.into_iter().map(Some).collect()
    };
    let of_kind = |kind: Kind| {
        let doubt = move |name: &Option<&str>| Doubt {
            kind: Some(kind),
            name: name.map(ToOwned::to_owned),
        };
        names.iter().map(doubt)
    };
    kinds.into_iter().flat_map(of_kind).collect()
}

/// Most names that one broken file is searched for: each is compared with every name that is
/// missed. They only make the list of problems shorter.
const DOUBTS_MAX: usize = 256;

/// Whether a text says that something in it is of one of our kinds.
pub(super) fn names_our_kind(bytes: &[u8]) -> bool {
    words_after(bytes, "kind").any(|word| Kind::parse(word).is_some())
}

/// The words that stand after a key and a colon, in YAML or JSON that may be broken. Every byte is
/// looked at a bounded number of times.
fn words_after<'a>(bytes: &'a [u8], key: &'static str) -> impl Iterator<Item = &'a str> {
    let hits = bytes.windows(key.len()).enumerate();
    let hits = hits.filter(move |(at, window)| {
        *window == key.as_bytes() && (*at == 0 || !in_word(bytes[*at - 1]))
    });
    hits.filter_map(move |(at, _)| word(&bytes[at + key.len()..]))
}

/// The word after a colon, where a colon comes first. Words are no longer than a DNS-1123 label.
fn word(bytes: &[u8]) -> Option<&str> {
    let quote = |byte: u8| matches!(byte, b'"' | b'\'');
    let space = |byte: u8| matches!(byte, b' ' | b'\t');
    let bytes = skip(skip(bytes, quote), space).strip_prefix(b":")?;
    let bytes = skip(skip(bytes, space), quote);
    let near = &bytes[..bytes.len().min(WORD_MAX + 1)];
    let length = near.iter().take_while(|byte| in_word(**byte)).count();
    let word = std::str::from_utf8(&near[..length]).ok()?;
    (1..=WORD_MAX).contains(&length).then_some(word)
}

/// The longest name that anything of ours can have, in bytes.
const WORD_MAX: usize = 63;

/// Most bytes that may stand between a key, its colon and its word.
const GAP_MAX: usize = 64;

fn skip(bytes: &[u8], what: impl Fn(u8) -> bool) -> &[u8] {
    let near = &bytes[..bytes.len().min(GAP_MAX)];
    let length = near.iter().take_while(|byte| what(**byte)).count();
    &bytes[length..]
}

fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.')
}

#[cfg(test)]
mod tests;
