//! A snapshot: one version, and the files it names. It turns both into sources for the readers above.

use std::ops::RangeBounds;
use std::sync::Arc;

use super::blocking::Wanted;
use super::catalog::{AnySources, Catalog, SeriesInfo, Sources};
use super::explain::{Census, Work};
use super::memory::LaneSource;
use super::newest::newest_of;
use super::scan::Scan;
use super::select::Select;
use super::table::SstSource;
use super::{Query, unblock};
use crate::error::{Error, Result};
use crate::memtable::{Lane, View};
use crate::merge::{BoxSource, TimeRange};
use crate::point::{Point, Sample, Timestamp, Value, ValueType};
use crate::series::{Series, SeriesDef, SeriesId, SeriesKey};
use crate::store::Readers;
use crate::version::{Hidden, Version};

/// The whole database as it was at one moment.
///
/// It holds whole batches only, and holds still: whatever is written, flushed or closed meanwhile, it answers the
/// same. Owned, `Send` and cheap to clone; while it lives it keeps alive the memory and files that it sees, and the
/// directory's lock.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// use timestrata::{Batch, Db, SeriesKey, Timestamp};
///
/// let db = Db::open_blocking(dir.path().join("db"))?;
/// let load = db.series_blocking(SeriesKey::new("load"))?;
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
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) version: Arc<Version>,
    /// `None` of a database that was closed before: its memory is still here, its files may be another's by now.
    readers: Option<Arc<Readers>>,
    nonce: u64,
}

impl Snapshot {
    pub(crate) fn new(version: Arc<Version>, readers: Option<Arc<Readers>>, nonce: u64) -> Self {
        Self { inner: Arc::new(Inner { version, readers, nonce }) }
    }

