//! Tests of the opening of a directory: the names that are synced, refusals, and removed files.

use crate::engine::actor::FlushJob;
use crate::state::series_index::{NewSeriesSettings, SeriesIndex};
use crate::state::version::Cutoffs;
use crate::types::duplicate_policy::DuplicatePolicy;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::actor::{CancelFlag, FlushExecutor, WriterStorage};
use crate::format::manifest::{Manifest, ManifestContents};
use crate::platform::env::{Dir, OsEnv, SyncStep};
use crate::state::file_id::FileId;
use crate::state::log_record::LogRecord;
use crate::state::memtable::{FrozenMemtable, Memtable};
use crate::state::metric_metadata::MetadataMap;
use crate::state::version::DurableState;
use crate::testing::faulty_env::{EnvCall, FaultyEnv};
use crate::types::error::Error;
use crate::types::options::Options;
use crate::types::point::{PointColumns, ValueType};
use crate::types::series::{SeriesId, SeriesKey};

/// The name of an existing directory may be in the page cache only.
/// The directory may be new, or a crash may have ended the opening that created it.
#[test]
fn a_new_database_in_an_existing_directory_syncs_its_parent() {
    let dir = tempfile::tempdir().unwrap();
    let env = FaultyEnv::default();
    drop(super::open(Arc::new(env.clone()), dir.path(), &Options::default(), None, &CancelFlag::new()).unwrap());
    assert!(env.calls().contains(&EnvCall::SyncDir(SyncStep::ParentDirectory)));
}

/// A restored manifest predates the end of the first opening; the WAL has acknowledged records.
#[test]
fn a_manifest_older_than_the_wal_is_not_taken_for_an_unfinished_opening() {
    let dir = tempfile::tempdir().unwrap();
    let open = || super::open(Arc::new(OsEnv), dir.path(), &Options::default(), None, &CancelFlag::new());
    let mut opened = open().unwrap();
    let record = LogRecord { seq: 1, definitions: &[], points: PointColumns::default(), delete: None, metadata: None };
    opened.storage.append(&[record]).unwrap();
    opened.storage.sync().unwrap();
    drop(opened);
    let here = Dir::new(Arc::new(OsEnv), dir.path());
    let uuid = ManifestContents::read(&here).unwrap().uuid;
    Manifest::create(here, uuid, DurableState { next_file_id: FileId::new(1), ..DurableState::default() }).unwrap();
    assert!(matches!(open(), Err(Error::Corrupt { .. })));
}

/// The name of each created directory is an entry of its parent, so each parent is synced; also those of a directory
/// that an earlier opening may have created.
#[test]
fn every_directory_that_is_made_is_made_durable() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("d/e/f")).unwrap();
    for name in ["a/b/c", "d/e/f"] {
        let (env, path) = (FaultyEnv::default(), dir.path().join(name));
        drop(super::open(Arc::new(env.clone()), &path, &Options::default(), None, &CancelFlag::new()).unwrap());
        let synced = env.count(EnvCall::SyncDir(SyncStep::ParentDirectory));
        assert_eq!(synced, path.ancestors().skip(1).count(), "{name}");
    }
}

/// A crash between the rename and the edit of a flush leaves an SST that no edit names.
/// If a WAL record is damaged later, that SST may be the only valid copy of the record.
#[test]
fn an_opening_that_is_refused_deletes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let open = || super::open(Arc::new(OsEnv), dir.path(), &Options::default(), None, &CancelFlag::new());
    let mut opened = open().unwrap();
    for seq in 1..=2 {
        let record = LogRecord { seq, definitions: &[], points: PointColumns::default(), delete: None, metadata: None };
        opened.storage.append(&[record]).unwrap();
        opened.storage.sync().unwrap();
    }
    let unnamed = make_unnamed(&mut opened);
    drop(opened);
    let listed = super::DirectoryListing::list(&Dir::new(Arc::new(OsEnv), dir.path())).unwrap();
    let segment = dir.path().join(crate::format::wal::segment_name(*listed.wal.segments.keys().next().unwrap()));
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[128 + 20] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    assert!(matches!(open(), Err(Error::Corrupt { .. })));
    assert!(dir.path().join(unnamed).exists());
}

/// Writes an SST by a flush that is not installed. Returns its name, which no edit contains.
fn make_unnamed(opened: &mut super::open::OpenedDatabase) -> String {
    let mut series = SeriesIndex::default();
    series
        .find_or_create(
            &SeriesKey::new("m"),
            ValueType::U64,
            None,
            NewSeriesSettings {
                seq: 1,
                cap: 9,
                max_tags: 64,
                key_bytes_cap: u64::MAX,
                duplicates: DuplicatePolicy::default(),
            },
        )
        .unwrap();
    let mut memtable = Memtable::new();
    memtable.insert(PointColumns { series: &[SeriesId::new(0)], timestamps: &[1], bits: &[1] });
    let (view, next_segment) = (memtable.view(), FileId::default());
    let metadata = MetadataMap::default();
    let frozen = FrozenMemtable {
        generation: 1,
        view,
        series,
        metadata,
        min_seq: 1,
        max_seq: 1,
        next_wal_segment: next_segment,
    };
    let frozen = Arc::new(frozen);
    let job = FlushJob { frozen, cutoffs: Cutoffs::default(), newest_flushed_time: None };
    crate::format::sst::sst_file_name(opened.flusher.flush(&job).unwrap().ssts[0].id)
}

/// One rewrite of the manifest before the replay serves its durability and the removal of garbage.
/// The second rewrite commits the recovery.
#[test]
fn an_unfinished_database_with_garbage_is_rewritten_once_before_it_is_replayed() {
    let dir = tempfile::tempdir().unwrap();
    let mut opened = super::open(Arc::new(OsEnv), dir.path(), &Options::default(), None, &CancelFlag::new()).unwrap();
    let unnamed = make_unnamed(&mut opened);
    drop(opened);
    let here = Dir::new(Arc::new(OsEnv), dir.path());
    let uuid = ManifestContents::read(&here).unwrap().uuid;
    Manifest::create(here.clone(), uuid, DurableState { next_file_id: FileId::new(1), ..DurableState::default() })
        .unwrap();
    let env = FaultyEnv::default();
    let opened = super::open(Arc::new(env.clone()), dir.path(), &Options::default(), None, &CancelFlag::new()).unwrap();
    assert_eq!(opened.report.removed.iter().filter(|name| **name == unnamed).count(), 1);
    let rewrites = env.calls().iter().filter(|call| **call == EnvCall::Sync(SyncStep::ManifestRewrite)).count();
    assert_eq!(rewrites, 2);
}

#[test]
fn only_names_that_the_wal_writes_are_listed_as_its_files() {
    let temp = tempfile::tempdir().unwrap();
    for name in ["wal-00000000000000AB.log", "wal-1.log", "spare-00000000000000ab.log", "wal-+00000000000000a.log"] {
        std::fs::write(temp.path().join(name), b"").unwrap();
    }
    std::fs::create_dir(temp.path().join("wal-0000000000000001.log")).unwrap();
    std::fs::write(temp.path().join("wal-00000000000000ab.log"), b"123").unwrap();
    let wal = super::DirectoryListing::list(&Dir::new(Arc::new(OsEnv), temp.path())).unwrap().wal;
    let id = FileId::new(0xab);
    assert_eq!((wal.segments, wal.spares), (BTreeMap::from([(id, 3)]), BTreeMap::from([(id, 0)])));
}
