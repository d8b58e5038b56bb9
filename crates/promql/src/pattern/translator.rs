//! Translation of a pattern, character by character.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::iter::Peekable;
use std::str::CharIndices;

use super::Pattern;

/// Greatest count of a repetition, as in RE2.
const MAX_REPEAT: u32 = 1000;

/// What a repetition would repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// The start of a group or alternative.
    Nothing,
    Atom,
    /// A repetition, which begins at this byte.
    Repetition(usize),
}

/// State of a translation.
pub(super) struct Translator<'a> {
    pub(super) pattern: &'a str,
    pub(super) rest: Peekable<CharIndices<'a>>,
    pub(super) out: Pattern,
    open_groups: usize,
    before: Before,
    /// Names of groups.
    names: HashSet<String>,
}

impl<'a> Translator<'a> {
    pub(super) fn new(pattern: &'a str) -> Self {
        Self {
            pattern,
            rest: pattern.char_indices().peekable(),
            out: Pattern { text: String::with_capacity(pattern.len()), groups: Vec::new() },
            open_groups: 0,
            before: Before::Nothing,
            names: HashSet::new(),
        }
    }

    /// Translates the whole pattern.
    pub(super) fn translate(mut self) -> Result<Pattern, String> {
        while let Some((at, letter)) = self.rest.next() {
            self.translate_next(at, letter)?;
        }
        if self.open_groups > 0 {
            return Err(format!("missing closing ): `{}`", self.pattern));
        }
        Ok(self.out)
    }

    /// Returns the byte at which the rest begins.
    pub(super) fn at(&mut self) -> usize {
        self.rest.peek().map_or(self.pattern.len(), |(at, _)| *at)
    }

    /// Returns the text from a byte to the rest.
    pub(super) fn since(&mut self, start: usize) -> &str {
        let end = self.at();
        self.pattern.get(start..end).unwrap_or_default()
    }

    pub(super) fn skip(&mut self, characters: usize) {
        for _ in 0..characters {
            self.rest.next();
        }
    }

    fn peek(&mut self) -> Option<char> {
        self.rest.peek().map(|(_, letter)| *letter)
    }

    /// Consumes a character if it is the next one.
    pub(super) fn take(&mut self, letter: char) -> bool {
        self.rest.next_if(|(_, next)| *next == letter).is_some()
    }

    /// Consumes a text if the rest begins with it.
    fn take_text(&mut self, text: &str) -> bool {
        let at = self.at();
        let begins = self.pattern.get(at..).is_some_and(|rest| rest.starts_with(text));
        if begins {
            self.skip(text.chars().count());
        }
        begins
    }

    pub(super) fn atom(&mut self, text: &str) {
        self.out.text.push_str(text);
        self.before = Before::Atom;
    }

    fn literal(&mut self, letter: char) {
        push_literal(&mut self.out.text, letter, false);
        self.before = Before::Atom;
    }

    /// Translates what begins with a character outside of classes.
    fn translate_next(&mut self, at: usize, letter: char) -> Result<(), String> {
        match letter {
            '(' => self.group(at)?,
            ')' => {
                let Some(open) = self.open_groups.checked_sub(1) else {
                    return Err(format!("unexpected ): `{}`", self.pattern));
                };
                self.open_groups = open;
                self.atom(")");
            }
            '|' => {
                self.out.text.push('|');
                self.before = Before::Nothing;
            }
            '*' | '+' | '?' => {
                self.repetition(at)?;
                self.out.text.push(letter);
                self.laziness();
            }
            '{' => self.counted(at)?,
            '[' => self.class(at)?,
            '\\' => self.escape(at)?,
            '^' => self.atom("^"),
            '$' => self.atom("$"),
            '.' => self.atom("."),
            letter => self.literal(letter),
        }
        Ok(())
    }

    /// Checks that something can be repeated, and remembers the repetition.
    fn repetition(&mut self, start: usize) -> Result<(), String> {
        match self.before {
            Before::Nothing => Err(format!("missing argument to repetition operator: `{}`", self.since(start))),
            Before::Repetition(first) => Err(format!("invalid nested repetition operator: `{}`", self.since(first))),
            Before::Atom => {
                self.before = Before::Repetition(start);
                Ok(())
            }
        }
    }

