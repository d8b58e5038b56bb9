//! A chart in a file, SVG or PNG, drawn by plotters.
//!
//! The font that measures text, and draws it in a PNG, is part of the program; an SVG is displayed with the fonts of
//! its viewer.

use std::fmt::Display;
use std::fs;
use std::io::Write;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, TextStyle, register_font};

use super::axis::{self, AxisTick, ValueScale};
use super::ranged::{TimeAxis, ValueAxis};
use super::{Chart, ChartBounds, ChartLine};
use crate::failure::{Failure, Result};

const WIDTH: i32 = 1_200;
/// Size of the plot with axes and title, in pixels; the legend is below it.
const HEIGHT: i32 = 600;
const LEGEND_ROW: i32 = 24;
const MARGIN: i32 = 20;
const FONT: &str = "sans-serif";
const TEXT_SIZE: i32 = 17;
const TITLE_SIZE: i32 = 22;
/// Supersampling factor of a PNG.
///
/// Each pixel is the mean of a square of drawn pixels, which gives smooth lines and letters at fractional positions.
const SUPERSAMPLING: i32 = 3;
const GREY: RGBColor = RGBColor(90, 90, 90);
const PALE: RGBColor = RGBColor(226, 226, 226);
/// Line colours.
///
/// The first seven are Paul Tol's "bright" scheme for colour-blind readers (personal.sron.nl/~pault).
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
    RGBColor(153, 85, 40),
    RGBColor(170, 120, 230),
    RGBColor(0, 153, 136),
    RGBColor(153, 153, 51),
    RGBColor(0, 0, 0),
];

/// Writes a file under a temporary name and renames it.
///
/// A viewer sees the old chart or the new chart, never a part of one.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let beside = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    let written = fs::File::create(&beside)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&beside, path));
    written.map_err(|error| {
        let _ = fs::remove_file(&beside);
        let path = path.display();
        Failure::failed(format!("cannot write {path}: {error}; name a file in a directory that can be written to"))
    })
}

pub(super) fn svg(chart: &Chart, bounds: ChartBounds) -> Result<String> {
    let plan = ChartLayout::new(chart, bounds, 1)?;
    let mut text = String::new();
    plan.draw(&SVGBackend::with_string(&mut text, plan.size()).into_drawing_area()).map_err(failed)?;
    // By default the joints of a line are mitred: a sharp turn would end in a spike.
    Ok(text.replace("<polyline ", "<polyline stroke-linejoin=\"round\" "))
}

pub(super) fn png(chart: &Chart, bounds: ChartBounds) -> Result<Vec<u8>> {
    let plan = ChartLayout::new(chart, bounds, SUPERSAMPLING)?;
    let (wide, high) = plan.size();
    let mut large = vec![0; wide as usize * high as usize * 3];
    plan.draw(&BitMapBackend::with_buffer(&mut large, (wide, high)).into_drawing_area()).map_err(failed)?;
    let (width, height) = (wide / SUPERSAMPLING.unsigned_abs(), high / SUPERSAMPLING.unsigned_abs());
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(failed)?;
    let pixels = averaged(&large, wide as usize * 3, SUPERSAMPLING.unsigned_abs() as usize);
    writer.write_image_data(&pixels).and_then(|()| writer.finish()).map_err(failed)?;
    Ok(file)
}

/// Returns the mean of each square of pixels, per colour.
fn averaged(large: &[u8], row: usize, side: usize) -> Vec<u8> {
    let mut pixels = Vec::with_capacity(large.len() / side / side);
    let count = u32::try_from(side * side).unwrap_or(1);
    for rows in large.chunks_exact(row * side) {
        for x in (0..row).step_by(3 * side) {
            for colour in 0..3 {
                let square = (0..side).flat_map(|dy| (0..side).map(move |dx| dy * row + x + dx * 3 + colour));
                let sum: u32 = square.map(|at| u32::from(rows[at])).sum();
                pixels.push(u8::try_from(sum / count).unwrap_or(u8::MAX));
            }
        }
    }
    pixels
}

