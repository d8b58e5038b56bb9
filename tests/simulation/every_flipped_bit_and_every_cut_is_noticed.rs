//! Flips every bit of a small database, and cuts every file at every length: the opening fails, a read fails, or the
//! answers are correct. `verify` names damage that neither opening nor reads detect. There is never a wrong answer or a
//! panic. `TIMESTRATA_DAMAGES` adds a number of random damages of several bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use timestrata::testing::{CallKind, DiskImage, Executor, Fault, FaultTrigger, SimDisk, verify};
use timestrata::{Durability, Error};

use crate::oracle::{Crash, Cutoffs, Found, Limits, Number, Oracle, found};
use crate::world::{DIR, World, make_all_series, small};
use timestrata::testing::SeededRng;

/// A killed database with all kinds of content: a sealed segment, a last segment, SSTs, edits, series, deletes,
/// cutoffs.
struct Fixture {
    image: DiskImage,
    files: BTreeMap<PathBuf, Vec<u8>>,
    truth: Found,
    /// Batches that a later record marks as synced: the tail rule never drops them.
    vouched: BTreeSet<Number>,
    /// Batches in SSTs.
    flushed: BTreeSet<Number>,
    oracle: Oracle,
    /// End of the log in each segment. The bytes after it are left by a failed write or by an earlier use of the file.
    ends: BTreeMap<String, usize>,
    last_segment: String,
    /// Offset of the last record in that segment. The record marks all groups before its own group as synced.
    last_record: usize,
}

/// Kind of a damage, which determines the content that may be dropped as a torn tail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Damage {
    /// Batches that a later record marks as synced must stay, and dropped bytes must be reported.
    Bit,
    /// The records that mark others as synced may be cut off too. Dropped bytes must be reported.
    Cut,
    /// Everything up to the end may be zeros, which is the same as an unwritten log.
    Run { to_the_end: bool },
}

/// The check that detected a damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Noticed {
    /// The opening failed and named the file.
    Opening,
    /// A read failed and named the file.
    Reading,
    /// The opening dropped the bytes as a torn tail and reported it.
    Forgiven,
    /// Only `verify`: the reads did not need these bytes.
    Verify,
    /// No check: the bytes have no meaning.
    Nobody,
}

/// Creates files of the base and of L0, and a cutoff, the cutoff of a rule, and deletes in the manifest.
fn flushed() -> World {
    let mut world = World::new(SimDisk::new(1), 1);
    let limits = Limits { age: Some(Duration::from_micros(4)), ruled: Some(Duration::from_micros(2)), bytes: None };
    world.retain(limits);
    // The cutoffs follow the clock, because all points are later than the clock.
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
        // The edit of the flush, followed by an edit of the cutoffs only.
        world.set_clock(clock);
        assert!(world.flush());
    }
    // The manifest ends with an edit that moves the floor and no cutoff. Such an edit may be torn, so it may be
    // dropped.
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

/// The wall clock at the last move of the cutoffs.
const CLOCK: i64 = 12_000;

fn fixture() -> Fixture {
    fixture_at(CLOCK)
}