    fn laziness(&mut self) {
        if self.take('?') {
            self.out.text.push('?');
        }
    }

    /// Translates `{n}`, `{n,}` or `{n,m}`; another text is literal.
    fn counted(&mut self, at: usize) -> Result<(), String> {
        let rest = self.pattern.get(at + 1..).unwrap_or_default();
        let Some((inside, least, greatest)) = counts(rest) else {
            self.literal('{');
            return Ok(());
        };
        self.skip(inside.len() + 1);
        if least > MAX_REPEAT || greatest.is_some_and(|greatest| !(least..=MAX_REPEAT).contains(&greatest)) {
            return Err(format!("invalid repeat count: `{{{inside}}}`"));
        }
        self.repetition(at)?;
        // A string takes any text.
        let _ = write!(self.out.text, "{{{inside}}}");
        self.laziness();
        Ok(())
    }

    /// Translates the opening of a group, or flags.
    fn group(&mut self, at: usize) -> Result<(), String> {
        if !self.take('?') {
            self.out.groups.push(None);
            self.open("(");
            return Ok(());
        }
        if self.take_text("P<") || self.take('<') {
            let start = self.at();
            while self.rest.next_if(|(_, letter)| letter.is_ascii_alphanumeric() || *letter == '_').is_some() {}
            let name = self.since(start).to_owned();
            if name.is_empty() || !self.take('>') {
                return Err(format!("invalid named capture: `{}`", self.pattern.get(at..).unwrap_or_default()));
            }
            if !self.names.insert(name.clone()) {
                return Err(format!("duplicate capture group name: `{name}`"));
            }
            self.out.groups.push(Some(name));
            self.open("(");
            return Ok(());
        }
        let start = self.at();
        while self.rest.next_if(|(_, letter)| matches!(letter, 'i' | 'm' | 's' | 'U' | '-')).is_some() {}
        let flags = self.since(start).to_owned();
        let is_valid = flags.matches('-').count() < 2 && !flags.ends_with('-');
        match self.rest.next().map(|(_, letter)| letter).filter(|_| is_valid) {
            Some(':') => {
                self.open(&format!("(?{flags}:"));
                Ok(())
            }
            Some(')') if !flags.is_empty() => {
                // A string takes any text.
                let _ = write!(self.out.text, "(?{flags})");
                self.before = Before::Nothing;
                Ok(())
            }
            None if is_valid => Err(format!("missing closing ): `{}`", self.pattern)),
            _ => Err(format!("invalid or unsupported Perl syntax: `{}`", self.since(at))),
        }
    }

    fn open(&mut self, text: &str) {
        self.out.text.push_str(text);
        self.open_groups += 1;
        self.before = Before::Nothing;
    }

    /// Translates an escape outside of classes.
    fn escape(&mut self, at: usize) -> Result<(), String> {
        match self.peek() {
            Some('Q') => {
                self.rest.next();
                while !self.take_text("\\E") {
                    let Some((_, letter)) = self.rest.next() else { break };
                    self.literal(letter);
                }
                return Ok(());
            }
            Some(letter @ ('A' | 'z' | 'b' | 'B')) => {
                self.rest.next();
                self.atom(match letter {
                    'A' => "\\A",
                    'z' => "\\z",
                    'b' => "(?-u:\\b)",
                    _ => "(?-u:\\B)",
                });
                return Ok(());
            }
            _ => {}
        }
        if let Some(class) = self.escaped_class(at)? {
            self.atom(&class);
            return Ok(());
        }
        let letter = self.escaped_letter(at)?;
        self.literal(letter);
        Ok(())
    }

    /// Consumes `d`, `pL` and the like behind a backslash, and returns the class with its brackets.
    pub(super) fn escaped_class(&mut self, at: usize) -> Result<Option<String>, String> {
        let class = match self.peek() {
            Some('d') => "[0-9]",
            Some('D') => "[^0-9]",
            Some('s') => "[\\t\\n\\f\\r ]",
            Some('S') => "[^\\t\\n\\f\\r ]",
            Some('w') => "[0-9A-Za-z_]",
            Some('W') => "[^0-9A-Za-z_]",
            Some('p' | 'P') => return self.unicode_class(at).map(Some),
            _ => return Ok(None),
        };
        self.rest.next();
        Ok(Some(class.to_owned()))
    }

