//! Decides how the rows of JSON are arranged: as lines, elements, in an object around them, or as columns.

use super::columnar;
use super::flatten::flatten;
use super::items::{Arrangement, Item, Items, value_len};
use super::value::JsonValue;
use crate::formats::line_decoder::without_bom;
use crate::table::is_clock_or_date_name;
use crate::{IngestError, IngestOptions};

/// Lines that are looked at if the first is damaged, at most.
const MAX_LINES: usize = 100;

/// Decides how the rows are arranged; `None` if more bytes are needed.
pub(super) fn arrangement(head: &[u8], whole: bool, options: &IngestOptions) -> Option<Arrangement> {
    if head.len() < 3 && !whole {
        return None;
    }
    let is_long = head.len() >= options.limits.row_bytes;
    // An object without an array of objects in its first part may hold columns, which are found only in a whole object.
    let is_wrapped = |head: &[u8]| {
        head.len() >= options.limits.columnar_bytes.max(options.limits.row_bytes)
            || wraps_rows(head, options.table.rows_member.as_ref())
    };
    if options.table.rows_member.is_some() {
        if !whole {
            return (is_long && is_wrapped(head)).then_some(Arrangement::Wrapped);
        }
        let is_columnar = head.len() <= options.limits.columnar_bytes && chosen_columns(head, options).is_some();
        return Some(if is_columnar { Arrangement::Columnar } else { Arrangement::Wrapped });
    }
    let head = without_bom(head).trim_ascii_start();
    match head.first() {
        None if !whole => None,
        Some(b'[') => Some(Arrangement::Elements),
        Some(b'{') => match value_len(head) {
            Some(len) => arrangement_after(&head[..len], &head[len..], whole, options),
            // A first line that is damaged does not affect the others.
            None if (whole || is_long) && are_lines(head) => Some(Arrangement::Lines),
            None if whole => Some(Arrangement::Elements),
            // An object above the limit can only be one that wraps the rows.
            None => (is_long && is_wrapped(head)).then_some(Arrangement::Wrapped),
        },
        _ => Some(Arrangement::Lines),
    }
}

/// Returns `true` if an array of objects begins in the first part of an object.
fn wraps_rows(head: &[u8], rows_member: Option<&String>) -> bool {
    let mut items = Items::new(Arrangement::Wrapped, rows_member.cloned());
    // An error is one of several such arrays.
    !matches!(items.next(without_bom(head), false), Ok((_, Item::Incomplete))) || !items.other_arrays().is_empty()
}

/// Returns `true` if half of the first lines are objects by themselves.
fn are_lines(head: &[u8]) -> bool {
    let lines = || head.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).take(MAX_LINES);
    let is_object = |line: &&[u8]| matches!(JsonValue::parse(line), Ok(JsonValue::Object(_)));
    let count = lines().count();
    count > 1 && lines().filter(is_object).count() * 2 >= count
}

fn arrangement_after(first: &[u8], rest: &[u8], whole: bool, options: &IngestOptions) -> Option<Arrangement> {
    if rest.trim_ascii().is_empty() {
        return match JsonValue::parse(first) {
            // What follows an object that is so long belongs to no row that could be read.
            _ if !whole && first.len() < options.limits.columnar_bytes => None,
            Ok(object) if holds_rows(&object, 0, options) => Some(Arrangement::Wrapped),
            Ok(object) if !columnar::paths(&object, &options.table.time).is_empty() => Some(Arrangement::Columnar),
            _ => Some(Arrangement::Elements),
        };
    }
    let is_line = !first.contains(&b'\n') && rest.trim_ascii_start().len() < rest.len() && {
        let blank = rest.len() - rest.trim_ascii_start().len();
        rest[..blank].contains(&b'\n')
    };
    Some(if is_line { Arrangement::Lines } else { Arrangement::Elements })
}

/// Returns the path of the object of columns; an error if there are several; `None` if there is none.
pub(super) fn chosen_columns(text: &[u8], options: &IngestOptions) -> Option<Result<String, IngestError>> {
    let object = JsonValue::parse(without_bom(text)).ok()?;
    let mut paths = columnar::paths(&object, &options.table.time);
    if let Some(name) = &options.table.rows_member {
        let outermost = name.strip_prefix('.');
        paths.retain(|path| path == name || path.rsplit('.').next() == Some(name) || outermost == Some(path));
    }
    match &paths[..] {
        [] => None,
        [path] => Some(Ok(path.clone())),
        _ => {
            let error = IngestError::new(format!(
                "the JSON holds columns in several objects: {}; name the one of the rows",
                paths.join(", ")
            ));
            Some(Err(paths.iter().take(3).fold(error, |error, path| error.suggest("rows", path.clone()))))
        }
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
