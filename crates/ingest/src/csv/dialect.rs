//! Detection of the delimiter and the line end by the first lines.

use std::collections::HashMap;

use super::Delimiter;
use super::row_splitter::word_len;
use super::text_source::TextEncoding;
use crate::Sniff;
use crate::table::looks_like_data;

/// Lines that are looked at, at most.
const MAX_LINES: usize = 200;
const CANDIDATES: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Returns the last byte of each line: a carriage return if there is no line feed.
pub(crate) fn line_end(head: &[u8]) -> u8 {
    let has = |byte| memchr::memchr(byte, head).is_some();
    if has(b'\r') && !has(b'\n') { b'\r' } else { b'\n' }
}

/// Returns the whole lines at the start of a text that are neither empty nor comments.
fn lines<'a>(head: &'a [u8], line_end: u8, comment: Option<&str>) -> Vec<&'a [u8]> {
    let is_comment = |line: &[u8]| comment.is_some_and(|mark| line.trim_ascii_start().starts_with(mark.as_bytes()));
    let is_row = |line: &&[u8]| !line.trim_ascii().is_empty() && !is_comment(line);
    // The last line may be incomplete.
    let end = memchr::memrchr(line_end, head).filter(|end| *end > 0).unwrap_or(head.len());
    head[..end].split(|byte| *byte == line_end).filter(is_row).take(MAX_LINES).collect()
}

/// Returns the delimiter that most lines have equally often.
pub(crate) fn delimiter(head: &[u8], line_end: u8, comment: Option<&str>) -> Delimiter {
    let lines = lines(head, line_end, comment);
    let scored = CANDIDATES.iter().filter_map(|candidate| {
        let counts: Vec<usize> = lines.iter().map(|line| count(line, *candidate)).collect();
        let (modal, matching) = modal(&counts)?;
        let is_in_header = counts.first() == Some(&modal);
        (matching * 2 >= lines.len()).then_some((is_in_header, matching, modal, *candidate))
    });
    let best = scored.max_by_key(|(is_in_header, matching, modal, _)| (*is_in_header, *matching, *modal));
    if let Some((_, _, _, candidate)) = best {
        return Delimiter::Byte(candidate);
    }
    let counts = |is_wide: bool| -> Vec<usize> {
        lines.iter().map(|line| words(line, is_wide).len().saturating_sub(1)).collect()
    };
    let (narrow, wide) = (counts(false), counts(true));
    let fits = |counts: &[usize]| modal(counts).filter(|(_, matching)| matching * 2 > lines.len());
    // A header as long as the rows decides: one space may be within the time.
    match (fits(&narrow), fits(&wide)) {
        (Some((modal, _)), Some((wide_modal, _))) if wide[0] == wide_modal && narrow[0] != modal => {
            Delimiter::WideSpaces
        }
        (Some(_), _) => Delimiter::Spaces,
        (None, Some(_)) => Delimiter::WideSpaces,
        (None, None) => delimiter_of_end(&lines).unwrap_or(Delimiter::Byte(b',')),
    }
}

/// Returns the delimiter of the last lines, if they are rows of numbers behind many lines of titles and settings.
fn delimiter_of_end(lines: &[&[u8]]) -> Option<Delimiter> {
    const MIN_ROWS: usize = 2;
    let is_numeric = |cells: &[&[u8]]| {
        let is_number = |cell: &&&[u8]| std::str::from_utf8(cell).is_ok_and(|text| text.trim().parse::<f64>().is_ok());
        cells.iter().filter(is_number).count() * 2 >= cells.len()
    };
    let rows = |split: &dyn Fn(&[u8]) -> Vec<Vec<u8>>| -> Option<usize> {
        let last = split(lines.last()?).len();
        let is_row = |line: &&&[u8]| {
            let cells = split(line);
            cells.len() == last && is_numeric(&cells.iter().map(Vec::as_slice).collect::<Vec<_>>())
        };
        let count = lines.iter().rev().take_while(is_row).count();
        (last > 1 && count >= MIN_ROWS).then_some(count)
    };
    let of_byte = |byte: u8| rows(&|line| line.split(|found| *found == byte).map(<[u8]>::to_vec).collect());
    let bytes = CANDIDATES.iter().filter_map(|byte| Some((of_byte(*byte)?, *byte)));
    if let Some((_, byte)) = bytes.max_by_key(|(rows, _)| *rows) {
        return Some(Delimiter::Byte(byte));
    }
    let of_words = rows(&|line| words(line, false).into_iter().map(<[u8]>::to_vec).collect());
    of_words.map(|_| Delimiter::Spaces)
}

