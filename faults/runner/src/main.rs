//! Checks that each fault in faults/ is caught by the test that its file names: copies the repository, applies all
//! patches, builds the tests once, and runs them with every switch off and then with one on. faults/README.md describes
//! the checks and the format of the patches.

mod fault;
mod patch;
mod suite;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Instant;

use self::fault::{Fault, Faults, Test};
use self::suite::{Outcome, Suite};

/// The root of the repository.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

const USAGE: &str = "usage: fault-runner [--list | --build] [FAULT...]
  --list   prints the faults and what must catch them
  --build  applies the patches and builds, and runs nothing";

/// Module of the simulation tests that omit or delay one sync after the other, on the simulated disk.
const SYNCS: &str = "every_missing_or_late_sync_is_noticed";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            println!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let (options, names): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let (mut list, mut only_build) = (false, false);
    for option in options {
        match option.as_str() {
            "--list" => list = true,
            "--build" => only_build = true,
            _ => return Err(USAGE.to_owned()),
        }
    }
    let root = Path::new(ROOT);
    let faults = Faults::read(&root.join("faults"))?;
    if let Some(unknown) = names.iter().find(|name| faults.all.iter().all(|fault| fault.name != **name)) {
        return Err(format!("there is no fault {unknown}"));
    }
    let chosen = |fault: &&Fault| names.is_empty() || names.contains(&fault.name);
    let chosen: Vec<&Fault> = faults.all.iter().filter(chosen).collect();
    if list {
        for Fault { name, what, test, .. } in chosen {
            println!("{name}\n    {what}\n    {test}");
        }
        return Ok(());
    }
    let started = Instant::now();
    let folder = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let folder = std::path::absolute(folder).map_err(|error| error.to_string())?.join("faults");
    let copy = folder.join("tree");
    tree::update(root, &copy, &faults)?;
    let tests: BTreeSet<&Test> = chosen.iter().map(|fault| &fault.test).collect();
    let suite = Suite::build(&copy, &folder.join("build"), &tests)?;
    if only_build {
        return Ok(());
    }
    let all = names.is_empty();
    let mut failures = without_a_fault(&suite, &tests);
    failures += std::thread::scope(|scope| {
        // Runs beside the faults, since it takes about as long as all of them together.
        let syncs = all.then(|| scope.spawn(|| run_syncs(&suite)));
        let failures = with_each(&suite, &chosen, all);
        failures + syncs.map_or(0, |syncs| syncs.join().map_or(1, |outcome| show_syncs(&outcome)))
    });
    let seconds = started.elapsed().as_secs_f64();
    if failures > 0 {
        return Err(format!("{failures} failures, {} faults, {seconds:.0} s", chosen.len()));
    }
    let models = chosen.iter().filter(|fault| fault.test.model.is_some()).count();
    println!("caught: {models} faults by models, {} by tests, {seconds:.0} s", chosen.len() - models);
    Ok(())
}

