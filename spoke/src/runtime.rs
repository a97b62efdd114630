//! The agent as a process: reaches the cluster, holds the Lease, and runs one tenure after the other until it is told
//! to stop.
//!
//! A tenure is the time between getting the Lease and losing it. Everything that writes belongs to one and ends with
//! it, so that a successor never writes beside us.

mod connect;
mod fetcher;
mod hub;
mod keeper;
mod limits;
mod owner;
mod tenure;
mod translate;
mod writers;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;

pub use limits::NAME as LIMITS;

use crate::config::Run;
use crate::http::{self, Endpoints};
use crate::kube::lease::Process;
use crate::kube::token::TokenError;
use crate::kube::{AccessError, Kube};
use crate::metrics::Metrics;
use crate::shutdown::Shutdown;
use crate::telemetry::chain;

/// Between two attempts to begin a tenure that failed.
const AGAIN: Duration = Duration::from_secs(2);

/// Why the agent cannot run at all.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The process's signals.
    #[error("cannot listen to signals")]
    Signals(#[source] std::io::Error),
    /// The http port.
    #[error("cannot serve health and metrics at {address}")]
    Http {
        /// Where.
        address: std::net::SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The cluster.
    #[error("the cluster cannot be addressed")]
    Access(#[from] AccessError),
    /// The ServiceAccount's token.
    #[error("the agent has no account in the cluster")]
    Token(#[source] TokenError),
}

impl RunError {
    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Signals(_) => String::new(),
            Self::Http { .. } => {
                "take another port with --http; port 0 takes a free one".to_owned()
            }
            Self::Access(error) => error.hint(),
            Self::Token(_) => {
                "run `spoke bootstrap ... --outside` on this cluster first".to_owned()
            }
        }
    }
}

/// What every part of the process shares.
#[derive(Clone, Debug)]
struct Context {
    kube: Kube,
    namespace: String,
    /// Random, made anew by every process.
    instance: uuid::Uuid,
    /// What a successor can know us by.
    process: Option<Process>,
    metrics: Arc<Metrics>,
    ready: Arc<AtomicBool>,
}

/// Runs the agent until it is told to stop.
///
/// # Errors
/// When it cannot begin; once it runs, it goes on whatever fails.
pub async fn run(config: &Run, mut shutdown: Shutdown) -> Result<(), RunError> {
    let Run {
        access,
        namespace,
        http,
        log_format: _,
    } = config;
    let metrics = Arc::new(Metrics::default());
    let ready = Arc::new(AtomicBool::new(false));
    let _http = match http {
        Some(address) => Some(serve(*address, &metrics, ready.clone()).await?),
        None => None,
    };
    let connected = tokio::select! {
        connected = connect::connect(access, namespace, &metrics) => connected?,
        () = shutdown.wait() => return Ok(()),
    };
    let context = Context {
        kube: connected.kube.clone(),
        namespace: namespace.clone(),
        instance: uuid::Uuid::new_v4(),
        // The address is bound by now, or we would not be here.
        process: Process::this(*http),
        metrics,
        ready,
    };
    tracing::info!(version = crate::VERSION, instance = %context.instance, "the agent starts");
    let mut said = String::new();
    loop {
        match tenure::run(&context, shutdown.clone()).await {
            Ok(tenure::End::Stopped) => return Ok(()),
            Ok(tenure::End::LeaseLost) => {
                tracing::warn!(
                    "the agent does not hold its Lease any more; it writes nothing until it does"
                )
            }
            Ok(tenure::End::Stale(problem)) => {
                tracing::warn!(
                    problem,
                    "somebody else changed the state that the agent stores; it is read anew"
                );
            }
            Err(error) => {
                let error = chain(&error);
                if error != said {
                    tracing::warn!(error, "the agent cannot begin; trying again");
                    said = error;
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            () = shutdown.wait() => return Ok(()),
        }
    }
}

async fn serve(
    address: std::net::SocketAddr,
    metrics: &Metrics,
    ready: Arc<AtomicBool>,
) -> Result<AbortOnDropHandle<()>, RunError> {
    let error = |source| RunError::Http { address, source };
    let listener = http::bind(address).await.map_err(error)?;
    let bound = listener.local_addr().map_err(error)?;
    tracing::info!(address = %bound, "serving /livez, /readyz and /metrics");
    let endpoints = Endpoints::new(metrics.registry(), ready);
    Ok(AbortOnDropHandle::new(tokio::spawn(http::serve(
        listener, endpoints,
    ))))
}
