//! Options of an opening: defaults, bounds, and the division of the memory budget.
//! Sizes that loom models reduce are in `sync::bounds`.

use std::time::Duration;

use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::error::{Error, Result};
use crate::types::point::TimestampGuard;
use crate::types::selector::Selector;
use crate::types::series::MAX_SERIES_TAGS;
use crate::types::time_range::TimeRange;

/// Maximum number of frozen memtables: one being flushed, one waiting.
///
/// Writes wait instead of freezing a third.
pub(crate) const MAX_FROZEN_MEMTABLES: usize = 2;

/// Durability of an acknowledged write: when it is synced, and which failures it survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Synced before the acknowledgement: survives power loss. The default.
    #[default]
    Sync,
    /// Acknowledged when the operating system has the write, synced within the interval.
    ///
    /// Survives a killed process. Power loss can lose only the last writes in the total order, none of them older than
    /// the interval.
    Interval(Duration),
    /// Acknowledged when the operating system has the write.
    ///
    /// Synced when its WAL segment is sealed, at the latest when the database is closed. Survives a killed process.
    /// Power loss can lose only the last writes in the total order.
    Os,
}

/// Retention options as the user sets them.
#[derive(Debug, Clone, Default)]
pub(crate) struct RetentionOptions {
    /// Maximum age of a point.
    pub(crate) age: Option<Duration>,
    /// Maximum size of all SSTs together, in bytes.
    pub(crate) bytes: Option<u64>,
    /// Rules with a maximum age for some series.
    pub(crate) rules: Vec<(Selector, Duration)>,
    /// Open time for which an unexplained move of a cutoff waits; `None` for the default.
    pub(crate) grace: Option<Duration>,
}

/// Retention options as the writer applies them.
#[derive(Debug, Clone, Default)]
pub(crate) struct RetentionPolicy {
    pub(crate) age: Option<Duration>,
    pub(crate) bytes: Option<u64>,
    /// Maximum age for each rule in `Version::cutoffs`, at the same index.
    ///
    /// `None` for a rule that only the manifest has: it is not among the options of this opening.
    pub(crate) rules: Vec<Option<Duration>>,
    /// Open time for which an unexplained move of a cutoff waits; `None` for the default.
    pub(crate) grace: Option<Duration>,
}

/// Maximum memory of a merge, in bytes.
const MAX_MERGE_BYTES: usize = 128 << 20;
/// Minimum slack of the budget, in bytes.
///
/// With less, a flush would have less than about 2 MiB, a merge less than 4 MiB.
const MIN_SLACK_BYTES: usize = 1 << 20;

/// Shares of `memory_budget`, in bytes.
///
/// The slack is the part of the budget that is in no share. `Options::check` rejects options that leave less than
/// `MIN_SLACK_BYTES` of slack.
///
/// Some memory is outside the budget, because no flush or merge can reduce it: the definitions of the series, which
/// `max_series` bounds and `Stats::series_bytes` reports; the memory that old snapshots pin, which `Stats` also
/// reports; and the memory of callers, such as batches before they are queued and results of reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MemoryShares {
    /// The active memtable and the frozen ones.
    pub(crate) memtables: usize,
    /// Queued commands. A batch that is larger than the share takes all of it, and is queued alone.
    pub(crate) queue: usize,
    /// Queued deletes, which pass stalled writes. Those that find no room here take room of the other commands.
    pub(crate) queued_deletes: usize,
    /// Cache of index pages of SSTs.
    pub(crate) index_cache: usize,
    /// Memory that is kept between reads: half for the top pages of open SSTs, half for decoding buffers.
    pub(crate) open_files: usize,
    /// Buffers of a flush.
    pub(crate) flush: usize,
    /// Buffers of a merge.
    ///
    /// A quarter each is for size estimates of the inputs, read-ahead of the inputs, and write buffers of the outputs.
    /// One index page and one block per input must fit in the last quarter and the slack. A merge within the tiers has
    /// at most 64 inputs; a merge into the base or a full compaction may have more.
    pub(crate) merge: usize,
}

