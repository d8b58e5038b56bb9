//! Decides the roles of the columns from the header, the first rows and the options.

use std::collections::{HashMap, HashSet};

use timestrata::{SeriesKey, ValueType};

use super::cell::MissingCells;
use super::column_roles::{ColumnNames, join_limited};
use super::date_order_scan::DateOrderScan;
use super::distinguish::{Candidate, MAX_CANDIDATES, sounds_like_id};
use super::header::{is_header_like, metric_of, series_key};
use super::number::NumberSyntax;
use super::plan::{TablePlan, TagColumn, TimeColumns, ValueColumn, ValueSource};
use super::sample::{ColumnSample, SAMPLE_ROWS, sample_columns};
use super::time_column::TimeChoice;
use super::{RowMapper, own_export, sample_checks};
use crate::{IngestError, IngestOptions, NamedValue, PlannerState, Understanding};

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
/// The first 1,000 rows decide, except for dates such as `01/02/2024`: their rows are looked at until one tells day and
/// month apart.
#[derive(Debug)]
pub struct TablePlanner {
    header: Vec<String>,
    options: IngestOptions,
    sample: Vec<TableRow>,
    sample_bytes: usize,
    /// Present once the sample is complete.
    draft: Option<Result<Draft, IngestError>>,
}

/// Plan that may still lack the order of day and month.
#[derive(Debug)]
struct Draft {
    plan: TablePlan,
    understanding: Understanding,
    dates: DateOrderScan,
}

impl TablePlanner {
    /// Creates a planner for columns of these names.
    #[must_use]
    pub fn new(header: Vec<String>, options: &IngestOptions) -> Self {
        Self { header, options: options.clone(), sample: Vec::new(), sample_bytes: 0, draft: None }
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
        Ok((RowMapper::new(plan), understanding))
    }

    fn draft(&self) -> Result<Draft, IngestError> {
        let names = ColumnNames(&self.header);
        refuse_repeated(&self.header)?;
        let options = &self.options.table;
        let syntax = NumberSyntax { decimal: options.decimal, thousands: options.thousands, units: options.units };
        if let Some(plan) = own_export::plan(&self.header, &self.sample, &self.options, syntax) {
            let mut understanding = Understanding::default();
            understanding.notes.push("this is an export of timestrata: each row has its series".to_owned());
            understanding.properties.push(("columns", self.header.join(", ")));
            return Ok(Draft { plan, understanding, dates: DateOrderScan::default() });
        }
        let missing = MissingCells::new(&options.missing);
        let sample = sample_columns(self.header.len(), &self.sample, &missing, &syntax);
        let tags = names.tags(&options.tags)?;
        let mut draft =
            PlanDraft { planner: self, names, sample, tags, syntax, understanding: Understanding::default() };
        let choice = draft.choose_time()?;
        let values = draft.values(&choice)?;
        draft.finish(&choice, values, missing)
    }
}

/// Intermediate results of a plan.
pub(super) struct PlanDraft<'a> {
    pub(super) planner: &'a TablePlanner,
    pub(super) names: ColumnNames<'a>,
    pub(super) sample: Vec<ColumnSample>,
    pub(super) tags: Vec<TagColumn>,
    pub(super) syntax: NumberSyntax,
    pub(super) understanding: Understanding,
}

