//! A chart of terminal characters.
//!
//! rasciigraph draws each line. This module overlays the lines, with a number and a colour per line, the time axis
//! below and a legend.

use std::io::Write;

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr;

use super::axis::{self, ValueScale};
use super::{Chart, ChartBounds, ChartLine, truncate_text};
use crate::failure::Result;
use crate::output::StdoutWriter;

const ROWS: usize = 16;
/// Maximum number of lines: their numbers are single digits.
const LINES: usize = 9;
const COLOURS: [AnsiColor; LINES] = [
    AnsiColor::BrightBlue,
    AnsiColor::BrightYellow,
    AnsiColor::BrightGreen,
    AnsiColor::BrightRed,
    AnsiColor::BrightMagenta,
    AnsiColor::BrightCyan,
    AnsiColor::Blue,
    AnsiColor::Yellow,
    AnsiColor::Green,
];
/// Columns between two repetitions of a line's number.
const NUMBER_EVERY: usize = 24;

/// Rows of cells; a cell has a character and the index of its line.
type Canvas = Vec<Vec<Option<(char, usize)>>>;

pub(super) fn draw(chart: &Chart, bounds: ChartBounds) -> Result<()> {
    let mut stdout = StdoutWriter::lock();
    let width = if stdout.terminal { columns() } else { 100 };
    for line in render(chart, bounds, width, stdout.colour) {
        writeln!(stdout.out, "{line}")?;
    }
    stdout.out.flush()?;
    Ok(())
}

/// Returns the width of the terminal in columns.
fn columns() -> usize {
    terminal_size::terminal_size().map_or(100, |(width, _)| usize::from(width.0)).clamp(40, 240)
}

fn render(chart: &Chart, bounds: ChartBounds, width: usize, colour: bool) -> Vec<String> {
    let lines = chart.first_lines(LINES);
    let scale = ValueScale::new(bounds.values, 5);
    let marks: Vec<(usize, String)> =
        scale.marks().iter().map(|value| (row(*value, &scale), scale.text(*value))).collect();
    let margin = marks.iter().map(|(_, text)| text.width()).max().unwrap_or(0);
    let columns = width.saturating_sub(margin + 3).max(20);
    let mut canvas: Canvas = vec![vec![None; columns]; ROWS + 1];
    for (nth, line) in lines.iter().enumerate() {
        lay(&mut canvas, nth, &by_column(line, bounds.times, columns, &scale), lines.len() > 1);
    }
    let mut out = vec![truncate_text(&chart.title(), width)];
    for (at, cells) in canvas.iter().enumerate() {
        let mark = marks.iter().find(|(row, _)| ROWS - row == at).map(|(_, text)| text.as_str());
        let axis = if mark.is_some() { '┤' } else { '│' };
        out.push(format!("{:>margin$} {axis}{}", mark.unwrap_or(""), painted(cells, colour)).trim_end().to_owned());
    }
    let (ruler, texts) = time_axis(chart, bounds.times, columns);
    out.push(format!("{} └{ruler}", " ".repeat(margin)));
    out.push(format!("{}{texts}", " ".repeat(margin + 2)).trim_end().to_owned());
    let span = axis::range_text(bounds.times, &chart.zone, &chart.zone_name);
    out.push(format!("{}{span}", " ".repeat(margin + 2)));
    for (nth, line) in lines.iter().enumerate().filter(|_| lines.len() > 1) {
        let style = style(nth, colour);
        out.push(format!(
            "{}{style}{} ──{style:#} {}",
            " ".repeat(margin + 2),
            nth + 1,
            truncate_text(&line.name, columns - 5)
        ));
    }
    out
}

fn style(nth: usize, colour: bool) -> Style {
    if colour { Style::new().fg_color(Some(COLOURS[nth].into())) } else { Style::new() }
}

/// Returns the row of a drawn value, counted from the bottom.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "0 to ROWS")]
fn row(value: f64, scale: &ValueScale) -> usize {
    let share = (value - scale.first) / (scale.last - scale.first);
    (share * ROWS as f64).round().clamp(0.0, ROWS as f64) as usize
}

