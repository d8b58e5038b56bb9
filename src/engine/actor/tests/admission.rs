//! Tests of the admission to the memtable.

use super::l0_file;
use super::tables::version_with_memtables;
use crate::engine::actor::admission::{ActiveMemtable, MemtableAdmission};
use crate::state::version::Version;
use crate::sync::Arc;

use MemtableAdmission::{Admit, FreezeEarly, FreezeFirst, Stall};

const FLUSH_AT: usize = 32 << 20;

/// A memtable whose series have too few points for an early freeze.
const FEW_POINTS: ActiveMemtable = ActiveMemtable {
    bytes: 0,
    flush_at_bytes: FLUSH_AT,
    points: 95_999,
    series: 100,
    is_epoch_exhausted: false,
    next_command_bytes: 0,
};

#[test]
fn a_full_memtable_is_frozen_or_waits_unless_its_size_does_not_matter() {
    // Columns: bytes, exhausted epochs, frozen memtables, L0 stall, read-only, stopping, decision.
    // The memtable is full at 10 bytes.
    let table = [
        (9, false, 2, true, false, false, Admit),
        (10, false, 0, false, false, false, FreezeFirst),
        (10, false, 1, false, false, false, FreezeFirst),
        (10, false, 2, false, false, false, Stall),
        (10, false, 1, true, false, false, Stall),
        (0, true, 0, false, false, false, FreezeFirst),
        (0, true, 2, false, false, false, Stall),
        // A read-only database rejects the group anyway.
        (10, true, 2, true, true, false, Admit),
        // During a shutdown the size of the memtable is ignored, but exhausted epochs are not.
        (10, false, 2, true, false, true, Admit),
        (10, true, 2, false, false, true, Stall),
        (10, true, 1, false, false, true, FreezeFirst),
    ];
    for (bytes, is_epoch_exhausted, frozen, l0_stalls, is_read_only, is_stopping, expected) in table {
        let version = version_with_memtables(&[1, 2][..frozen], true);
        let active =
            ActiveMemtable { bytes, flush_at_bytes: 10, is_epoch_exhausted, next_command_bytes: 100, ..FEW_POINTS };
        let decision = MemtableAdmission::decide(&version, active, is_read_only, is_stopping, || l0_stalls);
        let row = (bytes, is_epoch_exhausted, frozen, l0_stalls, is_read_only, is_stopping);
        assert_eq!(decision, expected, "{row:?}");
    }
}

#[test]
fn a_batch_that_fills_a_memtable_waits_until_none_is_frozen() {
    // Columns: bytes, bytes of the next command, frozen memtables, stopping, decision.
    let table = [
        (0, FLUSH_AT, 0, false, Admit),
        (0, FLUSH_AT, 1, false, Stall),
        (0, FLUSH_AT - 1, 2, false, Admit),
        (FLUSH_AT - 1, FLUSH_AT, 1, false, Stall),
        (FLUSH_AT, FLUSH_AT, 0, false, FreezeFirst),
        (0, FLUSH_AT, 1, true, Admit),
    ];
    for (bytes, next_command_bytes, frozen, is_stopping, expected) in table {
        let version = version_with_memtables(&[1, 2][..frozen], true);
        let active = ActiveMemtable { bytes, next_command_bytes, ..FEW_POINTS };
        let decision = MemtableAdmission::decide(&version, active, false, is_stopping, || false);
        assert_eq!(decision, expected, "{:?}", (bytes, next_command_bytes, frozen, is_stopping));
    }
}

/// Blocks of few points take more space, and files of an early freeze must not delay merges that are behind.
#[test]
fn a_memtable_with_many_points_per_series_is_frozen_early_unless_a_flush_runs_or_merges_are_behind() {
    const EARLY: usize = 16 << 20;
    // Columns: bytes, points of 100 series, frozen memtables, L0 files, stopping, decision.
    let table = [
        (EARLY - 1, 1_000_000, 0, 0, false, Admit),
        (EARLY, 96_000, 0, 0, false, FreezeEarly),
        (EARLY, 95_999, 0, 0, false, Admit),
        (EARLY, 96_000, 1, 0, false, Admit),
        (EARLY, 96_000, 0, 31, false, FreezeEarly),
        (EARLY, 96_000, 0, 32, false, Admit),
        (FLUSH_AT, 96_000, 1, 32, false, FreezeFirst),
        (EARLY, 96_000, 0, 0, true, Admit),
    ];
    for (bytes, points, frozen, files, is_stopping, expected) in table {
        let l0 = (1..=files).map(|number| Arc::new(l0_file(number, 1, 0)));
        let version = Version { ssts: l0.collect(), ..version_with_memtables(&[1, 2][..frozen], true) };
        let active = ActiveMemtable { bytes, points, ..FEW_POINTS };
        let decision = MemtableAdmission::decide(&version, active, false, is_stopping, || false);
        assert_eq!(decision, expected, "{:?}", (bytes, points, frozen, files, is_stopping));
    }
}
