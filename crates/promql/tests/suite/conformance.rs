//! Conformance with Prometheus, counted.

use crate::files::suite_files;
use crate::runner::{Counts, run_file};
use crate::store::Layout;

const LAYOUTS: [Layout; 2] = [Layout::Memtable, Layout::Flushed];

#[test]
fn the_suite_of_prometheus_passes() {
    let Some(files) = suite_files() else { return };
    let mut total = Counts::default();
    println!("{:<28} {:>6} {:>6} {:>6} {:>6}", "file", "passed", "exempt", "passed", "failed");
    for (name, text) in &files {
        let counts = run_file(text, &LAYOUTS);
        let (passed, exempt, exempt_passed) = (counts.passed, counts.exempt, counts.exempt_passed);
        println!("{name:<28} {passed:>6} {exempt:>6} {exempt_passed:>6} {:>6}", counts.failed.len());
        for (line, reason) in &counts.failed {
            println!("    {name}:{line}: {reason:.300}");
        }
        total.passed += passed;
        total.exempt += exempt;
        total.exempt_passed += exempt_passed;
        total.failed.extend(counts.failed);
    }
    let (passed, exempt, exempt_passed) = (total.passed, total.exempt, total.exempt_passed);
    println!("{:<28} {passed:>6} {exempt:>6} {exempt_passed:>6} {:>6}", "total", total.failed.len());
    assert_eq!(total.failed.len(), 0);
}
