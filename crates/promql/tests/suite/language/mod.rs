//! Parser of the test language: loads of series, queries, and what each query must answer.
//!
//! A file is a sequence of commands. A command begins on a line of its own and reaches to the next empty line; a
//! comment line counts as empty.

pub(crate) mod command;
pub(crate) mod duration;
pub(crate) mod eval;
pub(crate) mod labels;
pub(crate) mod load;
pub(crate) mod values;

pub(crate) use command::{CommandKind, parse_file};

/// Why a file is not in the language: the line, from 1, and what is wrong with it.
#[derive(Debug)]
pub(crate) struct SyntaxError {
    pub(crate) line: usize,
    pub(crate) message: String,
}

/// Lines of a file, trimmed; a comment line is empty.
pub(crate) struct Lines<'a> {
    lines: Vec<&'a str>,
    next: usize,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let lines = text.lines().map(str::trim).map(|line| if line.starts_with('#') { "" } else { line }).collect();
        Self { lines, next: 0 }
    }

    /// Returns the next line that is not empty, with its number.
    pub(crate) fn next_command(&mut self) -> Option<(usize, &'a str)> {
        while self.lines.get(self.next).is_some_and(|line| line.is_empty()) {
            self.next += 1;
        }
        self.next_of_block()
    }

    /// Returns the next line, with its number; `None` at an empty line.
    pub(crate) fn next_of_block(&mut self) -> Option<(usize, &'a str)> {
        let line = self.lines.get(self.next).filter(|line| !line.is_empty())?;
        self.next += 1;
        Some((self.next, line))
    }
}
