//! Axes of a drawn chart: the pixel of a time and of a value.

use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};

/// Time axis with ticks at round local times.
pub(super) struct TimeAxis {
    pub(super) range: (i64, i64),
    pub(super) marks: Vec<i64>,
}

impl Ranged for TimeAxis {
    type FormatOption = DefaultFormatting;
    type ValueType = i64;

    fn map(&self, value: &i64, pixels: (i32, i32)) -> i32 {
        let (first, last) = (i128::from(self.range.0), i128::from(self.range.1));
        let into = (i128::from(*value) - first) * i128::from(pixels.1 - pixels.0);
        // A single time is in the middle.
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

/// Value axis with the ticks of its scale.
pub(super) struct ValueAxis {
    pub(super) range: (f64, f64),
    pub(super) marks: Vec<f64>,
}

impl Ranged for ValueAxis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    #[expect(clippy::cast_possible_truncation, reason = "a share of a chart's pixels")]
    fn map(&self, value: &f64, pixels: (i32, i32)) -> i32 {
        // A value outside the axis is drawn at its edge; coordinates are 32-bit numbers.
        let share = ((value - self.range.0) / (self.range.1 - self.range.0)).clamp(-0.01, 1.01);
        pixels.0 + (share * f64::from(pixels.1 - pixels.0)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() { Vec::new() } else { self.marks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.range.0..self.range.1
    }
}
