//! Series of an input: options applied to their keys, checked, and counted against the limit.

use std::sync::Arc;

use hashbrown::HashMap;
use timestrata::{CachedSeries, SeriesKey, Timestamp, Value, ValueType};

use super::number::convert;
use super::row_error::RowError;
use crate::{IngestError, IngestOptions, Limits, RefusalCode, Rows, SeriesNumber, SeriesTable};

/// Bytes of cached spellings after which the cache is emptied. The table of series in [`Rows`] stays.
const MAX_CACHE_BYTES: usize = 256 << 20;
/// Estimated overhead of an entry of the cache.
const ENTRY_BYTES: usize = 64;

/// Series of a row, with the type that the options ask for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TypedSeries {
    pub(crate) index: SeriesNumber,
    /// Type from the options; `None` keeps that of the format.
    pub(crate) ty: Option<ValueType>,
}

impl TypedSeries {
    /// Converts a value to the type of the options.
    pub(crate) fn convert(self, value: Value) -> Result<Value, RowError> {
        match self.ty {
            None => Ok(value),
            Some(ty) => convert(value, ty)
                .ok_or_else(|| RowError::refused(format!("the value {value} is not exactly representable as {ty}"))),
        }
    }
}

/// Options that apply to the series of every format.
#[derive(Debug, Clone)]
pub(crate) struct SeriesOptions {
    pub(crate) limits: Limits,
    prefix: String,
    types: Vec<(String, ValueType)>,
    pub(crate) default_time: Option<Timestamp>,
}

impl SeriesOptions {
    pub(crate) fn new(options: &IngestOptions) -> Self {
        let IngestOptions { limits, prefix, types, default_time, .. } = options;
        Self { limits: *limits, prefix: prefix.clone(), types: types.clone(), default_time: *default_time }
    }

    /// Returns the name of the metric with the prefix of the options.
    pub(crate) fn metric(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Returns the type that the options give one of these names: a metric, column or field.
    pub(crate) fn ty(&self, names: [&str; 2]) -> Option<ValueType> {
        self.types.iter().find(|(name, _)| names.contains(&name.as_str())).map(|(_, ty)| *ty)
    }

    /// Checks a key and returns its index; the types of the options are looked up by metric and by `column`.
    pub(crate) fn intern(&self, rows: &mut Rows, key: &SeriesKey, column: &str) -> Result<TypedSeries, RowError> {
        if let Some((code, reason)) = RefusalCode::of_key(key) {
            return Err(RowError::with_code(code, reason));
        }
        let unprefixed = key.metric().strip_prefix(self.prefix.as_str()).unwrap_or_default();
        let ty = self.ty([unprefixed, column]).or_else(|| self.ty([key.metric(), column]));
        let index = rows.intern(key);
        self.check_limit(rows)?;
        Ok(TypedSeries { index, ty })
    }

    /// Returns the table of series that earlier inputs have named, unless options change the series of this input.
    pub(crate) fn known(&self, options: &IngestOptions) -> Option<Arc<SeriesTable>> {
        options.known_series.clone().filter(|_| self.prefix.is_empty() && self.types.is_empty())
    }

    /// Adds a series whose key is valid, and returns its index.
    pub(crate) fn add_known(&self, rows: &mut Rows, series: CachedSeries) -> Result<TypedSeries, RowError> {
        let index = rows.add_series(series);
        self.check_limit(rows)?;
        Ok(TypedSeries { index, ty: None })
    }

    fn check_limit(&self, rows: &Rows) -> Result<(), RowError> {
        if rows.series_len() <= self.limits.series {
            return Ok(());
        }
        let message = format!("the input names more than {} series, the limit", self.limits.series);
        Err(IngestError::new(message).suggest("max-series", "").into())
    }

    /// Returns the default time, or refuses the row.
    pub(crate) fn time_or_default(&self, time: Option<Timestamp>) -> Result<Timestamp, RowError> {
        time.or(self.default_time).ok_or_else(RowError::no_time)
    }
}

/// Series by the bytes with which the input writes them, so that each spelling is parsed once.
#[derive(Debug, Default)]
pub(crate) struct SpellingCache {
    map: HashMap<Box<[u8]>, TypedSeries>,
    bytes: usize,
}

impl SpellingCache {
    pub(crate) fn get(&self, spelling: &[u8]) -> Option<TypedSeries> {
        self.map.get(spelling).copied()
    }

    pub(crate) fn insert(&mut self, spelling: &[u8], series: TypedSeries) {
        self.bytes += spelling.len() + ENTRY_BYTES;
        if self.bytes > MAX_CACHE_BYTES {
            self.map.clear();
            self.bytes = spelling.len() + ENTRY_BYTES;
        }
        self.map.insert(spelling.into(), series);
    }
}
