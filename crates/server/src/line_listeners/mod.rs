//! Line protocols without requests: Graphite over TCP and statsd over UDP.
//!
//! Their points go to the database `default`. They have no authentication: any host that reaches the address can write.
//! Refused points are counted by protocol and reason in `/metrics`, and logged.

mod graphite;
mod statsd;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use timestrata_ingest::Rows;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::app::SharedState;
use crate::counters::Protocol;
use crate::databases::DatabaseName;
use crate::endpoints::RequestDatabase;
use crate::failure::{Failure, StartError};
use crate::options::ServerOptions;
use crate::store::{Stored, store};

/// Pause before rows that could not be stored are stored again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Sockets of the protocols of lines.
#[derive(Debug)]
pub(crate) struct LineListeners {
    graphite: Vec<TcpListener>,
    statsd: Vec<UdpSocket>,
}

impl LineListeners {
    /// Listens on the addresses of the options.
    ///
    /// # Errors
    ///
    /// [`StartError::Listen`].
    pub(crate) async fn bind(options: &ServerOptions) -> Result<Self, StartError> {
        let failed = |address: &SocketAddr, source| StartError::Listen { address: *address, source };
        let mut listeners = Self { graphite: Vec::new(), statsd: Vec::new() };
        for address in &options.graphite_listen {
            listeners.graphite.push(TcpListener::bind(address).await.map_err(|source| failed(address, source))?);
        }
        for address in &options.statsd_listen {
            listeners.statsd.push(UdpSocket::bind(address).await.map_err(|source| failed(address, source))?);
        }
        Ok(listeners)
    }

    /// Returns the addresses for lines of Graphite.
    pub(crate) fn graphite_addresses(&self) -> Vec<SocketAddr> {
        self.graphite.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// Returns the addresses for packets of statsd.
    pub(crate) fn statsd_addresses(&self) -> Vec<SocketAddr> {
        self.statsd.iter().filter_map(|socket| socket.local_addr().ok()).collect()
    }

    /// Takes lines until the server stops, and stores what arrived before.
    pub(crate) async fn run(self, app: SharedState, stop: watch::Receiver<bool>) {
        let mut tasks = JoinSet::new();
        for listener in self.graphite {
            tasks.spawn(graphite::serve(Arc::clone(&app), listener, stop.clone()));
        }
        if !self.statsd.is_empty() {
            tasks.spawn(statsd::serve(app, self.statsd, stop));
        }
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a listener for lines ended unexpectedly");
            }
        }
    }
}

/// Stores rows in the database `default`, and logs what was refused.
async fn store_rows(app: &SharedState, protocol: Protocol, rows: &Rows) -> Result<Stored, Failure> {
    let database = RequestDatabase::find(app, &DatabaseName::default_name())?;
    let stored = store(app, &database, protocol, rows).await?;
    if stored.refusals.total() > 0 {
        tracing::warn!(protocol = protocol.name(), "{}", stored.refusals.text());
    }
    Ok(stored)
}

/// Returns when the server stops.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A dropped sender also means stop.
    let _ = stop.wait_for(|stopped| *stopped).await;
}
