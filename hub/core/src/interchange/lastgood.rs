//! A broken document of which no good version is known, as programs read it.

use serde::Serialize;

use crate::spec::{Gap, Spec};

/// A broken document of which no good version is known: what it brings is unknown, and not nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LastGoodUnknown<'a> {
    /// The file, relative to the source's path.
    pub path: &'a str,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// What may bring a good version; null where nothing is known to.
    pub help: Option<&'a str>,
}

impl<'a> LastGoodUnknown<'a> {
    /// All of what is declared, by place.
    #[must_use]
    pub fn all(spec: &'a Spec, help: Option<&'a str>) -> Vec<Self> {
        let gaps = spec.gaps.values().flatten();
        let mut all: Vec<Self> = gaps.filter_map(|gap| Self::of(gap, help)).collect();
        all.sort();
        all.dedup();
        all
    }

    /// That of a gap; `None` where a whole source was not read.
    #[must_use]
    pub(crate) fn of(gap: &'a Gap, help: Option<&'a str>) -> Option<Self> {
        match gap {
            Gap::Broken(at, _) => Some(Self {
                path: &at.path,
                line: at.line,
                column: at.column,
                help,
            }),
            Gap::Unread => None,
        }
    }

    /// Where it is, as compilers write it.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}:{}:{}", self.path, self.line, self.column)
    }

    /// What to do, in brackets and after a blank; nothing where nothing is known to help.
    #[must_use]
    pub fn advice(&self) -> String {
        self.help
            .map(|help| format!(" ({help})"))
            .unwrap_or_default()
    }
}
