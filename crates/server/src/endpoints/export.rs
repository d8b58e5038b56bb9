//! `/api/v1/export`: the points of selected series as text, streamed.

use std::ops::RangeInclusive;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use timestrata::{Selector, SeriesScanCursor, Snapshot, Timestamp};
use timestrata_ingest::{Encoder, ExportFormat, OutsidePoints};

use super::RequestDatabase;
use super::parameters::Parameters;
use super::prometheus::{ApiError, UNLIMITED, invalid, required_selector};
use crate::answer::{Pieces, StreamPermit, respond};
use crate::app::SharedState;
use crate::failure::Failure;

/// Bytes after which a piece of the answer ends.
const PIECE_BYTES: usize = 128 << 10;
/// Points that are encoded at once.
const CHUNK_POINTS: usize = 1_024;
/// Trailers, for clients that send `TE: trailers`.
const POINTS: HeaderName = HeaderName::from_static("x-timestrata-points");
const LEFT_OUT: HeaderName = HeaderName::from_static("x-timestrata-left-out");
const ROUNDED: HeaderName = HeaderName::from_static("x-timestrata-rounded");

/// Treatment of points that the format cannot represent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outside {
    /// The export fails.
    Fail,
    /// Left out and counted.
    Skip,
    /// Rounded to the nearest value of the format; left out if there is none.
    Nearest,
}