fn failed(error: impl Display) -> Failure {
    Failure::failed(format!("cannot draw the chart: {error}; try the other of .svg and .png"))
}

/// Positions and sizes, computed before anything is drawn.
struct ChartLayout<'a> {
    chart: &'a Chart,
    lines: &'a [ChartLine],
    bounds: ChartBounds,
    scale: ValueScale,
    marks: Vec<AxisTick>,
    legend: Legend,
    /// Supersampling factor: drawn pixels per pixel of the constants above.
    finer: i32,
}

/// Result of a drawing call, without the backend's error type.
type DrawResult<B> = std::result::Result<(), DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

impl<'a> ChartLayout<'a> {
    fn new(chart: &'a Chart, bounds: ChartBounds, finer: i32) -> Result<Self> {
        register_font(FONT, FontStyle::Normal, dejavu::sans::regular())
            .map_err(|_| failed("the font inside the program cannot be read"))?;
        let lines = chart.first_lines(COLOURS.len());
        let width = |text: &str| usize::try_from(width_of(text, TEXT_SIZE)).unwrap_or(usize::MAX / 100);
        // The approximate width of the plot in pixels, without labels and margins.
        let marks = axis::times_in(bounds.times, 1_000, &chart.zone, width);
        let scale = ValueScale::new(bounds.values, 7);
        Ok(Self { chart, lines, bounds, scale, marks, legend: Legend::new(lines), finer })
    }

    fn size(&self) -> (u32, u32) {
        let height = HEIGHT + self.legend.height() + MARGIN;
        ((WIDTH * self.finer).unsigned_abs(), (height * self.finer).unsigned_abs())
    }

    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> DrawResult<B> {
        area.fill(&WHITE)?;
        let (above, below) = area.split_vertically(HEIGHT * self.finer);
        self.draw_title(&above)?;
        self.draw_lines(&above)?;
        let left_of = Pos::new(HPos::Left, VPos::Center);
        for ((text, (x, y)), colour) in self.legend.placed().zip(COLOURS) {
            let (x, middle) = (x * self.finer, (y + LEGEND_ROW / 2) * self.finer);
            let stroke = colour.stroke_width(3 * self.finer.unsigned_abs());
            below.draw(&PathElement::new([(x, middle), (x + 24 * self.finer, middle)], stroke))?;
            let style = self.style(TEXT_SIZE, BLACK).pos(left_of);
            below.draw(&Text::new(text.to_owned(), (x + 32 * self.finer, middle), style))?;
        }
        area.present()
    }

    fn draw_title<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> DrawResult<B> {
        let title = fitting(&self.chart.title(), WIDTH - 2 * MARGIN, TITLE_SIZE);
        let style = self.style(TITLE_SIZE, BLACK).pos(Pos::new(HPos::Center, VPos::Top));
        area.draw(&Text::new(title, (WIDTH / 2 * self.finer, 14 * self.finer), style))
    }

