//! Notation of the numbers in the columns of the time.

use std::borrow::Cow;

use super::number::NumberSyntax;
use crate::time::TimeReader;

/// Returns the text of a time with its numbers in plain notation, if its format has numbers with decimals.
pub(super) fn plain_time<'a>(reader: &TimeReader, syntax: NumberSyntax, text: &'a str) -> Cow<'a, str> {
    if syntax.decimal == '.' && syntax.thousands.is_none() {
        return Cow::Borrowed(text);
    }
    let is_number = !text.contains([':', ' ']) && !text.contains("day");
    match reader {
        TimeReader::Epoch { .. } | TimeReader::Excel | TimeReader::Elapsed { .. } if is_number => {
            // A number in plain notation is one, too.
            NumberSyntax { units: false, ..syntax }.plain(text).unwrap_or(Cow::Borrowed(text))
        }
        TimeReader::Elapsed { .. } | TimeReader::Parts(_) | TimeReader::DateAndParts { .. }
            if syntax.decimal != '.' =>
        {
            with_point(text, syntax.decimal)
        }
        _ => Cow::Borrowed(text),
    }
}

/// Replaces the last decimal separator by a point, if it is between digits.
fn with_point(text: &str, decimal: char) -> Cow<'_, str> {
    let Some((before, after)) = text.rsplit_once(decimal) else { return Cow::Borrowed(text) };
    let is_decimal = before.ends_with(|c: char| c.is_ascii_digit()) && after.starts_with(|c: char| c.is_ascii_digit());
    if is_decimal { Cow::Owned(format!("{before}.{after}")) } else { Cow::Borrowed(text) }
}
