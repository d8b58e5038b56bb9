//! Options of an opening for retention: how long points are kept, and how many bytes of them.

use std::sync::Arc;
use std::time::Duration;

use super::DbBuilder;
use crate::types::selector::Selector;

impl DbBuilder {
    /// Sets the age beyond which points are hidden and later removed. Default: no limit.
    ///
    /// The age is counted from the newest timestamp or the wall clock, whichever is earlier, so that neither a wrong
    /// clock nor a single point from the future removes points. Points that were hidden once stay hidden, even if a
    /// later opening sets a longer age or no age. Writes of older points are accepted, but the points are never
    /// visible.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("metrics.db");
    /// use std::time::Duration;
    /// use timestrata::{Db, Selector};
    ///
    /// let db = Db::builder(path)
    ///     .retain_for(Duration::from_hours(24 * 365))
    ///     .retain_series_for(Selector::metric("debug"), Duration::from_hours(24 * 7))
    ///     .retain_bytes(100 << 30)
    ///     .open_blocking()?;
    /// # db.close_blocking()?;
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    pub fn retain_for(mut self, age: Duration) -> Self {
        self.options.retention.age = Some(age);
        self
    }

    /// Sets an age as [`retain_for`](Self::retain_for) does, for the series that match.
    ///
    /// May be called for several selectors. The shortest of all ages that apply to a series is used.
    pub fn retain_series_for(mut self, selector: Selector, age: Duration) -> Self {
        let text = selector.to_string();
        self.options.retention.rules.retain(|(other, ..)| *other != text);
        self.options.retention.rules.push((text, Arc::new(selector), age));
        self
    }

    /// Sets the total size of SSTs in bytes beyond which the oldest points are removed. Default: no limit.
    ///
    /// The oldest files are dropped, and points of the same age in other files are hidden. The limit holds between
    /// flushes, after a running compaction of the oldest files has ended; it does not count files that only old
    /// snapshots keep. Files with the newest points stay, however small the limit is.
    pub fn retain_bytes(mut self, bytes: u64) -> Self {
        self.options.retention.bytes = Some(bytes);
        self
    }
}
