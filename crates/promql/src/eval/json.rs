//! Results in the JSON of Prometheus' HTTP interface.

use std::fmt::Write as _;

use timestrata::Timestamp;

use super::annotation::{Annotation, AnnotationKind};
use super::labels::Labels;
use super::result::{QueryResult, QueryValue, RangeSeries, VectorSample};

/// Bytes after which a piece of an answer ends.
const PIECE_BYTES: usize = 64 << 10;

/// What an answer has beside the value and the annotations of its query.
#[derive(Debug, Clone, Default)]
pub struct JsonExtras {
    /// Object of JSON that becomes `data.stats`.
    pub statistics: Option<String>,
    /// Warnings before those of the query.
    pub warnings: Vec<String>,
}

impl QueryResult {
    /// Returns the answer of Prometheus' `api/v1/query` and `api/v1/query_range`.
    ///
    /// Values are texts. Times are seconds with as many decimals as they need, up to nine, where Prometheus has three.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use timestrata::{Db, Timestamp};
    /// use timestrata_promql::Engine;
    ///
    /// let db = Db::open_blocking(dir.path().join("db"))?;
    /// let result = Engine::default().instant(&db.snapshot(), "1 / 4", Timestamp::from_millis(1_500))?.run_blocking()?;
    /// let expected = r#"{"status":"success","data":{"resultType":"scalar","result":[1.5,"0.25"]}}"#;
    /// assert_eq!(result.to_json(), expected);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn to_json(&self) -> String {
        self.clone().into_json_pieces(JsonExtras::default()).collect()
    }

    /// Returns the answer in pieces of about 64 KiB. The samples are freed as they are written.
    pub fn into_json_pieces(self, extras: JsonExtras) -> JsonPieces {
        let (kind, items) = match self.value {
            QueryValue::Scalar { time, value } => ("scalar", Items::One(time, number(value))),
            QueryValue::String { time, value } => ("string", Items::One(time, value)),
            QueryValue::Vector(samples) => ("vector", Items::Vector(samples.into_iter())),
            QueryValue::Matrix(series) => ("matrix", Items::Matrix(series.into_iter())),
        };
        JsonPieces {
            kind,
            items: Some(items),
            points: None,
            annotations: self.annotations,
            extras,
            stage: Stage::Head,
            is_first: true,
        }
    }
}

/// Answer of Prometheus' HTTP interface in pieces; made by [`QueryResult::into_json_pieces`].
#[derive(Debug)]
#[must_use = "an iterator writes nothing until its items are asked for"]
pub struct JsonPieces {
    /// Type of the value.
    kind: &'static str,
    /// What of the value is not written yet; `None` behind the last item.
    items: Option<Items>,
    /// Points of the current series that are not written yet.
    points: Option<std::vec::IntoIter<(Timestamp, f64)>>,
    annotations: Vec<Annotation>,
    extras: JsonExtras,
    stage: Stage,
    /// `true` until an item, or a point of the current series, was written.
    is_first: bool,
}

/// Value of a query.
#[derive(Debug)]
enum Items {
    One(Timestamp, String),
    Vector(std::vec::IntoIter<VectorSample>),
    Matrix(std::vec::IntoIter<RangeSeries>),
}

/// Part of an answer that comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Head,
    Items,
    End,
}

impl Iterator for JsonPieces {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        if self.stage == Stage::End {
            return None;
        }
        let mut json = String::new();
        if self.stage == Stage::Head {
            // A string takes any text.
            let _ = write!(json, r#"{{"status":"success","data":{{"resultType":"{}","result":"#, self.kind);
            json.push_str(if matches!(self.items, Some(Items::One(..))) { "" } else { "[" });
            self.stage = Stage::Items;
        }
        while json.len() < PIECE_BYTES {
            if !self.write_item(&mut json) {
                self.write_tail(&mut json);
                self.stage = Stage::End;
                break;
            }
        }
        Some(json)
    }
}

