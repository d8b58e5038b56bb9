//! Registry of the series of which handles were given out.
//!
//! A handle is `Copy` and has only the id of its series. If the definition is dropped, the handle must still lead to
//! the series of its key. The registry shares the definitions, so that it takes little memory while they exist. It is
//! not part of a version: it only grows, apart from the bound, and all versions of an opening share it.

use std::collections::BTreeMap;

use crate::sync::{Arc, Mutex};
use crate::types::series::{SeriesId, SeriesInfo};

/// Number of dropped definitions that the registry keeps, in any case.
///
/// Above it, the oldest dropped definitions are given up, and their handles are refused as stale: a program that
/// creates series through handles without end would otherwise keep all of them in memory.
const MIN_KEPT_DROPPED: usize = 1 << 14;

/// Definitions of the series of which a handle was given out in this opening.
#[derive(Debug)]
pub(crate) struct SeriesHandles(Mutex<Registered>);

/// Number of definitions that an insertion tests.
///
/// A pass over all of them takes a quarter as many insertions, and no insertion holds up the writer, which takes the same
/// lock.
const TESTED_PER_INSERTION: usize = 4;

#[derive(Debug)]
struct Registered {
    definitions: BTreeMap<SeriesId, Arc<SeriesInfo>>,
    /// Those that were found to be dropped.
    dropped: BTreeMap<SeriesId, Arc<SeriesInfo>>,
    /// First id that the next insertion tests.
    next_to_test: SeriesId,
}

impl SeriesHandles {
    pub(crate) fn new() -> Self {
        let next_to_test = SeriesId::new(0);
        Self(Mutex::new(Registered { definitions: BTreeMap::new(), dropped: BTreeMap::new(), next_to_test }))
    }

    pub(crate) fn get(&self, id: SeriesId) -> Option<Arc<SeriesInfo>> {
        let registered = self.0.lock();
        registered.definitions.get(&id).or_else(|| registered.dropped.get(&id)).cloned()
    }

    /// Adds a series. `is_defined` returns `true` for the series whose definitions were not dropped.
    pub(crate) fn insert(&self, def: &Arc<SeriesInfo>, is_defined: impl Fn(SeriesId) -> bool) {
        let mut registered = self.0.lock();
        let Registered { definitions, dropped, next_to_test } = &mut *registered;
        definitions.insert(def.id, Arc::clone(def));
        let part: Vec<SeriesId> =
            definitions.range(*next_to_test..).map(|(id, _)| *id).take(TESTED_PER_INSERTION).collect();
        // After the last one it begins again.
        let is_end = part.len() < TESTED_PER_INSERTION;
        *next_to_test = part
            .last()
            .filter(|_| !is_end)
            .map_or(SeriesId::new(0), |last| SeriesId::new(last.get().saturating_add(1)));
        for id in part.into_iter().filter(|id| !is_defined(*id)) {
            if let Some(def) = definitions.remove(&id) {
                dropped.insert(id, def);
            }
        }
        let kept = MIN_KEPT_DROPPED.max(definitions.len() / 8);
        for _ in 0..2 * TESTED_PER_INSERTION {
            if dropped.len() > kept {
                dropped.pop_first();
            }
        }
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
        let calls = std::cell::Cell::new(0);
        let is_defined = |id: SeriesId| {
            calls.set(calls.get() + 1);
            id.get().is_multiple_of(10)
        };
        for id in 0..100_000 {
            calls.set(0);
            let def =
                SeriesInfo { id: SeriesId::new(id), key: SeriesKey::new("m"), value_type: ty, duplicates, seq: 1 };
            handles.insert(&Arc::new(def), is_defined);
            assert!(calls.get() <= TESTED_PER_INSERTION, "an insertion tests a constant number of definitions");
        }
        let has = |id| handles.get(SeriesId::new(id)).is_some();
        assert!((0..100_000).step_by(10).all(has) && (90_000..100_000).all(has) && !has(1));
        let registered = handles.0.lock();
        assert!(registered.definitions.len() + registered.dropped.len() < 10_000 + 3 * MIN_KEPT_DROPPED);
    }
}
