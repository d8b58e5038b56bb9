//! Manifest and series log: read back, damaged, cut, failed; and the golden bytes of both.

mod series_log;

use crate::options::Duplicates;
use crate::series::SeriesSet;
use crate::sync::Arc;
use crate::version::{DyadicBox, Tombstone};
use std::io::ErrorKind;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::bytes::{assert_golden, overwrite};
use crate::env::OsEnv;
use crate::env::faulty::{Call, Fault, FaultyEnv};
use crate::series::SeriesId;
use crate::version::{FileId, GoneStep, Rectangle, SstMeta};

pub(super) const UUID: Uuid = Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);

pub(super) fn dir_at(path: &Path) -> Dir {
    Dir::new(std::sync::Arc::new(OsEnv), path)
}

pub(super) fn temp() -> (tempfile::TempDir, Dir) {
    let temp = tempfile::tempdir().unwrap();
    let dir = dir_at(temp.path());
    (temp, dir)
}

fn sst(id: u64) -> SstMeta {
    let (first_series, last_series) = (SeriesId::new(3), SeriesId::new((1 << 31) - 1));
    let (first_time, last_time) = if id.is_multiple_of(2) { (i64::MIN, i64::MAX) } else { (-5, 1_000_000) };
    SstMeta {
        id: FileId::new(id),
        len: id * 1_000_000,
        footer_crc: 0xdead_beef,
        rectangle: Rectangle { first_series, last_series, first_time, last_time },
        min_seq: id * 10,
        max_seq: id * 10 + 9,
        points: 1 << 40,
        blocks: 77,
        series: 9,
        level: 2,
        age: id,
        space: DyadicBox::new(1 << 20, 20, 0, 62).unwrap(),
        origin: u128::from(id % 3),
    }
}

fn tombstone(seq: u64) -> Tombstone {
    let series = SeriesSet::from_sorted([0, 1, 2, 7, 900].map(SeriesId::new));
    Tombstone { seq, series, first_time: i64::MIN, last_time: i64::MAX - 1 }
}

/// The edit that adds one SST and takes the one before it away.
fn edit(number: u64) -> Edit {
    Edit {
        added: vec![sst(number)],
        removed: if number > 1 { vec![FileId::new(number - 1)] } else { Vec::new() },
        flushed_seq: number * 10,
        floor: FileId::new(number),
        series_log_len: number * 100,
        next_file: FileId::new(number + 1),
        buried: vec![Arc::new(tombstone(number * 10))],
        forgotten: if number > 1 { vec![(number - 1) * 10] } else { Vec::new() },
        cutoff: i64::try_from(number).unwrap() - 3,
        cutoffs: vec![("temp{station=\"JFK\"}".to_owned(), -5)],
        duplicates: (number == 2).then_some(Duplicates::KeepLast),
        origins: if number == 2 { vec![77, u128::MAX] } else { Vec::new() },
        gone: GoneStep {
            gone: SeriesSet::from_sorted([1, 2, 900].map(SeriesId::new)),
            back: SeriesSet::from_sorted([2].map(SeriesId::new)),
            suspected: SeriesSet::from_sorted([4, 77].map(SeriesId::new)),
            cleared: SeriesSet::from_sorted([77].map(SeriesId::new)),
        },
    }
}

/// A manifest with so many edits, and the state after each.
fn written(dir: &Dir, edits: u64) -> (Manifest, Vec<Durable>) {
    let mut manifest = Manifest::create(dir.clone(), UUID, Durable::default()).unwrap();
    let mut states = vec![manifest.durable().clone()];
    for number in 1..=edits {
        manifest.commit(&edit(number)).unwrap();
        states.push(manifest.durable().clone());
    }
    (manifest, states)
}

fn read(dir: &Dir) -> ManifestRead {
    ManifestRead::read(dir).unwrap()
}

#[test]
fn edits_are_read_back_through_a_fresh_open() {
    let (_temp, dir) = temp();
    let (mut manifest, states) = written(&dir, 3);
    let found = read(&dir);
    assert_eq!((found.uuid, found.generation, found.records, found.bad), (UUID, 1, 4, None));
    assert_eq!(found.durable, states[3]);
    manifest.rewrite().unwrap();
    let found = read(&dir);
    assert_eq!((found.generation, found.records), (2, 1));
    assert_eq!(found.durable, states[3]);
    manifest.commit(&edit(4)).unwrap();
    let reopened = Manifest::reopen(dir.clone(), &read(&dir), manifest.durable().clone()).unwrap();
    let found = read(&dir);
    assert_eq!((found.generation, found.records), (3, 1));
    assert_eq!(&found.durable, reopened.durable());
}

