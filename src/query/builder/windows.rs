//! Steps of a query that set its windows.

use std::time::Duration;

use super::Query;
use crate::query::period::Period;
use crate::query::zone::Zone;
use crate::types::point::Timestamp;

/// Edge of a window that belongs to it; see [`Query::closed`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Edge {
    /// Windows `[start, end)`: a point at the start of a window belongs to it. The default.
    #[default]
    Start,
    /// Windows `(start, end]`: a point at the end of a window belongs to it.
    End,
}

/// Windows.
impl Query {
    /// Cuts the range into windows of this length: a [`Duration`], or a [`Period`] of a calendar.
    ///
    /// Windows are aligned to midnight of 1970-01-01 in the [`zone`](Self::zone), or to the [`origin`](Self::origin).
    /// The range may cover the first and the last window in part; only points inside the range count. Without `every`,
    /// all points of a series form one window.
    pub fn every(mut self, every: impl Into<Period>) -> Self {
        self.every = Some(every.into());
        self
    }

    /// Makes windows overlap: one of this length starts every [`every`](Self::every).
    ///
    /// A window is labelled by its start and contains the points of `over` from there. The windows of the result are
    /// those with a point in the range, so the first ones start up to `over` before the range and hold fewer points. A
    /// `over` that is shorter than `every` leaves gaps, whose points are in no window. Windows that would start before
    /// [`Timestamp::MIN`] are left out. All windows are computed in one pass: each point is aggregated once, and the
    /// parts of a window are merged.
    ///
    /// `every` must be a fixed duration: days, weeks, months and years have no overlapping windows.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use std::time::Duration;
    /// use timestrata::{Aggregate, Batch, Db, Selector, SeriesKey, Timestamp};
    ///
    /// let db = Db::open_blocking(dir.path().join("db"))?;
    /// let mut batch = Batch::new();
    /// for n in 0..4_u64 {
    ///     batch.push_key(&SeriesKey::new("sent"), Timestamp::from_secs(15 * n as i64), 30 * n);
    /// }
    /// db.write_blocking(batch)?;
    /// let steps = db.snapshot().query(Selector::metric("sent")).every(Duration::from_secs(15));
    /// // The rate over 30 seconds, every 15 seconds.
    /// let answer = steps.over(Duration::from_secs(30)).aggregate(Aggregate::Rate).run_blocking()?;
    /// let starts: Vec<i64> = answer.series[0].starts.iter().map(|start| start.as_secs()).collect();
    /// assert_eq!(starts, [0, 15, 30, 45]);
    /// assert_eq!(answer.series[0].values[0].as_f64(), Some(&[2.0; 4][..]));
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    pub fn over(mut self, length: Duration) -> Self {
        self.over = Some(length);
        self
    }

    /// Sets which of its two edges a window contains. Default: [`Edge::Start`].
    ///
    /// With [`Edge::End`] a point at the time where one window ends and the next one starts belongs to the window that
    /// ends. Windows are labelled by their starts with either edge. The edges of the range are those of
    /// [`range`](Self::range). Without [`every`](Self::every) this has no effect.
    pub fn closed(mut self, edge: Edge) -> Self {
        self.closed = edge;
        self
    }

    /// Reads the last point of each series before the range, of at most this age, as the source of its first step.
    ///
    /// Without it the first point in the range has no step, so that rates miss the time from the last point before the
    /// range. The point belongs to no window, and a series without a point in the range is still left out. It counts for
    /// the aggregates that are computed from steps ([`Aggregate`](crate::Aggregate) lists them), and has no effect on
    /// others, on [`points`](Self::points), or if the range has no start. The points of that age are read, too.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use std::time::Duration;
    /// use timestrata::{Aggregate, Batch, Db, Selector, SeriesKey, Timestamp};
    ///
    /// let db = Db::open_blocking(dir.path().join("db"))?;
    /// let mut batch = Batch::new();
    /// for (secs, sent) in [(50, 100_u64), (70, 140), (90, 180)] {
    ///     batch.push_key(&SeriesKey::new("sent"), Timestamp::from_secs(secs), sent);
    /// }
    /// db.write_blocking(batch)?;
    /// let sent = db.snapshot().query(Selector::metric("sent")).range(Timestamp::from_secs(60)..);
    /// let increase = sent.aggregate(Aggregate::Increase);
    /// let value = |answer: timestrata::Windows| answer.series[0].values[0].get(0).map(|value| value.as_f64());
    /// assert_eq!(value(increase.clone().run_blocking()?), Some(40.0));
    /// assert_eq!(value(increase.lookback(Duration::from_secs(60)).run_blocking()?), Some(80.0));
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    pub fn lookback(mut self, age: Duration) -> Self {
        self.lookback = Some(age);
        self
    }

    /// Sets a time at which a window starts. The windows before and after it are aligned to that window.
    ///
    /// For days and weeks only the date of the origin counts, for months and years only its month.
    pub fn origin(mut self, origin: Timestamp) -> Self {
        self.origin = Some(origin);
        self
    }

    /// Sets the time zone of the windows. Default: UTC.
    ///
    /// Days, weeks, months and years start at midnight in the zone, also across changes of its clocks. Windows of a
    /// [`Duration`] all have the same length; they are aligned by the zone's offset from UTC at the epoch, unless an
    /// origin is set.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use timestrata::{Aggregate, Batch, Db, Period, Selector, SeriesKey, Timestamp, Zone};
    ///
    /// let db = Db::open_blocking(dir.path().join("db"))?;
    /// let mut batch = Batch::new();
    /// batch.push_key(&SeriesKey::new("kwh"), "2026-10-25T22:30:00Z".parse()?, 1.5);
    /// db.write_blocking(batch)?;
    /// let query = db.snapshot().query(Selector::metric("kwh")).every(Period::days(1)).aggregate(Aggregate::Sum);
    /// let answer = query.zone(Zone::rules("CET-1CEST,M3.5.0,M10.5.0/3")?).run_blocking()?;
    /// // A day of 25 hours, which ends at 23:00 UTC.
    /// assert_eq!(answer.series[0].starts[0].to_string(), "2026-10-24T22:00:00Z");
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    pub fn zone(mut self, zone: Zone) -> Self {
        self.zone = zone;
        self
    }
}
