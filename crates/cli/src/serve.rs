//! `serve`: the HTTP server in the foreground, until a signal ends it.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;

use timestrata_server::{NewToken, Scope, Server, ServerOptions, Settings};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::args::{LogFormat, ServeArgs, TokenArgs};
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
    let runtime = runtime.map_err(|error| Failure::failed(format!("the threads of the server: {error}")))?;
    let ended = runtime.block_on(serve(options));
    // The databases are closed, or a second signal asks for the end at once: nothing that still runs is waited for.
    runtime.shutdown_background();
    ended
}

/// Prints a new token on stderr, and its entry for the file of tokens on stdout.
pub(crate) fn token(args: &TokenArgs) -> Result<()> {
    let scopes: Vec<Scope> = args.scope.iter().copied().map(Into::into).collect();
    let token = NewToken::create(&args.name, &scopes)?;
    crate::database::say(&format!("the token, which is shown only now: {}", token.secret()));
    write!(std::io::stdout(), "{}", token.entry())?;
    Ok(())
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
    let descriptors = timestrata_server::raise_descriptor_limit();
    let server = Server::bind(options).await.map_err(failed)?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), descriptors, "starting");
    for address in server.addresses() {
        tracing::info!(%address, "listening");
    }
    let stopper = server.stopper();
    let app = server.app().clone();
    let mut signals = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()].map(signal);
    let [Ok(terminate), Ok(interrupt), Ok(hangup)] = &mut signals else {
        return Err(Failure::failed("the handlers of SIGTERM, SIGINT and SIGHUP cannot be set"));
    };
    let running = server.run();
    tokio::pin!(running);
    let mut is_stopping = false;
    loop {
        tokio::select! {
            ended = &mut running => return ended.map_err(failed),
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {
                match app.reload() {
                    Ok(()) => tracing::info!("read the tokens and the certificate again"),
                    Err(error) => tracing::error!(%error, "what cannot be read stays as it is"),
                }
                continue;
            }
        }
        if is_stopping {
            // The databases stay open to the end of the process: their close would wait for flushes and compactions.
            std::mem::forget(app);
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
    let log = log.with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    Ok(())
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::failed(error.to_string())
}
