//! Decides from the first rows how JSON is arranged, and which columns there are.

use std::collections::HashSet;

use super::arrangement::{arrangement, chosen_columns};
use super::columnar;
use super::decoder::JsonDecoder;
use super::flatten::flatten;
use super::identifiers::add_identifiers;
use super::items::{Arrangement, Item, ItemError, Items, SEVERAL_ARRAYS, TWO_OF_NAME};
use super::nested::{ROWS_WITHIN_ROWS, refuse_nested};
use super::table_rows::{Columns, TableRowParser};
use super::value::JsonValue;
use crate::formats::line_decoder::without_bom;
use crate::formats::row_error::RowError;
use crate::table::{ColumnNames, SAMPLE_ROWS, TablePlanner, TableRow, is_export_header, join_limited};
use crate::{Decoder, IngestError, IngestOptions, Limits, Planner, PlannerState};

/// Bytes of the rows that decide on the columns, at most.
const SAMPLE_BYTES: usize = 4 << 20;

/// Row before the columns are known.
struct SampleRow {
    line: u64,
    members: Vec<(String, String)>,
}

pub(super) struct JsonPlanner {
    options: IngestOptions,
    /// Bytes that belong to no row yet.
    pending: Vec<u8>,
    items: Option<(Arrangement, Items)>,
    /// `true` for an object whose first part, as long as a row may be, holds no row.
    is_long_object: bool,
    /// Length of `pending` from which the arrangement is looked for again, unless the input ends before.
    looks_again_at: usize,
    line: u64,
    sample: Vec<SampleRow>,
    sample_bytes: usize,
    columns: Columns,
    /// Columns that the first rows lack.
    late: Vec<String>,
    /// Columns of strings of digits that identify something.
    identifiers: HashSet<String>,
    /// Path of the object of columns, if the input is columnar.
    columns_path: Option<String>,
    /// Members beside the columns.
    left_out: Vec<String>,
    /// First row that cannot be read.
    refused: Option<IngestError>,
    /// Error of several arrays of rows, whose place is at the start of `pending`: the bytes behind it name the others.
    several: Option<ItemError>,
    /// Present once the columns are known.
    table: Option<TablePlanner>,
    /// Whether the table needs no further row.
    is_planned: bool,
    state: PlannerState,
    error: Option<IngestError>,
}

impl JsonPlanner {
    pub(super) fn new(options: &IngestOptions) -> Self {
        Self {
            options: options.clone(),
            pending: Vec::new(),
            items: None,
            is_long_object: false,
            looks_again_at: 0,
            line: 1,
            sample: Vec::new(),
            sample_bytes: 0,
            columns: Columns::default(),
            late: Vec::new(),
            identifiers: HashSet::new(),
            columns_path: None,
            left_out: Vec::new(),
            refused: None,
            several: None,
            table: None,
            is_planned: false,
            state: PlannerState::Undecided,
            error: None,
        }
    }

    /// Reads the rows that are complete.
    fn read(&mut self, last: bool) {
        if self.items.is_none() {
            if self.pending.len() < self.looks_again_at && !last {
                return;
            }
            let Some(arrangement) = arrangement(&self.pending, last, &self.options) else {
                if self.pending.len() >= self.options.limits.row_bytes {
                    self.is_long_object = true;
                    self.looks_again_at = self.options.limits.columnar_bytes;
                }
                return;
            };
            let is_long = self.pending.len() >= self.options.limits.row_bytes;
            self.is_long_object |= arrangement == Arrangement::Wrapped && is_long;
            let bom = self.pending.len() - without_bom(&self.pending).len();
            self.pending.drain(..bom);
            if arrangement == Arrangement::Columnar {
                match chosen_columns(&self.pending, &self.options) {
                    Some(Err(error)) => {
                        self.error = Some(error);
                        self.state = PlannerState::Decided;
                        return;
                    }
                    chosen => self.columns_path = chosen.and_then(Result::ok),
                }
            }
            let rows_member = self.options.table.rows_member.clone();
            self.items = Some((arrangement, Items::new(arrangement, rows_member)));
        }
        let Some((arrangement, mut items)) = self.items.clone() else {
            return;
        };
        let pending = std::mem::take(&mut self.pending);
        let mut at = 0;
        while self.state == PlannerState::Undecided && self.several.is_none() {
            let feeds = |bytes: &[u8]| memchr::memchr_iter(b'\n', bytes).fold(0, |count: u64, _| count + 1);
            match items.next(&pending[at..], last) {
                Ok((skipped, Item::Row(start, end))) => {
                    self.line += feeds(&pending[at..at + skipped]);
                    if !self.is_planned {
                        self.add(&pending[at + start..at + end]);
                    }
                    // A second array of rows in the object is looked for before any row is stored.
                    if self.is_planned && arrangement != Arrangement::Wrapped {
                        self.state = PlannerState::Decided;
                    }
                    self.line += feeds(&pending[at + start..at + end]);
                    at += end;
                }
                Ok((skipped, Item::Incomplete)) => {
                    self.line += feeds(&pending[at..at + skipped]);
                    at += skipped;
                    break;
                }
                Ok((_, Item::End)) => {
                    at = pending.len();
                    break;
                }
                // Nothing can be read beyond this place; the decoder will report the error.
                Err(error) if is_several(&error) => self.several = Some(error),
                Err(_) => self.state = PlannerState::Decided,
            }
        }
        self.pending = pending;
        self.pending.drain(..at);
        if let Some((_, own)) = &mut self.items {
            *own = items;
        }
        if self.pending.len() > self.options.limits.row_bytes {
            self.state = PlannerState::Decided;
        }
    }

