//! Verification of a database without a readable manifest: each file is checked alone.
//!
//! Which files count, and whether one is missing, cannot be determined.

use super::DatabaseVerifier;
use crate::format::finding::Finding;
use crate::format::manifest::{describe_series_log, series_log_name};
use crate::format::sst;
use crate::format::wal::{SegmentEnding, describe_segment, segment_name};
use crate::types::error::Result;

impl DatabaseVerifier<'_> {
    /// Checks the series log, each segment and each SST alone, without the others.
    pub(super) fn verify_without_manifest(&mut self) -> Result<()> {
        let listed = self.listed;
        for id in &listed.series_logs {
            let name = series_log_name(*id);
            self.count_file(&name);
            let described = describe_series_log(self.dir, &name);
            if let Some(log) = self.accept(described)? {
                let sound = format!("sound up to byte {} of {}", log.valid_to, log.file_len);
                self.add_note(format!("{name}: {sound}; only the manifest says whether and how much of it counts"));
            }
        }
        for id in listed.wal.segments.keys() {
            let name = segment_name(*id);
            self.count_file(&name);
            let described = describe_segment(self.dir, &name);
            let Some(segment) = self.accept(described)? else { continue };
            if segment.header.id != *id {
                self.add_finding(&name, 0, format!("it is WAL segment {:016x}", segment.header.id.get()));
            }
            if let SegmentEnding::Damage(error) = segment.ending {
                self.report.findings.push(Finding::from_error(error)?);
            }
        }
        for id in listed.ssts.keys() {
            let name = sst::sst_file_name(*id);
            self.count_file(&name);
            let described = sst::describe_sst(self.dir, &name);
            let Some(mut file) = self.accept(described)? else { continue };
            self.report.points += file.meta.points;
            if file.meta.id != *id {
                self.add_finding(&name, 0, format!("it is SST {:016x}", file.meta.id.get()));
            }
            self.report.findings.append(&mut file.findings);
        }
        Ok(())
    }
}
