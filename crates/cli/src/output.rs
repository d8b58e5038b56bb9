//! Rows on standard output as a table, CSV or JSON lines, up to a limit.
//! The table is for people and rounds; CSV and JSON are exact.

use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};
use std::marker::PhantomData;
use std::rc::Rc;

use timestrata::{SeriesKey, Value, ValueType};

use crate::args::{OutputFormat, Show};
use crate::failure::Result;
use crate::figures;
use crate::table::{Align, Header, Table};

/// What a table on a terminal shows if no limit is given.
const TERMINAL_ROWS: u64 = 40;

/// Standard output, and how it is to be written to.
pub(crate) struct Stdout {
    pub(crate) out: BufWriter<StdoutLock<'static>>,
    pub(crate) terminal: bool,
    /// A terminal, and neither NO_COLOR nor TERM=dumb.
    pub(crate) colour: bool,
}

impl Stdout {
    pub(crate) fn lock() -> Self {
        let out = io::stdout().lock();
        let terminal = out.is_terminal();
        let colour = anstream::AutoStream::choice(&out) != anstream::ColorChoice::Never;
        Self { out: BufWriter::new(out), terminal, colour }
    }
}

/// A kind of row: its columns and its texts.
pub(crate) trait Row {
    /// A cell for each header of the printer.
    fn cells(&self, format: OutputFormat) -> Vec<String>;

    fn json(&self, out: &mut impl Write) -> io::Result<()>;
}

/// A point, or a window with a value for each aggregate.
pub(crate) struct ValuesRow {
    pub(crate) series: Rc<SeriesText>,
    pub(crate) time: String,
    /// What the values are called, the same for all rows.
    pub(crate) names: Rc<[String]>,
    pub(crate) values: Vec<Option<Value>>,
}

impl ValuesRow {
    pub(crate) fn headers(names: &[String]) -> Vec<Header> {
        let fixed = ["series", "time"].map(|name| (name.to_owned(), Align::Left));
        fixed.into_iter().chain(names.iter().map(|name| (name.clone(), Align::Right))).collect()
    }
}

/// A series of a listing.
pub(crate) struct SeriesRow {
    pub(crate) series: Rc<SeriesText>,
    pub(crate) ty: ValueType,
}

/// A series' key as text, made once for all its rows.
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
}

fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

impl Row for ValuesRow {
    fn cells(&self, format: OutputFormat) -> Vec<String> {
        let mut cells = vec![self.series.text.clone(), self.time.clone()];
        cells.extend(self.values.iter().map(|value| match (value, format) {
            (Some(value), OutputFormat::Table) => figures::rounded(*value),
            (Some(value), _) => figures::exact(*value),
            (None, OutputFormat::Table) => "-".to_owned(),
            (None, _) => String::new(),
        }));
        cells
    }

    fn json(&self, out: &mut impl Write) -> io::Result<()> {
        write!(out, r#"{{{},"time":"{}""#, self.series.json, self.time)?;
        for (name, value) in self.names.iter().zip(&self.values) {
            let quote = if matches!(value, Some(Value::F64(number)) if !number.is_finite()) { "\"" } else { "" };
            let value = value.map_or_else(|| "null".to_owned(), figures::exact);
            write!(out, ",{}:{quote}{value}{quote}", json_text(name))?;
        }
        writeln!(out, "}}")
    }
}

impl Row for SeriesRow {
    fn cells(&self, _: OutputFormat) -> Vec<String> {
        vec![self.series.text.clone(), self.ty.to_string()]
    }

    fn json(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, r#"{{{},"type":"{}"}}"#, self.series.json, self.ty)
    }
}

/// A name of a listing.
pub(crate) struct NameRow(pub(crate) String);

impl Row for NameRow {
    fn cells(&self, _: OutputFormat) -> Vec<String> {
        vec![self.0.clone()]
    }

    fn json(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, r#"{{"name":{}}}"#, json_text(&self.0))
    }
}

/// Prints rows of one kind.
pub(crate) struct Printer<R, W: Write> {
    form: Form<W>,
    /// After so many rows, none is wanted.
    limit: Option<u64>,
    /// After so many rows, the rest is only counted.
    fold: Option<u64>,
    rows: u64,
    cut: bool,
    kind: PhantomData<fn(R)>,
}

enum Form<W: Write> {
    Table(Table, W),
    Csv(Box<csv::Writer<W>>),
    Json(W),
}

impl<R: Row> Printer<R, BufWriter<StdoutLock<'static>>> {
    /// A printer on standard output.
    pub(crate) fn stdout<S: AsRef<str>>(show: Show, headers: &[(S, Align)]) -> Result<Self> {
        let stdout = Stdout::lock();
        Self::new(show, headers, stdout.out, stdout.terminal, stdout.colour)
    }
}

