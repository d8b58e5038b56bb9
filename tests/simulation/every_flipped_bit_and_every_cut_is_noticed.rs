//! Every bit of a small database flipped, and every file cut at every length: the opening refuses, a read fails, or the
//! answers are right. What neither opening nor reads meet, `verify` names. Never a wrong answer, never a panic.
//! `TIMESTRATA_DAMAGES` adds so many random damages of several bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use timestrata::testing::{Executor, Fault, FaultAt, Image, Kind, SimDisk, verify};
use timestrata::{Durability, Error};

use crate::common::Numbers;
use crate::oracle::{Crash, Cutoffs, Found, Limits, Number, Oracle, found};
use crate::world::{DIR, World, make_all_series, small};

/// A killed database with everything in it: a sealed segment, a last one, SSTs, edits, series, deletes, cutoffs.
struct Fixture {
    image: Image,
    files: BTreeMap<PathBuf, Vec<u8>>,
    truth: Found,
    /// Of these a later record says that they were synced: no tail rule forgives their damage.
    vouched: BTreeSet<Number>,
    /// These are in SSTs.
    flushed: BTreeSet<Number>,
    oracle: Oracle,
    /// Where each segment's log ends; behind it lies what a failed write left, or what a recycled file held before.
    ends: BTreeMap<String, usize>,
    last_segment: String,
    /// Where the last record begins in it: it vouches for all groups before its own.
    last_record: usize,
}

/// How a file was damaged, and so what may pass as the torn end of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Damage {
    /// What a later record vouches for must stay, and what goes must be told.
    Bit,
    /// The vouching records may be cut off, too; what goes must be told.
    Cut,
    /// Everything up to the end may be zeros, as if nothing had been there.
    Run { to_the_end: bool },
}

/// What a damage did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Noticed {
    /// The opening refused, naming the file.
    Opening,
    /// A read failed, naming the file.
    Reading,
    /// Dropped as the torn end that it may be, and said so.
    Forgiven,
    /// By `verify` alone: what was asked for did not need it.
    Verify,
    /// By nobody: the bytes mean nothing.
    Nobody,
}

/// Files of the base and of L0; a cutoff, a rule's and deletes in the manifest.
fn flushed() -> World {
    let mut world = World::new(SimDisk::new(1), 1);
    let limits = Limits { age: Some(Duration::from_micros(4)), ruled: Some(Duration::from_micros(2)), bytes: None };
    world.retain(limits);
    // The cutoffs go by the clock: all points are later.
    world.set_clock(0);
    world.open(Crash::Process).expect("it opens");
    make_all_series(&mut world);
    for _ in 0..5 {
        for _ in 0..14 {
            world.write_one();
        }
        assert!(world.flush());
    }
    assert!(world.compact());
    for clock in [CLOCK - 3_000, CLOCK] {
        for _ in 0..14 {
            world.write_one();
        }
        assert!(world.delete());
        // The flush's edit, and behind it that of the cutoffs alone.
        world.set_clock(clock);
        assert!(world.flush());
    }
    // The manifest ends with an edit that moves the floor, and no cutoff: one that may be torn, and so may be forgiven.
    for _ in 0..3 {
        world.write_one();
    }
    assert!(world.flush());
    let stats = world.db().stats();
    let levels: Vec<u8> = stats.levels.iter().map(|level| level.level).collect();
    assert!(levels.first() == Some(&0) && levels.last() == Some(&7) && stats.tombstones > 0, "{stats:?}");
    assert_eq!(found(&world.db().snapshot()).unwrap().cutoffs, Cutoffs { ruled: CLOCK - 2_000, others: CLOCK - 4_000 });
    world
}

/// The wall clock as it was last looked at.
const CLOCK: i64 = 12_000;

fn fixture() -> Fixture {
    fixture_at(CLOCK)
}

