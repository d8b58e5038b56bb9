//! What a user may choose, with defaults, and the bounds that hold each choice sane.
//! Sizes that would make a loom model explode live in `sync::bounds`, not here.

use std::time::Duration;

use crate::error::{Error, Result};
use crate::point::Guard;
use crate::series::Matcher;
use crate::sync::Arc;
use crate::sync::bounds::FROZEN;

/// When an acknowledged write is safe, and from what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Synced before it is acknowledged: survives power loss. The default.
    #[default]
    Sync,
    /// Acknowledged when the operating system has it, synced within the interval: survives a killed process; at
    /// power loss at most a suffix of the order, no older than the interval, is lost.
    Interval(Duration),
    /// Acknowledged when the operating system has it, synced when a segment or the database is closed: survives a
    /// killed process; at power loss at most a suffix of the order is lost.
    Os,
}

/// What becomes of several points of one series at one timestamp. Chosen when a database or a series is made, for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Duplicates {
    /// All are kept, in the order in which they arrived. The default.
    #[default]
    KeepAll,
    /// The one that arrived last stands for all: a later write corrects an earlier one.
    KeepLast,
    /// The one that arrived first stands for all: what is there is not changed.
    KeepFirst,
}

impl Duplicates {
    /// The number that stands for it in files.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::KeepAll => 0,
            Self::KeepLast => 1,
            Self::KeepFirst => 2,
        }
    }

    pub(crate) const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::KeepAll),
            1 => Some(Self::KeepLast),
            2 => Some(Self::KeepFirst),
            _ => None,
        }
    }
}

impl std::fmt::Display for Duplicates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::KeepAll => "keep all",
            Self::KeepLast => "keep the last",
            Self::KeepFirst => "keep the first",
        })
    }
}

/// What may be kept, as it is chosen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Retention {
    /// The oldest that a point may be.
    pub(crate) age: Option<Duration>,
    /// What all SSTs may take together.
    pub(crate) bytes: Option<u64>,
    /// For some series an age of their own: the selector's text, who it means, the age.
    pub(crate) rules: Vec<(String, Arc<dyn Matcher>, Duration)>,
}

/// What retention may keep, as the writer goes by it.
#[derive(Debug, Clone, Default)]
pub(crate) struct RetentionLimits {
    pub(crate) age: Option<Duration>,
    pub(crate) bytes: Option<u64>,
    /// Of each rule of the version's cutoffs, by its place; `None`: it is kept up no more.
    pub(crate) rules: Vec<Option<Duration>>,
}

/// Beyond this a merge gains nothing: all that it buffers is as large as it may be.
const MOST_MERGE_BYTES: usize = 128 << 20;
/// With less beside them than this no flush and no merge can work.
const LEAST_SLACK: usize = 1 << 20;

/// What `memory_budget` is made of, in bytes: the one place that says so. With the slack they come to the budget, which
/// `Options::check` sees to before anything is opened.
///
/// Not in it, since nothing that a flush or a merge does makes them smaller: the definitions of the series, which
/// `max_series` bounds and `Stats::series_bytes` tells; what old snapshots pin, which `Stats` tells, too; and what
/// callers hold: batches not yet queued, and what reads have handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shares {
    /// The active memtable and those that wait for the flusher.
    pub(crate) memtables: usize,
    /// Queued commands. A larger batch passes alone.
    pub(crate) queue: usize,
    /// Pages of SST indexes.
    pub(crate) index_cache: usize,
    /// What readers keep between two reads: the top pages of open SSTs, and buffers for decoding.
    pub(crate) open_files: usize,
    /// What a flush works with.
    pub(crate) flush: usize,
    /// What a merge works with: estimates of what lies where, what its inputs read ahead, what all its outputs gather. One
    /// page of the index and one block an input come out of the slack: a plan has 64 inputs.
    pub(crate) merge: usize,
}

impl Shares {
    fn sum(&self) -> usize {
        let Self { memtables, queue, index_cache, open_files, flush, merge } = *self;
        [memtables, queue, index_cache, open_files, flush, merge].into_iter().fold(0, usize::saturating_add)
    }
}

/// Every choice of an opening; `Builder` sets them.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) create: bool,
    pub(crate) durability: Durability,
    pub(crate) memory_budget: usize,
    pub(crate) flush_at_bytes: Option<usize>,
    pub(crate) flush_age: Duration,
    pub(crate) max_series: u32,
    pub(crate) wal_segment_bytes: u64,
    pub(crate) index_cache_bytes: Option<usize>,
    pub(crate) retention: Retention,
    /// `None`: whatever the database was made with, or the default for one that is made now.
    pub(crate) duplicates: Option<Duplicates>,
    /// How far ahead of the wall clock a timestamp may be, if that matters.
    pub(crate) refuse_ahead: Option<Duration>,
    /// How far behind it.
    pub(crate) refuse_behind: Option<Duration>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            create: true,
            durability: Durability::Sync,
            memory_budget: 1 << 30,
            flush_at_bytes: None,
            flush_age: Duration::from_hours(1),
            max_series: 1_000_000,
            wal_segment_bytes: 64 << 20,
            index_cache_bytes: None,
            retention: Retention::default(),
            duplicates: None,
            refuse_ahead: None,
            refuse_behind: None,
        }
    }
}

impl Options {
    /// The memtable size that freezes it: what was asked for, else 64 MiB or an eighth of a small budget.
    pub(crate) fn flush_at_bytes(&self) -> usize {
        self.flush_at_bytes.unwrap_or((64 << 20).min(self.memory_budget / 8))
    }