/// `/api/v1/export?match[]=...&start=...&end=...&format=json|csv|influx|openmetrics&outside=fail|skip|nearest`.
///
/// Both bounds are inclusive. The answer is streamed; an error in its middle ends the connection without the end of the
/// body.
pub(crate) async fn export(
    State(app): State<SharedState>,
    database: RequestDatabase,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<Response, Failure> {
    let (format, media_type) = format(&parameters)?;
    let outside = outside(&parameters)?;
    let selector = required_selector(&parameters).map_err(ApiError::into_failure)?;
    let range = parameters.bounds().map_err(ApiError::into_failure)?;
    let range = range.unwrap_or(Timestamp::MIN..=Timestamp::MAX);
    let stream = app.streams.begin()?;
    let snapshot = database.db.snapshot();
    let metrics = if format.groups_metrics() {
        let listing = snapshot.listing(selector.clone()).limit(UNLIMITED);
        Some(listing.metrics(None).await?.items.into_iter())
    } else {
        None
    };
    let takes_trailers = headers.get(header::TE).is_some_and(|value| value.as_bytes() == b"trailers");
    let export = Export {
        app,
        snapshot,
        selector,
        range,
        encoder: Encoder::new(format, outside == Outside::Nearest),
        outside,
        metrics,
        cursor: None,
        stage: Stage::Begin,
        takes_trailers,
        _permit: stream,
    };
    let mut response = respond(media_type, export).await?;
    if takes_trailers {
        let names = HeaderValue::from_static("x-timestrata-points, x-timestrata-left-out, x-timestrata-rounded");
        response.headers_mut().insert(header::TRAILER, names);
    }
    Ok(response)
}

fn format(parameters: &Parameters) -> Result<(ExportFormat, &'static str), Failure> {
    Ok(match parameters.get("format").unwrap_or("json") {
        "csv" => (ExportFormat::Csv, "text/csv; charset=utf-8"),
        "influx" => (ExportFormat::LineProtocol, "text/plain; charset=utf-8"),
        "json" => (ExportFormat::JsonLines, "application/x-ndjson"),
        "openmetrics" => (ExportFormat::OpenMetrics, "application/openmetrics-text; version=1.0.0; charset=utf-8"),
        other => {
            let message = format!("{other:?} is none of csv, influx, json, openmetrics");
            return Err(invalid("format", &message).into_failure());
        }
    })
}

fn outside(parameters: &Parameters) -> Result<Outside, Failure> {
    Ok(match parameters.get("outside").unwrap_or("fail") {
        "fail" => Outside::Fail,
        "nearest" => Outside::Nearest,
        "skip" => Outside::Skip,
        other => return Err(invalid("outside", &format!("{other:?} is none of fail, nearest, skip")).into_failure()),
    })
}

/// Export that runs as its pieces are taken.
struct Export {
    app: SharedState,
    snapshot: Snapshot,
    selector: Selector,
    range: RangeInclusive<Timestamp>,
    encoder: Encoder,
    outside: Outside,
    /// Metrics that are not read yet; `None` if the format does not group them.
    metrics: Option<std::vec::IntoIter<String>>,
    cursor: Option<SeriesScanCursor>,
    stage: Stage,
    takes_trailers: bool,
    _permit: StreamPermit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Begin,
    Points,
    End,
}

impl Pieces for Export {
    fn next_piece(&mut self) -> Result<Option<Bytes>, Failure> {
        if self.stage == Stage::End {
            return Ok(None);
        }
        if self.stage == Stage::Begin {
            self.encoder.begin();
            if self.metrics.is_none() {
                self.cursor = Some(self.cursor_over(self.selector.clone())?);
            }
            self.stage = Stage::Points;
        }
        while self.encoder.buffered() < PIECE_BYTES {
            if !self.encode_chunk()? {
                self.encoder.finish();
                self.report();
                self.stage = Stage::End;
                break;
            }
            if self.outside == Outside::Fail && self.encoder.outside().left_out() > 0 {
                return Err(Failure::bad_request(outside_text(self.encoder.outside())));
            }
        }
        Ok(Some(Bytes::from(self.encoder.take())))
    }

    fn trailers(&mut self) -> Option<HeaderMap> {
        let outside = self.encoder.outside();
        self.takes_trailers.then(|| {
            HeaderMap::from_iter([
                (POINTS, HeaderValue::from(self.encoder.points())),
                (LEFT_OUT, HeaderValue::from(outside.left_out())),
                (ROUNDED, HeaderValue::from(outside.rounded())),
            ])
        })
    }
}

impl Export {
    /// Encodes the next points. Returns `false` behind the last ones.
    fn encode_chunk(&mut self) -> Result<bool, Failure> {
        loop {
            if let Some(cursor) = &mut self.cursor {
                if let Some(chunk) = cursor.next_chunk()? {
                    self.encoder.push(&chunk.series.key, chunk.timestamps, chunk.values);
                    return Ok(true);
                }
                self.cursor = None;
            }
            let Some(metric) = self.metrics.as_mut().and_then(Iterator::next) else { return Ok(false) };
            if let Some(metadata) = self.snapshot.metric_metadata(&metric) {
                self.encoder.describe(&metric, &metadata);
            }
            self.cursor = Some(self.cursor_over(self.selector.clone().and(Selector::metric(metric)))?);
        }
    }

    fn cursor_over(&self, selector: Selector) -> Result<SeriesScanCursor, Failure> {
        let scan = self.snapshot.scan_series(selector).range(self.range.clone()).chunk_points(CHUNK_POINTS);
        Ok(scan.cursor()?)
    }

    /// Counts and logs what the format could not hold.
    fn report(&self) {
        let outside = self.encoder.outside();
        if outside.left_out() > 0 {
            self.app.counters.left_out_of_exports(outside.left_out());
            tracing::warn!(points = self.encoder.points(), "{}", outside_text(outside));
        }
    }
}

fn outside_text(outside: &OutsidePoints) -> String {
    let reasons: Vec<String> = outside.reasons().map(|(reason, points)| format!("{points} because {reason}")).collect();
    let first = outside.first().map_or_else(String::new, |(key, time, _)| format!("; the first is {key} at {time}"));
    format!(
        "the format cannot hold points: {}{first}; format=csv and format=json hold all points, outside=skip leaves these out, \
         outside=nearest writes what comes nearest",
        reasons.join(", ")
    )
}