/// The same with the clock at this time at last: beyond `CLOCK` the manifest ends with a cutoff that moved alone.
fn fixture_at(clock: i64) -> Fixture {
    let mut world = flushed();
    let flushed = found(&world.db().snapshot()).unwrap().batches;
    for _ in 0..11 {
        world.write_one();
    }
    assert!(world.delete());
    let wal_bytes = |world: &World| usize::try_from(world.db().stats().wal_bytes).unwrap();
    let sealed = wal_bytes(&world);
    // A write that fails seals its segment early.
    world.disk.plant(FaultAt::Kind { kind: Kind::Write, skip: 0, times: 1 }, Fault::Short(3));
    for _ in 0..3 {
        world.write_one();
    }
    assert!(world.delete());
    let flushed_seq = world.db().stats().flushed_seq;
    // Idle for long enough to leave a mark; the write behind it has but the next group's word.
    let second = Duration::from_secs(1);
    world.set_clock(clock - i64::try_from(second.as_nanos()).unwrap());
    world.wait(second);
    world.write_one();
    let vouched = found(&world.db().snapshot()).unwrap().batches;
    world.write(&[Durability::Sync; 3]);
    let last_record = wal_bytes(&world) - sealed;
    world.write_one();
    let truth = found(&world.db().snapshot()).unwrap();
    let tail = wal_bytes(&world) - sealed;
    assert_eq!(world.db().stats().flushed_seq, flushed_seq, "the last delete is in the log alone");
    world.kill();
    let image = world.disk.image_live();
    // A spare means nothing before it is overwritten.
    let counts = image.files().iter().filter(|(path, _)| !path.to_str().unwrap().contains("spare-"));
    let files: BTreeMap<_, _> = counts.map(|(path, bytes)| (path.clone(), bytes.to_vec())).collect();
    let names = files.keys().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned());
    let segments: Vec<String> = names.filter(|name| name.starts_with("wal-")).collect();
    let [first, last] = segments.as_slice() else { panic!("a sealed segment and a last one: {segments:?}") };
    let (ends, last_segment) = (BTreeMap::from([(first.clone(), sealed), (last.clone(), tail)]), last.clone());
    let oracle = world.oracle.borrow().clone();
    Fixture { image, files, truth, vouched, flushed, oracle, ends, last_segment, last_record }
}

/// What comes of a damaged directory, or why that must not be.
fn meet(fixture: &Fixture, image: &Image, name: &str, damage: Damage) -> Result<Noticed, String> {
    let disk = SimDisk::from_image(image, 1);
    disk.record(false);
    let verified = verify(&disk, Path::new(DIR));
    let mut executor = Executor::new(&disk, 1);
    let db = match executor.open(small()) {
        Ok(db) => db,
        Err(error) => {
            let sound = matches!(&verified, Ok(report) if report.findings.is_empty());
            if sound && !matches!(error, Error::MissingFiles { .. } | Error::UnsupportedVersion { .. }) {
                return Err(format!("the opening says {error}, verify finds nothing"));
            }
            // Not always the damaged one: a bad edit makes other files strangers.
            let names = error.to_string().contains(DIR);
            return if names { Ok(Noticed::Opening) } else { Err(format!("an error that names no file: {error}")) };
        }
    };
    let shown = match found(&db.snapshot()) {
        Ok(shown) => shown,
        Err(what) if what.contains("a read fails") && what.contains(name) => return Ok(Noticed::Reading),
        Err(what) => return Err(format!("it shows what nobody wrote: {what}")),
    };
    if shown != fixture.truth {
        let told = db.open_report().forgiven.is_some();
        let kept = |batches: &BTreeSet<Number>| shown.is_superset(batches);
        let fair = match damage {
            Damage::Bit => told && kept(&fixture.vouched),
            Damage::Cut => told && kept(&fixture.flushed),
            Damage::Run { to_the_end } => kept(if to_the_end { &fixture.flushed } else { &fixture.vouched }),
        };
        let lost: Vec<_> = fixture.truth.difference(&shown).collect();
        fixture.oracle.check_order(&shown, usize::MAX).map_err(|what| format!("{what}; lost: {lost:?}"))?;
        let fair = fair && name.starts_with("wal-") && shown.is_subset(&fixture.truth);
        return if fair { Ok(Noticed::Forgiven) } else { Err(format!("told: {told}, lost: {lost:?}")) };
    }
    match verified {
        Ok(report) if report.findings.is_empty() && report.notes.is_empty() => Ok(Noticed::Nobody),
        _ => Ok(Noticed::Verify),
    }
}

