//! Opening, over files that fail on demand or tell what was asked of them.

use crate::actor::FlushJob;
use crate::options::Duplicates;
use crate::version::{Cutoffs, Making};
use std::sync::Arc;

use crate::actor::{LogRecord, Storage, Tables};
use crate::env::faulty::{Call, FaultyEnv};
use crate::env::{Dir, OsEnv, SyncStep};
use crate::error::Error;
use crate::manifest::{Manifest, ManifestRead};
use crate::memtable::{Frozen, Memtable};
use crate::options::Options;
use crate::point::{PointColumns, ValueType};
use crate::series::{SeriesId, SeriesKey};
use crate::version::{Durable, FileId, SeriesIndex};

/// Made by someone else a moment ago, or by an opening that was killed: its name may still be in the page cache alone.
#[test]
fn a_new_database_in_an_existing_directory_syncs_its_parent() {
    let dir = tempfile::tempdir().unwrap();
    let env = FaultyEnv::default();
    drop(super::open(Arc::new(env.clone()), dir.path(), &Options::default()).unwrap());
    assert!(env.calls().contains(&Call::SyncDir(SyncStep::ParentDirectory)));
}

/// Someone restored a manifest from before the first opening ended; the WAL beside it is full of acknowledged records.
#[test]
fn a_manifest_older_than_the_wal_is_not_taken_for_an_unfinished_opening() {
    let dir = tempfile::tempdir().unwrap();
    let open = || super::open(Arc::new(OsEnv), dir.path(), &Options::default());
    let mut opened = open().unwrap();
    let record = LogRecord { seq: 1, definitions: &[], points: PointColumns::default(), delete: None };
    opened.storage.append(&[record]).unwrap();
    opened.storage.sync().unwrap();
    drop(opened);
    let here = Dir::new(Arc::new(OsEnv), dir.path());
    let uuid = ManifestRead::read(&here).unwrap().uuid;
    Manifest::create(here, uuid, Durable { next_file: FileId::new(1), ..Durable::default() }).unwrap();
    assert!(matches!(open(), Err(Error::Corrupt { .. })));
}

/// Each level that an opening makes is a name in the level above it.
#[test]
fn every_directory_that_is_made_is_made_durable() {
    let dir = tempfile::tempdir().unwrap();
    let env = FaultyEnv::default();
    drop(super::open(Arc::new(env.clone()), &dir.path().join("a/b/c"), &Options::default()).unwrap());
    let synced = env.calls().iter().filter(|call| **call == Call::SyncDir(SyncStep::ParentDirectory)).count();
    assert_eq!(synced, 3);
}

/// Killed between a flush's rename and its edit; then a record of the WAL rots. The file is the only sound copy.
#[test]
fn an_opening_that_is_refused_deletes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let open = || super::open(Arc::new(OsEnv), dir.path(), &Options::default());
    let mut opened = open().unwrap();
    for seq in 1..=2 {
        let record = LogRecord { seq, definitions: &[], points: PointColumns::default(), delete: None };
        opened.storage.append(&[record]).unwrap();
        opened.storage.sync().unwrap();
    }
    let unnamed = make_unnamed(&mut opened);
    drop(opened);
    let listed = super::Directory::list(&Dir::new(Arc::new(OsEnv), dir.path())).unwrap();
    let segment = dir.path().join(crate::wal::segment_name(listed.segments[0]));
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[128 + 20] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    assert!(matches!(open(), Err(Error::Corrupt { .. })));
    assert!(dir.path().join(unnamed).exists());
}

/// The name of an SST that is made as a flush makes it, and that no edit names.
fn make_unnamed(opened: &mut super::Opened) -> String {
    let mut series = SeriesIndex::default();
    series
        .find_or_make(
            &SeriesKey::new("m"),
            ValueType::U64,
            None,
            Making { seq: 1, cap: 9, duplicates: Duplicates::default() },
        )
        .unwrap();
    let mut memtable = Memtable::new();
    memtable.insert(PointColumns { series: &[SeriesId::new(0)], timestamps: &[1], bits: &[1] });
    let (view, next_segment) = (memtable.view(), FileId::default());
    let frozen = Frozen { generation: 1, view, series, min_seq: 1, max_seq: 1, next_segment };
    let frozen = Arc::new(frozen);
    let job = FlushJob { frozen, cutoffs: Cutoffs::default(), newest_flushed_time: None };
    crate::sst::file_name(opened.tables.write(&job).unwrap().ssts[0].id)
}

/// Its manifest is made durable once more, and its garbage goes: one rewrite is enough for both, before the last one.
#[test]
fn an_unfinished_database_with_garbage_is_rewritten_once_before_it_is_replayed() {
    let dir = tempfile::tempdir().unwrap();
    let mut opened = super::open(Arc::new(OsEnv), dir.path(), &Options::default()).unwrap();
    let unnamed = make_unnamed(&mut opened);
    drop(opened);
    let here = Dir::new(Arc::new(OsEnv), dir.path());
    let uuid = ManifestRead::read(&here).unwrap().uuid;
    Manifest::create(here.clone(), uuid, Durable { next_file: FileId::new(1), ..Durable::default() }).unwrap();
    let env = FaultyEnv::default();
    let opened = super::open(Arc::new(env.clone()), dir.path(), &Options::default()).unwrap();
    assert_eq!(opened.report.removed.iter().filter(|name| **name == unnamed).count(), 1);
    let rewrites = env.calls().iter().filter(|call| **call == Call::Sync(SyncStep::ManifestRewrite)).count();
    assert_eq!(rewrites, 2);
}
