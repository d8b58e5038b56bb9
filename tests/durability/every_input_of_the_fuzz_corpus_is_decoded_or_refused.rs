//! Runs the committed corpus of fuzz/, and every input that once broke a promise, through the entry points that the
//! fuzzer uses. The CSV reader belongs to the tool: its corpus runs in crates/cli. Those of the targets `ingest_*` run in
//! crates/ingest.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use timestrata::testing::ENTRY_POINTS;

/// Upper bound of the time per input. It is generous: the fuzzer uses the same limit in a build that is ten times as
/// fast.
const MOST_TIME: Duration = Duration::from_secs(20);

/// Returns the inputs of one target, by name.
fn inputs(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let folders = [fuzz.join("corpus").join(target), fuzz.join("regressions").join(target)];
    let entries = folders.iter().filter(|folder| folder.is_dir()).flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let mut inputs: Vec<_> =
        entries.map(|entry| entry.unwrap().path()).map(|path| (path.clone(), std::fs::read(path).unwrap())).collect();
    inputs.sort();
    inputs
}

#[test]
fn every_input_of_the_fuzz_corpus_is_decoded_or_refused() {
    let (mut count, mut bytes) = (0, 0);
    for (target, door) in ENTRY_POINTS {
        let inputs = inputs(target);
        assert!(!inputs.is_empty(), "no corpus for {target}");
        for (path, input) in &inputs {
            let began = Instant::now();
            let outcome = std::panic::catch_unwind(|| door(input));
            assert!(outcome.is_ok(), "{} breaks a promise of {target}", path.display());
            assert!(began.elapsed() < MOST_TIME, "{} takes {:?}", path.display(), began.elapsed());
            bytes += input.len();
        }
        count += inputs.len();
    }
    println!("{count} inputs of {bytes} bytes through {} doors", ENTRY_POINTS.len());
}

/// Without this test, a corpus without an entry point, or an entry point without a fuzz target, would be skipped
/// unnoticed.
#[test]
fn every_entry_point_has_a_fuzz_target_and_every_corpus_an_entry_point() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let names = |folder: &str| -> Vec<String> {
        let entries = std::fs::read_dir(fuzz.join(folder)).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect();
        // The corpora of these targets are run by the tests of their crates.
        names.retain(|name| !name.starts_with("ingest_") && !name.starts_with("promql_"));
        names.sort_unstable();
        names
    };
    let mut doors: Vec<String> =
        ENTRY_POINTS.iter().map(|(name, _)| (*name).to_owned()).chain(["csv".to_owned()]).collect();
    doors.sort_unstable();
    assert_eq!(names("fuzz_targets"), doors);
    assert_eq!(names("corpus"), doors);
    assert!(names("regressions").iter().all(|name| doors.contains(name)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Runs without a fuzzer: changes a few bytes of a corpus input, or replaces all of them.
    #[test]
    fn changed_inputs_are_decoded_or_refused(
        door in 0..ENTRY_POINTS.len(),
        pick: prop::sample::Index,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut: prop::sample::Index,
        fresh in prop::option::of(prop::collection::vec(any::<u8>(), 0..200)),
    ) {
        let (target, door) = ENTRY_POINTS[door];
        let corpus = inputs(target);
        let mut input = fresh.unwrap_or_else(|| corpus[pick.index(corpus.len())].1.clone());
        for (at, byte) in changes {
            if !input.is_empty() {
                let at = at.index(input.len());
                input[at] = byte;
            }
        }
        door(&input);
        door(&input[..cut.index(input.len() + 1)]);
    }
}
