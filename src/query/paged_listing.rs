//! Listings of many series: bounded by a time range, in pages, and cancellable.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeBounds;
use std::sync::Arc;

use super::catalog::{Catalog, CursorOptions, SeriesCursor};
use super::offload::{CancelToken, run_offloaded};
use super::snapshot::Snapshot;
use crate::format::sst::Columns;
use crate::state::series_index::NameKind;
use crate::types::error::Result;
use crate::types::point::Timestamp;
use crate::types::selector::Selector;
use crate::types::series::{SeriesInfo, SeriesKey, sort_by_series_key};
use crate::types::time_range::TimeRange;

/// Default maximum number of items of a page.
const DEFAULT_PAGE_ITEMS: usize = 10_000;

/// Listing of series, metrics or tags; made by [`Snapshot::listing`].
///
/// With a [`range`](Self::range), only series with a visible point in the range count. This reads the index of the files,
/// and blocks where the index does not decide; an [`approximate_range`](Self::approximate_range) reads no block. Without
/// a range a listing uses memory alone: names come from the postings of the series index, and cost a step per name of
/// the page, not per series. Each page is computed on its own: a listing of a range with many pages reads the index
/// again for each page.
///
/// To list what any of several selectors matches, join them by [`Selector::or`].
///
/// The `async` functions run on tokio's blocking pool; dropping a future ends the work. The functions whose names end in
/// `_blocking` use the current thread.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// use timestrata::{Batch, Db, Selector, SeriesKey, Timestamp};
///
/// let db = Db::open_blocking(dir.path().join("db"))?;
/// let mut batch = Batch::new();
/// for (host, secs) in [("a", 10), ("b", 20), ("c", 20)] {
///     batch.push_key(&SeriesKey::new("load").tag("host", host), Timestamp::from_secs(secs), 0.5);
/// }
/// db.write_blocking(batch)?;
/// let recent = db.snapshot().listing(Selector::all()).range(Timestamp::from_secs(15)..).limit(1);
/// let page = recent.tag_values_blocking("host", None)?;
/// assert_eq!((page.items.as_slice(), page.has_more), (&["b".to_owned()][..], true));
/// let page = recent.tag_values_blocking("host", Some("b"))?;
/// assert_eq!((page.items.as_slice(), page.has_more), (&["c".to_owned()][..], false));
/// # Ok::<(), timestrata::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "nothing is listed before a function that returns a page"]
pub struct Listing {
    snapshot: Snapshot,
    selector: Selector,
    range: Option<TimeRange>,
    /// `true` if a series counts that may have a point in the range.
    is_approximate: bool,
    limit: usize,
}

/// Page of a [`Listing`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<T> {
    /// Items in ascending order, each once.
    pub items: Vec<T>,
    /// `true` if more items follow; the last item is the `after` of the next page.
    pub has_more: bool,
}

impl Snapshot {
    /// Creates a listing of the series that match, and of their metrics and tags.
    ///
    /// See [`Listing`] for an example.
    pub fn listing(&self, selector: Selector) -> Listing {
        Listing { snapshot: self.clone(), selector, range: None, is_approximate: false, limit: DEFAULT_PAGE_ITEMS }
    }
}

impl Listing {
    /// Lists only series with a visible point in a time range.
    pub fn range(mut self, range: impl RangeBounds<Timestamp>) -> Self {
        (self.range, self.is_approximate) = (Some(TimeRange::from_bounds(&range)), false);
        self
    }

    /// Lists only series that may have a point in a time range.
    ///
    /// A series counts if a block of it in a file, or a memtable that has points of it, overlaps the range in time. The
    /// index of the files decides, and no block is read. So every series with a visible point in the range is listed,
    /// and besides these a series whose points lie around the range, or were deleted. Prometheus is coarser: it asks
    /// which of its blocks of two hours or more overlap the range.
    pub fn approximate_range(mut self, range: impl RangeBounds<Timestamp>) -> Self {
        (self.range, self.is_approximate) = (Some(TimeRange::from_bounds(&range)), true);
        self
    }

    /// Sets the maximum number of items of a page, at least 1. Default: 10,000.
    pub fn limit(mut self, items: usize) -> Self {
        self.limit = items.max(1);
        self
    }

    /// Returns series after a key, sorted by key.
    ///
    /// # Errors
    /// [`Error::InvalidQuery`](crate::Error::InvalidQuery) for a selector with an invalid pattern; with a range, errors of
    /// opening and reading files.
    pub async fn series(&self, after: Option<&SeriesKey>) -> Result<Page<Arc<SeriesInfo>>> {
        let (own, after) = (self.clone(), after.cloned());
        run_offloaded(move |cancel| own.list_series(after.as_ref(), cancel)).await
    }

    /// Blocking variant of [`series`](Self::series).
    ///
    /// # Errors
    /// As for `series`.
    pub fn series_blocking(&self, after: Option<&SeriesKey>) -> Result<Page<Arc<SeriesInfo>>> {
        self.list_series(after, &CancelToken::NEVER)
    }

    /// Returns names of metrics after a name, sorted.
    ///
    /// # Errors
    /// As for [`series`](Self::series).
    pub async fn metrics(&self, after: Option<&str>) -> Result<Page<String>> {
        self.names_offloaded(ListedNames::Metric, after).await
    }

    /// Blocking variant of [`metrics`](Self::metrics).
    ///
    /// # Errors
    /// As for [`series`](Self::series).
    pub fn metrics_blocking(&self, after: Option<&str>) -> Result<Page<String>> {
        self.list_names(NameKind::Metric, after, &CancelToken::NEVER)
    }

    /// Returns keys of tags after a key, sorted.
    ///
    /// # Errors
    /// As for [`series`](Self::series).
    pub async fn tag_keys(&self, after: Option<&str>) -> Result<Page<String>> {
        self.names_offloaded(ListedNames::TagKey, after).await
    }

