//! The limits of the picker.
//!
//! Production uses only [`PICKER_LIMITS`]; tests use smaller limits, so that a few small files trigger every rule.

use super::super::sst::LAST_TIER;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// Limits that decide when a compaction is due, how much it may take, and how large its files become.
///
/// Bytes are bytes of files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PickerLimits {
    /// The deepest tier. Files stay there if they cannot move to the base.
    pub(crate) last_tier: u8,
    /// Number of files at which a cluster of L0 is due.
    pub(crate) l0_trigger_files: usize,
    /// Number of files at which a cluster of a tier is due.
    pub(crate) tier_trigger_files: usize,
    /// Number of bytes at which a cluster of at least `trigger_bytes_min_files` files is due.
    pub(crate) trigger_bytes: u64,
    /// Number of files that a cluster needs to be due by its bytes.
    pub(crate) trigger_bytes_min_files: usize,
    /// A group without a due cluster is due as a whole at this many times the trigger number of files.
    pub(crate) scattered_factor: usize,
    /// Maximum number of files that a candidate takes from its level.
    pub(crate) max_plan_files: usize,
    /// Maximum number of bytes of a plan.
    /// A plan of a single file may exceed it, and so may the overlapping files of a full compaction.
    pub(crate) max_plan_bytes: u64,
    /// Maximum number of bytes of base files per byte of other files in a merge into the base.
    pub(crate) max_base_ratio: u64,
    /// A merge with fewer estimated output bytes stays in the tiers.
    /// A full compaction also takes base files below this size.
    pub(crate) min_base_bytes: u64,
    /// A merge whose blocks would have fewer points on average stays in the tiers.
    pub(crate) min_base_block_points: u64,
    /// Points in a full block.
    pub(crate) full_block_points: u64,
    /// Estimated bytes of a block besides its points, with its index entry.
    pub(crate) block_overhead_bytes: u64,
    /// Target size of the outputs of merges into the base and in place.
    pub(crate) base_file_bytes: u64,
    /// Mean number of points per series at which these outputs are split by time and no longer by series.
    pub(crate) base_min_series_points: u64,
    /// Number of bytes above which the outputs of flushes and of merges into a tier are split.
    pub(crate) tier_file_bytes: u64,
    /// Mean number of points per series at which these outputs are split by time and no longer by series.
    pub(crate) tier_min_series_points: u64,
    /// These outputs are also split by series, if they have several, where their dyadic box spans at most
    /// 2^`tier_min_time_bits` nanoseconds.
    pub(crate) tier_min_time_bits: u8,
    /// Minimum number of bytes on either side of a split of an output at a gap.
    pub(crate) min_split_bytes: u64,
    /// Maximum number of nested gap splits when files form clusters.
    pub(crate) max_cluster_depth: u32,
    /// Maximum number of nested gap splits of an output.
    pub(crate) max_gap_split_depth: u32,
    /// Number of output regions of a compaction or flush at which splits by size end.
    pub(crate) max_regions: usize,
}

/// Limits of the engine. benches/levels.md shows their effect.
pub(crate) const PICKER_LIMITS: PickerLimits = PickerLimits {
    last_tier: LAST_TIER,
    l0_trigger_files: 16,
    tier_trigger_files: 8,
    trigger_bytes: 192 * MIB,
    trigger_bytes_min_files: 4,
    scattered_factor: 4,
    max_plan_files: 64,
    max_plan_bytes: 256 * MIB,
    max_base_ratio: 2,
    min_base_bytes: 16 * MIB,
    min_base_block_points: 1_024,
    full_block_points: 8_192,
    block_overhead_bytes: 55,
    base_file_bytes: 64 * MIB,
    base_min_series_points: 16_384,
    tier_file_bytes: 16 * MIB,
    tier_min_series_points: 2_048,
    // 2^42 ns are 4,398 s.
    tier_min_time_bits: 42,
    min_split_bytes: 64 * KIB,
    max_cluster_depth: 6,
    max_gap_split_depth: 3,
    max_regions: 64,
};
