//! Columnar JSON: an object whose members are arrays of equal length, such as `{"time":["2024-01-01",..],"v":[1,..]}`.

use super::value::JsonValue;
use crate::TimeFormat;
use crate::table::is_clock_or_date_name;

/// Depth of objects in which columns are searched.
const MAX_COLUMNS_DEPTH: usize = 8;

/// Returns the paths of the objects that hold columns, with a column of times each; the path of the whole is empty.
///
/// `times` are the names of the time that the options give.
pub(super) fn paths(value: &JsonValue<'_>, times: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    search(value, String::new(), times, &mut found);
    found
}

fn search(value: &JsonValue<'_>, path: String, times: &[String], found: &mut Vec<String>) {
    let JsonValue::Object(members) = value else { return };
    if columns(value).is_some_and(|columns| columns.iter().any(|(name, cells)| is_time(name, cells, times))) {
        found.push(path);
    } else if path.split('.').count() < MAX_COLUMNS_DEPTH {
        for (name, member) in members {
            let path = if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
            search(member, path, times, found);
        }
    }
}

type Column<'v, 'a> = (&'v str, &'v [JsonValue<'a>]);

/// Returns the members that are arrays: two at least, of scalars, and of one length of two at least; else `None`.
///
/// An object with a time beside its arrays is a row.
fn columns<'v, 'a>(value: &'v JsonValue<'a>) -> Option<Vec<Column<'v, 'a>>> {
    let JsonValue::Object(members) = value else { return None };
    let is_scalar = |cell: &JsonValue<'_>| !matches!(cell, JsonValue::Array(_) | JsonValue::Object(_));
    let is_own_time = |value: &JsonValue<'_>| matches!(value, JsonValue::Text(text) if is_clock_or_date_name(text));
    let arrays = members.iter().filter(|(_, value)| matches!(value, JsonValue::Array(_)));
    let columns: Vec<Column<'v, 'a>> = arrays.map(|(name, value)| (name.as_ref(), value.elements())).collect();
    let rows = columns.first()?.1.len();
    let are_full = columns.iter().all(|(_, cells)| cells.len() == rows && cells.iter().all(is_scalar));
    let has_own_time = members.iter().any(|(_, value)| is_own_time(value));
    (columns.len() > 1 && rows > 1 && are_full && !has_own_time).then_some(columns)
}

/// Returns the names of the members that are no columns, beside the columns at a path.
pub(super) fn left_out(value: &JsonValue<'_>, path: &str) -> Vec<String> {
    let Some(JsonValue::Object(members)) = at_path(value, path) else { return Vec::new() };
    let others = members.iter().filter(|(_, value)| !matches!(value, JsonValue::Array(_)));
    others.map(|(name, _)| name.to_string()).collect()
}

fn at_path<'v, 'a>(value: &'v JsonValue<'a>, path: &str) -> Option<&'v JsonValue<'a>> {
    let inner = path.split('.').filter(|name| !name.is_empty()).try_fold(value, |value, name| value.get(name));
    // A name may hold dots.
    inner.or_else(|| value.get(path))
}

fn is_time(name: &str, cells: &[JsonValue<'_>], times: &[String]) -> bool {
    if !times.is_empty() {
        return times.iter().any(|time| time == name);
    }
    cells.iter().all(|cell| match cell {
        JsonValue::Text(text) => is_clock_or_date_name(text),
        JsonValue::Number(digits) => TimeFormat::of_number(digits).is_some(),
        _ => false,
    })
}

/// Returns the rows of the columns at a path, one by one; `None` if there are no columns.
pub(super) fn rows<'v, 'a>(
    value: &'v JsonValue<'a>,
    path: &str,
) -> Option<impl Iterator<Item = JsonValue<'a>> + use<'v, 'a>> {
    let columns = at_path(value, path).and_then(columns)?;
    let count = columns.first().map_or(0, |(_, cells)| cells.len());
    let row = move |at: usize| {
        let cells =
            columns.iter().filter_map(|(name, cells)| Some(((*name).to_owned().into(), cells.get(at)?.clone())));
        JsonValue::Object(cells.collect())
    };
    Some((0..count).map(row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_equal_length_with_times_are_rows() {
        let parse = |text: &'static str| JsonValue::parse(text.as_bytes()).unwrap();
        let open = parse(r#"{"lat":52.5,"hourly":{"time":["2024-01-01T00:00","2024-01-01T01:00"],"t":[1.5,null]}}"#);
        assert_eq!(paths(&open, &[]), ["hourly"]);
        let found: Vec<JsonValue<'_>> = rows(&open, "hourly").unwrap().collect();
        assert_eq!(found[1].get("t"), Some(&JsonValue::Null));
        assert_eq!((found.len(), left_out(&open, "")), (2, vec!["lat".to_owned(), "hourly".to_owned()]));
        assert_eq!(paths(&parse(r#"{"t":[1704067200,1704067260],"v":[1,2]}"#), &[]), [""]);
        for other in [
            r#"{"t":["2024-01-01"],"v":[1]}"#,
            r#"{"t":["2024-01-01","2024-01-02"],"v":[1]}"#,
            r#"{"a":[1,2],"b":[3,4]}"#,
            r#"{"t":["2024-01-01","2024-01-02"],"v":[1,2],"w":[3,[4]]}"#,
            r#"{"time":"2024-01-01","at":["2024-01-01","2024-01-02"],"q":[1,2]}"#,
        ] {
            assert!(paths(&parse(other), &[]).is_empty(), "{other}");
        }
    }
}