impl MemoryShares {
    fn sum(&self) -> usize {
        let Self { memtables, queue, queued_deletes, index_cache, open_files, flush, merge } = *self;
        [memtables, queue, queued_deletes, index_cache, open_files, flush, merge]
            .into_iter()
            .fold(0, usize::saturating_add)
    }
}

/// All options of an opening, as `DbBuilder` sets them.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) create: bool,
    pub(crate) durability: Durability,
    pub(crate) memory_budget: usize,
    pub(crate) flush_at_bytes: Option<usize>,
    pub(crate) flush_age: Duration,
    /// Time since a failed flush after which stalled writes are answered with an error.
    pub(crate) stall_timeout: Duration,
    pub(crate) max_series: u32,
    /// Maximum number of tags of a new series.
    pub(crate) max_tags: usize,
    /// Maximum length of the texts of all series keys, in bytes.
    pub(crate) max_series_key_bytes: u64,
    pub(crate) wal_segment_bytes: u64,
    pub(crate) index_cache_bytes: Option<usize>,
    /// Maximum number of SSTs that are kept open: half for reads, half for compactions.
    pub(crate) max_open_files: usize,
    pub(crate) retention: RetentionOptions,
    /// `None` for the policy of an existing database, or the default policy of a new one.
    pub(crate) duplicates: Option<DuplicatePolicy>,
    /// Maximum distance of a timestamp ahead of the wall clock; `None` for no limit.
    pub(crate) max_ahead_of_clock: Option<Duration>,
    /// Maximum distance of a timestamp behind the wall clock; `None` for no limit.
    pub(crate) max_behind_clock: Option<Duration>,
    /// Reject batches with a point that a cutoff would hide at once.
    pub(crate) reject_behind_cutoff: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            create: true,
            durability: Durability::Sync,
            memory_budget: 1 << 30,
            flush_at_bytes: None,
            flush_age: Duration::from_hours(1),
            stall_timeout: Duration::from_secs(5),
            max_series: 1_000_000,
            max_tags: 64,
            max_series_key_bytes: 256 << 20,
            wal_segment_bytes: 64 << 20,
            index_cache_bytes: None,
            max_open_files: 512,
            retention: RetentionOptions::default(),
            duplicates: None,
            max_ahead_of_clock: None,
            max_behind_clock: None,
            reject_behind_cutoff: false,
        }
    }
}

impl Options {
    /// Returns the size at which the memtable is frozen, in bytes.
    ///
    /// The default is 64 MiB, or an eighth of the budget if that is smaller.
    pub(crate) fn flush_at_bytes(&self) -> usize {
        self.flush_at_bytes.unwrap_or((64 << 20).min(self.memory_budget / 8))
    }

    /// Returns the size of the index cache, in bytes.
    ///
    /// The default is the least of 64 MiB, an eighth of the budget, and a quarter of the budget without the memtables.
    fn index_cache_bytes(&self) -> usize {
        let left = self.memory_budget.saturating_sub(self.memtable_bytes());
        self.index_cache_bytes.unwrap_or((64 << 20).min(self.memory_budget / 8).min(left / 4))
    }

    /// Returns the options for a database whose index pages are in a cache of its runtime.
    pub(crate) fn without_index_cache(self) -> Self {
        Self { index_cache_bytes: Some(0), ..self }
    }

    /// Returns the maximum size of the active memtable and the frozen ones, in bytes.
    fn memtable_bytes(&self) -> usize {
        self.flush_at_bytes().saturating_mul(1 + MAX_FROZEN_MEMTABLES)
    }