    fn draw_lines<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> DrawResult<B> {
        let values = self.scale.marks();
        let widest = values.iter().map(|value| width_of(&self.scale.text(*value), TEXT_SIZE)).max().unwrap_or(0);
        let fine = self.finer.unsigned_abs();
        let mut chart = ChartBuilder::on(area)
            .margin_top(56 * self.finer)
            .margin_right(40 * self.finer)
            .margin_left(MARGIN * self.finer)
            .x_label_area_size(60 * self.finer)
            .y_label_area_size((widest + 14) * self.finer)
            .build_cartesian_2d(
                TimeAxis { range: self.bounds.times, marks: self.marks.iter().map(|mark| mark.at).collect() },
                ValueAxis { range: (self.scale.first, self.scale.last), marks: values },
            )?;
        let text_of =
            |at: &i64| self.marks.iter().find(|mark| mark.at == *at).map_or_else(String::new, |mark| mark.text.clone());
        chart
            .configure_mesh()
            .bold_line_style(PALE.stroke_width(fine))
            .light_line_style(TRANSPARENT)
            .axis_style(GREY.stroke_width(fine))
            .set_all_tick_mark_size(5 * fine)
            .label_style(self.style(TEXT_SIZE, GREY))
            .x_labels(self.marks.len() + 1)
            .y_labels(20)
            .x_label_formatter(&text_of)
            .y_label_formatter(&|value| self.scale.text(*value))
            .x_desc(axis::range_text(self.bounds.times, &self.chart.zone, &self.chart.zone_name))
            .axis_desc_style(self.style(TEXT_SIZE, GREY))
            .draw()?;
        for (line, colour) in self.lines.iter().zip(COLOURS) {
            for stretch in line.points.split(|(_, value)| value.is_none()).filter(|stretch| !stretch.is_empty()) {
                let mut points = stretch.iter().filter_map(|(at, value)| Some((*at, self.scale.drawn((*value)?))));
                if stretch.len() == 1 {
                    chart.draw_series(points.next().map(|point| Circle::new(point, 3 * fine, colour.filled())))?;
                } else if self.finer == 1 {
                    chart.draw_series(LineSeries::new(points, colour.stroke_width(2 * fine)))?;
                } else {
                    draw_segments(area, points.map(|point| chart.backend_coord(&point)), colour, fine)?;
                }
            }
        }
        Ok(())
    }

    fn style(&self, size: i32, colour: RGBColor) -> TextStyle<'static> {
        (FONT, size * self.finer).into_font().color(&colour)
    }
}

/// Draws a line as segments with a disc at each joint.
///
/// The bitmap backend would mitre the joints: a sharp turn would end in a spike, far outside the axes.
fn draw_segments<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    pixels: impl Iterator<Item = (i32, i32)>,
    colour: RGBColor,
    fine: u32,
) -> DrawResult<B> {
    let mut before = None;
    for pixel in pixels {
        // A segment of no length has no direction.
        if before == Some(pixel) {
            continue;
        }
        if let Some(before) = before {
            area.draw(&PathElement::new([before, pixel], colour.stroke_width(2 * fine)))?;
        }
        area.draw(&Circle::new(pixel, fine, colour.filled()))?;
        before = Some(pixel);
    }
    Ok(())
}

fn width_of(text: &str, size: i32) -> i32 {
    (FONT, size).into_font().box_size(text).map_or(0, |(width, _)| i32::try_from(width).unwrap_or(i32::MAX))
}

/// Shortens a text to a width in pixels.
fn fitting(text: &str, width: i32, size: i32) -> String {
    let mut most = text.chars().count();
    let mut fitting = text.to_owned();
    while most > 1 && width_of(&fitting, size) > width {
        most -= 1;
        fitting = super::truncate_text(text, most);
    }
    fitting
}

/// Names of the lines in columns below the plot.
struct Legend {
    names: Vec<String>,
    column: i32,
}

impl Legend {
    const ROOM: i32 = WIDTH - 2 * MARGIN;

    fn new(lines: &[ChartLine]) -> Self {
        let names: Vec<String> = lines.iter().map(|line| fitting(&line.name, Self::ROOM - 60, TEXT_SIZE)).collect();
        let widest = names.iter().map(|name| width_of(name, TEXT_SIZE)).max().unwrap_or(0);
        Self { names, column: 32 + widest + 28 }
    }

    /// Returns the names with their positions.
    fn placed(&self) -> impl Iterator<Item = (&str, (i32, i32))> {
        let columns = (Self::ROOM / self.column).max(1);
        let place = move |nth: i32| (MARGIN + nth % columns * self.column, LEGEND_ROW / 2 + nth / columns * LEGEND_ROW);
        (0..).zip(&self.names).map(move |(nth, name)| (name.as_str(), place(nth)))
    }

    fn height(&self) -> i32 {
        self.placed().last().map_or(0, |(_, (_, y))| y + LEGEND_ROW)
    }
}

#[cfg(test)]
mod tests {
    use timestrata::{Timestamp, Value};

    use super::*;
    use crate::window_args::DisplayZone;

