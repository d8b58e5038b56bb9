//! Dyadic boxes: rectangles whose sides are powers of two, aligned to their own length.
//!
//! Along each axis the ranges of any two boxes are nested or disjoint, also after repeated splits. They never overlap
//! partly.

use crate::state::rectangle::Rectangle;
use crate::types::series::SeriesId;
use crate::types::time_range::TimeRange;

/// Bits of a series id.
const SERIES_BITS: u8 = 32;
/// Bits of a timestamp.
const TIME_BITS: u8 = 64;

/// A dyadic rectangle of series ids and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DyadicBox {
    first_series: u32,
    /// The box has 2^`series_bits` series ids.
    series_bits: u8,
    first_time: i64,
    /// The box has 2^`time_bits` nanoseconds.
    time_bits: u8,
}

impl DyadicBox {
    /// All series and all times.
    pub(crate) const ALL: Self =
        Self { first_series: 0, series_bits: SERIES_BITS, first_time: i64::MIN, time_bits: TIME_BITS };

    /// Creates a box; `None` if a side is not aligned to its length or has too many bits.
    pub(crate) fn new(first_series: u32, series_bits: u8, first_time: i64, time_bits: u8) -> Option<Self> {
        let aligned = |value: u64, bits: u8| bits == 64 || value.trailing_zeros() >= u32::from(bits);
        let own = Self { first_series, series_bits, first_time, time_bits };
        let series = series_bits <= SERIES_BITS && (first_series == 0 || aligned(u64::from(first_series), series_bits));
        let time = time_bits <= TIME_BITS && (time_bits < 64 || first_time == i64::MIN);
        (series && time && aligned(offset(first_time), time_bits)).then_some(own)
    }

    /// Creates the smallest box that contains a rectangle.
    pub(crate) fn enclosing(rectangle: &Rectangle) -> Self {
        let (first, last) = (rectangle.first_series.get(), rectangle.last_series.get());
        let series_bits = u8::try_from(u32::BITS - (first ^ last).leading_zeros()).unwrap_or(SERIES_BITS);
        let (from, until) = (offset(rectangle.times.first()), offset(rectangle.times.last()));
        let time_bits = u8::try_from(u64::BITS - (from ^ until).leading_zeros()).unwrap_or(TIME_BITS);
        let first_series = if series_bits == SERIES_BITS { 0 } else { first >> series_bits << series_bits };
        let first_time = if time_bits == TIME_BITS { 0 } else { from >> time_bits << time_bits };
        Self { first_series, series_bits, first_time: time_at(first_time), time_bits }
    }

    /// Returns the series side and the time side, each as first value and number of bits.
    pub(crate) fn sides(&self) -> ((u32, u8), (i64, u8)) {
        ((self.first_series, self.series_bits), (self.first_time, self.time_bits))
    }

    /// Returns the box as a rectangle.
    pub(crate) fn rectangle(&self) -> Rectangle {
        let series = if self.series_bits == SERIES_BITS { u32::MAX } else { (1 << self.series_bits) - 1 };
        let time = if self.time_bits == TIME_BITS { u64::MAX } else { (1 << self.time_bits) - 1 };
        Rectangle {
            first_series: SeriesId::new(self.first_series),
            last_series: SeriesId::new(self.first_series | series),
            times: TimeRange::new(self.first_time, time_at(offset(self.first_time) | time)),
        }
    }

    /// Returns the two halves by series, the lower one first; `None` if the box has a single series id.
    pub(crate) fn halves_by_series(&self) -> Option<[Self; 2]> {
        let series_bits = self.series_bits.checked_sub(1)?;
        let upper = self.first_series | 1 << series_bits;
        Some([Self { series_bits, ..*self }, Self { series_bits, first_series: upper, ..*self }])
    }

    /// Returns the two halves by time, the earlier one first; `None` if the box has a single nanosecond.
    pub(crate) fn halves_by_time(&self) -> Option<[Self; 2]> {
        let time_bits = self.time_bits.checked_sub(1)?;
        let upper = time_at(offset(self.first_time) | 1 << time_bits);
        Some([Self { time_bits, ..*self }, Self { time_bits, first_time: upper, ..*self }])
    }
}

/// Returns the nanoseconds from the earliest time (`i64::MIN`) to `time`.
///
/// A time is aligned to 2^n if the n lowest bits of its offset are 0.
fn offset(time: i64) -> u64 {
    time.cast_unsigned() ^ (1 << 63)
}

fn time_at(offset: u64) -> i64 {
    (offset ^ (1 << 63)).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rectangle(series: (u32, u32), times: (i64, i64)) -> Rectangle {
        let (first_series, last_series) = (SeriesId::new(series.0), SeriesId::new(series.1));
        Rectangle { first_series, last_series, times: TimeRange::new(times.0, times.1) }
    }

    #[test]
    fn the_smallest_box_contains_its_rectangle_and_neither_half_does() {
        let cases = [
            rectangle((0, u32::MAX), (i64::MIN, i64::MAX)),
            rectangle((5, 5), (7, 7)),
            rectangle((3, 9), (-1, 0)),
            rectangle((u32::MAX - 1, u32::MAX), (i64::MAX - 4, i64::MAX)),
            rectangle((1 << 20, (1 << 20) + 4), (1_600_000_000_000_000_000, 1_600_000_100_000_000_000)),
        ];
        for rectangle in cases {
            let enclosing = DyadicBox::enclosing(&rectangle);
            assert!(enclosing.rectangle().covers(&rectangle), "{enclosing:?}");
            let halves = enclosing.halves_by_series().into_iter().chain(enclosing.halves_by_time()).flatten();
            assert!(halves.into_iter().all(|half| !half.rectangle().covers(&rectangle)), "{enclosing:?}");
            let ((first_series, series_bits), (first_time, time_bits)) = enclosing.sides();
            assert_eq!(DyadicBox::new(first_series, series_bits, first_time, time_bits), Some(enclosing));
        }
        assert_eq!(DyadicBox::enclosing(&DyadicBox::ALL.rectangle()), DyadicBox::ALL);
    }

    #[test]
    fn sides_that_are_not_aligned_make_no_box() {
        assert_eq!(DyadicBox::new(1, 1, i64::MIN, 64), None);
        assert_eq!(DyadicBox::new(0, 33, i64::MIN, 64), None);
        assert_eq!(DyadicBox::new(0, 32, 1, 64), None);
        assert_eq!(DyadicBox::new(0, 32, 1, 1), None);
        assert!(DyadicBox::new(2, 1, 0, 63).is_some());
    }
}
