//! Seeded histories of about 2,000 steps: writes of several clients, cancelled writes, faults, kills, power losses. The
//! test prints the seed. It shrinks a failing history and keeps it as a file under tests/regressions/, which every
//! later run tries. `TIMESTRATA_SEEDS` sets the number of seeds, `TIMESTRATA_FIRST_SEED` the first one.

use std::path::{Path, PathBuf};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::history::{Ran, Step, run, step};

const SEEDS: u64 = 500;
/// Two thousand on average.
const STEPS: std::ops::RangeInclusive<usize> = 1..=4_000;

fn asked(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

fn runner(seed: u64) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

fn regressions() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/regressions")
}

/// Returns the smallest history found that still fails, and its failure.
fn shrink(seed: u64, mut tree: impl ValueTree<Value = Vec<Step>>, mut what: String) -> (Vec<Step>, String) {
    let mut least = tree.current();
    // Each try runs a whole history: a few thousand tries take seconds.
    for _ in 0..5_000 {
        match run(seed, &tree.current()) {
            Err(found) => {
                (least, what) = (tree.current(), found);
                if !tree.simplify() {
                    break;
                }
            }
            Ok(_) if !tree.complicate() => break,
            Ok(_) => {}
        }
    }
    (least, what)
}

fn history(seed: u64) -> Result<Ran, String> {
    let tree = proptest::collection::vec(step(), STEPS).new_tree(&mut runner(seed)).expect("nothing is rejected");
    let steps = tree.current();
    run(seed, &steps).map_err(|what| {
        // Shown at once: to shrink a history may take long.
        println!("seed {seed} fails: {what}");
        let (steps, what) = if asked("TIMESTRATA_SHRINK", 1) == 0 { (steps, what) } else { shrink(seed, tree, what) };
        let file = regressions().join(format!("seed-{seed}.json"));
        let text = serde_json::to_string_pretty(&(seed, &steps)).expect("steps are plain data");
        let kept = std::fs::create_dir_all(regressions()).and_then(|()| std::fs::write(&file, text));
        format!("seed {seed}: {what}; {} steps are left, kept: {kept:?} in {}", steps.len(), file.display())
    })
}

/// Runs every other seed, so that two threads share the seeds.
fn histories(parity: u64) {
    let started = std::time::Instant::now();
    let first = asked("TIMESTRATA_FIRST_SEED", 1);
    let (mut all, mut seeds) = (Ran::default(), 0);
    let mut failed = Vec::new();
    for seed in (first..first + asked("TIMESTRATA_SEEDS", SEEDS)).filter(|seed| seed % 2 == parity) {
        match history(seed) {
            Ok(ran) => all.add(ran),
            Err(what) => {
                println!("{what}");
                failed.push(seed);
            }
        }
        seeds += 1;
    }
    let took = started.elapsed().as_secs_f64();
    let Ran { steps, openings, planted, struck, intervals_over, cutoffs_moved, read_beside, .. } = all;
    println!("{seeds} seeds from {first} on, {steps} steps, {openings} openings, {took:.1} s");
    println!("  {planted} faults planted singly, {struck} struck in all; {intervals_over} batches' intervals ended");
    println!("  retention hid more {cutoffs_moved} times, readers answered {read_beside} times");
    assert!(failed.is_empty(), "seeds {failed:?}");
    assert!(steps > 1_000 * seeds && openings > 10 * seeds, "{steps} steps and {openings} openings show little");
    assert!(struck > 10 * seeds && intervals_over > 10 * seeds, "{struck} faults and {intervals_over} intervals");
    assert!(cutoffs_moved > seeds, "{cutoffs_moved} moves of cutoffs");
    assert!(read_beside > 10 * seeds, "{read_beside} answers of readers");
}

#[test]
fn even_seeds() {
    histories(0);
}

#[test]
fn odd_seeds() {
    histories(1);
}

#[test]
fn what_failed_once() {
    let files: Vec<_> = std::fs::read_dir(regressions()).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(!files.is_empty(), "no history is left");
    for file in files {
        let (seed, steps): (u64, Vec<Step>) = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        run(seed, &steps).unwrap_or_else(|what| panic!("{}: {what}", file.display()));
    }
}

#[test]
fn the_same_seed_is_the_same_history() {
    for seed in 1..4 {
        assert_eq!(history(seed), history(seed));
    }
}
