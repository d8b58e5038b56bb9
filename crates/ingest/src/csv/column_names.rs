//! Names for the columns of rows without a header: those of a shorter row above them, the parts of a time, or numbers.

use std::collections::HashSet;

use crate::TimeFormat;
use crate::table::{TableRow, is_part_of_time, parse_plain, sounds_like_time};
use crate::time::{AutoError, DateOrder, is_clock, is_period, parse_auto};

use super::header_row::has_number;

/// Names of the parts of a time, in the order in which columns without names hold them.
const PARTS: [&str; 7] = ["year", "month", "day", "hour", "minute", "second", "millisecond"];
/// Greatest and least number of each part.
const RANGES: [(u32, u32); 7] = [(1_900, 2_100), (1, 12), (1, 31), (0, 23), (0, 59), (0, 59), (0, 999)];

/// Returns names for the option `columns`: those of the parts of a time, or `time` for the first cell that is a time.
///
/// `rows` are the first rows of the input.
pub(super) fn column_names(row: &TableRow, rows: &[TableRow]) -> String {
    let of_count = || rows.iter().filter(|other| other.line >= row.line && other.cells.len() == row.cells.len());
    let parts = leading_parts(&of_count().collect::<Vec<_>>());
    if parts > 0 {
        let name = |at: usize| {
            PARTS[..parts].get(at).map_or_else(|| format!("v{}", at + 1 - parts), |name| (*name).to_owned())
        };
        return (0..row.cells.len()).map(name).collect::<Vec<_>>().join(",");
    }
    let time = row.cells.iter().position(|cell| is_time(cell));
    let name = |at: usize| match time {
        Some(time) if time == at => "time".to_owned(),
        Some(time) if at > time => format!("v{at}"),
        _ => format!("v{}", at + 1),
    };
    (0..row.cells.len()).map(name).collect::<Vec<_>>().join(",")
}

fn is_time(cell: &str) -> bool {
    let is_date = matches!(
        parse_auto(cell, DateOrder::Undecided, false),
        Ok(_) | Err(AutoError::DayOrMonth | AutoError::Other(_))
    );
    is_date || TimeFormat::of_number(cell).is_some() || is_period(cell)
}

/// Returns how many of the first columns are certainly year, month, day, hour, minute and so on, in this order; 0 if they
/// are not, or if a column may be a part of the time or a value.
fn leading_parts(rows: &[&TableRow]) -> usize {
    const MINUTE: usize = 5;
    let number = |row: &TableRow, at: usize| -> Option<u32> {
        let text = row.cells.get(at).filter(|text| text.len() <= 4)?;
        let (least, greatest) = RANGES[at];
        text.parse().ok().filter(|number| (least..=greatest).contains(number))
    };
    let is_part = |at: usize| rows.iter().all(|row| number(row, at).is_some());
    if rows.len() < 2 || !(0..MINUTE).all(is_part) {
        return 0;
    }
    // Values have no zeros before them.
    let padded = |at: usize, digits: usize| {
        rows.iter().all(|row| row.cells[at].len() == digits) && rows.iter().any(|row| row.cells[at].starts_with('0'))
    };
    let is_zero = |at: usize| rows.iter().all(|row| number(row, at) == Some(0));
    let key = |row: &TableRow, count: usize| -> Vec<Option<u32>> { (0..count).map(|at| number(row, at)).collect() };
    let rises = |count: usize| {
        let mut pairs = rows.windows(2).map(|pair| key(pair[0], count).cmp(&key(pair[1], count)));
        pairs.all(std::cmp::Ordering::is_lt)
    };
    // A whole number behind the minute is a second if it is written as one, or if the times repeat without it.
    let is_second = is_part(MINUTE) && (padded(MINUTE, 2) || (!rises(MINUTE) && rises(MINUTE + 1)));
    let has_second_or_value = is_second || !is_part(MINUTE);
    let is_millisecond = is_second && is_part(MINUTE + 1) && padded(MINUTE + 1, 3);
    let has_millisecond_or_value = !is_second
        || is_millisecond
        || !is_part(MINUTE + 1)
        || rows[0].cells.len() == MINUTE + 2
        || is_zero(MINUTE + 1);
    let count = MINUTE + usize::from(is_second) + usize::from(is_millisecond);
    // Numbers that are no times do not rise as such.
    let is_certain = has_second_or_value && has_millisecond_or_value && rises(count);
    if is_certain { count } else { 0 }
}

