//! Plants one bug at a time in the production files and demands that the named model fails with the named message.
//! A model that lets its mutant live proves nothing. Run it with `cargo run -p loom-tests --bin mutants`.

use std::process::{Command, ExitCode};

/// A planted bug and what must catch it.
struct Mutant {
    feature: &'static str,
    /// The test in tests/models.rs that must fail.
    test: &'static str,
    /// A part of the message that it must fail with.
    message: &'static str,
}

const MUTANTS: [Mutant; 4] = [
    Mutant {
        feature: "mutant_swap_after_copy",
        test: "flush_shows_each_point_exactly_once",
        message: "each point exactly once over active, frozen, SSTs",
    },
    Mutant {
        feature: "mutant_two_store_publish",
        test: "flush_shows_each_point_exactly_once",
        message: "each point exactly once over active, frozen, SSTs",
    },
    Mutant {
        feature: "mutant_publish_before_last_cell",
        test: "publish_shows_exact_prefixes_and_whatever_is_acknowledged",
        message: "a snapshot is an exact prefix of the order",
    },
    Mutant {
        feature: "mutant_ack_before_fsync",
        test: "publish_shows_exact_prefixes_and_whatever_is_acknowledged",
        message: "acked is durable",
    },
];

fn main() -> ExitCode {
    let mut alive = 0;
    let mut latest_kill = 0;
    for mutant in &MUTANTS {
        match kill(mutant) {
            Ok(execution) => {
                latest_kill = latest_kill.max(execution);
                println!("{}: killed by {} at execution {execution}", mutant.feature, mutant.test);
            }
            Err(why) => {
                alive += 1;
                println!("{}: ALIVE: {why}", mutant.feature);
            }
        }
    }
    println!("{} of {} mutants killed", MUTANTS.len() - alive, MUTANTS.len());
    if latest_kill <= 1 {
        println!("every kill came at execution 1: the models are only unit tests");
        return ExitCode::FAILURE;
    }
    if alive == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The number of the execution that killed, or why the mutant lives.
fn kill(mutant: &Mutant) -> Result<u64, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let output = Command::new(cargo)
        // A directory of its own: the features would push the plain build out of the usual one.
        .args(["test", "--quiet", "--manifest-path", manifest, "--target-dir", "target/mutants"])
        .args(["--features", mutant.feature, "--test", "models", "--", "--exact", mutant.test, "--nocapture"])
        .env("RUST_BACKTRACE", "0")
        .output()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.success() {
        return Err(format!("{} passes with it", mutant.test));
    }
    if !text.contains(mutant.message) {
        return Err(format!("{} fails without saying {:?}:\n{text}", mutant.test, mutant.message));
    }
    let execution = text.split("failed at execution ").nth(1).and_then(|rest| rest.split_whitespace().next());
    execution.and_then(|number| number.parse().ok()).ok_or_else(|| format!("no execution named:\n{text}"))
}
