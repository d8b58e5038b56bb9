//! Tests of each rule of the simulated disk.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod differential;
mod faults;
mod loss;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::{CallKind, DiskImage, DiskOp, DiskState, SimDisk};
use crate::platform::env::{Env, File, OpenMode, SyncStep};

const STEP: SyncStep = SyncStep::WalGroup;

fn path(name: &str) -> PathBuf {
    Path::new("/db").join(name)
}

/// Creates a disk with a durable directory, and its environment. The log begins after both.
fn disk() -> (SimDisk, Arc<dyn Env>) {
    disk_with(&[])
}

fn disk_with(files: &[(&str, &[u8])]) -> (SimDisk, Arc<dyn Env>) {
    let files = files.iter().map(|(name, bytes)| (path(name), *bytes));
    let disk = SimDisk::from_image(&DiskImage::from_files(files).with_dir("/db"), 7);
    let env = disk.env();
    (disk, env)
}

fn create(env: &Arc<dyn Env>, name: &str, bytes: &[u8]) -> Box<dyn File> {
    let file = env.open(&path(name), OpenMode::Create).unwrap();
    file.write_at(0, bytes).unwrap();
    file
}

fn contents(env: &Arc<dyn Env>, name: &str) -> Vec<u8> {
    let file = env.open(&path(name), OpenMode::Read).unwrap();
    let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
    file.read_at(0, &mut bytes).unwrap();
    bytes
}

fn images(disk: &SimDisk) -> Vec<DiskImage> {
    let images = disk.state().images(100_000, 1);
    assert!(images.is_exhaustive());
    images.collect()
}

/// Possible contents of a file after a power loss, sorted; `None` if the name of the file is lost.
fn outcomes(disk: &SimDisk, name: &str) -> Vec<Option<Vec<u8>>> {
    let mut all: Vec<_> = images(disk).iter().map(|image| image.file(path(name)).map(<[u8]>::to_vec)).collect();
    all.sort();
    all.dedup();
    all
}

fn names(image: &DiskImage) -> Vec<String> {
    image.files().keys().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

#[test]
fn every_sync_step_is_in_the_list_of_all() {
    let number = |step| match step {
        SyncStep::WalGroup => 0,
        SyncStep::WalSegmentEnd => 1,
        SyncStep::WalHeader => 2,
        SyncStep::WalDirectory => 3,
        SyncStep::SstData => 4,
        SyncStep::SstDirectory => 5,
        SyncStep::SeriesLogData => 6,
        SyncStep::SeriesLogRewrite => 7,
        SyncStep::SeriesLogRewriteDirectory => 8,
        SyncStep::ManifestEdit => 9,
        SyncStep::ManifestRewrite => 10,
        SyncStep::ManifestDirectory => 11,
        SyncStep::ParentDirectory => 12,
        SyncStep::BackupCopy => 13,
        SyncStep::BackupDirectory => 14,
        SyncStep::Reserve => 15,
        SyncStep::ReaderDirectory => 16,
    };
    let mut numbers: Vec<usize> = SyncStep::ALL.into_iter().map(number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..17).collect::<Vec<_>>());
}

#[test]
fn the_wall_clock_jumps_and_the_timers_clock_does_not() {
    let (disk, env) = disk();
    let began = env.wall_clock_nanos();
    disk.advance(Duration::from_nanos(5));
    assert_eq!((env.wall_clock_nanos(), env.monotonic_now()), (began + 5, Duration::from_nanos(5)));
    for set in [0, -7, i64::MAX, i64::MIN] {
        disk.set_wall(set);
        assert_eq!((env.wall_clock_nanos(), env.monotonic_now()), (set, Duration::from_nanos(5)));
    }
    disk.set_wall(i64::MAX);
    disk.advance(Duration::from_secs(1));
    assert_eq!(env.wall_clock_nanos(), i64::MAX, "the end of time stays");
}

#[test]
fn a_killed_process_leaves_what_it_wrote_and_no_locks() {
    let (disk, env) = disk();
    let file = create(&env, "a", b"one");
    let lock = env.try_lock(&path("LOCK")).unwrap().unwrap();
    assert!(env.try_lock(&path("LOCK")).unwrap().is_none());
    disk.kill();
    let (ops, trace, calls) = (disk.ops(), disk.trace_hash(), disk.calls());

    assert!(file.write_at(0, b"two").is_err());
    assert!(file.sync(STEP).is_err());
    assert!(file.len().is_err());
    assert!(lock.write_pid().is_err());
    assert!(env.open(&path("a"), OpenMode::Read).is_err());
    assert!(env.remove(&path("a")).is_err());
    assert!(env.list(Path::new("/db")).is_err());
    assert_eq!((disk.ops(), disk.trace_hash(), disk.calls()), (ops, trace, calls));

    let next = disk.env();
    assert_eq!(contents(&next, "a"), b"one");
    let held = next.try_lock(&path("LOCK")).unwrap().unwrap();
    drop((lock, file));
    assert!(next.try_lock(&path("LOCK")).unwrap().is_none(), "the former holder's end frees nothing");
    drop(held);
    assert!(next.try_lock(&path("LOCK")).unwrap().is_some());
    assert!(outcomes(&disk, "a").contains(&None), "nothing was synced by dying");
}

