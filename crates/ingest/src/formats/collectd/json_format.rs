//! JSON of collectd's `write_http`: arrays of value lists.

use timestrata::Timestamp;

use super::series::{Identifier, parse_value, source_name};
use crate::formats::json::decoder::{JsonDecoder, JsonRowParser, RowState};
use crate::formats::json::items::Arrangement;
use crate::formats::json::value::JsonValue;
use crate::formats::line_decoder::{ReadyPlanner, without_bom};
use crate::formats::number::parse_seconds;
use crate::formats::row_error::RowError;
use crate::formats::series_interner::SeriesOptions;
use crate::{Format, IngestError, IngestOptions, Planner, Rows, Sniff, TextValues, Understanding};

/// JSON of collectd's `write_http`.
#[derive(Debug, Clone, Copy, Default)]
pub struct CollectdJson;

impl Format for CollectdJson {
    fn name(&self) -> &'static str {
        "collectd-json"
    }

    fn file_endings(&self) -> &[&str] {
        &[]
    }

    fn sniff(&self, head: &[u8]) -> Sniff {
        let starts = matches!(without_bom(head).trim_ascii_start().first(), Some(b'[' | b'{'));
        let has = |name: &str| memchr::memmem::find(head, name.as_bytes()).is_some();
        if starts && has("\"dsnames\"") && has("\"dstypes\"") { Sniff::Certain } else { Sniff::No }
    }

    fn planner(&self, options: &IngestOptions) -> Result<Box<dyn Planner>, IngestError> {
        Ok(ReadyPlanner::boxed(JsonDecoder::new(ValueListParser::new(options), Arrangement::Elements, options)))
    }
}

struct ValueListParser {
    options: SeriesOptions,
    text: TextValues,
    missing: u64,
    skipped_texts: u64,
    understanding: Understanding,
}

impl ValueListParser {
    fn new(options: &IngestOptions) -> Self {
        let properties = vec![("format", "collectd-json".to_owned()), ("time", "seconds".to_owned())];
        Self {
            options: SeriesOptions::new(options),
            text: options.text,
            missing: 0,
            skipped_texts: 0,
            understanding: Understanding { properties, ..Understanding::default() },
        }
    }

    fn value(
        &mut self,
        identifier: &Identifier<'_>,
        source: &str,
        time: Timestamp,
        value: &JsonValue<'_>,
        rows: &mut Rows,
    ) -> Result<(), RowError> {
        let series = self.options.intern(rows, &identifier.key(source, &self.options), source)?;
        let Some(digits) = value.digits().filter(|digits| !digits.eq_ignore_ascii_case("nan")) else {
            self.missing += 1;
            return Ok(());
        };
        rows.push(series.index, time, parse_value(digits, series, || source.to_owned())?);
        Ok(())
    }
}

impl JsonRowParser for ValueListParser {
    fn row(&mut self, row: &JsonValue<'_>, _line: u64, rows: &mut Rows) -> Result<RowState, RowError> {
        if row.get("severity").is_some() {
            if self.text == TextValues::Skip {
                self.skipped_texts += 1;
                return Ok(RowState::Open);
            }
            return Err(RowError::text_value("a notification"));
        }
        let member = |name: &str| row.get(name).and_then(JsonValue::text).unwrap_or_default();
        let identifier = Identifier {
            host: member("host"),
            plugin: member("plugin"),
            plugin_instance: member("plugin_instance"),
            ty: member("type"),
            type_instance: member("type_instance"),
        };
        if identifier.plugin.is_empty() {
            return Err(RowError::refused("the value list has no plugin"));
        }
        let time = match row.get("time") {
            None | Some(JsonValue::Null) => None,
            Some(time) => {
                let nanos = time.digits().and_then(|digits| parse_seconds(digits.as_bytes()));
                Some(Timestamp::from_nanos(nanos.ok_or_else(|| RowError::refused("the time is not in seconds"))?))
            }
        };
        let time = self.options.time_or_default(time)?;
        let values = row.get("values").map(JsonValue::elements).unwrap_or_default();
        if values.is_empty() || values.len() > self.options.limits.fields {
            return Err(RowError::refused(format!("the value list has {} values", values.len())));
        }
        let sources = row.get("dsnames").map(JsonValue::elements).unwrap_or_default();
        for (at, value) in values.iter().enumerate() {
            let named = sources.get(at).and_then(JsonValue::text).map(ToOwned::to_owned);
            let source = named.unwrap_or_else(|| source_name(identifier.ty, at, values.len()));
            self.value(&identifier, &source, time, value, rows)?;
        }
        Ok(RowState::Open)
    }

