//! The planted bugs, each with the test that must catch it and the words that it must say.

/// A planted bug and what must catch it.
#[derive(Debug)]
pub(crate) struct Planted {
    /// Its number in the list of bugs that others met; `-` for one that this engine might have had.
    pub(crate) row: &'static str,
    pub(crate) bug: &'static str,
    /// The test binary, and the test in it.
    pub(crate) binary: &'static str,
    pub(crate) test: &'static str,
    /// A part of what the test must say.
    pub(crate) says: &'static str,
}

pub(crate) const SIMULATION: &str = "simulation";
const BAD_INPUT: &str = "bad_names_types_and_sizes_change_nothing";
const HISTORIES: &str = "any_history_of_deletes_and_merges_reads_as_the_oracle_says";

const READS: &str = "every_read_of_every_projection_tells_the_same";

/// A module of the simulation's that does its own planting.
pub(crate) const FAULTS_OF_THE_DISK: &str = "every_missing_or_late_sync_is_noticed";

macro_rules! crashed {
    ($scenario:literal) => {
        concat!("a_crash_after_any_operation_loses_nothing_acknowledged::", $scenario)
    };
}

const DAMAGED: &str = "every_flipped_bit_and_every_cut_is_noticed::random_damages";
const INTERVAL: &str = "what_no_answer_promised_is_kept_too::an_interval_ends_with_a_sync";
const MARK: &str = "what_no_answer_promised_is_kept_too::an_idle_database_vouches_for_its_last_record";

const fn simulated(row: &'static str, bug: &'static str, test: &'static str, says: &'static str) -> Planted {
    Planted { row, bug, binary: SIMULATION, test, says }
}

const fn told(row: &'static str, bug: &'static str, test: &'static str, says: &'static str) -> Planted {
    Planted { row, bug, binary: HISTORIES, test, says }
}

#[rustfmt::skip]
pub(crate) const PLANTED: &[Planted] = &[
    simulated("1", "flush_claims_the_open_period", crashed!("failed_flushes"), "is lost"),
    simulated("2", "failed_flush_is_forgotten", crashed!("failed_flushes"), "is lost"),
    simulated("3", "floor_follows_its_sst", crashed!("deletes"), "is doubled"),
    simulated("4", "delete_is_not_logged", crashed!("deletes_in_the_log"), "is lost"),
    told("5", "hidden_series_ends_the_merge", "a_series_that_is_deleted_whole_takes_no_later_one_with_it", "what is hidden was taken out"),
    told("6", "delete_drops_files_of_all_series", "a_file_stays_for_the_series_that_a_delete_spares", "after Flush: series 1"),
    simulated("8", "bad_edit_gives_up_a_sound_log", crashed!("two_lives"), "is lost"),
    simulated("8", "bad_edit_begins_the_log_anew", DAMAGED, "told: false, lost: ["),
    simulated("9", "failed_install_removes_its_sst", crashed!("failed_install"), "lacks files that its manifest names"),
    simulated("10", "hole_is_crossed", DAMAGED, "is lost, and a later one is there"),
    told("11", "merge_leaves_the_oldest_behind", "a_value_never_sinks_below_the_one_that_it_supersedes", "after Compact: series 0"),
    simulated("12", "inputs_go_by_place", crashed!("compactions_overtaken"), "is doubled"),
    simulated("13", "cancelled_write_is_half_applied", crashed!("cancelled_writes"), "was refused, and is there"),
    simulated("15", "merge_restores_its_deletes", crashed!("compactions_overtaken"), "is lost"),
    simulated("15", "merge_restores_its_numbers", crashed!("compactions_overtaken"), "a compaction fails where nothing failed"),
    simulated("16", "close_loses_the_first_recovery", crashed!("closed_after_two_crashes"), "is lost"),
    simulated("17", "failed_group_is_acknowledged", crashed!("failed_writes"), "is lost"),
    Planted { row: "18", bug: "projection_collapses_series", binary: READS, test: "whatever_the_layout", says: "KeepAll, in memory" },
    Planted { row: "18", bug: "projection_drops_deletes", binary: READS, test: "whatever_the_layout", says: "KeepAll, frozen in between" },
    simulated("19", "failed_sync_is_acknowledged", crashed!("failed_sync"), "is lost"),
    simulated("20", "damaged_record_is_skipped", DAMAGED, "is lost, and a later one is there"),
    Planted { row: "21", bug: "refused_batch_is_ok", binary: BAD_INPUT, test: "another_type_is_told_with_series_expected_and_found", says: "on an `Ok` value" },
    simulated("-", "gone_before_its_delete_is_durable", crashed!("fleeting_series"), "is not listed"),
    simulated("-", "failed_sync_is_tried_again", crashed!("failed_sync"), "assertion failed: !world.close()"),
    simulated("-", "failed_write_moves_the_seal", crashed!("failed_writes"), "its successor says"),
    simulated("-", "segments_go_before_the_manifest", crashed!("killed_twice"), "does not open"),
    simulated("-", "series_log_is_cut_short", crashed!("two_lives"), "is there in part"),
    simulated("-", "vouched_record_is_forgiven", DAMAGED, "lost: ["),
    simulated("-", "record_vouches_for_too_much", crashed!("unsynced_lives"), "another says that it was synced"),
    simulated("-", "record_vouches_for_nothing", DAMAGED, "lost: ["),
    simulated("-", "cutoff_goes_back_at_an_opening", crashed!("retention_by_age"), "is there in part behind"),
    simulated("-", "cutoff_is_shown_before_it_is_durable", crashed!("retention_by_rule"), "is there in part behind"),
    simulated("-", "interval_is_never_synced", INTERVAL, "a power loss takes what was acknowledged"),
    simulated("-", "mark_is_not_synced", MARK, "passes as a torn end"),
];

/// Bugs that another runner plants, and who that is.
pub(crate) const ELSEWHERE: [(&str, &str, &str); 2] = [
    ("7", "mutant_two_store_publish", "cargo run -p loom-tests --bin mutants: model flush"),
    ("7", "mutant_wal_cut_before_manifest_edit", "cargo run -p loom-tests --bin mutants: model crash"),
];
