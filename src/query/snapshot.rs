//! A snapshot: one version and its files, as sources for the readers.

use std::ops::{RangeBounds, RangeInclusive};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use super::Query;
use super::catalog::{Catalog, CursorOptions, SeriesCursor, SeriesSources};
use super::explain::PruningCounts;
use super::latest_search::LatestSearch;
use super::limits::QueryBudget;
use super::memtable_source::MemtableSource;
use super::parallel::SERIES_COST_POINTS;
use super::runtime::Runtime;
use super::scan::Scan;
use super::series_scan::SeriesScan;
use super::sst_source::SstSource;
use super::version_cursor::VersionCursor;
use crate::engine::store::ReadContext;
use crate::platform::env::OwnerProcess;
use crate::state::hidden_ranges::HiddenRanges;
use crate::state::memtable::{ChunkList, MemtableView};
use crate::state::merge::BoxPointSource;
use crate::state::version::Version;
use crate::types::error::{Error, Result};
use crate::types::point::{Scalar, Timestamp};
use crate::types::selector::Selector;
use crate::types::series::{Series, SeriesId, SeriesInfo};
use crate::types::time_range::TimeRange;

/// Immutable view of the whole database at one moment; made by [`Db::snapshot`](crate::Db::snapshot) and
/// [`DbReader::snapshot`](crate::DbReader::snapshot).
///
/// A snapshot holds whole batches only. Later writes, deletes, flushes and compactions do not change it, and it can be
/// read after [`Db::close`](crate::Db::close). A snapshot is `Send`, owns its data, and is cheap to clone. As long as
/// it lives, it keeps the memory and the files that it sees, and the lock of the directory; [`Stats`](crate::Stats)
/// counts the memory and files that old snapshots keep.
///
/// | to | call |
/// |---|---|
/// | get the handle of a series | [`series`](Self::series) |
/// | list series, metrics, tags | [`list_series`](Self::list_series), [`metrics`](Self::metrics), [`tag_keys`](Self::tag_keys), [`tag_values`](Self::tag_values) |
/// | list them in pages, or for a time range | [`listing`](Self::listing) |
/// | count series by metric and tag | [`cardinality`](Self::cardinality) |
/// | look up unit, kind and description of metrics | [`metric_metadata`](Self::metric_metadata), [`list_metric_metadata`](Self::list_metric_metadata) |
/// | read the points of a series | [`scan`](Self::scan) |
/// | read the latest point | [`latest`](Self::latest), [`latest_before`](Self::latest_before), [`latest_each`](Self::latest_each) |
/// | read the points of many series as columns | [`scan_series`](Self::scan_series) |
/// | aggregate many series | [`query`](Self::query) |
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// use timestrata::{Batch, Db, SeriesKey, Timestamp};
///
/// let db = Db::open_blocking(dir.path().join("db"))?;
/// let load = db.create_series(SeriesKey::new("load")).blocking()?;
/// let before = db.snapshot();
/// let mut batch = Batch::new();
/// batch.push(load, Timestamp::from_secs(1), 0.5);
/// db.write_blocking(batch)?;
/// assert_eq!(before.scan(load, ..).collect_blocking()?.len(), 0);
/// assert_eq!(db.snapshot().scan(load, ..).collect_blocking()?.len(), 1);
/// # Ok::<(), timestrata::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub(super) inner: Arc<SnapshotState>,
}

// A snapshot never changes: a panic of the caller cannot leave it half changed.
impl UnwindSafe for Snapshot {}
impl RefUnwindSafe for Snapshot {}

#[derive(Debug, Clone)]
pub(super) struct SnapshotState {
    pub(super) version: Arc<Version>,
    /// Access to the files; `None` if the database was closed before the snapshot was taken.
    ///
    /// Then the memtables can still be read, but the files may belong to another opening.
    read_context: Option<Arc<ReadContext>>,
    pub(super) opening_id: u64,
    owner: OwnerProcess,
    runtime: Runtime,
}

impl Snapshot {
    pub(crate) fn new(
        version: Arc<Version>,
        read_context: Option<Arc<ReadContext>>,
        opening_id: u64,
        owner: OwnerProcess,
        runtime: Runtime,
    ) -> Self {
        Self { inner: Arc::new(SnapshotState { version, read_context, opening_id, owner, runtime }) }
    }

