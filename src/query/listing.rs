//! What a snapshot lists beside points: metrics, tags, values, and series with a limit.

use std::collections::BTreeSet;

use super::catalog::SeriesInfo;
use super::select::Select;
use super::snapshot::{Snapshot, info};

impl Snapshot {
    /// The names of all metrics that have a series listed, in order.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use timestrata::{Db, Select, SeriesKey};
    ///
    /// let db = Db::open_blocking(dir.path().join("db"))?;
    /// db.series_blocking(SeriesKey::new("temp").tag("station", "JFK"))?;
    /// db.series_blocking(SeriesKey::new("rain").tag("station", "LGA").tag("roof", "north"))?;
    /// let snapshot = db.snapshot();
    /// assert_eq!(snapshot.metrics(), ["rain", "temp"]);
    /// assert_eq!(snapshot.tag_names(&Select::all()), ["roof", "station"]);
    /// assert_eq!(snapshot.tag_values(&Select::metric("temp"), "station"), ["JFK"]);
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    #[must_use]
    pub fn metrics(&self) -> Vec<String> {
        self.inner.version.series.metrics().into_iter().map(str::to_owned).collect()
    }

    /// The keys of all tags that a series that matches has, in order.
    #[must_use]
    pub fn tag_names(&self, select: &Select) -> Vec<String> {
        let series = &self.inner.version.series;
        if *select == Select::all() {
            return series.tag_names().into_iter().map(str::to_owned).collect();
        }
        let filter = select.filter();
        let keys: BTreeSet<&str> =
            series.select_listed(&filter).flat_map(|def| def.key.tags().map(|(key, _)| key)).collect();
        keys.into_iter().map(str::to_owned).collect()
    }

    /// The values that a tag has in the series that match, in order; those that lack the tag add none.
    #[must_use]
    pub fn tag_values(&self, select: &Select, key: &str) -> Vec<String> {
        let series = &self.inner.version.series;
        if *select == Select::all() {
            return series.tag_values(key).into_iter().map(str::to_owned).collect();
        }
        let filter = select.filter();
        let values: BTreeSet<&str> = series.select_listed(&filter).filter_map(|def| def.key.tag_value(key)).collect();
        values.into_iter().map(str::to_owned).collect()
    }

    /// How many series match, without making a list of them.
    #[must_use]
    pub fn count_series(&self, select: &Select) -> usize {
        self.inner.version.series.select_listed(&select.filter()).count()
    }

    /// The first series that match, by key, and no more than the limit.
    ///
    /// For a list that somebody is to read: of a million series it copies no more than are asked for.
    #[must_use]
    pub fn series_at_most(&self, select: &Select, limit: usize) -> Vec<SeriesInfo> {
        let filter = select.filter();
        let mut found: Vec<_> = self.inner.version.series.select_listed(&filter).collect();
        if limit < found.len() {
            found.select_nth_unstable_by(limit, |one, other| one.key.cmp(&other.key));
            found.truncate(limit);
        }
        found.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        found.into_iter().map(|def| info(def)).collect()
    }
}
