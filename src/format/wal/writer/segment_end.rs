//! What is behind the last record of the active segment: stale bytes of a recycled file, or those of a failed group.

use super::{ActiveSegment, END_MARKER, WalWriter};
use crate::platform::env::SyncStep;
use crate::types::error::Result;

/// Length from which the active segment is extended, in bytes: the log of a small database stays small.
const EXTEND_FROM_BYTES: u64 = 32 << 10;
/// Maximum length by which the active segment is extended at once, in bytes.
///
/// Below it the segment is extended by what was written to it.
const MAX_EXTENSION_BYTES: u64 = 1 << 20;
/// Minimum number of groups that an extension must have room for.
///
/// The sync of a large group takes long anyway, and the zeros would cost as much as the group.
const MIN_EXTENSION_GROUPS: u64 = 8;
/// Multiple to which the length of an extended file is rounded up, in bytes: a block of common file systems.
const BLOCK_BYTES: u64 = 4 << 10;

impl WalWriter {
    /// Extends the active segment by zeros behind the end marker, once a group of `group_len` bytes has filled the file.
    ///
    /// A sync of written blocks is much faster than one that must also make a new length of the file durable. The zeros
    /// are synced with the group. A crash leaves the file at either length, and both end behind the group.
    pub(super) fn extend_ahead(&mut self, group_len: u64) {
        let ActiveSegment { file, id, append_offset, file_len, .. } = &mut self.active;
        let end = *append_offset + END_MARKER.len() as u64;
        let room = end.min(MAX_EXTENSION_BYTES).min(self.segment_bytes.saturating_sub(end));
        let is_large = room < MIN_EXTENSION_GROUPS * group_len;
        if end < EXTEND_FROM_BYTES.max(*file_len)
            || is_large
            || self.no_space.is_some()
            || self.not_extensible == Some(*id)
        {
            return;
        }
        let len = (end + room).next_multiple_of(BLOCK_BYTES);
        let zeros = vec![0; usize::try_from(len - end).unwrap_or_default()];
        match file.write_at(end, &zeros) {
            Ok(()) => *file_len = len,
            // The group is written; what the extension has taken must not keep the room from others. A file that stays
            // longer ends with zeros, or else is cut at the next opening.
            Err(error) => {
                tracing::debug!(%error, "a WAL segment could not be extended");
                self.not_extensible = Some(*id);
                drop(file.set_len(end));
            }
        }
    }

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
