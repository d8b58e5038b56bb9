//! Writes, deletes, retention, compaction and options: the input that each one accepts, refuses and leaves visible.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

#[path = "../common/mod.rs"]
mod common;

mod a_batch_beyond_its_limits_is_cut_into_whole_pieces;
mod a_delete_hides_what_came_before_and_nothing_after;
mod a_duplicates_policy_is_chosen_once_and_kept;
mod a_series_without_points_leaves_the_listings;
mod a_write_is_whole_or_absent_and_says_how_durable_it_is;
mod after_compaction_base_files_of_a_series_never_overlap;
mod an_answered_write_holds_no_queue_memory;
mod any_history_of_deletes_and_merges_agrees_with_the_oracle;
mod bad_names_types_and_sizes_change_nothing;
mod cached_series_follow_their_keys;
mod churn_keeps_what_was_acknowledged;
mod definitions_of_empty_series_are_dropped;
mod options_out_of_bounds_are_named;
mod rejected_points_are_left_out_by_name;
mod retention_hides_what_is_too_old_and_never_brings_it_back;
mod the_levels_stay_within_their_bounds_under_nine_loads;
mod the_memtable_size_is_counted_from_its_points;
mod timestamps_too_far_from_the_clock_are_refused_by_name;
mod two_points_at_one_timestamp_are_both_kept;
