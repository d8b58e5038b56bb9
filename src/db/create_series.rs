//! Creation of one or many series in one commit, with a value type and a duplicate policy.

use std::fmt;
use std::future::IntoFuture;
use std::marker::PhantomData;
use std::pin::Pin;

use super::Db;
use crate::engine::actor::WriterCommand;
use crate::engine::threads::block_on;
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::error::{Error, Result};
use crate::types::point::{MAX_BATCH_BYTES, MAX_BATCH_POINTS, Scalar, ValueType};
use crate::types::series::{Series, SeriesId, SeriesKey};

/// Future of a creation: `Send` and independent of the handle that made it.
type CreationFuture<R> = Pin<Box<dyn Future<Output = Result<R>> + Send>>;

impl Db {
    /// Creates a series durably, or returns the handle of the series that exists.
    ///
    /// The call returns a builder: `.await` it, or call [`blocking`](CreateSeries::blocking). Unless the builder sets
    /// other options, the series holds `f64` values and has the duplicate policy of the database. The creation is as
    /// durable as the writes of the database are; see [`DbBuilder::durability`](crate::DbBuilder::durability).
    ///
    /// A series need not be created before a write: [`Batch::push_key`](crate::Batch::push_key) creates it in the
    /// commit of the batch. A handle makes later writes cheaper, since a key is looked up once. To get the handle of an
    /// existing series without creating one, see [`Db::series`].
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use timestrata::{Db, DuplicatePolicy, SeriesKey};
    ///
    /// let db = Db::open_blocking(dir.path().join("db"))?;
    /// let temp = db.create_series(SeriesKey::new("temp").tag("station", "JFK")).blocking()?;
    /// let meter = db
    ///     .create_series(SeriesKey::new("meter"))
    ///     .value_type::<i64>()
    ///     .duplicates(DuplicatePolicy::KeepLast)
    ///     .blocking()?;
    /// assert_ne!(temp.id(), meter.id());
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    pub fn create_series(&self, key: SeriesKey) -> CreateSeries {
        CreateSeries {
            request: CreationRequest { db: self.same_caller(), keys: vec![key], duplicates: None },
            value: PhantomData,
        }
    }

    /// Creates many series in one commit: all of them or, after an error, none.
    ///
    /// The call returns a builder, as [`create_series`](Self::create_series) does. The handles are in the order of the
    /// keys. Keys whose series exist are allowed; the result holds their handles. The maximum is [`MAX_BATCH_POINTS`]
    /// keys of [`MAX_BATCH_BYTES`] bytes together.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use timestrata::{Db, SeriesKey};
    ///
    /// let db = Db::open_blocking(dir.path().join("db"))?;
    /// let keys = (0..1_000).map(|n| SeriesKey::new("load").tag("host", format!("web-{n}")));
    /// let loads = db.create_many_series(keys).blocking()?;
    /// assert_eq!(loads.len(), 1_000);
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    pub fn create_many_series(&self, keys: impl IntoIterator<Item = SeriesKey>) -> CreateManySeries {
        let keys = keys.into_iter().collect();
        CreateManySeries {
            request: CreationRequest { db: self.same_caller(), keys, duplicates: None },
            value: PhantomData,
        }
    }

    async fn request_create_series(
        &self,
        keys: Vec<(SeriesKey, ValueType)>,
        duplicates: Option<DuplicatePolicy>,
    ) -> Result<Vec<SeriesId>> {
        Error::check_size("a list of new series", keys.len(), MAX_BATCH_POINTS)?;
        let bytes = keys.iter().map(|(key, _)| key.byte_len()).sum();
        Error::check_size("a list of series keys, in bytes,", bytes, MAX_BATCH_BYTES)?;
        self.request(|reply| WriterCommand::CreateSeries { keys, duplicates, reply }).await
    }
}

/// The series to create and the database to create them in.
#[derive(Clone)]
struct CreationRequest {
    db: Db,
    keys: Vec<SeriesKey>,
    /// `None`: a new series gets the policy of the database, and an existing series may have any policy.
    duplicates: Option<DuplicatePolicy>,
}

impl CreationRequest {
    async fn create<T: Scalar>(self) -> Result<Vec<Series<T>>> {
        let Self { db, keys, duplicates } = self;
        let keys = keys.into_iter().map(|key| (key, T::TYPE)).collect();
        let ids = db.request_create_series(keys, duplicates).await?;
        Ok(ids.iter().map(|id| Series::new(*id, db.engine.opening_id)).collect())
    }

