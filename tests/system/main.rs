//! The engine on the operating system: killed processes, failing system calls, a full disk, locks. Most of these tests
//! start child processes.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod child;
#[path = "../common/mod.rs"]
mod common;
#[cfg(target_os = "linux")]
mod life;
mod processes;
#[cfg(target_os = "linux")]
mod strace;

#[cfg(target_os = "linux")]
mod a_batch_of_new_series_stays_within_the_memory_budget;
#[cfg(unix)]
mod a_database_ignores_the_current_directory;
#[cfg(unix)]
mod a_forked_child_cannot_use_its_parents_database;
#[cfg(target_os = "linux")]
mod a_full_disk_loses_nothing_and_freeing_space_is_enough;
mod a_killed_process_loses_no_acknowledged_batch;
#[cfg(unix)]
mod a_moved_directory_takes_no_write;
#[cfg(target_os = "linux")]
mod a_process_without_descriptors_stays_writable;
#[cfg(target_os = "linux")]
mod a_reader_works_beside_another_process;
mod a_second_open_is_locked;
#[cfg(target_os = "linux")]
mod every_system_call_may_fail_or_be_killed;
