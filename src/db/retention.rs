//! How long points are kept, as options of an opening.

use std::sync::Arc;
use std::time::Duration;

use super::Builder;
use crate::query::Select;

impl Builder {
    /// The age beyond which points are hidden and, in time, removed. Default: none.
    ///
    /// The age is counted from the newest timestamp or the clock, whichever is earlier, so that neither a jump of the clock
    /// nor one point from the future takes anything away. What was hidden once stays hidden, also if a later opening asks
    /// for a longer age or for none. Points behind it are accepted, and never seen.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("metrics.db");
    /// use std::time::Duration;
    /// use timestrata::{Db, Select};
    ///
    /// let db = Db::builder(path)
    ///     .retain_for(Duration::from_hours(24 * 365))
    ///     .retain_series_for(Select::metric("debug"), Duration::from_hours(24 * 7))
    ///     .retain_bytes(100 << 30)
    ///     .open_blocking()?;
    /// # db.close_blocking()?;
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    pub fn retain_for(mut self, age: Duration) -> Self {
        self.options.retention.age = Some(age);
        self
    }

    /// The same for the series that match, beside what is kept of all. May be called for several selections; of those that
    /// match a series the shortest age counts.
    pub fn retain_series_for(mut self, select: Select, age: Duration) -> Self {
        let text = select.to_string();
        self.options.retention.rules.retain(|(other, ..)| *other != text);
        self.options.retention.rules.push((text, Arc::new(select), age));
        self
    }

    /// The bytes that SSTs may take together; beyond them the oldest files go, and what is as old as they. Default: no
    /// limit. It holds between flushes, once a merge of the oldest files has ended, and beside what old snapshots keep; what
    /// reaches to the newest time of all stays, however small the limit.
    pub fn retain_bytes(mut self, bytes: u64) -> Self {
        self.options.retention.bytes = Some(bytes);
        self
    }
}