    fn add(&mut self, text: &[u8]) {
        let row = match JsonValue::parse(text) {
            Ok(row) => row,
            Err(reason) => return self.refuse(IngestError::new(reason)),
        };
        match self.columns_path.clone() {
            None => self.add_row(&row, text.len()),
            Some(path) => {
                self.left_out = columnar::left_out(&row, &path);
                for row in columnar::rows(&row, &path).into_iter().flatten() {
                    self.add_row(&row, 0);
                    if self.is_planned {
                        break;
                    }
                }
            }
        }
    }

    /// Keeps the error of the first row that is refused.
    fn refuse(&mut self, error: IngestError) {
        let line = self.line;
        self.refused.get_or_insert_with(|| error.at_line(line));
    }

    fn add_row(&mut self, row: &JsonValue<'_>, bytes: usize) {
        if self.is_planned {
            return;
        }
        let members = flatten(row, self.options.limits.fields)
            .and_then(|flat| refuse_nested(row, &self.options.table.time).map(|()| flat));
        let members = match members {
            Ok(members) => members,
            Err(RowError::Refused { reason, suggestions, .. }) => {
                return self.refuse(IngestError { suggestions, ..IngestError::new(reason) });
            }
            Err(RowError::Fatal(error)) => return self.refuse(error),
        };
        if self.table.is_none() {
            add_identifiers(row, &mut self.identifiers);
        }
        let members: Vec<(String, String)> =
            members.into_iter().map(|(path, text)| (path.into_owned(), text.into_owned())).collect();
        let row = SampleRow { line: self.line, members };
        if let Some(table) = &mut self.table {
            self.is_planned = table.add_row(table_row(&self.columns, row)) == PlannerState::Decided;
            return;
        }
        for (path, _) in &row.members {
            if self.columns.names.len() < self.options.limits.fields {
                self.columns.add(path);
            }
        }
        self.sample_bytes += bytes;
        self.sample.push(row);
        if self.sample.len() >= SAMPLE_ROWS || self.sample_bytes >= SAMPLE_BYTES {
            self.begin_table();
        }
    }

    /// Passes the sample to the planner of the table.
    fn begin_table(&mut self) {
        self.late = late_columns(&self.columns.names, &self.options);
        for name in &self.late {
            self.columns.add(name);
        }
        let mut table = TablePlanner::new(self.columns.names.clone(), &self.options);
        table.set_identifiers(std::mem::take(&mut self.identifiers));
        for row in std::mem::take(&mut self.sample) {
            self.is_planned = table.add_row(table_row(&self.columns, row)) == PlannerState::Decided;
        }
        self.table = Some(table);
    }
}

/// Returns the columns that the first rows lack and whose type the options give: later rows may have them.
///
/// A type may also be named by the new name of a value, and by a metric if a column has the names of metrics or series.
fn late_columns(names: &[String], options: &IngestOptions) -> Vec<String> {
    let table = &options.table;
    if table.metric.is_some() || is_export_header(names) {
        return Vec::new();
    }
    let columns = ColumnNames(names);
    let new_names: Vec<String> =
        table.values.iter().flatten().filter_map(|text| columns.renamed(text, "values").ok()?.1).collect();
    let is_late = |name: &&String| columns.of_name(name).is_empty() && !new_names.contains(name);
    options.types.iter().map(|(name, _)| name).filter(is_late).cloned().collect()
}

/// Returns `true` for the errors of an object with several arrays that could hold the rows.
fn is_several(error: &ItemError) -> bool {
    [SEVERAL_ARRAYS, TWO_OF_NAME].contains(&error.message)
}

/// Returns the error of an object with several arrays that could hold the rows; `None` for any other error of items.
pub(super) fn several_arrays(error: &ItemError, items: &Items, input: &[u8]) -> Option<IngestError> {
    if !is_several(error) {
        return None;
    }
    let paths = items.all_arrays(input, error.at);
    let found = IngestError::new(format!("{}; these are {}", error.message, paths.join(", ")));
    Some(suggest_rows(found, &paths))
}

/// Suggests the members that may hold the rows. A dot begins the name of an outermost one that another object has, too.
fn suggest_rows(error: IngestError, paths: &[String]) -> IngestError {
    let mut distinct: Vec<&String> = paths.iter().filter(|path| !path.is_empty()).collect();
    distinct.sort_unstable();
    distinct.dedup();
    let is_inner = |name: &str| paths.iter().any(|path| path.rsplit_once('.').is_some_and(|(_, last)| last == name));
    let name_of = |path: &String| if is_inner(path) { format!(".{path}") } else { path.clone() };
    distinct.iter().take(3).fold(error, |error, path| error.suggest("rows", name_of(path)))
}

