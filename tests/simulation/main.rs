//! The engine in a simulated world: a disk whose every operation is known, a clock that the test moves, one thread whose
//! turns a seed chooses. What a power loss, a kill or a failing disk may leave is enumerated, and opened again.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod batches;
#[path = "../common/mod.rs"]
mod common;
mod crash;
mod fleeting;
mod hardships;
mod history;
mod oracle;
mod retention;
mod scenarios;
mod world;

mod a_crash_after_any_operation_loses_nothing_acknowledged;
mod any_call_may_fail_and_then_the_power;
mod any_history_with_faults_keeps_what_was_acknowledged;
mod bugs_that_were_found_here_stay_mended;
mod every_flipped_bit_and_every_cut_is_noticed;
mod every_missing_or_late_sync_is_noticed;
mod the_same_seed_gives_the_same_run;
mod what_no_answer_promised_is_kept_too;
