//! Tests of what a power loss can destroy and what it cannot.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;

use super::super::{CallKind, CrashChoice, Fault, FaultTrigger, SimDisk};
use super::{OpenMode, STEP, contents, create, disk, disk_with, images, names, outcomes, path};

const DB: &str = "/db";

#[test]
fn unsynced_sectors_land_each_by_itself() {
    let (disk, env) = disk_with(&[("a", &[0; 1536])]);
    let file = env.open(&path("a"), OpenMode::Write).unwrap();
    file.write_at(0, &[1; 1536]).unwrap();
    let outcomes = outcomes(&disk, "a");
    assert_eq!(outcomes.len(), 8);
    let sectors: BTreeSet<Vec<u8>> =
        outcomes.into_iter().flatten().map(|bytes| vec![bytes[0], bytes[512], bytes[1024]]).collect();
    assert_eq!(sectors.len(), 8);
    file.sync(STEP).unwrap();
    assert_eq!(super::outcomes(&disk, "a"), [Some(vec![1; 1536])]);
}

#[test]
fn a_sector_never_shows_a_later_write_without_an_earlier_one() {
    let (disk, env) = disk_with(&[("a", b"..")]);
    let file = env.open(&path("a"), OpenMode::Write).unwrap();
    file.write_at(0, b"1").unwrap();
    file.write_at(1, b"2").unwrap();
    let expected: Vec<_> = ["..", "1.", "12"].map(|bytes| Some(bytes.as_bytes().to_vec())).into();
    assert_eq!(outcomes(&disk, "a"), expected);
}

#[test]
fn an_unsynced_append_is_lost_kept_or_read_as_zeros() {
    let (disk, env) = disk_with(&[("a", b"old")]);
    env.open(&path("a"), OpenMode::Write).unwrap().write_at(3, b"new").unwrap();
    let expected: Vec<_> = [&b"old"[..], b"old\0\0\0", b"oldnew"].map(|bytes| Some(bytes.to_vec())).into();
    assert_eq!(outcomes(&disk, "a"), expected);
}

#[test]
fn a_length_set_is_lost_or_kept() {
    let (disk, env) = disk_with(&[("a", b"abcdef")]);
    let file = env.open(&path("a"), OpenMode::Write).unwrap();
    file.set_len(2).unwrap();
    file.set_len(4).unwrap();
    let expected: Vec<_> = [&b"ab"[..], b"ab\0\0", b"abcdef"].map(|bytes| Some(bytes.to_vec())).into();
    assert_eq!(outcomes(&disk, "a"), expected);
    file.sync(STEP).unwrap();
    assert_eq!(outcomes(&disk, "a"), [Some(b"ab\0\0".to_vec())]);
}

#[test]
fn a_synced_file_has_no_name_until_its_directory_is_synced() {
    let (disk, env) = disk();
    create(&env, "a", b"bytes").sync(STEP).unwrap();
    assert_eq!(outcomes(&disk, "a"), [None, Some(b"bytes".to_vec())]);
    env.sync_dir(Path::new(DB), STEP).unwrap();
    assert_eq!(outcomes(&disk, "a"), [Some(b"bytes".to_vec())]);
}

#[test]
fn a_synced_name_does_not_make_the_bytes_durable() {
    let (disk, env) = disk();
    drop(create(&env, "a", b"b"));
    env.sync_dir(Path::new(DB), STEP).unwrap();
    assert_eq!(outcomes(&disk, "a"), [Some(vec![]), Some(vec![0]), Some(b"b".to_vec())]);
}

#[test]
fn a_rename_is_seen_whole_or_not_at_all() {
    let (disk, env) = disk_with(&[("new", b"new"), ("old", b"old")]);
    env.rename(&path("new"), &path("old")).unwrap();
    let mut seen: Vec<_> =
        images(&disk).iter().map(|image| (names(image), image.file(path("old")).unwrap().to_vec())).collect();
    seen.sort();
    let both = (vec!["new".to_owned(), "old".to_owned()], b"old".to_vec());
    assert_eq!(seen, [both, (vec!["old".to_owned()], b"new".to_vec())]);
    env.sync_dir(Path::new(DB), STEP).unwrap();
    assert_eq!(outcomes(&disk, "old"), [Some(b"new".to_vec())]);
}

