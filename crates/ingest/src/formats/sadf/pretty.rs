//! `sadf -p`: host, interval, time, device, name and value, separated by tabs.

use timestrata::{SeriesKey, Timestamp};

use super::time::{RowTimes, check_zone};
use crate::formats::line_decoder::{LineKind, LineParser, line_planner, line_trial};
use crate::formats::number::parse_as;
use crate::formats::row_error::{RowError, shown};
use crate::formats::series_interner::{SeriesOptions, SpellingCache};
use crate::{Format, IngestError, IngestOptions, Planner, Rows, Sniff, Understanding};

/// Long format of sadf (`sadf -p`).
#[derive(Debug, Clone, Copy, Default)]
pub struct SadfPretty;

impl Format for SadfPretty {
    fn name(&self) -> &'static str {
        "sadf-p"
    }

    fn file_endings(&self) -> &[&str] {
        &[]
    }

    fn sniff(&self, head: &[u8]) -> Sniff {
        if line_trial(head, PrettyParser::new).is_clean() { Sniff::Certain } else { Sniff::No }
    }

    fn planner(&self, options: &IngestOptions) -> Result<Box<dyn Planner>, IngestError> {
        check_zone(options)?;
        Ok(line_planner(options, PrettyParser::new))
    }
}

struct PrettyParser {
    options: SeriesOptions,
    cache: SpellingCache,
    times: RowTimes,
    restarts: u64,
    understanding: Understanding,
}

impl PrettyParser {
    fn new(options: &IngestOptions) -> Self {
        Self {
            options: SeriesOptions::new(options),
            cache: SpellingCache::default(),
            times: RowTimes::new(options),
            restarts: 0,
            understanding: Understanding {
                properties: vec![("format", "sadf-p".to_owned())],
                ..Understanding::default()
            },
        }
    }
}

impl LineParser for PrettyParser {
    fn line(&mut self, line: &[u8], rows: &mut Rows) -> Result<LineKind, RowError> {
        let text = std::str::from_utf8(line).map_err(|_| RowError::refused("the row is not UTF-8"))?;
        if text.trim_ascii().is_empty() {
            return Ok(LineKind::Other);
        }
        let mut cells = text.split('\t');
        let form = || RowError::refused("a row has 6 cells: host, interval, time, device, name, value");
        let (Some(host), Some(interval), Some(time), Some(device)) =
            (cells.next(), cells.next(), cells.next(), cells.next())
        else {
            return Err(form());
        };
        let interval_digits = interval.strip_prefix('-').unwrap_or(interval);
        if interval_digits.is_empty() || !interval_digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(RowError::refused(format!("{} is not an interval in seconds", shown(interval.as_bytes()))));
        }
        let measured = [host, device, cells.clone().next().unwrap_or_default()].join("\t");
        let time = self.times.parse(time, measured.as_bytes())?;
        if device.starts_with("LINUX-RESTART") || device.starts_with("COM") {
            self.restarts += 1;
            return Ok(LineKind::Row);
        }
        let (Some(name), Some(value), None) = (cells.next(), cells.next(), cells.next()) else {
            return Err(form());
        };
        let spelling = [host, device, name].join("\t");
        let series = if let Some(series) = self.cache.get(spelling.as_bytes()) {
            series
        } else {
            let device = if device == "-" { "" } else { device };
            let tags = [("host", host), ("device", device)];
            let key: SeriesKey = tags.into_iter().collect();
            let series = self.options.intern(rows, &key.with_metric(self.options.metric(name)), name)?;
            self.cache.insert(spelling.as_bytes(), series);
            series
        };
        // sadf writes the decimal separator of the locale.
        let point = value.replacen(',', ".", 1);
        let parsed = parse_as(point.as_bytes(), series.ty)
            .ok_or_else(|| RowError::refused(format!("the value {} is not a number", shown(value.as_bytes()))))?;
        rows.push(series.index, time, parsed);
        Ok(LineKind::Row)
    }

    fn set_default_time(&mut self, _time: Timestamp) {}

    fn understanding(&self) -> &Understanding {
        &self.understanding
    }

    fn notices(&self) -> Vec<String> {
        let mut notices: Vec<String> = self.times.note().into_iter().chain(self.times.notices()).collect();
        if self.restarts > 0 {
            notices.push(format!("{} restarts and comments were left out", self.restarts));
        }
        notices
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use timestrata::Value;

    use super::*;
    use crate::formats::test_support::{check_splits, decode, fragments, timed};

    const TEXT: &str = "web\t600\t2024-01-01 00:10:01 UTC\tall\t%user\t1.50\nweb\t600\t1704067801\t-\tproc/s\t3\n\
        web\t-1\t2024-01-01 00:15:00 UTC\tLINUX-RESTART\t(4 CPU)\n";

    #[test]
    fn rows_are_read_and_recognized() {
        let decoded = decode(&SadfPretty, &timed(), TEXT.as_bytes());
        assert_eq!(decoded.notices.len(), 1);
        let at = 1_704_067_801_000_000_000;
        let expected = [
            ("%user{device=\"all\",host=\"web\"}".to_owned(), at, Value::F64(1.5)),
            ("proc/s{host=\"web\"}".to_owned(), at, Value::F64(3.0)),
        ];
        assert_eq!(decoded.good(), expected);
        assert_eq!(SadfPretty.sniff(TEXT.as_bytes()), Sniff::Certain);
        let comma = TEXT.replace("1.50", "1,50");
        assert_eq!(decode(&SadfPretty, &timed(), comma.as_bytes()).good(), expected);
        assert_eq!(SadfPretty.sniff(comma.as_bytes()), Sniff::Certain);
        assert_eq!(SadfPretty.sniff(b"time\tv\n2024-01-01\t1\n"), Sniff::No);
        let local = decode(&SadfPretty, &timed(), b"web\t600\t2024-01-01 00:10:01\tall\t%user\tx\nweb\n");
        assert_eq!(local.refused.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 2]);
    }

    const FRAGMENTS: &[&str] =
        &["web\t600\t1704067801\tall\t%user\t1.5\n", "\t", "\n", "x", "1", "2024-01-01 00:10:01", " UTC", "-"];

    proptest! {
        #[test]
        fn any_bytes_give_the_same_rows_however_they_are_split(
            input in fragments(FRAGMENTS),
            sizes in proptest::collection::vec(1..9_usize, 1..20),
        ) {
            check_splits(&SadfPretty, &input, &sizes);
        }
    }
}