/// Returns the error of an input without rows.
fn no_row(items: Option<&Items>, rows_member: Option<&String>, refused: Option<IngestError>) -> IngestError {
    if let Some(error) = refused {
        return if error.message.ends_with("is not UTF-8") { error.suggest("encoding", "latin1") } else { error };
    }
    let others = items.map(Items::other_arrays).unwrap_or_default();
    let error = match rows_member {
        Some(name) if others.is_empty() => {
            format!("rows names the member {name:?}, of which no array of objects was found")
        }
        Some(name) => {
            let others = others.join(", ");
            format!("rows names the member {name:?}, of which no array of objects was found, but of {others}")
        }
        None => "the JSON has no row: no object was found".to_owned(),
    };
    suggest_rows(IngestError::new(error), others)
}

/// Adds to the error of a long object without rows that columns are read from shorter ones.
fn too_long_for_columns(error: IngestError, limits: &Limits) -> IngestError {
    let (file, pipe) = (limits.columnar_bytes >> 20, limits.row_bytes >> 20);
    let message = format!(
        "{} in the first part of an object; an object of columns, arrays of one length, is read as a whole: it has {file} MiB \
         at most in a file, and {pipe} MiB on standard input",
        error.message
    );
    IngestError { message, ..error }
}

fn table_row(columns: &Columns, row: SampleRow) -> TableRow {
    let mut cells = vec![String::new(); columns.names.len()];
    for (path, text) in row.members {
        if let Some(at) = columns.find(&path) {
            cells[at] = text;
        }
    }
    TableRow { line: row.line, cells }
}

impl Planner for JsonPlanner {
    fn push(&mut self, bytes: &[u8]) -> PlannerState {
        if self.state == PlannerState::Undecided {
            self.pending.extend_from_slice(bytes);
            self.read(false);
            // The bytes behind a second array are kept for the message about it, as far as they are few.
            if self.several.is_some() && self.pending.len() > self.options.limits.row_bytes {
                self.state = PlannerState::Decided;
            }
        }
        self.state
    }

    fn finish(mut self: Box<Self>, whole: bool) -> Result<Box<dyn Decoder>, IngestError> {
        if self.state == PlannerState::Undecided {
            self.read(whole);
        }
        if self.items.is_none() && self.is_long_object {
            // A part of an object: if it holds columns, it cannot be read.
            let items = Items::new(Arrangement::Wrapped, self.options.table.rows_member.clone());
            self.items = Some((Arrangement::Wrapped, items));
            self.read(whole);
        }
        if let Some(error) = self.error {
            return Err(error);
        }
        if let (Some(error), Some((_, items))) = (&self.several, &self.items)
            && let Some(error) = several_arrays(error, items, &self.pending)
        {
            return Err(error);
        }
        if self.table.is_none() {
            self.begin_table();
        }
        let arrangement = self.items.as_ref().map_or(Arrangement::Lines, |(arrangement, _)| *arrangement);
        let table = self.table.ok_or_else(|| IngestError::new("there is no table"))?;
        if table.sample_len() == 0 {
            let items = self.items.as_ref().map(|(_, items)| items);
            let error = no_row(items, self.options.table.rows_member.as_ref(), self.refused);
            return Err(if self.is_long_object { too_long_for_columns(error, &self.options.limits) } else { error });
        }
        let nested = self.refused.filter(|error| error.message.contains(ROWS_WITHIN_ROWS));
        let (mapper, mut understanding) = table.finish().map_err(|error| nested.unwrap_or(error))?;
        let text = match arrangement {
            Arrangement::Lines => "json, an object per line",
            Arrangement::Elements => "json, objects or arrays of objects",
            Arrangement::Wrapped => "json, an object that wraps an array of objects",
            Arrangement::Columnar => "json, an object of columns",
        };
        understanding.properties.insert(0, ("format", text.to_owned()));
        if arrangement == Arrangement::Wrapped {
            understanding.notes.push("the members beside the array of objects are left out".to_owned());
        }
        if self.columns_path.as_ref().is_some_and(|path| !path.is_empty()) {
            understanding.notes.push("the members beside the object of columns are left out".to_owned());
        }
        if !self.left_out.is_empty() {
            let names = join_limited(&self.left_out, 10);
            understanding.notes.push(format!("members beside the columns are left out: {names}"));
        }
        if !self.late.is_empty() {
            let late = self.late.join(", ");
            understanding.notes.push(format!("types names members that the first rows do not have: {late}"));
        }
        let mut parser = TableRowParser::new(mapper, self.columns, self.options.limits.fields, understanding);
        parser.times.clone_from(&self.options.table.time);
        parser.columns_path = self.columns_path;
        Ok(Box::new(JsonDecoder::new(parser, arrangement, &self.options)))
    }
}