#[derive(Default)]
struct Tally(BTreeMap<(&'static str, Noticed), u64>);

impl Tally {
    fn add(&mut self, name: &str, noticed: Noticed) {
        *self.0.entry((kind(name), noticed)).or_default() += 1;
    }

    fn total(&self) -> u64 {
        self.0.values().sum()
    }

    fn print(&self, what: &str, took: std::time::Instant) {
        println!("{what}: {} in {:.1} s", self.total(), took.elapsed().as_secs_f64());
        for ((kind, noticed), count) in &self.0 {
            println!("  {kind}: {noticed:?} {count}");
        }
    }
}

fn kind(name: &str) -> &'static str {
    let kinds = ["wal-", "manifest", "series", ".sst", "LOCK"];
    kinds.into_iter().find(|kind| name.contains(kind)).unwrap_or("another")
}

/// Damages each file in each way and notes what comes of it.
fn sweep(
    what: &str,
    damage: Damage,
    share: usize,
    damages: impl Fn(&[u8]) -> Box<dyn Iterator<Item = (usize, Vec<u8>)>>,
) {
    let tried = sweep_files(&fixture(), |_| true, what, damage, share, damages);
    assert!(tried > 5_000);
}

/// The same of some of a fixture's files; how many damages that were.
fn sweep_files(
    fixture: &Fixture,
    wanted: impl Fn(&str) -> bool,
    what: &str,
    damage: Damage,
    share: usize,
    damages: impl Fn(&[u8]) -> Box<dyn Iterator<Item = (usize, Vec<u8>)>>,
) -> u64 {
    let started = std::time::Instant::now();
    let (mut tally, mut wrong) = (Tally::default(), Vec::new());
    for (path, bytes) in fixture.files.iter().filter(|(path, _)| wanted(&path.to_string_lossy())) {
        let name = path.file_name().unwrap().to_str().unwrap();
        for (at, damaged) in damages(bytes).filter(|(at, _)| at % 2 == share) {
            match meet(fixture, &fixture.image.with_file(path, damaged), name, damage) {
                Ok(noticed) => {
                    tally.add(name, noticed);
                    if noticed == Noticed::Nobody && !fixture.means_nothing(name, at) {
                        wrong.push(format!("{name} at {at}: nobody notices"));
                    }
                }
                Err(what) => wrong.push(format!("{name} at {at}: {what}")),
            }
        }
    }
    tally.print(what, started);
    assert!(wrong.is_empty(), "{} wrong, the first: {}", wrong.len(), wrong[0]);
    tally.total()
}

impl Fixture {
    /// Whether a byte is none of those that count: of a lock, behind the end of a log.
    fn means_nothing(&self, name: &str, at: usize) -> bool {
        kind(name) == "LOCK" || self.ends.get(name).is_some_and(|end| at >= *end)
    }
}

fn flipped(bytes: &[u8]) -> Box<dyn Iterator<Item = (usize, Vec<u8>)>> {
    let bytes = bytes.to_vec();
    Box::new((0..bytes.len()).flat_map(move |at| {
        let bytes = bytes.clone();
        (0..8).map(move |bit| {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            (at, damaged)
        })
    }))
}

fn cut(bytes: &[u8]) -> Box<dyn Iterator<Item = (usize, Vec<u8>)>> {
    let bytes = bytes.to_vec();
    Box::new((0..bytes.len()).map(move |len| (len, bytes[..len].to_vec())))
}

#[test]
fn bits_at_even_places() {
    sweep("bits at even places", Damage::Bit, 0, flipped);
}

#[test]
fn bits_at_odd_places() {
    sweep("bits at odd places", Damage::Bit, 1, flipped);
}

#[test]
fn even_lengths() {
    sweep("even lengths", Damage::Cut, 0, cut);
}

#[test]
fn odd_lengths() {
    sweep("odd lengths", Damage::Cut, 1, cut);
}

/// The last thing that the manifest heard is a cutoff: no WAL that went and no file that went tells that it is missing.
#[test]
fn a_cutoff_that_moved_alone() {
    let fixture = fixture_at(CLOCK + 2_000);
    let manifest = |path: &str| path.ends_with("/manifest");
    for share in [0, 1] {
        let lengths = sweep_files(&fixture, manifest, "lengths of a manifest", Damage::Cut, share, cut);
        let bits = sweep_files(&fixture, manifest, "bits of a manifest", Damage::Bit, share, flipped);
        assert!(lengths > 200 && bits > 1_600, "{lengths} lengths, {bits} bits");
    }
}

/// Runs of random bytes, zeros, or bytes of another place.
#[test]
fn random_damages() {
    let fixture = fixture();
    let started = std::time::Instant::now();
    let asked = std::env::var("TIMESTRATA_DAMAGES").map_or(20_000, |text| text.parse().expect("a number"));
    let (mut tally, mut numbers) = (Tally::default(), Numbers(7));
    let files: Vec<_> = fixture.files.iter().filter(|(_, bytes)| !bytes.is_empty()).collect();
    let below = |numbers: &mut Numbers, bound: usize| usize::try_from(numbers.below(bound as u64)).unwrap();
    for _ in 0..asked {
        let (path, bytes) = files[below(&mut numbers, files.len())];
        let name = path.file_name().unwrap().to_str().unwrap();
        let from = below(&mut numbers, bytes.len());
        let len = (1 + below(&mut numbers, 600)).min(bytes.len() - from);
        let other = below(&mut numbers, bytes.len() - len + 1);
        let mut damaged = bytes.clone();
        match numbers.below(3) {
            0 => damaged[from..from + len].fill(0),
            1 => damaged.copy_within(other..other + len, from),
            _ => damaged[from..from + len].iter_mut().for_each(|byte| *byte = numbers.next().to_le_bytes()[0]),
        }
        if damaged == *bytes {
            continue;
        }
        let to_the_end = name == fixture.last_segment && from + len > fixture.last_record;
        let damage = Damage::Run { to_the_end };
        let met = meet(&fixture, &fixture.image.with_file(path, damaged), name, damage);
        let met = met.unwrap_or_else(|what| panic!("{name}, {len} bytes from {from}: {what}"));
        let stale = fixture.means_nothing(name, from + len - 1);
        assert!(met != Noticed::Nobody || stale, "{name}, {len} bytes from {from}: nobody notices");
        tally.add(name, met);
    }
    tally.print("random damages", started);
}
