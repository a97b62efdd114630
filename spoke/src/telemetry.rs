//! Logging: to standard error, in words or as JSON. Errors are written with their whole chain, once, here.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// Variable that overrides the level, with the usual filter syntax.
pub const FILTER_VARIABLE: &str = "CAPSTAN_LOG";

/// How lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For collectors.
    Json,
}

/// Starts logging. The libraries below us report through our own errors, so only their warnings are shown; kube's
/// client calls every refusal of the API server an error, which is ours to judge.
pub fn start(format: Format) {
    let fallback = "info,kube_client=off,tower=warn,hyper=warn,h2=warn,rustls=warn";
    let filter =
        EnvFilter::try_from_env(FILTER_VARIABLE).unwrap_or_else(|_| EnvFilter::new(fallback));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    // Somebody who embeds the agent may have started logging before.
    match format {
        Format::Text => drop(subscriber.try_init()),
        Format::Json => drop(subscriber.json().try_init()),
    }
}

/// An error and everything below it, in one line.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let text = error.to_string();
        // Libraries that repeat their source in their own words would say everything twice.
        if !line.ends_with(&text) {
            write!(line, ": {text}").expect("writing to a string cannot fail");
        }
        source = error.source();
    }
    line
}
