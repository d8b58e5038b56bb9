//! Strings of digits that identify something: as numbers they would lose their leading zeros, or mean nothing.

use std::collections::HashSet;

use super::value::JsonValue;
use crate::table::sounds_like_id;

/// Adds the paths of the members whose strings of digits are identifiers.
pub(super) fn add_identifiers(row: &JsonValue<'_>, found: &mut HashSet<String>) {
    add(row, "", "", found);
}

/// Returns `true` for several digits of which the first is a zero. In JSON only a string can hold them.
pub(super) fn is_zero_led(text: &str) -> bool {
    text.len() > 1 && text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn add(value: &JsonValue<'_>, path: &str, name: &str, found: &mut HashSet<String>) {
    let joined = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        JsonValue::Object(members) => {
            for (name, member) in members {
                add(member, &joined(name), name, found);
            }
        }
        JsonValue::Array(elements) => {
            for (at, element) in elements.iter().enumerate() {
                add(element, &joined(&at.to_string()), name, found);
            }
        }
        JsonValue::Text(text) => {
            let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            if is_zero_led(text) || (is_digits && sounds_like_id(name)) {
                found.insert(path.to_owned());
            }
        }
        _ => {}
    }
}
