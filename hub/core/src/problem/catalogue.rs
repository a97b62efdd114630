//! What each code means, what causes it and how it is mended: the pages of `docs/codes`, and what
//! `hub lint --explain` prints.
//!
//! An example of files is no illustration: a test reads it and finds exactly its code.

mod content;
mod documents;
mod references;
mod running;

use std::fmt::Write as _;

use super::Code;

/// What is said of a code.
pub(super) struct Entry {
    pub(super) code: Code,
    /// What it means, and what happens meanwhile.
    pub(super) about: &'static str,
    pub(super) example: Example,
    /// How it is mended.
    pub(super) mend: &'static str,
}

/// What causes a code.
pub(super) enum Example {
    /// These files, each with its path.
    Files(&'static [(&'static str, &'static str)]),
    /// The second text of a file, after the first.
    Change(&'static str, &'static str, &'static str),
    /// Something else than files: in words.
    Words(&'static str),
}

/// Every entry, in the order of the codes.
pub(super) fn entries() -> impl Iterator<Item = &'static Entry> {
    let files = documents::ENTRIES.iter().chain(references::ENTRIES);
    files.chain(content::ENTRIES).chain(running::ENTRIES)
}

impl Code {
    /// The code of a text such as `E0102`, in upper or lower case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|code| code.as_str().eq_ignore_ascii_case(text))
    }

    /// What it means, an example that causes it, and how to mend it, as Markdown.
    #[must_use]
    pub fn explain(self) -> String {
        let title = self.title().trim().trim_end_matches('.');
        let mut out = format!("# {self}: {title}\n");
        let Some(entry) = entries().find(|entry| entry.code == self) else {
            return out;
        };
        let mut paragraph = |text: &str| {
            write!(out, "\n{}\n", text.trim_end()).expect("writing to a string cannot fail");
        };
        paragraph(entry.about);
        paragraph("## Example");
        match &entry.example {
            Example::Files(files) => {
                for (path, text) in *files {
                    paragraph(&shown(path, text));
                }
            }
            Example::Change(path, before, after) => {
                paragraph(&shown(path, before));
                paragraph("and in the next commit");
                paragraph(&shown(path, after));
            }
            Example::Words(text) => paragraph(text),
        }
        paragraph("## How to mend it");
        paragraph(entry.mend);
        out
    }
}

fn shown(path: &str, text: &str) -> String {
    format!("`{path}`:\n\n```yaml\n{}\n```", text.trim_end())
}

/// The text of a document of a kind.
macro_rules! document {
    ($kind:literal, $($rest:literal),+ $(,)?) => {
        concat!("apiVersion: capstan.dev/v1alpha1\nkind: ", $kind, "\n", $($rest, "\n"),+)
    };
}
pub(super) use document;

/// A file with one ConfigMap.
pub(super) const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n";

/// A placement of the bundle `web` on every cluster.
pub(super) const PLACED: (&str, &str) = (
    "placements/web.yaml",
    document!(
        "Placement",
        "metadata: {name: web}",
        "spec: {bundles: [web], clusters: [{}]}"
    ),
);

/// One cluster.
pub(super) const CLUSTER: (&str, &str) = (
    "clusters/prod-eu-1.yaml",
    document!(
        "Cluster",
        "metadata: {name: prod-eu-1, labels: {env: prod, region: eu}}"
    ),
);

/// The bundle `web` of the directory `web`.
pub(super) const WEB: (&str, &str) = (
    "bundles/web.yaml",
    document!("Bundle", "metadata: {name: web}", "spec: {path: web}"),
);

/// The content of the bundle `web`.
pub(super) const CONTENT: (&str, &str) = ("web/settings.yaml", MAP);

#[cfg(test)]
mod tests;
