//! Plants one bug at a time in the production files and demands that the named model fails with the named message.
//! A model that lets its mutant live proves nothing. Run it with `cargo run -p loom-tests --bin mutants`; names of
//! mutants behind `--` run those alone.

use std::collections::BTreeMap;
use std::process::{Command, ExitCode};

/// A planted bug and what must catch it.
struct Mutant {
    feature: &'static str,
    model: &'static Model,
    /// A part of the message that the model must fail with.
    message: &'static str,
}

/// A model as its test in tests/models.rs names it, and as it names itself.
struct Model {
    name: &'static str,
    test: &'static str,
}

const PUBLISH: Model = Model { name: "publish", test: "publish_shows_exact_prefixes_and_whatever_is_acknowledged" };
const COLUMNS: Model = Model { name: "columns", test: "columns_show_whole_batches_while_chunks_are_linked" };
const FLUSH: Model = Model { name: "flush", test: "flush_shows_each_point_exactly_once" };
const CRASH: Model = Model { name: "crash", test: "a_crash_loses_and_doubles_nothing_that_was_acknowledged" };
const FLUSH_FAILS: Model = Model { name: "flush_fails", test: "a_failed_flush_is_heard_of_and_tried_again" };
const SHUTDOWN: Model = Model { name: "shutdown", test: "a_close_answers_everyone_whatever_the_flush_does" };
const RELEASE: Model = Model { name: "release", test: "the_last_handle_gone_syncs_what_was_acknowledged" };
const BACKPRESSURE: Model = Model { name: "backpressure", test: "parked_writes_go_through_in_order" };
const COMPACTION: Model = Model { name: "compaction", test: "a_compaction_replaces_its_inputs_and_nothing_else" };
const DELETE: Model = Model { name: "delete", test: "a_delete_hides_what_came_before_it_and_nothing_else" };
const DELETE_IN_COMPACTION: Model =
    Model { name: "delete_in_compaction", test: "a_delete_in_a_compaction_outlives_its_outputs" };
const CENSUS: Model = Model { name: "census", test: "a_series_is_listed_as_long_as_it_has_a_point" };
const PINS: Model = Model { name: "pins", test: "a_file_stays_while_someone_reads_it_and_goes_then" };

/// What loom says when every thread waits.
const DEADLOCK: &str = "deadlock; threads = ";
const EXACTLY_ONCE: &str = "each point exactly once over active, frozen, SSTs";
const HIDDEN_EXACTLY: &str = "what came before a delete is hidden, what comes after it visible, nothing else touched";
const DELETES_RECOVERED: &str = "what is recovered is a prefix of the order with every acknowledged delete";
const NAMED_ALONE: &str = "the disk keeps the named SSTs and no other";

const fn mutant(feature: &'static str, model: &'static Model, message: &'static str) -> Mutant {
    Mutant { feature, model, message }
}

