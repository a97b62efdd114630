//! Finding the hub: `--hub`, else `CAPSTAN_HUB`, else the nearest `hub.yaml`; and saying which.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use capstan_proto::wire::admin_client::AdminClient;
use capstan_proto::wire::query_client::QueryClient;
use hyper_util::rt::TokioIo;
use tonic::transport::{Channel, Endpoint};

use super::Failure;
use super::args::Target;
use crate::addresses::Addresses;
use crate::config::{Config, FILE_NAME};
use crate::socket;

/// The environment variable that names a hub.
const VARIABLE: &str = "CAPSTAN_HUB";

/// Largest answer: a page of 1,000 clusters with all their labels and facts is about 2 MiB.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Where the hub listens for us.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Address {
    Socket(PathBuf),
    Tcp(String),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(address) => f.write_str(address),
        }
    }
}

/// Who said so.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    Flag,
    Variable,
    File(PathBuf),
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("named by --hub"),
            Self::Variable => write!(f, "named by {VARIABLE}"),
            Self::File(path) => write!(f, "named by {}, the nearest {FILE_NAME}", path.display()),
        }
    }
}

/// A connection to the hub.
pub(super) async fn connect(target: &Target) -> Result<Channel, Failure> {
    let (address, found) = find(target).map_err(Failure::Usage)?;
    dial(&address)
        .await
        .with_context(|| {
            format!(
                "cannot reach the hub at {address} ({found}; is `hub serve` running, and may you \
                 open its socket? name another one with --hub)"
            )
        })
        .map_err(Failure::Failed)
}

/// A client of the query service.
pub(super) fn query(channel: Channel) -> QueryClient<Channel> {
    QueryClient::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX)
}

/// A client of the admin service.
pub(super) async fn admin(target: &Target) -> Result<AdminClient<Channel>, Failure> {
    Ok(AdminClient::new(connect(target).await?))
}

/// What a hub's refusal says, as an error of ours.
pub(super) fn refusal(status: &tonic::Status) -> Failure {
    let error = match status.message() {
        "" => anyhow!("the hub answered {:?} and said nothing more", status.code()),
        message => anyhow!("{message}"),
    };
    match status.code() {
        tonic::Code::InvalidArgument => Failure::Usage(error),
        _ => Failure::Failed(error),
    }
}

fn find(target: &Target) -> anyhow::Result<(Address, Found)> {
    if let Some(text) = &target.hub {
        return Ok((
            named(text).with_context(|| format!("--hub {text}"))?,
            Found::Flag,
        ));
    }
    if let Some(text) = std::env::var_os(VARIABLE).filter(|text| !text.is_empty()) {
        let text = text.to_string_lossy();
        return Ok((
            named(&text).with_context(|| format!("{VARIABLE}={text}"))?,
            Found::Variable,
        ));
    }
    let here = std::env::current_dir().context("cannot tell the current directory")?;
    let file = here
        .ancestors()
        .map(|directory| directory.join(FILE_NAME))
        .find(|file| file.is_file())
        .ok_or_else(|| {
            anyhow!(
                "no hub is named: there is no --hub, no {VARIABLE}, and no {FILE_NAME} in {} or \
                 above it (a hub is named as unix:PATH, HOST:PORT, or by its {FILE_NAME})",
                here.display()
            )
        })?;
    Ok((configured(&file)?, Found::File(file)))
}

/// Understands `unix:PATH`, a socket, a data directory, a `hub.yaml`, or HOST:PORT.
fn named(text: &str) -> anyhow::Result<Address> {
    if let Some(path) = text.strip_prefix("unix:") {
        return Ok(Address::Socket(PathBuf::from(
            path.trim_start_matches("//"),
        )));
    }
    let path = Path::new(text);
    if path.is_dir() {
        let inside = path.join(FILE_NAME);
        return match inside.is_file() {
            true => configured(&inside),
            false => running(path),
        };
    }
    if path.is_file() {
        return configured(path);
    }
    if path.exists() {
        return Ok(Address::Socket(path.to_owned()));
    }
    let bare = text.strip_prefix("http://").unwrap_or(text);
    match bare.parse::<SocketAddr>().is_ok() || bare.rsplit_once(':').is_some_and(is_host_port) {
        true => Ok(Address::Tcp(bare.to_owned())),
        false => Err(anyhow!(
            "`{text}` is no hub: expected unix:PATH, HOST:PORT, a {FILE_NAME} or a data directory"
        )),
    }
}

fn is_host_port((host, port): (&str, &str)) -> bool {
    !host.is_empty() && !host.contains('/') && port.parse::<u16>().is_ok()
}

fn configured(file: &Path) -> anyhow::Result<Address> {
    let config = Config::read(file).with_context(|| format!("{} has mistakes", file.display()))?;
    Ok(Address::Socket(config.listen.socket))
}

/// The socket of the hub that runs, or ran last, on a data directory.
fn running(data: &Path) -> anyhow::Result<Address> {
    let addresses = Addresses::read(data)?;
    Ok(Address::Socket(addresses.socket))
}

async fn dial(address: &Address) -> anyhow::Result<Channel> {
    match address {
        Address::Tcp(address) => {
            let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
            endpoint.connect().await.map_err(root_cause)
        }
        Address::Socket(path) => {
            let path = path.clone();
            // The URI only fills the request's authority; the connector goes to the socket.
            let endpoint = Endpoint::from_static("http://hub.invalid");
            let connector = tower::service_fn(move |_: http::Uri| {
                let path = path.clone();
                async move { socket::connect(&path).await.map(TokioIo::new) }
            });
            endpoint
                .connect_with_connector(connector)
                .await
                .map_err(root_cause)
        }
    }
}

/// tonic's outer errors say `transport error`; what happened is said by the innermost one.
fn root_cause(error: tonic::transport::Error) -> anyhow::Error {
    let error = anyhow::Error::from(error);
    let innermost = error.root_cause().to_string();
    anyhow!("{innermost}")
}
