//! Data types that every layer shares: points, series, selectors, options and errors.
//! All are plain values: nothing here uses a file or a thread, and only `Timestamp::now` reads a clock.
//!
//! Order of the modules, from the lowest: `value_type`, `duplicate_policy`, `timestamp`, `rejected_point`, `error`,
//! `time_range`, `quoted_text`, `series`, `metric_metadata`, `point`, `selector`, `options`.

pub(crate) mod duplicate_policy;
pub(crate) mod error;
pub(crate) mod metric_metadata;
pub(crate) mod options;
pub(crate) mod point;
pub(crate) mod quoted_text;
pub(crate) mod rejected_point;
pub(crate) mod selector;
pub(crate) mod series;
pub(crate) mod time_range;
pub(crate) mod timestamp;
pub(crate) mod value_type;