impl<R: Row, W: Write> Printer<R, W> {
    pub(crate) fn new<S: AsRef<str>>(
        show: Show,
        headers: &[(S, Align)],
        out: W,
        terminal: bool,
        colour: bool,
    ) -> Result<Self> {
        let form = match show.format {
            OutputFormat::Table => Form::Table(Table::new(headers, colour), out),
            OutputFormat::Json => Form::Json(out),
            OutputFormat::Csv => {
                let mut csv = csv::Writer::from_writer(out);
                csv.write_record(headers.iter().map(|(name, _)| name.as_ref()))?;
                Form::Csv(Box::new(csv))
            }
        };
        let folds = terminal && show.format == OutputFormat::Table && show.limit.is_none();
        let fold = folds.then_some(TERMINAL_ROWS);
        Ok(Self { form, limit: show.limit, fold, rows: 0, cut: false, kind: PhantomData })
    }

    /// Prints the row, or counts it; false if no row is wanted any more.
    pub(crate) fn row(&mut self, row: &R) -> Result<bool> {
        if self.limit.is_some_and(|limit| self.rows >= limit) {
            self.cut = true;
            return Ok(false);
        }
        self.rows += 1;
        if self.fold.is_some_and(|fold| self.rows > fold) {
            return Ok(true);
        }
        match &mut self.form {
            Form::Table(table, out) => table.row(row.cells(OutputFormat::Table), out)?,
            Form::Csv(csv) => csv.write_record(row.cells(OutputFormat::Csv))?,
            Form::Json(out) => row.json(out)?,
        }
        Ok(true)
    }

    /// Prints what is left, and under a table what was left out.
    pub(crate) fn finish(mut self) -> Result<()> {
        match &mut self.form {
            Form::Table(table, out) => {
                table.finish(out)?;
                let hidden = self.fold.map_or(0, |fold| self.rows.saturating_sub(fold));
                if hidden > 0 {
                    let hidden = figures::count(hidden);
                    writeln!(out, "... {hidden} more rows; --limit N or --format csv shows them")?;
                } else if self.cut {
                    writeln!(out, "... more rows; a higher --limit shows them")?;
                }
                out.flush()?;
            }
            Form::Csv(csv) => csv.flush()?,
            Form::Json(out) => out.flush()?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(show: Show, terminal: bool, values: &[f64]) -> String {
        let key = SeriesKey::new("temp").tag("station", "J\"K");
        let series = SeriesText::new(&key);
        let mut out = Vec::new();
        let names: Rc<[String]> = ["value".to_owned()].into();
        let mut printer = Printer::new(show, &ValuesRow::headers(&names), &mut out, terminal, false).unwrap();
        for (at, value) in values.iter().enumerate() {
            let time = timestrata::Timestamp::from_secs(i64::try_from(at).unwrap()).to_string();
            let (series, names) = (Rc::clone(&series), Rc::clone(&names));
            if !printer.row(&ValuesRow { series, time, names, values: vec![Some(Value::F64(*value))] }).unwrap() {
                break;
            }
        }
        printer.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn csv_and_json_are_exact_and_quoted() {
        let csv = print(Show { limit: None, format: OutputFormat::Csv }, true, &[10.357_019_999_999_999, f64::NAN]);
        let series = r#""temp{station=""J\""K""}""#;
        let rows = [",1970-01-01T00:00:00Z,10.357019999999999", ",1970-01-01T00:00:01Z,NaN"];
        assert_eq!(csv, format!("series,time,value\n{series}{}\n{series}{}\n", rows[0], rows[1]));
        let json = print(Show { limit: None, format: OutputFormat::Json }, true, &[1e300, f64::NEG_INFINITY]);
        let lines: Vec<serde_json::Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[0]["tags"]["station"], "J\"K");
        assert_eq!(lines[0]["value"], 1e300);
        assert_eq!((&lines[1]["value"], &lines[1]["time"]), (&"-inf".into(), &"1970-01-01T00:00:01Z".into()));
    }

    #[test]
    fn a_table_on_a_terminal_stops_at_forty_rows_and_says_how_many_more() {
        let values = [1.0; 50];
        let show = Show { limit: None, format: OutputFormat::Table };
        let shown = print(show, true, &values);
        assert_eq!(shown.lines().count(), 43);
        assert!(shown.ends_with("... 10 more rows; --limit N or --format csv shows them\n"));
        assert_eq!(print(show, false, &values).lines().count(), 52);
    }

    #[test]
    fn a_limit_stops_every_format() {
        for (format, lines) in [(OutputFormat::Table, 6), (OutputFormat::Csv, 4), (OutputFormat::Json, 3)] {
            assert_eq!(print(Show { limit: Some(3), format }, true, &[1.0; 50]).lines().count(), lines);
        }
        let exactly = print(Show { limit: Some(3), format: OutputFormat::Table }, true, &[1.0; 3]);
        assert!(!exactly.contains("..."), "{exactly}");
    }
}
