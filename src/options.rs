//! What a user may choose, with defaults, and the bounds that hold each choice sane.
//! Sizes that would make a loom model explode live in `sync::bounds`, not here.

use std::time::Duration;

use crate::error::{Error, Result};
use crate::series::Matcher;
use crate::sync::Arc;

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
        }
    }
}

impl Options {
    /// The memtable size that freezes it: what was asked for, else 64 MiB or a quarter of a small budget.
    pub(crate) fn flush_at_bytes(&self) -> usize {
        self.flush_at_bytes.unwrap_or((64 << 20).min(self.memory_budget / 4))
    }

    /// What queued commands may take: an eighth of the budget. A larger batch passes alone.
    ///
    /// Three memtables of a quarter each, the queue and the index cache: together the budget.
    pub(crate) fn queue_bytes(&self) -> usize {
        self.memory_budget / 8
    }

    /// What index pages may take: what was asked for, else 64 MiB or an eighth of a small budget.
    pub(crate) fn index_cache_bytes(&self) -> usize {
        self.index_cache_bytes.unwrap_or((64 << 20).min(self.memory_budget / 8))
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