#[rustfmt::skip]
const MUTANTS: &[Mutant] = &[
    mutant("mutant_publish_before_last_cell", &PUBLISH, "a snapshot is an exact prefix of the order"),
    mutant("mutant_ack_before_fsync", &PUBLISH, "acked is durable"),
    mutant("mutant_unpublished_cells_are_read", &COLUMNS, "a reader sees whole batches only, values intact"),
    mutant("mutant_swap_after_copy", &FLUSH, EXACTLY_ONCE),
    mutant("mutant_two_store_publish", &FLUSH, EXACTLY_ONCE),
    mutant("mutant_wal_cut_before_manifest_edit", &CRASH, "every acknowledged batch is recovered"),
    mutant("mutant_wal_cut_to_newest_segment", &CRASH, "recovery refuses what a crash left"),
    mutant("mutant_replay_ignores_flushed_seq", &CRASH, "no batch is recovered twice"),
    mutant("mutant_failed_flush_is_forgotten", &FLUSH_FAILS, EXACTLY_ONCE),
    mutant("mutant_failed_flush_is_never_retried", &FLUSH_FAILS, DEADLOCK),
    mutant("mutant_retry_starts_a_second_flush", &FLUSH_FAILS, "nothing is flushed twice"),
    mutant("mutant_close_waits_for_no_flush", &SHUTDOWN, "a close that is Ok flushed everything"),
    mutant("mutant_close_waits_for_a_failed_flush", &SHUTDOWN, DEADLOCK),
    mutant("mutant_close_tries_no_failed_flush_again", &SHUTDOWN, "a close tries a failed flush once more"),
    mutant("mutant_inbox_goes_before_the_end_is_told", &SHUTDOWN, "whoever gets no answer can see why"),
    mutant("mutant_release_does_not_sync", &RELEASE, "every acknowledged batch is recovered"),
    mutant("mutant_release_drops_what_waits", &RELEASE, "every request is answered"),
    mutant("mutant_reports_wait_behind_commands", &BACKPRESSURE, DEADLOCK),
    mutant("mutant_third_memtable_is_frozen", &BACKPRESSURE, "no third memtable is frozen"),
    mutant("mutant_permit_outlives_the_answer", &BACKPRESSURE, "whoever has its answer finds the memory free"),
    mutant("mutant_compaction_replaces_all_ssts", &COMPACTION, EXACTLY_ONCE),
    mutant("mutant_compaction_takes_flushed_seq_back", &COMPACTION, "flushed_seq goes back"),
    mutant("mutant_two_store_compaction", &COMPACTION, EXACTLY_ONCE),
    mutant("mutant_inputs_go_before_the_edit", &COMPACTION, "recovery refuses what a crash left"),
    mutant("mutant_stale_plan_is_installed", &COMPACTION, EXACTLY_ONCE),
    mutant("mutant_given_up_outputs_stay", &COMPACTION, NAMED_ALONE),
    mutant("mutant_tombstone_spares_what_is_in_flight", &DELETE, HIDDEN_EXACTLY),
    mutant("mutant_two_store_delete", &DELETE, HIDDEN_EXACTLY),
    mutant("mutant_delete_is_not_in_the_wal", &DELETE, DELETES_RECOVERED),
    mutant("mutant_tombstone_goes_with_its_segment", &DELETE, DELETES_RECOVERED),
    mutant("mutant_tombstone_hides_what_comes_later", &DELETE_IN_COMPACTION, HIDDEN_EXACTLY),
    mutant("mutant_output_takes_the_seq_of_its_install", &DELETE_IN_COMPACTION, HIDDEN_EXACTLY),
    mutant("mutant_merge_carries_out_what_is_not_durable", &DELETE_IN_COMPACTION, DELETES_RECOVERED),
    mutant("mutant_input_is_removed_at_install", &PINS, "a file is on the disk while someone reads it"),
    mutant("mutant_retired_files_are_forgotten", &PINS, NAMED_ALONE),
    mutant("mutant_compactor_keeps_its_plan", &PINS, NAMED_ALONE),
    mutant("mutant_census_ignores_what_came_since", &CENSUS, "whoever has a point is listed"),
];

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |mutant: &&Mutant| wanted.is_empty() || wanted.iter().any(|name| name == mutant.feature);
    let (mut alive, mut killed) = (0, 0);
    // The latest kill of each model.
    let mut kills: BTreeMap<&str, u64> = BTreeMap::new();
    for mutant in MUTANTS.iter().filter(wanted) {
        let latest = kills.entry(mutant.model.name).or_default();
        match kill(mutant) {
            Ok(execution) => {
                killed += 1;
                *latest = execution.max(*latest);
                println!("{}: killed by {} at execution {execution}", mutant.feature, mutant.model.name);
            }
            Err(why) => {
                alive += 1;
                println!("{}: ALIVE: {why}", mutant.feature);
            }
        }
    }
    let declared = include_str!("../../Cargo.toml").lines().filter_map(|line| line.strip_suffix(" = []"));
    for feature in declared.filter(|feature| MUTANTS.iter().all(|mutant| mutant.feature != *feature)) {
        alive += 1;
        println!("{feature}: ALIVE: no model is named for it");
    }
    println!("{killed} of {} mutants killed", alive + killed);
    let all_ran = alive + killed >= MUTANTS.len();
    let unit_tests: Vec<&str> =
        kills.iter().filter(|(_, latest)| all_ran && **latest <= 1).map(|(model, _)| *model).collect();
    for model in &unit_tests {
        println!("{model}: no kill came after execution 1, so it is only a unit test");
    }
    if alive == 0 && killed > 0 && unit_tests.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The number of the execution that killed, or why the mutant lives.
fn kill(mutant: &Mutant) -> Result<u64, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let name = mutant.model.test;
    let output = Command::new(cargo)
        // A directory of its own: the features would push the plain build out of the usual one.
        .args(["test", "--quiet", "--manifest-path", manifest, "--target-dir", "target/mutants"])
        // Kills come early, so the build's time counts and not the run's: 3 s instead of 20 s for each mutant.
        .args(["--config", "profile.dev.package.loom-tests.opt-level=0", "--config", "profile.dev.debug=0"])
        .args(["--features", mutant.feature, "--test", "models", "--", "--exact", name, "--nocapture"])
        .env("RUST_BACKTRACE", "0")
        // A mutant that a warning gives away is none that anyone would write.
        .env("RUSTFLAGS", "-D warnings")
        .output()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.success() {
        return Err(format!("{name} passes with it"));
    }
    if !text.contains(mutant.message) {
        return Err(format!("{name} fails without saying {:?}:\n{text}", mutant.message));
    }
    let failed = format!("model {} failed at execution ", mutant.model.name);
    let execution = text.split(&failed).nth(1).and_then(|rest| rest.split_whitespace().next());
    execution.and_then(|number| number.parse().ok()).ok_or_else(|| format!("no execution named:\n{text}"))
}