/// Returns the commonest count above zero, and how many lines have it.
fn modal(counts: &[usize]) -> Option<(usize, usize)> {
    let mut by_count: HashMap<usize, usize> = HashMap::new();
    for count in counts.iter().filter(|count| **count > 0) {
        *by_count.entry(*count).or_default() += 1;
    }
    by_count.into_iter().max_by_key(|(count, lines)| (*lines, *count))
}

/// Counts a delimiter outside quotes.
fn count(line: &[u8], delimiter: u8) -> usize {
    let mut is_quoted = false;
    let mut count = 0;
    for byte in line {
        is_quoted ^= *byte == b'"';
        count += usize::from(*byte == delimiter && !is_quoted);
    }
    count
}

/// Returns the words of a line, which spaces separate; two or more if `is_wide`.
fn words(line: &[u8], is_wide: bool) -> Vec<&[u8]> {
    let (mut found, mut at) = (Vec::new(), 0);
    loop {
        at += line[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let length = word_len(&line[at..], is_wide);
        if length == 0 {
            return found;
        }
        found.push(&line[at..at + length]);
        at += length;
    }
}

/// Says how well the first bytes fit: certainly if a row of names is followed by rows of data.
pub(crate) fn sniff(head: &[u8]) -> Sniff {
    let Ok(encoding) = TextEncoding::detect(head, None) else { return Sniff::No };
    if encoding.is_utf16() {
        return Sniff::Possible;
    }
    let head = &head[encoding.bom_bytes()..];
    let start = head.trim_ascii_start();
    if head.contains(&0) || start.starts_with(b"{\"") || start.starts_with(b"[{") || start.starts_with(b"[\n") {
        return Sniff::No;
    }
    let line_end = line_end(head);
    let lines = lines(head, line_end, None);
    let delimiter = delimiter(head, line_end, None);
    let cells = |line: &[u8]| -> Vec<String> {
        let text = String::from_utf8_lossy(line).into_owned();
        let clean = |cell: &str| cell.trim().trim_matches('"').to_owned();
        match delimiter {
            Delimiter::Byte(byte) => text.split(char::from(byte)).map(clean).collect(),
            spaces => {
                let words = words(line, spaces == Delimiter::WideSpaces);
                words.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect()
            }
        }
    };
    let [header, rows @ ..] = &lines[..] else { return Sniff::Possible };
    let header = cells(header);
    let is_names = header.len() > 1
        && !header.iter().any(|cell| cell.starts_with('#') || cell.contains(['=', '{']))
        && !looks_like_data(header.iter().map(String::as_str));
    let is_data = |row: &&[u8]| {
        let row = cells(row);
        row.len() == header.len() && looks_like_data(row.iter().map(String::as_str))
    };
    let data = rows.iter().filter(|row| is_data(row)).count();
    if is_names && data > 0 && data * 2 >= rows.len() { Sniff::Certain } else { Sniff::Possible }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_the_one_that_lines_have_equally_often() {
        let found = |text: &str| delimiter(text.as_bytes(), b'\n', None);
        assert_eq!(found("time;Power kW;Note\n2024-01-01;1,5;a\n2024-01-02;1,75;b\n"), Delimiter::Byte(b';'));
        assert_eq!(found("time   v   w\n2024-01-01T00:00:00   5  1\n"), Delimiter::Spaces);
        assert_eq!(found("time\tv\n2024-01-01 00:00:00\t5\n"), Delimiter::Byte(b'\t'));
        assert_eq!(found("time,v\n2024-01-01 00:00:00,5\n"), Delimiter::Byte(b','));
        assert_eq!(
            found("time   v   w\n2024-01-01 00:00:00   5  1\n2024-01-01 00:01:00  15  1\n"),
            Delimiter::WideSpaces
        );
        assert_eq!(found("a|b\n1|2,3\n"), Delimiter::Byte(b'|'));
    }

    #[test]
    fn only_names_and_rows_of_data_are_certain() {
        assert_eq!(sniff(b"time,v\n2024-01-01 00:00:00,1\n"), Sniff::Certain);
        assert_eq!(
            sniff(b"cpu,host=a usage=1.5,n=3i 1704067200000000000\ncpu,host=b usage=1,n=3i 1\n"),
            Sniff::Possible
        );
        assert_eq!(sniff(b"x_total{job=\"a\"} 5 1704067200000\n"), Sniff::Possible);
        assert_eq!(sniff(b"{\"time\":1}\n"), Sniff::No);
        assert_eq!(sniff(b"\x1f\x8b\0\0"), Sniff::No);
        assert_eq!(sniff(b""), Sniff::Possible);
    }
}
