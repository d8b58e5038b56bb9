//! Writes of line protocol, in the interfaces of InfluxDB 1.x and 2.x.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use timestrata::Timestamp;
use timestrata_ingest::formats::LineProtocol;
use timestrata_ingest::{Decoder, Format, IngestError, IngestOptions, Precision, TextValues};

use super::add_version;
use super::error::{Form, InfluxError};
use super::target::target;
use crate::app::{AppState, SharedState};
use crate::body;
use crate::counters::Protocol;
use crate::databases::DatabaseName;
use crate::endpoints::RequestDatabase;
use crate::endpoints::parameters::Parameters;
use crate::endpoints::suggestions::advice;
use crate::failure::Failure;
use crate::store::{Refusal, StoredBody, store_body};

/// Refused lines that an error names; it has the number of all.
const NAMED_LINES: usize = 5;
/// Options of the decoder that settings give.
const SETTINGS: [(&str, &str); 1] = [("skip-text", "skip-text-fields")];

/// Database that a path names.
type PathDatabase = Option<Extension<DatabaseName>>;

/// `POST /write?db=&precision=`: 204 when all points are durable.
///
/// `rp` and `consistency` are ignored: there is one retention for a server, and one copy.
pub(crate) async fn write_v1(
    State(app): State<SharedState>,
    of_path: PathDatabase,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let parameters = Parameters::of_query(query.as_deref());
    let database = parameters.get("db");
    write(&app, Form::V1, of_path, database, parameters.get("precision"), &headers, body).await
}

/// `POST /api/v2/write?bucket=&precision=`: as [`write_v1`]; a bucket is `DATABASE` or `DATABASE/RETENTION-POLICY`.
pub(crate) async fn write_v2(
    State(app): State<SharedState>,
    of_path: PathDatabase,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let parameters = Parameters::of_query(query.as_deref());
    let database = parameters.get("bucket").map(|bucket| bucket.split('/').next().unwrap_or(bucket));
    write(&app, Form::V2, of_path, database, parameters.get("precision"), &headers, body).await
}

async fn write(
    app: &SharedState,
    form: Form,
    of_path: PathDatabase,
    database: Option<&str>,
    precision: Option<&str>,
    headers: &HeaderMap,
    body: Body,
) -> Response {
    let of_path = of_path.map(|Extension(name)| name);
    let written = async {
        let target = target(app, of_path, database)?;
        let decoder = decoder(app, &target, parse_precision(form, precision)?)?;
        let body = body::read_for_pieces(app, headers, body).await?;
        app.counters.received(Protocol::Influx, body.received);
        store_body(app, &target, Protocol::Influx, decoder, body, Vec::new()).await
    };
    match written.await {
        Err(failure) => InfluxError::new(form, failure).into_response(),
        Ok(body) if body.stored.refusals.total() == 0 && body.stopped.is_none() => {
            let mut response = StatusCode::NO_CONTENT.into_response();
            add_version(response.headers_mut());
            response
        }
        Ok(body) => {
            let refused = body.stored.refusals.first().first().and_then(|refusal| refusal.line);
            let line = refused.or(body.stopped.as_ref().and_then(|error| error.line));
            InfluxError::new(form, Failure::bad_request(refused_text(&body))).at_line(line).into_response()
        }
    }
}

/// Returns the unit of timestamps; `None` for nanoseconds that no parameter asked for.
fn parse_precision(form: Form, text: Option<&str>) -> Result<Option<Precision>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let allowed = match form {
        Form::V1 => "ns, us, ms, s, m or h",
        Form::V2 => "ns, us, ms or s",
    };
    let is_allowed = form == Form::V1 || matches!(text, "ns" | "us" | "ms" | "s");
    let precision = text.parse().ok().filter(|_| is_allowed);
    precision.map(Some).ok_or_else(|| Failure::bad_request(format!("invalid precision {text:?} (use {allowed})")))
}

fn decoder(
    app: &AppState,
    target: &RequestDatabase,
    precision: Option<Precision>,
) -> Result<Box<dyn Decoder>, IngestError> {
    let mut options = IngestOptions::default();
    options.known_series = Some(Arc::clone(&target.series));
    options.limits.series = app.options.max_request_series;
    options.precision = precision;
    options.default_time = Some(now(precision.unwrap_or(Precision::Nanoseconds)));
    options.text = if app.options.skip_text_fields { TextValues::Skip } else { TextValues::Refuse };
    LineProtocol.planner(&options)?.finish(true)
}

/// Returns the time of lines without one, in whole units as InfluxDB gives it.
fn now(precision: Precision) -> Timestamp {
    let nanos = Timestamp::now().as_nanos();
    Timestamp::from_nanos(nanos - nanos.rem_euclid(precision.nanos()))
}

/// Returns what was refused, in the words that clients of InfluxDB look for.
fn refused_text(body: &StoredBody) -> String {
    let refusals = &body.stored.refusals;
    let mut named: Vec<String> = refusals.first().iter().take(NAMED_LINES).map(named).collect();
    if refusals.total() > NAMED_LINES as u64 {
        named.push("and further ones".to_owned());
    }
    if let Some(error) = &body.stopped {
        let advice = advice(&error.suggestions, &SETTINGS);
        named.push(format!("{error}{advice}; what follows was not read"));
    }
    // Without a point that was written, nothing is partial.
    let has_conflict = refusals.counts().any(|(reason, _)| reason == "type-mismatch");
    let start = if body.stored.points > 0 || has_conflict { "partial write" } else { "unable to parse" };
    format!("{start}: {} dropped={}", named.join("; "), refusals.total())
}

fn named(refusal: &Refusal) -> String {
    let line = refusal.line.map(|line| format!("line {line}: ")).unwrap_or_default();
    let advice = advice(&refusal.suggestions, &SETTINGS);
    format!("{line}{}{advice}", refusal.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_precision_is_taken() {
        let parsed = |form, text| parse_precision(form, Some(text)).map(Option::unwrap);
        for (text, precision) in [
            ("n", Precision::Nanoseconds),
            ("ns", Precision::Nanoseconds),
            ("u", Precision::Microseconds),
            ("us", Precision::Microseconds),
            ("µ", Precision::Microseconds),
            ("ms", Precision::Milliseconds),
            ("s", Precision::Seconds),
            ("m", Precision::Minutes),
            ("h", Precision::Hours),
        ] {
            assert_eq!(parsed(Form::V1, text), Ok(precision), "{text}");
            let is_in_both = matches!(text, "ns" | "us" | "ms" | "s");
            assert_eq!(parsed(Form::V2, text).is_ok(), is_in_both, "{text}");
        }
        assert!(parsed(Form::V1, "d").unwrap_err().message.contains("use ns, us, ms, s, m or h"));
    }

    #[test]
    fn the_time_of_lines_without_one_is_in_whole_units() {
        assert_eq!(now(Precision::Hours).as_nanos() % 3_600_000_000_000, 0);
    }
}
