//! Finds the array of the rows within an object that wraps it.

use super::items::{ItemError, SEVERAL_ARRAYS, TWO_OF_NAME, string_len, value_len};
use super::value::{JsonValue, MAX_DEPTH};

/// Paths of arrays that are kept for a message, at most.
const MAX_OTHER_ARRAYS: usize = 20;

/// What ended a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// The array of the rows begins.
    Rows,
    /// The bytes end.
    Nothing,
}

/// Place within an object, whose members are skipped until one is the array of the rows.
#[derive(Debug, Clone)]
pub(super) struct WrapperScan {
    /// Member whose array holds the rows, or its path as `a.b`; `None` for the only array of objects.
    rows_member: Option<String>,
    /// Name of the present member of each object that is open; empty before the first.
    path: Vec<String>,
    /// Text of the last string, with its quotes: the name of a member if a colon follows.
    last_text: Vec<u8>,
    /// Path of the array of the rows, once it has been found.
    rows_path: Option<String>,
    /// `true` if no array is that of the rows, since all paths are wanted.
    is_listing: bool,
    other_arrays: Vec<String>,
}

impl WrapperScan {
    pub(super) fn new(rows_member: Option<String>) -> Self {
        Self {
            rows_member,
            path: Vec::new(),
            last_text: Vec::new(),
            rows_path: None,
            is_listing: false,
            other_arrays: Vec::new(),
        }
    }

    /// See [`super::items::Items::other_arrays`].
    pub(super) fn other_arrays(&self) -> &[String] {
        &self.other_arrays
    }

    /// Returns `true` within an object.
    pub(super) fn is_open(&self) -> bool {
        !self.path.is_empty()
    }

    /// Returns the path of the rows and those of the arrays of objects from `at` to the end of the bytes.
    pub(super) fn all_arrays(mut self, input: &[u8], at: usize) -> Vec<String> {
        self.is_listing = true;
        // An error ends the list.
        let _ = self.skip(input, at);
        self.rows_path.into_iter().chain(self.other_arrays).collect()
    }

    /// Skips members from `start`; returns the index of the array of the rows, or of what is incomplete.
    ///
    /// A second array that could hold the rows is an error, since its rows would be lost.
    pub(super) fn skip(&mut self, input: &[u8], start: usize) -> Result<(usize, Found), ItemError> {
        let mut at = start;
        while let Some(byte) = input.get(at) {
            let len = match byte {
                b'[' => match begins_with_object(&input[at..]) {
                    Some(true) if self.is_rows(at)? => {
                        self.rows_path = Some(self.path.join("."));
                        return Ok((at, Found::Rows));
                    }
                    Some(is_object) => {
                        let len = value_len(&input[at..]);
                        if is_object && len.is_some() {
                            self.keep_other_array();
                        }
                        len
                    }
                    None => None,
                },
                b'"' => {
                    let len = string_len(&input[at..]);
                    if let Some(len) = len {
                        self.last_text = input[at..at + len].to_vec();
                    }
                    len
                }
                _ => {
                    self.step(*byte, at)?;
                    Some(1)
                }
            };
            match len {
                Some(len) => at += len,
                None => break,
            }
        }
        Ok((at, Found::Nothing))
    }

    /// Follows a byte outside of strings and arrays.
    fn step(&mut self, byte: u8, at: usize) -> Result<(), ItemError> {
        match byte {
            b'{' if self.path.len() >= MAX_DEPTH => {
                return Err(ItemError { at, message: "the objects are nested too deep" });
            }
            b'{' => self.path.push(String::new()),
            b'}' => drop(self.path.pop()),
            b':' => {
                if let (Some(name), Ok(JsonValue::Text(text))) =
                    (self.path.last_mut(), JsonValue::parse(&self.last_text))
                {
                    *name = text.into_owned();
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Returns `true` if the array of the present member holds the rows.
    fn is_rows(&self, at: usize) -> Result<bool, ItemError> {
        let message = match &self.rows_member {
            _ if self.is_listing => return Ok(false),
            None => SEVERAL_ARRAYS,
            // A name without the members around it is that of any depth.
            Some(name) if self.path.last() == Some(name) || self.path.join(".") == *name => TWO_OF_NAME,
            Some(_) => return Ok(false),
        };
        if self.rows_path.is_some() { Err(ItemError { at, message }) } else { Ok(true) }
    }

    fn keep_other_array(&mut self) {
        let path = self.path.join(".");
        if self.other_arrays.len() < MAX_OTHER_ARRAYS && !self.other_arrays.contains(&path) {
            self.other_arrays.push(path);
        }
    }
}

/// Returns `true` if the array at the start begins with an object; `None` if more bytes are needed.
fn begins_with_object(input: &[u8]) -> Option<bool> {
    let inner = input.get(1..)?.iter().find(|byte| !byte.is_ascii_whitespace())?;
    Some(*inner == b'{')
}