    /// The newest record that it sees: every acknowledged batch with this seq or a smaller one is in it, whole.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.inner.version.seq
    }

    /// The series that match, sorted by key.
    ///
    /// A series of which a delete or retention has left no point is listed no more, until its next point; its key keeps its
    /// number, type and treatment of duplicates.
    #[must_use]
    pub fn series(&self, select: &Select) -> Vec<SeriesInfo> {
        self.inner.select(select).into_iter().map(Arc::unwrap_or_clone).collect()
    }

    /// The series of a key, if it is listed.
    #[must_use]
    pub fn find(&self, key: &SeriesKey) -> Option<SeriesInfo> {
        let series = &self.inner.version.series;
        series.find(key).filter(|def| !series.gone().contains(def.id)).map(|def| info(def))
    }

    /// The series of a key, to be scanned as `T`; also one that is listed no more.
    ///
    /// # Errors
    /// [`Error::NoSuchSeries`] if the snapshot has none; [`Error::TypeMismatch`] if it holds another type.
    pub fn typed<T: Sample>(&self, key: &SeriesKey) -> Result<Series<T>> {
        let def = self.inner.version.series.find(key).ok_or_else(|| Error::NoSuchSeries { key: key.to_string() })?;
        check_type::<T>(def)?;
        Ok(Series::new(def.id, self.inner.nonce))
    }

    /// The points of a series in a range of time, in time order; those of one timestamp in the order they arrived, as
    /// far as the series keeps them ([`Duplicates`](crate::Duplicates)).
    ///
    /// Any range of [`Timestamp`]s will do; a reversed one is empty. Nothing is read before the first point is asked
    /// for, and whatever goes wrong, a `Series` of another opening included, comes in the place of a point.
    pub fn scan<T: Sample>(&self, series: Series<T>, range: impl RangeBounds<Timestamp>) -> Scan<T> {
        let range = TimeRange::new(&range);
        match self.inner.typed_sources(series, range) {
            Ok(sources) => Scan::new(range, sources),
            Err(error) => Scan::failed(error),
        }
    }

    /// The newest point of a series: the greatest timestamp, and of several there the one that arrived last, or first
    /// if the series keeps the first.
    ///
    /// # Errors
    /// Whatever reading met; [`Error::UnknownSeries`] for a `Series` of another opening.
    pub async fn latest<T: Sample>(&self, series: Series<T>) -> Result<Option<Point<T>>> {
        let snapshot = self.clone();
        unblock(move |_| snapshot.latest_blocking(series)).await
    }

    /// The blocking twin of [`latest`](Self::latest).
    ///
    /// # Errors
    /// As for `latest`.
    pub fn latest_blocking<T: Sample>(&self, series: Series<T>) -> Result<Option<Point<T>>> {
        self.inner.typed_sources(series, TimeRange::ALL)?.latest()
    }

    /// Before which time retention hides what a series of this key has, if there is one.
    #[cfg(feature = "testing")]
    pub(crate) fn cutoff(&self, key: &SeriesKey) -> Option<i64> {
        let cutoffs = &self.inner.version.cutoffs;
        let ruled = cutoffs.rules().iter().filter(|rule| rule.matcher.matches(key)).map(|rule| rule.cutoff);
        ruled.chain([cutoffs.all()]).max().flatten()
    }

    /// The newest point of a series before a time: the state at that time, if a point tells of a change.
    ///
    /// # Errors
    /// As for [`latest`](Self::latest).
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use timestrata::{Batch, Db, SeriesKey, Timestamp};
    ///
    /// let db = Db::open_blocking(dir.path().join("db"))?;
    /// let door = db.series_as_blocking::<bool>(SeriesKey::new("door_open"))?;
    /// let mut batch = Batch::new();
    /// batch.push(door, Timestamp::from_secs(10), true);
    /// batch.push(door, Timestamp::from_secs(20), false);
    /// db.write_blocking(batch)?;
    /// let before = |secs| db.snapshot().last_before_blocking(door, Timestamp::from_secs(secs));
    /// assert_eq!(before(20)?.map(|point| point.value), Some(true));
    /// assert_eq!(before(10)?, None);
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    pub async fn last_before<T: Sample>(&self, series: Series<T>, time: Timestamp) -> Result<Option<Point<T>>> {
        let snapshot = self.clone();
        unblock(move |_| snapshot.last_before_blocking(series, time)).await
    }

    /// The blocking twin of [`last_before`](Self::last_before).
    ///
    /// # Errors
    /// As for `last_before`.
    pub fn last_before_blocking<T: Sample>(&self, series: Series<T>, time: Timestamp) -> Result<Option<Point<T>>> {
        self.inner.typed_sources(series, TimeRange::new(&..time))?.latest()
    }

    /// The newest point of each series that matches and has one, in key order.
    ///
    /// # Errors
    /// [`Error::InvalidQuery`] for a selector with a bad pattern; else whatever reading met.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use timestrata::{Batch, Db, Select, SeriesKey, Timestamp};
    ///
    /// let db = Db::open_blocking(dir.path().join("db"))?;
    /// let mut batch = Batch::new();
    /// batch.push_key(&SeriesKey::new("load").tag("host", "a"), Timestamp::from_secs(1), 0.5);
    /// batch.push_key(&SeriesKey::new("load").tag("host", "b"), Timestamp::from_secs(2), 1.5);
    /// db.write_blocking(batch)?;
    /// for (series, point) in db.snapshot().latest_of_blocking(&Select::metric("load"))? {
    ///     println!("{series} {} {}", point.timestamp, point.value);
    /// }
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    pub async fn latest_of(&self, select: &Select) -> Result<Vec<(Arc<SeriesInfo>, Point<Value>)>> {
        let (snapshot, select) = (self.clone(), select.clone());
        unblock(move |wanted| newest_of(&*snapshot.inner, &select, TimeRange::ALL, wanted)).await
    }

    /// The blocking twin of [`latest_of`](Self::latest_of).
    ///
    /// # Errors
    /// As for `latest_of`.
    pub fn latest_of_blocking(&self, select: &Select) -> Result<Vec<(Arc<SeriesInfo>, Point<Value>)>> {
        newest_of(&*self.inner, select, TimeRange::ALL, &Wanted::ALWAYS)
    }

    /// The newest point before a time of each series that matches and has one, in key order.
    ///
    /// # Errors
    /// As for [`latest_of`](Self::latest_of).
    pub async fn last_before_of(
        &self,
        select: &Select,
        time: Timestamp,
    ) -> Result<Vec<(Arc<SeriesInfo>, Point<Value>)>> {
        let (snapshot, select) = (self.clone(), select.clone());
        unblock(move |wanted| newest_of(&*snapshot.inner, &select, TimeRange::new(&..time), wanted)).await
    }

    /// The blocking twin of [`last_before_of`](Self::last_before_of).
    ///
    /// # Errors
    /// As for `last_before_of`.
    pub fn last_before_of_blocking(
        &self,
        select: &Select,
        time: Timestamp,
    ) -> Result<Vec<(Arc<SeriesInfo>, Point<Value>)>> {
        newest_of(&*self.inner, select, TimeRange::new(&..time), &Wanted::ALWAYS)
    }

    /// A query over the series that match.
    pub fn query(&self, select: Select) -> Query {
        let catalog: Arc<dyn Catalog> = self.inner.clone();
        Query::new(catalog, select)
    }
}

impl Inner {
    fn typed_sources<T: Sample>(&self, series: Series<T>, range: TimeRange) -> Result<Sources<T>> {
        let def = self.version.series.get(series.id()).filter(|_| series.nonce() == self.nonce);
        let def = def.ok_or(Error::UnknownSeries { id: series.id().get() })?;
        check_type::<T>(def)?;
        self.sources_of(def, range, None)
    }

