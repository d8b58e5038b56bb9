//! Rows within rows: arrays that hold times, of which a row could keep only the first.

use super::value::JsonValue;
use crate::TimeFormat;
use crate::formats::row_error::RowError;
use crate::table::is_clock_or_date_name;

/// Refuses a row whose time can only be that of an element of an array: the other elements would be lost.
///
/// `times` are the columns that the options name; without any, a row with a date outside of arrays has its own time.
pub(super) fn refuse_nested(row: &JsonValue<'_>, times: &[String]) -> Result<(), RowError> {
    if !holds_array(row) {
        return Ok(());
    }
    let mut search = Search { times, has_own: false, nested: None };
    search.look(row, "", "", None);
    match search.nested {
        Some(NestedTime { path, column, is_only }) if !search.has_own => {
            let error = RowError::refused(format!(
                "the times are within the array {path:?} of each row: {ROWS_WITHIN_ROWS} cannot be read"
            ));
            Err(if is_only { error.suggest("time", column) } else { error })
        }
        _ => Ok(()),
    }
}

/// What a row holds that is refused.
pub(super) const ROWS_WITHIN_ROWS: &str = "rows within rows";

/// Time within an array.
struct NestedTime {
    /// Path without indexes.
    path: String,
    /// Path with indexes, as columns have.
    column: String,
    /// `true` if the arrays around it have one element each.
    is_only: bool,
}

fn holds_array(value: &JsonValue<'_>) -> bool {
    match value {
        JsonValue::Array(elements) => !elements.is_empty(),
        JsonValue::Object(members) => members.iter().any(|(_, member)| holds_array(member)),
        _ => false,
    }
}

/// Returns `true` for an object, an array or a time.
fn may_be_row(element: &JsonValue<'_>) -> bool {
    match element {
        JsonValue::Array(_) | JsonValue::Object(_) => true,
        JsonValue::Text(text) => is_clock_or_date_name(text),
        JsonValue::Number(digits) => TimeFormat::of_number(digits).is_some(),
        _ => false,
    }
}

struct Search<'a> {
    times: &'a [String],
    /// Whether the row has a time outside of arrays.
    has_own: bool,
    /// First time within an array.
    nested: Option<NestedTime>,
}

impl Search<'_> {
    /// Looks at a value. `path` has the indexes of elements, as columns have; `array` is the length of the array around.
    fn look(&mut self, value: &JsonValue<'_>, path: &str, plain: &str, array: Option<usize>) {
        let joined = |path: &str, name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        match value {
            JsonValue::Object(members) => {
                for (name, member) in members {
                    self.look(member, &joined(path, name), &joined(plain, name), array);
                }
            }
            JsonValue::Array(elements) => {
                // The elements beyond the first say nothing new, but the others of a pair of time and value are no rows.
                if let Some((first, others)) = elements.split_first() {
                    let len = if others.iter().any(may_be_row) { elements.len() } else { 1 };
                    self.look(first, &joined(path, "0"), plain, Some(len.max(array.unwrap_or(0))));
                }
            }
            JsonValue::Text(text) => {
                let is_time = if self.times.is_empty() {
                    is_clock_or_date_name(text)
                } else {
                    self.times.iter().any(|name| name == path)
                };
                match array {
                    _ if !is_time => {}
                    None => self.has_own = true,
                    // A named element of an array of one is the only time there is.
                    Some(1) if !self.times.is_empty() => self.has_own = true,
                    Some(len) => self.nest(path, plain, len),
                }
            }
            JsonValue::Number(_) if self.times.iter().any(|name| name == path) => match array {
                None | Some(1) => self.has_own = true,
                Some(len) => self.nest(path, plain, len),
            },
            _ => {}
        }
    }

    fn nest(&mut self, column: &str, path: &str, len: usize) {
        let found = || NestedTime { path: path.to_owned(), column: column.to_owned(), is_only: len == 1 };
        self.nested.get_or_insert_with(found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str, times: &[&str]) -> Option<String> {
        let row = JsonValue::parse(text.as_bytes()).unwrap();
        let times: Vec<String> = times.iter().map(|name| (*name).to_owned()).collect();
        refuse_nested(&row, &times).err().map(|error| format!("{error:?}"))
    }

    #[test]
    fn a_row_without_a_time_of_its_own_is_refused() {
        let nested = r#"{"site":"a","values":[{"value":[{"at":"2024-01-01","v":1},{"at":"2024-01-02","v":2}]}]}"#;
        assert!(refusal(nested, &[]).unwrap().contains("values.value.at"));
        assert!(refusal(nested, &["values.0.value.0.at"]).is_some());
        assert!(refusal(r#"{"time":["2024-01-01","2024-01-02"],"v":[1,2]}"#, &[]).is_some());
        assert_eq!(refusal(r#"{"t":"2024-01-01","events":[{"at":"2024-01-01"}],"v":1}"#, &[]), None);
        assert!(refusal(r#"{"m":[{"at":"2024-01-01"}]}"#, &[]).unwrap().contains("m.0.at"));
        assert_eq!(refusal(r#"{"m":[{"at":"2024-01-01"}]}"#, &["m.0.at"]), None);
        assert_eq!(refusal(r#"{"m":[{"at":1704067200,"v":1}]}"#, &["m.0.at"]), None);
        assert_eq!(refusal(r#"{"v":[{"a":1}]}"#, &[]), None);
        assert_eq!(refusal(r#"{"value":[1704067200.123,"1"]}"#, &["value.0"]), None);
        assert_eq!(refusal(r#"{"p":["2024-01-01T00:00:00Z",5.2]}"#, &["p.0"]), None);
        assert!(refusal(r#"{"t":[1704067200,1704067260]}"#, &["t.0"]).is_some());
    }
}
