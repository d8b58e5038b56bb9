//! Series log and WAL: what recovery would believe, each segment to its end, and every series that they define.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::Verification;
use crate::error::Result;
use crate::manifest::{MANIFEST, ManifestRead, SERIES_LOG, SeriesLog};
use crate::point::PointColumns;
use crate::series::SeriesDef;
use crate::store::{check_empty, explain};
use crate::sync::Arc;
use crate::version::{FileId, Found, FoundManifest, RecoveryFault, recover};
use crate::wal::{SegmentEnd, SegmentHeader, SegmentReader, Tail, segment_name};

impl Verification<'_> {
    pub(super) fn series_log(&mut self, uuid: Uuid, valid_len: u64) -> Result<()> {
        let len = self.lens.get(SERIES_LOG).copied();
        match len {
            None if valid_len > 0 => {
                self.missing(SERIES_LOG);
                self.series_whole = false;
                return Ok(());
            }
            None => return Ok(()),
            Some(len) if len > valid_len => {
                let surplus = len - valid_len;
                self.note(format!("{SERIES_LOG}: {surplus} bytes behind byte {valid_len} that no manifest names"));
            }
            Some(_) => {}
        }
        if valid_len == 0 {
            return Ok(());
        }
        self.count_file(SERIES_LOG);
        let read = SeriesLog::read(self.dir, uuid, valid_len);
        let Some(definitions) = self.accept(read)? else {
            self.series_whole = false;
            return Ok(());
        };
        for definition in definitions {
            if let Err(what) = self.series.restore(definition) {
                self.find(SERIES_LOG, 0, what);
                self.series_whole = false;
            }
        }
        Ok(())
    }

    /// The segments to read and where each ends: what recovery decides, or as much of it as can be told past damage.
    pub(super) fn plan(&mut self, manifest: &ManifestRead) -> Result<Vec<(FileId, SegmentEnd)>> {
        let floor = manifest.durable.floor;
        let below = self.listed.segments.iter().filter(|id| **id < floor);
        let below: Vec<String> = below.map(|id| segment_name(*id)).collect();
        for name in below {
            self.note(format!("{name}: below the floor of the WAL; the next opening removes it"));
        }
        let headers = self.headers(manifest.uuid, floor)?;
        let damaged = headers.len() < self.listed.segments.iter().filter(|id| **id >= floor).count();
        let state_lost = self.recovery(manifest, &headers, damaged)?;
        let (chain, unfinished): (Vec<_>, Vec<_>) =
            headers.into_iter().partition(|header| header.seal.predecessor.is_some() || header.id == floor);
        for header in unfinished {
            let empty = check_empty(self.dir, manifest.uuid, header.id);
            if self.accept(empty)?.is_some() {
                let name = segment_name(header.id);
                self.note(format!("{name}: begun by an opening that did not finish; the next one removes it"));
            }
        }
        if !state_lost {
            self.missing_segments(floor, &chain);
        }
        self.series_whole &= !damaged && !state_lost;
        let ends = chain.iter().enumerate().map(|(at, header)| {
            // Where the successor is lost the tail rule is all that is left to tell the end.
            (header.id, header.end(chain.get(at + 1)).unwrap_or(SegmentEnd::Last))
        });
        Ok(ends.collect())
    }

    /// The sound headers of the segments that count, each file counted.
    fn headers(&mut self, uuid: Uuid, floor: FileId) -> Result<Vec<SegmentHeader>> {
        let mut headers = Vec::new();
        for id in self.listed.segments.iter().filter(|id| **id >= floor) {
            self.count_file(&segment_name(*id));
            let header = SegmentHeader::read(self.dir, uuid, *id);
            headers.extend(self.accept(header)?);
        }
        Ok(headers)
    }

    /// Names why recovery would refuse, but for missing and damaged files, which are named one by one; whether the
    /// manifest's state is lost, so that nothing can be held against it.
    fn recovery(&mut self, manifest: &ManifestRead, headers: &[SegmentHeader], damaged: bool) -> Result<bool> {
        let mut found = Found {
            manifest: FoundManifest { durable: manifest.durable.clone(), bad_edit: manifest.bad.map(|bad| bad.offset) },
            segments: headers.iter().map(SegmentHeader::found).collect(),
            ssts: self.listed.ssts.clone(),
            other_ids: Vec::new(),
        };
        let mut fault = recover(&found).err();
        if matches!(fault, Some(RecoveryFault::MissingSsts(_) | RecoveryFault::SstLength { .. })) {
            // Each such SST is named when it is read; here they must not hide what the segments say.
            found.ssts = manifest.durable.ssts.iter().map(|sst| (sst.id, sst.len)).collect();
            fault = recover(&found).err();
        }
        match (fault, manifest.bad) {
            // What a segment with a bad header would have said is not known.
            (_, Some(bad)) if damaged => {
                self.find(MANIFEST, bad.offset, "its last edit is bad, and the WAL that might do without it is too");
                return Ok(true);
            }
            (Some(fault @ RecoveryFault::BadEdit { .. }), _) => {
                self.accept::<()>(Err(explain(self.dir, &fault)))?;
                return Ok(true);
            }
            (Some(fault @ RecoveryFault::Chain { .. }), None) if !damaged => {
                self.accept::<()>(Err(explain(self.dir, &fault)))?;
            }
            (None, Some(bad)) => {
                let bytes = bad.end - bad.offset;
                self.note(format!("{MANIFEST}: a torn edit of {bytes} bytes at {}, not needed", bad.offset));
            }
            _ => {}
        }
        Ok(false)
    }

    /// Segments that the floor or a successor names and that are not there.
    fn missing_segments(&mut self, floor: FileId, chain: &[SegmentHeader]) {
        // Floor 0: the database was made, and no opening of it has ever finished.
        let first = (floor != FileId::default()).then_some(floor);
        let before = chain.iter().filter_map(|header| header.seal.predecessor).map(|before| before.id);
        let named: BTreeSet<FileId> = first.into_iter().chain(before.filter(|id| *id > floor)).collect();
        for id in named {
            if !self.listed.segments.contains(&id) {
                self.missing(&segment_name(id));
                self.series_whole = false;
            }
        }
    }

    pub(super) fn segment(&mut self, uuid: Uuid, id: FileId, end: SegmentEnd, flushed_seq: u64) -> Result<()> {
        let opened = SegmentReader::open(self.dir, uuid, id, end);
        let Some(mut reader) = self.accept(opened)? else {
            self.series_whole = false;
            return Ok(());
        };
        loop {
            match reader.next() {
                Ok(Some(record)) => self.record(id, record.seq, record.definitions, record.points, flushed_seq),
                Ok(None) => break,
                Err(error) => {
                    self.series_whole = false;
                    return self.accept(Err(error)).map(|_: Option<()>| ());
                }
            }
        }
        if let Some(Tail::Torn { offset, end }) = reader.finish().map(|read| read.tail) {
            let (name, bytes) = (segment_name(id), end - offset);
            // With a lost successor the same bytes may be a failed write, sealed off.
            self.note(format!("{name}: a torn end of {bytes} bytes at {offset} that the next opening would drop"));
        }
        Ok(())
    }

    fn record(
        &mut self,
        segment: FileId,
        seq: u64,
        definitions: &[Arc<SeriesDef>],
        points: PointColumns<'_>,
        flushed_seq: u64,
    ) {
        for definition in definitions {
            match self.series.restore((**definition).clone()) {
                Err(what) if self.series_whole => {
                    self.find(&segment_name(segment), 0, format!("record {seq}: {what}"));
                    self.series_whole = false;
                }
                _ => {}
            }
        }
        if seq <= flushed_seq {
            return;
        }
        self.report.points += points.len() as u64;
        let unknown = points.series.iter().find(|id| self.series.get(**id).is_none());
        if let Some(id) = unknown.filter(|_| self.series_whole) {
            let what = format!("record {seq} has points of series #{id}, which nothing defines");
            self.find(&segment_name(segment), 0, what);
        }
    }
}
