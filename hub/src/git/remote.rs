//! Talking to a Git server: where it is, who we are, what may go over the wire, and what its errors mean.

use std::fs;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use capstan_proto::Revision;
use git2::cert::Cert;
use git2::{
    AutotagOption, CertificateCheckStatus, Cred, Direction, ErrorClass, ErrorCode, FetchOptions,
    Oid, ProxyOptions, Reference, RemoteCallbacks, RemoteRedirect, Repository,
};

use super::problem::Problem;
use super::tags::{self, Tags};
use super::{Auth, Limits, Source, known_hosts, options};

/// Branches with similar names that an error lists.
const NEAR_MAX: usize = 3;

/// Heads of a server that are looked at; more are not needed to find one branch or words like it.
const HEADS_MAX: usize = 50_000;

/// Where a source is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Location {
    /// On this machine.
    Local {
        /// The repository's folder.
        path: PathBuf,
    },
    /// On a server.
    Server {
        /// Its host name or address.
        host: String,
        /// Its port, when the URL names one.
        port: Option<u16>,
    },
}

impl Location {
    /// Understands a source's URL, and refuses what could not work or would not be safe.
    pub(super) fn of(source: &Source) -> Result<Self, Problem> {
        let wrong = |what: &str| {
            Err(Problem::Misconfigured {
                name: source.name.to_string(),
                what: what.to_owned(),
            })
        };
        if !Reference::is_valid_name(&format!("refs/heads/{}", source.branch)) {
            return wrong("`branch` is no valid branch name (give it without `refs/heads/`)");
        }
        let plain = |part: &str| !matches!(part, "" | "." | "..");
        if !source.path.is_empty() && !source.path.split('/').all(plain) {
            return wrong("`path` must be a folder inside the repository, such as `fleet/prod`");
        }
        Self::at(&source.url, &source.auth).or_else(wrong)
    }

    /// Understands a URL with the proof that goes to it.
    fn at(url: &str, auth: &Auth) -> Result<Self, &'static str> {
        if Path::new(url).is_absolute() {
            return Ok(Self::Local {
                path: PathBuf::from(url),
            });
        }
        let Some((scheme, rest)) = url.split_once("://") else {
            return Err(
                "`url` must be https://, ssh://, file:// or an absolute path (for git@HOST:PATH write ssh://git@HOST/PATH)",
            );
        };
        match scheme {
            "file" => match rest.strip_prefix("localhost").unwrap_or(rest) {
                path if path.starts_with('/') && !path.contains('%') => Ok(Self::Local {
                    path: PathBuf::from(path),
                }),
                _ => Err("`url` must be file:///PATH with an absolute, unescaped path"),
            },
            "https" | "http" | "ssh" => server(auth, scheme, rest),
            _ => Err("`url` must begin with https://, ssh:// or file://"),
        }
    }
}

/// Why a source of this URL can never be followed with this proof, and what would work; `None` where it may.
pub fn refusal(url: &str, auth: &Auth) -> Option<&'static str> {
    Location::at(url, auth).err()
}

fn server(auth: &Auth, scheme: &str, rest: &str) -> Result<Location, &'static str> {
    let authority = rest.split('/').next().unwrap_or_default();
    let (user, address) = match authority.rsplit_once('@') {
        Some((user, address)) => (Some(user), address),
        None => (None, authority),
    };
    if user.is_some_and(|user| user.contains(':')) || (user.is_some() && scheme != "ssh") {
        return Err(
            "`url` must not hold credentials (put the token in a file and name it in `auth`)",
        );
    }
    let (host, port) = split_port(address).ok_or("`url` has no usable host")?;
    let loopback = host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    match (auth, scheme) {
        (Auth::Token { .. }, "http") if !loopback => {
            Err("a token would be sent unencrypted over http:// (use https://)")
        }
        (Auth::Token { .. }, "ssh") => {
            Err("ssh:// takes a key, not a token (use `auth: {ssh: ...}`)")
        }
        (Auth::None, "http") if !loopback => Err(
            "http:// lets anybody on the way say what the fleet runs (use https:// or ssh://; http:// is for this machine only)",
        ),
        (Auth::Ssh { .. }, "http" | "https") => Err("an SSH key works with an ssh:// URL only"),
        (Auth::None, "ssh") => Err("ssh:// needs a key (use `auth: {ssh: ...}`)"),
        _ => Ok(Location::Server {
            host: host.to_owned(),
            port,
        }),
    }
}

