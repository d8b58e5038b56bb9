//! Tests of the manifest: reading back, damage, torn edits, failing calls, and the golden file.

mod series_log;

use crate::state::metric_metadata::MetadataChange;
use crate::state::tombstone::Tombstone;
use crate::state::version::{
    AgeProgress, DyadicBox, EncodedSelector, PendingAge, PendingTime, RetentionProgress, UNLIMITED_AGE,
};
use crate::sync::Arc;
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::metric_metadata::MetricMetadata;
use crate::types::series::SeriesSet;
use std::io::ErrorKind;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::format::bytes::selector::encode_selector;
use crate::format::bytes::{assert_golden, overwrite, temp};
use crate::state::file_id::FileId;
use crate::state::rectangle::Rectangle;
use crate::state::series_index::empty_series::EmptySeriesDelta;
use crate::state::version::{SeriesLogEnd, SstMeta};
use crate::testing::faulty_env::{EnvCall, EnvFault, FaultyEnv};
use crate::types::series::SeriesId;
use crate::types::time_range::TimeRange;

pub(super) const UUID: Uuid = Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);

fn sst(id: u64) -> SstMeta {
    let (first_series, last_series) = (SeriesId::new(3), SeriesId::new((1 << 31) - 1));
    let times = if id.is_multiple_of(2) { TimeRange::ALL } else { TimeRange::new(-5, 1_000_000) };
    SstMeta {
        id: FileId::new(id),
        file_len: id * 1_000_000,
        footer_crc: 0xdead_beef,
        rectangle: Rectangle { first_series, last_series, times },
        min_seq: id * 10,
        max_seq: id * 10 + 9,
        points: 1 << 40,
        blocks: 77,
        series: 9,
        level: 2,
        generation: id,
        partition: DyadicBox::new(1 << 20, 20, 0, 62).unwrap(),
        origin: u128::from(id % 3),
    }
}

fn tombstone(seq: u64) -> Tombstone {
    let series = SeriesSet::from_sorted([0, 1, 2, 7, 900].map(SeriesId::new));
    Tombstone { seq, series, range: TimeRange::until(i64::MAX - 1) }
}

fn encoded(selector: &str) -> EncodedSelector {
    encode_selector(&selector.parse().unwrap()).unwrap()
}

