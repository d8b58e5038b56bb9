//! What a crash may leave of a disk, and what the production files' recovery makes of it.
//! Which state counts, which segments are replayed and which of their records is decided there; here it is carried out.

use super::disk::{Disk, Record, Seen, Segment};
use super::order::{Asks, points_after};
use super::{SERIES, hidden_of, points_of};
use crate::sync::Arc;
use crate::version::{
    Cutoffs, Durable, FileId, Found, FoundManifest, FoundSegment, ReplayEnd, SeriesIndex, Version, recover,
};

impl Disk {
    /// Every disk that a crash at this moment may leave: of the unsynced records any prefix, the unsynced edit or not,
    /// the segments given up or not.
    fn left_by_a_crash(&self) -> Vec<Self> {
        let mut synced = self.clone();
        let (newest, segment) = synced.newest();
        let records = std::mem::take(&mut segment.records);
        let mut left = Vec::new();
        for kept in segment.synced..=records.len() {
            let mut image = self.clone();
            image.newest().1.records = records[..kept].to_vec();
            debug_assert_eq!(image.newest().0, newest);
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

    /// The same disk, its floor at the oldest segment that is still there.
    ///
    /// The floor says what may go, no more: recovery must come to the same points from any older one, since
    /// `flushed_seq` says what counts.
    fn with_lagging_floor(&self) -> Self {
        let oldest = self.segments.keys().next().copied();
        let mut lagging = self.clone();
        lagging.durable.floor = oldest.map_or(self.durable.floor, |oldest| oldest.min(self.durable.floor));
        lagging
    }

    fn found(&self) -> Found {
        let found = |(id, segment): (&FileId, &Segment)| FoundSegment {
            id: *id,
            last_seq: segment.last_seq,
            predecessor: segment.predecessor,
        };
        Found {
            manifest: FoundManifest { durable: self.durable.clone(), bad_edit: None },
            segments: self.segments.iter().map(found).collect(),
            ssts: self.ssts.iter().map(|(id, points)| (*id, points.len() as u64)).collect(),
            other_ids: self.unfinished_ssts.clone(),
        }
    }

    /// Every point that recovery makes of this disk.
    fn recovered(&self) -> Vec<Seen> {
        let recovery = match recover(&self.found()) {
            Ok(recovery) => recovery,
            Err(fault) => panic!("recovery refuses what a crash left: {fault:?}"),
        };
        let names = self.segments.keys().chain(self.ssts.keys()).chain(&self.unfinished_ssts);
        assert!(names.max() < Some(&recovery.next_file), "no name is given twice");
        let mut replayed: Vec<&Record> = Vec::new();
        for (segment, end) in &recovery.replay {
            let records = &self.segments[&segment.id].records;
            let read = match end {
                ReplayEnd::Sealed(records) => usize::try_from(*records).unwrap_or(usize::MAX),
                ReplayEnd::Tail => records.len(),
            };
            assert!(read <= records.len(), "a sealed segment is whole");
            replayed.extend(records[..read].iter().filter(|record| recovery.counts(record.seq)));
        }
        points_of_recovered(&recovery.durable, &replayed, |id| self.points_of(id))
    }

    /// Holds recovery to its promises on everything that a crash at this moment may leave, `acknowledged` of the
    /// batches having been answered before it.
    pub(crate) fn survives_a_crash(&self, batches: &[&[i64]], acknowledged: u64) {
        for image in self.left_by_a_crash() {
            for image in [image.with_lagging_floor(), image] {
                check(&image.recovered(), batches, acknowledged);
            }
        }
    }

    /// The same where deletes are among what was asked for.
    pub(crate) fn survives_a_crash_in(&self, order: &[Asks], acknowledged: u64) {
        for image in self.left_by_a_crash() {
            for image in [image.with_lagging_floor(), image] {
                let recovered = image.recovered();
                let mut prefixes = (acknowledged..=order.len() as u64).map(|seq| points_after(order, seq));
                assert!(
                    prefixes.any(|prefix| prefix == recovered),
                    "what is recovered is a prefix of the order with every acknowledged delete: {recovered:?}"
                );
            }
        }
    }
}

/// As the store opens what was recovered: the deletes of manifest and WAL hide in its SSTs whatever is older than they.
fn points_of_recovered<'a>(
    durable: &Durable,
    replayed: &[&Record],
    points_of: impl Fn(FileId) -> &'a [Seen],
) -> Vec<Seen> {
    let deletes = replayed.iter().filter_map(|record| record.delete.as_ref());
    let tombstones = durable.tombstones.iter().cloned().chain(deletes.clone().cloned().map(Arc::new)).collect();
    let opened = Durable { tombstones, ..durable.clone() };
    let version = Version::opened(SeriesIndex::default(), &opened, Cutoffs::default());
    let mut points = Vec::new();
    for sst in version.ssts.iter() {
        let hidden = hidden_of(&version, sst.max_seq);
        points.extend(points_of(sst.id).iter().filter(|(at, _)| hidden.range_at(*at).is_none()));
    }
    for record in replayed {
        let newer = deletes.clone().filter(|delete| delete.seq > record.seq && delete.hides(SERIES).is_some());
        let hides = |at: i64| newer.clone().any(|delete| (delete.first_time..=delete.last_time).contains(&at));
        points.extend(record.points.iter().filter(|(at, _)| !hides(*at)));
    }
    points.sort_unstable();
    points
}

/// Each batch is there once and whole, or not at all, which an acknowledged one must not be.
fn check(recovered: &[Seen], batches: &[&[i64]], acknowledged: u64) {
    let mut prefix_ended = false;
    for (seq, batch) in (1..).zip(batches) {
        let times: Vec<usize> =
            points_of(batch).iter().map(|point| recovered.iter().filter(|other| *other == point).count()).collect();
        assert!(times.iter().all(|times| *times <= 1), "no batch is recovered twice");
        assert!(times.iter().all(|other| *other == times[0]), "a batch is recovered wholly or not at all");
        let is_there = times[0] == 1;
        assert!(is_there || seq > acknowledged, "every acknowledged batch is recovered");
        assert!(!(is_there && prefix_ended), "what is recovered is a prefix of the order");
        prefix_ended |= !is_there;
    }
    let sent: usize = batches.iter().map(|batch| batch.len()).sum();
    assert!(recovered.len() <= sent, "nothing is recovered that nobody wrote");
}
