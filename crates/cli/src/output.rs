//! Rows on standard output as a table, CSV or JSON lines, up to a limit.
//! The table is for people and rounds; CSV and JSON are exact.

use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};
use std::marker::PhantomData;
use std::rc::Rc;

use clap::ValueEnum;
use timestrata::{MetricMetadata, SeriesKey, Value, ValueType};

use crate::aligned_table::{Align, AlignedTable, ColumnHeader};
use crate::failure::Result;
use crate::number_format;

/// Default row limit of a table on a terminal.
const TERMINAL_ROWS: u64 = 40;

/// Output options of every command that prints rows.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct OutputArgs {
    /// Stop after this many rows; default for a table on a terminal: 40
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// Output format
    #[arg(long, value_enum, default_value_t = OutputFormat::Table)]
    pub(crate) format: OutputFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    Table,
    Csv,
    Json,
}

/// Standard output and its properties.
pub(crate) struct StdoutWriter {
    pub(crate) out: BufWriter<StdoutLock<'static>>,
    pub(crate) terminal: bool,
    /// `true` for a terminal, unless NO_COLOR or TERM=dumb is set.
    pub(crate) colour: bool,
}

impl StdoutWriter {
    pub(crate) fn lock() -> Self {
        let out = io::stdout().lock();
        let terminal = out.is_terminal();
        let colour = anstream::AutoStream::choice(&out) != anstream::ColorChoice::Never;
        Self { out: BufWriter::new(out), terminal, colour }
    }
}

/// A row that can be printed as cells or as JSON.
pub(crate) trait OutputRow {
    /// Returns one cell per header of the printer.
    fn cells(&self, format: OutputFormat) -> Vec<String>;

    fn json(&self, out: &mut impl Write) -> io::Result<()>;
}

/// A point, or a window with a value for each aggregate.
pub(crate) struct ValuesRow {
    pub(crate) series: Rc<SeriesText>,
    pub(crate) time: String,
    /// Names of the values, the same for all rows.
    pub(crate) names: Rc<[String]>,
    pub(crate) values: Vec<Cell>,
}

/// One value of a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Missing,
    Value(Value),
    /// A time as text.
    Time(String),
}

impl From<Option<Value>> for Cell {
    fn from(value: Option<Value>) -> Self {
        value.map_or(Self::Missing, Self::Value)
    }
}

impl ValuesRow {
    pub(crate) fn headers(names: &[String]) -> Vec<ColumnHeader> {
        let fixed = ["series", "time"].map(|name| (name.to_owned(), Align::Left));
        fixed.into_iter().chain(names.iter().map(|name| (name.clone(), Align::Right))).collect()
    }
}

/// Row of a series listing.
pub(crate) struct SeriesRow {
    pub(crate) series: Rc<SeriesText>,
    pub(crate) ty: ValueType,
}

/// Text forms of a series key, made once for all rows of the series.
pub(crate) struct SeriesText {
    text: String,
    /// `"series":"..","metric":"..","tags":{..}`
    json: String,
}

