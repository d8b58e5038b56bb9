//! Finds the array of the rows within an object that wraps it.

use super::items::{ItemError, SEVERAL_ARRAYS, TWO_OF_NAME, string_len};
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

/// Array that is not that of the rows. It may be larger than any row, so that it is skipped piece by piece.
#[derive(Debug, Clone, Copy)]
struct SkippedArray {
    has_objects: bool,
    /// Arrays and objects that are open; zero before the first byte of the array.
    depth: usize,
}

/// Place within an object, whose members are skipped until one is the array of the rows.
#[derive(Debug, Clone)]
pub(super) struct WrapperScan {
    /// Member whose array holds the rows, or its path as `a.b` or `.a`; `None` for the only array of objects.
    rows_member: Option<String>,
    /// Name of the present member of each object that is open; empty before the first.
    path: Vec<String>,
    /// Text of the last string, with its quotes: the name of a member if a colon follows.
    last_text: Vec<u8>,
    /// The array whose end is looked for.
    skipped: Option<SkippedArray>,
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
            skipped: None,
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
                _ if self.skipped.is_some() => self.skip_in_array(&input[at..]),
                b'[' => match begins_with_object(&input[at..]) {
                    Some(true) if self.is_rows(at)? => {
                        self.rows_path = Some(self.path.join("."));
                        return Ok((at, Found::Rows));
                    }
                    Some(has_objects) => {
                        self.skipped = Some(SkippedArray { has_objects, depth: 0 });
                        Some(0)
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

    /// Skips a string or a byte of the array whose end is looked for; returns its length, or `None` if it is incomplete.
    fn skip_in_array(&mut self, input: &[u8]) -> Option<usize> {
        let array = self.skipped.as_mut()?;
        match input.first()? {
            b'"' => return string_len(input),
            b'[' | b'{' => array.depth += 1,
            b']' | b'}' => array.depth = array.depth.saturating_sub(1),
            _ => {}
        }
        if array.depth == 0 {
            let has_objects = array.has_objects;
            self.skipped = None;
            if has_objects {
                self.keep_other_array();
            }
        }
        Some(1)
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
            Some(name) if self.is_named(name) => TWO_OF_NAME,
            Some(_) => return Ok(false),
        };
        if self.rows_path.is_some() { Err(ItemError { at, message }) } else { Ok(true) }
    }

    /// Returns `true` if a name is that of the present member, or its path. A dot at the start begins a path.
    fn is_named(&self, name: &str) -> bool {
        let path = self.path.join(".");
        match name.strip_prefix('.') {
            Some(outermost) => path == outermost,
            // A name without the members around it is that of any depth.
            None => path == name || self.path.last().is_some_and(|last| last == name),
        }
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
