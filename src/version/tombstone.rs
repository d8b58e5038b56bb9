//! A delete as the version keeps it. It hides by place in the order, never by clock, and costs the same whatever it hides.

use super::sst::Rectangle;
use crate::series::{SeriesId, SeriesSet};

/// Hides every point of these series in this range of time whose record came before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tombstone {
    /// Its own place in the order.
    pub(crate) seq: u64,
    pub(crate) series: SeriesSet,
    /// First and last time, both included, in this order.
    pub(crate) first_time: i64,
    pub(crate) last_time: i64,
}

impl Tombstone {
    /// Its range of time, if it is about this series.
    pub(crate) fn hides(&self, series: SeriesId) -> Option<(i64, i64)> {
        self.series.contains(series).then_some((self.first_time, self.last_time))
    }

    /// Whether it could hide anything inside.
    pub(crate) fn meets(&self, rectangle: &Rectangle) -> bool {
        self.first_time <= rectangle.last_time
            && rectangle.first_time <= self.last_time
            && self.series.meets(&rectangle.series())
    }

    /// Whether it hides everything inside that came before it.
    pub(crate) fn covers(&self, rectangle: &Rectangle) -> bool {
        // 6: its fast path asks for the time alone, and takes the files of every series.
        #[cfg(feature = "planted")]
        if crate::planted::is("delete_drops_files_of_all_series") {
            return self.first_time <= rectangle.first_time && rectangle.last_time <= self.last_time;
        }
        self.first_time <= rectangle.first_time
            && rectangle.last_time <= self.last_time
            && self.series.covers(&rectangle.series())
    }

    /// Whether it leaves no point of its series that came before it, whatever its time.
    pub(crate) fn is_of_all_time(&self) -> bool {
        self.first_time == i64::MIN && self.last_time == i64::MAX
    }

    /// What it takes in memory.
    pub(crate) fn byte_len(&self) -> usize {
        size_of::<Self>() + self.series.byte_len()
    }
}
