//! The reports of a WAL segment and of a spare.

use super::report::Report;
use crate::bytes::header::FORMAT_VERSION;
use crate::env::{Dir, Open};
use crate::error::Result;
use crate::finding::Finding;
use crate::wal::{Description, Ending, RecordKind, RecordLine, Tail, describe};

/// What is in a segment of the write-ahead log; see [`Inspection`](super::Inspection).
#[derive(Debug)]
pub struct WalInspection {
    segment: Description,
    ending: String,
    findings: Vec<Finding>,
}

impl WalInspection {
    pub(super) fn read(dir: &Dir, name: &str) -> Result<Self> {
        let mut segment = describe(dir, name)?;
        let sealed = Ending::Tail(Tail::Sealed);
        let (ending, findings) = match std::mem::replace(&mut segment.ending, sealed) {
            Ending::Tail(tail) => (tail_text(tail), Vec::new()),
            Ending::Damage(error) => {
                let finding = Finding::of(error)?;
                (format!("damage at byte {}", finding.offset), vec![finding])
            }
        };
        Ok(Self { segment, ending, findings })
    }

    pub(super) fn findings(&self) -> &[Finding] {
        &self.findings
    }

    pub(super) fn report(&self, rows: usize) -> Report {
        let Description { header, file_len, records, .. } = &self.segment;
        let mut report = Report::new("WAL segment");
        report.fact("format version", FORMAT_VERSION);
        report.fact("database", header.uuid);
        report.fact("segment id", format!("{:016x}", header.id.get()));
        report.fact("bytes", file_len);
        report.fact("last seq before", header.seal.last_seq);
        report.fact(
            "predecessor",
            match header.seal.predecessor {
                Some(before) => format!("{:016x}, sealed at byte {}", before.id.get(), before.len),
                None => "none: the first segment of an opening".to_owned(),
            },
        );
        if header.stale_to > 0 {
            report.fact("former life", format!("up to byte {}", header.stale_to));
        }
        let points: usize = records.iter().map(|record| record.points).sum();
        let definitions: usize = records.iter().map(|record| record.definitions).sum();
        report.fact("records", records.len());
        if let (Some(first), Some(last)) = (records.first(), records.last()) {
            report.fact("seqs", format!("{} to {}", first.seq, last.seq));
        }
        report.fact("points", points);
        report.fact("series definitions", definitions);
        report.fact("ends", &self.ending);
        let columns = ["kind", "seq", "offset", "bytes", "points", "definitions", "synced_to"];
        report.table("records", &columns, records, rows, |record| {
            let RecordLine { kind, seq, offset, len, points, definitions, synced_to } = *record;
            let kind = match kind {
                RecordKind::Commit => "commit",
                RecordKind::Mark => "mark",
                RecordKind::Delete => "delete",
            };
            let numbers = [seq, offset, len, points as u64, definitions as u64, synced_to];
            std::iter::once(kind.to_owned()).chain(numbers.iter().map(u64::to_string)).collect()
        });
        report
    }
}

/// Without the successor at hand the tail rule tells the end; a seal may tell an earlier one.
fn tail_text(tail: Tail) -> String {
    match tail {
        Tail::Sealed => "where its successor says".to_owned(),
        Tail::Clean { offset } => format!("clean at byte {offset}"),
        Tail::Torn { offset, end } => {
            format!("torn at byte {offset}: {} bytes that an opening drops, unless a successor seals it", end - offset)
        }
    }
}

/// A file that waits to become a segment; see [`Inspection`](super::Inspection).
#[derive(Debug)]
pub struct SpareInspection {
    file_len: u64,
}

impl SpareInspection {
    pub(super) fn read(dir: &Dir, name: &str) -> Result<Self> {
        Ok(Self { file_len: dir.open(name, Open::Read)?.len()? })
    }

    pub(super) fn report(&self) -> Report {
        let mut report = Report::new("spare for the WAL");
        report.fact("bytes", self.file_len);
        report.fact("content", "none that counts: under a spare's name nothing is read");
        report
    }
}