#[test]
fn a_new_name_may_survive_where_the_old_one_never_did() {
    let (disk, env) = disk();
    create(&env, "tmp", b"x").sync(STEP).unwrap();
    env.rename(&path("tmp"), &path("a")).unwrap();
    let mut seen: Vec<_> = images(&disk).iter().map(names).collect();
    seen.sort();
    assert_eq!(seen, [vec![], vec!["a".to_owned()], vec!["tmp".to_owned()]]);
}

#[test]
fn a_second_name_survives_with_its_own_directory_and_leads_to_the_same_bytes() {
    let (disk, env) = disk_with(&[("old", b"one")]);
    env.create_dir(&path("sub")).unwrap();
    env.sync_dir(Path::new("/db"), STEP).unwrap();
    env.hard_link(&path("old"), &path("sub/new")).unwrap();
    assert_eq!(outcomes(&disk, "sub/new"), [None, Some(b"one".to_vec())]);
    env.sync_dir(&path("sub"), STEP).unwrap();

    env.remove(&path("old")).unwrap();
    env.sync_dir(Path::new("/db"), STEP).unwrap();
    assert_eq!(outcomes(&disk, "old"), [None]);
    assert_eq!(outcomes(&disk, "sub/new"), [Some(b"one".to_vec())], "the other name keeps the bytes");
    assert_eq!(contents(&env, "sub/new"), b"one");
    let taken = env.hard_link(&path("sub/new"), &path("sub/new")).unwrap_err();
    assert_eq!(taken.kind(), std::io::ErrorKind::AlreadyExists);
}

#[test]
fn names_are_lost_in_any_order() {
    let (disk, env) = disk_with(&[("c", b"")]);
    drop((env.open(&path("a"), OpenMode::Create).unwrap(), env.open(&path("b"), OpenMode::Create).unwrap()));
    env.remove(&path("c")).unwrap();
    let seen: BTreeSet<_> = images(&disk).iter().map(names).collect();
    assert_eq!(seen.len(), 8);
}

#[test]
fn a_directory_lost_takes_what_is_in_it() {
    let disk = SimDisk::new(1);
    let env = disk.env();
    env.create_dir(Path::new(DB)).unwrap();
    create(&env, "a", b"x").sync(STEP).unwrap();
    env.sync_dir(Path::new(DB), STEP).unwrap();
    assert_eq!(outcomes(&disk, "a"), [None, Some(b"x".to_vec())]);
    env.sync_dir(Path::new("/"), STEP).unwrap();
    assert_eq!(outcomes(&disk, "a"), [Some(b"x".to_vec())]);
}

#[test]
fn a_failed_sync_drops_the_pages_and_a_second_one_does_not_bring_them_back() {
    let (disk, env) = disk_with(&[("a", &[0; 1024])]);
    let file = env.open(&path("a"), OpenMode::Write).unwrap();
    file.write_at(0, &[1; 1024]).unwrap();
    disk.inject(FaultTrigger::Kind { kind: CallKind::Sync, skip: 0, times: 1 }, Fault::Error(ErrorKind::Other));
    assert!(file.sync(STEP).is_err());
    file.sync(STEP).unwrap();
    assert_eq!(contents(&env, "a"), [1; 1024], "the page cache shows them");
    assert_eq!(outcomes(&disk, "a").len(), 4, "any of them may have landed");
    assert_eq!(disk.state().durable_image().file(path("a")), Some(&[0; 1024][..]));

    file.write_at(0, &[1; 512]).unwrap();
    file.sync(STEP).unwrap();
    let left = outcomes(&disk, "a");
    assert_eq!(left.len(), 2, "bytes written again are pending again");
    assert!(left.iter().flatten().all(|bytes| bytes[..512] == [1; 512]));
}

#[test]
fn what_was_synced_over_dropped_bytes_stays() {
    let (disk, env) = disk();
    let file = create(&env, "a", b"abcdefgh");
    env.sync_dir(Path::new(DB), STEP).unwrap();
    disk.inject(FaultTrigger::Sync { step: STEP, skip: 0, times: 1 }, Fault::Error(ErrorKind::Other));
    assert!(file.sync(STEP).is_err());
    file.write_at(2, b"XY").unwrap();
    file.sync(STEP).unwrap();
    for bytes in outcomes(&disk, "a").into_iter().flatten() {
        assert_eq!(&bytes[2..4], b"XY");
    }
    file.set_len(3).unwrap();
    file.sync(STEP).unwrap();
    assert_eq!(outcomes(&disk, "a"), [Some(b"\0\0X".to_vec()), Some(b"abX".to_vec())]);
}

