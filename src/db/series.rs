//! Making series: by key, one or thousands, of any type and treatment of duplicates. All of a call's are one record.

use super::Db;
use crate::actor::Work;
use crate::engine::block_on;
use crate::error::{Error, Result};
use crate::options::Duplicates;
use crate::point::{MAX_BATCH_BYTES, MAX_BATCH_POINTS, Sample, ValueType};
use crate::series::{Series, SeriesId, SeriesKey};

impl Db {
    /// The series of a key, holding `f64`; made, with the database's durability, if it is new.
    ///
    /// # Errors
    /// [`Error::TypeMismatch`] if it holds another type; [`Error::InvalidName`], [`Error::TooManySeries`], and those
    /// of [`write`](Self::write).
    pub async fn series(&self, key: SeriesKey) -> Result<Series<f64>> {
        self.series_as(key).await
    }

    /// The blocking twin of [`series`](Self::series).
    ///
    /// # Errors
    /// As for `series`.
    pub fn series_blocking(&self, key: SeriesKey) -> Result<Series<f64>> {
        self.series_as_blocking(key)
    }

    /// The series of a key, holding `T`: `f64`, `i64`, `u64` or `bool`.
    ///
    /// # Errors
    /// As for [`series`](Self::series).
    pub async fn series_as<T: Sample>(&self, key: SeriesKey) -> Result<Series<T>> {
        let ids = self.make_series(vec![(key, T::TYPE)], None).await?;
        self.first(&ids)
    }

    /// The blocking twin of [`series_as`](Self::series_as).
    ///
    /// # Errors
    /// As for [`series`](Self::series).
    pub fn series_as_blocking<T: Sample>(&self, key: SeriesKey) -> Result<Series<T>> {
        let ids = block_on(self.make_series(vec![(key, T::TYPE)], None))?;
        self.first(&ids)
    }

    /// The series of a key, holding `T`, with a treatment of duplicates of its own: given when it is made, for good,
    /// whatever the database's is.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use timestrata::{Db, Duplicates, SeriesKey};
    ///
    /// let db = Db::open_blocking(dir.path().join("db"))?;
    /// let meter = db.series_with_blocking::<i64>(SeriesKey::new("meter"), Duplicates::KeepLast)?;
    /// # let _ = meter;
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::DuplicatesMismatch`] if the series is there with another; those of [`series`](Self::series).
    pub async fn series_with<T: Sample>(&self, key: SeriesKey, duplicates: Duplicates) -> Result<Series<T>> {
        let ids = self.make_series(vec![(key, T::TYPE)], Some(duplicates)).await?;
        self.first(&ids)
    }

    /// The blocking twin of [`series_with`](Self::series_with).
    ///
    /// # Errors
    /// As for `series_with`.
    pub fn series_with_blocking<T: Sample>(&self, key: SeriesKey, duplicates: Duplicates) -> Result<Series<T>> {
        block_on(self.series_with(key, duplicates))
    }

    /// Thousands of series in one commit, in the order of their keys; all of them or, after an error, none new.
    ///
    /// # Errors
    /// As for [`series`](Self::series).
    pub async fn series_many(&self, keys: impl IntoIterator<Item = SeriesKey>) -> Result<Vec<Series<f64>>> {
        self.series_many_as(keys).await
    }

    /// The blocking twin of [`series_many`](Self::series_many).
    ///
    /// # Errors
    /// As for [`series`](Self::series).
    pub fn series_many_blocking(&self, keys: impl IntoIterator<Item = SeriesKey>) -> Result<Vec<Series<f64>>> {
        self.series_many_as_blocking(keys)
    }

    /// [`series_many`](Self::series_many) for values of type `T`.
    ///
    /// # Errors
    /// As for [`series`](Self::series).
    pub async fn series_many_as<T: Sample>(&self, keys: impl IntoIterator<Item = SeriesKey>) -> Result<Vec<Series<T>>> {
        let ids = self.make_series(typed::<T>(keys), None).await?;
        Ok(self.handles(&ids))
    }

    /// The blocking twin of [`series_many_as`](Self::series_many_as).
    ///
    /// # Errors
    /// As for [`series`](Self::series).
    pub fn series_many_as_blocking<T: Sample>(
        &self,
        keys: impl IntoIterator<Item = SeriesKey>,
    ) -> Result<Vec<Series<T>>> {
        let ids = block_on(self.make_series(typed::<T>(keys), None))?;
        Ok(self.handles(&ids))
    }

    /// [`series_many`](Self::series_many) for values of type `T`, each with this treatment of duplicates.
    ///
    /// # Errors
    /// As for [`series_with`](Self::series_with).
    pub async fn series_many_with<T: Sample>(
        &self,
        keys: impl IntoIterator<Item = SeriesKey>,
        duplicates: Duplicates,
    ) -> Result<Vec<Series<T>>> {
        let ids = self.make_series(typed::<T>(keys), Some(duplicates)).await?;
        Ok(self.handles(&ids))
    }

    /// The blocking twin of [`series_many_with`](Self::series_many_with).
    ///
    /// # Errors
    /// As for [`series_with`](Self::series_with).
    pub fn series_many_with_blocking<T: Sample>(
        &self,
        keys: impl IntoIterator<Item = SeriesKey>,
        duplicates: Duplicates,
    ) -> Result<Vec<Series<T>>> {
        block_on(self.series_many_with(keys, duplicates))
    }

    async fn make_series(
        &self,
        keys: Vec<(SeriesKey, ValueType)>,
        duplicates: Option<Duplicates>,
    ) -> Result<Vec<SeriesId>> {
        Error::check_size("a list of new series", keys.len(), MAX_BATCH_POINTS)?;
        let bytes = keys.iter().map(|(key, _)| key.byte_len()).sum();
        Error::check_size("a list of series keys, in bytes,", bytes, MAX_BATCH_BYTES)?;
        self.ask(|reply| Work::MakeSeries { keys, duplicates, reply }).await
    }

    fn handles<T>(&self, ids: &[SeriesId]) -> Vec<Series<T>> {
        ids.iter().map(|id| Series::new(*id, self.engine.nonce)).collect()
    }

    fn first<T>(&self, ids: &[SeriesId]) -> Result<Series<T>> {
        // One key was sent, so one id comes back.
        self.handles(ids).pop().ok_or(Error::Poisoned)
    }
}

fn typed<T: Sample>(keys: impl IntoIterator<Item = SeriesKey>) -> Vec<(SeriesKey, ValueType)> {
    keys.into_iter().map(|key| (key, T::TYPE)).collect()
}