impl SeriesText {
    pub(crate) fn new(key: &SeriesKey) -> Rc<Self> {
        let text = key.to_string();
        let tags: Vec<String> =
            key.tags().map(|(key, value)| format!("{}:{}", json_text(key), json_text(value))).collect();
        let (series, metric) = (json_text(&text), json_text(key.metric()));
        let json = format!(r#""series":{series},"metric":{metric},"tags":{{{}}}"#, tags.join(","));
        Rc::new(Self { text, json })
    }

    /// Returns the text forms of a row that is named by a text.
    pub(crate) fn of_text(text: &str) -> Rc<Self> {
        Rc::new(Self { text: text.to_owned(), json: format!(r#""series":{}"#, json_text(text)) })
    }
}

fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

impl OutputRow for ValuesRow {
    fn cells(&self, format: OutputFormat) -> Vec<String> {
        let mut cells = vec![self.series.text.clone(), self.time.clone()];
        cells.extend(self.values.iter().map(|value| match (value, format) {
            (Cell::Value(value), OutputFormat::Table) => number_format::rounded(*value),
            (Cell::Value(value), _) => number_format::exact(*value),
            (Cell::Time(time), _) => time.clone(),
            (Cell::Missing, OutputFormat::Table) => "-".to_owned(),
            (Cell::Missing, _) => String::new(),
        }));
        cells
    }

    fn json(&self, out: &mut impl Write) -> io::Result<()> {
        write!(out, r#"{{{},"time":"{}""#, self.series.json, self.time)?;
        for (name, value) in self.names.iter().zip(&self.values) {
            let (quote, text) = match value {
                Cell::Missing => ("", "null".to_owned()),
                Cell::Value(Value::F64(number)) if !number.is_finite() => ("\"", number.to_string()),
                Cell::Value(value) => ("", number_format::exact(*value)),
                Cell::Time(time) => ("\"", time.clone()),
            };
            write!(out, ",{}:{quote}{text}{quote}", json_text(name))?;
        }
        writeln!(out, "}}")
    }
}

impl OutputRow for SeriesRow {
    fn cells(&self, _: OutputFormat) -> Vec<String> {
        vec![self.series.text.clone(), self.ty.to_string()]
    }

    fn json(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, r#"{{{},"type":"{}"}}"#, self.series.json, self.ty)
    }
}

/// Row of a list of names.
pub(crate) struct NameRow(pub(crate) String);

impl OutputRow for NameRow {
    fn cells(&self, _: OutputFormat) -> Vec<String> {
        vec![self.0.clone()]
    }

    fn json(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, r#"{{"name":{}}}"#, json_text(&self.0))
    }
}

/// Row of a metric with its metadata.
pub(crate) struct MetricRow {
    name: String,
    metadata: MetricMetadata,
}

impl MetricRow {
    pub(crate) const HEADERS: [(&'static str, Align); 4] =
        [("name", Align::Left), ("kind", Align::Left), ("unit", Align::Left), ("description", Align::Left)];

    pub(crate) fn new(name: String, metadata: MetricMetadata) -> Self {
        Self { name, metadata }
    }
}

impl OutputRow for MetricRow {
    fn cells(&self, format: OutputFormat) -> Vec<String> {
        let MetricMetadata { kind, unit, description, .. } = &self.metadata;
        let description = match format {
            // A table has one line per row.
            OutputFormat::Table => description.replace(['\n', '\t'], " "),
            OutputFormat::Csv | OutputFormat::Json => description.clone(),
        };
        vec![self.name.clone(), kind.to_string(), unit.clone(), description]
    }

    fn json(&self, out: &mut impl Write) -> io::Result<()> {
        let MetricMetadata { kind, unit, description, .. } = &self.metadata;
        let [name, unit, description] = [&self.name, unit, description].map(|text| json_text(text));
        writeln!(out, r#"{{"name":{name},"kind":"{kind}","unit":{unit},"description":{description}}}"#)
    }
}

/// Prints rows of one kind.
pub(crate) struct Printer<R, W: Write> {
    form: PrinterFormat<W>,
    /// Rows after which the printer stops.
    limit: Option<u64>,
    /// Rows after which further rows are only counted.
    terminal_limit: Option<u64>,
    rows: u64,
    limit_reached: bool,
    kind: PhantomData<fn(R)>,
}

enum PrinterFormat<W: Write> {
    Table(AlignedTable, W),
    Csv(Box<csv::Writer<W>>),
    Json(W),
}

impl<R: OutputRow> Printer<R, BufWriter<StdoutLock<'static>>> {
    /// Creates a printer on standard output.
    pub(crate) fn stdout<S: AsRef<str>>(show: OutputArgs, headers: &[(S, Align)]) -> Result<Self> {
        let stdout = StdoutWriter::lock();
        Self::new(show, headers, stdout.out, stdout.terminal, stdout.colour)
    }
}

impl<R: OutputRow, W: Write> Printer<R, W> {
    pub(crate) fn new<S: AsRef<str>>(
        show: OutputArgs,
        headers: &[(S, Align)],
        out: W,
        terminal: bool,
        colour: bool,
    ) -> Result<Self> {
        let form = match show.format {
            OutputFormat::Table => PrinterFormat::Table(AlignedTable::new(headers, colour), out),
            OutputFormat::Json => PrinterFormat::Json(out),
            OutputFormat::Csv => {
                let mut csv = csv::Writer::from_writer(out);
                csv.write_record(headers.iter().map(|(name, _)| name.as_ref()))?;
                PrinterFormat::Csv(Box::new(csv))
            }
        };
        let is_limited = terminal && show.format == OutputFormat::Table && show.limit.is_none();
        let terminal_limit = is_limited.then_some(TERMINAL_ROWS);
        Ok(Self { form, limit: show.limit, terminal_limit, rows: 0, limit_reached: false, kind: PhantomData })
    }

    /// Prints or counts the row. Returns `false` if no further row is needed.
    pub(crate) fn row(&mut self, row: &R) -> Result<bool> {
        if self.limit.is_some_and(|limit| self.rows >= limit) {
            self.limit_reached = true;
            return Ok(false);
        }
        self.rows += 1;
        if self.terminal_limit.is_some_and(|limit| self.rows > limit) {
            return Ok(true);
        }
        match &mut self.form {
            PrinterFormat::Table(table, out) => table.row(row.cells(OutputFormat::Table), out)?,
            PrinterFormat::Csv(csv) => csv.write_record(row.cells(OutputFormat::Csv))?,
            PrinterFormat::Json(out) => row.json(out)?,
        }
        Ok(true)
    }

    /// Prints the remaining rows, and below a table the number of omitted rows.
    pub(crate) fn finish(mut self) -> Result<()> {
        match &mut self.form {
            PrinterFormat::Table(table, out) => {
                table.finish(out)?;
                let hidden = self.terminal_limit.map_or(0, |limit| self.rows.saturating_sub(limit));
                if hidden > 0 {
                    let hidden = number_format::count(hidden);
                    writeln!(out, "... {hidden} more rows; --limit N or --format csv shows them")?;
                } else if self.limit_reached {
                    writeln!(out, "... more rows; a higher --limit shows them")?;
                }
                out.flush()?;
            }
            PrinterFormat::Csv(csv) => csv.flush()?,
            PrinterFormat::Json(out) => out.flush()?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(show: OutputArgs, terminal: bool, values: &[f64]) -> String {
        let key = SeriesKey::new("temp").tag("station", "J\"K");
        let series = SeriesText::new(&key);
        let mut out = Vec::new();
        let names: Rc<[String]> = ["value".to_owned()].into();
        let mut printer = Printer::new(show, &ValuesRow::headers(&names), &mut out, terminal, false).unwrap();
        for (at, value) in values.iter().enumerate() {
            let time = timestrata::Timestamp::from_secs(i64::try_from(at).unwrap()).to_string();
            let (series, names) = (Rc::clone(&series), Rc::clone(&names));
            if !printer.row(&ValuesRow { series, time, names, values: vec![Some(Value::F64(*value)).into()] }).unwrap()
            {
                break;
            }
        }
        printer.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn csv_and_json_are_exact_and_quoted() {
        let csv =
            print(OutputArgs { limit: None, format: OutputFormat::Csv }, true, &[10.357_019_999_999_999, f64::NAN]);
        let series = r#""temp{station=""J\""K""}""#;
        let rows = [",1970-01-01T00:00:00Z,10.357019999999999", ",1970-01-01T00:00:01Z,NaN"];
        assert_eq!(csv, format!("series,time,value\n{series}{}\n{series}{}\n", rows[0], rows[1]));
        let json = print(OutputArgs { limit: None, format: OutputFormat::Json }, true, &[1e300, f64::NEG_INFINITY]);
        let lines: Vec<serde_json::Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[0]["tags"]["station"], "J\"K");
        assert_eq!(lines[0]["value"], 1e300);
        assert_eq!((&lines[1]["value"], &lines[1]["time"]), (&"-inf".into(), &"1970-01-01T00:00:01Z".into()));
    }

    #[test]
    fn a_table_on_a_terminal_stops_at_forty_rows_and_counts_the_rest() {
        let values = [1.0; 50];
        let show = OutputArgs { limit: None, format: OutputFormat::Table };
        let shown = print(show, true, &values);
        assert_eq!(shown.lines().count(), 43);
        assert!(shown.ends_with("... 10 more rows; --limit N or --format csv shows them\n"));
        assert_eq!(print(show, false, &values).lines().count(), 52);
    }

    #[test]
    fn a_limit_stops_every_format() {
        for (format, lines) in [(OutputFormat::Table, 6), (OutputFormat::Csv, 4), (OutputFormat::Json, 3)] {
            assert_eq!(print(OutputArgs { limit: Some(3), format }, true, &[1.0; 50]).lines().count(), lines);
        }
        let exactly = print(OutputArgs { limit: Some(3), format: OutputFormat::Table }, true, &[1.0; 3]);
        assert!(!exactly.contains("..."), "{exactly}");
    }
}