fn split_port(address: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().ok()?)),
        _ => (address, None),
    };
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    let valid = !host.is_empty() && !host.starts_with('-') && host.bytes().all(safe);
    valid.then_some((host, port))
}

/// A URL as it may be shown and logged: without user, password and query.
pub(super) fn without_secrets(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
            let address = authority
                .rsplit_once('@')
                .map_or(authority, |(_, address)| address);
            format!("{scheme}://{address}/{path}")
        }
        None => url.to_owned(),
    }
}

/// One conversation with a server.
pub(super) struct Remote<'a> {
    pub(super) source: &'a Source,
    pub(super) location: &'a Location,
    pub(super) limits: &'a Limits,
    /// The branch's full name.
    pub(super) reference: String,
}

/// What callbacks found out that libgit2's errors do not say.
#[derive(Default)]
struct Notes {
    credential: std::cell::RefCell<Option<Problem>>,
    /// Credentials were given and the server asked again.
    rejected: std::cell::Cell<bool>,
    /// Why we ended the transfer.
    stopped: std::cell::Cell<Option<Stop>>,
}

#[derive(Clone, Copy)]
enum Stop {
    TooLarge,
    TooSlow,
}

impl Remote<'_> {
    /// Finds the branch's head and downloads what the copy lacks. `last` is the head found before, if any.
    pub(super) fn fetch(
        &self,
        copy: &Repository,
        last: Option<Revision>,
    ) -> Result<(Oid, Tags), Problem> {
        let notes = Notes::default();
        let started = Instant::now();
        let failed = |error: git2::Error| self.explain(error, &notes);
        let mut remote = copy.remote_anonymous(&self.source.url).map_err(failed)?;
        let callbacks = self.callbacks(&notes, started);
        let mut connection = remote
            .connect_auth(Direction::Fetch, Some(callbacks), Some(proxy()))
            .map_err(failed)?;
        let heads = heads(connection.list().map_err(failed)?);
        let oid = self.choose(&heads, last)?;
        let tags = tags::listed(&heads);
        if copy.find_commit(oid).is_ok() {
            return Ok((oid, tags));
        }
        let mut options = FetchOptions::new();
        options
            .remote_callbacks(self.callbacks(&notes, started))
            .proxy_options(proxy())
            .download_tags(AutotagOption::None)
            .follow_redirects(RemoteRedirect::None);
        let spec = format!("+{}:refs/capstan/incoming", self.reference);
        connection
            .remote()
            .download(&[spec], Some(&mut options))
            .map_err(failed)?;
        copy.find_commit(oid).map_err(failed)?;
        Ok((oid, tags))
    }

    /// Downloads what the copy lacks of these tags. It is a conversation of its own, so that tags which are too much
    /// for the limits never keep the branch from being followed.
    pub(super) fn fetch_tags(&self, copy: &Repository, names: &[&str]) -> Result<(), Problem> {
        let notes = Notes::default();
        let started = Instant::now();
        let failed = |error: git2::Error| self.explain(error, &notes);
        let mut remote = copy.remote_anonymous(&self.source.url).map_err(failed)?;
        let callbacks = self.callbacks(&notes, started);
        let mut connection = remote
            .connect_auth(Direction::Fetch, Some(callbacks), Some(proxy()))
            .map_err(failed)?;
        let mut options = FetchOptions::new();
        options
            .remote_callbacks(self.callbacks(&notes, started))
            .proxy_options(proxy())
            .download_tags(AutotagOption::None)
            .follow_redirects(RemoteRedirect::None);
        let spec = |name: &&str| format!("+refs/tags/{name}:refs/capstan/incoming-tags/{name}");
        let specs: Vec<String> = names.iter().map(spec).collect();
        let downloaded = connection.remote().download(&specs, Some(&mut options));
        downloaded.map_err(failed)
    }

    /// The branch among the server's heads, or why it is not there.
    fn choose(&self, heads: &[(String, Oid)], last: Option<Revision>) -> Result<Oid, Problem> {
        if let Some((_, oid)) = heads.iter().find(|(name, _)| *name == self.reference) {
            return Ok(*oid);
        }
        let url = without_secrets(&self.source.url);
        let branch = self.source.branch.clone();
        let branches: Vec<&str> = heads
            .iter()
            .filter_map(|(name, _)| name.strip_prefix("refs/heads/"))
            .collect();
        match last {
            Some(last) => {
                let near = near(&branch, &branches);
                Err(Problem::BranchDeleted {
                    url,
                    branch,
                    last,
                    near,
                })
            }
            None if branches.is_empty() => Err(Problem::Empty { url, branch }),
            None => {
                let near = near(&branch, &branches);
                Err(Problem::NoBranch { url, branch, near })
            }
        }
    }

    fn callbacks<'n>(&'n self, notes: &'n Notes, started: Instant) -> RemoteCallbacks<'n> {
        let mut callbacks = RemoteCallbacks::new();
        let mut asked = 0;
        callbacks.credentials(move |url, _, allowed| {
            asked += 1;
            self.credentials(url, allowed, asked, notes)
        });
        callbacks.certificate_check(|certificate, _| self.check_host(certificate));
        callbacks.transfer_progress(move |progress| {
            let stop = if progress.received_bytes() > self.limits.fetch_bytes {
                Some(Stop::TooLarge)
            } else if started.elapsed() > self.limits.poll {
                Some(Stop::TooSlow)
            } else {
                None
            };
            notes.stopped.set(stop);
            stop.is_none()
        });
        callbacks.sideband_progress(move |_| {
            let slow = started.elapsed() > self.limits.poll;
            if slow {
                notes.stopped.set(Some(Stop::TooSlow));
            }
            !slow
        });
        callbacks
    }

    /// Gives the credentials once; a second question means that they were refused.
    fn credentials(
        &self,
        url: &str,
        allowed: git2::CredentialType,
        asked: u32,
        notes: &Notes,
    ) -> Result<Cred, git2::Error> {
        let refuse = |message: &str| {
            Err(git2::Error::new(
                ErrorCode::Auth,
                ErrorClass::Callback,
                message,
            ))
        };
        if !self.same_server(url) {
            return refuse("the server sent us elsewhere, where credentials are not sent");
        }
        let username_first = allowed.contains(git2::CredentialType::USERNAME);
        if asked > 1 + u32::from(matches!(self.source.auth, Auth::Ssh { .. })) {
            notes.rejected.set(true);
            return refuse("the credentials were refused");
        }
        match &self.source.auth {
            Auth::None => refuse("no credentials are configured"),
            Auth::Token { username, file } => {
                let token = secret_line(file).inspect_err(|_| note_file(notes, file));
                match token {
                    Ok(token) => Cred::userpass_plaintext(username, &token),
                    Err(error) => refuse(&error.to_string()),
                }
            }
            Auth::Ssh { username, .. } if username_first => Cred::username(username),
            Auth::Ssh { username, key, .. } => {
                if fs::metadata(key).is_err() {
                    note_file(notes, key);
                    return refuse("the key file cannot be read");
                }
                Cred::ssh_key(username, None, key, None)
            }
        }
    }

    fn same_server(&self, url: &str) -> bool {
        let authority = |url: &str| {
            let (scheme, rest) = url.split_once("://")?;
            let host = rest.split('/').next()?;
            let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
            Some(format!("{scheme}://{host}"))
        };
        authority(url).is_some() && authority(url) == authority(&self.source.url)
    }

    /// HTTPS is left to the machine's trusted CAs; a host key must be among the known ones.
    fn check_host(&self, certificate: &Cert<'_>) -> Result<CertificateCheckStatus, git2::Error> {
        let Some(host_key) = certificate.as_hostkey() else {
            return Ok(CertificateCheckStatus::CertificatePassthrough);
        };
        let refuse = |message: &str| {
            Err(git2::Error::new(
                ErrorCode::Certificate,
                ErrorClass::Ssh,
                message,
            ))
        };
        let (
            Auth::Ssh {
                known_hosts: file, ..
            },
            Location::Server { host, port },
        ) = (&self.source.auth, self.location)
        else {
            return refuse("no known hosts are configured");
        };
        let Ok(text) = fs::read_to_string(file) else {
            return refuse("the known_hosts file cannot be read");
        };
        match host_key.hostkey() {
            Some(key) if known_hosts::knows(&text, host, *port, key) => {
                Ok(CertificateCheckStatus::CertificateOk)
            }
            _ => refuse("the server's host key is not in the known_hosts file"),
        }
    }

    /// What an error of libgit2 means to a person.
    fn explain(&self, error: git2::Error, notes: &Notes) -> Problem {
        if let Some(problem) = notes.credential.take() {
            return problem;
        }
        let url = without_secrets(&self.source.url);
        match notes.stopped.get() {
            Some(Stop::TooLarge) => {
                return Problem::FetchTooLarge {
                    url,
                    limit: self.limits.fetch_bytes,
                };
            }
            Some(Stop::TooSlow) => {
                return Problem::TimedOut {
                    url,
                    limit: self.limits.poll,
                };
            }
            None => {}
        }
        let hint = match (&self.source.auth, notes.rejected.get()) {
            (Auth::None, _) => "it wants credentials, and none are configured in `auth`",
            (_, true) => "the credentials are wrong, expired, or lack the right to read",
            (_, false) => "check `auth` and what the account may read",
        };
        match self.location {
            Location::Local { path } if !path.exists() => {
                let path = path.clone();
                Problem::NoDirectory { path }
            }
            Location::Local { .. } | Location::Server { .. } => classify(error, url, hint),
        }
    }
}

