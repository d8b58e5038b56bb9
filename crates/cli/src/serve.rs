//! `serve`: the HTTP server in the foreground, until a signal ends it.

use std::io::Write as _;
use std::path::PathBuf;

use timestrata_server::{Server, ServerOptions, Settings};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::args::{LogFormat, ServeArgs};
use crate::failure::{Failure, Result};

/// Runs the server, or only checks its configuration.
pub(crate) fn run(args: ServeArgs) -> Result<()> {
    let file = args.config.as_deref().map_or_else(|| Ok(Settings::default()), Settings::from_file);
    let options = args.settings.into_options(file.map_err(failed)?);
    if args.check_config {
        return check(options);
    }
    start_log(args.log, args.log_level.as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| Failure::failed(format!("the threads of the server: {error}")))?.block_on(serve(options))
}

/// Checks the options, and that the addresses are free.
fn check(options: ServerOptions) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::failed(error.to_string()))?;
    let data: PathBuf = options.data.clone();
    let server = runtime.block_on(Server::bind(options)).map_err(failed)?;
    let addresses: Vec<String> = server.addresses().iter().map(ToString::to_string).collect();
    let line = format!("the configuration is valid: {} on {}", data.display(), addresses.join(", "));
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

async fn serve(options: ServerOptions) -> Result<()> {
    let server = Server::bind(options).await.map_err(failed)?;
    for address in server.addresses() {
        tracing::info!(%address, "listening");
    }
    let stopper = server.stopper();
    let mut signals = [SignalKind::terminate(), SignalKind::interrupt()].map(signal);
    let [Ok(terminate), Ok(interrupt)] = &mut signals else {
        return Err(Failure::failed("the handlers of SIGTERM and SIGINT cannot be set"));
    };
    let running = server.run();
    tokio::pin!(running);
    let mut is_stopping = false;
    loop {
        tokio::select! {
            ended = &mut running => return ended.map_err(failed),
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        if is_stopping {
            return Err(Failure::failed("a second signal ended the server; what it acknowledged is durable"));
        }
        is_stopping = true;
        tracing::info!("stopping: running requests end first");
        stopper.stop();
    }
}

fn start_log(format: LogFormat, level: Option<&str>) -> Result<()> {
    let level = level.unwrap_or("info");
    let filter = EnvFilter::try_new(level)
        .map_err(|error| Failure::failed(format!("--log-level {level:?}: {error}; use info, debug or module=level")))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    Ok(())
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::failed(error.to_string())
}
