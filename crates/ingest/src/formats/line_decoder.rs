//! Decoder of formats whose rows are lines.

use timestrata::Timestamp;

use super::row_error::RowError;
use crate::{Decoder, IngestError, IngestOptions, Limits, Planner, PlannerState, Rows, Understanding};

/// What a line was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineKind {
    /// A row; its points have been pushed.
    Row,
    /// A comment, an empty line or metadata.
    Other,
}

/// Parser of one line at a time.
pub(crate) trait LineParser: Send {
    /// Parses a line without its line break, and pushes its points. The caller ends or refuses the row.
    fn line(&mut self, line: &[u8], rows: &mut Rows) -> Result<LineKind, RowError>;

    /// Called once after the last line.
    fn finish(&mut self, _rows: &mut Rows) -> Result<(), RowError> {
        Ok(())
    }

    /// See [`Decoder::set_default_time`].
    fn set_default_time(&mut self, time: Timestamp);

    /// See [`Decoder::understanding`].
    fn understanding(&self) -> &Understanding;

    /// See [`Decoder::notices`].
    fn notices(&self) -> Vec<String>;

    /// See [`Decoder::left_out_texts`].
    fn left_out_texts(&self) -> u64 {
        0
    }
}

/// Splits an input into lines, counts them, and holds the limits.
pub(crate) struct LineDecoder<P> {
    parser: P,
    limits: Limits,
    /// Number of the next line; the first is 1.
    line: u64,
    has_finished: bool,
}

impl<P: LineParser> LineDecoder<P> {
    pub(crate) fn new(parser: P, limits: Limits) -> Self {
        Self { parser, limits, line: 1, has_finished: false }
    }

    fn parse(&mut self, line: &[u8], rows: &mut Rows) -> Result<(), IngestError> {
        let number = self.line;
        check_row_len(line.len(), &self.limits, number)?;
        let line = if number == 1 { without_bom(line) } else { line };
        match self.parser.line(line.strip_suffix(b"\r").unwrap_or(line), rows) {
            Ok(LineKind::Row) => rows.end_row(number),
            Ok(LineKind::Other) => {}
            Err(error) => {
                // The rows take back what the row pushed, also if the error ends the input.
                let refused = error.at(number);
                rows.take_back();
                rows.refuse(refused?);
            }
        }
        self.line += 1;
        Ok(())
    }
}

impl<P: LineParser> Decoder for LineDecoder<P> {
    fn decode(&mut self, input: &[u8], last: bool, rows: &mut Rows) -> Result<usize, IngestError> {
        let mut at = 0;
        while at < input.len() && !rows.is_full() {
            let rest = &input[at..];
            match memchr::memchr(b'\n', rest) {
                Some(len) => {
                    self.parse(&rest[..len], rows)?;
                    at += len + 1;
                }
                None if last => {
                    self.parse(rest, rows)?;
                    at = input.len();
                }
                None => {
                    check_row_len(rest.len(), &self.limits, self.line)?;
                    break;
                }
            }
        }
        if last && at == input.len() && !self.has_finished {
            self.has_finished = true;
            if let Err(error) = self.parser.finish(rows) {
                rows.refuse(error.at(self.line)?);
            }
        }
        Ok(at)
    }

    fn set_default_time(&mut self, time: Timestamp) {
        self.parser.set_default_time(time);
    }

    fn understanding(&self) -> &Understanding {
        self.parser.understanding()
    }

    fn notices(&self) -> Vec<String> {
        self.parser.notices()
    }

    fn left_out_texts(&self) -> u64 {
        self.parser.left_out_texts()
    }
}

/// Refuses an input with a row above the limit.
pub(crate) fn check_row_len(len: usize, limits: &Limits, line: u64) -> Result<(), IngestError> {
    if len <= limits.row_bytes {
        return Ok(());
    }
    let message = format!("the row is longer than {} bytes, the limit", limits.row_bytes);
    Err(IngestError::new(message).at_line(line))
}

/// Removes the byte order mark of UTF-8.
pub(crate) fn without_bom(input: &[u8]) -> &[u8] {
    input.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(input)
}

/// Planner of a format that needs to see nothing of the input.
pub(crate) struct ReadyPlanner(pub(crate) Box<dyn Decoder>);

impl ReadyPlanner {
    /// Boxes a decoder as the plan.
    pub(crate) fn boxed(decoder: impl Decoder + 'static) -> Box<dyn Planner> {
        Box::new(Self(Box::new(decoder)))
    }
}

impl Planner for ReadyPlanner {
    fn push(&mut self, _bytes: &[u8]) -> PlannerState {
        PlannerState::Decided
    }

    fn finish(self: Box<Self>, _whole: bool) -> Result<Box<dyn Decoder>, IngestError> {
        Ok(self.0)
    }
}

/// Number of rows that a sniff decodes at most.
const SNIFFED_ROWS: usize = 32;

/// Outcome of decoding the first rows of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TrialRun {
    pub(crate) rows: usize,
    pub(crate) refused: usize,
    /// Whether the decoder stopped with an error.
    pub(crate) has_failed: bool,
}

impl TrialRun {
    /// Returns `true` if there was a row and nothing was refused.
    pub(crate) fn is_clean(self) -> bool {
        self.rows > 0 && self.refused == 0 && !self.has_failed
    }
}

/// Returns the options of a trial run: nothing is refused for what an option would change.
pub(crate) fn trial_options() -> IngestOptions {
    IngestOptions {
        default_time: Some(Timestamp::UNIX_EPOCH),
        text: crate::TextValues::Skip,
        precision: Some(crate::Precision::Nanoseconds),
        ..IngestOptions::default()
    }
}

/// Returns the planner of a format whose lines a parser reads.
pub(crate) fn line_planner<P: LineParser + 'static>(
    options: &IngestOptions,
    new_parser: fn(&IngestOptions) -> P,
) -> Box<dyn Planner> {
    ReadyPlanner::boxed(LineDecoder::new(new_parser(options), options.limits))
}

/// Decodes the first bytes of an input by a parser of lines.
pub(crate) fn line_trial<P: LineParser>(head: &[u8], new_parser: fn(&IngestOptions) -> P) -> TrialRun {
    let options = trial_options();
    trial_run(LineDecoder::new(new_parser(&options), options.limits), head)
}

/// Decodes the first whole lines of an input.
pub(crate) fn trial_run(mut decoder: impl Decoder, head: &[u8]) -> TrialRun {
    // The last line may be cut off, unless it is the only one.
    let whole = memchr::memrchr(b'\n', head).map_or(head, |end| &head[..=end]);
    let mut rows = Rows::with_capacity(SNIFFED_ROWS);
    let result = decoder.decode(whole, true, &mut rows);
    TrialRun { rows: rows.row_ends().len(), refused: rows.refused().len(), has_failed: result.is_err() }
}