/// Creates the fixture with this final clock. If it is later than `CLOCK`, the manifest ends with an edit that moves a
/// cutoff only.
fn fixture_at(clock: i64) -> Fixture {
    let mut world = flushed();
    let flushed = found(&world.db().snapshot()).unwrap().batches;
    for _ in 0..11 {
        world.write_one();
    }
    assert!(world.delete());
    let wal_bytes = |world: &World| usize::try_from(world.db().stats().wal_bytes).unwrap();
    let sealed = wal_bytes(&world);
    // A failed write seals its segment early.
    world.disk.inject(FaultTrigger::Kind { kind: CallKind::Write, skip: 0, times: 1 }, Fault::ShortWrite(3));
    for _ in 0..3 {
        world.write_one();
    }
    assert!(world.delete());
    let flushed_seq = world.db().stats().flushed_seq;
    // Waits long enough for a sync mark. Only the next group marks the write after it as synced.
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
    let image = world.disk.live_image();
    // A spare segment or a reserve has no meaning before it is overwritten.
    let is_meaningless = |path: &str| path.contains("spare-") || path.ends_with(".reserve");
    let counts = image.files().iter().filter(|(path, _)| !is_meaningless(path.to_str().unwrap()));
    let files: BTreeMap<_, _> = counts.map(|(path, bytes)| (path.clone(), bytes.to_vec())).collect();
    let names = files.keys().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned());
    let segments: Vec<String> = names.filter(|name| name.starts_with("wal-")).collect();
    let [first, last] = segments.as_slice() else { panic!("a sealed segment and a last one: {segments:?}") };
    let (ends, last_segment) = (BTreeMap::from([(first.clone(), sealed), (last.clone(), tail)]), last.clone());
    let oracle = world.oracle.borrow().clone();
    Fixture { image, files, truth, vouched, flushed, oracle, ends, last_segment, last_record }
}

/// Returns the check that detected the damage, or the reason why the outcome is not permitted.
fn meet(fixture: &Fixture, image: &DiskImage, name: &str, damage: Damage) -> Result<Noticed, String> {
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
            // The named file is not always the damaged one: a bad edit makes other files foreign.
            let names = error.to_string().contains(DIR);
            return if names { Ok(Noticed::Opening) } else { Err(format!("an error that names no file: {error}")) };
        }
    };
    let shown = match found(&db.snapshot()) {
        Ok(shown) => shown,
        Err(what) if what.contains("a read fails") && what.contains(name) => return Ok(Noticed::Reading),
        Err(what) => return Err(format!("it shows points that were never written: {what}")),
    };
    if shown != fixture.truth {
        let told = db.open_report().torn_tail.is_some();
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

/// Damages each file in each way and records the outcomes.
fn sweep(
    what: &str,
    damage: Damage,
    share: usize,
    damages: impl Fn(&[u8]) -> Box<dyn Iterator<Item = (usize, Vec<u8>)>>,
) {
    let tried = sweep_files(&fixture(), |_| true, what, damage, share, damages);
    assert!(tried > 5_000);
}

/// Does the same for some files of a fixture. Returns the number of damages.
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
                        wrong.push(format!("{name} at {at}: not detected"));
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
    /// Returns `true` if a byte has no meaning: it belongs to the lock file, or lies after the end of a log.
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

/// The last edit of the manifest is a cutoff: no missing WAL segment and no missing file shows that this edit is lost.
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

/// Replaces runs of bytes with random bytes, zeros, or bytes of another position.
#[test]
fn random_damages() {
    let fixture = fixture();
    let started = std::time::Instant::now();
    let asked = std::env::var("TIMESTRATA_DAMAGES").map_or(20_000, |text| text.parse().expect("a number"));
    let (mut tally, mut numbers) = (Tally::default(), SeededRng::new(7));
    let files: Vec<_> = fixture.files.iter().filter(|(_, bytes)| !bytes.is_empty()).collect();
    let below = |numbers: &mut SeededRng, bound: usize| usize::try_from(numbers.below(bound as u64)).unwrap();
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
            _ => damaged[from..from + len].iter_mut().for_each(|byte| *byte = numbers.next_u64().to_le_bytes()[0]),
        }
        if damaged == *bytes {
            continue;
        }
        let to_the_end = name == fixture.last_segment && from + len > fixture.last_record;
        let damage = Damage::Run { to_the_end };
        let met = meet(&fixture, &fixture.image.with_file(path, damaged), name, damage);
        let met = met.unwrap_or_else(|what| panic!("{name}, {len} bytes from {from}: {what}"));
        let stale = fixture.means_nothing(name, from + len - 1);
        assert!(met != Noticed::Nobody || stale, "{name}, {len} bytes from {from}: not detected");
        tally.add(name, met);
    }
    tally.print("random damages", started);
}