    /// Divides the memory budget.
    pub(crate) fn memory_shares(&self) -> MemoryShares {
        let memtables = self.memtable_bytes();
        let left = self.memory_budget.saturating_sub(memtables);
        let queues = (self.memory_budget / 8).min(left / 4);
        let queued_deletes = (queues / 8).min(4 << 20);
        let queue = queues - queued_deletes;
        let index_cache = self.index_cache_bytes();
        let rest = left.saturating_sub(queues).saturating_sub(index_cache);
        let (open_files, flush, merge) = (rest / 8, rest / 4, rest / 2);
        let merge = merge.min(MAX_MERGE_BYTES);
        MemoryShares {
            memtables,
            queue,
            queued_deletes,
            index_cache,
            open_files: open_files.min(32 << 20),
            flush: flush.min(64 << 20),
            merge,
        }
    }

    /// Returns the part of the budget that is in no share.
    ///
    /// It is for other memory: the group of records that exceeds the limit of a memtable, the buffer of the WAL, index
    /// pages and blocks of a merge, and memory that the allocator keeps.
    fn slack(&self) -> usize {
        self.memory_budget.saturating_sub(self.memory_shares().sum())
    }

    /// Returns the range of timestamps that are accepted now; `None` if all are.
    ///
    /// Calls `wall` only if a limit is set. `wall` returns the wall clock in nanoseconds since the Unix epoch.
    pub(crate) fn timestamp_guard(&self, wall: impl FnOnce() -> i64) -> Option<TimestampGuard> {
        if self.max_ahead_of_clock.is_none() && self.max_behind_clock.is_none() {
            return None;
        }
        // An `i128` is wide enough for any duration, so that only the result is clamped to the range of timestamps.
        let wall = i128::from(wall());
        let nanos = |limit: Duration| i128::try_from(limit.as_nanos()).unwrap_or(i128::MAX / 2);
        let earliest = self.max_behind_clock.map_or(i64::MIN, |limit| saturate_to_i64(wall - nanos(limit)));
        let latest = self.max_ahead_of_clock.map_or(i64::MAX, |limit| saturate_to_i64(wall + nanos(limit)));
        Some(TimestampGuard { accepted: TimeRange::new(earliest, latest) })
    }

    /// Returns an error if an option is out of bounds.
    ///
    /// # Errors
    /// `InvalidOption` for the first such option.
    pub(crate) fn check(&self) -> Result<()> {
        let refuse = |option, detail: &str| Err(Error::InvalidOption { option, detail: detail.to_owned() });
        if self.memory_budget < 64 << 20 {
            return refuse("memory_budget", "must be at least 64 MiB");
        }
        if self.flush_at_bytes() == 0 || self.flush_at_bytes() > self.memory_budget / 4 {
            return refuse("flush_at_bytes", "must be at least 1 and at most a quarter of memory_budget");
        }
        if self.index_cache_bytes() > self.memory_budget / 4 {
            return refuse("index_cache_bytes", "must be at most a quarter of memory_budget");
        }
        if self.slack() < MIN_SLACK_BYTES {
            let MemoryShares { memtables, queue, index_cache, .. } = self.memory_shares();
            let [memtables, queue, index_cache] = [memtables, queue, index_cache].map(|bytes| bytes.div_ceil(1 << 20));
            let detail = format!(
                "must exceed {memtables} MiB of memtables (three of flush_at_bytes), {queue} MiB of queued writes and \
                 {index_cache} MiB of index_cache_bytes by 8 MiB for flushes and merges"
            );
            return refuse("memory_budget", &detail);
        }
        if !(1 << 12..=1 << 32).contains(&self.wal_segment_bytes) {
            return refuse("wal_segment_bytes", "must be between 4 KiB and 4 GiB");
        }
        if self.max_series == 0 || self.max_series > crate::types::series::MAX_SERIES_IDS {
            return refuse("max_series", "must be between 1 and 2^31");
        }
        if !(1..=MAX_SERIES_TAGS).contains(&self.max_tags) {
            return refuse("max_tags", "must be between 1 and 256");
        }
        if self.max_series_key_bytes == 0 {
            return refuse("max_series_key_bytes", "must be at least 1");
        }
        if !(2..=1 << 20).contains(&self.max_open_files) {
            return refuse("max_open_files", "must be between 2 and 2^20");
        }
        if self.flush_age.is_zero() {
            return refuse("flush_age", "must be longer than zero");
        }
        let ages = self.retention.rules.iter().map(|(_, age)| age).chain(&self.retention.age);
        if ages.into_iter().any(Duration::is_zero) || self.retention.bytes == Some(0) {
            return refuse("retention", "ages and bytes must be greater than zero");
        }
        self.durability.check()
    }
}

