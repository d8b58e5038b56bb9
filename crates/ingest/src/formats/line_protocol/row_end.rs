//! End of a row: a line feed outside the quoted strings of its fields.

/// Where a row ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineEnd {
    /// Index of the line feed.
    At(usize),
    /// There is no line feed yet.
    Missing,
    /// There is none yet, and a quote is open since this index.
    OpenQuote(usize),
}

/// Finds the end of the row at the start of `input`.
pub(super) fn row_end(input: &[u8]) -> LineEnd {
    let feed = memchr::memchr(b'\n', input);
    let line = &input[..feed.unwrap_or(input.len())];
    let without_quotes = feed.map_or(LineEnd::Missing, LineEnd::At);
    if memchr::memchr(b'"', line).is_none() || is_comment(line) {
        return without_quotes;
    }
    // Quotes have a meaning after the first space that is not escaped.
    match key_len(line) {
        Some(len) => fields_end(input, len),
        None => without_quotes,
    }
}

/// Returns `true` if the line is a comment or empty.
pub(super) fn is_comment(line: &[u8]) -> bool {
    matches!(line.iter().find(|byte| !matches!(byte, b' ' | b'\t')), None | Some(b'#' | b'\r'))
}

/// Returns the index of the first space that is neither leading nor escaped.
pub(super) fn key_len(line: &[u8]) -> Option<usize> {
    let start = line.iter().position(|byte| !matches!(byte, b' ' | b'\t'))?;
    memchr::memchr_iter(b' ', &line[start..]).map(|at| start + at).find(|at| line[at - 1] != b'\\')
}

fn fields_end(input: &[u8], start: usize) -> LineEnd {
    let mut at = start;
    while let Some(found) = memchr::memchr2(b'\n', b'"', &input[at..]) {
        at += found;
        if input[at] == b'\n' {
            return LineEnd::At(at);
        }
        // Elsewhere than after `=` without a backslash, a quote is a character of a name.
        if input[at - 1] == b'=' && input[at - 2] != b'\\' {
            match string_end(&input[at + 1..]) {
                Some(len) => at += len + 1,
                None => return LineEnd::OpenQuote(at),
            }
        }
        at += 1;
    }
    LineEnd::Missing
}

/// Returns the index of the quote that closes a string; the opening quote is before `text`.
pub(super) fn string_end(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}