    async fn create_one<T: Scalar>(self) -> Result<Series<T>> {
        // The writer answers one key with one id.
        self.create().await?.pop().ok_or_else(|| Error::internal("the writer returned no series id"))
    }
}

/// Creation of one series; made by [`Db::create_series`].
///
/// The series is created when the builder is awaited, or by [`blocking`](Self::blocking); not before.
///
/// # Errors
/// The creation fails with
///
/// - [`Error::TypeMismatch`] or [`Error::DuplicatesMismatch`] if the series exists with another value type or duplicate
///   policy;
/// - [`Error::InvalidName`], [`Error::KeyTooLong`] or [`Error::TooManyTags`] if the key is invalid, see
///   [`SeriesKey::validate`];
/// - [`Error::TooManySeries`] if [`max_series`](crate::DbBuilder::max_series) is reached, or [`Error::TooManyKeyBytes`]
///   if [`max_series_key_bytes`](crate::DbBuilder::max_series_key_bytes) is; [`Error::SeriesIdsExhausted`];
/// - the errors of [`Db::write`] that concern the database.
#[derive(Clone)]
#[must_use = "no series is created before `.await` or `.blocking()`"]
pub struct CreateSeries<T = f64> {
    request: CreationRequest,
    value: PhantomData<fn() -> T>,
}

impl<T: Scalar> CreateSeries<T> {
    /// Sets the type of the values: `f64` (the default), `i64`, `u64` or `bool`.
    ///
    /// The type is fixed while the series has a point, and before its first one. Once deletes or retention have removed
    /// all points, a creation or a write with another type gives the key a new series.
    pub fn value_type<U: Scalar>(self) -> CreateSeries<U> {
        CreateSeries { request: self.request, value: PhantomData }
    }

    /// Sets the duplicate policy, which is fixed as the [type](Self::value_type) is.
    ///
    /// Default: a new series gets the policy of the database, and an existing series may have any policy.
    pub fn duplicates(mut self, policy: DuplicatePolicy) -> Self {
        self.request.duplicates = Some(policy);
        self
    }

    /// Creates the series and blocks the thread until it is created.
    ///
    /// # Errors
    /// See [`CreateSeries`].
    pub fn blocking(self) -> Result<Series<T>> {
        block_on(self.request.create_one())
    }
}

impl<T: Scalar> IntoFuture for CreateSeries<T> {
    type Output = Result<Series<T>>;
    type IntoFuture = CreationFuture<Series<T>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.request.create_one())
    }
}

impl<T> fmt::Debug for CreateSeries<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CreationRequest { keys, duplicates, .. } = &self.request;
        f.debug_struct("CreateSeries")
            .field("key", &keys.first())
            .field("duplicates", duplicates)
            .finish_non_exhaustive()
    }
}

/// Creation of many series in one commit; made by [`Db::create_many_series`].
///
/// The series are created when the builder is awaited, or by [`blocking`](Self::blocking); not before.
///
/// # Errors
/// Those of [`CreateSeries`], also if they concern a single key; then no series is created. [`Error::TooLarge`] if
/// there are too many keys.
#[derive(Clone)]
#[must_use = "no series is created before `.await` or `.blocking()`"]
pub struct CreateManySeries<T = f64> {
    request: CreationRequest,
    value: PhantomData<fn() -> T>,
}

impl<T: Scalar> CreateManySeries<T> {
    /// Sets the type of the values of all series; see [`CreateSeries::value_type`].
    pub fn value_type<U: Scalar>(self) -> CreateManySeries<U> {
        CreateManySeries { request: self.request, value: PhantomData }
    }

    /// Sets the duplicate policy of all series; see [`CreateSeries::duplicates`].
    pub fn duplicates(mut self, policy: DuplicatePolicy) -> Self {
        self.request.duplicates = Some(policy);
        self
    }

    /// Creates the series and blocks the thread until they are created.
    ///
    /// # Errors
    /// See [`CreateManySeries`].
    pub fn blocking(self) -> Result<Vec<Series<T>>> {
        block_on(self.request.create())
    }
}

impl<T: Scalar> IntoFuture for CreateManySeries<T> {
    type Output = Result<Vec<Series<T>>>;
    type IntoFuture = CreationFuture<Vec<Series<T>>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.request.create())
    }
}

impl<T> fmt::Debug for CreateManySeries<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CreationRequest { keys, duplicates, .. } = &self.request;
        f.debug_struct("CreateManySeries")
            .field("keys", &keys.len())
            .field("duplicates", duplicates)
            .finish_non_exhaustive()
    }
}