#[test]
fn readers_share_a_lock_and_shut_out_a_writer() {
    let (_disk, env) = disk();
    let lock = path("LOCK");
    assert_eq!(env.try_lock_shared(&lock).unwrap_err().kind(), std::io::ErrorKind::NotFound);
    drop(env.try_lock(&lock).unwrap().unwrap());
    let (first, second) = (env.try_lock_shared(&lock).unwrap().unwrap(), env.try_lock_shared(&lock).unwrap().unwrap());
    assert!(env.try_lock(&lock).unwrap().is_none());
    drop(first);
    assert!(env.try_lock(&lock).unwrap().is_none());
    drop(second);
    let held = env.try_lock(&lock).unwrap().unwrap();
    held.write_pid().unwrap();
    assert!(env.try_lock_shared(&lock).unwrap().is_none());
    assert!(!contents(&env, "LOCK").is_empty());
}

#[test]
fn a_removed_file_is_read_as_long_as_it_is_open_and_then_freed() {
    let (disk, env) = disk();
    let file = create(&env, "a", b"kept");
    env.sync_dir(Path::new("/db"), STEP).unwrap();
    env.remove(&path("a")).unwrap();
    env.sync_dir(Path::new("/db"), STEP).unwrap();
    let mut bytes = [0; 4];
    file.read_at(0, &mut bytes).unwrap();
    assert_eq!(&bytes, b"kept");
    assert_eq!(disk.state().files.len(), 1);
    drop(file);
    assert_eq!(disk.state().files.len(), 0);
}

#[test]
fn a_removed_name_that_may_come_back_keeps_its_bytes() {
    let (disk, env) = disk_with(&[("a", b"old")]);
    env.remove(&path("a")).unwrap();
    assert_eq!(outcomes(&disk, "a"), [None, Some(b"old".to_vec())]);
}

/// Makes a fixed sequence of calls, so that two runs can be compared.
fn some_calls(seed: u64) -> SimDisk {
    let disk = SimDisk::new(seed);
    let env = disk.env();
    env.create_dir(Path::new("/db")).unwrap();
    for name in ["a", "b", "c", "d", "e"] {
        create(&env, name, name.as_bytes()).sync(STEP).unwrap();
        disk.advance(Duration::from_millis(3));
    }
    let order: Vec<String> = env.list(Path::new("/db")).unwrap().into_iter().map(|entry| entry.name).collect();
    env.remove(&path(&order[0])).unwrap();
    create(&env, &env.random_uuid().to_string(), b"");
    disk
}

#[test]
fn equal_seeds_give_equal_traces_and_equal_images() {
    let (one, same, other) = (some_calls(1), some_calls(1), some_calls(2));
    assert_eq!(one.trace_hash(), same.trace_hash());
    assert_eq!(one.log(), same.log());
    assert_ne!(one.trace_hash(), other.trace_hash());
    let hashes = |disk: &SimDisk| disk.state().images(50, 9).map(|image| image.hash()).collect::<Vec<_>>();
    assert_eq!(hashes(&one), hashes(&same));
    assert_eq!(one.now(), Duration::from_millis(15));
    assert_eq!(one.env().monotonic_now(), one.now());
}

#[test]
fn the_log_replayed_over_its_base_gives_the_state() {
    let (disk, env) = disk_with(&[("a", b"old")]);
    env.open(&path("a"), OpenMode::Write).unwrap().write_at(1, b"new").unwrap();
    disk.record(true);
    let begun = disk.live_image();
    let file = create(&env, "b", b"bytes");
    file.sync(STEP).unwrap();
    env.rename(&path("b"), &path("a")).unwrap();
    assert_eq!(disk.ops(), 4);
    let mut state = disk.base();
    assert_eq!(state.live_image(), begun);
    disk.log().iter().for_each(|op| state.apply(op));
    assert_eq!(state.live_image(), disk.live_image());
    let hashes = |state: &DiskState| state.images(1_000, 1).map(|image| image.hash()).collect::<Vec<_>>();
    assert_eq!(hashes(&state), hashes(&disk.state()));
    assert!(matches!(disk.log()[2], DiskOp::Sync { step: STEP, .. }));
    assert_eq!(disk.count(CallKind::Rename), 1);

    disk.record(false);
    env.remove(&path("a")).unwrap();
    assert!(disk.log().is_empty());
    assert_eq!(disk.ops(), 1);
}

#[test]
fn an_image_can_be_put_together_by_hand() {
    let image = DiskImage::from_files([(path("a"), b"one".to_vec()), (path("sub/b"), Vec::new())]);
    assert_eq!(image.dirs().iter().collect::<Vec<_>>(), [Path::new("/db"), Path::new("/db/sub")]);
    assert_eq!(image.choice(), None);
    let changed = image.with_file(path("a"), *b"two");
    assert_eq!(changed.file(path("a")), Some(&b"two"[..]));
    assert_eq!(image.file(path("a")), Some(&b"one"[..]));
    assert_ne!(changed.hash(), image.hash());
    assert_eq!(changed.with_file(path("a"), *b"one").hash(), image.hash());
    assert_eq!(image.without_file(path("a")).file(path("a")), None);
    let disk = SimDisk::from_image(&image, 1);
    assert_eq!(contents(&disk.env(), "a"), b"one");
    assert!(disk.state().is_fully_durable());
    assert_eq!(disk.live_image(), image);
    assert_eq!(images(&disk), [image]);
}
