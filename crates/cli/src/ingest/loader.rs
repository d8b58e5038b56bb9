//! The loop that writes rows as batches.
//!
//! A batch holds whole rows, and batches are written one after the other, so that one line separates durable rows from
//! the others.

use std::io::Read;

use timestrata::{Batch, Error, ErrorKind, Timestamp};

use super::csv_reader::{CsvReader, CsvRecord};
use super::durable_rows::SharedDurableRows;
use super::rejected_rows::RejectedRows;
use super::row_mapper::{AddedPoints, RowMapper};
use crate::failure::{Failure, first_step};

/// Points per batch: enough to make the sync a small part of the cost, few enough to show progress.
const BATCH_POINTS: usize = 10_000;
/// Bytes per batch including keys, far below the engine's limit.
const BATCH_BYTES: usize = 4 << 20;

/// Destination of batches; a batch is durable when `write` returns.
pub(crate) trait BatchSink {
    /// Writes a batch and returns its sequence number.
    fn write(&mut self, batch: &mut Batch) -> timestrata::Result<u64>;
    /// Returns `true` if a signal asks the ingest to stop.
    fn is_interrupted(&self) -> bool {
        false
    }
    /// Called after each batch.
    fn progress(&self, totals: &IngestTotals);
}

/// Totals of a run; counted rows and points are durable.
#[derive(Debug, Default)]
pub(crate) struct IngestTotals {
    pub(crate) rows: u64,
    pub(crate) points: u64,
    /// Least and greatest time of the ingested rows.
    pub(crate) times: Option<(Timestamp, Timestamp)>,
    pub(crate) last_line: u64,
    pub(crate) rejected: RejectedRows,
}

/// Reason why the loader ended early.
#[derive(Debug)]
pub(crate) enum LoadError {
    /// Bad input, or a batch that is not durable for certain. The message is complete.
    Failed(Failure),
    /// It is unknown whether the batch in flight, of this number of rows, is durable.
    OutcomeUnknown { error: Error, batch_rows: u64 },
    /// A signal came. No batch is in flight.
    Interrupted,
}

/// Result of the loader's steps.
pub(crate) type Result<T, E = LoadError> = std::result::Result<T, E>;

/// Rows to ingest, and the handling of bad rows.
#[derive(Debug, Clone)]
pub(crate) struct LoadOptions {
    /// Durable rows, which the loader updates.
    pub(crate) durable: SharedDurableRows,
    pub(crate) from_line: u64,
    pub(crate) skip_bad: bool,
}

pub(crate) struct BatchLoader<'a, S> {
    rows: RowMapper<'a>,
    sink: S,
    options: LoadOptions,
    batch: Batch,
    /// Line of the first row of the batch; 0 while the batch is empty.
    batch_line: u64,
    /// Line of the last row of the batch.
    batch_last_line: u64,
    /// Rows in the batch.
    batch_rows: u64,
    totals: IngestTotals,
}

impl<'a, S: BatchSink> BatchLoader<'a, S> {
    pub(crate) fn new(rows: RowMapper<'a>, sink: S, options: LoadOptions) -> Self {
        let (batch, totals) = (Batch::with_capacity(BATCH_POINTS), IngestTotals::default());
        Self { rows, sink, options, batch, batch_line: 0, batch_last_line: 0, batch_rows: 0, totals }
    }

    /// Ingests the rows of the sample, then the rest of the file.
    pub(crate) fn run<R: Read>(mut self, sample: &[CsvRecord], records: &mut CsvReader<R>) -> Result<IngestTotals> {
        for row in sample {
            self.take(row)?;
        }
        let mut row = CsvRecord::default();
        loop {
            match records.read(&mut row) {
                Ok(true) => self.take(&row)?,
                Ok(false) => break,
                Err(error) => {
                    let line = self.totals.last_line + 1;
                    self.write()?;
                    return Err(self.stop(line, &format!("cannot be read: {error}"), "repeat"));
                }
            }
        }
        self.write()?;
        self.options.durable.lock().is_complete = true;
        Ok(self.totals)
    }

