//! Tests of the install step: durable, then visible, then retired.

use super::tables::version_with_files;
use super::*;
use crate::engine::actor::install::VersionInstaller;
use crate::engine::actor::interfaces::PinTotal;
use crate::state::log_record::{AppendError, LogRecord};

/// Storage that records its steps, each with the number of files in the published version.
#[derive(Debug)]
struct StepLog {
    published: Arc<Watch<Version>>,
    steps: Vec<(&'static str, usize)>,
    edit_fails: Option<AppendError>,
    /// Number of definitions that came with the last edit.
    definitions: usize,
    pinned: PinStats,
}

impl StepLog {
    fn note(&mut self, step: &'static str) {
        self.steps.push((step, self.published.load().ssts.len()));
    }
}

impl WriterStorage for StepLog {
    fn append(&mut self, _: &[LogRecord<'_>]) -> Result<(), AppendError> {
        unreachable!("an install appends nothing to the WAL")
    }
    fn sync(&mut self) -> Result<()> {
        unreachable!("an install syncs nothing but the manifest")
    }
    fn write_sync_mark(&mut self) -> Result<(), AppendError> {
        unreachable!("an install writes no mark")
    }
    fn rotate_wal(&mut self) -> Result<FileId, AppendError> {
        unreachable!("an install rotates nothing")
    }
    fn prepare_series_log(&mut self, _: &[Arc<SeriesInfo>]) -> Result<()> {
        Ok(())
    }

    fn commit_edit(&mut self, _: VersionEdit, definitions: &[Arc<SeriesInfo>]) -> Result<(), AppendError> {
        self.note("commit edit");
        self.definitions = definitions.len();
        self.edit_fails.take().map_or(Ok(()), Err)
    }
    fn no_space(&self) -> Option<&Error> {
        unreachable!("an install appends nothing to the WAL")
    }
    fn restore_reserves(&mut self) {
        unreachable!("an install leaves that to the writer")
    }
    fn give_up_spares(&mut self) {
        unreachable!("an install leaves that to the writer")
    }
    fn remove_unused_wal_space(&mut self) {
        unreachable!("an install leaves that to the writer")
    }
    fn drop_wal_segments(&mut self) {
        unreachable!("an install removes no segment")
    }
    fn remove_ssts(&mut self, ids: &[FileId]) {
        self.note(if ids.len() == 1 { "remove one SST" } else { "remove SSTs" });
    }
    fn report_pins(&mut self, pinned: PinStats) {
        self.note("report pins");
        self.pinned = pinned;
    }
    fn report_read_only(&mut self, _: &Error, _: i64) {
        unreachable!("an install leaves that to the writer")
    }
    fn report_failed_flush(&mut self, _: Option<&Error>, _: i64) {}
}

fn installer(edit_fails: Option<AppendError>) -> (VersionInstaller, StepLog) {
    let version = version_with_files(1, vec![l0_file(1, 100, 0), l0_file(2, 100, 10)], vec![]);
    let published = Arc::new(Watch::new(Arc::new(version)));
    let (steps, pinned) = (vec![], PinStats::default());
    let storage = StepLog { published: Arc::clone(&published), steps, edit_fails, definitions: 0, pinned };
    (VersionInstaller::new(published), storage)
}

/// Returns the version without the first file, after a cutoff that hides the file.
fn without_first(version: &Version) -> Version {
    version.after_retention(version.cutoffs.advanced_to(Some(10), &[]), &[], 0)
}

#[test]
fn a_version_is_durable_before_it_is_visible_and_files_go_when_no_reader_holds_them() {
    let (mut versions, mut storage) = installer(None);
    let snapshot = storage.published.load();
    let timers = MockStorage::default();
    versions.install(without_first(&snapshot), &mut storage, &timers).unwrap();
    assert_eq!(storage.steps, [("commit edit", 2), ("report pins", 1)]);
    let pinned = PinTotal { count: 1, bytes: 100, oldest_retired_at: Some(Duration::ZERO) };
    assert_eq!(storage.pinned.files, pinned);
    storage.steps.clear();
    assert!(versions.remove_unpinned_files(&mut storage), "the snapshot holds the file");
    assert_eq!(storage.steps, [("report pins", 1)]);
    storage.steps.clear();
    drop(snapshot);
    assert!(!versions.remove_unpinned_files(&mut storage));
    assert_eq!(storage.steps, [("remove one SST", 1), ("report pins", 1)]);
    assert_eq!(storage.pinned, PinStats::default());
    storage.steps.clear();
    assert!(!versions.remove_unpinned_files(&mut storage));
    assert_eq!(storage.steps, [], "nothing is retired");
}

#[test]
fn a_version_whose_edit_failed_is_not_visible_and_removes_nothing() {
    let (mut versions, mut storage) = installer(Some(AppendError::OutcomeUnknown(Error::QueueFull)));
    let next = without_first(versions.current());
    let outcome = versions.install(next, &mut storage, &MockStorage::default());
    assert!(matches!(outcome, Err(AppendError::OutcomeUnknown(Error::QueueFull))));
    assert_eq!(versions.current().ssts.len(), 2);
    assert!(!versions.remove_unpinned_files(&mut storage));
    assert_eq!(storage.steps, [("commit edit", 2)]);
}

/// An edit that is certainly absent names nothing: its files go, and its definitions come with the next edit.
#[test]
fn the_files_of_an_edit_that_is_certainly_absent_are_removed_and_a_later_install_works() {
    let (mut versions, mut storage) = installer(Some(AppendError::NotWritten(Error::QueueFull)));
    let def = SeriesInfo { seq: 1, ..(*version_def()).clone() };
    versions.add_unlogged_series(&[Arc::new(def)]);
    let current = Arc::clone(versions.current());
    let added = Arc::new(l0_file(3, 100, 20));
    let ssts = current.ssts.iter().cloned().chain([added]).collect();
    let next = Version { ssts, seq: 3, flushed_seq: 3, ..(*current).clone() };
    let outcome = versions.install(next.clone(), &mut storage, &MockStorage::default());
    assert!(matches!(outcome, Err(AppendError::NotWritten(Error::QueueFull))));
    assert_eq!(storage.steps, [("commit edit", 2), ("remove one SST", 2)]);
    assert_eq!((versions.current().ssts.len(), storage.definitions), (2, 1));
    versions.install(next, &mut storage, &MockStorage::default()).unwrap();
    assert_eq!((versions.current().ssts.len(), storage.definitions), (3, 1));
}

fn version_def() -> Arc<SeriesInfo> {
    let mut series = SeriesIndex::default();
    let settings = NewSeriesSettings {
        seq: 1,
        cap: 8,
        max_tags: 64,
        key_bytes_cap: u64::MAX,
        duplicates: DuplicatePolicy::default(),
    };
    let id = series.find_or_create(&SeriesKey::new("m"), ValueType::F64, None, settings).unwrap().id();
    Arc::clone(series.get(id).unwrap())
}
