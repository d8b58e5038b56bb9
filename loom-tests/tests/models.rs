//! Runs every model. `LOOM_LONG=1` explores with three preemptions instead of two.

use loom_tests::models;

#[test]
fn publish_shows_exact_prefixes_and_whatever_is_acknowledged() {
    models::publish();
}

#[test]
fn columns_show_whole_batches_while_chunks_are_linked() {
    models::columns();
}

#[test]
fn flush_shows_each_point_exactly_once() {
    models::flush();
}

#[test]
fn a_crash_loses_and_doubles_nothing_that_was_acknowledged() {
    models::crash();
}

#[test]
fn metadata_are_recovered_with_the_records_before_them() {
    models::metadata();
}

#[test]
fn a_failed_flush_is_reported_and_retried() {
    models::flush_fails();
}

#[test]
fn a_moved_directory_holds_what_was_acknowledged_and_nothing_that_was_refused() {
    models::moved_directory();
}

#[test]
fn a_close_answers_every_request_whatever_the_flush_does() {
    models::shutdown();
}

#[test]
fn dropping_the_last_handle_syncs_acknowledged_writes() {
    models::release();
}

#[test]
fn stalled_writes_go_through_in_order() {
    models::backpressure();
}

#[test]
fn a_timed_out_write_is_answered_and_absent() {
    models::stall_timeout();
}

#[test]
fn a_delete_passes_a_stalled_write_of_another_caller() {
    models::passing_delete();
}

#[test]
fn a_compaction_replaces_its_inputs_and_nothing_else() {
    models::compaction();
}

#[test]
fn a_delete_hides_what_came_before_it_and_nothing_else() {
    models::delete();
}

#[test]
fn a_cutoff_is_taken_back_behind_a_delete_of_what_it_hid() {
    models::taken_back();
}

#[test]
fn a_delete_in_a_compaction_outlives_its_outputs() {
    models::delete_in_compaction();
}

#[test]
fn a_delete_that_makes_room_is_durable_before_its_files_go() {
    models::delete_ahead_of_flush();
}

#[test]
fn a_file_stays_while_a_reader_holds_it_and_is_removed_after() {
    models::pins();
}

#[test]
fn the_loom_primitives_meet_their_contract() {
    models::sync_conformance();
}

#[test]
fn a_series_is_listed_as_long_as_it_has_a_point() {
    models::empty_series();
}

#[test]
fn a_definition_is_dropped_only_if_no_point_needs_it() {
    models::dropped_definition();
}

#[test]
fn a_definition_is_dropped_only_if_no_unflushed_delete_names_it() {
    models::drop_beside_delete();
}
