//! Rows that were skipped: all are counted, the first few are kept with line and reason.
//!
//! This bounds the memory and the output for a file of a million bad rows.

use std::io::{self, Write};

const MAX_KEPT_REASONS: usize = 20;

#[derive(Debug, Default)]
pub(crate) struct RejectedRows {
    count: u64,
    first: Vec<(u64, String)>,
}

impl RejectedRows {
    pub(crate) fn add(&mut self, line: u64, reason: String) {
        self.count += 1;
        if self.first.len() < MAX_KEPT_REASONS {
            self.first.push((line, reason));
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Returns line and reason of the first.
    pub(crate) fn first(&self) -> Option<&(u64, String)> {
        self.first.first()
    }

    pub(crate) fn print(&self, out: &mut impl Write) -> io::Result<()> {
        for (line, reason) in &self.first {
            writeln!(out, "  line {line}: {reason}")?;
        }
        match self.count.saturating_sub(self.first.len() as u64) {
            0 => Ok(()),
            more => writeln!(out, "  ... and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_counted_and_the_first_are_shown() {
        let mut rejected = RejectedRows::default();
        for line in 0..25 {
            rejected.add(line, "bad".to_owned());
        }
        let mut out = Vec::new();
        rejected.print(&mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert_eq!((rejected.count(), out.lines().count()), (25, 21));
        assert!(out.ends_with("  ... and 5 more\n"));
    }
}
