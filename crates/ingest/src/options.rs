//! Options of a decoder. A format uses those that apply to it, and refuses those that contradict it.

use timestrata::{Timestamp, ValueType};

use crate::csv::CsvOptions;
use crate::table::TableOptions;
use crate::{Limits, Precision, SeriesClocks};

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
    /// `true` if the caller leaves refused rows out; then no input is refused as a whole because of single cells.
    pub skip_bad: bool,
    /// Encoding of text, by a label of the WHATWG Encoding Standard such as `latin1`; `None` to detect UTF-8 and UTF-16.
    pub encoding: Option<String>,
    /// Options of tables: CSV, and objects of JSON.
    pub table: TableOptions,
    /// Options of CSV.
    pub csv: CsvOptions,
    /// Last times of series in a repeated hour, which the inputs of a run share; with `None` no input knows those of another.
    pub series_clocks: Option<SeriesClocks>,
}
