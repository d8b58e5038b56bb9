//! Charts of a query: lines over time, in the terminal or in a file.
//! A [`Chart`] is independent of both outputs; `terminal` and `file` draw it and are independent of queries.

mod axis;
mod file;
mod ranged;
mod terminal;

use std::path::PathBuf;

use jiff::tz::TimeZone;
use timestrata::{Timestamp, Value};

use crate::database;
use crate::failure::{Failure, Result};
use crate::window_args::DisplayZone;

/// Output of a chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ChartTarget {
    Terminal,
    Svg(PathBuf),
    Png(PathBuf),
}

/// Parses the target: the file name decides the format; `-` is the terminal.
pub(crate) fn parse_chart_target(text: &str) -> Result<ChartTarget, String> {
    if text == "-" {
        return Ok(ChartTarget::Terminal);
    }
    let path = PathBuf::from(text);
    match path.extension().and_then(|ending| ending.to_str()).map(str::to_lowercase).as_deref() {
        Some("svg") => Ok(ChartTarget::Svg(path)),
        Some("png") => Ok(ChartTarget::Png(path)),
        _ => {
            Err("the name of a chart file must end in .svg or .png; for a chart in the terminal put --plot last"
                .to_owned())
        }
    }
}

/// Lines over time, with titles.
#[derive(Debug)]
pub(crate) struct Chart {
    /// Text of the selector.
    selector: String,
    /// Aggregates and windows; empty for a chart of points.
    aggregates: String,
    zone: TimeZone,
    zone_name: String,
    lines: Vec<ChartLine>,
}

/// One series, or one aggregate of it: points in time order; `None` interrupts the line.
#[derive(Debug)]
struct ChartLine {
    name: String,
    points: Vec<(i64, Option<f64>)>,
}

impl Chart {
    pub(crate) fn new(selector: String, aggregates: String, zone: &DisplayZone) -> Self {
        Self { selector, aggregates, zone: zone.shown.clone(), zone_name: zone.name.clone(), lines: Vec::new() }
    }

    /// Begins a new line, to which the following points belong.
    pub(crate) fn begin_line(&mut self, name: String) {
        self.lines.push(ChartLine { name, points: Vec::new() });
    }

    /// Adds a point to the current line; a value that is not finite is a gap.
    pub(crate) fn point(&mut self, at: Timestamp, value: Option<Value>) {
        let value = value.map(Value::as_f64).filter(|value| value.is_finite());
        if let Some(line) = self.lines.last_mut() {
            line.points.push((at.as_nanos(), value));
        }
    }

    fn title(&self) -> String {
        if self.aggregates.is_empty() {
            self.selector.clone()
        } else {
            format!("{}: {}", self.selector, self.aggregates)
        }
    }

    /// Returns the least and greatest time and value of all finite points.
    fn bounds(&self) -> Option<ChartBounds> {
        let drawn = || self.lines.iter().flat_map(|line| &line.points).filter_map(|(at, value)| Some((*at, (*value)?)));
        let (first, value) = drawn().next()?;
        Some(drawn().fold(ChartBounds { times: (first, first), values: (value, value) }, |bounds, (at, value)| {
            ChartBounds {
                times: (bounds.times.0.min(at), bounds.times.1.max(at)),
                values: (bounds.values.0.min(value), bounds.values.1.max(value)),
            }
        }))
    }

    /// Returns the first lines, as many as can be distinguished, and prints a note if there are more.
    fn first_lines(&self, most: usize) -> &[ChartLine] {
        if self.lines.len() > most {
            let all = crate::number_format::count(self.lines.len() as u64);
            database::note(&format!("the first {most} of {all} lines are drawn; --top or --group-by chooses"));
        }
        &self.lines[..self.lines.len().min(most)]
    }
}

/// Ranges of the axes, both ends included.
#[derive(Debug, Clone, Copy)]
struct ChartBounds {
    times: (i64, i64),
    values: (f64, f64),
}

/// Draws a chart to its target.
pub(crate) fn draw(chart: &Chart, plot: &ChartTarget) -> Result<()> {
    let Some(bounds) = chart.bounds() else {
        return Err(Failure::Negative(format!("{} has no number that could be drawn", chart.selector)));
    };
    match plot {
        ChartTarget::Terminal => terminal::draw(chart, bounds),
        ChartTarget::Svg(path) => file::write(path, file::svg(chart, bounds)?.as_bytes()),
        ChartTarget::Png(path) => file::write(path, &file::png(chart, bounds)?),
    }
}

/// Shortens a text to a number of characters and marks the cut.
fn truncate_text(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_extension_selects_the_chart_format() {
        assert_eq!(parse_chart_target("-"), Ok(ChartTarget::Terminal));
        assert_eq!(parse_chart_target("a/b.SVG"), Ok(ChartTarget::Svg("a/b.SVG".into())));
        assert_eq!(parse_chart_target("b.png"), Ok(ChartTarget::Png("b.png".into())));
        for text in ["b.jpg", "b", "svg", ".png", "temp{a=\"b.svg\"}"] {
            assert!(parse_chart_target(text).unwrap_err().contains(".svg or .png"), "{text}");
        }
    }
}
