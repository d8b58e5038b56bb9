//! Check of a packed block as a whole, once all of its runs were decoded.
//!
//! A run is decoded without the other runs of its block, so two defects are found only once all runs are known: a mode in the
//! header that no run uses, and shared times that are not the times of a run.

use std::collections::BTreeSet;

use super::index_entry::{BlockEntry, PackedExtent};
use super::packed_block::RunColumns;

/// Runs of the packed block that is being verified.
#[derive(Debug, Default)]
pub(super) struct PackedBlockCheck {
    /// Place of the block; `None` outside packed blocks, and if not all runs of the block are known.
    block: Option<PackedExtent>,
    /// Length of the header in bytes.
    header_len: usize,
    mode_count: usize,
    used_modes: BTreeSet<u8>,
    /// Offsets of the runs, behind the header.
    starts: BTreeSet<u64>,
    /// Offsets of runs whose times others share, behind the header.
    shared: BTreeSet<u64>,
}

impl PackedBlockCheck {
    /// Returns `true` if the entry is that of a run of this block.
    pub(super) fn is_of(&self, entry: &BlockEntry) -> bool {
        entry.packed.is_some() && entry.packed == self.block
    }

    /// Begins a block of which all runs will be added.
    pub(super) fn begin(&mut self, block: PackedExtent, header_len: usize, mode_count: usize) {
        *self = Self { block: Some(block), header_len, mode_count, ..Self::default() };
    }

    /// Omits the check of the current block, since not all of its runs are readable.
    pub(super) fn omit(&mut self) {
        self.block = None;
    }

    /// Adds a run of the block.
    pub(super) fn add(&mut self, entry: &BlockEntry, run: &RunColumns<'_>) {
        let Some(block) = self.block else { return };
        let start = entry.offset.saturating_sub(block.offset).saturating_sub(self.header_len as u64);
        self.starts.insert(start);
        self.shared.extend(run.shared_with.map(u64::from));
        self.used_modes.insert(run.mode_number);
    }

    /// Ends the block. Returns its offset in the file and the defects of the block as a whole.
    pub(super) fn finish(&mut self) -> Option<(u64, Vec<&'static str>)> {
        let block = self.block.take()?;
        let defects = [
            (self.used_modes.len() < self.mode_count, "a mode of a packed block has no run"),
            (!self.shared.is_subset(&self.starts), "shared times of a packed block are not those of a run"),
        ];
        Some((block.offset, defects.into_iter().filter_map(|(is_found, what)| is_found.then_some(what)).collect()))
    }
}
