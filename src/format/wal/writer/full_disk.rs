//! The WAL on a full disk: the reserves, and the appends that need no room.

use super::{END_MARKER, WalWriter};
use crate::format::bytes::frame::FRAME_HEADER_BYTES;
use crate::format::wal::{AppendError, LogRecord, MAX_RESERVE_BYTES};
use crate::types::error::{Error, Result};

impl WalWriter {
    /// Returns the length of the reserve in bytes; 0 if there is none.
    pub(crate) fn reserve_bytes(&self) -> u64 {
        self.reserve.len() + self.opening_reserve.len()
    }

    /// Returns the lack of space because of which only deletes are appended; `None` if there is none.
    pub(crate) fn no_space(&self) -> Option<&Error> {
        self.no_space.as_ref()
    }

    /// Creates the reserve unless there is one. If the disk is full, the spares are removed first.
    ///
    /// After a lack of space, appends are allowed again once this succeeds.
    pub(crate) fn restore_reserve(&mut self) {
        if self.failure.check().is_err() {
            return;
        }
        let bytes = MAX_RESERVE_BYTES.min(self.segment_bytes);
        let mut made = self.reserve.ensure(bytes);
        if made.as_ref().is_err_and(Error::is_out_of_space) && self.spares.give_up() {
            made = self.reserve.ensure(bytes);
        }
        match made {
            Ok(()) => {
                // Only an opening on a full disk misses it.
                drop(self.opening_reserve.ensure(bytes));
                if let Some(error) = self.no_space.take() {
                    tracing::info!(%error, "there is room for the WAL again");
                }
            }
            Err(error) if error.is_out_of_space() => {
                if self.no_space.is_none() {
                    tracing::warn!(%error, "no room for a reserve of the WAL; writes fail until there is");
                }
                self.no_space = Some(error);
            }
            // Without a reserve, a failed append can be sealed only if there is room for another file.
            Err(error) => tracing::warn!(%error, "a reserve of the WAL could not be made"),
        }
    }

    /// Removes the reserve, to make room for a manifest without which an opening fails. `error` is its lack of space.
    ///
    /// Only deletes are appended until there is room for a new reserve.
    pub(crate) fn give_up_reserve(&mut self, error: &Error) {
        self.reserve.give_up();
        self.no_space = Some(error.clone());
    }

    /// Removes the spares, to make room on a full disk.
    pub(crate) fn give_up_spares(&mut self) {
        self.spares.give_up();
    }

    /// Appends a group of deletes to blocks that the active segment has already; touches no file otherwise.
    ///
    /// Leaves room for a sync mark: without it a process that reads beside this one would not show the deletes.
    ///
    /// # Errors
    /// `NotWritten` with the lack of space for any other group, and for one that does not fit.
    pub(super) fn append_to_allocated(&mut self, group: &[LogRecord<'_>]) -> Result<(), AppendError> {
        if group.iter().any(|record| record.delete.is_none()) {
            return self.no_space.as_ref().map_or(Ok(()), |error| Err(without_room(error)));
        }
        self.encode(group).map_err(AppendError::NotWritten)?;
        self.check_allocated(FRAME_HEADER_BYTES)?;
        self.write_buffer()
    }

    /// After a lack of space, checks that the buffer fits into the blocks of the active segment, and `further` bytes.
    pub(super) fn check_allocated(&self, further: usize) -> Result<(), AppendError> {
        let end = self.active.append_offset + (self.buffer.len() + further + END_MARKER.len()) as u64;
        match &self.no_space {
            Some(error) if end > self.active.allocated_len => Err(without_room(error)),
            _ => Ok(()),
        }
    }
}

fn without_room(error: &Error) -> AppendError {
    AppendError::NotWritten(Error::write_failed(error.clone()))
}
