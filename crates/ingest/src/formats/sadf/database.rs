//! `sadf -d`: semicolons, and a header line before each activity.

use timestrata::{SeriesKey, Timestamp};

use super::time::{RowTimes, check_zone};
use crate::formats::line_decoder::{LineDecoder, LineKind, LineParser, ReadyPlanner, without_bom};
use crate::formats::number::parse_as;
use crate::formats::row_error::{RowError, shown};
use crate::formats::series_interner::{SeriesOptions, SpellingCache};
use crate::{Format, IngestError, IngestOptions, Planner, Rows, Sniff, Understanding};

/// Start of a header line.
const HEADER: &str = "# hostname;interval;timestamp";
/// Columns before those of the activity.
const FIXED_COLUMNS: usize = 3;
/// Columns that name what was measured.
const NAMES: &[&str] = &[
    "CPU",
    "INTR",
    "TTY",
    "IFACE",
    "DEV",
    "FAN",
    "TEMP",
    "IN",
    "BUS",
    "FILESYSTEM",
    "MOUNTPOINT",
    "DEVICE",
    "FCHOST",
    "BAT",
    "idvendor",
    "idprod",
    "manufact",
    "product",
    "sensor",
    "vendor",
];

/// Database format of sadf (`sadf -d`).
#[derive(Debug, Clone, Copy, Default)]
pub struct SadfDatabase;

impl Format for SadfDatabase {
    fn name(&self) -> &'static str {
        "sadf"
    }

    fn file_endings(&self) -> &[&str] {
        &[]
    }

    fn sniff(&self, head: &[u8]) -> Sniff {
        if without_bom(head).starts_with(HEADER.as_bytes()) { Sniff::Certain } else { Sniff::No }
    }

    fn planner(&self, options: &IngestOptions) -> Result<Box<dyn Planner>, IngestError> {
        check_zone(options)?;
        Ok(ReadyPlanner::boxed(LineDecoder::new(DatabaseParser::new(options), options.limits)))
    }
}

struct ActivityColumn {
    name: String,
    is_name: bool,
}

struct DatabaseParser {
    options: SeriesOptions,
    /// Columns of the current activity; empty before the first header.
    columns: Vec<ActivityColumn>,
    cache: SpellingCache,
    times: RowTimes,
    missing: u64,
    restarts: u64,
    understanding: Understanding,
}

impl DatabaseParser {
    fn new(options: &IngestOptions) -> Self {
        Self {
            options: SeriesOptions::new(options),
            columns: Vec::new(),
            cache: SpellingCache::default(),
            times: RowTimes::new(options),
            missing: 0,
            restarts: 0,
            understanding: Understanding {
                properties: vec![("format", "sadf".to_owned())],
                ..Understanding::default()
            },
        }
    }

    fn header(&mut self, line: &str) -> Result<(), RowError> {
        let names = line.split(';').skip(FIXED_COLUMNS);
        let column = |name: &str| ActivityColumn { name: name.to_owned(), is_name: NAMES.contains(&name) };
        self.columns = names.map(column).collect();
        self.cache = SpellingCache::default();
        self.times.restart();
        if self.columns.len() > self.options.limits.fields {
            let message = format!("the header has more than {} columns, the limit", self.options.limits.fields);
            return Err(IngestError::new(message).into());
        }
        Ok(())
    }

    fn row(&mut self, line: &str, rows: &mut Rows) -> Result<(), RowError> {
        let mut cells = line.split(';');
        let (Some(host), Some(_), Some(time)) = (cells.next(), cells.next(), cells.next()) else {
            return Err(RowError::refused("the row has fewer than 3 cells"));
        };
        let cells: Vec<&str> = cells.collect();
        let mut names = host.as_bytes().to_vec();
        for (cell, _) in cells.iter().zip(&self.columns).filter(|(_, column)| column.is_name) {
            names.push(0);
            names.extend_from_slice(cell.as_bytes());
        }
        let is_note = cells.first().is_some_and(|cell| cell.starts_with("LINUX-RESTART") || cell.starts_with("COM"));
        let time = self.times.parse(time, if is_note { cells[0].as_bytes() } else { &names })?;
        if is_note {
            self.restarts += 1;
            return Ok(());
        }
        if cells.len() != self.columns.len() {
            let (own, wanted) = (cells.len() + FIXED_COLUMNS, self.columns.len() + FIXED_COLUMNS);
            return Err(RowError::refused(format!("the row has {own} cells, its header {wanted}")));
        }
        for (at, cell) in cells.iter().enumerate().filter(|(at, _)| !self.columns[*at].is_name) {
            if cell.is_empty() {
                self.missing += 1;
                continue;
            }
            let spelling = [at.to_string().as_bytes(), &names].join(&0);
            let series = if let Some(series) = self.cache.get(&spelling) {
                series
            } else {
                let key = self.key(host, &cells, at);
                let series = self.options.intern(rows, &key, &self.columns[at].name)?;
                self.cache.insert(&spelling, series);
                series
            };
            let value = parse_as(cell.replacen(',', ".", 1).as_bytes(), series.ty).ok_or_else(|| {
                let column = &self.columns[at].name;
                RowError::refused(format!("column {column:?}: {} is not a number", shown(cell.as_bytes())))
            })?;
            rows.push(series.index, time, value);
        }
        Ok(())
    }

    fn key(&self, host: &str, cells: &[&str], at: usize) -> SeriesKey {
        let mut tags = vec![("host".to_owned(), host)];
        for (cell, column) in
            cells.iter().zip(&self.columns).filter(|(cell, column)| column.is_name && !cell.is_empty())
        {
            let value = if column.name == "CPU" && *cell == "-1" { "all" } else { cell };
            tags.push((column.name.to_ascii_lowercase(), value));
        }
        tags.retain(|(_, value)| !value.is_empty());
        let key: SeriesKey = tags.into_iter().collect();
        key.with_metric(self.options.metric(&self.columns[at].name))
    }
}

