//! A chart in a file, SVG or PNG, by plotters. Text needs no font of the machine: the one that it is measured with, and
//! drawn with in a PNG, is inside the program; an SVG is shown with whatever its viewer has.

use std::fmt::Display;
use std::fs;
use std::io::Write;
use std::ops::Range;
use std::path::Path;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, TextStyle, register_font};

use super::axis::{self, Mark, Scale};
use super::{Bounds, Line, Picture};
use crate::failure::{Failure, Result};

const WIDTH: i32 = 1_200;
/// Of the lines with their axes and the title; the legend comes below it.
const HEIGHT: i32 = 600;
const LEGEND_ROW: i32 = 24;
const MARGIN: i32 = 20;
const FONT: &str = "sans-serif";
const TEXT_SIZE: i32 = 17;
const GREY: RGBColor = RGBColor(90, 90, 90);
const PALE: RGBColor = RGBColor(226, 226, 226);
/// Paul Tol's "bright" and "muted", which also the colour-blind can tell apart (personal.sron.nl/~pault).
const COLOURS: [RGBColor; 14] = [
    RGBColor(68, 119, 170),
    RGBColor(238, 102, 119),
    RGBColor(34, 136, 51),
    RGBColor(204, 187, 68),
    RGBColor(102, 204, 238),
    RGBColor(170, 51, 119),
    RGBColor(120, 120, 120),
    RGBColor(51, 34, 136),
    RGBColor(221, 136, 51),
    RGBColor(17, 119, 51),
    RGBColor(136, 34, 85),
    RGBColor(136, 204, 238),
    RGBColor(153, 153, 51),
    RGBColor(0, 0, 0),
];

/// The file takes the place of one of its name at once: whoever looks at it meanwhile sees the old chart or the new.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let beside = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    let written = fs::File::create(&beside)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&beside, path));
    written.map_err(|error| {
        let _ = fs::remove_file(&beside);
        let path = path.display();
        Failure::error(format!("cannot write {path}: {error}; name a file in a directory that can be written to"))
    })
}

pub(super) fn svg(picture: &Picture, bounds: Bounds) -> Result<String> {
    let plan = Plan::new(picture, bounds)?;
    let mut text = String::new();
    plan.draw(&SVGBackend::with_string(&mut text, plan.size()).into_drawing_area()).map_err(failed)?;
    Ok(text)
}

pub(super) fn png(picture: &Picture, bounds: Bounds) -> Result<Vec<u8>> {
    let plan = Plan::new(picture, bounds)?;
    let (width, height) = plan.size();
    let mut pixels = vec![0; width as usize * height as usize * 3];
    plan.draw(&BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area()).map_err(failed)?;
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(&pixels).and_then(|()| writer.finish()).map_err(failed)?;
    Ok(file)
}

fn failed(error: impl Display) -> Failure {
    Failure::error(format!("cannot draw the chart: {error}; try the other of .svg and .png"))
}

/// What stands where, settled before anything is drawn.
struct Plan<'a> {
    picture: &'a Picture,
    lines: &'a [Line],
    bounds: Bounds,
    scale: Scale,
    marks: Vec<Mark>,
    /// The legend's texts with their places.
    legend: Vec<(i32, i32, String)>,
    height: i32,
}

/// A drawing, but for what its backend calls an error.
type Drawn<B> = std::result::Result<(), DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

impl<'a> Plan<'a> {
    fn new(picture: &'a Picture, bounds: Bounds) -> Result<Self> {
        register_font(FONT, FontStyle::Normal, dejavu::sans::regular())
            .map_err(|_| failed("the font inside the program cannot be read"))?;
        let lines = picture.first_lines(COLOURS.len());
        let legend = legend(lines);
        let below = legend.last().map_or(0, |(_, y, _)| y + LEGEND_ROW);
        let width = |text: &str| usize::try_from(width_of(text)).unwrap_or(usize::MAX / 100);
        // What the texts of the values and the margins leave.
        let marks = axis::times_in(bounds.times, 1_000, &picture.zone, width);
        let scale = Scale::new(bounds.values, 7);
        Ok(Self { picture, lines, bounds, scale, marks, legend, height: HEIGHT + below + MARGIN })
    }

    fn size(&self) -> (u32, u32) {
        (WIDTH.unsigned_abs(), self.height.unsigned_abs())
    }

    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Drawn<B> {
        area.fill(&WHITE)?;
        let (above, below) = area.split_vertically(HEIGHT);
        self.draw_lines(&above)?;
        for ((x, y, text), colour) in self.legend.iter().zip(COLOURS) {
            let middle = y + TEXT_SIZE / 2 + 4;
            below.draw(&PathElement::new([(*x, middle), (x + 24, middle)], colour.stroke_width(3)))?;
            below.draw(&Text::new(
                text.clone(),
                (x + 32, middle),
                style(BLACK).pos(Pos::new(HPos::Left, VPos::Center)),
            ))?;
        }
        area.present()
    }

