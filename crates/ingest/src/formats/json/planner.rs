//! Decides from the first rows how JSON is arranged, and which columns there are.

use super::decoder::JsonDecoder;
use super::flatten::flatten;
use super::items::{Arrangement, Item, ItemError, Items, SEVERAL_ARRAYS, TWO_OF_NAME, value_len};
use super::table_rows::{Columns, TableRowParser};
use super::value::JsonValue;
use crate::formats::line_decoder::without_bom;
use crate::table::{ColumnNames, SAMPLE_ROWS, TablePlanner, TableRow, is_clock_or_date_name, is_export_header};
use crate::{Decoder, IngestError, IngestOptions, Planner, PlannerState};

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
    line: u64,
    sample: Vec<SampleRow>,
    sample_bytes: usize,
    columns: Columns,
    /// Columns that the first rows lack.
    late: Vec<String>,
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
            line: 1,
            sample: Vec::new(),
            sample_bytes: 0,
            columns: Columns::default(),
            late: Vec::new(),
            table: None,
            is_planned: false,
            state: PlannerState::Undecided,
            error: None,
        }
    }

    /// Reads the rows that are complete.
    fn read(&mut self, last: bool) {
        if self.items.is_none() {
            let Some(arrangement) = arrangement(&self.pending, last, &self.options) else {
                return;
            };
            let bom = self.pending.len() - without_bom(&self.pending).len();
            self.pending.drain(..bom);
            let rows_member = self.options.table.rows_member.clone();
            self.items = Some((arrangement, Items::new(arrangement, rows_member)));
        }
        let Some((arrangement, mut items)) = self.items.clone() else {
            return;
        };
        let pending = std::mem::take(&mut self.pending);
        let mut at = 0;
        while self.state == PlannerState::Undecided {
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
                Err(error) => {
                    self.error = several_arrays(&error);
                    self.state = PlannerState::Decided;
                }
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
        let Ok(row) = JsonValue::parse(text) else {
            return;
        };
        let Ok(members) = flatten(&row, self.options.limits.fields) else {
            return;
        };
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
        self.sample_bytes += text.len();
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

/// Returns the error of an object with several arrays that could hold the rows; `None` for any other error of items.
pub(super) fn several_arrays(error: &ItemError) -> Option<IngestError> {
    [SEVERAL_ARRAYS, TWO_OF_NAME]
        .contains(&error.message)
        .then(|| IngestError::new(error.message).suggest("rows", "MEMBER"))
}

/// Returns the error of an input without rows.
fn no_row(arrangement: Arrangement, items: Option<&Items>, rows_member: Option<&String>) -> IngestError {
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
    let error = IngestError::new(error);
    if arrangement == Arrangement::Wrapped { error.suggest("rows", "MEMBER") } else { error }
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
        }
        self.state
    }

    fn finish(mut self: Box<Self>, whole: bool) -> Result<Box<dyn Decoder>, IngestError> {
        if self.state == PlannerState::Undecided {
            self.read(whole);
        }
        if let Some(error) = self.error {
            return Err(error);
        }
        if self.table.is_none() {
            self.begin_table();
        }
        let arrangement = self.items.as_ref().map_or(Arrangement::Lines, |(arrangement, _)| *arrangement);
        let table = self.table.ok_or_else(|| IngestError::new("there is no table"))?;
        if table.sample_len() == 0 {
            let items = self.items.as_ref().map(|(_, items)| items);
            return Err(no_row(arrangement, items, self.options.table.rows_member.as_ref()));
        }
        let (mapper, mut understanding) = table.finish()?;
        let text = match arrangement {
            Arrangement::Lines => "json, an object per line",
            Arrangement::Elements => "json, objects or arrays of objects",
            Arrangement::Wrapped => "json, an object that wraps an array of objects",
        };
        understanding.properties.insert(0, ("format", text.to_owned()));
        if arrangement == Arrangement::Wrapped {
            understanding.notes.push("the members beside the array of objects are left out".to_owned());
        }
        if !self.late.is_empty() {
            let late = self.late.join(", ");
            understanding.notes.push(format!("types names members that the first rows do not have: {late}"));
        }
        let parser = TableRowParser::new(mapper, self.columns, self.options.limits.fields, understanding);
        Ok(Box::new(JsonDecoder::new(parser, arrangement, &self.options)))
    }
}

/// Decides how the rows are arranged; `None` if more bytes are needed.
fn arrangement(head: &[u8], whole: bool, options: &IngestOptions) -> Option<Arrangement> {
    if head.len() < 3 && !whole {
        return None;
    }
    if options.table.rows_member.is_some() {
        return Some(Arrangement::Wrapped);
    }
    let head = without_bom(head).trim_ascii_start();
    match head.first() {
        None if !whole => None,
        Some(b'[') => Some(Arrangement::Elements),
        Some(b'{') => match value_len(head) {
            Some(len) => arrangement_after(&head[..len], &head[len..], whole, options),
            None if whole => Some(Arrangement::Elements),
            // An object above the limit can only be one that wraps the rows.
            None => (head.len() > options.limits.row_bytes).then_some(Arrangement::Wrapped),
        },
        _ => Some(Arrangement::Lines),
    }
}

/// Returns `true` if a member is an array of objects; within objects of an object, an array of several or with times.
fn holds_rows(object: &JsonValue<'_>, depth: usize, options: &IngestOptions) -> bool {
    let JsonValue::Object(members) = object else { return false };
    members.iter().any(|(_, value)| {
        let elements = value.elements();
        let is_object = |element: &JsonValue<'_>| matches!(element, JsonValue::Object(_));
        let is_rows = elements.first().is_some_and(|first| {
            is_object(first) && (depth == 0 || elements.get(1).is_some_and(is_object) || has_time(first, options))
        });
        is_rows || holds_rows(value, depth + 1, options)
    })
}

/// Returns `true` if an object has the times that the options name or, without names, any date or clock.
fn has_time(object: &JsonValue<'_>, options: &IngestOptions) -> bool {
    let Ok(members) = flatten(object, options.limits.fields) else { return false };
    let names = &options.table.time;
    if names.is_empty() {
        return members.iter().any(|(_, text)| is_clock_or_date_name(text));
    }
    names.iter().all(|name| members.iter().any(|(path, _)| path == name))
}

fn arrangement_after(first: &[u8], rest: &[u8], whole: bool, options: &IngestOptions) -> Option<Arrangement> {
    if rest.trim_ascii().is_empty() {
        return match JsonValue::parse(first) {
            _ if !whole => None,
            Ok(object) if holds_rows(&object, 0, options) => Some(Arrangement::Wrapped),
            _ => Some(Arrangement::Elements),
        };
    }
    let is_line = !first.contains(&b'\n') && rest.trim_ascii_start().len() < rest.len() && {
        let blank = rest.len() - rest.trim_ascii_start().len();
        rest[..blank].contains(&b'\n')
    };
    Some(if is_line { Arrangement::Lines } else { Arrangement::Elements })
}
