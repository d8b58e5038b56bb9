//! The numbers of the rules, in one place. Production uses [`LIMITS`] alone; tests scale them down, so that a handful
//! of small files meets every rule.

use super::super::sst::LAST_TIER;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// When a merge is due, how much it may take, and how large its files become. Bytes are those of files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limits {
    /// The deepest tier, where merges stay that the base does not take.
    pub(crate) last_tier: u8,
    /// A cluster of L0 is due at this many files, one of a tier at the second number.
    pub(crate) due_in_l0: usize,
    pub(crate) due_in_tier: usize,
    /// A cluster is due with this many bytes too, if it has so many files.
    pub(crate) due_at_bytes: u64,
    pub(crate) due_bytes_files: usize,
    /// A group none of whose clusters is due goes down whole at this many times the count.
    pub(crate) crowd: usize,
    /// What a plan takes of its own level.
    pub(crate) plan_files: usize,
    /// What a plan takes in all.
    pub(crate) plan_bytes: u64,
    /// The base may be this many times the rest of a plan.
    pub(crate) base_share: u64,
    /// Less than this stays in the tiers, and so do blocks of fewer points than the second number.
    pub(crate) base_at_bytes: u64,
    pub(crate) base_at_block: u64,
    /// Points in a full block, and what any block takes beside its points.
    pub(crate) full_block: u64,
    pub(crate) block_overhead: u64,
    /// Files of the base and merges in place aim at this.
    pub(crate) base_file: u64,
    /// They are cut by series while a series has fewer points than this in them.
    pub(crate) base_series_points: u64,
    /// What a flush or a merge writes for a tier is cut down to this.
    pub(crate) piece: u64,
    /// Pieces are cut by series while a series has fewer points than this in them.
    pub(crate) piece_series_points: u64,
    /// Pieces that can be cut by series are cut by time no smaller than 2 to this many nanoseconds.
    pub(crate) piece_time_bits: u8,
    /// A straight cut leaves no less than this on either side.
    pub(crate) smallest_piece: u64,
    /// How deep straight cuts go among files, and among what a merge or a flush writes.
    pub(crate) cluster_depth: u32,
    pub(crate) output_depth: u32,
    /// What one plan or flush may be cut into.
    pub(crate) most_regions: usize,
}

/// What the engine uses. benches/levels.md shows what they lead to.
pub(crate) const LIMITS: Limits = Limits {
    last_tier: LAST_TIER,
    due_in_l0: 16,
    due_in_tier: 8,
    due_at_bytes: 192 * MIB,
    due_bytes_files: 4,
    crowd: 4,
    plan_files: 64,
    plan_bytes: 256 * MIB,
    base_share: 2,
    base_at_bytes: 16 * MIB,
    base_at_block: 1_024,
    full_block: 8_192,
    block_overhead: 55,
    base_file: 64 * MIB,
    base_series_points: 16_384,
    piece: 16 * MIB,
    piece_series_points: 2_048,
    // 4,398 s.
    piece_time_bits: 42,
    smallest_piece: 64 * KIB,
    cluster_depth: 6,
    output_depth: 3,
    most_regions: 64,
};
