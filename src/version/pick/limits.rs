//! The sizes by which files are gathered and cut. The simulation that chose them is in benches/levels.md.

const MIB: u64 = 1 << 20;

/// Every size of the rules.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Files at which a cluster of L0, or of a tier, is due.
    pub(crate) due_in_l0: usize,
    pub(crate) due_in_tier: usize,
    /// Bytes, in so many files, at which any cluster is.
    pub(crate) due_bytes: u64,
    pub(crate) due_bytes_files: usize,
    /// A group of so many times the files is taken whole if no cluster of it is due.
    pub(crate) group_factor: usize,
    /// What one plan takes.
    pub(crate) plan_files: usize,
    pub(crate) plan_bytes: u64,
    /// What is worth a place in the base: bytes, points in a block, and its share of the base's own bytes.
    pub(crate) base_min_bytes: u64,
    pub(crate) base_min_block: u64,
    pub(crate) base_share: u64,
    /// Where outputs are cut.
    pub(crate) base_file: u64,
    pub(crate) slice: u64,
    pub(crate) largest_slice: u64,
    pub(crate) slice_meets_base: u64,
    /// A piece of a flush is not cut smaller.
    pub(crate) flush_piece: u64,
}

impl Limits {
    pub(crate) const PRODUCTION: Self = Self {
        due_in_l0: 16,
        due_in_tier: 8,
        due_bytes: 192 * MIB,
        due_bytes_files: 4,
        group_factor: 4,
        plan_files: 64,
        plan_bytes: 256 * MIB,
        base_min_bytes: 16 * MIB,
        base_min_block: 1024,
        base_share: 2,
        base_file: 64 * MIB,
        slice: 8 * MIB,
        largest_slice: 16 * MIB,
        slice_meets_base: 128 * MIB,
        flush_piece: 64 << 10,
    };

    /// The same shape in bytes a thousand times smaller, for tests.
    #[cfg(test)]
    pub(crate) const SMALL: Self = Self {
        due_bytes: Self::PRODUCTION.due_bytes >> 10,
        plan_bytes: Self::PRODUCTION.plan_bytes >> 10,
        base_min_bytes: Self::PRODUCTION.base_min_bytes >> 10,
        base_file: Self::PRODUCTION.base_file >> 10,
        slice: Self::PRODUCTION.slice >> 10,
        largest_slice: Self::PRODUCTION.largest_slice >> 10,
        slice_meets_base: Self::PRODUCTION.slice_meets_base >> 10,
        flush_piece: Self::PRODUCTION.flush_piece >> 10,
        ..Self::PRODUCTION
    };
}
