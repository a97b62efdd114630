//! Where kinds live in the API, and the paths to them.

use std::fmt::Write as _;

/// A served kind at one version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Resource {
    /// API group; empty for the core group.
    pub group: String,
    /// The version to speak.
    pub version: String,
    /// The plural name in paths.
    pub plural: String,
    /// The kind.
    pub kind: String,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
}

/// One object's place below a [`Resource`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// Namespace; empty for cluster-scoped kinds, or for all namespaces.
    pub namespace: &'a str,
    /// Name; empty for the collection.
    pub name: &'a str,
}

impl Resource {
    /// A kind of the core group.
    #[must_use]
    pub fn core(plural: &str, kind: &str, namespaced: bool) -> Self {
        Self {
            group: String::new(),
            version: "v1".to_owned(),
            plural: plural.to_owned(),
            kind: kind.to_owned(),
            namespaced,
        }
    }

    /// `group/version`, or `version` alone in the core group.
    #[must_use]
    pub fn api_version(&self) -> String {
        match self.group.is_empty() {
            true => self.version.clone(),
            false => format!("{}/{}", self.group, self.version),
        }
    }

    /// The path of a collection or an object.
    #[must_use]
    pub fn path(&self, place: Place<'_>) -> String {
        let mut path = match self.group.is_empty() {
            true => format!("/api/{}", self.version),
            false => format!("/apis/{}/{}", self.group, self.version),
        };
        for part in self.parts(place) {
            write!(path, "/{}", encode(part)).expect("writing to a string cannot fail");
        }
        path
    }

    fn parts<'a>(&'a self, place: Place<'a>) -> impl Iterator<Item = &'a str> {
        let namespace = Some(place.namespace).filter(|text| self.namespaced && !text.is_empty());
        let name = Some(place.name).filter(|text| !text.is_empty());
        namespace
            .into_iter()
            .flat_map(|namespace| ["namespaces", namespace])
            .chain([self.plural.as_str()])
            .chain(name)
    }
}

/// Percent-encodes everything that is not unreserved (RFC 3986): RBAC names may contain colons and slashes.
#[must_use]
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            other => write!(out, "%{other:02X}").expect("writing to a string cannot fail"),
        }
    }
    out
}