    fn chart(points: &[(i64, f64)]) -> Chart {
        let mut chart = Chart::new("v".to_owned(), String::new(), &DisplayZone::default());
        chart.begin_line("v".to_owned());
        for (second, value) in points {
            chart.point(Timestamp::from_secs(*second), Some(Value::F64(*value)));
        }
        chart
    }

    /// Returns width, height and RGB pixels.
    fn drawn(chart: &Chart) -> (usize, usize, Vec<[u8; 3]>) {
        let bytes = png(chart, chart.bounds().unwrap()).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        let (width, height) = (info.width as usize, info.height as usize);
        (width, height, pixels.chunks_exact(3).map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect())
    }

    /// Returns `true` for a pixel with much of the colour of the first line, which is bluer than all text and axes.
    fn is_line([red, _, blue]: [u8; 3]) -> bool {
        blue > red.saturating_add(30)
    }

    /// A value that jumps up and back within a minute of a day: its line turns within a pixel.
    #[test]
    fn a_sharp_turn_leaves_no_ink_outside_the_axes() {
        let day = 86_400;
        // The last peak is near the level: the axis begins at 50.
        for peak in [100.0, 0.0, -1e9, 51.0_f64] {
            for seconds in [1, 30, 60, 400] {
                let middle = day / 2;
                let points =
                    [(0, 50.0), (middle, 50.0), (middle + seconds, peak), (middle + 2 * seconds, 50.0), (day, 50.0)];
                let (width, height, pixels) = drawn(&chart(&points));
                let rows: Vec<usize> = (0..HEIGHT as usize)
                    .filter(|y| pixels[y * width..(y + 1) * width].iter().any(|pixel| is_line(*pixel)))
                    .collect();
                let columns: Vec<usize> =
                    (0..width).filter(|x| (0..HEIGHT as usize).any(|y| is_line(pixels[y * width + x]))).collect();
                let (top, bottom) = (*rows.first().unwrap(), *rows.last().unwrap());
                let (left, right) = (*columns.first().unwrap(), *columns.last().unwrap());
                assert!(
                    top >= 54 && bottom <= HEIGHT as usize - 58,
                    "peak {peak}, {seconds} s: rows {top} to {bottom}"
                );
                assert!(left >= 40 && right <= width - 38, "peak {peak}, {seconds} s: columns {left} to {right}");
                assert!(height > HEIGHT as usize);
                // The turn is a vertical line from the level to the peak.
                assert!(bottom - top > 100, "peak {peak}, {seconds} s: rows {top} to {bottom}");
            }
        }
    }

    #[test]
    fn equal_points_and_single_points_are_drawn() {
        for points in [&[(0, 1.0)][..], &[(0, 1.0), (0, 1.0)], &[(5, 1.0), (5, 2.0), (5, 1.0)]] {
            let (_, _, pixels) = drawn(&chart(points));
            assert!(pixels.iter().filter(|pixel| is_line(**pixel)).count() > 20, "{points:?}");
        }
    }

    #[test]
    fn the_greatest_values_are_drawn_at_their_places() {
        let (width, _, pixels) = drawn(&chart(&[(0, -1e308), (1, 0.0), (2, 1e308)]));
        let rows_at =
            |x: usize| -> Vec<usize> { (0..HEIGHT as usize).filter(|y| is_line(pixels[y * width + x])).collect() };
        let columns: Vec<usize> = (0..width).filter(|x| !rows_at(*x).is_empty()).collect();
        let (left, right) = (columns[0], columns[columns.len() - 1]);
        let (low, middle, high) = (rows_at(left)[0], rows_at(usize::midpoint(left, right))[0], rows_at(right)[0]);
        // A straight line.
        assert!((low + high).abs_diff(2 * middle) < 8 && low > high + 300, "{low} {middle} {high}");
    }

    #[test]
    fn joints_of_an_svg_are_round() {
        let chart = chart(&[(0, 1.0), (1, 9.0), (2, 1.0)]);
        let text = svg(&chart, chart.bounds().unwrap()).unwrap();
        assert!(text.contains("<polyline stroke-linejoin=\"round\" "), "{text}");
    }
}
