//! Packets of statsd and DogStatsD over UDP, summed between two flushes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use timestrata::Timestamp;
use timestrata_ingest::formats::{StatsdAggregator, StatsdOptions};
use timestrata_ingest::{Rows, TextValues};
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::{stopped, store_rows};
use crate::app::SharedState;
use crate::counters::Protocol;
use crate::options::ServerOptions;

/// Largest packet of UDP in bytes.
const PACKET_BYTES: usize = 64 << 10;
/// Pause after a packet that could not be received.
const RECEIVE_PAUSE: Duration = Duration::from_millis(10);
/// Time without a line after which a series ends.
const IDLE: Duration = Duration::from_hours(1);

/// Sums of all sockets.
type SharedAggregator = Arc<Mutex<StatsdAggregator>>;

/// Takes packets until the server stops, and stores the sums at each flush and at the end.
pub(super) async fn serve(app: SharedState, sockets: Vec<UdpSocket>, mut stop: watch::Receiver<bool>) {
    let aggregator: SharedAggregator = Arc::new(Mutex::new(StatsdAggregator::new(options(&app.options))));
    let mut receivers = JoinSet::new();
    for socket in sockets {
        receivers.spawn(receive(Arc::clone(&app), socket, Arc::clone(&aggregator)));
    }
    let mut flushes = tokio::time::interval(app.options.statsd_flush);
    flushes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick completes at once.
    flushes.tick().await;
    loop {
        tokio::select! {
            _ = flushes.tick() => flush(&app, &aggregator).await,
            () = stopped(&mut stop) => break,
        }
    }
    receivers.shutdown().await;
    flush(&app, &aggregator).await;
}

fn options(server: &ServerOptions) -> StatsdOptions {
    let mut options = StatsdOptions::default();
    options.max_series = options.max_series.min(server.max_series as usize);
    options.idle_flushes = u32::try_from(IDLE.as_millis() / server.statsd_flush.as_millis().max(1)).unwrap_or(u32::MAX);
    if server.skip_text_fields {
        options.text = TextValues::Skip;
    }
    options
}

/// Receives packets for ever.
async fn receive(app: SharedState, socket: UdpSocket, aggregator: SharedAggregator) {
    let mut packet = vec![0; PACKET_BYTES];
    loop {
        match socket.recv(&mut packet).await {
            Ok(len) => {
                app.counters.received(Protocol::Statsd, len);
                lock(&aggregator).packet(packet.get(..len).unwrap_or_default());
            }
            Err(error) => {
                tracing::debug!(%error, "a packet of statsd was not received");
                tokio::time::sleep(RECEIVE_PAUSE).await;
            }
        }
    }
}

/// Stores the sums. A flush that fails loses quantiles and sets of its interval; sums of counters and timers are kept.
async fn flush(app: &SharedState, aggregator: &SharedAggregator) {
    let mut rows = Rows::default();
    lock(aggregator).flush(Timestamp::now(), &mut rows);
    if rows.row_ends().is_empty() && rows.refusal_counts().total() == 0 {
        return;
    }
    if let Err(failure) = store_rows(app, Protocol::Statsd, &rows).await {
        tracing::warn!(error = failure.message, "the sums of statsd were not stored; the next flush has them again");
        lock(aggregator).describe_again();
    }
}

fn lock(aggregator: &SharedAggregator) -> MutexGuard<'_, StatsdAggregator> {
    aggregator.lock().unwrap_or_else(PoisonError::into_inner)
}
