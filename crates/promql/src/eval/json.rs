//! Results in the JSON of Prometheus' HTTP interface.

use std::fmt::Write as _;

use timestrata::Timestamp;

use super::annotation::{Annotation, AnnotationKind};
use super::labels::Labels;
use super::result::{QueryResult, QueryValue};

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
        let mut json = String::from(r#"{"status":"success","data":{"resultType":"#);
        write_value(&mut json, &self.value);
        json.push('}');
        write_annotations(&mut json, "warnings", AnnotationKind::Warning, &self.annotations);
        write_annotations(&mut json, "infos", AnnotationKind::Info, &self.annotations);
        json.push('}');
        json
    }
}

fn write_value(json: &mut String, value: &QueryValue) {
    match value {
        QueryValue::Scalar { time, value } => {
            json.push_str(r#""scalar","result":"#);
            write_point(json, *time, &number(*value));
        }
        QueryValue::String { time, value } => {
            json.push_str(r#""string","result":"#);
            write_point(json, *time, value);
        }
        QueryValue::Vector(samples) => {
            json.push_str(r#""vector","result":["#);
            for (at, sample) in samples.iter().enumerate() {
                json.push_str(if at == 0 { r#"{"metric":"# } else { r#",{"metric":"# });
                write_labels(json, &sample.labels);
                json.push_str(r#","value":"#);
                write_point(json, sample.time, &number(sample.value));
                json.push('}');
            }
            json.push(']');
        }
        QueryValue::Matrix(list) => {
            json.push_str(r#""matrix","result":["#);
            for (at, series) in list.iter().enumerate() {
                json.push_str(if at == 0 { r#"{"metric":"# } else { r#",{"metric":"# });
                write_labels(json, &series.labels);
                json.push_str(r#","values":["#);
                for (at, (time, value)) in series.points.iter().enumerate() {
                    if at > 0 {
                        json.push(',');
                    }
                    write_point(json, *time, &number(*value));
                }
                json.push_str("]}");
            }
            json.push(']');
        }
    }
}

fn write_annotations(json: &mut String, name: &str, kind: AnnotationKind, annotations: &[Annotation]) {
    let texts: Vec<String> =
        annotations.iter().filter(|annotation| annotation.kind == kind).map(ToString::to_string).collect();
    if texts.is_empty() {
        return;
    }
    // A string takes any text.
    let _ = write!(json, ",\"{name}\":[");
    for (at, text) in texts.iter().enumerate() {
        if at > 0 {
            json.push(',');
        }
        write_text(json, text);
    }
    json.push(']');
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
    use super::super::result::{QueryStatistics, RangeSeries, VectorSample};
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
}
