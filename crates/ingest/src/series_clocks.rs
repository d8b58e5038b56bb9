//! Times of series at the end of an input, with which the next input of a run goes on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use timestrata::{SeriesKey, Timestamp};

/// Last times of the series whose last row lies in an hour that comes twice.
///
/// Inputs that are read one after the other share it, as files of one run: such an hour may begin in one file and come
/// again in the next. Clones share their content.
#[derive(Debug, Clone, Default)]
pub struct SeriesClocks(Arc<Mutex<HashMap<SeriesKey, Timestamp>>>);

impl SeriesClocks {
    fn lock(&self) -> MutexGuard<'_, HashMap<SeriesKey, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the last time of the first of these series that has one.
    pub(crate) fn last(&self, keys: &[SeriesKey]) -> Option<Timestamp> {
        let clocks = self.lock();
        if clocks.is_empty() { None } else { keys.iter().find_map(|key| clocks.get(key).copied()) }
    }

    /// Sets the last time of series, or removes them if `time` is `None`.
    pub(crate) fn set<'a>(&self, keys: impl Iterator<Item = &'a SeriesKey>, time: Option<Timestamp>) {
        let mut clocks = self.lock();
        for key in keys {
            match (clocks.get_mut(key), time) {
                (Some(last), Some(time)) => *last = time,
                (Some(_), None) => drop(clocks.remove(key)),
                (None, Some(time)) => drop(clocks.insert(key.clone(), time)),
                (None, None) => {}
            }
        }
    }
}