    /// What index pages may take: what was asked for, else 64 MiB or an eighth of a small budget, and no more than a
    /// quarter of what the memtables leave.
    fn index_cache_bytes(&self) -> usize {
        let left = self.memory_budget.saturating_sub(self.memtable_bytes());
        self.index_cache_bytes.unwrap_or((64 << 20).min(self.memory_budget / 8).min(left / 4))
    }

    /// The active memtable and those that wait for the flusher.
    fn memtable_bytes(&self) -> usize {
        self.flush_at_bytes().saturating_mul(1 + FROZEN)
    }

    /// What the budget is made of.
    pub(crate) fn shares(&self) -> Shares {
        let memtables = self.memtable_bytes();
        let left = self.memory_budget.saturating_sub(memtables);
        let queue = (self.memory_budget / 8).min(left / 4);
        let index_cache = self.index_cache_bytes();
        let rest = left.saturating_sub(queue).saturating_sub(index_cache);
        let (open_files, flush, merge) = (rest / 8, rest / 4, rest / 2);
        let merge = merge.min(MOST_MERGE_BYTES);
        Shares {
            memtables,
            queue,
            index_cache,
            open_files: open_files.min(32 << 20),
            flush: flush.min(64 << 20),
            merge,
        }
    }

    /// What the shares leave goes to whatever none of them counts: the group that makes a memtable full, the log's buffer,
    /// what the allocator keeps.
    fn slack(&self) -> usize {
        self.memory_budget.saturating_sub(self.shares().sum())
    }

    /// The timestamps that are taken now, by a wall clock that is read only if it matters; `None`: all.
    pub(crate) fn guard(&self, wall: impl FnOnce() -> i64) -> Option<Guard> {
        if self.refuse_ahead.is_none() && self.refuse_behind.is_none() {
            return None;
        }
        // Wide enough for any duration, so that only the result is cut to what a timestamp can be.
        let wall = i128::from(wall());
        let nanos = |limit: Duration| i128::try_from(limit.as_nanos()).unwrap_or(i128::MAX / 2);
        let earliest = self.refuse_behind.map_or(i64::MIN, |limit| nearest(wall - nanos(limit)));
        let latest = self.refuse_ahead.map_or(i64::MAX, |limit| nearest(wall + nanos(limit)));
        Some(Guard { earliest, latest })
    }

    pub(crate) fn check(&self) -> Result<()> {
        let refuse = |option, what: &str| Err(Error::InvalidOption { option, what: what.to_owned() });
        if self.memory_budget < 64 << 20 {
            return refuse("memory_budget", "at least 64 MiB");
        }
        if self.flush_at_bytes() == 0 || self.flush_at_bytes() > self.memory_budget / 4 {
            return refuse("flush_at_bytes", "at least 1, at most a quarter of memory_budget");
        }
        if self.index_cache_bytes() > self.memory_budget / 4 {
            return refuse("index_cache_bytes", "at most a quarter of memory_budget");
        }
        if self.slack() < LEAST_SLACK {
            let Shares { memtables, queue, index_cache, .. } = self.shares();
            let [memtables, queue, index_cache] = [memtables, queue, index_cache].map(|bytes| bytes.div_ceil(1 << 20));
            let what = format!(
                "more than {memtables} MiB of memtables (three of flush_at_bytes), {queue} MiB of queued writes and \
                 {index_cache} MiB of index_cache_bytes, with 8 MiB for flushes and merges: raise it or lower those"
            );
            return refuse("memory_budget", &what);
        }
        if !(1 << 12..=1 << 32).contains(&self.wal_segment_bytes) {
            return refuse("wal_segment_bytes", "between 4 KiB and 4 GiB");
        }
        if self.max_series == 0 || self.max_series > crate::series::MAX_SERIES_IDS {
            return refuse("max_series", "between 1 and 2^31");
        }
        if self.flush_age.is_zero() {
            return refuse("flush_age", "longer than zero");
        }
        let ages = self.retention.rules.iter().map(|(_, _, age)| age).chain(&self.retention.age);
        if ages.into_iter().any(Duration::is_zero) || self.retention.bytes == Some(0) {
            return refuse("retention", "an age longer than zero, and more bytes than none");
        }
        self.durability.check()
    }
}

/// The nearest timestamp.
fn nearest(nanos: i128) -> i64 {
    let end = if nanos < 0 { i64::MIN } else { i64::MAX };
    i64::try_from(nanos).unwrap_or(end)
}

impl Durability {
    pub(crate) fn check(self) -> Result<()> {
        match self {
            Self::Interval(every) if every.is_zero() => Err(Error::InvalidOption {
                option: "durability",
                what: "an interval longer than zero, or Durability::Sync".to_owned(),
            }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_are_within_the_budget_or_it_is_refused() {
        for budget in [64, 65, 100, 128, 256, 1024, 1 << 14].map(|mib| mib << 20) {
            for (flush_at_bytes, index_cache_bytes) in
                [(None, None), (Some(budget / 4), None), (None, Some(budget / 4)), (Some(1), Some(0))]
            {
                let options =
                    Options { memory_budget: budget, flush_at_bytes, index_cache_bytes, ..Options::default() };
                options.check().unwrap();
                let shares = options.shares();
                assert!(shares.sum() + LEAST_SLACK <= budget, "{shares:?}");
                assert!(shares.queue >= 4 << 20 && shares.flush >= 2 << 20 && shares.merge >= 4 << 20, "{shares:?}");
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
    fn a_guard_stands_where_the_clock_does_and_never_beyond_the_range() {
        let guard = |ahead, behind, wall| {
            let options = Options { refuse_ahead: ahead, refuse_behind: behind, ..Options::default() };
            options.guard(|| wall).map(|guard| (guard.earliest, guard.latest))
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
        let off = Options::default().guard(|| unreachable!("without a guard nobody asks the clock"));
        assert_eq!(off, None);
    }
}
