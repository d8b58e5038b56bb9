//! Registry of the series of which handles were given out.
//!
//! A handle is `Copy` and has only the id of its series. If the definition is dropped, the handle must still lead to
//! the series of its key. The registry shares the definitions, so that it takes little memory while they exist. It is
//! not part of a version: it only grows, apart from the bound, and all versions of an opening share it.

use std::collections::BTreeMap;

use crate::sync::{Arc, Mutex};
use crate::types::series::{SeriesDef, SeriesId};

/// Number of dropped definitions that the registry keeps, in any case.
///
/// Above it, the oldest dropped definitions are given up, and their handles are refused as stale: a program that
/// creates series through handles without end would otherwise keep all of them in memory.
const MIN_KEPT_DROPPED: usize = 1 << 14;

/// Definitions of the series of which a handle was given out in this opening.
#[derive(Debug)]
pub(crate) struct SeriesHandles(Mutex<Registered>);

#[derive(Debug, Default)]
struct Registered {
    definitions: BTreeMap<SeriesId, Arc<SeriesDef>>,
    /// Length at which the dropped definitions are counted next.
    sweep_at: usize,
}

impl SeriesHandles {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Registered { definitions: BTreeMap::new(), sweep_at: 2 * MIN_KEPT_DROPPED }))
    }

    pub(crate) fn get(&self, id: SeriesId) -> Option<Arc<SeriesDef>> {
        self.0.lock().definitions.get(&id).cloned()
    }

    /// Adds a series. `is_defined` returns `true` for the series whose definitions were not dropped.
    pub(crate) fn insert(&self, def: &Arc<SeriesDef>, is_defined: impl Fn(SeriesId) -> bool) {
        let mut registered = self.0.lock();
        registered.definitions.insert(def.id, Arc::clone(def));
        if registered.definitions.len() < registered.sweep_at {
            return;
        }
        let dropped: Vec<SeriesId> = registered.definitions.keys().copied().filter(|id| !is_defined(*id)).collect();
        let live = registered.definitions.len() - dropped.len();
        let kept = MIN_KEPT_DROPPED.max(live / 8);
        for id in dropped.iter().take(dropped.len().saturating_sub(kept)) {
            registered.definitions.remove(id);
        }
        // The cost of a sweep is spread over as many insertions.
        registered.sweep_at = registered.definitions.len() + MIN_KEPT_DROPPED.max(live / 8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::duplicate_policy::DuplicatePolicy;
    use crate::types::point::ValueType;
    use crate::types::series::SeriesKey;

    #[test]
    fn the_registry_keeps_all_live_and_the_newest_dropped_definitions() {
        let handles = SeriesHandles::new();
        let (ty, duplicates) = (ValueType::F64, DuplicatePolicy::KeepAll);
        let is_defined = |id: SeriesId| id.get().is_multiple_of(10);
        for id in 0..100_000 {
            let def = SeriesDef { id: SeriesId::new(id), key: SeriesKey::new("m"), value_type: ty, duplicates, seq: 1 };
            handles.insert(&Arc::new(def), is_defined);
        }
        let has = |id| handles.get(SeriesId::new(id)).is_some();
        assert!((0..100_000).step_by(10).all(has) && (90_000..100_000).all(has) && !has(1));
        assert!(handles.0.lock().definitions.len() < 10_000 + 3 * MIN_KEPT_DROPPED);
    }
}
