//! Intermediate results of a plan: tags, values and notes by the options and the sample.

use std::collections::{HashMap, HashSet};

use timestrata::{SeriesKey, ValueType};

use super::cell::MissingCells;
use super::column_roles::{ColumnNames, join_limited};
use super::header::{metric_of, series_key};
use super::number::NumberSyntax;
use super::plan::{TablePlan, TagColumn, TimeColumns, ValueColumn, ValueSource, ZoneCells};
use super::planner::{Draft, TablePlanner, TableRow};
use super::sample::ColumnSample;
use super::sample_checks;
use super::time_column::TimeChoice;
use super::words;
use crate::{IngestError, IngestOptions, NamedValue, Understanding};

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

    /// Returns the cells of a column that hold a value, in the sample.
    pub(super) fn filled_cells(&self, at: usize) -> impl Iterator<Item = &str> {
        let missing = MissingCells::new(&self.options().table.missing, self.syntax);
        let cells = self.rows().iter().filter_map(move |row| row.cells.get(at).map(String::as_str));
        cells.filter(move |text| !missing.matches(text))
    }

    pub(super) fn is_tag(&self, at: usize) -> bool {
        self.tags.iter().any(|tag| tag.at == at)
    }

    pub(super) fn values(&mut self, time: &TimeChoice) -> Result<ValueSource, IngestError> {
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
            None => self.numbers(time, &taken, &except, &types)?,
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

    /// Returns the columns of numbers, without those that identify something.
    fn numbers(
        &mut self,
        time: &TimeChoice,
        taken: &HashSet<usize>,
        except: &[usize],
        types: &[(usize, ValueType)],
    ) -> Result<Vec<usize>, IngestError> {
        let has_type = |at: &usize| types.iter().any(|(of, _)| of == at);
        let identifiers: Vec<usize> = (0..self.names.0.len())
            .filter(|at| self.planner.identifiers.contains(&self.names.0[*at]) && self.sample[*at].is_numeric())
            .filter(|at| !taken.contains(at) && !except.contains(at) && !has_type(at))
            .collect();
        let except: Vec<usize> =
            except.iter().chain(&identifiers).copied().chain(time.zone_cells.map(ZoneCells::at)).collect();
        let chosen = sample_checks::numeric_columns(self, taken, &except, types)?;
        if !chosen.iter().any(|at| self.sample[*at].filled > 0 || has_type(at)) && !chosen.is_empty() {
            let names: Vec<String> = chosen.iter().map(|at| self.names.name(*at)).collect();
            return Err(IngestError::new(format!(
                "no column holds numbers in the first {} rows, and all cells of {} are empty or mean no value: name \
                 the values; the columns are {}",
                super::SAMPLE_ROWS,
                join_limited(&names, 10),
                self.names.listed()
            ))
            .suggest("values", names[0].clone()));
        }
        if !identifiers.is_empty() {
            let names: Vec<String> = identifiers.iter().map(|at| self.names.name(*at)).collect();
            let names = join_limited(&names, 10);
            self.understanding.notes.push(format!("left out, texts of digits that identify something: {names}"));
        }
        Ok(chosen)
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
            let cells = self.rows().iter().filter_map(|row| row.cells.get(at)).map(String::as_str);
            let unit =
                (self.syntax.units && ty != ValueType::Bool).then(|| words::first_unit(cells, self.syntax)).flatten();
            let is_named = given.is_some() || self.options().table.values.is_some();
            values.push(ValueColumn { at, name, key, ty, is_named, unit });
        }
        Ok(values)
    }

    pub(super) fn finish(
        mut self,
        time: &TimeChoice,
        values: ValueSource,
        missing: MissingCells,
    ) -> Result<Draft, IngestError> {
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

    /// Records what was understood.
    fn describe(&mut self, time: &TimeColumns, values: &ValueSource) {
        let zone = self.options().table.time_zone.clone().filter(|_| time.zone.is_some());
        let zone = zone.unwrap_or_else(|| match time.zone_cells {
            Some(zones) => format!("column {}", self.names.name(zones.at())),
            None => "UTC".to_owned(),
        });
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