    fn take(&mut self, row: &CsvRecord) -> Result<()> {
        if self.sink.is_interrupted() {
            return Err(LoadError::Interrupted);
        }
        self.totals.last_line = row.line;
        if row.line < self.options.from_line {
            return Ok(());
        }
        match self.rows.push(row, &mut self.batch) {
            Ok(added) => self.added(row.line, added)?,
            Err(reason) if self.options.skip_bad => self.totals.rejected.add(row.line, reason),
            Err(reason) => {
                self.write()?;
                return Err(self.stop(row.line, &reason, "correct the line, or skip such lines with --skip-bad,"));
            }
        }
        Ok(())
    }

    fn added(&mut self, line: u64, added: AddedPoints) -> Result<()> {
        if self.batch_rows == 0 {
            self.batch_line = line;
        }
        self.batch_rows += 1;
        self.batch_last_line = line;
        if added.points > 0 {
            let (first, last) = self.totals.times.unwrap_or((added.time, added.time));
            self.totals.times = Some((first.min(added.time), last.max(added.time)));
        }
        if self.batch.len() >= BATCH_POINTS || self.batch.byte_len() >= BATCH_BYTES { self.write() } else { Ok(()) }
    }

    /// Writes the batch durably, then counts its rows.
    fn write(&mut self) -> Result<()> {
        if self.batch_rows == 0 {
            return Ok(());
        }
        let (points, last_line) = (self.batch.len() as u64, self.batch_last_line);
        if points > 0 {
            self.options.durable.lock().in_flight = Some((self.batch_line, last_line));
        }
        // Rows without a point need no write.
        let written = if points > 0 { self.sink.write(&mut self.batch).map(Some) } else { Ok(None) };
        match written {
            Ok(seq) => self.options.durable.lock().confirm(self.batch_rows, last_line, seq),
            Err(error) => return Err(self.not_written(error)),
        }
        self.batch.clear();
        self.totals.rows += self.batch_rows;
        self.totals.points += points;
        self.batch_rows = 0;
        self.sink.progress(&self.totals);
        Ok(())
    }

    fn stop(&self, line: u64, what: &str, act: &str) -> LoadError {
        let mut durable = self.options.durable.lock();
        durable.next_line = line;
        let (file, rows) = (&durable.file, self.totals.rows);
        LoadError::Failed(Failure::failed(format!(
            "{file} line {line}: {what}; all rows before it are durable ({rows} in this run): {act} and go on with \
             --from-line {line}"
        )))
    }

