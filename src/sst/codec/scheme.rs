//! The four ways to flatten a vector of integers, each to be undone from the vector's own `Line` alone: as they are
//! (frame of reference), less a straight line, as differences, as differences of differences.
//! All arithmetic wraps, so every scheme is exact for all 64-bit patterns; which is smaller is the caller's to find.
//! Must not know of bits or bytes beyond its own parameters.

use super::varint::{Reader, len_i64, write_i64};
use super::{CodecError, id};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    For,
    Linear,
    Delta,
    Delta2,
}

/// What a scheme needs beside the flat values. A field that the scheme does without is 0 and not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) start: i64,
    pub(super) slope: i64,
}

impl Scheme {
    pub(super) const fn id(self) -> u8 {
        match self {
            Self::For => id::FOR,
            Self::Linear => id::LINEAR,
            Self::Delta => id::DELTA,
            Self::Delta2 => id::DELTA2,
        }
    }

    pub(super) const fn from_id(id: u8) -> Option<Self> {
        match id {
            id::FOR => Some(Self::For),
            id::LINEAR => Some(Self::Linear),
            id::DELTA => Some(Self::Delta),
            id::DELTA2 => Some(Self::Delta2),
            _ => None,
        }
    }

    /// The first differences are undefined: they repeat the next one, so that they widen no range, and the line makes
    /// up for it.
    pub(super) fn flatten(self, values: &[i64], flat: &mut Vec<i64>) -> Line {
        let first = values[0];
        let second = values.get(1).copied().unwrap_or(first);
        flat.clear();
        match self {
            Self::For => {
                flat.extend_from_slice(values);
                Line { start: 0, slope: 0 }
            }
            Self::Linear => {
                let slope = mean_slope(values);
                let mut at = 0i64;
                flat.extend(values.iter().map(|value| {
                    let residual = value.wrapping_sub(at);
                    at = at.wrapping_add(slope);
                    residual
                }));
                Line { start: 0, slope }
            }
            Self::Delta => {
                let difference = second.wrapping_sub(first);
                flat.push(difference);
                flat.extend(values.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])));
                Line { start: first.wrapping_sub(difference), slope: 0 }
            }
            Self::Delta2 => {
                let bend =
                    |three: &[i64]| three[2].wrapping_sub(three[1]).wrapping_sub(three[1].wrapping_sub(three[0]));
                let lead = values.get(..3).map_or(0, bend);
                flat.resize(values.len().min(2), lead);
                flat.extend(values.windows(3).map(bend));
                let slope = second.wrapping_sub(first).wrapping_sub(lead.wrapping_mul(2));
                Line { start: first.wrapping_sub(slope).wrapping_sub(lead), slope }
            }
        }
    }

    /// The inverse of [`Self::flatten`], in place, for flat values given less `reference`.
    pub(super) fn restore(self, line: Line, reference: i64, values: &mut [i64]) {
        let Line { start, slope } = line;
        match self {
            Self::For => {
                let base = start.wrapping_add(reference);
                for value in values {
                    *value = base.wrapping_add(*value);
                }
            }
            Self::Linear => {
                let mut at = start.wrapping_add(reference);
                for value in values {
                    *value = at.wrapping_add(*value);
                    at = at.wrapping_add(slope);
                }
            }
            Self::Delta => {
                let mut sum = start;
                for value in values {
                    sum = sum.wrapping_add(reference.wrapping_add(*value));
                    *value = sum;
                }
            }
            Self::Delta2 => {
                let (mut sum, mut difference) = (start, slope);
                for value in values {
                    difference = difference.wrapping_add(reference.wrapping_add(*value));
                    sum = sum.wrapping_add(difference);
                    *value = sum;
                }
            }
        }
    }

    const fn has_start(self) -> bool {
        matches!(self, Self::Delta | Self::Delta2)
    }

    const fn has_slope(self) -> bool {
        matches!(self, Self::Linear | Self::Delta2)
    }

    pub(super) const fn line_len(self, line: Line) -> usize {
        let start = if self.has_start() { len_i64(line.start) } else { 0 };
        start + if self.has_slope() { len_i64(line.slope) } else { 0 }
    }

    pub(super) fn write_line(self, line: Line, out: &mut Vec<u8>) {
        if self.has_start() {
            write_i64(line.start, out);
        }
        if self.has_slope() {
            write_i64(line.slope, out);
        }
    }

    /// Reads the line of a vector of `count` values.
    pub(super) fn read_line(self, reader: &mut Reader<'_>, count: usize) -> Result<Line, CodecError> {
        let start = if self.has_start() { reader.i64()? } else { 0 };
        let slope = if self.has_slope() { reader.i64()? } else { 0 };
        if self == Self::Linear && count == 1 && slope != 0 {
            return Err(CodecError("a single value has a slope"));
        }
        Ok(Line { start, slope })
    }
}

/// The slope from the first value to the last, rounded to the nearest integer.
#[expect(clippy::cast_possible_wrap, reason = "a vector holds at most 1,024 values")]
fn mean_slope(values: &[i64]) -> i64 {
    let (first, last) = (values[0], values[values.len() - 1]);
    let steps = (values.len() - 1) as i64;
    if steps == 0 {
        return 0;
    }
    let rise = last.wrapping_sub(first);
    // Half a step is added in the direction of the rise; saturation costs but the rounding.
    rise.saturating_add(rise.signum() * (steps / 2)) / steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_undoes_itself_at_every_short_length() {
        let values = [i64::MIN, i64::MAX, 0, -1, 17, i64::MIN + 1, 4, 9];
        for len in 1..=values.len() {
            for scheme in [Scheme::For, Scheme::Linear, Scheme::Delta, Scheme::Delta2] {
                let mut flat = Vec::new();
                let line = scheme.flatten(&values[..len], &mut flat);
                let reference = 12345;
                for value in &mut flat {
                    *value = value.wrapping_sub(reference);
                }
                scheme.restore(line, reference, &mut flat);
                assert_eq!(flat, values[..len], "{scheme:?}");
            }
        }
    }

    #[test]
    fn a_regular_run_is_flat_by_line_and_by_differences() {
        let values: Vec<i64> = (0..100).map(|i| -40 + 7 * i).collect();
        let mut flat = Vec::new();
        assert_eq!(Scheme::Linear.flatten(&values, &mut flat), Line { start: 0, slope: 7 });
        assert_eq!(flat, [-40; 100]);
        Scheme::Delta.flatten(&values, &mut flat);
        assert_eq!(flat, [7; 100]);
        Scheme::Delta2.flatten(&values, &mut flat);
        assert_eq!(flat, [0; 100]);
    }
}
