//! The disks that a crash may leave, and their recovery by the production code. The production code decides which state
//! is valid and which segments and records are replayed; this file only carries out the decision.

use super::disk::{ModelDisk, ModelPoint, ModelRecord, ModelSegment};
use super::history::{HistoryOp, points_after_history, unit_after_history};
use super::{METRIC, SERIES, hidden_ranges, model_points};
use crate::state::file_id::FileId;
use crate::state::series_index::SeriesIndex;
use crate::state::version::{
    Cutoffs, DurableState, ManifestState, RecoveryInput, ReplayEnd, SegmentSummary, Version, plan_recovery,
};
use crate::sync::Arc;

impl ModelDisk {
    /// Returns all disks that a crash at this moment may leave. Each one has a prefix of the unsynced records of the
    /// active segment, has or lacks the unsynced edit, and has all removed segments again or none of them.
    fn left_by_a_crash(&self) -> Vec<Self> {
        let mut synced = self.clone();
        let (newest, segment) = synced.newest_visible_index();
        let records = std::mem::take(&mut segment.records);
        let mut left = Vec::new();
        for kept in segment.synced..=records.len() {
            let mut image = self.clone();
            image.newest_visible_index().1.records = records[..kept].to_vec();
            debug_assert_eq!(image.newest_visible_index().0, newest);
            left.push(image);
        }
        if let Some(edit) = &self.pending {
            let with_edit = |image: &Self| {
                let mut image = image.clone();
                image.durable.apply(edit).expect("no edit breaks the manifest's rules");
                image
            };
            left.extend(left.iter().map(with_edit).collect::<Vec<_>>());
        }
        if !self.removed.is_empty() {
            let with_removed = |image: &Self| {
                let mut image = image.clone();
                image.segments.extend(self.removed.clone());
                image
            };
            left.extend(left.iter().map(with_removed).collect::<Vec<_>>());
        }
        left
    }

    /// Returns a copy of the disk with an older floor: the oldest segment that still exists.
    ///
    /// Recovery must restore the same points from any older floor, because `flushed_seq` decides which records are
    /// replayed. The floor only decides which segments may be removed.
    fn with_lagging_floor(&self) -> Self {
        let oldest = self.segments.keys().next().copied();
        let mut lagging = self.clone();
        lagging.durable.wal_floor = oldest.map_or(self.durable.wal_floor, |oldest| oldest.min(self.durable.wal_floor));
        lagging
    }

    /// Returns the input of recovery: manifest and names of this disk.
    fn found(&self) -> RecoveryInput {
        let found = |(id, segment): (&FileId, &ModelSegment)| SegmentSummary {
            id: *id,
            previous_seq: segment.last_seq,
            predecessor: segment.predecessor,
        };
        RecoveryInput {
            manifest: ManifestState { durable: self.durable.clone(), bad_edit: None },
            segments: self.segments.iter().map(found).collect(),
            ssts: self.ssts.iter().map(|(id, points)| (*id, points.len() as u64)).collect(),
            series_logs: Vec::new(),
            other_ids: self.unfinished_ssts.clone(),
        }
    }

    /// Returns all points that recovery restores from this disk, in time order.
    fn recovered(&self) -> Vec<ModelPoint> {
        let (durable, replayed) = self.recovery();
        points_of_recovered(&durable, &replayed, |id| self.model_points(id))
    }

    /// Returns the unit of the metric that recovery restores from this disk.
    fn recovered_unit(&self) -> String {
        let (durable, replayed) = self.recovery();
        let mut metadata = durable.metadata;
        replayed.iter().filter_map(|record| record.metadata.as_ref()).for_each(|change| metadata.apply(change));
        metadata.get(METRIC).map_or_else(String::new, |metadata| metadata.unit.clone())
    }

    /// Returns the durable state that recovery accepts, and the records that it replays. Panics if recovery refuses the
    /// disk.
    fn recovery(&self) -> (DurableState, Vec<&ModelRecord>) {
        let recovery = match plan_recovery(&self.found()) {
            Ok(recovery) => recovery,
            Err(fault) => panic!("recovery refuses what a crash left: {fault:?}"),
        };
        let names = self.segments.keys().chain(self.ssts.keys()).chain(&self.unfinished_ssts);
        assert!(names.max() < Some(&recovery.next_file_id), "no name is given twice");
        let mut replayed: Vec<&ModelRecord> = Vec::new();
        for (segment, end) in &recovery.replay {
            let records = &self.segments[&segment.id].records;
            let read = match end {
                ReplayEnd::Sealed(records) => usize::try_from(*records).unwrap_or(usize::MAX),
                ReplayEnd::Tail => records.len(),
            };
            assert!(read <= records.len(), "a sealed segment is whole");
            replayed.extend(records[..read].iter().filter(|record| recovery.must_replay(record.seq)));
        }
        (recovery.durable, replayed)
    }

    /// Asserts that recovery is correct on every disk that a crash at this moment may leave: the recovered batches are
    /// a prefix of `batches`, and at least the first `acknowledged` ones.
    pub(crate) fn assert_crash_safe(&self, batches: &[&[i64]], acknowledged: u64) {
        for image in self.left_by_a_crash() {
            for image in [image.with_lagging_floor(), image] {
                check(&image.recovered(), batches, acknowledged);
            }
        }
    }

