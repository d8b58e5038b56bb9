//! The command-line tool, run as a process on its own files.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod common;

mod a_backup_is_an_independent_database;
mod a_query_in_promql_is_checked;
mod an_export_is_ingested_as_it_was;
mod an_ingest_that_ends_early_says_where_to_go_on;
mod an_unusable_database_is_reported;
mod bad_rows_lose_nothing;
mod charts_have_axes_a_legend_and_a_line_per_series;
mod collected_inputs_become_what_is_expected;
mod deletes_are_previewed_and_compacted_away;
mod demo_reports_only_what_it_checked;
mod each_mistake_of_an_input_is_refused_by_its_line;
mod each_option_of_ingest_does_what_is_documented;
mod every_csv_of_the_fuzz_corpus_is_read_or_refused;
mod ingest_reads_real_files;
mod inspect_shows_the_blocks_of_a_file;
mod metrics_have_kind_unit_and_description;
mod nothing_merges_in_silence;
mod output_fits_its_reader;
mod promql_answers_queries;
mod queries_match_a_hand_calculation;
mod queries_skip_stale_markers;
mod series_metrics_and_tags_are_listed;
mod stats_counts_every_file_of_the_directory;
mod the_commands_of_the_readme_run;
mod windows_are_grouped_filled_ranked_and_explained;
