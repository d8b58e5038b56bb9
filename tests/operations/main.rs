//! The handle and the tools: opening, closing, waiting for changes, backup, `inspect` and `verify`.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

#[path = "../common/mod.rs"]
mod common;

mod a_backup_is_an_independent_database;
mod a_closed_database_keeps_no_unused_log;
mod a_database_in_memory_touches_no_disk;
mod a_directory_without_a_database_is_left_alone;
mod blocking_calls_work_inside_a_tokio_task;
mod calls_on_a_closed_database_return_closed;
mod changes_wake_waiters_and_end_with_the_database;
mod databases_divide_a_memory;
mod each_background_step_has_a_tracing_span;
mod every_request_is_answered_when_the_database_closes;
mod inspect_describes_each_kind_of_file;
mod verify_changes_no_byte_and_finds_nothing_in_a_healthy_database;
mod verify_names_the_file_of_every_damage;
