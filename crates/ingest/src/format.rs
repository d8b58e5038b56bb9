//! The interface that each input format implements.

use timestrata::Timestamp;

use crate::{IngestError, IngestOptions, Rows, Suggestion};

/// How well the first bytes of an input fit a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sniff {
    /// The bytes are not of this format.
    No,
    /// The bytes may be of this format, as of others.
    Possible,
    /// The bytes are of this format: a signature or a line that no other format has.
    Certain,
}

/// Input format: names, and a planner for an input.
///
/// A program registers its own formats in a [`Registry`](crate::Registry).
pub trait Format: Send + Sync {
    /// Short name, such as `csv`; what a user types.
    fn name(&self) -> &str;

    /// Media types in lower case without parameters, such as `text/csv`.
    fn media_types(&self) -> &[&str] {
        &[]
    }

    /// Endings of file names in lower case without the dot, such as `csv`.
    fn file_endings(&self) -> &[&str];

    /// Says how well the first bytes of an input fit; at most the first 64 KiB are passed, compression removed.
    fn sniff(&self, head: &[u8]) -> Sniff;

    /// Returns `true` if the format itself converts text of other encodings than UTF-8.
    fn converts_text(&self) -> bool {
        false
    }

    /// Begins an input.
    ///
    /// # Errors
    ///
    /// If an option contradicts the format.
    fn planner(&self, options: &IngestOptions) -> Result<Box<dyn Planner>, IngestError>;
}

/// Answer of a planner to more bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlannerState {
    /// More bytes may change the plan.
    Undecided,
    /// More bytes change nothing.
    Decided,
}

/// Decides from the first bytes of an input how its rows are read.
///
/// A caller that can read its input twice feeds all of it until the planner has decided, then starts the decoder at the
/// first byte. A caller that cannot keeps the first 1 MiB, feeds those, and passes them to the decoder again.
pub trait Planner: Send {
    /// Takes the next bytes of the input.
    fn push(&mut self, bytes: &[u8]) -> PlannerState;

    /// Returns the decoder; `whole` says that the input has ended. The decoder starts at the first byte of the input.
    ///
    /// # Errors
    ///
    /// If the bytes cannot be understood, or could be understood in two ways.
    fn finish(self: Box<Self>, whole: bool) -> Result<Box<dyn Decoder>, IngestError>;
}

/// What was understood of an input: lines of a name and a text, such as `delimiter` and `;`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Understanding {
    /// Name and text of each property, in the order in which they are shown.
    pub properties: Vec<(&'static str, String)>,
    /// Decisions that no option made, one sentence each without a full stop.
    pub notes: Vec<String>,
    /// Value columns and their metrics; empty for formats whose metrics are known only from the rows.
    pub values: Vec<NamedValue>,
}

/// Value column and its metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedValue {
    /// Name of the column.
    pub column: String,
    /// Metric of a column whose name has tags, such as `up` of `up{job="a"}`; else the name of the column.
    pub header_metric: String,
    /// Metric of the points, with the prefix of the options.
    pub metric: String,
}

/// Decodes the rows of one input in order.
pub trait Decoder: Send {
    /// Decodes whole rows at the start of `input`, appends them to `rows`, and returns the number of bytes consumed.
    ///
    /// The next call must begin with the byte after those. `last` says that nothing follows `input`: then all of it is
    /// consumed, unless the rows become full. A decoder stops soon after [`Rows::is_full`].
    ///
    /// # Errors
    ///
    /// If the input cannot be decoded beyond this place. The rows before it are in `rows`.
    fn decode(&mut self, input: &[u8], last: bool, rows: &mut Rows) -> Result<usize, IngestError>;

    /// Sets the time that later rows without one get, see [`IngestOptions::default_time`]: for an input that arrives over a
    /// longer time, such as a connection. Formats whose rows need times of their own ignore it.
    fn set_default_time(&mut self, _time: Timestamp) {}

    /// Returns what was understood of the input.
    fn understanding(&self) -> &Understanding;

    /// Returns what happened to rows without being refused: counts of skipped fields, repeated hours and the like, one
    /// sentence each without a full stop. Complete once the input has been decoded.
    fn notices(&self) -> Vec<String>;

    /// Returns the number of values of text that were left out, as [`TextValues::Skip`](crate::TextValues::Skip) asks.
    fn left_out_texts(&self) -> u64 {
        0
    }

    /// Returns a warning about the rows to come that the last rows gave reason for, each once: a caller shows it
    /// before it stores them.
    fn take_warning(&mut self) -> Option<String> {
        None
    }

    /// Returns the option that would distinguish rows that share series and time, as far as such rows were seen.
    fn distinguishing(&self) -> Option<Suggestion> {
        None
    }
}