#[test]
fn a_failed_sync_of_a_directory_leaves_its_names_open() {
    let (disk, env) = disk();
    create(&env, "a", b"").sync(STEP).unwrap();
    disk.inject(FaultTrigger::Kind { kind: CallKind::SyncDir, skip: 0, times: 1 }, Fault::Error(ErrorKind::Other));
    assert!(env.sync_dir(Path::new(DB), STEP).is_err());
    env.sync_dir(Path::new(DB), STEP).unwrap();
    assert_eq!(outcomes(&disk, "a"), [None, Some(vec![])]);
    env.remove(&path("a")).unwrap();
    env.sync_dir(Path::new(DB), STEP).unwrap();
    assert_eq!(outcomes(&disk, "a"), [None], "a later change of the same name decides");
}

#[test]
fn few_images_come_all_and_many_begin_with_the_extremes() {
    let (disk, env) = disk();
    for name in ["a", "b", "c"] {
        create(&env, name, &[7; 4096]);
    }
    let state = disk.state();
    let mut some = state.images(40, 3);
    assert!(!some.is_exhaustive());
    let some: Vec<_> = some.by_ref().collect();
    assert_eq!(some.len(), 40);
    assert_eq!(some[0].choice(), Some(CrashChoice::Nothing));
    assert!(some[0].files().is_empty());
    assert_eq!(some[1].choice(), Some(CrashChoice::Everything));
    assert_eq!(some[1], disk.live_image());
    assert!(some.iter().any(|image| matches!(image.choice(), Some(CrashChoice::Drawn(_)))));
    let hashes: BTreeSet<u64> = some.iter().map(super::super::disk_image::DiskImage::hash).collect();
    assert_eq!(hashes.len(), 40);
    let other: Vec<_> = state.images(40, 4).collect();
    assert_ne!(some, other, "another seed draws others");
}

#[test]
fn two_files_and_two_names_give_every_combination() {
    let (disk, env) = disk_with(&[("a", &[0; 600])]);
    // Two sectors have four possible contents.
    env.open(&path("a"), OpenMode::Write).unwrap().write_at(0, &[1; 600]).unwrap();
    // A new file has four outcomes: absent, empty, zeros, bytes.
    drop(create(&env, "b", b"b"));
    // An empty new file has two outcomes: present or absent.
    drop(env.open(&path("c"), OpenMode::Create).unwrap());
    assert_eq!(images(&disk).len(), 4 * 4 * 2);
}

/// A measurement, not a guarantee; `cargo test -- --ignored --nocapture` prints it.
#[test]
#[ignore = "it measures, and asserts little"]
fn images_are_made_in_microseconds() {
    let files: Vec<(String, Vec<u8>)> = (0..10).map(|nth| (format!("{nth}.sst"), vec![7; 4096])).collect();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (&name[..], &bytes[..])).collect();
    let (disk, env) = disk_with(&files);
    let log = env.open(&path("0.sst"), OpenMode::Write).unwrap();
    for nth in 0..4 {
        log.write_at(nth * 1000, &[1; 1000]).unwrap();
    }
    drop(create(&env, "new", &[2; 2000]));
    let state = disk.state();
    let mut count = 0;
    let begun = env_time();
    for seed in 0..200 {
        count += state.images(256, seed).count();
    }
    let made = begun.elapsed();
    let image = state.live_image();
    let begun = env_time();
    for seed in 0..10_000 {
        assert_eq!(SimDisk::from_image(&image, seed).ops(), 0);
    }
    let opened = begun.elapsed();
    let begun = env_time();
    let few = disk_with(&files).0.state();
    for seed in 0..10_000 {
        assert_eq!(few.images(256, seed).count(), 1);
    }
    println!("{count} images in {made:?}; 10,000 disks in {opened:?}; 10,000 settled states in {:?}", begun.elapsed());
}

fn env_time() -> std::time::Instant {
    std::time::Instant::now()
}