impl JsonPieces {
    /// Writes an item, or a point of the current series. Returns `false` behind the last one.
    fn write_item(&mut self, json: &mut String) -> bool {
        if let Some(points) = &mut self.points {
            if let Some((time, value)) = points.next() {
                json.push_str(if std::mem::take(&mut self.is_first) { "" } else { "," });
                write_point(json, time, &number(value));
            } else {
                json.push_str("]}");
                self.points = None;
                self.is_first = false;
            }
            return true;
        }
        let comma = |is_first: &mut bool| if std::mem::take(is_first) { "" } else { "," };
        match &mut self.items {
            None => return false,
            Some(Items::One(time, value)) => {
                write_point(json, *time, value);
                self.items = None;
                return true;
            }
            Some(Items::Vector(samples)) => {
                if let Some(sample) = samples.next() {
                    json.push_str(comma(&mut self.is_first));
                    json.push_str(r#"{"metric":"#);
                    write_labels(json, &sample.labels);
                    json.push_str(r#","value":"#);
                    write_point(json, sample.time, &number(sample.value));
                    json.push('}');
                    return true;
                }
            }
            Some(Items::Matrix(list)) => {
                if let Some(series) = list.next() {
                    json.push_str(comma(&mut self.is_first));
                    json.push_str(r#"{"metric":"#);
                    write_labels(json, &series.labels);
                    json.push_str(r#","values":["#);
                    self.points = Some(series.points.into_iter());
                    self.is_first = true;
                    return true;
                }
            }
        }
        json.push(']');
        self.items = None;
        true
    }

    /// Writes what comes behind the value.
    fn write_tail(&mut self, json: &mut String) {
        if let Some(statistics) = &self.extras.statistics {
            json.push_str(r#","stats":"#);
            json.push_str(statistics);
        }
        json.push('}');
        let of_kind = |kind| self.annotations.iter().filter(move |found| found.kind == kind).map(ToString::to_string);
        write_texts(json, "warnings", self.extras.warnings.iter().cloned().chain(of_kind(AnnotationKind::Warning)));
        write_texts(json, "infos", of_kind(AnnotationKind::Info));
        json.push('}');
    }
}

/// Writes a list of texts, if there are any, as a member of the object.
fn write_texts(json: &mut String, name: &str, texts: impl Iterator<Item = String>) {
    let mut count = 0;
    for text in texts {
        if count == 0 {
            // A string takes any text.
            let _ = write!(json, ",\"{name}\":[");
        } else {
            json.push(',');
        }
        write_text(json, &text);
        count += 1;
    }
    if count > 0 {
        json.push(']');
    }
}

fn write_labels(json: &mut String, labels: &Labels) {
    json.push('{');
    for (at, (name, value)) in labels.iter().enumerate() {
        if at > 0 {
            json.push(',');
        }
        write_text(json, name);
        json.push(':');
        write_text(json, value);
    }
    json.push('}');
}

fn write_point(json: &mut String, time: Timestamp, value: &str) {
    let _ = write!(json, "[{},", seconds(time));
    write_text(json, value);
    json.push(']');
}

/// Returns a time in seconds with as many decimals as it needs.
fn seconds(time: Timestamp) -> String {
    let nanos = time.as_nanos();
    let (whole, rest) = (nanos.unsigned_abs() / 1_000_000_000, nanos.unsigned_abs() % 1_000_000_000);
    let sign = if nanos < 0 { "-" } else { "" };
    if rest == 0 {
        return format!("{sign}{whole}");
    }
    let text = format!("{sign}{whole}.{rest:09}");
    text.trim_end_matches('0').to_owned()
}

/// Writes a text in quotes with the escapes of JSON.
fn write_text(json: &mut String, text: &str) {
    json.push('"');
    for letter in text.chars() {
        match letter {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\t' => json.push_str("\\t"),
            '\r' => json.push_str("\\r"),
            letter if letter < ' ' => {
                let _ = write!(json, "\\u{:04x}", u32::from(letter));
            }
            letter => json.push(letter),
        }
    }
    json.push('"');
}

/// Writes a number as Prometheus does: with an exponent below 1e-6 and from 1e21 on.
fn number(value: f64) -> String {
    let size = value.abs();
    if value.is_nan() || value.is_infinite() || size == 0.0 || (1e-6..1e21).contains(&size) {
        return if value == 0.0 && value.is_sign_negative() { "-0".to_owned() } else { super::number::plain(value) };
    }
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((digits, exponent)) => match exponent.strip_prefix('-') {
            Some(exponent) => format!("{digits}e-{exponent:0>2}"),
            None => format!("{digits}e+{exponent:0>2}"),
        },
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::super::result::QueryStatistics;
    use super::*;

    fn json(value: QueryValue) -> String {
        QueryResult { value, annotations: Vec::new(), statistics: QueryStatistics::default() }.to_json()
    }

    #[test]
    fn results_have_the_form_of_prometheus() {
        let labels: Labels = [("__name__", "up"), ("path", "C:\\a \"b\"\n")].into_iter().collect();
        let time = Timestamp::from_nanos(1_357_000_000_123_000_000);
        let vector = QueryValue::Vector(vec![VectorSample { labels: labels.clone(), time, value: f64::NAN }]);
        let metric = r#"{"__name__":"up","path":"C:\\a \"b\"\n"}"#;
        let expected = format!(
            r#"{{"status":"success","data":{{"resultType":"vector","result":[{{"metric":{metric},"value":[1357000000.123,"NaN"]}}]}}}}"#
        );
        assert_eq!(json(vector), expected);
        let points = vec![(Timestamp::from_nanos(-1), 1e-7), (Timestamp::from_secs(2), f64::NEG_INFINITY)];
        let matrix = json(QueryValue::Matrix(vec![RangeSeries { labels: Labels::default(), points }]));
        assert!(matrix.ends_with(r#"[{"metric":{},"values":[[-0.000000001,"1e-07"],[2,"-Inf"]]}]}}"#), "{matrix}");
    }

    #[test]
    fn numbers_have_an_exponent_only_where_they_are_long() {
        let table =
            [(0.1, "0.1"), (1e20, "100000000000000000000"), (1e21, "1e+21"), (-2.5e-10, "-2.5e-10"), (-0.0, "-0")];
        for (value, text) in table {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn a_long_answer_comes_in_pieces_with_what_belongs_behind_it() {
        let points: Vec<_> = (0..9_000).map(|second| (Timestamp::from_secs(second), 0.5)).collect();
        let series = |name: &str| RangeSeries { labels: [("a", name)].into_iter().collect(), points: points.clone() };
        let value = QueryValue::Matrix(vec![series("1"), series("2")]);
        let result = QueryResult { value, annotations: Vec::new(), statistics: QueryStatistics::default() };
        let extras = JsonExtras { statistics: Some("{}".to_owned()), warnings: vec!["cut".to_owned()] };
        let pieces: Vec<String> = result.into_json_pieces(extras).collect();
        assert!(pieces.len() > 3 && pieces.iter().all(|piece| piece.len() < PIECE_BYTES + 100));
        let text = pieces.concat();
        let point = |second: i64| format!("[{second},\"0.5\"]");
        let list: Vec<String> = (0..9_000).map(point).collect();
        let list = list.join(",");
        let of = |name: &str| format!(r#"{{"metric":{{"a":"{name}"}},"values":[{list}]}}"#);
        let value = format!(r#""resultType":"matrix","result":[{},{}],"stats":{{}}"#, of("1"), of("2"));
        assert_eq!(text, format!(r#"{{"status":"success","data":{{{value}}},"warnings":["cut"]}}"#));
    }

    #[test]
    fn an_empty_value_is_an_empty_list() {
        assert!(json(QueryValue::Vector(Vec::new())).ends_with(r#""vector","result":[]}}"#));
        assert!(json(QueryValue::Matrix(Vec::new())).ends_with(r#""matrix","result":[]}}"#));
    }
}
