//! Reports of a WAL segment and of a spare segment.

use super::report::TextReport;
use crate::format::bytes::log_header::LOG_FORMAT_VERSION;
use crate::format::finding::Finding;
use crate::format::wal::{RecordKind, RecordSummary, SegmentDescription, SegmentEnding, SegmentTail, describe_segment};
use crate::platform::env::{Dir, OpenMode};
use crate::types::error::Result;

/// Contents of a segment of the write-ahead log; see [`Inspection`](super::Inspection).
#[derive(Debug)]
pub struct WalInspection {
    segment: SegmentDescription,
    ending: String,
    findings: Vec<Finding>,
}

impl WalInspection {
    pub(super) fn read(dir: &Dir, name: &str) -> Result<Self> {
        let mut segment = describe_segment(dir, name)?;
        let sealed = SegmentEnding::Tail(SegmentTail::Sealed);
        let (ending, findings) = match std::mem::replace(&mut segment.ending, sealed) {
            SegmentEnding::Tail(tail) => (tail_text(tail), Vec::new()),
            SegmentEnding::Damage(error) => {
                let finding = Finding::from_error(error)?;
                (format!("damage at byte {}", finding.offset), vec![finding])
            }
        };
        Ok(Self { segment, ending, findings })
    }

    pub(super) fn findings(&self) -> &[Finding] {
        &self.findings
    }

    pub(super) fn report(&self, max_rows: usize) -> TextReport {
        let SegmentDescription { header, file_len, records, .. } = &self.segment;
        let mut report = TextReport::new("WAL segment");
        report.add_field("format version", LOG_FORMAT_VERSION);
        report.add_field("database", header.uuid);
        report.add_field("segment id", format!("{:016x}", header.id.get()));
        report.add_field("bytes", file_len);
        report.add_field("previous seq", header.link.previous_seq);
        report.add_field(
            "predecessor",
            match header.link.predecessor {
                Some(before) => format!("{:016x}, sealed at byte {}", before.id.get(), before.sealed_len),
                None => "none: the first segment of an opening".to_owned(),
            },
        );
        if header.recycled_len > 0 {
            report.add_field("recycled", format!("up to byte {}", header.recycled_len));
        }
        let points: usize = records.iter().map(|record| record.points).sum();
        let definitions: usize = records.iter().map(|record| record.definitions).sum();
        report.add_field("records", records.len());
        if let (Some(first), Some(last)) = (records.first(), records.last()) {
            report.add_field("seqs", format!("{} to {}", first.seq, last.seq));
        }
        report.add_field("points", points);
        report.add_field("series definitions", definitions);
        report.add_field("ends", &self.ending);
        let columns = ["kind", "seq", "offset", "bytes", "points", "definitions", "synced_to"];
        report.add_table("records", &columns, records, max_rows, |record| {
            let RecordSummary { kind, seq, offset, len, points, definitions, synced_to } = *record;
            let kind = match kind {
                RecordKind::Commit => "commit",
                RecordKind::SyncMark => "sync mark",
                RecordKind::Delete => "delete",
                RecordKind::Metadata => "metadata",
            };
            let numbers = [seq, offset, len, points as u64, definitions as u64, synced_to];
            std::iter::once(kind.to_owned()).chain(numbers.iter().map(u64::to_string)).collect()
        });
        report
    }
}

/// Describes the end of a segment by the tail rule.
///
/// The successor was not read: its header may seal the segment before this end.
fn tail_text(tail: SegmentTail) -> String {
    match tail {
        SegmentTail::Sealed => "at its sealed length".to_owned(),
        SegmentTail::Clean { offset } => format!("clean at byte {offset}"),
        SegmentTail::Torn { offset, end } => {
            format!(
                "torn at byte {offset}: the next opening drops {} bytes, unless a successor seals the segment",
                end - offset
            )
        }
    }
}

/// Length of a spare segment, whose content is meaningless; see [`Inspection`](super::Inspection).
#[derive(Debug)]
pub struct SpareInspection {
    file_len: u64,
}

impl SpareInspection {
    pub(super) fn read(dir: &Dir, name: &str) -> Result<Self> {
        Ok(Self { file_len: dir.open(name, OpenMode::Read)?.len()? })
    }

    pub(super) fn report(&self) -> TextReport {
        report_ignored("spare WAL segment", self.file_len, "a spare segment is never read")
    }
}

/// Length of a reserve, whose content is meaningless; see [`Inspection`](super::Inspection).
#[derive(Debug)]
pub struct ReserveInspection {
    file_len: u64,
}

impl ReserveInspection {
    pub(super) fn read(dir: &Dir, name: &str) -> Result<Self> {
        Ok(Self { file_len: dir.open(name, OpenMode::Read)?.len()? })
    }

    pub(super) fn report(&self) -> TextReport {
        report_ignored("reserve for a full disk", self.file_len, "the blocks are overwritten when the disk is full")
    }
}

/// Returns the report of a file without a meaningful content.
fn report_ignored(kind: &'static str, file_len: u64, why: &str) -> TextReport {
    let mut report = TextReport::new(kind);
    report.add_field("bytes", file_len);
    report.add_field("content", format!("ignored: {why}"));
    report
}
