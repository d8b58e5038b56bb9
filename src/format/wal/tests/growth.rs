//! Tests of the length of the active segment.

use std::io::ErrorKind;

use super::*;
use crate::format::bytes::overwrite;
use crate::testing::faulty_env::{EnvCall, EnvFault, FaultyEnv};

/// A file that grows with each group would need a new length on the disk with each sync.
#[test]
fn a_segment_grows_in_steps_that_follow_what_was_written_and_not_behind_large_groups() {
    let (_temp, dir) = temp();
    let mut wal = new_wal(&dir, &new_ids());
    let len = |wal: &WalWriter| list_wal_files(&dir).unwrap().segments[&wal.active_segment()];
    let (mut seq, mut lens) = (0, vec![len(&wal)]);
    while wal.replay_bytes() < 300 << 10 {
        seq += 1;
        append(&mut wal, &[TestRecord::new(seq, 10)]);
        lens.push(len(&wal));
        let most =
            if wal.replay_bytes() < 32_000 { wal.replay_bytes() + 32 } else { 2 * wal.replay_bytes() + (8 << 10) };
        assert!(len(&wal) <= most, "{} of {}", wal.replay_bytes(), len(&wal));
    }
    lens.dedup();
    let steps = lens.iter().filter(|len| **len > 33 << 10).count();
    assert!((3..6).contains(&steps), "{lens:?}");
    let last = TestRecord::new(seq + 1, 100_000);
    append(&mut wal, std::slice::from_ref(&last));
    assert_eq!(len(&wal), wal.replay_bytes() + 32, "the next group is as large");
    wal.sync().unwrap();
    let (found, read_back) = read(&dir, wal.active_segment(), SegmentBound::Unsealed).unwrap();
    assert_eq!((found.len() as u64, found.last()), (seq + 1, Some(&last)));
    assert!(matches!(read_back.tail, SegmentTail::Clean { .. }));
}

/// An extension that fails takes all free space for a moment, so other files could not grow.
#[test]
fn a_segment_that_could_not_be_extended_is_not_extended_again() {
    let (temp, plain) = temp();
    let env = FaultyEnv::default();
    let mut wal = new_wal(&env.dir(temp.path()), &new_ids());
    let (mut seq, mut before, mut failed) = (0, 0, false);
    let writes = || env.count(EnvCall::Write);
    while wal.replay_bytes() < 100 << 10 {
        before = writes();
        // The second write of a group, if it has one, is the extension.
        env.inject_for_kind(EnvCall::Write, 1, 1, EnvFault::Error(ErrorKind::StorageFull));
        seq += 1;
        append(&mut wal, &[TestRecord::new(seq, 10)]);
        env.clear_faults();
        let extended = writes() > before + 1;
        assert!(!(failed && extended), "extended again at {}", wal.replay_bytes());
        failed |= extended;
    }
    assert!(failed && before > 0, "no extension was tried");
    assert!(wal.no_space().is_none());
    wal.sync().unwrap();
    let (found, _) = read(&plain, wal.active_segment(), SegmentBound::Unsealed).unwrap();
    assert_eq!(found.len() as u64, seq);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Simulates a power loss about the time of an extension: each sector written since the last sync has its old or its
    /// new bytes, and the file has its old length, its new one, or one between them.
    #[test]
    fn a_loss_of_unsynced_sectors_and_of_an_extension_loses_no_synced_record(
        fill in 1_500_u32..3_500, more in 1_u64..8, kept: u64, length_kept in 0_usize..=4,
    ) {
        let (temp, dir) = temp();
        let mut wal = new_wal(&dir, &new_ids());
        let path = temp.path().join(segment_name(wal.active_segment()));
        let batches: Vec<_> = (1..=more + 1).map(|seq| TestRecord::new(seq, if seq == 1 { fill } else { 40 })).collect();
        append(&mut wal, &batches[..1]);
        wal.sync().unwrap();
        let mut image = std::fs::read(&path).unwrap();
        for group in batches[1..].chunks(2) {
            append(&mut wal, group);
        }
        let (old_len, now) = (image.len(), std::fs::read(&path).unwrap());
        image.resize(now.len(), 0);
        for (n, (old, new)) in image.chunks_mut(512).zip(now.chunks(512)).enumerate() {
            if kept.rotate_right(u32::try_from(n % 64).unwrap()) & 1 == 1 {
                old.copy_from_slice(new);
            }
        }
        image.truncate(old_len + (now.len() - old_len) * length_kept / 4);
        overwrite(&path, &image);
        let (found, _) = read(&dir, wal.active_segment(), SegmentBound::Unsealed).unwrap();
        prop_assert!(!found.is_empty(), "the synced record is lost");
        prop_assert_eq!(&found[..], &batches[..found.len()]);
    }
}