    /// Asserts that what recovery restores, on every disk that a crash at this moment may leave, is in `allowed`.
    pub(crate) fn assert_recovers_one_of(&self, allowed: &[Vec<ModelPoint>], promise: &str) {
        for image in self.left_by_a_crash() {
            for image in [image.with_lagging_floor(), image] {
                let recovered = image.recovered();
                assert!(allowed.contains(&recovered), "{promise}: {recovered:?}");
            }
        }
    }

    /// Returns the points that a process shows that reads beside the writer at this moment, in time order: those of the
    /// manifest and of the records that the log states to be synced.
    fn shown_to_a_reader(&self) -> Vec<ModelPoint> {
        let mut image = self.clone();
        let newest = image.newest_visible_index().1;
        newest.records.truncate(newest.marked);
        image.recovered()
    }

    /// Asserts that a process that reads beside the writer shows a state in `allowed`.
    pub(crate) fn assert_reader_shows_one_of(&self, allowed: &[Vec<ModelPoint>]) {
        let shown = self.shown_to_a_reader();
        assert!(allowed.contains(&shown), "a reader beside the writer shows a state that was: {shown:?}");
    }

    /// Asserts that a process that reads beside the writer shows a prefix of the history.
    pub(crate) fn assert_reader_shows_a_prefix(&self, order: &[HistoryOp]) {
        let prefixes: Vec<_> = (0..=order.len() as u64).map(|seq| points_after_history(order, seq)).collect();
        self.assert_reader_shows_one_of(&prefixes);
    }

    /// Returns the durable cutoff of retention.
    pub(crate) fn durable_cutoff(&self) -> Option<i64> {
        self.durable.cutoff
    }

    /// Asserts the same as [`assert_crash_safe`](Self::assert_crash_safe), for a history with deletes.
    pub(crate) fn assert_crash_safe_history(&self, order: &[HistoryOp], acknowledged: u64) {
        for image in self.left_by_a_crash() {
            for image in [image.with_lagging_floor(), image] {
                let recovered = image.recovered();
                let mut prefixes = (acknowledged..=order.len() as u64).map(|seq| points_after_history(order, seq));
                assert!(
                    prefixes.any(|prefix| prefix == recovered),
                    "what is recovered is a prefix of the order with every acknowledged delete: {recovered:?}"
                );
            }
        }
    }

    /// Asserts that recovery restores points and metadata of one prefix of the history, which has at least the first
    /// `acknowledged` records.
    pub(crate) fn assert_crash_safe_metadata(&self, order: &[HistoryOp], acknowledged: u64) {
        for image in self.left_by_a_crash() {
            for image in [image.with_lagging_floor(), image] {
                let recovered = (image.recovered(), image.recovered_unit());
                let is_after = |seq| {
                    (points_after_history(order, seq), unit_after_history(order, seq))
                        == (recovered.0.clone(), &*recovered.1)
                };
                assert!(
                    (acknowledged..=order.len() as u64).any(is_after),
                    "recovered points and metadata are those of a prefix with all that was acknowledged: {recovered:?}"
                );
            }
        }
    }
}

/// Returns the points that are visible after the recovered state is opened, in time order. The deletes of manifest and
/// WAL hide older points in SSTs; those of the WAL also hide older points in replayed records.
fn points_of_recovered<'a>(
    durable: &DurableState,
    replayed: &[&ModelRecord],
    points_of: impl Fn(FileId) -> &'a [ModelPoint],
) -> Vec<ModelPoint> {
    let deletes = replayed.iter().filter_map(|record| record.delete.as_ref());
    let tombstones = durable.tombstones.iter().cloned().chain(deletes.clone().cloned().map(Arc::new)).collect();
    let opened = DurableState { tombstones, ..durable.clone() };
    let cutoffs = Cutoffs::new(durable.cutoff, Vec::new());
    let version = Version::from_durable(SeriesIndex::default(), &opened, cutoffs);
    let mut points = Vec::new();
    for sst in version.ssts.iter() {
        let hidden = hidden_ranges(&version, sst.max_seq);
        points.extend(points_of(sst.id).iter().filter(|(at, _)| hidden.range_containing(*at).is_none()));
    }
    for record in replayed {
        let newer = deletes.clone().filter(|delete| delete.seq > record.seq && delete.range_for(SERIES).is_some());
        let hides = |at: i64| newer.clone().any(|delete| delete.range.contains(at));
        let is_kept = |at: i64| durable.cutoff.is_none_or(|cutoff| at >= cutoff);
        points.extend(record.points.iter().filter(|(at, _)| is_kept(*at) && !hides(*at)));
    }
    points.sort_unstable();
    points
}

/// Asserts that the recovered batches are a prefix of `batches`, each complete and recovered once.
///
/// At least the first `acknowledged` batches must be recovered.
fn check(recovered: &[ModelPoint], batches: &[&[i64]], acknowledged: u64) {
    let mut prefix_ended = false;
    for (seq, batch) in (1..).zip(batches) {
        let times: Vec<usize> =
            model_points(batch).iter().map(|point| recovered.iter().filter(|other| *other == point).count()).collect();
        assert!(times.iter().all(|times| *times <= 1), "no batch is recovered twice");
        assert!(times.iter().all(|other| *other == times[0]), "a batch is recovered wholly or not at all");
        let is_there = times[0] == 1;
        assert!(is_there || seq > acknowledged, "every acknowledged batch is recovered");
        assert!(!(is_there && prefix_ended), "what is recovered is a prefix of the order");
        prefix_ended |= !is_there;
    }
    let sent: usize = batches.iter().map(|batch| batch.len()).sum();
    assert!(recovered.len() <= sent, "only written batches are recovered");
}
