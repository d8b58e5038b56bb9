//! Graphite plaintext: `path value seconds`, with tags as in `path;tag=value`.
//!
//! The path is the metric. A time of `-1` or `N` means now, which is the default time of the options. The value `nan`,
//! which collectd writes for "no value", is left out and counted. Times may have decimals.

use timestrata::{SeriesKey, Timestamp};

use super::line_decoder::{LineKind, LineParser, line_planner, line_trial};
use super::number::{parse_as, parse_seconds};
use super::row_error::{RowError, shown};
use super::series_interner::{SeriesOptions, SpellingCache, TypedSeries};
use crate::{Format, IngestError, IngestOptions, Planner, Rows, Sniff, Understanding};

/// Graphite plaintext protocol; collectd's `write_graphite` lines are of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Graphite;

impl Format for Graphite {
    fn name(&self) -> &'static str {
        "graphite"
    }

    fn file_endings(&self) -> &[&str] {
        &["graphite"]
    }

    fn sniff(&self, head: &[u8]) -> Sniff {
        if !line_trial(head, GraphiteParser::new).is_clean() {
            return Sniff::No;
        }
        // A path of several parts is what other formats of three words do not have.
        let path = head.split(u8::is_ascii_whitespace).find(|word| !word.is_empty()).unwrap_or_default();
        let has_parts = path.iter().any(|byte| matches!(byte, b'.' | b';')) && !path[0].is_ascii_digit();
        if has_parts { Sniff::Certain } else { Sniff::Possible }
    }

    fn planner(&self, options: &IngestOptions) -> Result<Box<dyn Planner>, IngestError> {
        Ok(line_planner(options, GraphiteParser::new))
    }
}

struct GraphiteParser {
    options: SeriesOptions,
    cache: SpellingCache,
    missing: u64,
    understanding: Understanding,
}

impl GraphiteParser {
    fn new(options: &IngestOptions) -> Self {
        let properties = vec![("format", "graphite".to_owned()), ("time", "seconds".to_owned())];
        Self {
            options: SeriesOptions::new(options),
            cache: SpellingCache::default(),
            missing: 0,
            understanding: Understanding { properties, ..Understanding::default() },
        }
    }

    fn series(&mut self, path: &[u8], rows: &mut Rows) -> Result<TypedSeries, RowError> {
        if let Some(series) = self.cache.get(path) {
            return Ok(series);
        }
        let text = std::str::from_utf8(path).map_err(|_| RowError::refused(format!("{} is not UTF-8", shown(path))))?;
        let mut parts = text.split(';');
        let metric = parts.next().unwrap_or_default();
        let mut tags = Vec::new();
        for part in parts {
            let tag = part.split_once('=').filter(|(name, value)| !name.is_empty() && !value.is_empty());
            let reason = || format!("{} is not a tag: a tag is written ;name=value", shown(part.as_bytes()));
            tags.push(tag.ok_or_else(|| RowError::refused(reason()))?);
        }
        let key: SeriesKey = tags.into_iter().collect();
        let series = self.options.intern(rows, &key.with_metric(self.options.metric(metric)), metric)?;
        self.cache.insert(path, series);
        Ok(series)
    }
}

impl LineParser for GraphiteParser {
    fn line(&mut self, line: &[u8], rows: &mut Rows) -> Result<LineKind, RowError> {
        let mut words = line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
        let Some(path) = words.next() else {
            return Ok(LineKind::Other);
        };
        let (Some(value), Some(time), None) = (words.next(), words.next(), words.next()) else {
            return Err(RowError::refused("a row is written: path value seconds"));
        };
        let time = match time {
            b"-1" | b"N" => None,
            _ => {
                let nanos = parse_seconds(time)
                    .ok_or_else(|| RowError::refused(format!("{} is not a time in seconds", shown(time))))?;
                Some(Timestamp::from_nanos(nanos))
            }
        };
        let time = self.options.time_or_default(time)?;
        let series = self.series(path, rows)?;
        if value.eq_ignore_ascii_case(b"nan") || value.eq_ignore_ascii_case(b"-nan") {
            self.missing += 1;
            return Ok(LineKind::Row);
        }
        let parsed = parse_as(value, series.ty)
            .ok_or_else(|| RowError::refused(format!("the value {} is not a number", shown(value))))?;
        rows.push(series.index, time, parsed);
        Ok(LineKind::Row)
    }