fn retention_progress() -> RetentionProgress {
    let (advance, served) = (Duration::from_secs(80), Duration::from_secs(90));
    let pending = |age| Some(PendingAge { age, served });
    let waits = AgeProgress { applied: UNLIMITED_AGE, pending: pending(7) };
    let rule_ages = [(r#"temp{station="JFK"}"#, waits), ("z or y", AgeProgress { applied: 9, pending: None })];
    RetentionProgress {
        trusted_time: Some(-5),
        pending_time: Some(PendingTime { claimed: i64::MAX, advance, served }),
        next_time: Some(PendingTime { claimed: -1, advance: served, served }),
        size_cutoff: Some(-70),
        age: AgeProgress { applied: 1_000, pending: pending(3) },
        rule_ages: rule_ages.into_iter().map(|(rule, age)| (encoded(rule), age)).collect(),
    }
}

/// Returns a new metric, a changed one, and from the second edit on a removal.
fn metadata_changes(number: u64) -> Vec<MetadataChange> {
    let change = |metric: String, unit: &str| MetadataChange {
        metric,
        metadata: MetricMetadata { unit: unit.to_owned(), ..MetricMetadata::default() },
    };
    let removed = number.checked_sub(2).map(|before| change(format!("m{}", before + 1), ""));
    let unit = format!("unit {number}");
    removed.into_iter().chain([change(format!("m{number}"), "s"), change("temp".to_owned(), &unit)]).collect()
}

/// Returns an edit that adds SST `number` and removes the SST before it.
fn edit(number: u64) -> VersionEdit {
    VersionEdit {
        added_ssts: vec![sst(number)],
        removed_ssts: if number > 1 { vec![FileId::new(number - 1)] } else { Vec::new() },
        flushed_seq: number * 10,
        wal_floor: FileId::new(number),
        series_log: SeriesLogEnd { file: FileId::new(number.div_ceil(2)), len: number * 100 },
        next_series_id: u32::try_from(number * 1_000).unwrap(),
        next_file_id: FileId::new(number + 1),
        added_tombstones: vec![Arc::new(tombstone(number * 10))],
        removed_tombstones: if number > 1 { vec![(number - 1) * 10] } else { Vec::new() },
        cutoff: Some(i64::try_from(number).unwrap() - 3),
        rule_cutoffs: vec![(encoded(r#"temp{station="JFK"}"#), -5)],
        retention: (number == 2).then(retention_progress),
        duplicates: (number == 2).then_some(DuplicatePolicy::KeepLast),
        origins: if number == 2 { vec![77, u128::MAX] } else { Vec::new() },
        empty_series: EmptySeriesDelta {
            emptied: SeriesSet::from_sorted([1, 2, 900].map(SeriesId::new)),
            revived: SeriesSet::from_sorted([2].map(SeriesId::new)),
            candidates_added: SeriesSet::from_sorted([4, 77].map(SeriesId::new)),
            candidates_removed: SeriesSet::from_sorted([77].map(SeriesId::new)),
            unwritten_added: SeriesSet::from_sorted([7, 8].map(SeriesId::new)),
            unwritten_removed: SeriesSet::from_sorted([8].map(SeriesId::new)),
        },
        metadata: metadata_changes(number),
    }
}

/// Writes a manifest with `edits` edits. Returns it with the state after each record.
fn written(dir: &Dir, edits: u64) -> (Manifest, Vec<DurableState>) {
    let mut manifest = Manifest::create(dir.clone(), UUID, DurableState::default()).unwrap();
    let mut states = vec![manifest.state().clone()];
    for number in 1..=edits {
        manifest.append_edit(&edit(number)).unwrap();
        states.push(manifest.state().clone());
    }
    (manifest, states)
}

fn read(dir: &Dir) -> ManifestContents {
    ManifestContents::read(dir).unwrap()
}

#[test]
fn edits_are_read_back_by_a_new_reader() {
    let (_temp, dir) = temp();
    let (mut manifest, states) = written(&dir, 3);
    let found = read(&dir);
    assert_eq!((found.uuid, found.generation, found.record_count, found.bad_edit), (UUID, 1, 4, None));
    assert_eq!(found.state, states[3]);
    manifest.force_rewrite().unwrap();
    let found = read(&dir);
    assert_eq!((found.generation, found.record_count), (2, 1));
    assert_eq!(found.state, states[3]);
    manifest.append_edit(&edit(4)).unwrap();
    let reopened = Manifest::reopen(dir.clone(), &read(&dir), manifest.state().clone()).unwrap();
    let found = read(&dir);
    assert_eq!((found.generation, found.record_count), (3, 1));
    assert_eq!(&found.state, reopened.state());
}

/// No missing file would reveal damage of such an edit, so it is written as a full record.
#[test]
fn an_edit_that_moves_only_a_cutoff_rewrites_the_manifest() {
    let (_temp, dir) = temp();
    let (mut manifest, _) = written(&dir, 3);
    let DurableState { flushed_seq, wal_floor: floor, series_log, next_file_id: next_file, .. } = *manifest.state();
    let step =
        VersionEdit { flushed_seq, wal_floor: floor, series_log, next_file_id: next_file, ..VersionEdit::default() };
    manifest.append_edit(&step).unwrap();
    assert_eq!((read(&dir).generation, read(&dir).record_count), (1, 5), "an edit that moves no cutoff is appended");
    manifest.append_edit(&VersionEdit { cutoff: Some(7), ..step.clone() }).unwrap();
    assert_eq!((read(&dir).generation, read(&dir).record_count, read(&dir).state.cutoff), (2, 1, Some(7)));
    let ruled = |cutoff| VersionEdit { rule_cutoffs: vec![(encoded("a"), cutoff)], ..step.clone() };
    manifest.append_edit(&ruled(9)).unwrap();
    assert_eq!((read(&dir).generation, read(&dir).state.rule_cutoffs[&encoded("a")]), (3, 9));
    // A cutoff can be taken back.
    manifest.append_edit(&VersionEdit { cutoff: Some(5), ..ruled(i64::MIN) }).unwrap();
    assert_eq!((read(&dir).state.cutoff, read(&dir).state.rule_cutoffs.contains_key(&encoded("a"))), (Some(5), false));
    manifest.append_edit(&VersionEdit { cutoff: Some(i64::MIN), ..step }).unwrap();
    assert_eq!((read(&dir).generation, read(&dir).state.cutoff), (5, None));
    manifest.append_edit(&edit(4)).unwrap();
    assert_eq!(
        (read(&dir).generation, read(&dir).record_count),
        (5, 2),
        "an edit that moves the WAL floor, too, is appended"
    );
}

/// Without a descriptor for a new file the edit is appended. It is not the last record, so damage to it is found.
#[test]
fn an_edit_is_appended_if_no_descriptor_for_a_rewrite_is_left() {
    let temp = tempfile::tempdir().unwrap();
    let env = FaultyEnv::default();
    let dir = env.dir(temp.path());
    let (mut manifest, _) = written(&dir, 3);
    let DurableState { flushed_seq, wal_floor, series_log, next_file_id, .. } = *manifest.state();
    let from = manifest.append_offset;
    env.inject_for_kind(EnvCall::Open(OpenMode::Create), 0, 1, EnvFault::TooManyFiles);
    let step =
        VersionEdit { flushed_seq, wal_floor, series_log, next_file_id, cutoff: Some(7), ..VersionEdit::default() };
    manifest.append_edit(&step).unwrap();
    assert_eq!((read(&dir).generation, read(&dir).record_count, read(&dir).state.cutoff), (1, 6, Some(7)));
    assert_eq!(&read(&dir).state, manifest.state());
    let whole = std::fs::read(temp.path().join(MANIFEST)).unwrap();
    let mut damaged = whole.clone();
    damaged[usize::try_from(from).unwrap() + 40] ^= 1;
    overwrite(&temp.path().join(MANIFEST), &damaged);
    assert!(matches!(ManifestContents::read(&dir), Err(Error::Corrupt { .. })), "damage to the edit is found");
    overwrite(&temp.path().join(MANIFEST), &whole);
    // The next edit that needs a rewrite gets one.
    manifest.append_edit(&VersionEdit { cutoff: Some(9), ..step }).unwrap();
    assert_eq!((read(&dir).generation, read(&dir).record_count, read(&dir).state.cutoff), (2, 1, Some(9)));
    // A rewrite for the length alone is put off.
    manifest.rewrite_above_bytes = 0;
    env.inject_for_kind(EnvCall::Open(OpenMode::Create), 0, 1, EnvFault::TooManyFiles);
    manifest.append_edit(&edit(4)).unwrap();
    assert_eq!((read(&dir).generation, read(&dir).record_count), (2, 2));
    manifest.append_edit(&edit(5)).unwrap();
    assert_eq!((read(&dir).generation, read(&dir).state), (3, manifest.state().clone()));
}

#[test]
fn a_large_manifest_is_rewritten() {
    let (temp, dir) = temp();
    let (mut manifest, _) = written(&dir, 1);
    let (mut longest, mut rewrites) = (0, 0);
    for number in 2..300_u64 {
        let generation = manifest.generation;
        let mut large = edit(number);
        large.added_ssts.extend((1..20).map(|n| sst(number * 1_000 + n)));
        if number > 2 {
            large.removed_ssts.extend((1..20).map(|n| FileId::new((number - 1) * 1_000 + n)));
        }
        manifest.append_edit(&large).unwrap();
        rewrites += manifest.generation - generation;
        longest = longest.max(std::fs::metadata(temp.path().join(MANIFEST)).unwrap().len());
    }
    assert!(rewrites >= 2 && longest < REWRITE_ABOVE_BYTES + 2_000, "{rewrites} rewrites, {longest} bytes");
    assert_eq!(&read(&dir).state, manifest.state());
}

#[test]
fn every_cut_yields_an_earlier_state_or_is_damage() {
    let (temp, dir) = temp();
    let path = temp.path().join(MANIFEST);
    let mut ends = Vec::new();
    let (mut manifest, states) = written(&dir, 0);
    ends.push(manifest.append_offset);
    let mut states = states;
    for number in 1..=3 {
        manifest.append_edit(&edit(number)).unwrap();
        states.push(manifest.state().clone());
        ends.push(manifest.append_offset);
    }
    let bytes = std::fs::read(&path).unwrap();
    for len in 0..bytes.len() {
        overwrite(&path, &bytes[..len]);
        let complete = ends.iter().filter(|end| **end <= len as u64).count();
        match ManifestContents::read(&dir) {
            Err(Error::Corrupt { .. }) => assert_eq!(complete, 0, "cut at {len}"),
            Ok(found) => {
                assert_eq!(found.state, states[complete - 1], "cut at {len}");
                let torn = (len as u64) > ends[complete - 1];
                assert_eq!(found.bad_edit.map(|bad| bad.offset), torn.then_some(ends[complete - 1]), "cut at {len}");
            }
            Err(other) => panic!("cut at {len}: {other}"),
        }
        // The same with zeros behind the cut, as a file system may leave them.
        overwrite(&path, &[&bytes[..len], &[0; 100]].concat());
        match ManifestContents::read(&dir) {
            Ok(found) => assert_eq!(found.state, states[usize::try_from(found.record_count).unwrap() - 1]),
            Err(error) => assert!(matches!(error, Error::Corrupt { .. }) && complete == 0, "cut at {len}: {error}"),
        }
    }
}

#[test]
fn every_flipped_bit_is_reported() {
    let (temp, dir) = temp();
    let path = temp.path().join(MANIFEST);
    let (mut manifest, _) = written(&dir, 1);
    let (last, before) = (manifest.append_offset, manifest.state().clone());
    manifest.append_edit(&edit(2)).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut bad = bytes.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        overwrite(&path, &bad);
        match ManifestContents::read(&dir) {
            Err(Error::UnsupportedVersion { .. }) => assert!((8..12).contains(&(bit / 8))),
            Err(Error::Corrupt { .. }) => assert!((bit / 8) < usize::try_from(last).unwrap(), "bit {bit}"),
            Ok(found) => {
                assert_eq!(found.state, before, "bit {bit}");
                assert_eq!(found.bad_edit.unwrap().offset, last, "bit {bit}");
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
    let refused = manifest.append_edit(&edit(1));
    assert!(matches!(refused, Err(AppendError::OutcomeUnknown(Error::OutcomeUnknown { .. }))));
    assert!(matches!(manifest.append_edit(&edit(3)), Err(AppendError::ReadOnly(Error::ReadOnly { .. }))));
    assert_eq!(std::fs::read(temp.path().join(MANIFEST)).unwrap(), before);
    let mut bytes = before;
    let crc = SaltedCrc::new(&MAGIC, UUID, 1);
    put_frame(&mut bytes, crc, 0, FrameHeader::new(KIND_EDIT, 3, 0), |out| put_edit(out, &edit(1))).unwrap();
    std::fs::write(temp.path().join(MANIFEST), &bytes).unwrap();
    assert!(ManifestContents::read(&dir).unwrap_err().to_string().contains("moves back"));
}

/// Ids and seqs have 63 bits, so that the next id or seq cannot overflow.
#[test]
fn a_number_of_64_bits_is_no_id_and_no_seq() {
    let limit = 1 << 63;
    let setters: [fn(&mut VersionEdit, u64); 4] = [
        |edit, number| edit.flushed_seq = number,
        |edit, number| edit.wal_floor = FileId::new(number),
        |edit, number| edit.next_file_id = FileId::new(number),
        |edit, number| edit.added_ssts[0].id = FileId::new(number),
    ];
    for set in setters {
        for (number, accepted) in [(limit - 1, true), (limit, false), (u64::MAX, false)] {
            let mut changed = edit(1);
            set(&mut changed, number);
            let mut bytes = Vec::new();
            edit::put_edit(&mut bytes, &changed);
            assert_eq!(edit::read_edit(&bytes).is_ok(), accepted, "{changed:?}");
        }
    }
}

#[test]
fn appending_an_edit_may_fail_at_each_call() {
    for (is_large, calls) in [(false, 2), (true, 6)] {
        for at in 0..calls {
            for fault in [EnvFault::Error(ErrorKind::Other), EnvFault::ShortWrite(50), EnvFault::AppliedButFailed] {
                let (temp, plain) = temp();
                let env = FaultyEnv::default();
                let (mut manifest, states) = written(&env.dir(temp.path()), 1);
                if is_large {
                    manifest.rewrite_above_bytes = 0;
                }
                env.inject_after(at, fault);
                if is_large && at == 0 && fault == EnvFault::AppliedButFailed {
                    // There is no leftover to remove, so this fault has no effect.
                    manifest.append_edit(&edit(2)).unwrap();
                    continue;
                }
                // A short write reports a lack of space: the edit is cut off, and a rewrite takes its place.
                if !is_large && at == 0 && fault == EnvFault::ShortWrite(50) {
                    manifest.append_edit(&edit(2)).unwrap();
                    assert_eq!((read(&plain).generation, read(&plain).record_count), (2, 1));
                    assert_eq!(&read(&plain).state, manifest.state());
                    continue;
                }
                let error = manifest.append_edit(&edit(2)).unwrap_err();
                if is_large && at < 4 {
                    // Nothing has the manifest's name but the old one, which stays in use.
                    assert!(matches!(error, AppendError::NotWritten(_)), "{at} {fault:?}: {error:?}");
                    assert_eq!((&read(&plain).state, manifest.state()), (&states[1], &states[1]));
                    manifest.append_edit(&edit(2)).unwrap();
                    assert_eq!(&read(&plain).state, manifest.state());
                    continue;
                }
                assert!(matches!(error, AppendError::OutcomeUnknown(_)), "{at} {fault:?}: {error:?}");
                let made = env.calls();
                let again = manifest.append_edit(&edit(2));
                assert!(matches!(again, Err(AppendError::ReadOnly(Error::ReadOnly { .. }))));
                assert!(matches!(manifest.force_rewrite(), Err(Error::ReadOnly { .. })));
                assert_eq!(env.calls(), made, "a failed manifest touches no file");
                assert!(!made.is_empty() && made.contains(&EnvCall::Rename));
                let found = read(&plain).state;
                assert!(found == states[1] || found == after_edit(&states[1], &edit(2)), "{at} {fault:?}");
            }
        }
    }
}

fn after_edit(state: &DurableState, edit: &VersionEdit) -> DurableState {
    let mut next = state.clone();
    next.apply(edit).unwrap();
    next
}

#[test]
fn on_a_full_disk_an_edit_replaces_the_manifest_from_the_reserve() {
    for cutoff_alone in [false, true] {
        let (temp, plain) = temp();
        let env = FaultyEnv::default();
        let (mut manifest, states) = written(&env.dir(temp.path()), 1);
        env.fill(true);
        let DurableState { flushed_seq, wal_floor, series_log, next_file_id, .. } = states[1];
        let cutoff =
            VersionEdit { flushed_seq, wal_floor, series_log, next_file_id, cutoff: Some(7), ..VersionEdit::default() };
        let step = if cutoff_alone { cutoff } else { edit(2) };
        let error = manifest.append_edit(&step).unwrap_err();
        assert!(matches!(&error, AppendError::NotWritten(error) if error.is_out_of_space()), "{error:?}");
        assert_eq!((&read(&plain).state, manifest.state()), (&states[1], &states[1]));
        assert!(manifest.restore_reserve().unwrap_err().is_out_of_space());
        env.fill(false);
        manifest.restore_reserve().unwrap();
        assert!(manifest.reserve_bytes() > 0);
        env.fill(true);
        manifest.append_edit(&step).unwrap();
        assert_eq!(read(&plain).state, after_edit(&states[1], &step), "the edit is durable on a full disk");
        assert_eq!(manifest.reserve_bytes(), 0);
        let next = edit(if cutoff_alone { 2 } else { 3 });
        assert!(matches!(manifest.append_edit(&next), Err(AppendError::NotWritten(_))));
        env.fill(false);
        manifest.append_edit(&next).unwrap();
        assert_eq!(&read(&plain).state, manifest.state());
        let names: Vec<_> = plain.list().unwrap().into_iter().map(|entry| entry.name).collect();
        assert_eq!(names, [MANIFEST], "nothing is left of what failed");
    }
}

#[test]
fn a_lack_of_space_that_a_sync_reports_leaves_the_outcome_unknown() {
    let (temp, _) = temp();
    let env = FaultyEnv::default();
    let (mut manifest, _) = written(&env.dir(temp.path()), 1);
    env.inject_for_kind(EnvCall::Sync(SyncStep::ManifestEdit), 0, 1, EnvFault::Error(ErrorKind::StorageFull));
    assert!(matches!(manifest.append_edit(&edit(2)), Err(AppendError::OutcomeUnknown(_))));
}

#[test]
fn a_leftover_of_a_rewrite_is_replaced() {
    let (temp, dir) = temp();
    std::fs::write(temp.path().join(MANIFEST_TMP), b"torn").unwrap();
    written(&dir, 1);
    assert!(!temp.path().join(MANIFEST_TMP).exists());
    assert_eq!(read(&dir).record_count, 2);
}

#[test]
fn a_manifest_equals_the_golden_file_of_version_1() {
    let (temp, dir) = temp();
    let (_, states) = written(&dir, 2);
    let bytes = std::fs::read(temp.path().join(MANIFEST)).unwrap();
    assert_golden("v1/manifest", &bytes, include_bytes!("../../../tests/golden/v1/manifest"));
    std::fs::write(temp.path().join(MANIFEST), include_bytes!("../../../tests/golden/v1/manifest")).unwrap();
    assert_eq!(read(&dir).state, states[2]);
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

/// A power loss may take back an edit that is not synced. Only edits that hide points need to wait.
#[test]
fn a_reader_shows_a_moved_cutoff_only_once_its_edit_is_durable() {
    let (temp, plain) = temp();
    let env = FaultyEnv::default();
    let dir = env.dir(temp.path());
    let (mut manifest, _) = written(&dir, 3);
    let before = manifest.state().cutoff;
    let DurableState { flushed_seq, wal_floor, series_log, next_file_id, .. } = *manifest.state();
    let step =
        VersionEdit { flushed_seq, wal_floor, series_log, next_file_id, cutoff: Some(7), ..VersionEdit::default() };
    env.inject_for_kind(EnvCall::Open(OpenMode::Create), 0, 1, EnvFault::TooManyFiles);
    let mut cursor = ManifestCursor::open(&plain).unwrap();
    let looked = Arc::new(std::sync::Mutex::new(None));
    let look = {
        let (looked, plain) = (Arc::clone(&looked), plain.clone());
        move || {
            let change = cursor.advance(&plain).unwrap();
            let opened = ManifestCursor::open(&plain).unwrap();
            *looked.lock().unwrap() = Some((change, cursor.state().cutoff, opened.state().cutoff, cursor));
        }
    };
    env.on_sync(look);
    manifest.append_edit(&step).unwrap();
    let (change, shown, opened, mut cursor) = looked.lock().unwrap().take().unwrap();
    assert_eq!((change, shown, opened), (ManifestChange::Unchanged, before, before), "the edit is not synced");
    assert_eq!(cursor.advance(&plain).unwrap(), ManifestChange::Changed { records: 2 });
    assert_eq!((cursor.state().cutoff, cursor.record_count()), (Some(7), 6));
    assert_eq!(ManifestCursor::open(&plain).unwrap().state(), manifest.state());
}
