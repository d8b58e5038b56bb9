//! Runs the committed corpus of the fuzz target `csv`, and every file that once broke a promise, through the entry
//! point of that target.

use std::path::Path;

use timestrata_cli::testing::csv;

#[test]
fn every_csv_of_the_fuzz_corpus_is_read_or_refused() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let (mut count, mut bytes) = (0, 0);
    for folder in [fuzz.join("corpus/csv"), fuzz.join("regressions/csv")] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let input = std::fs::read(&path).unwrap();
            let outcome = std::panic::catch_unwind(|| csv(&input));
            assert!(outcome.is_ok(), "{} breaks a promise of `ingest`", path.display());
            (count, bytes) = (count + 1, bytes + input.len());
        }
    }
    assert!(count > 0, "no corpus");
    println!("{count} files of {bytes} bytes");
}