    fn not_written(&self, error: Error) -> LoadError {
        if error.kind() == ErrorKind::OutcomeUnknown {
            return LoadError::OutcomeUnknown { error, batch_rows: self.batch_rows };
        }
        let mut durable = self.options.durable.lock();
        durable.in_flight = None;
        if self.sink.is_interrupted() {
            return LoadError::Interrupted;
        }
        let (file, known, line) = (&durable.file, durable.known(), durable.next_line);
        let (first, last, summary) = (self.batch_line, self.batch_last_line, error.summary());
        let step = match error {
            Error::TypeMismatch { expected, .. } => {
                format!("give the column its type with --types COL={expected} and ")
            }
            _ => first_step(&error).map(|step| format!("{step}, and ")).unwrap_or_default(),
        };
        LoadError::Failed(Failure::failed(format!(
            "{file} lines {first} to {last} were not written: {summary}; {known}: {step}go on with --from-line {line}"
        )))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use timestrata::{SeriesKey, ValueType};

    use super::*;
    use crate::ingest::column_plan::{ColumnPlan, TimeColumn, ValueColumn};
    use crate::ingest::durable_rows::DurableRows;
    use crate::names::NameList;
    use crate::time::TimeFormat;

    /// Records the sizes of the batches, and fails after `good` of them.
    #[derive(Clone)]
    struct SizeSink {
        sizes: Rc<RefCell<Vec<usize>>>,
        good: usize,
    }

    impl BatchSink for SizeSink {
        fn write(&mut self, batch: &mut Batch) -> timestrata::Result<u64> {
            let mut sizes = self.sizes.borrow_mut();
            if sizes.len() == self.good {
                return Err(Error::QueueFull);
            }
            sizes.push(batch.len());
            Ok(sizes.len() as u64)
        }

        fn progress(&self, _: &IngestTotals) {}
    }

    fn load(text: &str, from_line: u64, skip_bad: bool, good: usize) -> (Result<IngestTotals, String>, Vec<usize>) {
        let value =
            |at, name: &str| ValueColumn { at, name: name.to_owned(), key: SeriesKey::new(name), ty: ValueType::F64 };
        let plan = ColumnPlan {
            columns: 3,
            time: TimeColumn { at: 0, name: "t".to_owned(), format: TimeFormat::S },
            tags: Vec::new(),
            values: vec![value(1, "x"), value(2, "y")],
            missing: NameList::default(),
            notes: Vec::new(),
        };
        let sizes = SizeSink { sizes: Rc::default(), good };
        let durable = DurableRows { file: "f.csv".to_owned(), next_line: from_line.max(2), ..DurableRows::default() };
        let options = LoadOptions { durable: SharedDurableRows::new(durable), from_line, skip_bad };
        let mut records = CsvReader::new(text.as_bytes(), b',');
        let mut header = CsvRecord::default();
        assert!(records.read(&mut header).unwrap());
        let totals = BatchLoader::new(RowMapper::new(&plan), sizes.clone(), options).run(&[], &mut records);
        let sizes = sizes.sizes.borrow().clone();
        let text = |error| match error {
            LoadError::Failed(failure) => failure.to_string(),
            other => format!("{other:?}"),
        };
        (totals.map_err(text), sizes)
    }

    #[test]
    fn a_bad_row_stops_the_ingest_after_the_rows_before_it_and_from_line_resumes_exactly() {
        let text = "t,x,y\n1,1,1\n2,2,\n3,bad,3\n4,4,4\n";
        let (stopped, sizes) = load(text, 1, false, 9);
        assert_eq!(sizes, [3]);
        assert_eq!(
            stopped.unwrap_err(),
            "f.csv line 4: column x: \"bad\" is not a number; all rows before it are durable (2 in this run): correct \
             the line, or skip such lines with --skip-bad, and go on with --from-line 4"
        );
        let (totals, sizes) = load(&text.replace("bad", "3"), 4, false, 9);
        let totals = totals.unwrap();
        assert_eq!((totals.rows, totals.points, sizes), (2, 4, vec![4]));
        assert_eq!(totals.times, Some((Timestamp::from_secs(3), Timestamp::from_secs(4))));
    }

    #[test]
    fn bad_rows_are_counted_with_skip_bad() {
        let (totals, _) = load("t,x,y\n1,1,1\nx,2,2\n3,3\n4,4,4\n", 1, true, 9);
        let totals = totals.unwrap();
        assert_eq!((totals.rows, totals.points, totals.rejected.count()), (2, 4, 2));
    }

    #[test]
    fn batches_are_whole_rows_and_a_refused_one_names_its_lines() {
        use std::fmt::Write;
        let mut text = "t,x,y\n".to_owned();
        for at in 0..10_001 {
            writeln!(text, "{at},1,2").unwrap();
        }
        let (totals, sizes) = load(&text, 1, false, 9);
        assert_eq!((totals.unwrap().points, sizes), (20_002, vec![10_000, 10_000, 2]));
        let error = load(&text, 1, false, 1).0.unwrap_err();
        assert!(error.starts_with("f.csv lines 5002 to 10001 were not written: "), "{error}");
        assert!(error.contains("durable (5000 in this run): "), "{error}");
        assert!(error.ends_with("go on with --from-line 5002"), "{error}");
    }
}