impl LineParser for DatabaseParser {
    fn line(&mut self, line: &[u8], rows: &mut Rows) -> Result<LineKind, RowError> {
        let text = std::str::from_utf8(line).map_err(|_| RowError::refused("the row is not UTF-8"))?;
        if text.trim_ascii().is_empty() {
            return Ok(LineKind::Other);
        }
        if text.starts_with(HEADER) {
            return self.header(text).map(|()| LineKind::Other);
        }
        if text.starts_with('#') {
            return Ok(LineKind::Other);
        }
        self.row(text, rows).map(|()| LineKind::Row)
    }

    fn set_default_time(&mut self, _time: Timestamp) {}

    fn understanding(&self) -> &Understanding {
        &self.understanding
    }

    fn notices(&self) -> Vec<String> {
        let mut notices: Vec<String> = self.times.note().into_iter().chain(self.times.notices()).collect();
        if self.missing > 0 {
            notices.push(format!("{} empty values were left out", self.missing));
        }
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

    const TEXT: &str = "# hostname;interval;timestamp;CPU;%user;%idle
web;600;2024-01-01 00:10:01 UTC;-1;1.50;98.50
web;600;2024-01-01 00:10:01 UTC;0;2.00;98.00
web;-1;2024-01-01 00:15:00 UTC;LINUX-RESTART\t(4 CPU)
# hostname;interval;timestamp;IFACE;rxpck/s
web;600;2024-01-01 00:10:01 UTC;eth0;7.25
";

    #[test]
    fn several_activities_are_read() {
        let decoded = decode(&SadfDatabase, &timed(), TEXT.as_bytes());
        assert_eq!(decoded.notices, ["1 restarts and comments were left out"]);
        let points = decoded.good();
        let at = 1_704_067_801_000_000_000;
        assert_eq!(points[0], ("%user{cpu=\"all\",host=\"web\"}".to_owned(), at, Value::F64(1.5)));
        assert_eq!(points[3], ("%idle{cpu=\"0\",host=\"web\"}".to_owned(), at, Value::F64(98.0)));
        assert_eq!(points[4], ("rxpck/s{host=\"web\",iface=\"eth0\"}".to_owned(), at, Value::F64(7.25)));
        assert_eq!(SadfDatabase.sniff(TEXT.as_bytes()), Sniff::Certain);
    }

    #[test]
    fn a_row_that_does_not_fit_its_header_is_refused() {
        let text = format!(
            "{TEXT}web;600;2024-01-01 00:20:01;eth0\nweb;600;yesterday;eth0;1\nweb;600;1704067801;eth0;x\nweb\n"
        );
        let decoded = decode(&SadfDatabase, &timed(), text.as_bytes());
        assert_eq!(decoded.refused.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [7, 8, 9, 10]);
    }

    #[test]
    fn local_times_are_in_the_zone_of_the_options() {
        let text = "# hostname;interval;timestamp;DEV;tps\nh;600;2024-06-01 00:10:00;a;5.0\n\
            h;600;2024-10-27 02:30:00;a;6\nh;600;2024-10-27 02:30:00;b;7\nh;600;2024-10-27 02:10:00;a;8\n";
        let mut options = timed();
        options.table.time_zone = Some("Europe/Berlin".to_owned());
        let times: Vec<i64> = decode(&SadfDatabase, &options, text.as_bytes()).good().iter().map(|p| p.1).collect();
        let nanos = |seconds: i64| seconds * 1_000_000_000;
        // 2024-05-31T22:10Z, then 02:30 with the summer's offset twice, then 02:10 with the winter's.
        assert_eq!(times, [1_717_193_400, 1_729_989_000, 1_729_989_000, 1_729_991_400].map(nanos));
        // One device comes again at the same text.
        let hourly = "# hostname;interval;timestamp;DEV;tps\nh;3600;2024-10-27 02:30:00;a;1\n\
            h;3600;2024-10-27 02:30:00;b;2\nh;3600;2024-10-27 02:30:00;a;3\nh;3600;2024-10-27 02:30:00;b;4\n\
            h;3600;2024-10-27 03:30:00;a;5\n";
        let times: Vec<i64> = decode(&SadfDatabase, &options, hourly.as_bytes()).good().iter().map(|p| p.1).collect();
        assert_eq!(times, [1_729_989_000, 1_729_989_000, 1_729_992_600, 1_729_992_600, 1_729_996_200].map(nanos));
        let assumed = decode(&SadfDatabase, &timed(), text.as_bytes());
        assert!(assumed.notices.iter().any(|note| note.contains("read as UTC")), "{:?}", assumed.notices);
        options.table.time_zone = Some("Nowhere/City".to_owned());
        assert!(SadfDatabase.planner(&options).is_err());
    }

    const FRAGMENTS: &[&str] = &[
        "# hostname;interval;timestamp;CPU;%user\n",
        "web;600;1704067801;0;1.5\n",
        ";",
        "\n",
        "x",
        "1",
        "2024-01-01 00:10:01",
        " UTC",
        "#",
        "LINUX-RESTART",
    ];

    proptest! {
        #[test]
        fn any_bytes_give_the_same_rows_however_they_are_split(
            input in fragments(FRAGMENTS),
            sizes in proptest::collection::vec(1..9_usize, 1..20),
        ) {
            check_splits(&SadfDatabase, &input, &sizes);
        }
    }
}