/// Nothing that is missing would tell that it went bad, so it stands in a full record.
#[test]
fn a_cutoff_that_moves_alone_rewrites_the_manifest() {
    let (_temp, dir) = temp();
    let (mut manifest, _) = written(&dir, 3);
    let Durable { flushed_seq, floor, series_log_len, next_file, .. } = *manifest.durable();
    let step = Edit { flushed_seq, floor, series_log_len, next_file, ..Edit::default() };
    manifest.commit(&step).unwrap();
    assert_eq!((read(&dir).generation, read(&dir).records), (1, 5), "an edit that moves none is one more");
    manifest.commit(&Edit { cutoff: 7, ..step.clone() }).unwrap();
    assert_eq!((read(&dir).generation, read(&dir).records, read(&dir).durable.cutoff), (2, 1, Some(7)));
    manifest.commit(&Edit { cutoffs: vec![("a".to_owned(), 9)], ..step }).unwrap();
    assert_eq!((read(&dir).generation, read(&dir).durable.cutoffs["a"]), (3, 9));
    manifest.commit(&edit(4)).unwrap();
    assert_eq!((read(&dir).generation, read(&dir).records), (3, 2), "with the floor it is an edit as any other");
}

#[test]
fn a_manifest_that_grew_is_rewritten() {
    let (temp, dir) = temp();
    let (mut manifest, _) = written(&dir, 1);
    let (mut longest, mut rewrites) = (0, 0);
    for number in 2..300_u64 {
        let generation = manifest.generation;
        let mut large = edit(number);
        large.added.extend((1..20).map(|n| sst(number * 1_000 + n)));
        if number > 2 {
            large.removed.extend((1..20).map(|n| FileId::new((number - 1) * 1_000 + n)));
        }
        manifest.commit(&large).unwrap();
        rewrites += manifest.generation - generation;
        longest = longest.max(std::fs::metadata(temp.path().join(MANIFEST)).unwrap().len());
    }
    assert!(rewrites >= 2 && longest < REWRITE_ABOVE_BYTES + 2_000, "{rewrites} rewrites, {longest} bytes");
    assert_eq!(&read(&dir).durable, manifest.durable());
}

#[test]
fn every_cut_leaves_the_state_before_or_is_damage() {
    let (temp, dir) = temp();
    let path = temp.path().join(MANIFEST);
    let mut ends = Vec::new();
    let (mut manifest, states) = written(&dir, 0);
    ends.push(manifest.tail);
    let mut states = states;
    for number in 1..=3 {
        manifest.commit(&edit(number)).unwrap();
        states.push(manifest.durable().clone());
        ends.push(manifest.tail);
    }
    let bytes = std::fs::read(&path).unwrap();
    for len in 0..bytes.len() {
        overwrite(&path, &bytes[..len]);
        let whole = ends.iter().filter(|end| **end <= len as u64).count();
        match ManifestRead::read(&dir) {
            Err(Error::Corrupt { .. }) => assert_eq!(whole, 0, "cut at {len}"),
            Ok(found) => {
                assert_eq!(found.durable, states[whole - 1], "cut at {len}");
                let torn = (len as u64) > ends[whole - 1];
                assert_eq!(found.bad.map(|bad| bad.offset), torn.then_some(ends[whole - 1]), "cut at {len}");
            }
            Err(other) => panic!("cut at {len}: {other}"),
        }
        // The same with zeros where the file system had not written yet.
        overwrite(&path, &[&bytes[..len], &[0; 100]].concat());
        match ManifestRead::read(&dir) {
            Ok(found) => assert_eq!(found.durable, states[usize::try_from(found.records).unwrap() - 1]),
            Err(error) => assert!(matches!(error, Error::Corrupt { .. }) && whole == 0, "cut at {len}: {error}"),
        }
    }
}

#[test]
fn every_flipped_bit_is_told() {
    let (temp, dir) = temp();
    let path = temp.path().join(MANIFEST);
    let (mut manifest, _) = written(&dir, 1);
    let (last, before) = (manifest.tail, manifest.durable().clone());
    manifest.commit(&edit(2)).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut bad = bytes.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        overwrite(&path, &bad);
        match ManifestRead::read(&dir) {
            Err(Error::UnsupportedVersion { .. }) => assert!((8..12).contains(&(bit / 8))),
            Err(Error::Corrupt { .. }) => assert!((bit / 8) < usize::try_from(last).unwrap(), "bit {bit}"),
            Ok(found) => {
                assert_eq!(found.durable, before, "bit {bit}");
                assert_eq!(found.bad.unwrap().offset, last, "bit {bit}");
            }
            Err(other) => panic!("bit {bit}: {other}"),
        }
    }
}

