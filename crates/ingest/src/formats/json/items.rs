//! Rows of a stream of JSON: lines, values one after the other, the elements of arrays, or of an array in an object.

use super::value::JsonValue;

/// Message about an object whose rows are in one of several arrays.
pub(crate) const SEVERAL_ARRAYS: &str = "the object holds several arrays of objects: name the member of the rows";

/// How the rows are arranged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrangement {
    /// A value per line, so that a damaged line does not affect the next.
    Lines,
    /// Values that may span lines, with white space or commas between them; arrays are opened.
    Elements,
    /// The elements of the only array of objects in an object, or of the one that the options name.
    Wrapped,
}

/// Next row of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Item {
    /// The value is between these indices.
    Row(usize, usize),
    /// More bytes are needed to find the next row.
    Incomplete,
    /// There is no row left in the bytes.
    End,
}

/// What cannot be split into rows, and at which byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ItemError {
    pub(crate) at: usize,
    pub(crate) message: &'static str,
}

/// Finds rows; it is called again with the bytes after each row.
#[derive(Debug, Clone)]
pub(crate) struct Items {
    arrangement: Arrangement,
    /// Whether the array of a wrapping object has been opened, or has been left.
    wrapper: Wrapper,
    is_in_array: bool,
    /// Name of the member whose array holds the rows; `None` for the only array of objects.
    rows_member: Option<String>,
    /// Text of the last string of a wrapping object, with its quotes: the name of the member that follows.
    last_text: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrapper {
    Members,
    Rows,
    Rest,
}

impl Items {
    pub(crate) fn new(arrangement: Arrangement, rows_member: Option<String>) -> Self {
        let wrapper = if arrangement == Arrangement::Wrapped { Wrapper::Members } else { Wrapper::Rows };
        Self { arrangement, wrapper, is_in_array: false, rows_member, last_text: Vec::new() }
    }

    /// Finds the next row in `input`; returns the bytes before it that are no part of any row, too.
    ///
    /// The caller removes the returned number of bytes, and those of the row. An incomplete value that `last` says is
    /// the last one is a row as well, which then fails to parse.
    pub(crate) fn next(&mut self, input: &[u8], last: bool) -> Result<(usize, Item), ItemError> {
        match self.arrangement {
            Arrangement::Lines => Ok(next_line(input, last)),
            Arrangement::Elements => self.next_element(input, 0, last),
            Arrangement::Wrapped => self.next_wrapped(input, last),
        }
    }

    fn next_element(&mut self, input: &[u8], start: usize, last: bool) -> Result<(usize, Item), ItemError> {
        let mut at = start;
        loop {
            match input.get(at) {
                None => return Ok((at, if last { Item::End } else { Item::Incomplete })),
                Some(b' ' | b'\t' | b'\r' | b'\n' | b',') => at += 1,
                Some(b'[') if !self.is_in_array => {
                    self.is_in_array = true;
                    at += 1;
                }
                Some(b']') if self.is_in_array => {
                    self.is_in_array = false;
                    at += 1;
                    if self.arrangement == Arrangement::Wrapped {
                        self.wrapper = Wrapper::Rest;
                        return self.next_wrapped_rest(input, at, last);
                    }
                }
                Some(b'{' | b'[') => {
                    return Ok(match value_len(&input[at..]) {
                        Some(len) => (at, Item::Row(at, at + len)),
                        None if last => (at, Item::Row(at, input.len())),
                        None => (at, Item::Incomplete),
                    });
                }
                Some(_) => {
                    let message = "an object is expected, or an array of objects";
                    return Err(ItemError { at, message });
                }
            }
        }
    }

    /// Skips members until the value of one is an array whose first element is an object.
    fn next_wrapped(&mut self, input: &[u8], last: bool) -> Result<(usize, Item), ItemError> {
        if self.wrapper == Wrapper::Rows {
            return self.next_element(input, 0, last);
        }
        if self.wrapper == Wrapper::Rest {
            return self.next_wrapped_rest(input, 0, last);
        }
        let incomplete = |at| Ok((at, if last { Item::End } else { Item::Incomplete }));
        let mut at = 0;
        loop {
            match input.get(at) {
                None => return incomplete(at),
                Some(b'[') => {
                    match holds_objects(&input[at..]) {
                        None => return incomplete(at),
                        Some(true) if self.is_rows_member() => {
                            (self.wrapper, self.is_in_array) = (Wrapper::Rows, true);
                            return self.next_element(input, at + 1, last);
                        }
                        Some(_) => {}
                    }
                    match value_len(&input[at..]) {
                        Some(len) => at += len,
                        None => return incomplete(at),
                    }
                }
                Some(b'"') => match string_len(&input[at..]) {
                    Some(len) => {
                        self.last_text = input[at..at + len].to_vec();
                        at += len;
                    }
                    None => return incomplete(at),
                },
                // Objects within the object are opened, too.
                Some(_) => at += 1,
            }
        }
    }

    /// Returns `true` if the member whose name was read last holds the rows.
    fn is_rows_member(&self) -> bool {
        let Some(name) = &self.rows_member else { return true };
        let last = name.rsplit('.').next().unwrap_or(name);
        matches!(JsonValue::parse(&self.last_text), Ok(JsonValue::Text(text)) if text == last || text == name.as_str())
    }

    /// Skips what follows the array; another array of objects is an error, since it would be lost.
    fn next_wrapped_rest(&self, input: &[u8], start: usize, last: bool) -> Result<(usize, Item), ItemError> {
        let mut at = start;
        while let Some(byte) = input.get(at) {
            let len = match byte {
                b'[' if self.rows_member.is_none() && holds_objects(&input[at..]) == Some(true) => {
                    return Err(ItemError { at, message: SEVERAL_ARRAYS });
                }
                b'[' => value_len(&input[at..]),
                b'"' => string_len(&input[at..]),
                _ => Some(1),
            };
            match len {
                Some(len) => at += len,
                None if last => at = input.len(),
                None => return Ok((at, Item::Incomplete)),
            }
        }
        Ok((at, if last { Item::End } else { Item::Incomplete }))
    }
}

/// Returns `true` if the array at the start begins with an object; `None` if more bytes are needed.
fn holds_objects(input: &[u8]) -> Option<bool> {
    let inner = input.get(1..)?.iter().find(|byte| !byte.is_ascii_whitespace())?;
    Some(*inner == b'{')
}

fn next_line(input: &[u8], last: bool) -> (usize, Item) {
    let skipped = input.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(input.len());
    if skipped == input.len() {
        return (skipped, if last { Item::End } else { Item::Incomplete });
    }
    match memchr::memchr(b'\n', &input[skipped..]) {
        Some(len) => (skipped, Item::Row(skipped, skipped + len)),
        None if last => (skipped, Item::Row(skipped, input.len())),
        None => (skipped, Item::Incomplete),
    }
}

/// Returns the length of the object or array at the start; `None` if it is incomplete.
pub(crate) fn value_len(input: &[u8]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(byte) = input.get(at) {
        match byte {
            b'"' => {
                at += string_len(&input[at..])?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// Returns the length of the string at the start, with its quotes.
fn string_len(input: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', input.get(at..)?)?;
        if input[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}
