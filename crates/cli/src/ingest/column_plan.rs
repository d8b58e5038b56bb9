//! Roles of the columns of a file: time, tags, values with metric and type.
//! Decided once from header, first rows and options by a pure function, so that a resumed run decides the same.

use std::collections::{HashMap, HashSet};

use timestrata::{SeriesKey, ValueType};

use super::sample::{ColumnSample, SAMPLE_ROWS};
use crate::args::{self, IngestArgs};
use crate::failure::{Failure, Result};
use crate::names::{self, NameList};
use crate::time::TimeFormat;

/// Roles of all columns; the rows are converted to points by them.
#[derive(Debug)]
pub(crate) struct ColumnPlan {
    pub(crate) columns: usize,
    pub(crate) time: TimeColumn,
    pub(crate) tags: Vec<TagColumn>,
    pub(crate) values: Vec<ValueColumn>,
    pub(crate) missing: NameList,
    /// Notes about decisions that no option made; printed once.
    pub(crate) notes: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct TimeColumn {
    pub(crate) at: usize,
    pub(crate) name: String,
    pub(crate) format: TimeFormat,
}

#[derive(Debug)]
pub(crate) struct TagColumn {
    pub(crate) at: usize,
    /// Tag key; may differ from the column name.
    pub(crate) key: String,
}

#[derive(Debug)]
pub(crate) struct ValueColumn {
    pub(crate) at: usize,
    pub(crate) name: String,
    /// Metric and tags of the header; the row adds the tags of its tag columns.
    pub(crate) key: SeriesKey,
    pub(crate) ty: ValueType,
}

/// The header, and the sample of each column.
pub(crate) struct CsvColumns<'a> {
    pub(crate) header: &'a [String],
    pub(crate) sample: &'a [ColumnSample],
}

impl ColumnPlan {
    pub(crate) fn decide(table: &CsvColumns<'_>, args: &IngestArgs) -> Result<Self> {
        refuse_doubles(table.header)?;
        let mut notes = Vec::new();
        let tags = table.tags(args.tags.as_ref())?;
        let time = table.time(args, &tags, &mut notes)?;
        if let Some(tag) = tags.iter().find(|tag| tag.at == time.at) {
            return Err(Failure::failed(format!("column {} is both time and tag {}: choose one", time.name, tag.key)));
        }
        let taken: HashSet<usize> = tags.iter().map(|tag| tag.at).chain([time.at]).collect();
        let types = table.types(args.types.as_ref())?;
        let except =
            args.values_except.as_ref().map_or(Ok(Vec::new()), |names| table.named(names, "--values-except"))?;
        let chosen = match &args.values {
            Some(values) => table.named(values, "--values")?.into_iter().filter(|at| !except.contains(at)).collect(),
            None => table.numeric(&taken, &types, &except, &mut notes)?,
        };
        if chosen.is_empty() {
            return Err(Failure::failed("--values-except leaves no value column: name fewer there"));
        }
        if let Some(at) = chosen.iter().find(|at| taken.contains(at)) {
            let name = &table.header[*at];
            return Err(Failure::failed(format!(
                "column {name} is time or tag, and cannot be a value too: choose one"
            )));
        }
        if let Some(at) = types.keys().find(|at| !chosen.contains(at)) {
            let name = &table.header[*at];
            return Err(Failure::failed(format!(
                "--types names column {name}, which is no value column: add it to --values"
            )));
        }
        let values = table.values(&chosen, &types, &args.prefix, &tags)?;
        let missing = args.missing.clone().unwrap_or_default();
        Ok(Self { columns: table.header.len(), time, tags, values, missing, notes })
    }
}

