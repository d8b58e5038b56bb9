//! Files on disk: written points survive closing, reopening and crashes; damaged, missing and foreign files are
//! reported.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

#[path = "../common/mod.rs"]
mod common;

mod a_database_killed_during_a_flush_opens_again;
mod a_flush_happens_at_the_configured_bytes;
mod a_foreign_file_is_refused;
mod a_missing_file_is_named;
mod a_newer_format_version_is_left_untouched;
mod a_tag_without_a_value_is_no_tag;
mod a_write_during_a_flush_is_never_lost;
mod any_history_reads_back_as_it_was_written;
mod any_text_of_a_key_is_kept;
mod damage_is_named_and_a_torn_tail_is_dropped;
mod every_input_of_the_fuzz_corpus_is_decoded_or_refused;
mod leftovers_of_a_crash_never_block_an_opening;
mod metadata_of_metrics_are_kept;
mod segment_names_never_repeat;
mod tags_are_dictionary_coded;
mod written_points_are_read_back_after_reopening;
