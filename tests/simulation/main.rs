//! The engine in a simulated world: a disk that records every operation, a clock that the test moves, and one thread
//! whose schedule follows from a seed. The tests enumerate the states that a power loss, a kill or a failing disk may
//! leave, and open them again.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod batches;
mod beside;
mod crash;
mod fleeting;
mod hardships;
mod history;
mod metadata;
mod oracle;
mod retention;
mod scenarios;
mod world;

mod a_crash_after_any_operation_loses_nothing_acknowledged;
mod a_full_disk_never_makes_it_read_only;
mod a_reader_shows_only_what_no_crash_takes_back;
mod a_wrong_clock_takes_nothing_away;
mod any_call_may_fail_and_then_the_power;
mod any_history_of_wrong_clocks_hides_what_is_old;
mod any_history_with_faults_keeps_what_was_acknowledged;
mod definitions_leave_memory_under_retention;
mod every_flipped_bit_and_every_cut_is_noticed;
mod every_missing_or_late_sync_is_noticed;
mod fixed_bugs_stay_fixed;
mod promises_due_after_the_answer_are_kept;
mod the_same_seed_gives_the_same_run;