impl<'a> PlanDraft<'a> {
    pub(super) fn options(&self) -> &'a IngestOptions {
        &self.planner.options
    }

    pub(super) fn rows(&self) -> &[TableRow] {
        self.planner.sample.as_slice()
    }

    pub(super) fn is_tag(&self, at: usize) -> bool {
        self.tags.iter().any(|tag| tag.at == at)
    }

    fn values(&mut self, time: &TimeChoice) -> Result<ValueSource, IngestError> {
        if let Some(tag) = self.tags.iter().find(|tag| time.at.contains(&tag.at)) {
            let name = self.names.name(tag.at);
            return Err(IngestError::new(format!("column {name} is both time and tag {}: choose one", tag.key)));
        }
        let table = &self.options().table;
        match (&table.metric, &table.value) {
            (None, None) => self.wide_values(time).map(ValueSource::Wide),
            (Some(metric), Some(value)) => self.long_values(metric, value),
            (Some(_), None) => Err(IngestError::new("a metric column needs a value column").suggest("value", "COL")),
            (None, Some(_)) => Err(IngestError::new("a value column needs a metric column").suggest("metric", "COL")),
        }
    }

    fn long_values(&self, metric: &str, value: &str) -> Result<ValueSource, IngestError> {
        let (metric_at, value_at) = (self.names.find(metric, "metric")?, self.names.find(value, "value")?);
        let options = self.options();
        let of_column = options.types.iter().find(|(name, _)| name == value).map(|(_, ty)| *ty);
        let is_state = self.sample[value_at].is_state();
        let ty = of_column.unwrap_or(if is_state { ValueType::Bool } else { ValueType::F64 });
        if ty == ValueType::F64 && options.types.is_empty() {
            sample_checks::refuse_inexact(self, value_at, value)?;
        }
        let types = options.types.iter().filter(|(name, _)| name != value).cloned().collect();
        Ok(ValueSource::Long { metric_at, value_at, ty, types, prefix: options.prefix.clone() })
    }

    /// Returns the value columns of a table with a column per metric.
    fn wide_values(&mut self, time: &TimeChoice) -> Result<Vec<ValueColumn>, IngestError> {
        let options = self.options();
        let except: Vec<usize> = self.all_named(&options.table.values_except, "values-except")?;
        let taken: HashSet<usize> = self.tags.iter().map(|tag| tag.at).chain(time.at.iter().copied()).collect();
        let mut renames: Vec<(usize, String)> = Vec::new();
        let types = self.types()?;
        let chosen = match &options.table.values {
            Some(values) => {
                let mut chosen = Vec::new();
                for text in values {
                    let (found, new_name) = self.names.renamed(text, "values")?;
                    if let (Some(name), [at]) = (new_name, &found[..]) {
                        renames.push((*at, name));
                    }
                    chosen.extend(found);
                }
                let mut seen = HashSet::new();
                chosen.retain(|at| !except.contains(at) && seen.insert(*at));
                chosen
            }
            None => sample_checks::numeric_columns(self, &taken, &except, &types)?,
        };
        if chosen.is_empty() {
            return Err(IngestError::new("values-except leaves no value column: name fewer there"));
        }
        if let Some(at) = chosen.iter().find(|at| taken.contains(at)) {
            let name = self.names.name(*at);
            return Err(IngestError::new(format!(
                "column {name} is time or tag, and cannot be a value too: choose one"
            )));
        }
        if let Some((at, _)) = types.iter().find(|(at, _)| !chosen.contains(at)) {
            let name = self.names.name(*at);
            return Err(IngestError::new(format!(
                "types names column {name}, which is no value column: add it to values"
            )));
        }
        if options.table.values.is_none() {
            sample_checks::refuse_times_across(self, &chosen)?;
        }
        self.value_columns(&chosen, &renames, &types)
    }

    /// Returns the columns that a list of names means.
    fn all_named(&self, names: &[String], option: &'static str) -> Result<Vec<usize>, IngestError> {
        let mut found = Vec::new();
        for name in names {
            let of_name = self.names.of_name(name);
            if of_name.is_empty() {
                return Err(self.names.no_column(name, option));
            }
            found.extend(of_name);
        }
        Ok(found)
    }

    /// Returns the types of columns that the options give. A metric with a new name may be named by it.
    fn types(&self) -> Result<Vec<(usize, ValueType)>, IngestError> {
        let options = self.options();
        let renamed = |name: &str| -> Vec<usize> {
            let values = options.table.values.iter().flatten();
            values
                .filter_map(|text| self.names.renamed(text, "values").ok())
                .filter(|(_, new_name)| new_name.as_deref() == Some(name))
                .flat_map(|(found, _)| found)
                .collect()
        };
        let mut types = Vec::new();
        for (name, ty) in &options.types {
            let mut found = self.names.of_name(name);
            if found.is_empty() {
                found = renamed(name);
            }
            if found.is_empty() {
                return Err(self.names.no_column(name, "types"));
            }
            types.extend(found.into_iter().map(|at| (at, *ty)));
        }
        Ok(types)
    }

    fn value_columns(
        &self,
        chosen: &[usize],
        renames: &[(usize, String)],
        types: &[(usize, ValueType)],
    ) -> Result<Vec<ValueColumn>, IngestError> {
        let mut values: Vec<ValueColumn> = Vec::new();
        let mut seen: HashMap<SeriesKey, usize> = HashMap::new();
        for &at in chosen {
            let name = self.names.name(at);
            let new_name = renames.iter().find(|(of, _)| *of == at).map(|(_, new_name)| new_name.as_str());
            let key = series_key(new_name.unwrap_or(&name), &self.options().prefix)?;
            if let Some(tag) = self.tags.iter().find(|tag| key.tag_value(&tag.key).is_some()) {
                return Err(IngestError::new(format!(
                    "header {name} and a tag column both give the tag {}: rename one",
                    tag.key
                ))
                .suggest("tags", format!("{}=NEW_NAME", tag.key)));
            }
            if let Some(other) = seen.insert(key.clone(), at) {
                let other = self.names.name(other);
                return Err(IngestError::new(format!("headers {other} and {name} are the same series: keep one"))
                    .suggest("values-except", name));
            }
            let given = types.iter().rev().find(|(of, _)| *of == at).map(|(_, ty)| *ty);
            let sample = &self.sample[at];
            let ty = given.unwrap_or(if sample.is_state() { ValueType::Bool } else { ValueType::F64 });
            if ty == ValueType::F64 {
                sample_checks::refuse_inexact(self, at, &name)?;
            }
            values.push(ValueColumn { at, name, key, ty });
        }
        Ok(values)
    }

    fn finish(mut self, time: &TimeChoice, values: ValueSource, missing: MissingCells) -> Result<Draft, IngestError> {
        self.warn_of_unique_tags();
        let (columns, dates) = self.time_columns(time)?;
        let candidates = self.candidates(time, &values);
        self.describe(&columns, &values);
        let table = &self.options().table;
        let plan = TablePlan {
            header: self.planner.header.clone(),
            time: columns,
            tags: self.tags.clone(),
            values,
            missing,
            syntax: self.syntax,
            earliest: table.earliest,
            latest: table.latest,
            candidates,
        };
        Ok(Draft { plan, understanding: self.understanding, dates })
    }

    /// Adds a note for a tag with a value per row, since each value makes series of its own.
    fn warn_of_unique_tags(&mut self) {
        const MIN_ROWS: usize = 50;
        let rows = self.rows().len();
        let unique = |tag: &&TagColumn| {
            let cells: HashSet<&str> =
                self.rows().iter().filter_map(|row| row.cells.get(tag.at)).map(String::as_str).collect();
            rows >= MIN_ROWS && cells.len() * 10 >= rows * 9
        };
        let notes: Vec<String> = self
            .tags
            .iter()
            .filter(unique)
            .map(|tag| format!("the tag {} has a value per row: each row makes series of its own", tag.key))
            .collect();
        self.understanding.notes.extend(notes);
    }

    /// Returns the columns that may tell apart rows which share series and time.
    fn candidates(&self, time: &TimeChoice, values: &ValueSource) -> Vec<Candidate> {
        let is_value = |at: usize| match values {
            ValueSource::Wide(columns) => columns.iter().any(|column| column.at == at),
            ValueSource::Long { metric_at, value_at, .. } => at == *metric_at || at == *value_at,
            ValueSource::Series { .. } => true,
        };
        let mut candidates: Vec<Candidate> = (0..self.planner.header.len())
            .filter(|at| !time.at.contains(at) && !self.is_tag(*at) && !self.planner.header[*at].is_empty())
            .filter(|at| {
                let sample = &self.sample[*at];
                let is_wide = matches!(values, ValueSource::Wide(_));
                (sample.filled > 0 && !is_value(*at)) || (is_wide && sample.is_integer())
            })
            .map(|at| {
                let (name, sample) = (self.names.name(at), &self.sample[at]);
                let part = super::time_column::part_of_name(&name);
                let is_clock = sample.is_clock() || (sample.is_integer() && part.is_some());
                let rank = (sample.is_numeric() && !is_clock, !sounds_like_id(&name) && !is_clock, sample.distinct);
                Candidate { at, name, rank, is_clock }
            })
            .collect();
        candidates.sort_by_key(|candidate| (candidate.rank, candidate.at));
        candidates.truncate(MAX_CANDIDATES);
        candidates
    }

    /// Records what was understood.
    fn describe(&mut self, time: &TimeColumns, values: &ValueSource) {
        let zone = time.zone.as_ref().and_then(|zone| zone.iana_name().map(str::to_owned));
        let zone = zone.unwrap_or_else(|| "UTC".to_owned());
        let tags: Vec<String> = self
            .tags
            .iter()
            .map(|tag| {
                let name = self.names.name(tag.at);
                if name == tag.key { name } else { format!("{name} as {}", tag.key) }
            })
            .collect();
        let described = match values {
            ValueSource::Wide(columns) => {
                let texts: Vec<String> =
                    columns.iter().map(|column| format!("{}: {} ({})", column.name, column.key, column.ty)).collect();
                join_limited(&texts, 20)
            }
            ValueSource::Long { metric_at, value_at, ty, .. } => {
                format!("{} ({ty}), with the metric in {}", self.names.name(*value_at), self.names.name(*metric_at))
            }
            ValueSource::Series { .. } => "value, with the series in series".to_owned(),
        };
        if let ValueSource::Wide(columns) = values {
            let named = columns.iter().map(|column| NamedValue {
                column: column.name.clone(),
                header_metric: metric_of(&column.name).unwrap_or(&column.name).to_owned(),
                metric: column.key.metric().to_owned(),
            });
            self.understanding.values = named.collect();
        }
        let properties = &mut self.understanding.properties;
        properties.push(("time column", time.name.clone()));
        properties.push(("time format", time.reader.describe()));
        properties.push(("time zone", zone));
        properties.push(("tags", if tags.is_empty() { "none".to_owned() } else { tags.join(", ") }));
        properties.push(("values", described));
    }
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
    Err(error.suggest("columns", join_limited(&names, 12)))
}