    fn understanding(&self) -> &Understanding {
        &self.understanding
    }

    fn notices(&self) -> Vec<String> {
        let mut notices = Vec::new();
        if self.missing > 0 {
            notices.push(format!("{} missing values were left out", self.missing));
        }
        if self.skipped_texts > 0 {
            notices.push(format!("{} texts were left out", self.skipped_texts));
        }
        notices
    }

    fn left_out_texts(&self) -> u64 {
        self.skipped_texts
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use timestrata::Value;

    use super::*;
    use crate::formats::test_support::{check_splits, decode, fragments, timed};

    const BODY: &str = r#"[{"values":[1901474177,null],"dstypes":["derive","derive"],"dsnames":["rx","tx"],
      "time":1280959128.123,"interval":10,"host":"leeloo","plugin":"interface","plugin_instance":"eth0",
      "type":"if_octets","type_instance":""},
     {"values":[0.5],"dstypes":["gauge"],"dsnames":["value"],"time":1280959128,"host":"leeloo","plugin":"load","type":"load"}]
"#;

    #[test]
    fn a_body_of_write_http_is_read() {
        let decoded = decode(&CollectdJson, &timed(), BODY.repeat(2).as_bytes());
        assert_eq!((decoded.notices.len(), decoded.lines.as_slice()), (1, [1, 4, 5, 8].as_slice()));
        let points = decoded.good();
        let key = "interface{_field=\"rx\",host=\"leeloo\",instance=\"eth0\",type=\"if_octets\"}".to_owned();
        assert_eq!(points[0], (key, 1_280_959_128_123_000_000, Value::F64(1_901_474_177.0)));
        assert_eq!(points[1].0, "load{host=\"leeloo\",type=\"load\"}");
        assert_eq!(CollectdJson.sniff(BODY.as_bytes()), Sniff::Certain);
        assert_eq!(CollectdJson.sniff(b"{\"time\":1}"), Sniff::No);
    }

    #[test]
    fn whole_numbers_beyond_f64_need_a_type() {
        let text = b"[{\"values\":[9007199254740993],\"plugin\":\"a\",\"dsnames\":[\"rx\"]}]";
        let decoded = decode(&CollectdJson, &timed(), text);
        assert!(decoded.points.is_empty() && decoded.refused[0].1.contains("9007199254740993"), "{decoded:?}");
        let options = IngestOptions { types: vec![("rx".to_owned(), timestrata::ValueType::U64)], ..timed() };
        assert_eq!(decode(&CollectdJson, &options, text).good()[0].2, Value::U64(9_007_199_254_740_993));
    }

    #[test]
    fn each_mistake_is_refused_by_line() {
        let text = "[{\"values\":[1],\"plugin\":\"a\"},\n{\"values\":[\"x\"],\"plugin\":\"a\"},\n{\"severity\":\"OKAY\"},\n{\"values\":[]},\n{\"a\" 1}\n,{\"values\":[1";
        let decoded = decode(&CollectdJson, &timed(), text.as_bytes());
        let lines: Vec<u64> = decoded.refused.iter().map(|(line, _)| *line).collect();
        assert_eq!((decoded.points.len(), lines), (1, vec![2, 3, 4, 5, 6]), "{:?}", decoded.refused);
        assert_eq!(decode(&CollectdJson, &timed(), b"\n7").error.unwrap().line, Some(2));
    }

    const FRAGMENTS: &[&str] = &[
        "[",
        "]",
        "{",
        "}",
        ",",
        "\"values\":[1,2]",
        "\"plugin\":\"a\"",
        "\"",
        "\\",
        "\n",
        "\"time\":1.5",
        "{\"values\":[1],\"plugin\":\"a\",\"time\":5}",
        ":",
    ];

    proptest! {
        #[test]
        fn any_bytes_give_the_same_rows_however_they_are_split(
            input in fragments(FRAGMENTS),
            sizes in proptest::collection::vec(1..9_usize, 1..20),
        ) {
            check_splits(&CollectdJson, &input, &sizes);
            let _ = decode(&CollectdJson, &timed(), &BODY.as_bytes()[..BODY.len() - input.len() % BODY.len()]);
        }
    }
}
