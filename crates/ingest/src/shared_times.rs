//! Counts points that fall on a time their series already has, so that nothing merges in silence.

use crate::{Rows, SeriesIndex};

/// Counter of the points of one input. The first point of each time is left out of the count.
#[derive(Debug, Default)]
pub struct SharedTimes {
    series: Vec<SeriesTimes>,
    shared: u64,
}

/// Times of one series.
#[derive(Debug, Clone, Copy)]
struct SeriesTimes {
    last: i64,
    least: i64,
    greatest: i64,
    points: u64,
    is_rising: bool,
    is_falling: bool,
}

impl SharedTimes {
    /// Counts the points of rows. Every point must be counted once, in the order of the input.
    pub fn count(&mut self, rows: &Rows) {
        for (index, time) in rows.point_series().iter().zip(rows.timestamps()) {
            self.point(*index, time.as_nanos());
        }
    }

    fn point(&mut self, SeriesIndex(index): SeriesIndex, time: i64) {
        let index = index as usize;
        if index >= self.series.len() {
            let empty =
                SeriesTimes { last: 0, least: 0, greatest: 0, points: 0, is_rising: true, is_falling: true };
            self.series.resize(index + 1, empty);
        }
        let series = &mut self.series[index];
        if series.points == 0 {
            *series = SeriesTimes { last: time, least: time, greatest: time, points: 1, ..*series };
            return;
        }
        self.shared += u64::from(time == series.last);
        series.is_rising &= time >= series.last;
        series.is_falling &= time <= series.last;
        series.least = series.least.min(time);
        series.greatest = series.greatest.max(time);
        series.last = time;
        series.points += 1;
    }

    /// Returns the number of counted points on shared times. It is exact if [`unordered`](Self::unordered) is empty.
    #[must_use]
    pub fn shared(&self) -> u64 {
        self.shared
    }

    /// Returns the series whose points neither rise nor fall in time: some of their shared times are not counted.
    pub fn unordered(&self) -> impl Iterator<Item = SeriesIndex> {
        let is_unordered = |(_, series): &(u32, &SeriesTimes)| !series.is_rising && !series.is_falling;
        (0_u32..).zip(&self.series).filter(is_unordered).map(|(index, _)| SeriesIndex(index))
    }

    /// Returns the least and the greatest time of each series that has points, in nanoseconds.
    pub fn ranges(&self) -> impl Iterator<Item = (SeriesIndex, i64, i64)> {
        let ranges = (0_u32..).zip(&self.series).filter(|(_, series)| series.points > 0);
        ranges.map(|(index, series)| (SeriesIndex(index), series.least, series.greatest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(times: &[i64]) -> (u64, usize) {
        let mut shared = SharedTimes::default();
        times.iter().for_each(|time| shared.point(SeriesIndex(0), *time));
        (shared.shared(), shared.unordered().count())
    }

    #[test]
    fn the_first_point_of_each_time_is_left_out() {
        assert_eq!(counted(&[1, 1, 2, 2, 2, 3]), (3, 0));
        assert_eq!(counted(&[3, 2, 2, 1]), (1, 0));
        assert_eq!(counted(&[1, 2, 1, 2]), (0, 1));
    }
}
