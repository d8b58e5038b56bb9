//! Rows of a stream of JSON: lines, values one after the other, the elements of arrays, or of an array in an object.

use super::wrapper_scan::{Found, WrapperScan};

/// Message about an object whose rows are in one of several arrays.
pub(crate) const SEVERAL_ARRAYS: &str = "the object holds several arrays of objects: name the member of the rows";

/// Message about a name that does not tell two arrays apart.
pub(crate) const TWO_OF_NAME: &str = "rows names the member of two arrays of objects: name the members around it too, as in a.b, or .a for the outermost";

/// Message about an array or an object that the end of the input cuts off.
const CUT_OFF: &str = "the JSON is cut off: the array or object around the rows is not closed";

/// How the rows are arranged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrangement {
    /// A value per line, so that a damaged line does not affect the next.
    Lines,
    /// Values that may span lines, with white space or commas between them; arrays are opened.
    Elements,
    /// The elements of the only array of objects in an object, or of the one that the options name.
    Wrapped,
    /// One object of columns, each an array.
    Columnar,
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
    is_in_array: bool,
    /// Place within a wrapping object.
    wrapper: WrapperScan,
}

impl Items {
    pub(crate) fn new(arrangement: Arrangement, rows_member: Option<String>) -> Self {
        Self { arrangement, is_in_array: false, wrapper: WrapperScan::new(rows_member) }
    }

    /// Returns the paths of the arrays of objects that were left out, the first of them if there are many.
    pub(crate) fn other_arrays(&self) -> &[String] {
        self.wrapper.other_arrays()
    }

    /// Returns the paths of all arrays of objects in the bytes from the place of an error about several.
    pub(crate) fn all_arrays(&self, input: &[u8], at: usize) -> Vec<String> {
        self.wrapper.clone().all_arrays(input, at)
    }

    /// Finds the next row in `input`; returns the bytes before it that are no part of any row, too.
    ///
    /// The caller removes the returned number of bytes, and those of the row. An incomplete value that `last` says is
    /// the last one is a row as well, which then fails to parse.
    pub(crate) fn next(&mut self, input: &[u8], last: bool) -> Result<(usize, Item), ItemError> {
        match self.arrangement {
            Arrangement::Lines => Ok(next_line(input, last)),
            Arrangement::Elements => self.next_element(input, 0, last),
            Arrangement::Columnar => Ok(next_whole(input, last)),
            Arrangement::Wrapped if self.is_in_array => self.next_element(input, 0, last),
            Arrangement::Wrapped => self.next_wrapped(input, 0, last),
        }
    }

    fn next_element(&mut self, input: &[u8], start: usize, last: bool) -> Result<(usize, Item), ItemError> {
        let mut at = start;
        loop {
            match input.get(at) {
                None if last && self.is_in_array => return Err(ItemError { at, message: CUT_OFF }),
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
                        return self.next_wrapped(input, at, last);
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

    /// Skips members until the array of the rows begins.
    fn next_wrapped(&mut self, input: &[u8], start: usize, last: bool) -> Result<(usize, Item), ItemError> {
        match self.wrapper.skip(input, start)? {
            (at, Found::Rows) => {
                self.is_in_array = true;
                self.next_element(input, at + 1, last)
            }
            (at, Found::Nothing) if last && (at < input.len() || self.wrapper.is_open()) => {
                Err(ItemError { at, message: CUT_OFF })
            }
            (_, Found::Nothing) if last => Ok((input.len(), Item::End)),
            (at, Found::Nothing) => Ok((at, Item::Incomplete)),
        }
    }
}

/// Returns all of the input as one row, once it has ended.
fn next_whole(input: &[u8], last: bool) -> (usize, Item) {
    let skipped = input.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(input.len());
    match last {
        false => (0, Item::Incomplete),
        true if skipped == input.len() => (skipped, Item::End),
        true => (skipped, Item::Row(skipped, input.len())),
    }
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
pub(super) fn string_len(input: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', input.get(at..)?)?;
        if input[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}