impl CsvColumns<'_> {
    /// Returns the column whose header is `name`.
    fn find(&self, name: &str, option: &str) -> Result<usize> {
        self.header.iter().position(|header| header == name).ok_or_else(|| self.no_column(name, option))
    }

    fn no_column(&self, name: &str, option: &str) -> Failure {
        let like = names::suggestions(name, self.header.iter().map(String::as_str));
        let hint = if like.is_empty() {
            format!("the columns are {}", names::join_limited(self.header, 20))
        } else {
            format!("did you mean {}?", like.join(", "))
        };
        Failure::failed(format!("{option} names column {name:?}, which the file does not have: {hint}"))
    }

    fn tags(&self, tags: Option<&NameList>) -> Result<Vec<TagColumn>> {
        let mut found: Vec<TagColumn> = Vec::new();
        for text in tags.iter().flat_map(|names| &names.0) {
            let tag = match text.rsplit_once('=') {
                // A text that is itself a header with an equals sign is the name of a column.
                Some((name, key)) if !self.header.contains(text) => {
                    TagColumn { at: self.find(name.trim(), "--tags")?, key: key.trim().to_owned() }
                }
                _ => TagColumn { at: self.find(text, "--tags")?, key: text.clone() },
            };
            SeriesKey::new("any").tag(&tag.key, "").validate()?;
            if found.iter().any(|other| other.key == tag.key) {
                return Err(Failure::failed(format!("--tags makes tag {} twice: name each once", tag.key)));
            }
            found.push(tag);
        }
        Ok(found)
    }

    fn time(&self, args: &IngestArgs, tags: &[TagColumn], notes: &mut Vec<String>) -> Result<TimeColumn> {
        let at = match &args.time {
            Some(name) => self.find(name, "--time")?,
            None => self.only_time(args.time_format, tags)?,
        };
        let name = self.header[at].clone();
        if args.time.is_none() {
            notes.push(format!("column {name} holds the time (--time names another)"));
        }
        if args.time_format == TimeFormat::Auto && self.sample[at].without_zone {
            notes.push(format!("the times of {name} have no zone and are read as UTC"));
        }
        Ok(TimeColumn { at, name, format: args.time_format })
    }

    /// Returns the only column that can be the time.
    fn only_time(&self, format: TimeFormat, tags: &[TagColumn]) -> Result<usize> {
        let open = || (0..self.header.len()).filter(|at| tags.iter().all(|tag| tag.at != *at));
        let dates: Vec<usize> = if matches!(format, TimeFormat::Auto | TimeFormat::Rfc3339) {
            open().filter(|at| self.sample[*at].is_time()).collect()
        } else {
            Vec::new()
        };
        if let [only] = dates[..] {
            return Ok(only);
        }
        let header = |at: usize| self.header[at].as_str();
        let hint = if dates.is_empty() {
            // The first column of increasing times. A counter that looks like a time usually comes after the time
            // column.
            match open().find_map(|at| Some((at, self.sample[at].epoch()?))) {
                Some((at, unit)) => {
                    format!("perhaps --time {} --time-format {}", names::shell_word(header(at)), unit.name())
                }
                None => format!("name one with --time; the columns are {}", names::join_limited(self.header, 20)),
            }
        } else {
            let dates: Vec<&str> = dates.iter().map(|at| header(*at)).collect();
            format!("several hold times, choose with --time: {}", names::join_limited(&dates, 20))
        };
        Err(Failure::failed(format!("no column was recognised as the time: {hint}")))
    }

    /// Returns the columns with a header or, for headers with tags, a metric of this name.
    fn named(&self, names: &NameList, option: &str) -> Result<Vec<usize>> {
        let mut found = Vec::new();
        for name in &names.0 {
            let same = |header: &String| header == name || metric_of(header) == Some(name);
            let before = found.len();
            found.extend((0..self.header.len()).filter(|at| same(&self.header[*at])));
            if found.len() == before {
                return Err(self.no_column(name, option));
            }
        }
        let mut seen = HashSet::new();
        found.retain(|at| seen.insert(*at));
        Ok(found)
    }

    /// Returns every numeric column that is not ignored.
    fn numeric(
        &self,
        taken: &HashSet<usize>,
        types: &HashMap<usize, ValueType>,
        except: &[usize],
        notes: &mut Vec<String>,
    ) -> Result<Vec<usize>> {
        let mut chosen = Vec::new();
        let mut texts = Vec::new();
        for (at, column) in self.sample.iter().enumerate() {
            if taken.contains(&at) || except.contains(&at) {
                continue;
            }
            if (column.is_numeric() && !self.header[at].is_empty()) || types.contains_key(&at) {
                chosen.push(at);
            } else if let Some((line, text)) = &column.not_number {
                texts.push(format!("{} (line {line}: {text:?})", self.header[at]));
            }
        }
        if chosen.is_empty() {
            return Err(Failure::failed(format!(
                "no column holds only numbers in the first {SAMPLE_ROWS} rows: name some with --values; the columns are {}",
                names::join_limited(self.header, 20)
            )));
        }
        if !texts.is_empty() {
            let texts = names::join_limited(&texts, 10);
            notes.push(format!("left out, not numeric: {texts}; include them with --tags, --values or --missing"));
        }
        Ok(chosen)
    }

    fn types(&self, types: Option<&NameList>) -> Result<HashMap<usize, ValueType>> {
        let mut found = HashMap::new();
        for text in types.iter().flat_map(|names| &names.0) {
            let wrong = || Failure::failed(format!("--types {text}: write COLUMN=f64, i64, u64 or bool"));
            let (name, ty) = text.rsplit_once('=').ok_or_else(wrong)?;
            let ty = args::value_type(ty.trim()).ok_or_else(wrong)?;
            let columns = self.named(&NameList(vec![name.trim().to_owned()]), "--types")?;
            found.extend(columns.into_iter().map(|at| (at, ty)));
        }
        Ok(found)
    }

    fn values(
        &self,
        chosen: &[usize],
        types: &HashMap<usize, ValueType>,
        prefix: &str,
        tags: &[TagColumn],
    ) -> Result<Vec<ValueColumn>> {
        let mut seen: HashMap<SeriesKey, usize> = HashMap::new();
        let mut values = Vec::new();
        for &at in chosen {
            let name = self.header[at].clone();
            let key = series_key(&name, prefix)?;
            if let Some(tag) = tags.iter().find(|tag| key.tag_value(&tag.key).is_some()) {
                return Err(Failure::failed(format!(
                    "header {name} and --tags both give the tag {}: rename the tag with --tags COL=KEY",
                    tag.key
                )));
            }
            if let Some(other) = seen.insert(key.clone(), at) {
                return Err(Failure::failed(format!(
                    "headers {} and {name} are the same series: keep one with --values or --values-except",
                    self.header[other]
                )));
            }
            values.push(ValueColumn { at, name, key, ty: types.get(&at).copied().unwrap_or(ValueType::F64) });
        }
        Ok(values)
    }
}

