//! Map from series id to the slot of the series in one memtable.
//!
//! Ids are never reused, so after years of series that come and go the live ids are far apart. The map has one page for
//! each run of ids that contains a series of the memtable, so its memory follows these series and not the greatest id.

use crate::types::series::SeriesId;

/// Number of consecutive ids in a page.
const PAGE_IDS: usize = 1 << 10;

/// Slots by series id.
#[derive(Debug, Default)]
pub(super) struct SlotPages {
    /// By id divided by [`PAGE_IDS`]. In a page a slot is stored plus one; 0 means none.
    pages: Vec<Option<Box<[u32; PAGE_IDS]>>>,
}

impl SlotPages {
    /// Returns the slot of a series; `None` if it has none.
    pub(super) fn get(&self, series: SeriesId) -> Option<usize> {
        let page = self.pages.get(series.index() / PAGE_IDS)?.as_ref()?;
        (page[series.index() % PAGE_IDS] as usize).checked_sub(1)
    }

    /// Sets the slot of a series.
    pub(super) fn insert(&mut self, series: SeriesId, slot: usize) {
        let at = series.index() / PAGE_IDS;
        if self.pages.len() <= at {
            self.pages.resize_with(at + 1, || None);
        }
        let page = self.pages[at].get_or_insert_with(|| Box::new([0; PAGE_IDS]));
        // Series ids are below 2^31, so there are at most 2^31 slots.
        page[series.index() % PAGE_IDS] = u32::try_from(slot + 1).unwrap_or(u32::MAX);
    }

    /// Returns the allocated bytes.
    #[cfg(test)]
    fn byte_len(&self) -> usize {
        let pages = self.pages.iter().flatten().count() * size_of::<[u32; PAGE_IDS]>();
        self.pages.len() * size_of::<Option<Box<[u32; PAGE_IDS]>>>() + pages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_follows_the_series_and_not_the_greatest_id() {
        let mut slots = SlotPages::default();
        let ids = [0, 1, 1_023, 1_024, 1 << 20, (1 << 31) - 2];
        ids.iter().enumerate().for_each(|(slot, id)| slots.insert(SeriesId::new(*id), slot));
        for (slot, id) in ids.iter().enumerate() {
            assert_eq!(slots.get(SeriesId::new(*id)), Some(slot));
            assert_eq!(slots.get(SeriesId::new(id + 1)).is_some(), ids.contains(&(id + 1)));
        }
        assert_eq!(slots.get(SeriesId::new(5_000)), None);
        // 16 MiB for the list of pages, 4 KiB for each of the four pages.
        assert_eq!(slots.byte_len(), (1 << 24) + 4 * (1 << 12));
    }
}