fn classify(error: git2::Error, url: String, hint: &str) -> Problem {
    let message = error.message();
    let status = |code: &str| error.class() == ErrorClass::Http && message.contains(code);
    let denied = error.code() == ErrorCode::Auth || status("401") || status("403");
    if denied {
        return Problem::Denied {
            url,
            hint: hint.to_owned(),
            source: error,
        };
    }
    match (error.code(), error.class()) {
        (ErrorCode::Certificate, _) => Problem::Untrusted { url, source: error },
        (ErrorCode::Timeout, _) => {
            let silence = u64::try_from(options::SERVER_TIMEOUT_MS).unwrap_or(0);
            Problem::TimedOut {
                url,
                limit: Duration::from_millis(silence),
            }
        }
        (ErrorCode::NotFound, ErrorClass::Os | ErrorClass::Repository) => {
            Problem::NotFound { url, source: error }
        }
        (_, ErrorClass::Http) if status("404") => Problem::NotFound { url, source: error },
        (_, ErrorClass::Http) if status("content") => Problem::NotGit { url, source: error },
        (_, ErrorClass::Ssl) => Problem::Untrusted { url, source: error },
        (_, ErrorClass::Odb | ErrorClass::Indexer | ErrorClass::Zlib | ErrorClass::Object) => {
            Problem::Copy {
                url,
                doing: "taking in what the server sent",
                source: error,
            }
        }
        _ => Problem::Unreachable { url, source: error },
    }
}

