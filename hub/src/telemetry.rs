//! Logs: to standard error, filtered by `CAPSTAN_LOG`, as text or as JSON.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::util::TryInitError;

/// The environment variable that says what is logged.
pub const VARIABLE: &str = "CAPSTAN_LOG";

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Why logging cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is not understood.
    #[error("{VARIABLE} is no log filter (give a level such as info, or target=level pairs)")]
    Filter(#[source] tracing_subscriber::filter::ParseError),
    /// Something else logs already.
    #[error("logging was begun twice")]
    Twice(#[source] TryInitError),
}

/// Begins to log, for the rest of the process's life.
///
/// # Errors
/// When the filter is not understood, or it was called before.
pub fn begin(format: Format) -> Result<(), TelemetryError> {
    let directives = std::env::var(VARIABLE).unwrap_or_else(|_| "info".to_owned());
    let filter = EnvFilter::builder()
        .parse(directives)
        .map_err(TelemetryError::Filter)?;
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none());
    let registry = tracing_subscriber::registry().with(filter);
    match format {
        Format::Text => registry.with(layer).try_init(),
        Format::Json => registry.with(layer.json()).try_init(),
    }
    .map_err(TelemetryError::Twice)
}

/// An error with its causes, for one log line.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
