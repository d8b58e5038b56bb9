//! Which rows of a file are durable, and the line from which an ingest goes on.
//!
//! The loader updates the state with each batch; the messages of failures and signals are made from it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::failure::first_step;

/// State of an ingest, shared by the loader and the watcher of signals.
#[derive(Debug, Clone, Default)]
pub(crate) struct SharedDurableRows(Arc<Mutex<DurableRows>>);

impl SharedDurableRows {
    pub(crate) fn lock(&self) -> MutexGuard<'_, DurableRows> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Rows of a batch that the operating system has, and that the next sync makes durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct WrittenRows {
    rows: u64,
    last_line: u64,
    /// Sequence number of the batch; `None` for rows without a point, which have no record.
    seq: Option<u64>,
}

/// Durable rows of one input.
#[derive(Debug, Clone, Default)]
pub(crate) struct DurableRows {
    /// Name of the input, for messages.
    pub(crate) file: String,
    /// Rows that this run made durable.
    pub(crate) rows: u64,
    /// First line that is not known to be durable.
    pub(crate) next_line: u64,
    /// First and last line of the batch that is being written, or whose outcome is unknown, and its rows.
    pub(crate) in_flight: Option<(u64, u64)>,
    in_flight_rows: u64,
    /// Batches behind the durable rows that are written and not yet synced, in order.
    written: Vec<WrittenRows>,
    /// Sequence number of the newest record that is written; a batch is one record.
    pub(crate) seq: u64,
    /// `true` once every row of the file is durable.
    pub(crate) is_complete: bool,
}

impl DurableRows {
    /// Begins the next input.
    pub(crate) fn begin(&mut self, file: &str, next_line: u64) {
        *self = Self { file: file.to_owned(), next_line, seq: self.seq, ..Self::default() };
    }

    /// Records that a batch of these rows is being written.
    pub(crate) fn write(&mut self, rows: u64, first_line: u64, last_line: u64) {
        self.in_flight = Some((first_line, last_line));
        self.in_flight_rows = rows;
    }

    /// Records that the operating system has the rows. `seq` is `None` for rows without a point, which have no record.
    pub(crate) fn wrote(&mut self, rows: u64, last_line: u64, seq: Option<u64>) {
        self.written.push(WrittenRows { rows, last_line, seq });
        self.seq = seq.unwrap_or(self.seq);
        self.in_flight = None;
    }

    /// Records that all written rows are durable.
    pub(crate) fn synced(&mut self) {
        self.settle_up_to(u64::MAX);
    }

    /// Decides the outcome of what was written by the seq that a reopened database has.
    ///
    /// No other program can have written meanwhile: this one held the lock until it reopened the database.
    pub(crate) fn settle(&mut self, seq: u64) {
        if let Some((_, last_line)) = self.in_flight.take() {
            self.wrote(self.in_flight_rows, last_line, Some(self.seq + 1));
        }
        self.settle_up_to(seq);
        self.written.clear();
        self.seq = seq;
    }

    fn settle_up_to(&mut self, seq: u64) {
        let durable = self.written.iter().take_while(|batch| batch.seq.is_none_or(|of_batch| of_batch <= seq)).count();
        for batch in self.written.drain(..durable) {
            self.rows += batch.rows;
            self.next_line = batch.last_line + 1;
        }
    }

    /// Returns what is durable, for a message.
    pub(crate) fn known(&self) -> String {
        let Self { rows, next_line, .. } = self;
        if self.is_complete {
            return format!("all rows of the file are durable ({rows} in this run)");
        }
        format!("all rows before line {next_line} are durable ({rows} in this run)")
    }

    /// Returns the message of an ingest that ended early, for the reason `why`.
    ///
    /// `error` is the cause, if it is a failure of the engine: some causes must be removed first.
    pub(crate) fn stopped(&self, why: &str, error: Option<&timestrata::Error>) -> String {
        let Self { file, next_line, seq, .. } = self;
        let known = self.known();
        if self.is_complete {
            return format!("{file}: {why}; {known}: do not ingest it again");
        }
        let first = error.and_then(first_step).map(|step| format!("{step}, and ")).unwrap_or_default();
        let Some((first_line, last_line)) = self.in_flight else {
            return format!("{file}: {why}; {known}: {first}go on with --from-line {next_line}");
        };
        format!(
            "{file}: {why}; {known}; it is unknown whether lines {first_line} to {last_line} are: {first}look at the seq \
             in `timestrata stats`: if it is {} or more, go on with --from-line {}, else with --from-line {next_line}",
            crate::number_format::count(seq + 1),
            last_line + 1
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> DurableRows {
        let mut rows = DurableRows { rows: 10, seq: 1_500, ..DurableRows::default() };
        rows.begin("f.csv", 12);
        rows.rows = 10;
        rows.write(10, 12, 21);
        rows
    }

    #[test]
    fn unknown_batches_are_decided_by_the_seq_of_the_reopened_database() {
        for (seq, rows_after, line) in [(1_500, 10, 12), (1_501, 20, 22)] {
            let mut rows = rows();
            rows.settle(seq);
            assert_eq!((rows.rows, rows.next_line, rows.in_flight), (rows_after, line, None));
        }
        let mut several = rows();
        several.wrote(10, 21, Some(1_501));
        several.wrote(1, 22, None);
        several.write(5, 23, 27);
        several.settle(1_501);
        assert_eq!((several.rows, several.next_line), (21, 23));
    }

    #[test]
    fn written_rows_are_durable_once_synced() {
        let mut rows = rows();
        rows.wrote(10, 21, Some(1_501));
        assert_eq!((rows.rows, rows.next_line), (10, 12));
        rows.synced();
        assert_eq!((rows.rows, rows.next_line), (20, 22));
    }

    #[test]
    fn a_message_names_the_line_or_how_to_find_it() {
        assert_eq!(
            rows().stopped("interrupted", None),
            "f.csv: interrupted; all rows before line 12 are durable (10 in this run); it is unknown whether lines 12 to 21 \
             are: look at the seq in `timestrata stats`: if it is 1,501 or more, go on with --from-line 22, else with \
             --from-line 12"
        );
        let known = DurableRows { in_flight: None, ..rows() };
        assert_eq!(
            known.stopped("interrupted", None),
            "f.csv: interrupted; all rows before line 12 are durable (10 in this run): go on with --from-line 12"
        );
        let complete = DurableRows { is_complete: true, ..known };
        assert_eq!(
            complete.stopped("interrupted", None),
            "f.csv: interrupted; all rows of the file are durable (10 in this run): do not ingest it again"
        );
    }
}
