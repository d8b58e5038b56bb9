//! `/federate`: the newest sample of each selected series, for another Prometheus to scrape.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use timestrata::{Point, STALE_MARKER_BITS, SeriesInfo, SeriesKey, Timestamp, Value};

use super::RequestDatabase;
use super::parameters::Parameters;
use super::prometheus::{ApiError, required_selector, series_labels};
use crate::answer::{Pieces, StreamPermit, respond};
use crate::app::SharedState;
use crate::failure::Failure;
use crate::memory::MemoryPermit;

/// Media type for scrapers that know quoted names.
const QUOTED: &str = "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8";
/// Media type for all others.
const PLAIN: &str = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";
/// Bytes after which a piece of the answer ends.
const PIECE_BYTES: usize = 64 << 10;
/// Label that scrapers add; an empty value prevents that.
const INSTANCE: &str = "instance";

/// `/federate`: in the text format of Prometheus, whatever `Accept` says.
///
/// A sample is left out if it is older than the lookback of queries, or a stale marker. Names that are no identifiers
/// are quoted for scrapers that accept this, and get underscores for others.
pub(crate) async fn federate(
    State(app): State<SharedState>,
    database: RequestDatabase,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<Response, Failure> {
    let selector = required_selector(&parameters).map_err(ApiError::into_failure)?;
    let place = app.streams.begin()?;
    let now = Timestamp::now();
    let newest = database.db.snapshot().latest_each_before(&selector, now.saturating_add_nanos(1)).await?;
    let mut samples: Vec<(Arc<SeriesInfo>, Point<Value>)> = newest;
    let lookback = app.options.query_lookback;
    samples.retain(|(_, point)| is_current(point, now, lookback));
    let permit = app.answers.admit(samples.len() * size_of::<(Arc<SeriesInfo>, Point<Value>)>())?;
    let accepts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let quotes = accepts.into_iter().any(|accept| accept.contains("escaping=allow-utf-8"));
    let text =
        FederationText { samples: samples.into_iter(), metric: String::new(), quotes, _permit: permit, _place: place };
    respond(if quotes { QUOTED } else { PLAIN }, text).await
}

fn is_current(point: &Point<Value>, now: Timestamp, lookback: Duration) -> bool {
    let is_stale = matches!(point.value, Value::F64(value) if value.to_bits() == STALE_MARKER_BITS);
    !is_stale && now.checked_duration_since(point.timestamp).is_some_and(|age| age < lookback)
}

/// Samples as text, metric by metric.
struct FederationText {
    samples: std::vec::IntoIter<(Arc<SeriesInfo>, Point<Value>)>,
    /// Metric whose type was written last.
    metric: String,
    quotes: bool,
    _permit: MemoryPermit,
    _place: StreamPermit,
}

impl Pieces for FederationText {
    fn next_piece(&mut self) -> Result<Option<Bytes>, Failure> {
        let mut text = String::new();
        while text.len() < PIECE_BYTES {
            let Some((info, point)) = self.samples.next() else { break };
            if info.key.metric() != self.metric {
                info.key.metric().clone_into(&mut self.metric);
                text.push_str("# TYPE ");
                put_name(&mut text, &self.metric, true, self.quotes);
                text.push_str(" untyped\n");
            }
            put_sample(&mut text, &info.key, &point, self.quotes);
        }
        Ok((!text.is_empty()).then(|| Bytes::from(text)))
    }
}

fn put_sample(text: &mut String, key: &SeriesKey, point: &Point<Value>, quotes: bool) {
    let is_quoted = quotes && !is_identifier(key.metric(), true);
    if is_quoted {
        text.push('{');
    }
    put_name(text, key.metric(), true, quotes);
    let mut is_first = true;
    let has_instance = key.tag_value(INSTANCE).is_some_and(|value| !value.is_empty());
    let labels = series_labels(key).filter(|(name, _)| *name != "__name__");
    for (name, value) in labels.chain((!has_instance).then_some((INSTANCE, ""))) {
        text.push(if std::mem::take(&mut is_first) && !is_quoted { '{' } else { ',' });
        put_name(text, name, false, quotes);
        text.push_str("=\"");
        put_escaped(text, value);
        text.push('"');
    }
    // A string takes any text.
    let _ = writeln!(text, "}} {} {}", number(point.value.as_f64()), point.timestamp.as_nanos().div_euclid(1_000_000));
}

fn is_identifier(name: &str, allows_colon: bool) -> bool {
    let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == ':' && allows_colon;
    !name.is_empty() && name.chars().all(is_allowed) && !name.starts_with(|letter: char| letter.is_ascii_digit())
}

/// Writes a name; one that is no identifier in quotes, or with underscores.
fn put_name(text: &mut String, name: &str, allows_colon: bool, quotes: bool) {
    if is_identifier(name, allows_colon) {
        return text.push_str(name);
    }
    if quotes {
        text.push('"');
        put_escaped(text, name);
        return text.push('"');
    }
    if name.starts_with(|letter: char| letter.is_ascii_digit()) {
        text.push('_');
    }
    let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == ':' && allows_colon;
    text.extend(name.chars().map(|letter| if is_allowed(letter) { letter } else { '_' }));
}

fn put_escaped(text: &mut String, value: &str) {
    for letter in value.chars() {
        match letter {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            letter => text.push(letter),
        }
    }
}

fn number(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let size = value.abs();
    if size == 0.0 || (1e-5..1e21).contains(&size) || value.is_nan() { value.to_string() } else { format!("{value:e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(key: &SeriesKey, value: impl Into<Value>, quotes: bool) -> String {
        let mut text = String::new();
        let point = Point { timestamp: Timestamp::from_millis(1_500), value: value.into() };
        put_sample(&mut text, key, &point, quotes);
        text
    }

    #[test]
    fn samples_have_the_text_of_prometheus() {
        let key = SeriesKey::new("up").tag("job", "a\"\\\n");
        assert_eq!(line(&key, 1.5, false), "up{job=\"a\\\"\\\\\\n\",instance=\"\"} 1.5 1500\n");
        assert_eq!(line(&SeriesKey::new("up").tag("instance", "x"), true, false), "up{instance=\"x\"} 1 1500\n");
        assert_eq!(line(&SeriesKey::new("up"), f64::NEG_INFINITY, false), "up{instance=\"\"} -Inf 1500\n");
        assert_eq!(line(&SeriesKey::new("up"), 1e300, false), "up{instance=\"\"} 1e300 1500\n");
    }

    #[test]
    fn names_are_quoted_or_get_underscores() {
        let key = SeriesKey::new("a.b").tag("1c", "d");
        assert_eq!(line(&key, 1.0, true), "{\"a.b\",\"1c\"=\"d\",instance=\"\"} 1 1500\n");
        assert_eq!(line(&key, 1.0, false), "a_b{_1c=\"d\",instance=\"\"} 1 1500\n");
    }

    #[test]
    fn old_samples_and_staleness_markers_are_left_out() {
        let now = Timestamp::from_secs(1_000);
        let at = |secs, value: f64| Point { timestamp: Timestamp::from_secs(secs), value: Value::F64(value) };
        let lookback = Duration::from_mins(5);
        assert!(is_current(&at(701, f64::NAN), now, lookback));
        assert!(!is_current(&at(700, 1.0), now, lookback));
        assert!(!is_current(&at(1_001, 1.0), now, lookback));
        assert!(!is_current(&at(999, f64::from_bits(STALE_MARKER_BITS)), now, lookback));
    }

    #[tokio::test]
    async fn federation_takes_a_place_of_the_streamed_reads() {
        let db = timestrata::Db::builder("test").in_memory().duplicates(timestrata::DuplicatePolicy::KeepLast);
        let app = crate::App::with_database(db.open().await.unwrap(), crate::ServerOptions::default()).unwrap();
        let status = async || {
            let request = axum::http::Request::get("/federate?match[]=up").header(header::HOST, "localhost");
            let request = request.body(axum::body::Body::empty()).unwrap();
            tower::ServiceExt::oneshot(app.router(), request).await.unwrap().status()
        };
        let places: Vec<_> = std::iter::from_fn(|| app.state().streams.begin().ok()).collect();
        assert_eq!(status().await, 503);
        drop(places);
        assert_eq!(status().await, 200);
    }
}
