//! `sources`: the Git repositories that say what runs where.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use capstan_hub_core::yaml::Node;
use capstan_proto::SourceName;

use super::reader::{At, Fields, Reader, at};
use super::values::duration;
use super::{POLL, POLL_MIN, Source, rules};
use crate::git::{self, Auth};

pub(super) fn read(
    reader: &mut Reader<'_>,
    fields: &mut Fields,
    base: &Path,
) -> Option<Vec<Source>> {
    let Some(node) = fields.take("sources") else {
        let hint = "at least one: [{name: platform, git: {url: ...}}]";
        reader.wrong(fields.at, "`sources` is missing", hint);
        return None;
    };
    let at = at(&node);
    let items = reader.list(node, "sources")?;
    if items.is_empty() {
        reader.wrong(at, "`sources` is empty", "name at least one Git repository");
    }
    let mut names = BTreeSet::new();
    let mut sources = Vec::new();
    for item in items {
        let Some((at, source)) = one(reader, item, base) else {
            continue;
        };
        if !names.insert(source.git.name.clone()) {
            let message = format!("two sources are called `{}`", source.git.name);
            reader.wrong(at, message, "give each a name of its own");
        }
        sources.push(source);
    }
    foreign_groups(reader, &sources);
    Some(sources)
}

/// Which clusters a source may use is not for a restricted source to say.
fn foreign_groups(reader: &mut Reader<'_>, sources: &[Source]) {
    let restricted = |name: &SourceName| {
        let found = sources.iter().find(|source| source.git.name == *name);
        found.map(|source| source.rules.restrict.is_some())
    };
    for source in sources {
        let terms = source.rules.restrict.iter().flat_map(|r| &r.clusters);
        for group in terms.flat_map(|term| &term.groups) {
            let of = group.name.source();
            let what = match restricted(of) {
                _ if of == &source.git.name => continue,
                Some(false) => continue,
                Some(true) => "which is restricted itself",
                None => "which is no source of this hub",
            };
            let at = At {
                line: group.at.line,
                column: group.at.column,
            };
            let message = format!("`restrict.clusters` names a group of source `{of}`, {what}");
            reader.wrong(
                at,
                message,
                "name a group of a source that is not restricted",
            );
        }
    }
}

fn one(reader: &mut Reader<'_>, node: Node, base: &Path) -> Option<(At, Source)> {
    let at = at(&node);
    let mut fields = reader.map(node, "sources[]")?;
    let name = required(reader, &mut fields, "name", "sources[].name").and_then(|node| {
        let hint = "a short name of a-z, 0-9 and -";
        reader.parsed(Some(node), "sources[].name", hint, |text| {
            SourceName::try_new(text)
        })
    });
    let poll = fields.take("poll");
    let poll = match poll {
        None => Some(POLL),
        node => reader.parsed(node, "sources[].poll", "a duration such as 30s", |text| {
            duration(text).and_then(|poll| match poll < POLL_MIN {
                true => Err(format!("`{text}` is shorter than one second")),
                false => Ok(poll),
            })
        }),
    };
    let node = required(reader, &mut fields, "git", "sources[].git");
    let declared_at = node.as_ref().map_or(at, self::at);
    let declared_at = reader.place(declared_at);
    let git = node.and_then(|node| repository(reader, node, base));
    let rules = rules::read(reader, &mut fields, name.as_ref());
    reader.close(fields, "sources[]");
    let (url, branch, path, auth) = git?;
    let git = git::Source {
        name: name?,
        url,
        branch,
        path,
        auth,
    };
    let poll = poll?;
    Some((
        at,
        Source {
            git,
            declared_at,
            poll,
            rules,
        },
    ))
}

fn required(
    reader: &mut Reader<'_>,
    fields: &mut Fields,
    name: &'static str,
    what: &str,
) -> Option<Node> {
    let node = fields.take(name);
    if node.is_none() {
        reader.wrong(
            fields.at,
            format!("`{what}` is missing"),
            "every source needs it",
        );
    }
    node
}

fn repository(
    reader: &mut Reader<'_>,
    node: Node,
    base: &Path,
) -> Option<(String, String, String, Auth)> {
    let mut fields = reader.map(node, "git")?;
    let node = required(reader, &mut fields, "url", "git.url");
    let url_at = node.as_ref().map(at);
    let url = node
        .and_then(|node| reader.parsed(Some(node), "git.url", URL_HINT, |text| url(text, base)));
    let branch = match fields.take("branch") {
        None => Some("main".to_owned()),
        node => {
            let hint = "a branch's name, without refs/heads/";
            reader.parsed(node, "git.branch", hint, branch)
        }
    };
    let path = match fields.take("path") {
        None => Some(String::new()),
        node => {
            let hint = "a directory inside the repository, such as fleet";
            reader.parsed(node, "git.path", hint, inside)
        }
    };
    let auth = match fields.take("auth") {
        None => Some(Auth::None),
        Some(node) => auth(reader, node, base),
    };
    reader.close(fields, "git");
    let (url, auth) = (url?, auth?);
    if let (Some(why), Some(at)) = (git::refusal(&url, &auth), url_at) {
        let (message, hint) = in_two(why);
        reader.wrong(at, format!("`git.url`: {message}"), hint);
    }
    Some((url, branch?, path?, auth))
}

