//! Charts of a query: lines over time, in the terminal or in a file.
//! What is drawn is a [`Picture`], which knows neither; the two below it know no query.

mod axis;
mod file;
mod terminal;

use std::path::PathBuf;

use jiff::tz::TimeZone;
use timestrata::{Timestamp, Value};

use crate::database;
use crate::failure::{Failure, Result};
use crate::windows::Clock;

/// Where a chart goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plot {
    Terminal,
    Svg(PathBuf),
    Png(PathBuf),
}

/// A file's kind is told by its name; `-` is the terminal.
pub(crate) fn parse_plot(text: &str) -> Result<Plot, String> {
    if text == "-" {
        return Ok(Plot::Terminal);
    }
    let path = PathBuf::from(text);
    match path.extension().and_then(|ending| ending.to_str()).map(str::to_lowercase).as_deref() {
        Some("svg") => Ok(Plot::Svg(path)),
        Some("png") => Ok(Plot::Png(path)),
        _ => Err("a chart's file ends in .svg or .png; for one in the terminal put --plot last".to_owned()),
    }
}

/// Lines over time, and what is written around them.
#[derive(Debug)]
pub(crate) struct Picture {
    /// The selector.
    of: String,
    /// Aggregates and windows; empty for points.
    what: String,
    zone: TimeZone,
    zone_name: String,
    lines: Vec<Line>,
}

/// One series, or one aggregate of it: its points in time order, `None` where the line stops.
#[derive(Debug)]
struct Line {
    name: String,
    points: Vec<(i64, Option<f64>)>,
}

impl Picture {
    pub(crate) fn new(of: String, what: String, clock: &Clock) -> Self {
        Self { of, what, zone: clock.shown.clone(), zone_name: clock.name.clone(), lines: Vec::new() }
    }

    /// The points that follow are of a new line.
    pub(crate) fn begin(&mut self, name: String) {
        self.lines.push(Line { name, points: Vec::new() });
    }

    /// Adds a point to the line that was begun; what is no finite number is a gap.
    pub(crate) fn point(&mut self, at: Timestamp, value: Option<Value>) {
        let value = value.map(Value::as_f64).filter(|value| value.is_finite());
        if let Some(line) = self.lines.last_mut() {
            line.points.push((at.as_nanos(), value));
        }
    }

    fn title(&self) -> String {
        if self.what.is_empty() { self.of.clone() } else { format!("{}: {}", self.of, self.what) }
    }

    /// The least and greatest time and value of what can be drawn.
    fn bounds(&self) -> Option<Bounds> {
        let drawn = || self.lines.iter().flat_map(|line| &line.points).filter_map(|(at, value)| Some((*at, (*value)?)));
        let (first, value) = drawn().next()?;
        Some(drawn().fold(Bounds { times: (first, first), values: (value, value) }, |bounds, (at, value)| Bounds {
            times: (bounds.times.0.min(at), bounds.times.1.max(at)),
            values: (bounds.values.0.min(value), bounds.values.1.max(value)),
        }))
    }

    /// Leaves as many lines as can be told apart, and says which.
    fn first_lines(&self, most: usize) -> &[Line] {
        if self.lines.len() > most {
            let all = crate::figures::count(self.lines.len() as u64);
            database::note(&format!("the first {most} of {all} lines are drawn; --top or --group-by chooses"));
        }
        &self.lines[..self.lines.len().min(most)]
    }
}

/// What the axes must hold, both ends included.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    times: (i64, i64),
    values: (f64, f64),
}

/// Draws it.
pub(crate) fn draw(picture: &Picture, plot: &Plot) -> Result<()> {
    let Some(bounds) = picture.bounds() else {
        return Err(Failure::No(format!("{} has no number that could be drawn", picture.of)));
    };
    match plot {
        Plot::Terminal => terminal::draw(picture, bounds),
        Plot::Svg(path) => file::write(path, file::svg(picture, bounds)?.as_bytes()),
        Plot::Png(path) => file::write(path, &file::png(picture, bounds)?),
    }
}

/// The text cut to so many characters, with a sign that it was.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_tells_what_is_drawn() {
        assert_eq!(parse_plot("-"), Ok(Plot::Terminal));
        assert_eq!(parse_plot("a/b.SVG"), Ok(Plot::Svg("a/b.SVG".into())));
        assert_eq!(parse_plot("b.png"), Ok(Plot::Png("b.png".into())));
        for text in ["b.jpg", "b", "svg", ".png", "temp{a=\"b.svg\"}"] {
            assert!(parse_plot(text).unwrap_err().contains(".svg or .png"), "{text}");
        }
    }
}
