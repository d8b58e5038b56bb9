//! Classes of characters in brackets.

use std::fmt::Write as _;

use super::translator::{Translator, push_literal};

/// Names of ASCII classes within brackets.
const ASCII_CLASSES: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word",
    "xdigit",
];

impl Translator<'_> {
    /// Translates a class in brackets.
    pub(super) fn class(&mut self, at: usize) -> Result<(), String> {
        let is_negated = self.take('^');
        self.out.text.push_str(if is_negated { "[^" } else { "[" });
        let mut is_first = true;
        loop {
            let item_at = self.at();
            let Some((_, letter)) = self.rest.next() else {
                return Err(format!("missing closing ]: `{}`", self.pattern.get(at..).unwrap_or_default()));
            };
            match letter {
                ']' if !is_first => break,
                '[' if self.ascii_class(item_at)? => {}
                letter => self.class_item(item_at, letter)?,
            }
            is_first = false;
        }
        self.atom("]");
        Ok(())
    }

    /// Translates `[:alpha:]` or `[:^alpha:]`, whose first bracket is consumed. Returns `false` for another text.
    fn ascii_class(&mut self, at: usize) -> Result<bool, String> {
        let rest = self.pattern.get(at + 1..).unwrap_or_default();
        let Some((name, behind)) = rest.strip_prefix(':').and_then(|rest| rest.split_once(':')) else {
            return Ok(false);
        };
        if !behind.starts_with(']') {
            return Ok(false);
        }
        let length = name.chars().count() + 3;
        let (caret, plain) = name.strip_prefix('^').map_or(("", name), |plain| ("^", plain));
        if !ASCII_CLASSES.contains(&plain) {
            return Err(format!("invalid character class range: `[:{name}:]`"));
        }
        self.skip(length);
        // A string takes any text.
        let _ = write!(self.out.text, "[:{caret}{plain}:]");
        Ok(true)
    }

    /// Translates a character, a range or an escaped class within brackets.
    fn class_item(&mut self, at: usize, letter: char) -> Result<(), String> {
        if letter == '\\'
            && let Some(class) = self.escaped_class(at)?
        {
            self.out.text.push_str(&class);
            return Ok(());
        }
        let low = if letter == '\\' { self.escaped_letter(at)? } else { letter };
        push_literal(&mut self.out.text, low, true);
        let dash_at = self.at();
        let behind_dash = self.pattern.get(dash_at..).and_then(|rest| rest.strip_prefix('-'));
        if behind_dash.is_none_or(|rest| rest.is_empty() || rest.starts_with(']')) {
            return Ok(());
        }
        self.rest.next();
        let high_at = self.at();
        let high = match self.rest.next() {
            Some((_, '\\')) => self.escaped_letter(high_at)?,
            Some((_, letter)) => letter,
            None => return Ok(()),
        };
        if high < low {
            return Err(format!("invalid character class range: `{}`", self.since(at)));
        }
        self.out.text.push('-');
        push_literal(&mut self.out.text, high, true);
        Ok(())
    }
}
