//! Conformance with Prometheus, counted.

use crate::files::{own_files, suite_files};
use crate::runner::{Counts, run_file};
use crate::store::Layout;

/// Runs files, prints a table of their outcomes, and returns the sum.
fn run(files: &[(String, String)]) -> Counts {
    let mut total = Counts::default();
    println!("{:<28} {:>6} {:>6} {:>8} {:>6}", "file", "passed", "exempt", "(passed)", "failed");
    let print = |name: &str, counts: &Counts| {
        let Counts { passed, exempt, exempt_passed, failed } = counts;
        println!("{name:<28} {passed:>6} {exempt:>6} {exempt_passed:>8} {:>6}", failed.len());
    };
    for (name, text) in files {
        let counts = run_file(text, &Layout::ALL);
        print(name, &counts);
        for (line, reason) in &counts.failed {
            println!("    {name}:{line}: {reason:.300}");
        }
        total.passed += counts.passed;
        total.exempt += counts.exempt;
        total.exempt_passed += counts.exempt_passed;
        total.failed.extend(counts.failed);
    }
    print("total", &total);
    total
}

#[test]
fn the_suite_of_prometheus_passes() {
    let Some(files) = suite_files() else { return };
    let total = run(&files);
    assert_eq!((total.passed, total.exempt, total.failed.len()), (1_272, 942, 0));
}

#[test]
fn the_own_cases_pass() {
    let total = run(&own_files());
    assert_eq!((total.passed, total.exempt, total.failed.len()), (69, 0, 0));
}
