//! Lines of statsd and DogStatsD: `name:1|c|@0.1|#tag:x`.
//!
//! A [`StatsdAggregator`] sums the lines of an interval, as a statsd server does; this decoder does not. Each value becomes one point at the default
//! time, or at the time of the line (`|T1704067200`):
//!
//! | type | point |
//! |---|---|
//! | `c` counter | the increment, divided by the sample rate |
//! | `g` gauge | the value; a relative change (`+3`, `-3`) is refused, since it needs the value before |
//! | `ms`, `h`, `d` timer, histogram, distribution | the value of each event |
//! | `s` set | refused if the member is text; else the number |
//!
//! `name:1:2:3|ms` has three values. A tag without a value has the value `true`. Events (`_e{..}`) and service checks
//! (`_sc|..`) are texts: refused, or left out and counted.

mod aggregator;
mod line;
mod sketch;
mod state;

pub use aggregator::{StatsdAggregator, StatsdOptions};

use timestrata::{SeriesKey, Timestamp, Value};

use self::line::{LineType, StatsdLine, parse_value};
use super::line_decoder::{LineKind, LineParser, line_planner, line_trial};
use super::row_error::RowError;
use super::series_interner::SeriesOptions;
use crate::{Format, IngestError, IngestOptions, Planner, Rows, Sniff, TextValues, Understanding};

/// Lines of statsd and DogStatsD.
#[derive(Debug, Clone, Copy, Default)]
pub struct Statsd;

impl Format for Statsd {
    fn name(&self) -> &'static str {
        "statsd"
    }

    fn file_endings(&self) -> &[&str] {
        &["statsd"]
    }

    fn sniff(&self, head: &[u8]) -> Sniff {
        if line_trial(head, StatsdParser::new).is_clean() { Sniff::Certain } else { Sniff::No }
    }

    fn planner(&self, options: &IngestOptions) -> Result<Box<dyn Planner>, IngestError> {
        Ok(line_planner(options, StatsdParser::new))
    }
}

struct StatsdParser {
    options: SeriesOptions,
    text: TextValues,
    skipped_texts: u64,
    understanding: Understanding,
}

impl StatsdParser {
    fn new(options: &IngestOptions) -> Self {
        let properties = vec![("format", "statsd".to_owned())];
        Self {
            options: SeriesOptions::new(options),
            text: options.text,
            skipped_texts: 0,
            understanding: Understanding {
                properties,
                notes: vec!["lines are stored one by one, not summed".to_owned()],
                ..Understanding::default()
            },
        }
    }

    /// Leaves a text out, or refuses the row.
    fn text_value(&mut self, what: &str) -> Result<LineKind, RowError> {
        if self.text == TextValues::Refuse {
            return Err(RowError::text_value(what));
        }
        self.skipped_texts += 1;
        Ok(LineKind::Row)
    }

    fn metric(&mut self, parsed: &StatsdLine<'_>, rows: &mut Rows) -> Result<LineKind, RowError> {
        let StatsdLine { name, values, ty, rate, time, .. } = *parsed;
        let time = self.options.time_or_default(time)?;
        let key: SeriesKey = parsed.tags().collect();
        let series = self.options.intern(rows, &key.with_metric(self.options.metric(name)), name)?;
        let mut number = 0;
        for text in values.split(':') {
            number += 1;
            if number > self.options.limits.fields {
                return Err(RowError::refused(format!("the row has more than {} values", self.options.limits.fields)));
            }
            if ty == LineType::Gauge && text.starts_with(['+', '-']) {
                return Err(RowError::refused(
                    "a relative change of a gauge needs the value before, which is not known",
                ));
            }
            match parse_value(text) {
                Ok(value) => {
                    let value = if ty == LineType::Counter { value / rate } else { value };
                    rows.push(series.index, time, series.convert(Value::F64(value))?);
                }
                Err(_) if ty == LineType::Set => {
                    self.text_value("a member of a set")?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(LineKind::Row)
    }
}

impl LineParser for StatsdParser {
    fn line(&mut self, line: &[u8], rows: &mut Rows) -> Result<LineKind, RowError> {
        let line = line.trim_ascii();
        let text = std::str::from_utf8(line).map_err(|_| RowError::refused("the row is not UTF-8"))?;
        match text {
            "" => Ok(LineKind::Other),
            _ if text.starts_with("_e{") => self.text_value("an event"),
            _ if text.starts_with("_sc|") => self.text_value("a service check"),
            _ => self.metric(&StatsdLine::parse(text)?, rows),
        }
    }

    fn set_default_time(&mut self, time: Timestamp) {
        self.options.default_time = Some(time);
    }

    fn understanding(&self) -> &Understanding {
        &self.understanding
    }

    fn notices(&self) -> Vec<String> {
        match self.skipped_texts {
            0 => Vec::new(),
            count => vec![format!("{count} texts were left out")],
        }
    }

    fn left_out_texts(&self) -> u64 {
        self.skipped_texts
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::formats::test_support::{check_splits, decode, fragments, timed};

    #[test]
    fn each_type_is_mapped_as_documented() {
        let text = "hits:3|c|@0.1|#env:x,canary\ntemp:21.5|g\nload:-3|ms\nload:1:2|d|T1704067200|c:ab\nuid:7|s\n";
        let decoded = decode(&Statsd, &timed(), text.as_bytes());
        assert_eq!(
            decoded.good(),
            [
                ("hits{canary=\"true\",env=\"x\"}".to_owned(), 0, Value::F64(3.0 / 0.1)),
                ("temp".to_owned(), 0, Value::F64(21.5)),
                ("load".to_owned(), 0, Value::F64(-3.0)),
                ("load".to_owned(), 1_704_067_200_000_000_000, Value::F64(1.0)),
                ("load".to_owned(), 1_704_067_200_000_000_000, Value::F64(2.0)),
                ("uid".to_owned(), 0, Value::F64(7.0)),
            ]
        );
        assert_eq!(Statsd.sniff(text.as_bytes()), Sniff::Certain);
        assert_eq!(Statsd.sniff(b"time|v\n00:15|3\n"), Sniff::No);
    }

    #[test]
    fn each_mistake_refuses_its_line() {
        for line in [
            "a",
            "a:1",
            "a:1|x",
            "a:x|c",
            "a:+1|g",
            "a:1|c|@0",
            "a:1|c|@2",
            "a:1|c|?",
            ":1|c",
            "a:b|s",
            "_e{1,1}:a|b",
            "a:1|c|#x:1,x:2",
        ] {
            let decoded = decode(&Statsd, &timed(), format!("ok:1|c\n{line}\nok:1|c\n").as_bytes());
            assert_eq!((decoded.points.len(), decoded.refused.len()), (2, 1), "{line}");
            assert_eq!(decoded.refused[0].0, 2, "{line}");
        }
        assert!(decode(&Statsd, &IngestOptions::default(), b"a:1|c\n").refused[0].1.contains("no time"));
    }

    const FRAGMENTS: &[&str] = &["a", ":1", "|c", "|g", "|@0.5", "|#t:v", "\n", "|T5", "a:1|c\n", "|s", "_e{", "\r\n"];

    proptest! {
        #[test]
        fn any_bytes_give_the_same_rows_however_they_are_split(
            input in fragments(FRAGMENTS),
            sizes in proptest::collection::vec(1..9_usize, 1..20),
        ) {
            check_splits(&Statsd, &input, &sizes);
            Statsd.sniff(&input);
        }
    }
}
