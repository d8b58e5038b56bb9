//! Counts points that fall on a time their series already has, so that nothing merges in silence.

use std::ops::Range;

use timestrata::Timestamp;

use crate::{Rows, SeriesNumber};

/// Counter of the points of one input. The first point of each time is left out of the count.
#[derive(Debug, Default)]
pub struct SharedTimes {
    series: Vec<SeriesTimes>,
}

/// Times of one series.
#[derive(Debug, Clone, Copy)]
struct SeriesTimes {
    last: i64,
    least: i64,
    greatest: i64,
    points: u64,
    shared: u64,
    is_rising: bool,
    is_falling: bool,
}

impl SharedTimes {
    /// Counts points of rows. Every point must be counted once, in the order of the input.
    ///
    /// # Panics
    ///
    /// If the rows have no such points.
    pub fn count(&mut self, rows: &Rows, points: Range<usize>) {
        for (index, time) in rows.point_series()[points.clone()].iter().zip(&rows.timestamps()[points]) {
            self.point(*index, time.as_nanos());
        }
    }

    fn point(&mut self, SeriesNumber(index): SeriesNumber, time: i64) {
        let index = index as usize;
        if index >= self.series.len() {
            let empty =
                SeriesTimes { last: 0, least: 0, greatest: 0, points: 0, shared: 0, is_rising: true, is_falling: true };
            self.series.resize(index + 1, empty);
        }
        let series = &mut self.series[index];
        if series.points == 0 {
            *series = SeriesTimes { last: time, least: time, greatest: time, points: 1, ..*series };
            return;
        }
        series.shared += u64::from(time == series.last);
        series.is_rising &= time >= series.last;
        series.is_falling &= time <= series.last;
        series.least = series.least.min(time);
        series.greatest = series.greatest.max(time);
        series.last = time;
        series.points += 1;
    }

    /// Returns the times of each series that has points.
    pub fn series(&self) -> impl Iterator<Item = SharedSeries> {
        let with_points = (0_u32..).zip(&self.series).filter(|(_, series)| series.points > 0);
        with_points.map(|(index, series)| SharedSeries {
            index: SeriesNumber(index),
            least: Timestamp::from_nanos(series.least),
            greatest: Timestamp::from_nanos(series.greatest),
            shared: series.shared,
            is_exact: series.is_rising || series.is_falling,
        })
    }
}

/// Times of one series of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharedSeries {
    /// The series.
    pub index: SeriesNumber,
    /// Least time.
    pub least: Timestamp,
    /// Greatest time.
    pub greatest: Timestamp,
    /// Points with the time of the point before them.
    pub shared: u64,
    /// `true` if the points came in the order of time, so that `shared` counts all points on shared times.
    pub is_exact: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(times: &[i64]) -> (u64, usize) {
        let mut shared = SharedTimes::default();
        for time in times {
            shared.point(SeriesNumber(0), *time);
        }
        (shared.series().map(|series| series.shared).sum(), shared.series().filter(|series| !series.is_exact).count())
    }

    #[test]
    fn the_first_point_of_each_time_is_left_out() {
        assert_eq!(counted(&[1, 1, 2, 2, 2, 3]), (3, 0));
        assert_eq!(counted(&[3, 2, 2, 1]), (1, 0));
        assert_eq!(counted(&[1, 2, 1, 2]), (0, 1));
    }
}