    /// Whatever may hold points of a series in a range, oldest first, each with what tombstones and cutoff hide of it.
    /// No file is opened here, and none that cannot matter ever will be.
    fn sources_of<T: Sample>(&self, def: &SeriesDef, range: TimeRange, work: Option<&Arc<Work>>) -> Result<Sources<T>> {
        let version = &self.version;
        let mut lanes: Vec<(BoxSource<T>, Hidden)> = Vec::new();
        if range.is_empty() {
            return Ok(Sources { lanes, duplicates: def.duplicates });
        }
        let times = range.as_inclusive();
        for meta in version.ssts.iter().filter(|sst| sst.rectangle.meets(def.id, &times)) {
            let readers = self.readers.as_ref().ok_or(Error::Closed)?;
            let (readers, meta) = (Arc::clone(readers), Arc::clone(meta));
            let max_seq = meta.max_seq;
            let source = SstSource::new(readers, meta, def.id, range, work.cloned());
            lanes.push((Box::new(source), version.hidden(def, max_seq)));
        }
        // A memtable applies the deletes that came while it was active; those that came later are the version's.
        for frozen in &version.frozen {
            push_lanes(&mut lanes, &frozen.view, def, range, || version.hidden(def, frozen.max_seq));
        }
        // No tombstone is newer than the active one: the cutoff alone counts.
        push_lanes(&mut lanes, &version.active, def, range, || version.hidden(def, u64::MAX));
        Ok(Sources { lanes, duplicates: def.duplicates })
    }
}

/// A memtable's two lanes, the main one first: on a tie its point arrived before its late twin.
fn push_lanes<T: Sample>(
    lanes: &mut Vec<(BoxSource<T>, Hidden)>,
    view: &View,
    def: &SeriesDef,
    range: TimeRange,
    hidden: impl Fn() -> Hidden,
) {
    let Some(times) = view.times() else { return };
    for lane in [Lane::Main, Lane::Late] {
        if let Some(reader) = view.lane(def.id, lane, &range.as_inclusive()) {
            lanes.push((Box::new(LaneSource::new(reader, times, range)), hidden()));
        }
    }
}

fn check_type<T: Sample>(def: &SeriesDef) -> Result<()> {
    if def.ty == T::TYPE {
        return Ok(());
    }
    Err(Error::TypeMismatch { series: def.key.to_string(), expected: def.ty, found: T::TYPE })
}

pub(super) fn info(def: &SeriesDef) -> SeriesInfo {
    SeriesInfo { id: def.id, key: def.key.clone(), value_type: def.ty, duplicates: def.duplicates }
}

impl Catalog for Inner {
    fn select(&self, select: &Select) -> Vec<Arc<SeriesInfo>> {
        let filter = select.filter();
        let matching = self.version.series.select_listed(&filter);
        let mut found: Vec<Arc<SeriesInfo>> = matching.map(|def| Arc::new(info(def))).collect();
        found.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        found
    }

    fn sources(&self, series: &SeriesInfo, range: TimeRange, work: Option<&Arc<Work>>) -> Result<AnySources> {
        let def = self.version.series.get(series.id).ok_or(Error::UnknownSeries { id: series.id.get() })?;
        Ok(match def.ty {
            ValueType::F64 => AnySources::F64(self.sources_of(def, range, work)?),
            ValueType::I64 => AnySources::I64(self.sources_of(def, range, work)?),
            ValueType::U64 => AnySources::U64(self.sources_of(def, range, work)?),
            ValueType::Bool => AnySources::Bool(self.sources_of(def, range, work)?),
        })
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate"
    )]
    fn expected_points(&self, range: TimeRange) -> u64 {
        let version = &self.version;
        let first = version.ssts.iter().map(|sst| sst.rectangle.first_time).min();
        let (Some(first), Some(last)) = (first, version.newest_flushed_time()) else { return 0 };
        let (from, to) = (range.first().max(first), range.last().min(last));
        if from > to {
            return 0;
        }
        let share = (to.abs_diff(from) as f64 + 1.0) / (last.abs_diff(first) as f64 + 1.0);
        (version.points() as f64 / version.series.live().max(1) as f64 * share) as u64
    }

    fn census(&self, selected: &[SeriesId], range: TimeRange) -> Census {
        let version = &self.version;
        let mut census = Census {
            series: version.series.live() as u64,
            series_selected: selected.len() as u64,
            ..Census::default()
        };
        let mut selected = selected.to_vec();
        selected.sort_unstable();
        for sst in version.ssts.iter() {
            let rectangle = &sst.rectangle;
            let first = selected.partition_point(|id| *id < rectangle.first_series);
            let meets_series = selected.get(first).is_some_and(|id| *id <= rectangle.last_series);
            let meets_time = rectangle.first_time <= range.last() && range.first() <= rectangle.last_time;
            census.files += 1;
            census.blocks += sst.blocks;
            if !meets_series {
                census.files_by_series += 1;
            } else if !meets_time {
                census.files_by_time += 1;
                census.blocks_by_time += sst.blocks;
            }
        }
        census
    }
}

#[cfg(test)]
mod tests;
