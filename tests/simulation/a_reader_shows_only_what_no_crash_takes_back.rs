//! A reader process follows the writer of each scenario: the recorded operations happen again, one by one, also between
//! any two calls of the reader. Each of its answers consists of whole batches and never goes back, and what it showed
//! survives a power loss after any later operation. `TIMESTRATA_READERS` sets the number of readers per scenario.

use std::path::Path;

use timestrata::testing::{LogReplay, SeededRng, SimDisk};
use timestrata::{DbReader, Error};

use crate::crash::{Depth, Opener, Ran, run};
use crate::oracle::{Found, Oracle, found, found_series};
use crate::scenarios::{SCENARIOS, Scenario};
use crate::world::DIR;

/// Number of images of each power loss.
const IMAGES: usize = 8;

/// Counts of one or several readers.
#[derive(Debug, Default)]
struct Counts {
    refreshes: u64,
    /// Refreshes that showed something new.
    changed: u64,
    /// Refreshes that read the files again because the writer changed the manifest meanwhile.
    overtaken: u64,
    /// Reads of a snapshot that ended with `SnapshotExpired`.
    expired: u64,
    syncs: u64,
    images: u64,
}

/// A reader beside a replayed writer.
struct Follower<'a> {
    replay: LogReplay,
    oracle: &'a mut Oracle,
    rng: SeededRng,
    reader: Option<DbReader>,
    last: Option<Found>,
    counts: &'a mut Counts,
}

impl Follower<'_> {
    /// Opens the database if it is not open, or refreshes. Returns `false` if nothing can be shown yet.
    fn refresh(&mut self) -> Result<bool, String> {
        self.counts.refreshes += 1;
        let Some(reader) = &self.reader else {
            // Few files are held in some runs, so that snapshots expire.
            let held = if self.rng.below(4) == 0 { 1 } else { 512 };
            return match self.replay.open_reader(Path::new(DIR), held) {
                Ok(reader) => {
                    self.reader = Some(reader);
                    Ok(true)
                }
                Err(Error::DatabaseNotFound { .. } | Error::SnapshotExpired { .. }) => Ok(false),
                Err(error) => Err(format!("it does not open: {error}")),
            };
        };
        match reader.refresh_blocking() {
            Ok(report) => {
                self.counts.changed += u64::from(report.changed);
                self.counts.overtaken += u64::from(report.attempts > 1);
                Ok(report.changed)
            }
            Err(Error::SnapshotExpired { .. }) => Ok(false),
            Err(error) => Err(format!("a refresh fails: {error}")),
        }
    }

    /// Checks the newest answer, and records it as a promise.
    fn look(&mut self) -> Result<(), String> {
        let Some(reader) = &self.reader else { return Ok(()) };
        let shown_at = self.replay.position();
        let snapshot = reader.snapshot();
        if self.rng.below(4) == 0 {
            // The snapshot holds still meanwhile, or expires.
            self.replay.advance(usize::try_from(self.rng.below(100)).unwrap());
        }
        let shown = match found(&snapshot) {
            Err(what) if what.contains("was replaced by the process") => {
                self.counts.expired += 1;
                return Ok(());
            }
            shown => shown?,
        };
        let series = found_series(&snapshot)?;
        self.oracle.check_reader(&shown, self.last.as_ref(), shown_at)?;
        self.oracle.shown_by_reader(&shown, &series, shown_at);
        self.last = Some(shown);
        Ok(())
    }

    /// Follows the whole log.
    fn run(&mut self, operations: usize) -> Result<(), String> {
        while self.replay.position() < operations {
            let operations = usize::try_from(self.rng.below(7)).unwrap();
            self.replay.advance(operations);
            if self.refresh()? {
                self.look()?;
            }
            if self.rng.below(40) == 0 {
                self.reader = None;
            }
        }
        Ok(())
    }

    /// Checks that nothing durable is missing after a close, which flushes everything.
    fn finish(&mut self) -> Result<(), String> {
        self.replay.interleave_every(0);
        self.refresh()?;
        self.look()?;
        let (Some(reader), Some(shown)) = (&self.reader, &self.last) else {
            return Err("nothing was shown".to_owned());
        };
        let missing = self.oracle.durable_and_missing(shown, self.replay.position());
        if self.oracle.closing && missing > 0 {
            return Err(format!("{missing} durable batches are not shown after a close: {:?}", reader.stats()));
        }
        let changes = self.replay.changes();
        if changes.is_empty() { Ok(()) } else { Err(format!("a reader tried to change the disk: {changes:?}")) }
    }
}

/// Follows a scenario, then loses power after every operation.
fn follow(scenario: Scenario, seed: u64, counts: &mut Counts) -> Result<(), String> {
    let Ran { mut state, log, mut oracle } = run(scenario, SimDisk::new(1)).map_err(|found| found.to_string())?;
    let replay = LogReplay::new(state.clone(), &log, seed);
    replay.interleave_every([0, 12, 3, 40][usize::try_from(seed % 4).unwrap()]);
    let mut follower = Follower {
        replay: replay.clone(),
        oracle: &mut oracle,
        rng: SeededRng::new(seed),
        reader: None,
        last: None,
        counts,
    };
    let ended = follower.run(log.len()).and_then(|()| follower.finish());
    ended.map_err(|what| format!("after operation {}: {what}", replay.position()))?;
    let syncs = replay.syncs();
    counts.syncs += syncs.len() as u64;
    let mut opener = Opener::new(Depth::SHALLOW);
    for operation in 0..=log.len() {
        if let Some(op) = operation.checked_sub(1).map(|last| &log[last]) {
            state.apply(op);
        }
        for (_, op) in syncs.iter().filter(|(at, _)| *at == operation) {
            state.apply(op);
        }
        let crashed = opener.lose_power(&state, &oracle, operation, IMAGES);
        crashed.map_err(|what| format!("power lost after operation {operation}: {what}"))?;
    }
    counts.images += opener.counts.images;
    Ok(())
}

#[test]
fn in_every_scenario() {
    let asked = std::env::var("TIMESTRATA_READERS").ok().map(|text| text.parse().expect("a number of readers"));
    let (mut counts, mut violations) = (Counts::default(), Vec::new());
    for scenario in SCENARIOS {
        for seed in 0..asked.unwrap_or(4) {
            if let Err(what) = follow(*scenario, seed, &mut counts) {
                violations.push(format!("{}, reader {seed}: {what}", scenario.name));
            }
        }
    }
    println!("{counts:?}");
    assert!(violations.is_empty(), "{}", violations.join("\n"));
    assert!(counts.changed > 500 && counts.overtaken > 50 && counts.expired > 0 && counts.syncs > 0, "{counts:?}");
}
