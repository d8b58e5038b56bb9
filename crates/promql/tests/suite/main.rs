//! The conformance suite: files in the test language of Prometheus (`promqltest`).
//!
//! `TIMESTRATA_SHARED` names the folder that holds `suites/promqltest/*.test`. Without it the tests that need these
//! files say so and are skipped.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod answers;
mod compare;
mod conformance;
mod files;
mod files_of_the_suite_parse;
#[allow(dead_code, reason = "fields of the test language that only the runner of the suite reads")]
mod language;
mod limits;
mod memory;
mod properties;
mod runner;
mod runtime;
mod sharing;
mod store;
mod summaries;
