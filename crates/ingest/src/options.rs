//! Options of a decoder. A format uses those that apply to it, and refuses those that contradict it.

use timestrata::{Timestamp, ValueType};

use crate::{Limits, Precision};

/// What to do with a field of text, which no series can hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TextValues {
    /// Refuse the row.
    #[default]
    Refuse,
    /// Leave the field out and count it.
    Skip,
}

/// Options of a decoder.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct IngestOptions {
    /// Caps on the input.
    pub limits: Limits,
    /// Name of the input in messages, such as a file name.
    pub name: String,
    /// Time that rows without one get; `None` refuses them.
    pub default_time: Option<Timestamp>,
    /// What happens to fields of text.
    pub text: TextValues,
    /// Prefix of each metric name.
    pub prefix: String,
    /// Types of values by metric or column; other values have the type of their format.
    pub types: Vec<(String, ValueType)>,
    /// Unit of timestamps in line protocol; `None` means nanoseconds.
    pub precision: Option<Precision>,
}
