//! Decides the roles of the columns from the header, the first rows and the options.

use std::collections::HashSet;

use super::cell::MissingCells;
use super::column_roles::{ColumnNames, join_limited};
use super::date_order_scan::DateOrderScan;
use super::header::is_header_like;
use super::missing_numbers::refuse_ambiguous_numbers;
use super::number::NumberSyntax;
use super::plan::TablePlan;
use super::plan_draft::PlanDraft;
use super::sample::{SAMPLE_ROWS, sample_columns};
use super::{RowMapper, own_export};
use crate::{IngestError, IngestOptions, PlannerState, Understanding};

/// Bytes of the sample, at most.
const SAMPLE_BYTES: usize = 4 << 20;

/// Row of a table as texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableRow {
    /// Line on which the row begins; the first line is 1.
    pub line: u64,
    /// One text per column.
    pub cells: Vec<String>,
}

/// Plans a table from its header and first rows.
///
/// The first 1,000 rows decide, except for dates such as `01/02/2024`: their rows are looked at until one distinguishes
/// day and month.
#[derive(Debug)]
pub struct TablePlanner {
    pub(super) header: Vec<String>,
    pub(super) options: IngestOptions,
    pub(super) sample: Vec<TableRow>,
    sample_bytes: usize,
    /// Columns that are no values without an option, although their texts are digits.
    pub(super) identifiers: HashSet<String>,
    /// Present once the sample is complete.
    draft: Option<Result<Draft, IngestError>>,
}

/// Plan that may still lack the order of day and month.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) plan: TablePlan,
    pub(super) understanding: Understanding,
    pub(super) dates: DateOrderScan,
}

impl TablePlanner {
    /// Creates a planner for columns of these names.
    #[must_use]
    pub fn new(header: Vec<String>, options: &IngestOptions) -> Self {
        Self {
            header,
            options: options.clone(),
            sample: Vec::new(),
            sample_bytes: 0,
            identifiers: HashSet::new(),
            draft: None,
        }
    }

    /// Sets the columns whose texts of digits identify something: they are values only if an option names them.
    pub(crate) fn set_identifiers(&mut self, names: HashSet<String>) {
        self.identifiers = names;
    }

    /// Returns `true` if a row has as many cells as there are columns, but for empty ones at the end.
    ///
    /// Other rows are refused when they are read, and say nothing about the columns.
    #[must_use]
    pub fn fits(&self, row: &TableRow) -> bool {
        let count = row.cells.len();
        match row.cells.get(self.header.len()..) {
            Some(more) => more.iter().all(String::is_empty),
            None => self.header[count..].iter().all(String::is_empty),
        }
    }

    /// Takes the next row.
    pub fn add_row(&mut self, row: TableRow) -> PlannerState {
        match &mut self.draft {
            // A repeated header says nothing about the values of the columns; the decoder handles its row.
            None if is_header_like(&self.header, &row.cells[..]) => PlannerState::Undecided,
            None => {
                self.sample_bytes += row.cells.iter().map(String::len).sum::<usize>();
                self.sample.push(row);
                if self.sample.len() < SAMPLE_ROWS && self.sample_bytes < SAMPLE_BYTES {
                    return PlannerState::Undecided;
                }
                let draft = self.draft();
                let is_open = draft.as_ref().is_ok_and(|draft| draft.dates.is_open());
                self.draft = Some(draft);
                if is_open { PlannerState::Undecided } else { PlannerState::Decided }
            }
            Some(Ok(draft)) => {
                draft.dates.look_at(&draft.plan.time.at, &row);
                if draft.dates.is_open() { PlannerState::Undecided } else { PlannerState::Decided }
            }
            Some(Err(_)) => PlannerState::Decided,
        }
    }

    /// Returns the number of rows of the sample.
    #[must_use]
    pub fn sample_len(&self) -> usize {
        self.sample.len()
    }

    /// Returns the mapper of rows, and what was understood.
    ///
    /// # Errors
    ///
    /// If the table cannot be understood, or could be understood in two ways.
    pub fn finish(mut self) -> Result<(RowMapper, Understanding), IngestError> {
        let draft = match self.draft.take() {
            Some(draft) => draft,
            None => self.draft(),
        };
        let Draft { mut plan, mut understanding, dates } = draft?;
        dates.apply(&mut plan.time, &mut understanding)?;
        Ok((RowMapper::new(plan, self.options.series_clocks), understanding))
    }

