//! Verification of the series log and the WAL.
//!
//! It checks what recovery would accept, reads each segment to its end, and collects all series definitions.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::DatabaseVerifier;
use crate::engine::store::{check_segment_empty, recovery_error};
use crate::format::manifest::{MANIFEST, ManifestContents, SeriesLog, series_log_name};
use crate::format::wal::{SegmentBound, SegmentHeader, SegmentReader, SegmentTail, segment_name};
use crate::state::file_id::FileId;
use crate::state::tombstone::Tombstone;
use crate::state::version::{DurableState, ManifestState, RecoveryInput, RecoveryRefusal, plan_recovery};
use crate::sync::Arc;
use crate::types::error::Result;
use crate::types::point::PointColumns;
use crate::types::series::SeriesInfo;

impl DatabaseVerifier<'_> {
    /// Checks the series log up to its valid length, and restores the definitions in it.
    ///
    /// Then restores the sets of series and the next series id that the manifest names.
    pub(super) fn verify_series_log(&mut self, uuid: Uuid, durable: &DurableState) -> Result<()> {
        let end = durable.series_log;
        for id in self.listed.series_logs.iter().filter(|id| **id != end.file) {
            let name = series_log_name(*id);
            self.add_note(format!("{name}: no edit of the manifest names it; the next opening removes it"));
        }
        if end.len == 0 {
            return Ok(());
        }
        let name = series_log_name(end.file);
        match self.file_lens.get(&name).copied() {
            None => {
                self.add_missing_file(&name);
                self.series_complete = false;
                return Ok(());
            }
            Some(len) if len > end.len => {
                let (surplus, len) = (len - end.len, end.len);
                self.add_note(format!("{name}: {surplus} bytes after byte {len} that the manifest does not count"));
            }
            Some(_) => {}
        }
        self.count_file(&name);
        let read = SeriesLog::read(self.dir, uuid, end);
        let Some(definitions) = self.accept(read)? else {
            self.series_complete = false;
            return Ok(());
        };
        for definition in definitions {
            if let Err(what) = self.series.restore(definition) {
                self.add_finding(&name, 0, what);
                self.series_complete = false;
            }
        }
        if self.series_complete
            && let Err(what) = self.series.restore_sets(durable.next_series_id, &durable.series_sets)
        {
            self.add_finding(MANIFEST, 0, what);
        }
        for tombstone in &durable.tombstones {
            self.verify_delete(MANIFEST, tombstone);
        }
        Ok(())
    }

    /// Checks that each series of a delete is defined. Nothing names a series whose definition was dropped.
    fn verify_delete(&mut self, name: &str, delete: &Tombstone) {
        let undefined = delete.series.iter().find(|id| self.series.get(*id).is_none());
        if let Some(id) = undefined.filter(|_| self.series_complete) {
            let what = format!("the delete of record {} names series #{id}, which nothing defines", delete.seq);
            self.add_finding(name, 0, what);
        }
    }

    /// Returns the segments to read, each with its end.
    ///
    /// They are those of recovery's plan or, after damage, as many as can be determined.
    pub(super) fn plan_segments(&mut self, manifest: &ManifestContents) -> Result<Vec<(FileId, SegmentBound)>> {
        let floor = manifest.state.wal_floor;
        let below = self.listed.wal.segments.keys().filter(|id| **id < floor);
        let below: Vec<String> = below.map(|id| segment_name(*id)).collect();
        for name in below {
            self.add_note(format!("{name}: below the floor of the WAL; the next opening removes it"));
        }
        let headers = self.read_segment_headers(manifest.uuid, floor)?;
        let damaged = headers.len() < self.listed.wal.segments.keys().filter(|id| **id >= floor).count();
        let state_lost = self.check_recovery(manifest, &headers, damaged)?;
        let (chain, unfinished): (Vec<_>, Vec<_>) =
            headers.into_iter().partition(|header| header.link.predecessor.is_some() || header.id == floor);
        for header in unfinished {
            let empty = check_segment_empty(self.dir, manifest.uuid, header.id);
            if self.accept(empty)?.is_some() {
                let name = segment_name(header.id);
                self.add_note(format!("{name}: begun by an opening that did not finish; the next one removes it"));
            }
        }
        if !state_lost {
            self.missing_segments(floor, &chain);
        }
        self.series_complete &= !damaged && !state_lost;
        let ends = chain.iter().enumerate().map(|(at, header)| {
            // If the segment's successor is missing, only the tail rule determines the end.
            (header.id, header.bound(chain.get(at + 1)).unwrap_or(SegmentBound::Unsealed))
        });
        Ok(ends.collect())
    }

    /// Returns the valid headers of the segments at or above the floor, and counts the files.
    fn read_segment_headers(&mut self, uuid: Uuid, floor: FileId) -> Result<Vec<SegmentHeader>> {
        let mut headers = Vec::new();
        for id in self.listed.wal.segments.keys().filter(|id| **id >= floor) {
            self.count_file(&segment_name(*id));
            let header = SegmentHeader::read(self.dir, uuid, *id);
            headers.extend(self.accept(header)?);
        }
        Ok(headers)
    }

    /// Reports why recovery would refuse the directory.
    ///
    /// Returns `true` if the newest state of the manifest is lost.
    ///
    /// Missing and damaged files are not reported here, but one by one elsewhere. If the state is lost, nothing can be
    /// compared with it.
    fn check_recovery(
        &mut self,
        manifest: &ManifestContents,
        headers: &[SegmentHeader],
        damaged: bool,
    ) -> Result<bool> {
        let mut found = RecoveryInput {
            manifest: ManifestState {
                durable: manifest.state.clone(),
                bad_edit: manifest.bad_edit.map(|bad| bad.offset),
            },
            segments: headers.iter().map(SegmentHeader::summary).collect(),
            ssts: self.listed.ssts.clone(),
            series_logs: self.listed.series_logs.clone(),
            other_ids: Vec::new(),
        };
        let mut fault = plan_recovery(&found).err();
        let is_named_file_missing = |fault: &RecoveryRefusal| {
            matches!(
                fault,
                RecoveryRefusal::MissingSsts(_)
                    | RecoveryRefusal::SstLength { .. }
                    | RecoveryRefusal::MissingSeriesLog(_)
            )
        };
        if fault.as_ref().is_some_and(is_named_file_missing) {
            // Missing files are reported when they are read; here they must not hide problems of the segments.
            found.series_logs.push(manifest.state.series_log.file);
            found.ssts = manifest.state.ssts.iter().map(|sst| (sst.id, sst.file_len)).collect();
            fault = plan_recovery(&found).err();
        }
        match (fault, manifest.bad_edit) {
            // With a bad segment header it is unknown whether the WAL makes up for the bad edit.
            (_, Some(bad)) if damaged => {
                self.add_finding(
                    MANIFEST,
                    bad.offset,
                    "its last edit is bad, and the WAL that could replace it is damaged, too",
                );
                return Ok(true);
            }
            (Some(fault @ RecoveryRefusal::BadEdit { .. }), _) => {
                self.accept::<()>(Err(recovery_error(self.dir, &fault)))?;
                return Ok(true);
            }
            (Some(fault @ RecoveryRefusal::BrokenChain { .. }), None) if !damaged => {
                self.accept::<()>(Err(recovery_error(self.dir, &fault)))?;
            }
            (None, Some(bad)) => {
                let bytes = bad.end - bad.offset;
                self.add_note(format!(
                    "{MANIFEST}: a torn edit of {bytes} bytes at {}, which is not needed",
                    bad.offset
                ));
            }
            _ => {}
        }
        Ok(false)
    }

    /// Reports the missing segments that the floor or the header of a later segment names.
    fn missing_segments(&mut self, floor: FileId, chain: &[SegmentHeader]) {
        // Floor 0: no opening of the database has finished.
        let first = (floor != FileId::default()).then_some(floor);
        let before = chain.iter().filter_map(|header| header.link.predecessor).map(|before| before.id);
        let named: BTreeSet<FileId> = first.into_iter().chain(before.filter(|id| *id > floor)).collect();
        for id in named {
            if !self.listed.wal.segments.contains_key(&id) {
                self.add_missing_file(&segment_name(id));
                self.series_complete = false;
            }
        }
    }

    /// Reads a segment to its end and checks its records.
    pub(super) fn verify_segment(&mut self, uuid: Uuid, id: FileId, end: SegmentBound, flushed_seq: u64) -> Result<()> {
        let opened = SegmentReader::open(self.dir, uuid, id, end);
        let Some(mut reader) = self.accept(opened)? else {
            self.series_complete = false;
            return Ok(());
        };
        loop {
            match reader.next_record() {
                Ok(Some(record)) => {
                    self.verify_record(id, record.seq, record.definitions, record.points, flushed_seq);
                    if let Some(delete) = record.delete.filter(|delete| delete.seq > flushed_seq) {
                        self.verify_delete(&segment_name(id), delete);
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    self.series_complete = false;
                    return self.accept(Err(error)).map(|_: Option<()>| ());
                }
            }
        }
        if let Some(SegmentTail::Torn { offset, end }) = reader.scan_result().map(|read| read.tail) {
            let (name, bytes) = (segment_name(id), end - offset);
            // If the successor is lost, these bytes may also be a failed write that the successor excluded.
            self.add_note(format!("{name}: a torn end of {bytes} bytes at {offset} that the next opening would drop"));
        }
        Ok(())
    }

    /// Restores a record's definitions, and checks the series of its points if it is replayed.
    fn verify_record(
        &mut self,
        segment: FileId,
        seq: u64,
        definitions: &[Arc<SeriesInfo>],
        points: PointColumns<'_>,
        flushed_seq: u64,
    ) {
        for definition in definitions {
            // The definition of a flushed record is in the series log, unless it was dropped.
            if seq <= flushed_seq && self.series_complete && self.series.get(definition.id).is_none() {
                continue;
            }
            match self.series.restore((**definition).clone()) {
                Err(what) if self.series_complete => {
                    self.add_finding(&segment_name(segment), 0, format!("record {seq}: {what}"));
                    self.series_complete = false;
                }
                _ => {}
            }
        }
        if seq <= flushed_seq {
            return;
        }
        self.report.points += points.len() as u64;
        let unknown = points.series.iter().find(|id| self.series.get(**id).is_none());
        if let Some(id) = unknown.filter(|_| self.series_complete) {
            let what = format!("record {seq} has points of series #{id}, which nothing defines");
            self.add_finding(&segment_name(segment), 0, what);
        }
    }
}
