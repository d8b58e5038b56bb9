//! Databases that hold what a file has loaded so far, in several layouts.

use std::collections::BTreeMap;

use timestrata::{Batch, Db, Selector, SeriesKey, Snapshot, Timestamp};
use timestrata_promql::STALE_BITS;

use crate::language::labels::Labels;
use crate::language::load::Load;
use crate::language::values::SequenceValue;

/// A layout of the same samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// All samples are in memory.
    Memtable,
    /// Each load is flushed to a file of its own.
    Flushed,
    /// Each load is merged with those before it into files that do not overlap.
    Compacted,
}

impl Layout {
    /// Every layout.
    pub(crate) const ALL: [Self; 3] = [Self::Memtable, Self::Flushed, Self::Compacted];

    /// Returns the number of threads, and so of partitions, that read this layout: one, two, and more than most
    /// selectors have series.
    pub(crate) fn threads(self) -> usize {
        match self {
            Self::Memtable => 1,
            Self::Flushed => 2,
            Self::Compacted => 7,
        }
    }
}

/// What a file has loaded so far.
pub(crate) struct Store {
    dbs: Vec<(Layout, Db)>,
    layouts: Vec<Layout>,
    /// Series with samples that the engine does not store: native histograms and start timestamps.
    foreign: Vec<SeriesKey>,
}

impl Store {
    pub(crate) fn new(layouts: &[Layout]) -> Self {
        let dbs = layouts.iter().map(|layout| (*layout, open())).collect();
        Self { dbs, layouts: layouts.to_vec(), foreign: Vec::new() }
    }

    /// Removes all samples.
    pub(crate) fn clear(&mut self) {
        *self = Self::new(&self.layouts);
    }

    /// Adds the samples of a load.
    pub(crate) fn load(&mut self, load: &Load) {
        let mut samples: BTreeMap<&Labels, Vec<(i64, f64)>> = BTreeMap::new();
        for series in &load.series {
            let is_foreign = |value: &SequenceValue| matches!(value, SequenceValue::Histogram(_));
            let is_bucket = load.has_custom_buckets && series.labels.contains_key("le");
            if series.is_start_timestamps || series.values.iter().any(is_foreign) {
                self.foreign.push(key(&series.labels));
            }
            if is_bucket {
                self.foreign.push(histogram_key(&series.labels));
            }
            if series.is_start_timestamps {
                continue;
            }
            let list = samples.entry(&series.labels).or_default();
            for (value, index) in series.values.iter().zip(0_i64..) {
                match value {
                    SequenceValue::Float(value) => list.push((index * load.step_nanos, *value)),
                    SequenceValue::Stale => list.push((index * load.step_nanos, f64::from_bits(STALE_BITS))),
                    SequenceValue::Omitted | SequenceValue::Histogram(_) => {}
                }
            }
        }
        let mut batch = Batch::new();
        for (labels, samples) in samples {
            let key = key(labels);
            for (time, value) in samples {
                batch.push_key(&key, Timestamp::from_nanos(time), value);
            }
        }
        for (layout, db) in &self.dbs {
            db.write_blocking(batch.clone()).unwrap();
            if *layout != Layout::Memtable {
                db.flush_blocking().unwrap();
            }
            if *layout == Layout::Compacted {
                db.compact_blocking().unwrap();
            }
        }
    }

    /// Returns a snapshot of each layout.
    pub(crate) fn snapshots(&self) -> Vec<(Layout, Snapshot)> {
        self.dbs.iter().map(|(layout, db)| (*layout, db.snapshot())).collect()
    }

    /// Returns `true` if a selector matches a series whose samples the engine does not store.
    pub(crate) fn is_foreign(&self, selector: &Selector) -> bool {
        self.foreign.iter().any(|key| selector.matches(key))
    }
}

fn open() -> Db {
    Db::builder("suite").in_memory().open_blocking().unwrap()
}

/// Returns the key of a series. A series without a name, which the store does not have, is called `unnamed`.
fn key(labels: &Labels) -> SeriesKey {
    let name = labels.get("__name__").map_or("unnamed", String::as_str);
    let tags = labels.iter().filter(|(label, _)| *label != "__name__");
    tags.fold(SeriesKey::new(name), |key, (label, value)| key.tag(label, value))
}

/// Returns the key of the native histogram that `load_with_nhcb` makes of a bucket's series.
fn histogram_key(labels: &Labels) -> SeriesKey {
    let mut labels = labels.clone();
    labels.remove("le");
    if let Some(name) = labels.get_mut("__name__") {
        *name = name.strip_suffix("_bucket").unwrap_or(name).to_owned();
    }
    key(&labels)
}