    /// Refuses options that an export does not need: its values are exact.
    fn refuse_options_of_foreign_tables(&self) -> Result<(), IngestError> {
        let table = &self.options.table;
        let given = [
            ("missing", !table.missing.is_empty()),
            ("decimal", table.decimal != '.'),
            ("thousands", table.thousands.is_some()),
            ("units", table.units),
            ("values-except", !table.values_except.is_empty()),
            ("time-format", table.time_format != crate::TimeFormat::Auto),
            ("origin", table.origin.is_some()),
            ("year", table.year.is_some()),
        ];
        match given.iter().find(|(_, is_given)| *is_given) {
            Some((option, _)) => Err(IngestError::new(format!(
                "{option} does not apply to an export of timestrata, whose values are exact: leave it out"
            ))),
            None => Ok(()),
        }
    }

    /// Returns the planner of a table with the columns of the output of a query that another program wrote: a row for
    /// each value, with the metric in the column `series`.
    fn of_foreign_series(&self) -> Option<Self> {
        if !own_export::is_foreign(&self.header, &self.sample, &self.options) {
            return None;
        }
        let mut options = self.options.clone();
        options.table.metric = Some("series".to_owned());
        options.table.value = Some("value".to_owned());
        options.table.time = vec!["time".to_owned()];
        let mut planner = Self::new(self.header.clone(), &options);
        planner.sample.clone_from(&self.sample);
        Some(planner)
    }

    fn draft(&self) -> Result<Draft, IngestError> {
        let names = ColumnNames(&self.header);
        refuse_repeated(&self.header)?;
        if let Some(planner) = self.of_foreign_series() {
            return planner.draft();
        }
        let options = &self.options.table;
        let syntax = NumberSyntax::of_options(options)?;
        refuse_ambiguous_numbers(&options.missing, syntax)?;
        if let Some(plan) = own_export::plan(&self.header, &self.sample, &self.options, syntax) {
            self.refuse_options_of_foreign_tables()?;
            let mut understanding = Understanding::default();
            let note = if self.header.len() == own_export::EXPORT_COLUMNS.len() {
                "this is an export of timestrata: each row has its series"
            } else {
                "this is CSV of timestrata query: each row has its series, and numbers are f64 (timestrata export keeps types)"
            };
            understanding.notes.push(note.to_owned());
            understanding.properties.push(("columns", self.header.join(", ")));
            return Ok(Draft { plan, understanding, dates: DateOrderScan::default() });
        }
        let missing = MissingCells::new(&options.missing, syntax);
        let sample = sample_columns(self.header.len(), &self.sample, &missing, &syntax);
        let tags = names.tags(&options.tags)?;
        let mut draft =
            PlanDraft { planner: self, names, sample, tags, syntax, understanding: Understanding::default() };
        let choice = draft.choose_time()?;
        let values = draft.values(&choice)?;
        draft.finish(&choice, values, missing)
    }
}

/// Returns `true` for a number with a fraction, such as 2437300.5.
pub(crate) fn is_fraction(text: &str) -> bool {
    text.contains('.') && super::number::parse_plain(text).is_some()
}

fn refuse_repeated(header: &[String]) -> Result<(), IngestError> {
    let mut seen = HashSet::new();
    let mut repeated: Vec<&str> = header.iter().map(String::as_str).filter(|name| !seen.insert(*name)).collect();
    repeated.retain(|name| !name.is_empty());
    repeated.sort_unstable();
    repeated.dedup();
    if repeated.is_empty() {
        return Ok(());
    }
    let repeated = join_limited(&repeated, 10);
    let names: Vec<String> = (1..=header.len()).map(|at| format!("name{at}")).collect();
    let error =
        IngestError::new(format!("the header names columns more than once: {repeated}; give each a name of its own"));
    // Numbers with a fraction are data.
    let is_data = header.iter().any(|name| is_fraction(name));
    let error = if is_data { error.suggest("no-header", "") } else { error };
    Err(error.suggest("columns", names.join(",")))
}