    /// Returns the sequence number of the newest record that the snapshot sees.
    ///
    /// The snapshot holds every acknowledged batch with this [`Ack::seq`](crate::Ack::seq) or a smaller one.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.inner.version.seq
    }

    /// Reads the points of a series in a time range.
    ///
    /// See [`Scan`] for the ways to read and for the order of the points. Any range of [`Timestamp`]s is allowed; a
    /// reversed range is empty. Nothing is read before the first point is requested, and an error takes the place of a
    /// point.
    pub fn scan<T: Scalar>(&self, series: Series<T>, range: impl RangeBounds<Timestamp>) -> Scan<T> {
        let range = TimeRange::from_bounds(&range);
        match self.inner.typed_sources(series, range) {
            Ok(sources) => Scan::new(range, sources),
            Err(error) => Scan::failed(error),
        }
    }

    /// Reads the points of all series that match, as columns.
    ///
    /// See [`SeriesScan`] for an example. Nothing is read here.
    pub fn scan_series(&self, selector: Selector) -> SeriesScan {
        let catalog: Arc<dyn Catalog> = self.inner.clone();
        SeriesScan::new(catalog, selector)
    }

    /// Returns the runtime of the database, which bounds the queries over its snapshots.
    #[must_use]
    pub fn runtime(&self) -> &Runtime {
        &self.inner.runtime
    }

    /// Estimates the cost of reading a number of series in a time range, in points; nothing is read.
    ///
    /// It is what a query passes to [`Runtime::begin_query`].
    #[must_use]
    pub fn expected_points(&self, series: usize, range: impl RangeBounds<Timestamp>) -> u64 {
        let points = Catalog::expected_points(&*self.inner, TimeRange::from_bounds(&range), series);
        points.saturating_add((series as u64).saturating_mul(SERIES_COST_POINTS))
    }

    /// Returns bounds of the times of all points; `None` without points. Nothing is read.
    ///
    /// Points that are hidden but not yet removed count, so the bounds may be wider than the visible points.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use timestrata::{Batch, Db, SeriesKey, Timestamp};
    ///
    /// let db = Db::open_blocking(dir.path().join("db"))?;
    /// assert_eq!(db.snapshot().time_bounds(), None);
    /// let mut batch = Batch::new();
    /// batch.push_key(&SeriesKey::new("load"), Timestamp::from_secs(1), 0.5);
    /// batch.push_key(&SeriesKey::new("load"), Timestamp::from_secs(9), 0.7);
    /// db.write_blocking(batch)?;
    /// assert_eq!(db.snapshot().time_bounds(), Some(Timestamp::from_secs(1)..=Timestamp::from_secs(9)));
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    #[must_use]
    pub fn time_bounds(&self) -> Option<RangeInclusive<Timestamp>> {
        let (first, last) = self.inner.time_bounds()?;
        Some(Timestamp::from_nanos(first)..=Timestamp::from_nanos(last))
    }

    /// Creates a query over the series that match.
    pub fn query(&self, selector: Selector) -> Query {
        let catalog: Arc<dyn Catalog> = self.inner.clone();
        Query::new(catalog, selector)
    }

    /// Returns the time before which retention hides the points of a series with this key, in nanoseconds.
    #[cfg(feature = "testing")]
    pub(crate) fn cutoff(&self, key: &crate::types::series::SeriesKey) -> Option<i64> {
        let cutoffs = &self.inner.version.cutoffs;
        let ruled = cutoffs.rules().iter().filter(|rule| rule.predicate.matches(key)).map(|rule| rule.cutoff);
        ruled.chain([cutoffs.global()]).max().flatten()
    }
}

impl SnapshotState {
    /// Returns the access to the files.
    ///
    /// # Errors
    /// [`Error::Closed`] if the database was closed before the snapshot was taken.
    pub(super) fn read_context(&self) -> Result<&Arc<ReadContext>> {
        self.read_context.as_ref().ok_or(Error::Closed)
    }

    /// Returns the first and the last time of files and memtables, in nanoseconds.
    fn time_bounds(&self) -> Option<(i64, i64)> {
        let version = &self.version;
        let files = version.ssts.iter().map(|sst| sst.rectangle.times);
        let memtables = version.frozen.iter().map(|frozen| &frozen.view).chain([&version.active]);
        let times = files.chain(memtables.filter_map(MemtableView::time_range));
        let bounds = times.map(|times| (times.first(), times.last()));
        bounds.reduce(|(first, last), (other_first, other_last)| (first.min(other_first), last.max(other_last)))
    }

    pub(super) fn typed_sources<T: Scalar>(&self, series: Series<T>, range: TimeRange) -> Result<SeriesSources<T>> {
        self.check_readable()?;
        let (index, id) = (&self.version.series, series.id());
        // A handle of a later series has no meaning in this version, although the opening knows its definition.
        let is_known = series.opening_id() == self.opening_id && id.get() < index.next_id();
        let given = is_known.then(|| index.definition_of_handle(id)).flatten();
        let given = given.ok_or(Error::StaleSeries { id: id.get() })?;
        if index.takes_points(id) {
            check_type::<T>(&given)?;
            return self.series_sources(&given, range);
        }
        // The series had no point left. Its key leads to the series that replaces it, if there is one.
        let def = index.find(&given.key).unwrap_or(&given);
        check_type::<T>(def)?;
        let range = if def.id == id { TimeRange::EMPTY } else { range };
        self.series_sources(def, range)
    }

