//! Turns on one planted bug at a time and demands that the named test of the suite fails with the named words, where
//! without the bug it passes. A bug that nothing catches is a missing test. Run it with `cargo run -p planted`; names of
//! bugs behind `--` run those alone.

mod run;
mod table;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Instant;

use self::run::{Outcome, Suite};
use self::table::{ELSEWHERE, FAULTS_OF_THE_DISK, PLANTED, Planted, SIMULATION};

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let planted: Vec<&Planted> =
        PLANTED.iter().filter(|planted| wanted.is_empty() || wanted.iter().any(|name| name == planted.bug)).collect();
    let suite = match Suite::build() {
        Ok(suite) => suite,
        Err(why) => {
            println!("{why}");
            return ExitCode::FAILURE;
        }
    };
    let started = Instant::now();
    let mut alive = without_a_bug(&suite, &planted);
    println!("{:>3}  {:34} {:>7}  caught by (and below it, what it said)", "row", "bug", "seconds");
    for planted in &planted {
        let Planted { row, bug, binary, test, .. } = planted;
        let (seconds, said) = kill(&suite, planted).unwrap_or_else(|why| {
            alive += 1;
            (0.0, format!("ALIVE: {why}"))
        });
        println!("{row:>3}  {bug:34} {seconds:>7.2}  {binary}::{test}\n     {said}");
    }
    if wanted.is_empty() {
        alive += faults_of_the_disk(&suite);
        for (row, bug, by) in ELSEWHERE {
            println!("{row:>3}  {bug:34} {:>7}  {by}", "");
        }
    }
    println!("{} planted bugs, {alive} failures, {:.0} s", planted.len(), started.elapsed().as_secs_f64());
    if alive == 0 && !planted.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Each test that is to fail passes as long as nothing is planted: else its failing would show nothing. Returns how
/// many do not.
fn without_a_bug(suite: &Suite, planted: &[&Planted]) -> usize {
    let tests: BTreeSet<_> = planted.iter().map(|planted| (planted.binary, planted.test)).collect();
    let started = Instant::now();
    let failing = tests.iter().filter(|(binary, test)| match suite.run(binary, &["--exact", test], None) {
        Outcome { passed: true, .. } => false,
        Outcome { text, .. } => {
            println!("{binary}::{test} fails although nothing is planted:\n{text}");
            true
        }
    });
    let failing = failing.count();
    println!("{} tests without a bug: {failing} fail, {:.1} s\n", tests.len(), started.elapsed().as_secs_f64());
    failing
}

/// How long it took and what the test said, or why the bug lives.
fn kill(suite: &Suite, planted: &Planted) -> Result<(f64, String), String> {
    let Outcome { passed, text, seconds } = suite.run(planted.binary, &["--exact", planted.test], Some(planted.bug));
    if passed {
        return Err("it passes".to_owned());
    }
    let said = text.lines().find(|line| line.contains(planted.says));
    let said = said.ok_or_else(|| format!("it fails without saying {:?}:\n{text}", planted.says))?;
    Ok((seconds, short(said, planted.says)))
}

/// What stands around the words, without what the line goes on to count.
fn short(said: &str, says: &str) -> String {
    const MOST: usize = 170;
    let said = said.trim().split("; Counts {").next().unwrap_or(said);
    let until = said.find(says).map_or(said.len(), |at| at + says.len());
    let skipped = said[..until].chars().count().saturating_sub(MOST);
    let shown: String = said.chars().skip(skipped).take(MOST).collect();
    format!("{}{shown}", if skipped > 0 { "..." } else { "" })
}

/// The test of the syncs plants by itself, in the simulated disk: its lines are shown. Returns 1 if it fails.
fn faults_of_the_disk(suite: &Suite) -> usize {
    let Outcome { passed, text, seconds } = suite.run(SIMULATION, &[FAULTS_OF_THE_DISK], None);
    println!("\nrows 10, 14 and section 2: syncs left out and syncs that come late, {seconds:.1} s:");
    let mut lines: Vec<_> = text.lines().filter(|line| line.contains(": caught after")).collect();
    lines.sort_unstable();
    for line in lines {
        println!("     {}", short(line, ": caught after"));
    }
    println!();
    if passed {
        return 0;
    }
    println!("ALIVE: {text}");
    1
}