fn refuse_doubles(header: &[String]) -> Result<()> {
    let mut seen = HashSet::new();
    let mut doubles: Vec<&str> = header.iter().map(String::as_str).filter(|name| !seen.insert(*name)).collect();
    doubles.retain(|name| !name.is_empty());
    doubles.sort_unstable();
    doubles.dedup();
    if doubles.is_empty() {
        return Ok(());
    }
    let doubles = names::join_limited(&doubles, 10);
    Err(Failure::failed(format!("the header names columns more than once: {doubles}; give each a name of its own")))
}

/// Returns the metric of a header with tags: `up` for `up{job="a"}`.
pub(super) fn metric_of(header: &str) -> Option<&str> {
    let (metric, _) = header.strip_suffix('}')?.split_once('{')?;
    Some(metric)
}

fn series_key(header: &str, prefix: &str) -> Result<SeriesKey> {
    let text = format!("{prefix}{header}");
    if metric_of(header).is_some() {
        return text.parse().map_err(|error| Failure::failed(format!("header {header}: {error}")));
    }
    let key = SeriesKey::new(&text);
    key.validate().map_err(|error| Failure::failed(format!("header {header:?}: {error}")))?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Args, Command};
    use crate::ingest::csv_reader::{CsvReader, CsvRecord};
    use crate::ingest::sample;

    fn plan(text: &str, options: &[&str]) -> Result<ColumnPlan, String> {
        let words = ["timestrata", "ingest", "x.csv"].iter().chain(options);
        let Command::Ingest(args) = Args::parse_from(words).command else { panic!("another command") };
        let mut records = CsvReader::new(text.as_bytes(), b',');
        let mut row = CsvRecord::default();
        assert!(records.read(&mut row).unwrap());
        let header: Vec<String> = (0..row.cells.len()).map(|at| row.text(at).unwrap().to_owned()).collect();
        let mut rows = Vec::new();
        while records.read(&mut row).unwrap() {
            rows.push(row.clone());
        }
        let sample = sample::sample_columns(header.len(), &rows, args.missing.as_ref().unwrap_or(&NameList::default()));
        ColumnPlan::decide(&CsvColumns { header: &header, sample: &sample }, &args)
            .map_err(|failure| failure.to_string())
    }

    fn keys(plan: &ColumnPlan) -> Vec<String> {
        plan.values.iter().map(|value| format!("{}:{}", value.key, value.ty)).collect()
    }

    const WEATHER: &str = "origin,hour,temp,gust,note,time_hour\nJFK,1,39.02,,dry,2013-01-01T06:00:00Z\n";

    #[test]
    fn every_numeric_or_empty_column_is_a_value_by_default() {
        let plan = plan(WEATHER, &["--tags", "origin=station", "--values-except", "hour"]).unwrap();
        assert_eq!(keys(&plan), ["temp:f64", "gust:f64"]);
        assert_eq!((plan.time.name.as_str(), plan.tags[0].key.as_str()), ("time_hour", "station"));
        assert_eq!(plan.notes.len(), 2);
        assert!(plan.notes[1].contains(r#"note (line 2: "dry")"#), "{:?}", plan.notes);
    }

    #[test]
    fn values_types_and_prefix_follow_the_options() {
        let options = ["--tags", "origin", "--values", "temp,hour", "--types", "hour=u64", "--prefix", "nyc_"];
        assert_eq!(keys(&plan(WEATHER, &options).unwrap()), ["nyc_temp:f64", "nyc_hour:u64"]);
    }

    #[test]
    fn headers_with_tags_are_series_with_tags() {
        let text = "ts,\"up{job=\"\"a\"\"}\",\"up{job=\"\"b\"\"}\",load\n1795364193056,1,0,0.5\n";
        let time = ["--time", "ts", "--time-format", "ms"];
        let all = plan(text, &time).unwrap();
        assert_eq!(keys(&all), [r#"up{job="a"}:f64"#, r#"up{job="b"}:f64"#, "load:f64"]);
        let some = |values| keys(&plan(text, &[time.as_slice(), &["--values", values]].concat()).unwrap());
        assert_eq!(some("up"), [r#"up{job="a"}:f64"#, r#"up{job="b"}:f64"#]);
        assert_eq!(some(r#"load,up{job="b"}"#), ["load:f64", r#"up{job="b"}:f64"#]);
        let but_a = ["--values", "up", "--values-except", r#"up{job="a"}"#];
        assert_eq!(keys(&plan(text, &[time.as_slice(), &but_a].concat()).unwrap()), [r#"up{job="b"}:f64"#]);
        assert!(plan(text, &[]).unwrap_err().contains("--time ts --time-format ms"));
    }

    #[test]
    fn each_wrong_choice_is_named_with_a_way_out() {
        for (text, options, expected) in [
            (WEATHER, vec!["--time", "time"], "did you mean time_hour?"),
            (WEATHER, vec!["--time", "zzz"], "the columns are origin, hour, temp"),
            (WEATHER, vec!["--values", "tmp"], "did you mean temp?"),
            (WEATHER, vec!["--tags", "time_hour", "--time", "time_hour"], "both time and tag"),
            (WEATHER, vec!["--tags", "origin", "--values", "origin"], "cannot be a value too"),
            (WEATHER, vec!["--types", "temp=f32"], "f64, i64, u64 or bool"),
            (WEATHER, vec!["--values", "temp", "--types", "hour=i64"], "which is no value column"),
            (WEATHER, vec!["--tags", "origin=a,note=a"], "tag a twice"),
            ("a,b,a\n", vec![], "more than once: a;"),
            ("day,end,x\n2013-01-01,2013-01-02,1\n", vec![], "several hold times, choose with --time: day, end"),
            ("a,b\nx,y\n", vec![], "name one with --time; the columns are a, b"),
            ("t,\"m{a=}\"\n2013-01-01,1\n", vec![], "header m{a=}"),
            ("t,\"m{a=\"\"1\"\"}\",a\n2013-01-01,1,x\n", vec!["--tags", "a"], "both give the tag a"),
            ("t,\"m{}\",m\n2013-01-01,1,1\n", vec![], "the same series"),
            (WEATHER, vec!["--values", "temp", "--values-except", "temp"], "leaves no value column"),
            ("t,x\n2013-01-01,a\n", vec![], "no column holds only numbers"),
        ] {
            let error = plan(text, &options).unwrap_err();
            assert!(error.contains(expected), "{options:?}: {error}");
        }
    }
}
