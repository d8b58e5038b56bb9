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
    edit_fails: bool,
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
    fn write_sync_mark(&mut self) -> Result<()> {
        unreachable!("an install writes no mark")
    }
    fn rotate_wal(&mut self) -> Result<FileId, AppendError> {
        unreachable!("an install rotates nothing")
    }
    fn prepare_series_log(&mut self, _: &[Arc<SeriesDef>]) -> Result<()> {
        Ok(())
    }

    fn commit_edit(&mut self, _: VersionEdit, _: &[Arc<SeriesDef>]) -> Result<()> {
        self.note("commit edit");
        if self.edit_fails { Err(Error::QueueFull) } else { Ok(()) }
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
}

fn installer(edit_fails: bool) -> (VersionInstaller, StepLog) {
    let version = version_with_files(1, vec![l0_file(1, 100, 0), l0_file(2, 100, 10)], vec![]);
    let published = Arc::new(Watch::new(Arc::new(version)));
    let storage = StepLog { published: Arc::clone(&published), steps: vec![], edit_fails, pinned: PinStats::default() };
    (VersionInstaller::new(published), storage)
}

/// Returns the version without the first file, after a cutoff that hides the file.
fn without_first(version: &Version) -> Version {
    version.after_retention(version.cutoffs.advanced_to(Some(10), &[]), &[])
}

#[test]
fn a_version_is_durable_before_it_is_visible_and_files_go_when_no_reader_holds_them() {
    let (mut versions, mut storage) = installer(false);
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
    let (mut versions, mut storage) = installer(true);
    let next = without_first(versions.current());
    let outcome = versions.install(next, &mut storage, &MockStorage::default());
    assert!(matches!(outcome, Err(Error::QueueFull)));
    assert_eq!(versions.current().ssts.len(), 2);
    assert!(!versions.remove_unpinned_files(&mut storage));
    assert_eq!(storage.steps, [("commit edit", 2)]);
}
