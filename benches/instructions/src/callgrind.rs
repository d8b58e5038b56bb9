//! Counts of instructions by callgrind, a tool of valgrind.

use std::process::Command;

/// Functions whose instructions are counted: the measured call of `main.rs`, whatever the names of its crate become.
const MEASURED: &str = "*measured_hot_path*";

/// Line of callgrind's report before the counts of the events; the first one is that of instructions.
const REPORT: &str = "Collected :";

/// Maximum number of runs of a path. Where a path allocates or has threads beside it, counts differ by up to 5 %.
const RUNS: usize = 3;

/// Returns the least count of several runs of a path. Stops at the first count that suffices.
pub(crate) fn least_count(path: &str, suffices: impl Fn(u64) -> bool) -> Result<u64, String> {
    let mut least = count(path)?;
    for _ in 1..RUNS {
        if suffices(least) {
            break;
        }
        least = least.min(count(path)?);
    }
    Ok(least)
}

/// Returns the number of instructions of one run of a path, in a process of its own.
fn count(path: &str) -> Result<u64, String> {
    let valgrind = std::env::var_os("VALGRIND").unwrap_or_else(|| "valgrind".into());
    let this = std::env::current_exe().map_err(|error| format!("this program has no path: {error}"))?;
    let output = Command::new(&valgrind)
        .arg("--tool=callgrind")
        .arg("--callgrind-out-file=/dev/null")
        .arg(format!("--toggle-collect={MEASURED}"))
        .arg(this)
        .args(["run", path])
        .output()
        .map_err(|error| format!("{} does not start: {error}", valgrind.display()))?;
    let report = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("{path} fails under valgrind:\n{report}"));
    }
    match counted_instructions(&report) {
        Some(count) if count > 0 => Ok(count),
        _ => Err(format!("callgrind counted no instruction of {path}:\n{report}")),
    }
}

/// Returns the count of a report: the first number behind `Collected :`.
fn counted_instructions(report: &str) -> Option<u64> {
    let (_, rest) = report.lines().find_map(|line| line.split_once(REPORT))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_the_first_number_of_the_report() {
        let report = "==7== Events    : Ir\n==7== Collected : 812345\n==7== \n==7== I   refs:      812,345\n";
        assert_eq!(counted_instructions(report), Some(812_345));
        assert_eq!(counted_instructions("==7== no report"), None);
    }
}