/// Returns the row of the line in each column.
///
/// The row is the mean of the points in the column, interpolated where there are none.
#[expect(clippy::cast_precision_loss, reason = "columns and points of a chart are few")]
fn by_column(line: &ChartLine, (first, last): (i64, i64), columns: usize, scale: &ValueScale) -> Vec<Option<usize>> {
    let mut sums = vec![(0.0, 0_u32); columns];
    let mut breaks = vec![false; columns];
    let span = i128::from(last) - i128::from(first);
    for (at, value) in &line.points {
        let share = (i128::from(*at) - i128::from(first)) * (columns as i128 - 1);
        let column = usize::try_from(share.checked_div(span).unwrap_or(0)).unwrap_or(0).min(columns - 1);
        match value {
            Some(value) => sums[column] = (sums[column].0 + scale.drawn(*value), sums[column].1 + 1),
            None => breaks[column] = true,
        }
    }
    let mut rows: Vec<Option<usize>> = vec![None; columns];
    let mut before: Option<(usize, f64)> = None;
    for column in 0..columns {
        let (sum, count) = sums[column];
        if count == 0 {
            before = before.filter(|_| !breaks[column]);
            continue;
        }
        let value = sum / f64::from(count);
        if let Some((from, low)) = before {
            let length = (column - from) as f64;
            for (nth, between) in rows[from..column].iter_mut().enumerate().skip(1) {
                *between = Some(row(low + (value - low) * (nth as f64 / length), scale));
            }
        }
        rows[column] = Some(row(value, scale));
        before = Some((column, value));
    }
    rows
}

/// Draws a line on the canvas.
///
/// rasciigraph gets rows instead of values, so that line and axis use the same rows.
#[expect(clippy::cast_precision_loss, reason = "at most ROWS")]
fn lay(canvas: &mut Canvas, nth: usize, rows: &[Option<usize>], numbered: bool) {
    let Some(top) = rows.iter().flatten().max() else { return };
    let bottom = rows.iter().flatten().min().unwrap_or(top);
    // The last point is repeated, because rasciigraph draws between points.
    let values = rows.iter().chain(rows.last()).map(|row| row.map_or(f64::NAN, |row| row as f64)).collect();
    let height = u32::try_from(top - bottom).unwrap_or(0).max(1);
    let chart = rasciigraph::plot(values, rasciigraph::Config::default().with_height(height));
    for (down, text) in chart.lines().enumerate() {
        let cells = text.chars().skip_while(|c| !"┤┼".contains(*c)).skip(1);
        let Some(canvas) = canvas.get_mut(ROWS - top + down) else { return };
        for (cell, c) in canvas.iter_mut().zip(cells).filter(|(_, c)| *c != ' ') {
            *cell = Some((c, nth));
        }
    }
    if numbered {
        let from = 2 + nth * NUMBER_EVERY / LINES;
        for column in (from..rows.len()).step_by(NUMBER_EVERY) {
            if let Some(row) = rows[column] {
                let digit = char::from_digit(u32::try_from(nth + 1).unwrap_or(0), 10).unwrap_or('*');
                canvas[ROWS - row][column] = Some((digit, nth));
            }
        }
    }
}

fn painted(cells: &[Option<(char, usize)>], colour: bool) -> String {
    let mut text = String::new();
    for run in cells.chunk_by(|one, next| one.map(|(_, nth)| nth) == next.map(|(_, nth)| nth)) {
        let chars: String = run.iter().map(|cell| cell.map_or(' ', |(c, _)| c)).collect();
        match run.first().copied().flatten() {
            Some((_, nth)) => text.extend([style(nth, colour).render().to_string(), chars, reset(colour)]),
            None => text.push_str(&chars),
        }
    }
    text
}

fn reset(colour: bool) -> String {
    if colour { anstyle::Reset.render().to_string() } else { String::new() }
}

