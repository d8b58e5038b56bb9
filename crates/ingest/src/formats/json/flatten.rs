//! Members of nested objects and arrays as columns.

use std::borrow::Cow;

use super::value::JsonValue;
use crate::formats::row_error::RowError;

/// Path and text of each member of a row.
pub(super) type FlatRow<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// Returns the members of a row, those of nested objects as `a.b`; refuses a row that is no object.
pub(super) fn flatten<'a>(row: &'a JsonValue<'a>, max_fields: usize) -> Result<FlatRow<'a>, RowError> {
    let JsonValue::Object(members) = row else {
        return Err(RowError::refused("the row is not an object"));
    };
    let mut flat = Vec::with_capacity(members.len());
    for (name, value) in members {
        add(Cow::Borrowed(name), value, &mut flat);
        if flat.len() > max_fields {
            return Err(RowError::refused(format!("the row has more than {max_fields} members")));
        }
    }
    Ok(flat)
}

fn add<'a>(path: Cow<'a, str>, value: &'a JsonValue<'a>, flat: &mut FlatRow<'a>) {
    match value {
        JsonValue::Null => flat.push((path, Cow::Borrowed(""))),
        JsonValue::Bool(value) => flat.push((path, Cow::Borrowed(if *value { "true" } else { "false" }))),
        JsonValue::Number(digits) => flat.push((path, Cow::Borrowed(digits))),
        JsonValue::Text(text) => flat.push((path, Cow::Borrowed(text))),
        JsonValue::Array(elements) => {
            elements
                .iter()
                .enumerate()
                .for_each(|(at, element)| add(Cow::Owned(format!("{path}.{at}")), element, flat));
        }
        JsonValue::Object(members) => {
            for (name, member) in members {
                add(Cow::Owned(format!("{path}.{name}")), member, flat);
            }
        }
    }
}