/// Returns the nearest timestamp, in nanoseconds.
fn saturate_to_i64(nanos: i128) -> i64 {
    let end = if nanos < 0 { i64::MIN } else { i64::MAX };
    i64::try_from(nanos).unwrap_or(end)
}

impl Durability {
    /// Returns an error for an interval of zero.
    pub(crate) fn check(self) -> Result<()> {
        match self {
            Self::Interval(every) if every.is_zero() => Err(Error::InvalidOption {
                option: "durability",
                detail: "the interval must be longer than zero".to_owned(),
            }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_fit_in_the_budget_or_the_options_are_rejected() {
        for budget in [64, 65, 100, 128, 256, 1024, 1 << 14].map(|mib| mib << 20) {
            for (flush_at_bytes, index_cache_bytes) in
                [(None, None), (Some(budget / 4), None), (None, Some(budget / 4)), (Some(1), Some(0))]
            {
                let options =
                    Options { memory_budget: budget, flush_at_bytes, index_cache_bytes, ..Options::default() };
                options.check().unwrap();
                let shares = options.memory_shares();
                assert!(shares.sum() + MIN_SLACK_BYTES <= budget, "{shares:?}");
                assert!(shares.queue >= 7 << 19 && shares.flush >= 2 << 20 && shares.merge >= 4 << 20, "{shares:?}");
            }
            let quarter = Some(budget / 4);
            let both = Options {
                memory_budget: budget,
                flush_at_bytes: quarter,
                index_cache_bytes: quarter,
                ..Options::default()
            };
            assert!(matches!(both.check(), Err(Error::InvalidOption { option: "memory_budget", .. })), "{budget}");
        }
    }

    #[test]
    fn a_guard_is_relative_to_the_clock_and_clamped_to_the_range_of_timestamps() {
        let guard = |ahead, behind, wall| {
            let options = Options { max_ahead_of_clock: ahead, max_behind_clock: behind, ..Options::default() };
            options.timestamp_guard(|| wall).map(|guard| (guard.accepted.first(), guard.accepted.last()))
        };
        let nanos = |nanos| Some(Duration::from_nanos(nanos));
        assert_eq!(guard(nanos(5), None, 100), Some((i64::MIN, 105)));
        assert_eq!(guard(None, nanos(5), 100), Some((95, i64::MAX)));
        assert_eq!(guard(nanos(0), nanos(0), -100), Some((-100, -100)));
        for wall in [i64::MIN, -1, 0, 1, i64::MAX] {
            assert_eq!(guard(Some(Duration::MAX), Some(Duration::MAX), wall), Some((i64::MIN, i64::MAX)), "{wall}");
        }
        assert_eq!(guard(nanos(1), nanos(1), i64::MAX), Some((i64::MAX - 1, i64::MAX)));
        assert_eq!(guard(nanos(1), nanos(1), i64::MIN), Some((i64::MIN, i64::MIN + 1)));
        assert_eq!(guard(nanos(u64::MAX), nanos(u64::MAX), 0), Some((i64::MIN, i64::MAX)));
        let off = Options::default().timestamp_guard(|| unreachable!("the clock is not read without a guard"));
        assert_eq!(off, None);
    }
}
