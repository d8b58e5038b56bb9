//! A database whose manifest says nothing: each file by itself, as far as it speaks for itself.
//! Which of them count, and whether one is missing, nobody can tell then.

use super::Verification;
use crate::error::Result;
use crate::finding::Finding;
use crate::manifest::{SERIES_LOG, describe_series_log};
use crate::sst;
use crate::wal::{Ending, describe, segment_name};

impl Verification<'_> {
    pub(super) fn without_manifest(&mut self) -> Result<()> {
        let listed = self.listed;
        if listed.series_log {
            self.count_file(SERIES_LOG);
            let described = describe_series_log(self.dir, SERIES_LOG);
            if let Some(log) = self.accept(described)? {
                let sound = format!("sound up to byte {} of {}", log.sound_to, log.file_len);
                self.note(format!("{SERIES_LOG}: {sound}; how much of it counts only the manifest knows"));
            }
        }
        for id in &listed.segments {
            let name = segment_name(*id);
            self.count_file(&name);
            let described = describe(self.dir, &name);
            let Some(segment) = self.accept(described)? else { continue };
            if segment.header.id != *id {
                self.find(&name, 0, format!("it is WAL segment {:016x}", segment.header.id.get()));
            }
            if let Ending::Damage(error) = segment.ending {
                self.report.findings.push(Finding::of(error)?);
            }
        }
        for id in listed.ssts.keys() {
            let name = sst::file_name(*id);
            self.count_file(&name);
            let described = sst::describe(self.dir, &name);
            let Some(mut file) = self.accept(described)? else { continue };
            self.report.points += file.meta.points;
            if file.meta.id != *id {
                self.find(&name, 0, format!("it is SST {:016x}", file.meta.id.get()));
            }
            self.report.findings.append(&mut file.findings);
        }
        Ok(())
    }
}