    fn set_default_time(&mut self, time: Timestamp) {
        self.options.default_time = Some(time);
    }

    fn understanding(&self) -> &Understanding {
        &self.understanding
    }

    fn notices(&self) -> Vec<String> {
        match self.missing {
            0 => Vec::new(),
            count => vec![format!("{count} values nan were left out")],
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use timestrata::Value;

    use super::*;
    use crate::formats::test_support::{check_splits, decode, fragments, timed};

    #[test]
    fn lines_with_and_without_tags_are_read() {
        let text = "web-1.cpu-0.cpu-idle 99.5 1704067200\r\ndisk.used;host=a;rack=7 5e3 1704067200.25\nx.y nan 1\nx.y 1 -1\n\n";
        let decoded = decode(&Graphite, &timed(), text.as_bytes());
        assert_eq!(decoded.notices, ["1 values nan were left out"]);
        assert_eq!(
            decoded.good(),
            [
                ("web-1.cpu-0.cpu-idle".to_owned(), 1_704_067_200_000_000_000, Value::F64(99.5)),
                ("disk.used{host=\"a\",rack=\"7\"}".to_owned(), 1_704_067_200_250_000_000, Value::F64(5000.0)),
                ("x.y".to_owned(), 0, Value::F64(1.0)),
            ]
        );
        assert_eq!(Graphite.sniff(text.as_bytes()), Sniff::Certain);
        assert_eq!(Graphite.sniff(b"x 1 1704067200\n"), Sniff::Possible);
        assert_eq!(Graphite.sniff(b"time v w\n1 2 3\n"), Sniff::No);
    }

    #[test]
    fn each_mistake_refuses_its_line() {
        for line in
            ["a.b 1", "a.b 1 2 3", "a.b x 1", "a.b 1 x", "a.b;c 1 1", "a.b;c= 1 1", ";a=b 1 1", "a.b;c=d;c=e 1 1"]
        {
            let decoded = decode(&Graphite, &timed(), format!("ok 1 1\n{line}\nok 1 2\n").as_bytes());
            assert_eq!((decoded.points.len(), decoded.refused.len()), (2, 1), "{line}");
            assert_eq!(decoded.refused[0].0, 2, "{line}");
        }
        assert_eq!(decode(&Graphite, &IngestOptions::default(), b"a.b 1 N\n").refused.len(), 1);
    }

    #[test]
    fn the_default_time_may_move_on() {
        let mut decoder = Graphite.planner(&timed()).unwrap().finish(true).unwrap();
        let mut rows = Rows::with_capacity(10);
        for second in [5, 6] {
            decoder.set_default_time(Timestamp::from_secs(second));
            assert_eq!(decoder.decode(b"a.b 1 -1\na.b 2", false, &mut rows), Ok(9));
        }
        assert_eq!(rows.timestamps(), [5, 6].map(Timestamp::from_secs));
    }

    const FRAGMENTS: &[&str] = &["a.b", ";c=d", " ", "1", ".5", "\n", " nan", " -1", "a.b 1 2\n", "\r\n", ";", "="];

    proptest! {
        #[test]
        fn any_bytes_give_the_same_rows_however_they_are_split(
            input in fragments(FRAGMENTS),
            sizes in proptest::collection::vec(1..9_usize, 1..20),
        ) {
            check_splits(&Graphite, &input, &sizes);
            Graphite.sniff(&input);
        }
    }
}