#[test]
fn an_edit_that_contradicts_those_before_is_damage_when_read_and_refused_when_written() {
    let (temp, dir) = temp();
    let (mut manifest, _) = written(&dir, 2);
    let before = std::fs::read(temp.path().join(MANIFEST)).unwrap();
    assert!(matches!(manifest.commit(&edit(1)), Err(Error::OutcomeUnknown { .. })));
    assert!(matches!(manifest.commit(&edit(3)), Err(Error::ReadOnly { .. })));
    assert_eq!(std::fs::read(temp.path().join(MANIFEST)).unwrap(), before);
    let mut bytes = before;
    let salt = Salt::new(&MAGIC, UUID, 1);
    frame::put(&mut bytes, salt, 0, Head::new(EDIT, 3, 0), |out| put_edit(out, &edit(1))).unwrap();
    std::fs::write(temp.path().join(MANIFEST), &bytes).unwrap();
    assert!(ManifestRead::read(&dir).unwrap_err().to_string().contains("goes back"));
}

/// A manifest's ids and seqs beyond all reach would overflow where the next one is taken.
#[test]
fn a_number_beyond_all_reach_is_no_id_and_no_seq() {
    let beyond = 1 << 63;
    let settings: [fn(&mut Edit, u64); 4] = [
        |edit, number| edit.flushed_seq = number,
        |edit, number| edit.floor = FileId::new(number),
        |edit, number| edit.next_file = FileId::new(number),
        |edit, number| edit.added[0].id = FileId::new(number),
    ];
    for set in settings {
        for (number, accepted) in [(beyond - 1, true), (beyond, false), (u64::MAX, false)] {
            let mut changed = edit(1);
            set(&mut changed, number);
            let mut bytes = Vec::new();
            edit::put_edit(&mut bytes, &changed);
            assert_eq!(edit::read_edit(&bytes).is_ok(), accepted, "{changed:?}");
        }
    }
}

#[test]
fn a_commit_fails_at_each_call() {
    for (grown, calls) in [(false, 2), (true, 6)] {
        for at in 0..calls {
            for fault in [Fault::Fails(ErrorKind::Other), Fault::Short(50), Fault::HappensAndFails] {
                let (temp, plain) = temp();
                let env = FaultyEnv::default();
                let (mut manifest, states) = written(&env.dir(temp.path()), 1);
                if grown {
                    manifest.rewrite_above = 0;
                }
                env.plant_next(at, fault);
                if grown && at == 0 && fault == Fault::HappensAndFails {
                    // There is no leftover to remove, so this call tells what happened.
                    manifest.commit(&edit(2)).unwrap();
                    continue;
                }
                let error = manifest.commit(&edit(2)).unwrap_err();
                assert!(matches!(error, Error::OutcomeUnknown { .. }), "{at} {fault:?}: {error}");
                let made = env.calls();
                assert!(matches!(manifest.commit(&edit(2)), Err(Error::ReadOnly { .. })));
                assert!(matches!(manifest.rewrite(), Err(Error::ReadOnly { .. })));
                assert_eq!(env.calls(), made, "a dead manifest touches nothing");
                assert!(!made.is_empty() && made.contains(&Call::Rename));
                let found = read(&plain).durable;
                assert!(found == states[1] || found == *manifest.durable(), "{at} {fault:?}");
            }
        }
    }
}

#[test]
fn a_leftover_of_a_rewrite_is_replaced() {
    let (temp, dir) = temp();
    std::fs::write(temp.path().join(MANIFEST_TMP), b"torn").unwrap();
    written(&dir, 1);
    assert!(!temp.path().join(MANIFEST_TMP).exists());
    assert_eq!(read(&dir).records, 2);
}

#[test]
fn a_manifest_is_byte_for_byte_what_version_1_says() {
    let (temp, dir) = temp();
    let (_, states) = written(&dir, 2);
    let bytes = std::fs::read(temp.path().join(MANIFEST)).unwrap();
    assert_golden("manifest", &bytes, include_bytes!("../../tests/golden/v1/manifest"));
    std::fs::write(temp.path().join(MANIFEST), include_bytes!("../../tests/golden/v1/manifest")).unwrap();
    assert_eq!(read(&dir).durable, states[2]);
}

proptest! {
    #[test]
    fn decoding_any_edit_never_panics(bytes: Vec<u8>) {
        let _ = super::edit::read_edit(&bytes);
    }

    #[test]
    fn any_change_of_an_edit_is_refused_or_read(at: prop::sample::Index, value: u8) {
        let mut bytes = Vec::new();
        put_edit(&mut bytes, &edit(2));
        prop_assert_eq!(super::edit::read_edit(&bytes), Ok(edit(2)));
        let at = at.index(bytes.len());
        prop_assert!(super::edit::read_edit(&bytes[..at]).is_err());
        bytes[at] = value;
        let _ = super::edit::read_edit(&bytes);
    }
}
