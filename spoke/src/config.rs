//! Flags become values that cannot be wrong; every mistake is told at once.

use std::net::SocketAddr;
use std::time::Duration;

use crate::bootstrap::{AgentRuns, Asked, Extent, Order, Rights};
use crate::kube::Access;
use crate::link::Address;
use crate::telemetry::Format;
use crate::tls::Pin;

/// Everything that is wrong, one sentence each; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes(Vec<String>);

impl Mistakes {
    /// The sentences.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// Collects mistakes while values are read.
#[derive(Default)]
struct Reader(Vec<String>);

impl Reader {
    fn take<T>(&mut self, value: Result<T, String>) -> Option<T> {
        value.map_err(|mistake| self.0.push(mistake)).ok()
    }

    fn done<T>(self, value: Option<T>) -> Result<T, Mistakes> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(Mistakes(self.0)),
        }
    }
}

/// The image that `spoke bootstrap` installs when none is named.
#[must_use]
pub fn default_image() -> String {
    format!("capstan/spoke:{}", crate::VERSION)
}

/// Flags of `spoke bootstrap`, as typed.
#[derive(Clone, Debug)]
pub struct RawBootstrap {
    /// `--hub`.
    pub hub: Option<String>,
    /// `--token`.
    pub token: Option<String>,
    /// `--ca-pin`.
    pub ca_pin: Option<String>,
    /// `--kubeconfig`, `--context`.
    pub access: Access,
    /// `--namespace`.
    pub namespace: String,
    /// `--rights`.
    pub rights: Option<String>,
    /// `--image`.
    pub image: Option<String>,
    /// How far to go.
    pub extent: RawExtent,
    /// `--outside`.
    pub outside: bool,
    /// `--timeout`.
    pub timeout: String,
}

/// The flags that say how far `spoke bootstrap` goes.
#[derive(Clone, Copy, Debug, Default)]
pub struct RawExtent {
    /// `--print`.
    pub print: bool,
    /// `--dry-run`.
    pub dry_run: bool,
    /// `--no-wait`.
    pub no_wait: bool,
}

impl RawBootstrap {
    /// Reads the flags.
    ///
    /// # Errors
    /// With every mistake.
    pub fn check(self) -> Result<Order, Mistakes> {
        let Self {
            hub,
            token,
            ca_pin,
            access,
            namespace,
            rights,
            image,
            extent,
            outside,
            timeout,
        } = self;
        let mut reader = Reader::default();
        let hub = reader.take(required("--hub", hub, |text| {
            Address::parse(text).map_err(|error| error.to_string())
        }));
        let pin = reader.take(required("--ca-pin", ca_pin, |text| {
            Pin::parse(text).map_err(|error| error.to_string())
        }));
        let token = reader.take(token.map(|token| check_token(&token)).transpose());
        let namespace = reader.take(check_namespace(&namespace));
        let rights = reader.take(rights.map(|rights| check_rights(&rights)).transpose());
        let timeout = reader.take(parse_duration(&timeout).map_err(|m| format!("--timeout: {m}")));
        let extent = reader.take(extent.check());
        let agent = match outside {
            true => Some(AgentRuns::Outside),
            false => image.map(|image| AgentRuns::Inside { image }),
        };
        let order = (|| {
            Some(Order {
                access,
                asked: Asked {
                    namespace: namespace?,
                    hub: hub?,
                    pin: pin?,
                    token: token?,
                    rights: rights?,
                    agent,
                },
                extent: extent?,
                timeout: timeout?,
            })
        })();
        reader.done(order)
    }
}

impl RawExtent {
    fn check(self) -> Result<Extent, String> {
        match (self.print, self.dry_run, self.no_wait) {
            (true, true, _) => Err("--print and --dry-run: use one of them".to_owned()),
            (true, false, _) => Ok(Extent::Print),
            (false, true, _) => Ok(Extent::DryRun),
            (false, false, true) => Ok(Extent::Install),
            (false, false, false) => Ok(Extent::InstallAndWait),
        }
    }
}

/// Flags of `spoke run`, as typed.
#[derive(Clone, Debug)]
pub struct RawRun {
    /// `--kubeconfig`, `--context`.
    pub access: Access,
    /// `--namespace`.
    pub namespace: String,
    /// `--http`.
    pub http: Option<String>,
    /// `--log-format`.
    pub log_format: String,
}

/// What `spoke run` does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Where the cluster is.
    pub access: Access,
    /// The agent's namespace.
    pub namespace: String,
    /// Where to serve health, readiness and metrics.
    pub http: Option<SocketAddr>,
    /// How to log.
    pub log_format: Format,
}

impl RawRun {
    /// Reads the flags.
    ///
    /// # Errors
    /// With every mistake.
    pub fn check(self) -> Result<Run, Mistakes> {
        let Self {
            access,
            namespace,
            http,
            log_format,
        } = self;
        let mut reader = Reader::default();
        let namespace = reader.take(check_namespace(&namespace));
        let http = http.map(|text| {
            text.parse()
                .map_err(|_| format!("--http: `{text}` is no ADDRESS:PORT, such as 127.0.0.1:7481"))
        });
        let http = reader.take(http.transpose());
        let log_format = reader.take(match log_format.as_str() {
            "text" => Ok(Format::Text),
            "json" => Ok(Format::Json),
            other => Err(format!("--log-format: `{other}` is neither text nor json")),
        });
        if access.context.is_some() && access.kubeconfig.is_none() {
            let alone =
                "--context needs --kubeconfig; without one the agent uses its pod's own account";
            reader.0.push(alone.to_owned());
        }
        let run = (|| {
            Some(Run {
                access,
                namespace: namespace?,
                http: http?,
                log_format: log_format?,
            })
        })();
        reader.done(run)
    }
}

fn required<T>(
    flag: &str,
    text: Option<String>,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<T, String> {
    let text = text.ok_or_else(|| format!("{flag} is missing; `hub token create` prints it"))?;
    parse(&text).map_err(|mistake| format!("{flag}: {mistake}"))
}

fn check_rights(text: &str) -> Result<Rights, String> {
    Rights::parse(text)
        .ok_or_else(|| format!("--rights: `{text}` is neither namespaced nor platform"))
}

fn check_token(token: &str) -> Result<String, String> {
    let whole = token.split_once('.').is_some_and(|(id, secret)| {
        !id.is_empty() && !secret.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())
    });
    match whole {
        true => Ok(token.to_owned()),
        // The text itself is not repeated: it may be most of a secret.
        false => Err(
            "--token: it must have the form ID.SECRET, as `hub token create` printed it".to_owned(),
        ),
    }
}

fn check_namespace(name: &str) -> Result<String, String> {
    // A namespace's name is a DNS-1123 label, like a cluster's.
    match capstan_proto::ClusterName::try_new(name) {
        Ok(_) => Ok(name.to_owned()),
        Err(error) => Err(format!("--namespace: {error}")),
    }
}

/// Reads `90`, `90s`, `5m` or `1h`.
///
/// # Errors
/// With the sentence that says what is wrong.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let error = || format!("`{text}` is no time, such as 90, 90s or 5m");
    let (digits, unit) = match text.find(|c: char| !c.is_ascii_digit()) {
        Some(at) => text.split_at(at),
        None => (text, "s"),
    };
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(error()),
    };
    let count: u64 = digits.parse().map_err(|_| error())?;
    count
        .checked_mul(seconds)
        .map(Duration::from_secs)
        .ok_or_else(error)
}

#[cfg(test)]
mod tests;
