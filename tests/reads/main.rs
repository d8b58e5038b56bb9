//! Scans, queries and snapshots, compared with the points that were written.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

#[path = "../common/mod.rs"]
mod common;

mod a_first_database_writes_reopens_and_reads;
mod a_metric_is_selected_by_pattern;
mod a_query_keeps_its_limits;
mod a_query_reads_only_what_its_result_needs;
mod a_reader_follows_a_writer;
mod a_scan_of_many_series_reads_each_file_once;
mod a_scan_sees_whole_batches_only;
mod an_iterator_survives_any_write;
mod any_query_agrees_with_its_points;
mod every_layout_agrees_with_the_oracle;
mod every_read_path_and_projection_agrees;
mod explain_shows_what_the_index_pruned;
mod ingest_many_memtables_while_reading;
mod late_points_are_stored_and_read_in_order;
mod limits_hold_for_every_kind_of_read;
mod listings_are_bounded_and_paged;
mod opening_and_planning_decode_no_block;
mod oracle;
mod queries_at_the_corners;
mod queries_share_a_runtime;
mod query_results_are_grouped_sorted_and_divided;
mod rates_of_a_real_machine_match_a_hand_calculation;
mod reads_allocate_nothing_per_point;
mod stale_markers_are_skipped_and_counted;
mod the_latest_of_many_series_is_searched_by_several_threads;
mod the_latest_point_is_read_from_the_index;
mod the_newest_point_before_a_time_is_found_in_any_source;
mod weather_by_month_matches_the_rows_of_the_file;
mod windows_and_operators_agree_with_their_points;