    /// Blocking variant of [`tag_keys`](Self::tag_keys).
    ///
    /// # Errors
    /// As for [`series`](Self::series).
    pub fn tag_keys_blocking(&self, after: Option<&str>) -> Result<Page<String>> {
        self.list_names(NameKind::TagKey, after, &CancelToken::NEVER)
    }

    /// Returns values of a tag after a value, sorted. A series without the tag contributes no value.
    ///
    /// # Errors
    /// As for [`series`](Self::series).
    pub async fn tag_values(&self, tag: &str, after: Option<&str>) -> Result<Page<String>> {
        self.names_offloaded(ListedNames::TagValue(tag.to_owned()), after).await
    }

    /// Blocking variant of [`tag_values`](Self::tag_values).
    ///
    /// # Errors
    /// As for [`series`](Self::series).
    pub fn tag_values_blocking(&self, tag: &str, after: Option<&str>) -> Result<Page<String>> {
        self.list_names(NameKind::TagValue(tag), after, &CancelToken::NEVER)
    }

    async fn names_offloaded(&self, names: ListedNames, after: Option<&str>) -> Result<Page<String>> {
        let (own, after) = (self.clone(), after.map(str::to_owned));
        run_offloaded(move |cancel| own.list_names(names.kind(), after.as_deref(), cancel)).await
    }

    /// Returns an error if the snapshot cannot be read or the selector has an invalid pattern.
    fn check(&self) -> Result<()> {
        self.snapshot.inner.check_readable()?;
        self.selector.validate()
    }

    /// Returns the matching series in ascending order of their ids.
    fn select(&self) -> Result<Vec<Arc<SeriesInfo>>> {
        self.check()?;
        Ok(self.snapshot.inner.select(&self.selector))
    }

    fn presence(&self) -> Option<Presence> {
        let options = CursorOptions { range: self.range?, columns: Columns::Timestamps, counters: None };
        Some(Presence { cursor: self.snapshot.inner.cursor(options), is_approximate: self.is_approximate })
    }

    fn list_series(&self, after: Option<&SeriesKey>, cancel: &CancelToken) -> Result<Page<Arc<SeriesInfo>>> {
        let mut presence = self.presence();
        let mut found = Vec::new();
        for info in self.select()?.into_iter().filter(|info| after.is_none_or(|after| info.key > *after)) {
            if cancel.is_cancelled() {
                break;
            }
            if Presence::of(&mut presence, &info)? {
                found.push(info);
            }
        }
        let has_more = found.len() > self.limit;
        if has_more {
            found.select_nth_unstable_by(self.limit, |one, other| one.key.cmp(&other.key));
            found.truncate(self.limit);
        }
        sort_by_series_key(&mut found, |info| &info.key);
        Ok(Page { items: found, has_more })
    }

    fn list_names(&self, kind: NameKind<'_>, after: Option<&str>, cancel: &CancelToken) -> Result<Page<String>> {
        let mut presence = self.presence();
        if presence.is_none() {
            self.check()?;
            let filter = (self.selector != Selector::all()).then(|| self.selector.to_index_filter());
            let page = self.snapshot.inner.version.series.names(filter.as_ref(), kind, after, self.limit);
            let items = page.names.into_iter().map(str::to_owned).collect();
            return Ok(Page { items, has_more: page.has_more });
        }
        let series = self.select()?;
        // The first names of the page, and one more that shows whether there are others.
        let mut names: BTreeSet<&str> = BTreeSet::new();
        for info in &series {
            if cancel.is_cancelled() {
                break;
            }
            let last = (names.len() > self.limit).then(|| names.last().copied()).flatten();
            let is_wanted =
                |name: &&str| after.is_none_or(|after| *name > after) && last.is_none_or(|last| *name < last);
            let mut new = kind.names(&info.key).filter(is_wanted).filter(|name| !names.contains(name)).peekable();
            // A series whose names are all known need not be read.
            if new.peek().is_none() || !Presence::of(&mut presence, info)? {
                continue;
            }
            let new: Vec<&str> = new.collect();
            names.extend(new);
            while names.len() > self.limit + 1 {
                names.pop_last();
            }
        }
        let has_more = names.len() > self.limit;
        Ok(Page { items: names.into_iter().take(self.limit).map(str::to_owned).collect(), has_more })
    }
}

/// Names to list, which another thread may own.
enum ListedNames {
    Metric,
    TagKey,
    TagValue(String),
}

impl ListedNames {
    fn kind(&self) -> NameKind<'_> {
        match self {
            Self::Metric => NameKind::Metric,
            Self::TagKey => NameKind::TagKey,
            Self::TagValue(tag) => NameKind::TagValue(tag),
        }
    }
}

/// Check whether series have a visible point in a range, or may have one.
struct Presence {
    cursor: Box<dyn SeriesCursor>,
    is_approximate: bool,
}

impl Presence {
    /// Returns `true` if the series counts; without a range, every listed series does.
    fn of(presence: &mut Option<Self>, info: &SeriesInfo) -> Result<bool> {
        let Some(Self { cursor, is_approximate }) = presence else { return Ok(true) };
        cursor.start(info)?;
        if *is_approximate {
            return Ok(cursor.may_have_points());
        }
        // A summary shows without a read that there are points.
        Ok(cursor.next_summary(&|_| true)?.is_some() || cursor.next_chunk()?)
    }
}

impl fmt::Debug for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (selector, range, limit) = (&self.selector, &self.range, &self.limit);
        f.debug_struct("Listing")
            .field("selector", selector)
            .field("range", range)
            .field("limit", limit)
            .finish_non_exhaustive()
    }
}