fn heads(listed: &[git2::RemoteHead<'_>]) -> Vec<(String, Oid)> {
    let name = |head: &git2::RemoteHead<'_>| {
        // git2 panics on a name that is not UTF-8, which a server may send.
        catch_unwind(AssertUnwindSafe(|| head.name().to_owned())).ok()
    };
    let listed = listed.iter().take(HEADS_MAX);
    listed
        .filter_map(|head| Some((name(head)?, head.oid())))
        .collect()
}

/// Branches with names like `wanted`, the most similar first.
fn near(wanted: &str, branches: &[&str]) -> Vec<String> {
    let mut scored: Vec<(f64, &str)> = branches
        .iter()
        .map(|name| (strsim::jaro_winkler(wanted, name), *name))
        .collect();
    scored.sort_by(|(left, a), (right, b)| right.total_cmp(left).then_with(|| a.cmp(b)));
    // Usual default names are worth naming even when they look nothing like the wanted one.
    let usual = |name: &str| matches!(name, "main" | "master" | "trunk");
    let similar = scored
        .iter()
        .filter(|(score, name)| *score > 0.75 || usual(name));
    similar
        .take(NEAR_MAX)
        .map(|(_, name)| (*name).to_owned())
        .collect()
}

fn proxy() -> ProxyOptions<'static> {
    let mut options = ProxyOptions::new();
    options.auto();
    options
}

fn secret_line(file: &Path) -> std::io::Result<zeroize::Zeroizing<String>> {
    let text = zeroize::Zeroizing::new(fs::read_to_string(file)?);
    Ok(zeroize::Zeroizing::new(
        text.lines().next().unwrap_or_default().trim().to_owned(),
    ))
}

fn note_file(notes: &Notes, file: &Path) {
    let source = match fs::File::open(file) {
        Err(error) => error,
        Ok(_) => std::io::Error::other("it is not text"),
    };
    *notes.credential.borrow_mut() = Some(Problem::Credential {
        path: file.to_owned(),
        source,
    });
}