/// Returns names for the option `columns` from a row of names that is shorter than the rows below it, if it is certain
/// which column each of them names.
pub(super) fn from_short_names(names: &TableRow, row: &TableRow) -> Option<String> {
    let (places, count) = (names.cells.len(), row.cells.len());
    let distinct: HashSet<&String> = names.cells.iter().collect();
    let is_names = places > 1 && distinct.len() == places && !has_number(names);
    let is_word = |name: &String| !name.is_empty() && !name.contains(',') && !is_time(name);
    if !is_names || places >= count || !names.cells.iter().all(is_word) {
        return None;
    }
    let cells = |at: usize| names.cells[at].trim_start_matches('#').trim().to_owned();
    let number = |at: usize| -> Option<u32> { row.cells.get(at)?.parse().ok() };
    let year = (0..places).find(|at| is_part_of_time(&names.cells[*at]));
    let parts = names.cells.iter().filter(|name| is_part_of_time(name)).count();
    let is_year = |at: usize| number(at).is_some_and(|number| (RANGES[0].0..=RANGES[0].1).contains(&number));
    if parts >= 3 && year == Some(0) {
        // The names begin with the parts of a time, as do the rows. The last name is that of all columns behind it.
        let is_first = is_year(0) && number(1).is_some_and(|month| (1..=12).contains(&month));
        let surplus = count - places + 1;
        let last = |nth: usize| format!("{}_{nth}", cells(places - 1));
        return is_first.then(|| {
            let first = (0..places - 1).map(cells);
            first.chain((1..=surplus).map(last)).collect::<Vec<_>>().join(",")
        });
    }
    let time = row.cells.iter().position(|cell| is_time(cell))?;
    let of_time = names.cells.iter().position(|name| sounds_like_time(name))?;
    if row.cells.get(time + 1).is_some_and(|cell| is_clock(cell)) || places + 1 != count {
        return None;
    }
    let all: Vec<String> = (0..places).map(cells).collect();
    if of_time == time {
        return Some([all, vec![format!("v{count}")]].concat().join(","));
    }
    // As R writes a table: the first column, the numbers of the rows, has no name.
    let is_row_number = parse_plain(&row.cells[0]).is_some_and(|number| number >= 0.0 && number.fract() == 0.0);
    (of_time + 1 == time && is_row_number).then(|| [vec!["row".to_owned()], all].concat().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<TableRow> {
        let cells = |line: &str| line.split_whitespace().map(str::to_owned).collect();
        (1..).zip(text.lines()).map(|(line, row)| TableRow { line, cells: cells(row) }).collect()
    }

    fn named(text: &str) -> String {
        let rows = rows(text);
        column_names(&rows[0], &rows)
    }

    #[test]
    fn parts_of_a_time_are_named_only_if_they_are_certain() {
        for (text, expected) in [
            (
                "2000 01 01 00 00 00 000 0.5\n2000 01 01 00 01 00 000 0.5\n",
                "year,month,day,hour,minute,second,millisecond,v1",
            ),
            ("2002 12 23 0 00 00 7.5\n2002 12 23 3 59 00 7.5\n", "year,month,day,hour,minute,second,v1"),
            ("2002 12 23 0 0 0.5 7.5\n2002 12 23 3 59 0.5 7.5\n", "year,month,day,hour,minute,v1,v2"),
            ("2002 12 23 0 0 5 7.5\n2002 12 23 0 0 6 7.5\n", "year,month,day,hour,minute,second,v1"),
            // The sixth column may be a second or a value.
            ("2002 12 23 0 0 5 7.5\n2002 12 23 0 1 6 7.5\n", "v1,v2,v3,v4,v5,v6,v7"),
            ("2002 12 23 0 0 15 7.5\n2002 12 23 0 1 16 7.5\n", "v1,v2,v3,v4,v5,v6,v7"),
            // The seventh may be a millisecond or a value.
            ("2002 12 23 0 0 05 7 1.5\n2002 12 23 0 1 06 8 1.5\n", "v1,v2,v3,v4,v5,v6,v7,v8"),
            ("2002 12 23 0 0 05 0 1.5\n2002 12 23 0 1 06 0 1.5\n", "year,month,day,hour,minute,second,v1,v2"),
            // The numbers do not rise as times do.
            ("2002 12 23 0 0 0.5\n2002 11 23 0 0 0.5\n", "v1,v2,v3,v4,v5,v6"),
            ("2002 13 23 0 0 0.5\n2002 14 23 0 0 0.5\n", "v1,v2,v3,v4,v5,v6"),
            ("7 2024-01-01 0.5\n8 2024-01-02 0.5\n", "v1,time,v2"),
        ] {
            assert_eq!(named(text), expected, "{text}");
        }
    }

    #[test]
    fn a_shorter_row_of_names_is_used_if_its_places_are_certain() {
        let short = |text: &str| {
            let rows = rows(text);
            from_short_names(&rows[0], &rows[1])
        };
        let vector = "YYYY MM DD HH MN SS msc colat\n2014 4 10 0 0 0 0 39.38 39.40 39.41\n";
        assert_eq!(short(vector).as_deref(), Some("YYYY,MM,DD,HH,MN,SS,msc,colat_1,colat_2,colat_3"));
        assert_eq!(short("time v\n1 2024-01-01 5\n").as_deref(), Some("row,time,v"));
        assert_eq!(short("time v\n2024-01-01 5 6\n").as_deref(), Some("time,v,v3"));
        assert_eq!(short("v time\n1 2024-01-01 5\n").as_deref(), Some("v,time,v3"));
        for text in [
            "time v\n2024-01-01 10:00 5\n",
            "a b\n1 2 3\n",
            "time v\nx 2024-01-01 5\n",
            "day month year v\n1 2014 4 10 5\n",
            "time time\n1 2024-01-01 5\n",
            "time 5\n1 2024-01-01 5\n",
        ] {
            assert_eq!(short(text), None, "{text}");
        }
    }
}
