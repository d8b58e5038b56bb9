//! Restoring of the series index from series log, manifest and WAL.

use super::empty_series::{EmptySeries, ManifestSeriesSets};
use super::handles::SeriesHandles;
use super::{SeriesIndex, ids_between};
use crate::sync::Arc;
use crate::types::series::{HashedKey, KeyHash, SeriesInfo};

impl SeriesIndex {
    /// Restores a definition that was read from disk. Returns `false` if the index has it already.
    ///
    /// A series of the same key is superseded: it was empty when the record of this definition was written.
    ///
    /// # Errors
    /// The rule that is violated, as text: ids ascend, a definition that is read twice is equal.
    pub(crate) fn restore(&mut self, def: SeriesInfo) -> Result<bool, String> {
        let id = def.id;
        let is_new = self.restore_logged(def)?;
        if is_new {
            self.empty.add_unwritten(id);
        }
        Ok(is_new)
    }

    /// Restores a definition of the series log as [`restore`](Self::restore) does; the series does not count as unwritten.
    ///
    /// [`restore_sets`](Self::restore_sets), which must follow, says which series are.
    pub(crate) fn restore_logged(&mut self, def: SeriesInfo) -> Result<bool, String> {
        let end = self.end();
        if def.id.get() < end {
            return match self.get(def.id) {
                Some(known) if **known == def => Ok(false),
                Some(_) => Err(format!("series {} has two different definitions", def.id)),
                None => Err(format!("series {} is defined after series {}", def.id, end - 1)),
            };
        }
        let hash = KeyHash::of(&def.key);
        if let Some(other) = self.find_exact(HashedKey { key: &def.key, hash }) {
            let old = other.id;
            self.supersede(old, def.seq);
        }
        self.push(&Arc::new(def), hash);
        Ok(true)
    }

    /// Restores the empty, candidate and unwritten series that the manifest names, and the next id.
    ///
    /// # Errors
    /// The rule that is violated, as text: every series that is named has a definition, and one whose key was defined
    /// again is empty.
    pub(crate) fn restore_sets(&mut self, next_id: u32, sets: &ManifestSeriesSets) -> Result<(), String> {
        for (named, what) in [(&sets.empty, "empty"), (&sets.candidates, "candidate"), (&sets.unwritten, "unwritten")] {
            let undefined = named.bounds().filter(|ids| ids.end().get() >= self.end()).map(|ids| *ids.end());
            let undefined = undefined.or_else(|| self.dropped.clone().remove_all(named).iter().next());
            if let Some(id) = undefined {
                return Err(format!("series {id} is named as {what} and has no definition"));
            }
        }
        self.empty = EmptySeries::from_manifest(sets);
        if let Some(id) = self.superseded.to_set().iter().find(|id| !self.empty.contains(*id)) {
            return Err(format!("the key of series {id}, which is not empty, is defined again"));
        }
        self.next_id = self.next_id.max(next_id);
        Ok(())
    }

    /// Returns the recovered index for an opening, with the registry of the handles that the opening gives out.
    pub(crate) fn opened(mut self, handles: &Arc<SeriesHandles>) -> Self {
        // Ids above the last definition were assigned to dropped definitions, or by records that a power loss took, or
        // that a reader has not read yet.
        self.dropped.insert_all(&ids_between(self.end(), self.next_id));
        Self { handles: Some(Arc::clone(handles)), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::series_index::{NewSeriesSettings, SeriesLookup};
    use crate::types::duplicate_policy::DuplicatePolicy;
    use crate::types::error::Error;
    use crate::types::point::ValueType;
    use crate::types::series::{MAX_SERIES_IDS, SeriesKey};

    #[test]
    fn the_last_id_is_assigned_and_then_the_error_says_that_ids_are_used_up() {
        let mut index = SeriesIndex::default();
        index.restore_sets(MAX_SERIES_IDS - 1, &ManifestSeriesSets::default()).unwrap();
        let mut index = index.opened(&Arc::new(SeriesHandles::new()));
        let settings = NewSeriesSettings {
            seq: 1,
            cap: 5,
            max_tags: 64,
            key_bytes_cap: u64::MAX,
            duplicates: DuplicatePolicy::default(),
        };
        let mut create = |name: &str| index.find_or_create(&SeriesKey::new(name), ValueType::F64, None, settings);
        assert!(matches!(create("a").unwrap(), SeriesLookup::Created(..)));
        assert!(matches!(create("a").unwrap(), SeriesLookup::Existing(_)));
        let error = create("b").unwrap_err();
        assert!(matches!(error, Error::SeriesIdsExhausted { limit: MAX_SERIES_IDS, .. }), "{error}");
    }
}
