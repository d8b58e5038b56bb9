//! Which rows of a file are durable, and the line from which an ingest goes on.
//!
//! The loader updates the state with each batch; the messages of failures and signals are made from it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::failure::first_step;

/// State of an ingest, shared by the loader and the watcher of signals.
#[derive(Debug, Clone, Default)]
pub(crate) struct SharedDurableRows(Arc<Mutex<DurableRows>>);

impl SharedDurableRows {
    pub(crate) fn new(rows: DurableRows) -> Self {
        Self(Arc::new(Mutex::new(rows)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, DurableRows> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Durable rows of one ingest.
#[derive(Debug, Clone, Default)]
pub(crate) struct DurableRows {
    /// File name, for messages.
    pub(crate) file: String,
    /// Rows that this run made durable.
    pub(crate) rows: u64,
    /// First line that is not known to be durable.
    pub(crate) next_line: u64,
    /// First and last line of the batch that is being written, or whose outcome is unknown.
    pub(crate) in_flight: Option<(u64, u64)>,
    /// Sequence number of the newest durable record; a batch is one record.
    pub(crate) seq: u64,
    /// `true` once every row of the file is durable.
    pub(crate) is_complete: bool,
}

impl DurableRows {
    /// Records that the batch in flight is durable. `seq` is `None` for rows without a point, which have no record.
    pub(crate) fn confirm(&mut self, rows: u64, last_line: u64, seq: Option<u64>) {
        self.rows += rows;
        self.next_line = last_line + 1;
        self.seq = seq.unwrap_or(self.seq);
        self.in_flight = None;
    }

    /// Decides the outcome of the batch in flight by the seq that a reopened database has.
    ///
    /// No other program can have written meanwhile: this one held the lock until it reopened the database.
    pub(crate) fn settle(&mut self, batch_rows: u64, seq: u64) {
        match self.in_flight.take() {
            Some((_, last)) if seq > self.seq => self.confirm(batch_rows, last, Some(seq)),
            _ => {}
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
        let file = "f.csv".to_owned();
        DurableRows { file, rows: 10, next_line: 12, in_flight: Some((12, 21)), seq: 1_500, is_complete: false }
    }

    #[test]
    fn an_unknown_batch_is_decided_by_the_seq_of_the_reopened_database() {
        for (seq, rows_after, line) in [(1_500, 10, 12), (1_501, 20, 22)] {
            let mut rows = rows();
            rows.settle(10, seq);
            assert_eq!((rows.rows, rows.next_line, rows.in_flight), (rows_after, line, None));
        }
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
