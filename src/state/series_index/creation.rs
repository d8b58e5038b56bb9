//! Creation of series: a key gets a definition, or the one that it has.

use super::SeriesIndex;
use crate::sync::Arc;
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::error::{Error, Result};
use crate::types::point::ValueType;
use crate::types::series::{HashedKey, MAX_SERIES_IDS, SeriesId, SeriesInfo, SeriesKey};

/// Settings of a new series besides its key and type.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewSeriesSettings {
    /// Seq of the record that creates the series.
    pub(crate) seq: u64,
    /// `max_series`: the maximum number of series that are not empty.
    /// A series that never had a point counts.
    pub(crate) cap: u32,
    /// `max_tags`: the maximum number of tags.
    pub(crate) max_tags: usize,
    /// `max_series_key_bytes`: the maximum length of the texts of all keys, in bytes.
    pub(crate) key_bytes_cap: u64,
    /// Policy if the request chooses none.
    pub(crate) duplicates: DuplicatePolicy,
}

/// Result of [`SeriesIndex::find_or_create`].
#[derive(Debug, Clone)]
pub(crate) enum SeriesLookup {
    Existing(SeriesId),
    Created(Arc<SeriesInfo>),
}

impl SeriesLookup {
    pub(crate) fn id(&self) -> SeriesId {
        match self {
            Self::Existing(id) => *id,
            Self::Created(def) => def.id,
        }
    }
}

impl SeriesIndex {
    /// Finds the series of this key, which may be empty, or creates it.
    ///
    /// A series without points whose type or policy differs is superseded by a new one.
    ///
    /// # Errors
    /// `TypeMismatch` or `DuplicatesMismatch` if it has points and another type or policy. If it does not exist:
    /// `TooManyTags` if the key has more than `max_tags`; `TooManySeries` if `max_series` is reached;
    /// `SeriesIdsExhausted` if no id is left; `TooManyKeyBytes` if the key exceeds their limit.
    pub(crate) fn find_or_create<'k>(
        &mut self,
        key: impl Into<HashedKey<'k>>,
        ty: ValueType,
        chosen: Option<DuplicatePolicy>,
        settings: NewSeriesSettings,
    ) -> Result<SeriesLookup> {
        let (key, duplicates) = (key.into(), chosen.unwrap_or(settings.duplicates));
        let Some(existing) = self.find(key) else {
            return self.define(key, None, ty, duplicates, settings);
        };
        match mismatch(existing, ty, chosen) {
            None => Ok(SeriesLookup::Existing(existing.id)),
            Some(error) if !self.empty.contains(existing.id) => Err(error),
            Some(_) => {
                let old = existing.id;
                self.define(key, Some(old), ty, duplicates, settings)
            }
        }
    }

    /// Finds the series of this key, or creates it; the series is listed from then on.
    ///
    /// A series without points is superseded, also if its type and policy are the same: no record says that it was
    /// asked for again, so its definition could be dropped although the creation was acknowledged. The new series keeps
    /// the policy if the type is the same and no policy is chosen.
    ///
    /// # Errors
    /// Those of [`find_or_create`](Self::find_or_create).
    pub(crate) fn create(
        &mut self,
        key: &SeriesKey,
        ty: ValueType,
        chosen: Option<DuplicatePolicy>,
        settings: NewSeriesSettings,
    ) -> Result<SeriesLookup> {
        let key = HashedKey::from(key);
        match self.find(key) {
            Some(existing) if self.empty.contains(existing.id) => {
                let old = existing.id;
                let kept = (existing.value_type == ty).then_some(existing.duplicates);
                self.define(key, Some(old), ty, chosen.or(kept).unwrap_or(settings.duplicates), settings)
            }
            _ => self.find_or_create(key, ty, chosen, settings),
        }
    }

    /// Defines a key, which has no series or the empty series `old`. The latter is superseded if its key is equal.
    fn define(
        &mut self,
        key: HashedKey<'_>,
        old: Option<SeriesId>,
        ty: ValueType,
        duplicates: DuplicatePolicy,
        settings: NewSeriesSettings,
    ) -> Result<SeriesLookup> {
        if let Some(present) = key.key.without_empty_tags() {
            // A new definition has no tag with an empty value. The one of an earlier release stays as it is: that its
            // key is defined again is known from equal keys alone.
            return self.find_or_define_present(&present, ty, duplicates, settings);
        }
        let old = old.filter(|old| self.get(*old).is_some_and(|old| old.key == *key.key));
        let HashedKey { key, hash } = key;
        let NewSeriesSettings { seq, cap, key_bytes_cap, max_tags, .. } = settings;
        key.check_tag_count(max_tags)?;
        if self.listed_count() >= cap as usize {
            return Err(Error::TooManySeries { cap });
        }
        if self.next_id >= MAX_SERIES_IDS {
            return Err(Error::SeriesIdsExhausted { limit: MAX_SERIES_IDS });
        }
        let id = SeriesId::new(self.next_id);
        if self.key_bytes + key.byte_len() as u64 > key_bytes_cap {
            return Err(Error::TooManyKeyBytes { cap: key_bytes_cap });
        }
        if let Some(old) = old {
            self.supersede(old, seq);
        }
        let created = Arc::new(SeriesInfo { id, key: key.detached(), value_type: ty, duplicates, seq });
        self.push(&created, hash);
        self.empty.add_unwritten(id);
        Ok(SeriesLookup::Created(created))
    }

    /// Finds the series that has exactly this key and points, or defines it.
    fn find_or_define_present(
        &mut self,
        key: &SeriesKey,
        ty: ValueType,
        duplicates: DuplicatePolicy,
        settings: NewSeriesSettings,
    ) -> Result<SeriesLookup> {
        let key = HashedKey::from(key);
        match self.find_exact(key) {
            Some(existing) if !self.empty.contains(existing.id) => {
                mismatch(existing, ty, None).map_or(Ok(SeriesLookup::Existing(existing.id)), Err)
            }
            existing => {
                let old = existing.map(|existing| existing.id);
                self.define(key, old, ty, duplicates, settings)
            }
        }
    }

    /// Ends the use of an empty series whose key gets a new definition by record `seq`.
    pub(super) fn supersede(&mut self, id: SeriesId, seq: u64) {
        self.empty.mark_superseded(seq, id);
        // A search for the key passes over the id from now on.
        self.superseded.insert(id);
    }
}

/// Returns the error for a series with another type, or another policy than the chosen one.
fn mismatch(existing: &SeriesInfo, ty: ValueType, chosen: Option<DuplicatePolicy>) -> Option<Error> {
    let series = || existing.key.to_string();
    if existing.value_type != ty {
        return Some(Error::TypeMismatch { series: series(), expected: existing.value_type, found: ty });
    }
    let (found, expected) = (chosen?, existing.duplicates);
    (found != expected).then(|| Error::DuplicatesMismatch { series: series(), expected, found })
}