/// A refusal of the form `what is wrong (what to do)`.
fn in_two(why: &str) -> (&str, &str) {
    why.strip_suffix(')')
        .and_then(|why| why.split_once(" ("))
        .unwrap_or((why, URL_HINT))
}

const URL_HINT: &str = "https://..., ssh://..., user@host:path, file://... or a path";

/// A URL as it is, or a local path made absolute.
pub(crate) fn url(text: &str, base: &Path) -> Result<String, String> {
    if let Some((scheme, rest)) = text.split_once("://") {
        return match scheme {
            "http" | "https" | "ssh" | "file" if !rest.is_empty() => Ok(text.to_owned()),
            _ => Err(format!("`{text}` has a scheme that is not supported")),
        };
    }
    let scp_like = text
        .split_once(':')
        .filter(|(host, _)| host.contains('@') && !host.contains('/'));
    match scp_like {
        Some((host, path)) => Ok(format!("ssh://{host}/{}", path.trim_start_matches('/'))),
        None => Ok(base.join(text).display().to_string()),
    }
}

fn branch(text: &str) -> Result<String, String> {
    let bad = text.starts_with("refs/")
        || text.starts_with('-')
        || text.ends_with('/')
        || text.contains("..")
        || text
            .bytes()
            .any(|byte| byte <= b' ' || b"~^:?*[\\".contains(&byte));
    match bad {
        true => Err(format!("`{text}` is no branch name")),
        false => Ok(text.to_owned()),
    }
}

/// A relative path that stays inside; without slashes at its ends.
fn inside(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    match text.starts_with('/') || parts.contains(&"..") {
        true => Err(format!("`{text}` leaves the repository")),
        false => Ok(parts.join("/")),
    }
}

fn auth(reader: &mut Reader<'_>, node: Node, base: &Path) -> Option<Auth> {
    let mut fields = reader.map(node, "git.auth")?;
    let auth = match (fields.take("token"), fields.take("ssh")) {
        (Some(node), None) => token(reader, node, base),
        (None, Some(node)) => ssh(reader, node, base),
        _ => {
            let hint = "{token: {username, file}} or {ssh: {username, key, knownHosts}}";
            reader.wrong(
                fields.at,
                "`git.auth` needs exactly one of `token` and `ssh`",
                hint,
            );
            None
        }
    };
    reader.close(fields, "git.auth");
    auth
}

fn token(reader: &mut Reader<'_>, node: Node, base: &Path) -> Option<Auth> {
    let mut fields = reader.map(node, "git.auth.token")?;
    let username = user(reader, &mut fields);
    let file = file(reader, &mut fields, "file", base);
    reader.close(fields, "git.auth.token");
    Some(Auth::Token {
        username: username?,
        file: file?,
    })
}

fn ssh(reader: &mut Reader<'_>, node: Node, base: &Path) -> Option<Auth> {
    let mut fields = reader.map(node, "git.auth.ssh")?;
    let username = user(reader, &mut fields);
    let key = file(reader, &mut fields, "key", base);
    let known_hosts = file(reader, &mut fields, "knownHosts", base);
    reader.close(fields, "git.auth.ssh");
    Some(Auth::Ssh {
        username: username?,
        key: key?,
        known_hosts: known_hosts?,
    })
}

fn user(reader: &mut Reader<'_>, fields: &mut Fields) -> Option<String> {
    match fields.take("username") {
        None => Some("git".to_owned()),
        Some(node) => reader.text(node, "username").map(|(_, text)| text),
    }
}

/// A file that must be there and readable now, not only when the first poll needs it.
fn file(
    reader: &mut Reader<'_>,
    fields: &mut Fields,
    name: &'static str,
    base: &Path,
) -> Option<PathBuf> {
    let node = required(reader, fields, name, name)?;
    let (at, text) = reader.text(node, name)?;
    let path = base.join(text);
    match std::fs::File::open(&path) {
        Ok(_) => Some(path),
        Err(error) => {
            let message = format!("`{name}`: cannot read {}: {error}", path.display());
            reader.wrong(at, message, "the hub's user must be able to read it");
            None
        }
    }
}
