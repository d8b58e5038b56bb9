//! `timestrata serve` as a process: killed, stopped, on a full disk, under many connections.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod clients;
mod process;
#[path = "../../../server/tests/support/remote_write_messages.rs"]
mod remote_write_messages;

mod a_full_disk_is_answered_with_503;
mod a_kill_loses_nothing_that_was_acknowledged;
mod a_second_signal_ends_the_server_at_once;
mod many_connections_stay_within_the_memory_budget;
mod no_secret_is_logged;
mod the_configuration_is_checked;