    /// Returns the sources that may hold points of a series in a range, oldest first.
    ///
    /// Each source comes with the ranges that tombstones and the retention cutoff hide in it. No file is opened here,
    /// and files that cannot hold such points are left out.
    fn series_sources<T: Scalar>(&self, def: &SeriesInfo, range: TimeRange) -> Result<SeriesSources<T>> {
        let version = &self.version;
        let mut inputs: Vec<(BoxPointSource<T>, HiddenRanges)> = Vec::new();
        if range.is_empty() {
            return Ok(SeriesSources { inputs, duplicates: def.duplicates });
        }
        for meta in version.ssts.iter().filter(|sst| sst.rectangle.contains_any(def.id, range)) {
            let (context, meta) = (Arc::clone(self.read_context()?), Arc::clone(meta));
            let max_seq = meta.max_seq;
            let source = SstSource::new(context, meta, def.id, range);
            inputs.push((Box::new(source), version.hidden_ranges(def, max_seq)));
        }
        // A memtable applies the deletes that arrived while it was active; the version holds the later deletes.
        for frozen in &version.frozen {
            push_memtable_sources(&mut inputs, &frozen.view, def, range, || version.hidden_ranges(def, frozen.max_seq));
        }
        // No tombstone is newer than the active memtable: only the retention cutoff hides its points.
        push_memtable_sources(&mut inputs, &version.active, def, range, || version.hidden_ranges(def, u64::MAX));
        Ok(SeriesSources { inputs, duplicates: def.duplicates })
    }
}

/// Adds the two chunk lists of a memtable, the in-order list first.
///
/// Of two points at one timestamp, the point in the in-order list arrived first.
fn push_memtable_sources<T: Scalar>(
    inputs: &mut Vec<(BoxPointSource<T>, HiddenRanges)>,
    view: &MemtableView,
    def: &SeriesInfo,
    range: TimeRange,
    hidden: impl Fn() -> HiddenRanges,
) {
    let Some(times) = view.time_range() else { return };
    for list in [ChunkList::InOrder, ChunkList::Late] {
        if let Some(reader) = view.list_reader(def.id, list, range) {
            inputs.push((Box::new(MemtableSource::new(reader, times, range)), hidden()));
        }
    }
}

/// Checks that a series holds values of type `T`.
pub(super) fn check_type<T: Scalar>(def: &SeriesInfo) -> Result<()> {
    if def.value_type == T::TYPE {
        return Ok(());
    }
    Err(Error::TypeMismatch { series: def.key.to_string(), expected: def.value_type, found: T::TYPE })
}

impl Catalog for SnapshotState {
    fn check_readable(&self) -> Result<()> {
        // The caches that reads share have locks, which a thread that the fork did not copy may hold.
        self.owner.check()
    }

    fn runtime(&self) -> Runtime {
        self.runtime.clone()
    }

    fn select(&self, selector: &Selector) -> Vec<Arc<SeriesInfo>> {
        self.version.series.select_listed(&selector.to_index_filter()).map(Arc::clone).collect()
    }

    fn cursor(&self, options: CursorOptions) -> Box<dyn SeriesCursor> {
        Box::new(VersionCursor::new(self.clone(), options))
    }

    fn latest_points(
        &self,
        series: &[Arc<SeriesInfo>],
        range: TimeRange,
        budget: &QueryBudget<'_>,
    ) -> Result<Vec<Option<(Timestamp, u64)>>> {
        let found = LatestSearch::new(self, series, range).run(budget)?;
        Ok(found.into_iter().map(|found| found.map(|point| (Timestamp::from_nanos(point.time), point.bits))).collect())
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate"
    )]
    fn expected_points(&self, range: TimeRange, series: usize) -> u64 {
        let version = &self.version;
        let Some((first, last)) = self.time_bounds() else { return 0 };
        let (from, to) = (range.first().max(first), range.last().min(last));
        if from > to {
            return 0;
        }
        let share = (to.abs_diff(from) as f64 + 1.0) / (last.abs_diff(first) as f64 + 1.0);
        let per_series = version.points() as f64 / version.series.listed_count().max(1) as f64;
        (per_series * share * series as f64) as u64
    }

    fn pruning_counts(&self, selected: &[SeriesId], range: TimeRange) -> PruningCounts {
        let version = &self.version;
        let mut counts = PruningCounts {
            series: version.series.listed_count() as u64,
            series_selected: selected.len() as u64,
            ..PruningCounts::default()
        };
        let mut selected = selected.to_vec();
        selected.sort_unstable();
        for sst in version.ssts.iter() {
            let rectangle = &sst.rectangle;
            let first = selected.partition_point(|id| *id < rectangle.first_series);
            let meets_series = selected.get(first).is_some_and(|id| *id <= rectangle.last_series);
            let meets_time = rectangle.times.overlaps(range);
            counts.files += 1;
            counts.blocks += sst.blocks;
            if !meets_series {
                counts.files_by_series += 1;
            } else if !meets_time {
                counts.files_by_time += 1;
                counts.blocks_by_time += sst.blocks;
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests;
