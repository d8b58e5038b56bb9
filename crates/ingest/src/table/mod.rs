//! Tables: columns with names, and rows of texts, whatever syntax they come from.
//!
//! A format collects the header and the first rows, and asks [`TablePlanner`] for a plan: which column is the time, which
//! are tags and which are values. A [`RowMapper`] then converts each row of texts to points by that plan.
//!
//! ```text
//!   header, first 1,000 rows -> TablePlanner -> (times until day and month are distinguished) -> RowMapper -> Rows
//! ```

mod candidates;
mod cell;
mod clock_numbers;
mod column_roles;
mod compact_dates;
mod counts;
mod date_clock;
mod date_order_scan;
mod dates_without_year;
mod distinguish;
mod header;
mod influx_columns;
mod mapper;
mod missing_numbers;
mod number;
mod options;
mod own_export;
mod plan;
mod plan_draft;
mod planner;
mod row_checks;
mod row_direction;
mod row_notices;
mod row_values;
mod sample;
mod sample_checks;
#[cfg(test)]
mod suggestion_tests;
#[cfg(test)]
mod tests;
mod time_column;
mod time_forms;
mod time_numbers;
mod time_parts;
mod time_suggestions;
mod words;
mod year_parts;
mod zone_cells;

pub use mapper::{RowCells, RowMapper};
pub use options::TableOptions;
pub(crate) use own_export::{EXPORT_COLUMNS, is_export_header, is_typed_export_header};
pub(crate) use planner::is_fraction;
pub use planner::{TablePlanner, TableRow};

pub(crate) use column_roles::{ColumnNames, join_limited};
pub(crate) use distinguish::sounds_like_id;
pub(crate) use header::{is_clock_or_date_name, looks_like_data};
pub(crate) use number::{is_integer_beyond_f64, parse_plain};
pub(crate) use sample::SAMPLE_ROWS;
pub(crate) use time_column::is_part_of_time;
pub(crate) use time_suggestions::sounds_like_time;
