//! `hub serve`: reads everything first, then runs until it is asked to stop.

use anyhow::Context as _;

use super::args::{LogFormat, Serve};
use super::{Failure, Outcome};
use crate::config::Config;
use crate::server::Server;
use crate::{shutdown, telemetry};

pub(super) fn run(args: &Serve) -> Outcome {
    let config = match Config::read(&args.config) {
        Ok(config) => config,
        Err(mistakes) => {
            for mistake in &mistakes.0 {
                let mistake = anyhow::anyhow!("{mistake}");
                super::complain(&mistake, super::USAGE, &mut anstream::stderr());
            }
            return Err(Failure::Said(super::USAGE));
        }
    };
    let format = match args.log_format {
        LogFormat::Text => telemetry::Format::Text,
        LogFormat::Json => telemetry::Format::Json,
    };
    telemetry::begin(format).map_err(|error| Failure::Usage(error.into()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(serve(config))?;
    // Git calls cannot be interrupted; they hold nothing that must be closed.
    runtime.shutdown_background();
    Ok(())
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let asked = shutdown::asked();
    tokio::pin!(asked);
    let server = tokio::select! {
        server = Server::start(config) => server?,
        signal = &mut asked => {
            tracing::info!(signal = signal?, "asked to stop before everything had started");
            return Ok(());
        }
    };
    tracing::info!(
        spokes = %server.addresses().spokes,
        api = %server.addresses().api,
        http = %server.addresses().http,
        "serving"
    );
    tokio::select! {
        signal = asked => tracing::info!(signal = signal?, "stopping"),
        reason = server.failed() => tracing::error!(reason, "stopping"),
    }
    tokio::select! {
        () = server.stop() => tracing::info!("stopped"),
        again = shutdown::asked() => tracing::warn!(signal = again?, "stopping at once"),
    }
    Ok(())
}
