//! Memtable of the records of one WAL segment that are not in SSTs.
//!
//! `flushed_seq` moves from the end of one segment to the end of another, so a flush replaces whole memtables.

use std::sync::Arc;

use crate::state::log_record::LogRecord;
use crate::state::memtable::{Memtable, MemtableView};
use crate::state::metric_metadata::MetadataChange;
use crate::state::series_index::{SeriesBitmap, SeriesIndex};
use crate::state::tombstone::Tombstone;
use crate::types::error::{Error, Result};
use crate::types::series::{SeriesId, SeriesInfo};

/// Memtable of one segment, with its deletes and its effects on the sets of empty series.
#[derive(Debug)]
pub(super) struct SegmentMemtable {
    memtable: Memtable,
    effects: RecordEffects,
}

/// What the records of a segment change outside the memtable.
#[derive(Debug, Default)]
pub(super) struct RecordEffects {
    /// Smallest seq of a record; 0 without records.
    pub(super) min_seq: u64,
    /// Greatest seq of a record; 0 without records.
    pub(super) max_seq: u64,
    /// Effects on the index, in the order of the records.
    steps: Vec<IndexStep>,
    /// Changes of the metadata of metrics, in order.
    pub(super) metadata: Vec<MetadataChange>,
}

/// Effect of records on the series index.
#[derive(Debug)]
enum IndexStep {
    Define(Arc<SeriesInfo>),
    /// Points of these series were written.
    Write(SeriesBitmap),
    Delete(Arc<Tombstone>),
}

impl Default for SegmentMemtable {
    fn default() -> Self {
        Self { memtable: Memtable::new(), effects: RecordEffects::default() }
    }
}

impl SegmentMemtable {
    pub(super) fn bytes(&self) -> usize {
        self.memtable.bytes()
    }

    pub(super) fn view(&self) -> MemtableView {
        self.memtable.view()
    }

    pub(super) fn effects(&self) -> &RecordEffects {
        &self.effects
    }

    pub(super) fn into_effects(self) -> RecordEffects {
        self.effects
    }

    /// Applies a record whose series are all defined.
    pub(super) fn apply(&mut self, record: &LogRecord<'_>, series: &mut SeriesIndex) -> Result<()> {
        series.revive(record.points.series, u32::MAX)?;
        if record.points.len() > 0 {
            self.memtable.insert(record.points);
        }
        self.effects.steps.extend(record.definitions.iter().cloned().map(IndexStep::Define));
        if !record.points.series.is_empty() {
            self.effects.write(record.points.series);
        }
        if let Some(delete) = record.delete {
            let delete = Arc::new(delete.clone());
            series.apply_delete(&delete);
            self.memtable.delete(Arc::clone(&delete));
            self.effects.steps.push(IndexStep::Delete(delete));
        }
        if let Some(change) = record.metadata {
            self.memtable.add_log_bytes(change.byte_len());
            self.effects.metadata.push(change.clone());
        }
        if self.effects.min_seq == 0 {
            self.effects.min_seq = record.seq;
        }
        self.effects.max_seq = record.seq;
        Ok(())
    }
}

impl RecordEffects {
    pub(super) fn deletes(&self) -> impl Iterator<Item = &Arc<Tombstone>> {
        self.steps.iter().filter_map(|step| match step {
            IndexStep::Delete(delete) => Some(delete),
            IndexStep::Define(_) | IndexStep::Write(_) => None,
        })
    }

    fn write(&mut self, series: &[SeriesId]) {
        if !matches!(self.steps.last(), Some(IndexStep::Write(_))) {
            self.steps.push(IndexStep::Write(SeriesBitmap::default()));
        }
        let Some(IndexStep::Write(written)) = self.steps.last_mut() else { return };
        let mut last = None;
        for id in series {
            // Batches often have many points of one series.
            if last.replace(*id) != Some(*id) {
                written.insert(*id);
            }
        }
    }

    /// Applies the records again to the index of an older or newer manifest.
    pub(super) fn reapply_to(&self, series: &mut SeriesIndex) -> Result<()> {
        for step in &self.steps {
            match step {
                IndexStep::Define(def) => {
                    let restored = series.restore((**def).clone());
                    restored
                        .map_err(|what| Error::internal(format!("a definition contradicts the manifest: {what}")))?;
                }
                IndexStep::Write(written) => {
                    series.revive(&written.to_set().iter().collect::<Vec<_>>(), u32::MAX)?;
                }
                IndexStep::Delete(delete) => series.apply_delete(delete),
            }
        }
        Ok(())
    }
}
