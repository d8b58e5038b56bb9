//! Decoders for timestrata: bytes in, points and refused rows out.
//!
//! The crate opens no files and no sockets, and needs no runtime. A program reads bytes from wherever it wants and feeds
//! them to a [`Decoder`]; the points come out in [`Rows`], with the line of each row, and rows that cannot be stored come
//! out as [`RefusedRow`]s with the reason.
//!
//! ```text
//!   Registry --choose--> Format --planner--> Planner --finish--> Decoder --decode--> Rows
//!   (name, media type,   (CSV, JSON,         (sees the first     (streams whole     (points, row ends,
//!    ending, content)     line protocol..)    bytes, decides)     rows)              refused rows)
//! ```
#![forbid(unsafe_code)]

pub mod bodies;
mod compression;
mod csv;
mod encode;
mod error;
mod format;
pub mod formats;
mod limits;
mod options;
mod precision;
mod refusal_code;
mod registry;
mod rows;
mod series_clocks;
mod series_table;
mod series_text;
mod shared_times;
mod signature;
mod table;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod time;
mod transcoded;

pub use compression::{CompressedWriter, Compression, Decompressor, decompress_body, snappy_len};
pub use csv::{Csv, CsvOptions, Delimiter};
pub use encode::{Encoder, ExportFormat, OutsidePoints, OutsideReason};
pub use error::{IngestError, Suggestion, suggestion_groups};
pub use format::{Decoder, Format, NamedValue, Planner, PlannerState, Sniff, Understanding};
pub use limits::Limits;
pub use options::{IngestOptions, TextValues, format_uses, split_names};
pub use precision::Precision;
pub use refusal_code::{RefusalCode, RefusalCounts};
pub use registry::Registry;
pub use rows::{RefusedRow, RowEnd, Rows, SeriesNumber};
pub use series_clocks::SeriesClocks;
pub use series_table::SeriesTable;
pub use shared_times::{SharedSeries, SharedTimes};
pub use table::{RowCells, RowMapper, TableOptions, TablePlanner, TableRow};
pub use time::{TimeFormat, parse_option_time};
pub use transcoded::planner_of_text;