/// Runs the jobs, on as many threads as there are processors. Calls `done` with each result when it arrives.
fn run_all<J: Sync, R: Send>(jobs: &[J], run: impl Fn(&J) -> R + Sync, mut done: impl FnMut(&J, R)) {
    let (next, (sender, receiver)) = (AtomicUsize::new(0), mpsc::channel());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            let (sender, next, run) = (sender.clone(), &next, &run);
            scope.spawn(move || {
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if sender.send((job, run(job))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        for (job, result) in receiver {
            done(job, result);
        }
    });
}

/// Runs the tests with every switch off, and returns the number of failures.
///
/// A test that fails without a fault proves nothing if it fails with one.
fn without_a_fault(suite: &Suite, tests: &BTreeSet<&Test>) -> usize {
    let tests: Vec<&Test> = tests.iter().copied().collect();
    let (started, mut failures) = (Instant::now(), 0);
    let run = |test: &&Test| suite.run(test, None);
    run_all(&tests, run, |test, outcome| {
        if !outcome.passed {
            failures += 1;
            println!("FAILS with every switch off: {test}\n{}", outcome.text);
        }
    });
    println!("{} tests with every switch off: {failures} fail, {:.0} s", tests.len(), started.elapsed().as_secs_f64());
    failures
}

/// Runs the test of each fault with the switch of the fault on, and returns the number of failures.
///
/// Each test must fail with the message of its fault. If `faults` are all faults, each model must also catch a fault
/// after execution 1.
fn with_each(suite: &Suite, faults: &[&Fault], all: bool) -> usize {
    let mut failures = 0;
    // Greatest number of a failed execution, per model.
    let mut latest: BTreeMap<&str, u64> = BTreeMap::new();
    let run = |fault: &&Fault| catch(suite, fault);
    run_all(faults, run, |fault, caught| match caught {
        Ok(Caught { execution, seconds, said }) => {
            let execution_of = |number| format!(" at execution {number}");
            let at = execution.map(execution_of).unwrap_or_default();
            println!("{}: caught by {}{at}, {seconds:.1} s\n    {said}", fault.name, fault.test);
            if let (Some(model), Some(execution)) = (&fault.test.model, execution) {
                let latest = latest.entry(model).or_default();
                *latest = execution.max(*latest);
            }
        }
        Err(why) => {
            failures += 1;
            println!("{}: NOT CAUGHT: {why}", fault.name);
        }
    });
    if all {
        // A model that catches faults in execution 1 only shows no more than a unit test.
        for (model, _) in latest.iter().filter(|(_, latest)| **latest <= 1) {
            failures += 1;
            println!("model {model}: no fault was caught after execution 1");
        }
    }
    failures
}

/// Result of a test that caught its fault.
#[derive(Debug)]
struct Caught {
    /// Number of the failed execution; `None` if the test is no model.
    execution: Option<u64>,
    seconds: f64,
    /// Line of the output with the message, shortened.
    said: String,
}

/// Runs the test of a fault with the switch on.
///
/// # Errors
/// If the test passes, its output lacks the message, or a model reports no execution.
fn catch(suite: &Suite, fault: &Fault) -> Result<Caught, String> {
    let Outcome { passed, text, seconds } = suite.run(&fault.test, Some(&fault.name));
    if passed {
        return Err(format!("{} passes", fault.test));
    }
    let said = text.lines().find(|line| line.contains(&fault.message));
    let said = said.ok_or_else(|| format!("{} fails without saying {:?}:\n{text}", fault.test, fault.message))?;
    let execution = match &fault.test.model {
        None => None,
        Some(model) => Some(execution(&text, model).ok_or_else(|| format!("no execution is named:\n{text}"))?),
    };
    Ok(Caught { execution, seconds, said: shortened(said, &fault.message) })
}

/// Returns the number of the failed execution in the report of a model; `None` without a report.
fn execution(text: &str, model: &str) -> Option<u64> {
    let report = format!("model {model} failed at execution ");
    text.split(&report).nth(1)?.split_whitespace().next()?.parse().ok()
}

/// Shortens a line to 170 characters. Drops the counters at its end, and as much of its beginning as is needed to keep
/// `words`.
fn shortened(line: &str, words: &str) -> String {
    const MOST: usize = 170;
    let line = line.trim().split("; Counts {").next().unwrap_or(line);
    let until = line.find(words).map_or(line.len(), |at| at + words.len());
    let skipped = line[..until].chars().count().saturating_sub(MOST);
    let shown: String = line.chars().skip(skipped).take(MOST).collect();
    format!("{}{shown}", if skipped > 0 { "..." } else { "" })
}

/// Runs the tests that omit or delay single syncs.
fn run_syncs(suite: &Suite) -> Outcome {
    let test = Test { binary: "simulation".to_owned(), path: SYNCS.to_owned(), model: None };
    suite.run_matching(&test, &[SYNCS], None)
}

/// Prints how each omitted or delayed sync was caught. Returns the number of failures: 1 if the tests fail, else 0.
fn show_syncs(outcome: &Outcome) -> usize {
    let Outcome { passed, text, seconds } = outcome;
    let mut lines: Vec<_> = text.lines().filter(|line| line.contains(": caught after")).collect();
    lines.sort_unstable();
    println!("{} syncs left out or delayed, {seconds:.1} s:", lines.len());
    for line in lines {
        println!("    {}", shortened(line, ": caught after"));
    }
    if *passed {
        return 0;
    }
    println!("NOT CAUGHT:\n{text}");
    1
}

impl std::fmt::Display for Test {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.model {
            Some(model) => write!(f, "model {model} ({}::{})", self.binary, self.path),
            None => write!(f, "{}::{}", self.binary, self.path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_failed_execution_is_read_from_the_report() {
        let text = "a\nmodel flush failed at execution 12 .\nb";
        assert_eq!(execution(text, "flush"), Some(12));
        assert_eq!(execution(text, "flush_fails"), None);
    }

    #[test]
    fn a_long_line_is_cut_around_the_words() {
        assert_eq!(shortened("  short words; Counts { a: 1 }", "words"), "short words");
        let long = "x".repeat(300) + "words" + &"y".repeat(300);
        let cut = shortened(&long, "words");
        assert!(cut.starts_with("...x") && cut.ends_with("words"), "{cut}");
    }

    #[test]
    fn every_job_is_done_once() {
        let jobs: Vec<u32> = (0..50).collect();
        let mut results = Vec::new();
        run_all(&jobs, |job| job * 2, |job, result| results.push((*job, result)));
        results.sort_unstable();
        assert_eq!(results, jobs.iter().map(|job| (*job, job * 2)).collect::<Vec<_>>());
    }
}
