//! `PUTVAL "host/plugin-instance/type-instance" interval=10 1704067200.5:1:2`.

use timestrata::Timestamp;

use super::series::{Identifier, parse_value, source_name};
use crate::formats::line_decoder::{LineKind, LineParser, line_planner, line_trial};
use crate::formats::number::parse_seconds;
use crate::formats::row_error::{RowError, shown};
use crate::formats::series_interner::{SeriesOptions, SpellingCache, TypedSeries};
use crate::{Format, IngestError, IngestOptions, Planner, Rows, Sniff, Understanding};

/// `PUTVAL` lines of collectd.
#[derive(Debug, Clone, Copy, Default)]
pub struct CollectdLines;

impl Format for CollectdLines {
    fn name(&self) -> &'static str {
        "collectd"
    }

    fn file_endings(&self) -> &[&str] {
        &["putval"]
    }

    fn sniff(&self, head: &[u8]) -> Sniff {
        if line_trial(head, PutvalParser::new).is_clean() { Sniff::Certain } else { Sniff::No }
    }

    fn planner(&self, options: &IngestOptions) -> Result<Box<dyn Planner>, IngestError> {
        Ok(line_planner(options, PutvalParser::new))
    }
}

struct PutvalParser {
    options: SeriesOptions,
    cache: SpellingCache,
    missing: u64,
    understanding: Understanding,
}

impl PutvalParser {
    fn new(options: &IngestOptions) -> Self {
        let properties = vec![("format", "collectd".to_owned()), ("time", "seconds".to_owned())];
        Self {
            options: SeriesOptions::new(options),
            cache: SpellingCache::default(),
            missing: 0,
            understanding: Understanding { properties, ..Understanding::default() },
        }
    }

    fn values(&mut self, identifier: &str, list: &str, rows: &mut Rows) -> Result<(), RowError> {
        let mut texts = list.split(':');
        let time = texts.next().unwrap_or_default();
        let time = if time == "N" {
            None
        } else {
            let nanos = parse_seconds(time.as_bytes())
                .ok_or_else(|| RowError::refused(format!("{} is not a time in seconds", shown(time.as_bytes()))))?;
            Some(Timestamp::from_nanos(nanos))
        };
        let time = self.options.time_or_default(time)?;
        let len = texts.clone().count();
        if len == 0 || len > self.options.limits.fields {
            return Err(RowError::refused(format!("the row has {len} values")));
        }
        for (at, text) in texts.enumerate() {
            let series = self.series(identifier, at, len, rows)?;
            if text == "U" || text.eq_ignore_ascii_case("nan") || text.eq_ignore_ascii_case("-nan") {
                self.missing += 1;
                continue;
            }
            let source = || {
                let ty = Identifier::parse(identifier).map_or("", |identifier| identifier.ty);
                source_name(ty, at, len)
            };
            rows.push(series.index, time, parse_value(text, series, source)?);
        }
        Ok(())
    }

    fn series(&mut self, identifier: &str, at: usize, len: usize, rows: &mut Rows) -> Result<TypedSeries, RowError> {
        let spelling = format!("{at}/{len}/{identifier}");
        if let Some(series) = self.cache.get(spelling.as_bytes()) {
            return Ok(series);
        }
        let parsed = Identifier::parse(identifier)
            .ok_or_else(|| RowError::refused(format!("{identifier:?} is not written host/plugin/type")))?;
        let source = source_name(parsed.ty, at, len);
        let series = self.options.intern(rows, &parsed.key(&source, &self.options), &source)?;
        self.cache.insert(spelling.as_bytes(), series);
        Ok(series)
    }
}

impl LineParser for PutvalParser {
    fn line(&mut self, line: &[u8], rows: &mut Rows) -> Result<LineKind, RowError> {
        let text = std::str::from_utf8(line).map_err(|_| RowError::refused("the row is not UTF-8"))?.trim();
        if text.is_empty() || text.starts_with('#') {
            return Ok(LineKind::Other);
        }
        let form = || RowError::refused("a row is written: PUTVAL host/plugin/type interval=N time:value");
        let (word, rest) = text.split_once([' ', '\t']).ok_or_else(form)?;
        if !word.eq_ignore_ascii_case("PUTVAL") {
            return Err(form());
        }
        let rest = rest.trim_start();
        let (identifier, rest) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').ok_or_else(form)?,
            None => rest.split_once([' ', '\t']).ok_or_else(form)?,
        };
        let mut lists = 0;
        for word in rest.split_ascii_whitespace().filter(|word| !word.contains('=')) {
            self.values(identifier, word, rows)?;
            lists += 1;
        }
        if lists == 0 { Err(form()) } else { Ok(LineKind::Row) }
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
            count => vec![format!("{count} missing values were left out")],
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
    fn identifiers_become_tags_and_known_sources_have_names() {
        let text = "PUTVAL \"web 1/cpu-0/cpu-idle\" interval=10.000 1704067200.5:99.5\n\
            PUTVAL web-1/interface-eth0/if_octets interval=10 N:1:U\n\
            putval h/x/y 1:1:2 2:3:4\n";
        let decoded = decode(&CollectdLines, &timed(), text.as_bytes());
        assert_eq!(decoded.notices, ["1 missing values were left out"]);
        let points = decoded.good();
        let cpu = "cpu{host=\"web 1\",instance=\"0\",type=\"cpu\",type_instance=\"idle\"}".to_owned();
        assert_eq!(points[0], (cpu, 1_704_067_200_500_000_000, Value::F64(99.5)));
        let octets = "interface{_field=\"rx\",host=\"web-1\",instance=\"eth0\",type=\"if_octets\"}".to_owned();
        assert_eq!(points[1], (octets, 0, Value::F64(1.0)));
        assert_eq!(points[5], ("x{_field=\"1\",host=\"h\",type=\"y\"}".to_owned(), 2_000_000_000, Value::F64(4.0)));
        assert_eq!(CollectdLines.sniff(text.as_bytes()), Sniff::Certain);
    }

    #[test]
    fn each_mistake_refuses_its_line() {
        for line in [
            "PUTVAL",
            "PUTVAL a/b/c",
            "PUTVAL a/b 1:1",
            "PUTVAL a/b/c 1",
            "PUTVAL a/b/c x:1",
            "PUTVAL a/b/c 1:x",
            "GETVAL a/b/c",
            "PUTVAL \"a/b/c 1:1",
        ] {
            let decoded = decode(&CollectdLines, &timed(), format!("PUTVAL a/b/c 1:1\n{line}\n").as_bytes());
            assert_eq!((decoded.points.len(), decoded.refused.len()), (1, 1), "{line}");
        }
    }

    const FRAGMENTS: &[&str] =
        &["PUTVAL ", "a/b/c", "\"", " 1:2", " N:U:3", "\n", " interval=10", "/", "PUTVAL a/b-c/load 1:2:3:4\n"];

    proptest! {
        #[test]
        fn any_bytes_give_the_same_rows_however_they_are_split(
            input in fragments(FRAGMENTS),
            sizes in proptest::collection::vec(1..9_usize, 1..20),
        ) {
            check_splits(&CollectdLines, &input, &sizes);
        }
    }
}