/// Returns the time axis and its labels; a label that would overlap the previous one is omitted.
fn time_axis(chart: &Chart, (first, last): (i64, i64), columns: usize) -> (String, String) {
    let mut ruler = vec!['─'; columns];
    let mut texts = String::new();
    for mark in axis::times_in((first, last), columns, &chart.zone, UnicodeWidthStr::width) {
        let share = (i128::from(mark.at) - i128::from(first)) * (columns as i128 - 1);
        let column = share.checked_div(i128::from(last) - i128::from(first)).unwrap_or(0);
        let column = usize::try_from(column).unwrap_or(0).min(columns - 1);
        let begin = column.saturating_sub(mark.text.width() / 2).min(columns.saturating_sub(mark.text.width()));
        let is_free = texts.is_empty() || begin > texts.width();
        if is_free {
            ruler[column] = '┬';
            texts.push_str(&" ".repeat(begin - texts.width()));
            texts.push_str(&mark.text);
        }
    }
    (ruler.into_iter().collect(), texts)
}

#[cfg(test)]
mod tests {
    use timestrata::{Timestamp, Value};

    use super::*;
    use crate::window_args::DisplayZone;

    fn chart(lines: &[&[Option<f64>]]) -> Chart {
        let mut chart = Chart::new("x".to_owned(), "mean by 1h".to_owned(), &DisplayZone::default());
        for (nth, values) in lines.iter().enumerate() {
            chart.begin_line(format!("x{{n=\"{nth}\"}}"));
            for (hour, value) in (0..).zip(*values) {
                chart.point(Timestamp::from_secs(hour * 3_600), value.map(Value::F64));
            }
        }
        chart
    }

    #[test]
    fn lines_differ_without_colour() {
        let up: Vec<Option<f64>> = (0..25).map(|hour| Some(f64::from(hour))).collect();
        let down: Vec<Option<f64>> = up.iter().rev().copied().collect();
        let chart = chart(&[&up, &down]);
        let lines = render(&chart, chart.bounds().unwrap(), 80, false);
        let text = lines.join("\n");
        assert_eq!(lines[0], "x: mean by 1h");
        for part in ["1 ── x{n=\"0\"}", "2 ── x{n=\"1\"}", "25 ┤", " 0 ┤", "12:00", "2 Jan"] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{text}");
        assert!(!text.contains('\u{1b}') && render(&chart, chart.bounds().unwrap(), 80, true)[3].contains('\u{1b}'));
    }

    #[test]
    fn the_greatest_values_are_between_their_ticks() {
        let chart = chart(&[&[Some(-1e308), Some(0.0), Some(1e308)]]);
        let lines = render(&chart, chart.bounds().unwrap(), 60, false);
        let text = lines.join("\n");
        let row_of = |part: &str| lines.iter().position(|line| line.contains(part)).unwrap_or_else(|| panic!("{text}"));
        assert!(row_of("1.00e308 ┤") < row_of(" 0 ┤") && row_of(" 0 ┤") < row_of("-1.00e308 ┤"), "{text}");
        // The line goes from the lowest row to the highest: the last point is at the tick of its value.
        assert!(lines[row_of("1.00e308 ┤")].ends_with(['─', '╭', '╮']), "{text}");
        let many = [Some(1.5e308); 500];
        let chart = self::chart(&[&many]);
        assert!(render(&chart, chart.bounds().unwrap(), 60, false).join("\n").contains("1.50e308"));
    }

    #[test]
    fn gaps_single_points_and_constant_lines_are_drawn() {
        for values in [&[Some(5.0)][..], &[Some(1.0), None, Some(2.0)], &[Some(1e300), Some(-1e300)], &[Some(3.0); 9]] {
            let chart = chart(&[values]);
            let text = render(&chart, chart.bounds().unwrap(), 60, false).join("\n");
            assert!(text.contains(['─', '╭', '╮', '╯', '╰']), "{text}");
        }
    }
}
