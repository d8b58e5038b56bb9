//! What is behind the last record of the active segment: stale bytes of a recycled file, or those of a failed group.

use super::{ActiveSegment, END_MARKER, WalWriter};
use crate::platform::env::SyncStep;
use crate::types::error::Result;

impl WalWriter {
    /// Removes everything behind the last good record from the active segment, durably. Needs no descriptor.
    ///
    /// After an error nothing may be written.
    pub(super) fn cut_at_append_offset(&mut self) -> Result<()> {
        let ActiveSegment { file, append_offset, .. } = &self.active;
        // An end marker was behind the last record, so its room needs no new block.
        let len = append_offset + END_MARKER.len() as u64;
        file.set_len(len)?;
        file.write_at(*append_offset, &END_MARKER)?;
        // Survives power loss after the group was answered as not written: the disk may hold all of it.
        file.sync(SyncStep::WalGroup)?;
        (self.active.synced_to, self.active.file_len) = (*append_offset, len);
        Ok(())
    }

    /// Removes the spares, and the unused end of the active segment: nothing is appended any more.
    ///
    /// A failure is logged; the next opening finds longer files.
    pub(crate) fn remove_unused_space(&mut self) {
        if self.check_usable().is_err() {
            return;
        }
        self.spares.give_up();
        let ActiveSegment { file, append_offset, file_len, .. } = &mut self.active;
        // The end marker is behind the last record already. A crash leaves either length, and both end there.
        let len = *append_offset + END_MARKER.len() as u64;
        if len < *file_len {
            match file.set_len(len) {
                Ok(()) => *file_len = len,
                Err(error) => tracing::warn!(%error, "the unused end of a WAL segment could not be removed"),
            }
        }
    }
}
