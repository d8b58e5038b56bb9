//! Clients of several protocols that write numbered points, and note which were acknowledged.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use prost::Message;
use timestrata::{Db, Selector, SeriesKey};

use crate::process::Connection;
use crate::remote_write_messages::{Label, Sample, TimeSeries, WriteRequest};

/// Time of the first point, in milliseconds.
const START_MILLIS: i64 = 1_700_000_000_000;

/// Returns the value of the point of a number.
fn value(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap())
}

/// Protocol of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    RemoteWrite,
    Otlp,
    Line,
    LineV2,
    Exposition,
}

impl Protocol {
    pub(crate) const ALL: [Self; 5] = [Self::RemoteWrite, Self::Otlp, Self::Line, Self::LineV2, Self::Exposition];

    /// Returns path, media type and body of a write of the points `numbers` of a client.
    fn request(self, client: usize, numbers: std::ops::Range<u64>) -> (&'static str, &'static str, Vec<u8>) {
        let millis = |number: u64| START_MILLIS + i64::try_from(number).unwrap();
        let lines = |unit: &str| {
            let line = |number| format!("acknowledged,client=c{client} value={number} {}{unit}\n", millis(number));
            numbers.clone().map(line).collect::<String>().into_bytes()
        };
        match self {
            Self::RemoteWrite => (
                "/api/v1/write",
                "application/x-protobuf",
                remote_write_body(client, numbers.map(|number| (millis(number), number))),
            ),
            Self::Otlp => {
                let point = |number| {
                    format!(
                        r#"{{"timeUnixNano":"{}000000","asDouble":{number},"attributes":[{{"key":"client","value":{{"stringValue":"c{client}"}}}}]}}"#,
                        millis(number)
                    )
                };
                let points: Vec<String> = numbers.map(point).collect();
                let body = format!(
                    r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"acknowledged","gauge":{{"dataPoints":[{}]}}}}]}}]}}]}}"#,
                    points.join(",")
                );
                ("/v1/metrics", "application/json", body.into_bytes())
            }
            Self::Line => ("/write?db=default", "text/plain", lines("000000")),
            Self::LineV2 => ("/api/v2/write?bucket=default&precision=ms", "text/plain", lines("")),
            Self::Exposition => {
                let line = |number| format!("acknowledged{{client=\"c{client}\"}} {number} {}\n", millis(number));
                ("/api/v1/import/prometheus", "text/plain", numbers.map(line).collect::<String>().into_bytes())
            }
        }
    }
}

/// What a client knows: points below `acknowledged` were acknowledged, those from there to `sent` were sent.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub(crate) acknowledged: AtomicU64,
    pub(crate) sent: AtomicU64,
    /// Answers of 503, after which the same points are sent again.
    pub(crate) refused: AtomicU64,
}

/// Writes points until the server is gone or `stop` is set. After an answer of 503 the same points are sent again.
pub(crate) fn write_until(
    address: SocketAddr,
    protocol: Protocol,
    client: usize,
    progress: &Progress,
    stop: &AtomicBool,
) {
    let Ok(mut connection) = Connection::open(address) else { return };
    while !stop.load(Ordering::Relaxed) {
        let from = progress.acknowledged.load(Ordering::Relaxed);
        let to = from + 1 + from % 7;
        progress.sent.fetch_max(to, Ordering::Relaxed);
        let (path, media_type, body) = protocol.request(client, from..to);
        match connection.send("POST", path, media_type, &body) {
            Ok((200 | 204, _)) => progress.acknowledged.store(to, Ordering::Relaxed),
            Ok((503, _)) => {
                progress.refused.fetch_add(1, Ordering::Relaxed);
            }
            Ok((status, text)) => panic!("{protocol:?}: {status} {text}"),
            // The server is gone.
            Err(_) => return,
        }
    }
}

/// Checks a closed database: of each client, all acknowledged points are there, and no other ones than those that were sent.
pub(crate) fn check(database: &Path, clients: &[Progress]) {
    let db = Db::builder(database).create_if_missing(false).open_blocking().unwrap();
    let mut found: BTreeMap<SeriesKey, Vec<f64>> = BTreeMap::new();
    let snapshot = db.snapshot();
    for series in snapshot.list_series(&Selector::metric("acknowledged")) {
        let points = snapshot.scan(snapshot.series::<f64>(&series.key).unwrap(), ..).collect_blocking().unwrap();
        for point in &points {
            let number = u64::try_from(point.timestamp.as_nanos() / 1_000_000 - START_MILLIS).unwrap();
            assert_eq!(value(number).to_bits(), point.value.to_bits(), "{}", series.key);
        }
        found.insert(series.key.clone(), points.into_iter().map(|point| point.value).collect());
    }
    for (client, progress) in clients.iter().enumerate() {
        let (acknowledged, sent) =
            (progress.acknowledged.load(Ordering::Relaxed), progress.sent.load(Ordering::Relaxed));
        let key = SeriesKey::new("acknowledged").tag("client", format!("c{client}"));
        let points = found.get(&key).map_or(&[][..], Vec::as_slice);
        assert!(points.iter().copied().eq((0..points.len() as u64).map(value)), "client {client} has a gap");
        let count = points.len() as u64;
        assert!(
            (acknowledged..=sent).contains(&count),
            "client {client}: {acknowledged} acknowledged, {count} found, {sent} sent"
        );
    }
    db.close_blocking().unwrap();
}

fn remote_write_body(client: usize, points: impl Iterator<Item = (i64, u64)>) -> Vec<u8> {
    let label = |name: &str, value: String| Label { name: name.to_owned(), value };
    let labels = vec![label("__name__", "acknowledged".to_owned()), label("client", format!("c{client}"))];
    let samples = points.map(|(timestamp, number)| Sample { value: value(number), timestamp }).collect();
    let request = WriteRequest { timeseries: vec![TimeSeries { labels, samples }] };
    snap::raw::Encoder::new().compress_vec(&request.encode_to_vec()).unwrap()
}