    fn draw_lines<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Drawn<B> {
        let values = self.scale.marks();
        let widest = values.iter().map(|value| width_of(&self.scale.text(*value))).max().unwrap_or(0);
        let title = fitting(&self.picture.title(), WIDTH - 2 * MARGIN, 22);
        let title_style = (FONT, 22).into_font().color(&BLACK).pos(Pos::new(HPos::Center, VPos::Top));
        area.draw(&Text::new(title, (WIDTH / 2, 14), title_style))?;
        let mut chart = ChartBuilder::on(area)
            .margin_top(56)
            .margin_right(40)
            .margin_left(MARGIN)
            .x_label_area_size(64)
            .y_label_area_size(widest + 14)
            .build_cartesian_2d(
                Times { range: self.bounds.times, marks: self.marks.iter().map(|mark| mark.at).collect() },
                Values { range: (self.scale.first, self.scale.last), marks: values },
            )?;
        let text_of =
            |at: &i64| self.marks.iter().find(|mark| mark.at == *at).map_or_else(String::new, |m| m.text.clone());
        chart
            .configure_mesh()
            .bold_line_style(PALE)
            .light_line_style(TRANSPARENT)
            .axis_style(GREY)
            .label_style(style(GREY))
            .x_labels(self.marks.len() + 1)
            .y_labels(20)
            .x_label_formatter(&text_of)
            .y_label_formatter(&|value| self.scale.text(*value))
            .x_desc(axis::span(self.bounds.times, &self.picture.zone, &self.picture.zone_name))
            .axis_desc_style(style(GREY))
            .draw()?;
        for (line, colour) in self.lines.iter().zip(COLOURS) {
            for stretch in line.points.split(|(_, value)| value.is_none()) {
                let mut points = stretch.iter().filter_map(|(at, value)| Some((*at, (*value)?))).peekable();
                match stretch {
                    [] => {}
                    [_] => {
                        let dot = points.next().map(|point| Circle::new(point, 3, colour.filled()));
                        chart.draw_series(dot)?;
                    }
                    _ => {
                        chart.draw_series(LineSeries::new(points, colour.stroke_width(2)))?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn style(colour: RGBColor) -> TextStyle<'static> {
    (FONT, TEXT_SIZE).into_font().color(&colour)
}

fn width_of(text: &str) -> i32 {
    size_of(text, TEXT_SIZE)
}

fn size_of(text: &str, size: i32) -> i32 {
    (FONT, size).into_font().box_size(text).map_or(0, |(width, _)| i32::try_from(width).unwrap_or(i32::MAX))
}

/// The text, cut until it is no wider than this.
fn fitting(text: &str, width: i32, size: i32) -> String {
    let mut most = text.chars().count();
    let mut text = text.to_owned();
    while most > 1 && size_of(&text, size) > width {
        most -= 1;
        text = super::cut(&text, most);
    }
    text
}

/// Names side by side, in as many rows as they take.
fn legend(lines: &[Line]) -> Vec<(i32, i32, String)> {
    let room = WIDTH - 2 * MARGIN;
    let (mut x, mut y) = (0, 0);
    let mut placed = Vec::new();
    for line in lines {
        let text = fitting(&line.name, room - 60, TEXT_SIZE);
        let width = 32 + width_of(&text) + 28;
        if x > 0 && x + width > room {
            (x, y) = (0, y + LEGEND_ROW);
        }
        placed.push((MARGIN + x, y, text));
        x += width;
    }
    placed
}

/// The axis of time: marks where the clocks are round, which plotters cannot know.
struct Times {
    range: (i64, i64),
    marks: Vec<i64>,
}

impl Ranged for Times {
    type FormatOption = DefaultFormatting;
    type ValueType = i64;

    fn map(&self, value: &i64, pixels: (i32, i32)) -> i32 {
        let (first, last) = (i128::from(self.range.0), i128::from(self.range.1));
        let into = (i128::from(*value) - first) * i128::from(pixels.1 - pixels.0);
        // One moment alone stands in the middle.
        let middle = (pixels.1 - pixels.0) / 2;
        pixels.0 + into.checked_div(last - first).map_or(middle, |into| i32::try_from(into).unwrap_or(0))
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<i64> {
        if hint.weight().allow_light_points() { Vec::new() } else { self.marks.clone() }
    }

    fn range(&self) -> Range<i64> {
        self.range.0..self.range.1
    }
}

/// The axis of values, with the marks of its scale.
struct Values {
    range: (f64, f64),
    marks: Vec<f64>,
}

impl Ranged for Values {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    #[expect(clippy::cast_possible_truncation, reason = "a share of a picture's pixels")]
    fn map(&self, value: &f64, pixels: (i32, i32)) -> i32 {
        let share = (value - self.range.0) / (self.range.1 - self.range.0);
        pixels.0 + (share * f64::from(pixels.1 - pixels.0)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() { Vec::new() } else { self.marks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.range.0..self.range.1
    }
}