    /// Consumes `pN`, `p{Greek}` or `p{^Greek}`.
    fn unicode_class(&mut self, at: usize) -> Result<String, String> {
        let mut is_negated = self.rest.next().is_some_and(|(_, letter)| letter == 'P');
        if !self.take('{') {
            return match self.rest.next() {
                Some((_, letter)) if letter.is_ascii_alphabetic() => {
                    Ok(format!("\\{}{letter}", if is_negated { 'P' } else { 'p' }))
                }
                _ => Err(format!("invalid character class range: `{}`", self.since(at))),
            };
        }
        is_negated ^= self.take('^');
        let start = self.at();
        while self.rest.next_if(|(_, letter)| letter.is_ascii_alphanumeric() || *letter == '_').is_some() {}
        let name = self.since(start).to_owned();
        if name.is_empty() || !self.take('}') {
            return Err(format!("invalid character class range: `{}`", self.since(at)));
        }
        Ok(format!("\\{}{{{name}}}", if is_negated { 'P' } else { 'p' }))
    }

    /// Consumes what follows a backslash that means one character.
    pub(super) fn escaped_letter(&mut self, at: usize) -> Result<char, String> {
        let Some((_, letter)) = self.rest.next() else {
            return Err("trailing backslash at end of expression: ``".to_owned());
        };
        let found = match letter {
            '0' => self.octal(0),
            // A single digit would refer to a group.
            '1'..='7' if self.peek().is_some_and(|next| next.is_digit(8)) => {
                self.octal(letter.to_digit(8).unwrap_or(0))
            }
            'a' => Some('\x07'),
            'f' => Some('\x0c'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'v' => Some('\x0b'),
            'x' => self.hexadecimal(),
            letter if letter.is_ascii() && !letter.is_ascii_alphanumeric() => Some(letter),
            _ => None,
        };
        found.ok_or_else(|| format!("invalid escape sequence: `{}`", self.since(at)))
    }

    /// Consumes up to two more octal digits.
    fn octal(&mut self, first: u32) -> Option<char> {
        let mut code = first;
        for _ in 0..2 {
            let Some((_, digit)) = self.rest.next_if(|(_, letter)| letter.is_digit(8)) else { break };
            code = code * 8 + digit.to_digit(8)?;
        }
        char::from_u32(code)
    }

    /// Consumes the digits of `\x41` or `\x{41}`.
    fn hexadecimal(&mut self) -> Option<char> {
        let is_braced = self.take('{');
        let start = self.at();
        let mut digits = 0;
        while (is_braced || digits < 2) && self.rest.next_if(|(_, letter)| letter.is_ascii_hexdigit()).is_some() {
            digits += 1;
        }
        let code = u32::from_str_radix(self.since(start), 16).ok();
        let is_complete = if is_braced { self.take('}') } else { digits == 2 };
        code.filter(|_| is_complete).and_then(char::from_u32)
    }
}

/// Writes a literal character.
pub(super) fn push_literal(out: &mut String, letter: char, is_in_class: bool) {
    match letter {
        '\\' | '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$' => {
            out.extend(['\\', letter]);
        }
        '-' | '&' | '~' if is_in_class => out.extend(['\\', letter]),
        letter => out.push(letter),
    }
}

/// Reads the counts of a repetition behind its `{`: the text within the braces, the least count and the greatest one. A
/// count that is too large is [`u32::MAX`].
fn counts(rest: &str) -> Option<(&str, u32, Option<u32>)> {
    // Not a search for the brace: many of them without their closing ones would cost quadratic time.
    let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != ',')?;
    let inside = rest.get(..end).filter(|_| rest.get(end..).is_some_and(|behind| behind.starts_with('}')))?;
    let (least, greatest) = match inside.split_once(',') {
        Some((least, greatest)) => (least, Some(greatest).filter(|text| !text.is_empty())),
        None => (inside, None),
    };
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // As in Go, a count has no leading zeros.
        let is_number = is_number && (text.len() == 1 || !text.starts_with('0'));
        is_number.then(|| text.parse().unwrap_or(u32::MAX))
    };
    let greatest = match greatest {
        Some(text) => Some(number(text)?),
        None => None,
    };
    Some((inside, number(least)?, greatest))
}
