//! A map from series ids to values, of which a clone is O(1) and does not change with the original.
//!
//! Ids are assigned in ascending order, so that most of them have many neighbours. The map has pages of the values of 64
//! consecutive ids, in an immutable-snapshot map (`im`) by the number of the page. The last page is stored beside this
//! map: a new series is appended to it, and changes no node of the map.

// The only change of a reference count that has an effect is that of a value, which is dropped with its last page.
use std::sync::Arc;

use im::OrdMap;

use crate::types::series::SeriesId;

/// Number of consecutive ids in a page.
const PAGE_IDS: u32 = 64;

/// Values by series id, in ascending order.
#[derive(Debug, Clone)]
pub(crate) struct SeriesMap<T> {
    /// All pages but the last one.
    pages: OrdMap<u32, Arc<Page<T>>>,
    /// The page with the greatest number; `None` if the map is empty.
    last: Option<(u32, Arc<Page<T>>)>,
    len: usize,
}

/// Values of 64 consecutive ids.
#[derive(Debug, Clone)]
struct Page<T> {
    /// One bit per id that has a value.
    present: u64,
    /// Values in the order of their ids.
    values: Vec<T>,
}

impl<T> Default for SeriesMap<T> {
    fn default() -> Self {
        Self { pages: OrdMap::new(), last: None, len: 0 }
    }
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self { present: 0, values: Vec::new() }
    }
}

/// Returns the number of the page of an id, and the bit of the id in it.
fn page_and_bit(id: SeriesId) -> (u32, u64) {
    (id.get() / PAGE_IDS, 1 << (id.get() % PAGE_IDS))
}

impl<T> Page<T> {
    /// Returns the index at which the value of this bit is, or would be inserted.
    fn index(&self, bit: u64) -> usize {
        (self.present & (bit - 1)).count_ones() as usize
    }

    fn get(&self, bit: u64) -> Option<&T> {
        if self.present & bit == 0 { None } else { self.values.get(self.index(bit)) }
    }

    /// Returns the values with their ids.
    fn iter(&self, page: u32) -> impl Iterator<Item = (SeriesId, &T)> {
        let mut rest = self.present;
        self.values.iter().map(move |value| {
            let id = SeriesId::new(page * PAGE_IDS + rest.trailing_zeros());
            rest &= rest.wrapping_sub(1);
            (id, value)
        })
    }
}

impl<T: Clone> Page<T> {
    fn insert(&mut self, bit: u64, value: T) -> Option<T> {
        let at = self.index(bit);
        if self.present & bit != 0 {
            return self.values.get_mut(at).map(|own| std::mem::replace(own, value));
        }
        self.present |= bit;
        self.values.insert(at, value);
        None
    }

    fn remove(&mut self, bit: u64) -> Option<T> {
        if self.present & bit == 0 {
            return None;
        }
        let at = self.index(bit);
        self.present &= !bit;
        Some(self.values.remove(at))
    }
}

impl<T> SeriesMap<T> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    fn page(&self, number: u32) -> Option<&Page<T>> {
        match &self.last {
            Some((last, page)) if *last <= number => (*last == number).then_some(&**page),
            _ => self.pages.get(&number).map(|page| &**page),
        }
    }

    pub(crate) fn get(&self, id: SeriesId) -> Option<&T> {
        let (number, bit) = page_and_bit(id);
        self.page(number)?.get(bit)
    }

    pub(crate) fn contains(&self, id: SeriesId) -> bool {
        self.get(id).is_some()
    }

    /// Returns all values with their ids.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (SeriesId, &T)> {
        self.range_from(SeriesId::new(0))
    }

    /// Returns the values of ids from `first` on.
    pub(crate) fn range_from(&self, first: SeriesId) -> impl Iterator<Item = (SeriesId, &T)> {
        let pages = self.pages.range(first.get() / PAGE_IDS..).map(|(number, page)| (*number, page));
        let last = self.last.iter().map(|(number, page)| (*number, page));
        pages.chain(last).flat_map(|(number, page)| page.iter(number)).skip_while(move |(id, _)| *id < first)
    }

    /// Returns the value of the greatest id.
    pub(crate) fn last(&self) -> Option<&T> {
        self.last.as_ref().and_then(|(_, page)| page.values.last())
    }
}

/// Lookup of ids that mostly ascend: the page of the last id is not searched again.
#[derive(Debug)]
pub(crate) struct SeriesMapLookup<'a, T> {
    map: &'a SeriesMap<T>,
    /// Page of the last id, and its number; `None` if the map has no such page.
    page: Option<(u32, &'a Page<T>)>,
}

impl<T> SeriesMap<T> {
    /// Returns a lookup of many ids.
    pub(crate) fn lookup(&self) -> SeriesMapLookup<'_, T> {
        SeriesMapLookup { map: self, page: None }
    }
}

impl<'a, T> SeriesMapLookup<'a, T> {
    /// Returns the value of an id, as [`SeriesMap::get`] does.
    pub(crate) fn get(&mut self, id: SeriesId) -> Option<&'a T> {
        let (number, bit) = page_and_bit(id);
        if self.page.is_none_or(|(known, _)| known != number) {
            self.page = self.map.page(number).map(|page| (number, page));
        }
        self.page?.1.get(bit)
    }
}

impl<T: Clone> SeriesMap<T> {
    /// Sets the value of an id, and returns the value before.
    pub(crate) fn insert(&mut self, id: SeriesId, value: T) -> Option<T> {
        let (number, bit) = page_and_bit(id);
        let before = match &mut self.last {
            Some((last, page)) if *last == number => Arc::make_mut(page).insert(bit, value),
            Some((last, _)) if *last > number => {
                Arc::make_mut(self.pages.entry(number).or_default()).insert(bit, value)
            }
            _ => {
                // A page behind a full one is likely to become full.
                let is_dense = self.last.as_ref().is_some_and(|(_, page)| page.present == u64::MAX);
                self.end_last_page();
                let mut values = Vec::with_capacity(if is_dense { PAGE_IDS as usize } else { 1 });
                values.push(value);
                self.last = Some((number, Arc::new(Page { present: bit, values })));
                None
            }
        };
        self.len += usize::from(before.is_none());
        before
    }

    /// Moves the last page into the map.
    fn end_last_page(&mut self) {
        if let Some((number, mut page)) = self.last.take() {
            if page.values.capacity() > page.values.len() {
                Arc::make_mut(&mut page).values.shrink_to_fit();
            }
            self.pages.insert(number, page);
        }
    }

    /// Removes the value of an id, and returns it.
    pub(crate) fn remove(&mut self, id: SeriesId) -> Option<T> {
        let (number, bit) = page_and_bit(id);
        self.page(number)?.get(bit)?;
        let removed = match &mut self.last {
            Some((last, page)) if *last == number => {
                let removed = Arc::make_mut(page).remove(bit);
                if page.present == 0 {
                    self.last = self.pages.get_max().map(|(number, page)| (*number, Arc::clone(page)));
                    if let Some((number, _)) = &self.last {
                        self.pages.remove(number);
                    }
                }
                removed
            }
            _ => {
                let page = self.pages.get_mut(&number)?;
                let removed = Arc::make_mut(page).remove(bit);
                if page.present == 0 {
                    self.pages.remove(&number);
                }
                removed
            }
        };
        self.len -= usize::from(removed.is_some());
        removed
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn check(map: &SeriesMap<u32>, expected: &BTreeMap<u32, u32>) {
        assert_eq!(map.len(), expected.len());
        let all: Vec<(u32, u32)> = map.iter().map(|(id, value)| (id.get(), *value)).collect();
        assert_eq!(all, expected.iter().map(|(id, value)| (*id, *value)).collect::<Vec<_>>());
        assert_eq!(map.last(), expected.last_key_value().map(|(_, value)| value));
        let mut lookup = map.lookup();
        for id in (0..700).chain([u32::MAX, 7, 650]) {
            let own = SeriesId::new(id);
            assert_eq!(map.get(own), expected.get(&id));
            assert_eq!(lookup.get(own), expected.get(&id));
            assert_eq!(map.contains(own), expected.contains_key(&id));
            let next = map.range_from(own).next().map(|(id, value)| (id.get(), *value));
            assert_eq!(next, expected.range(id..).next().map(|(id, value)| (*id, *value)), "{id}");
        }
    }

    proptest! {
        #[test]
        fn a_map_has_what_an_ordered_map_has_and_its_clones_do_not_change(
            ascending in 0..300_u32,
            changes in prop::collection::vec((0..640_u32, any::<bool>(), any::<bool>()), 0..200),
        ) {
            let (mut map, mut expected) = (SeriesMap::default(), BTreeMap::new());
            let mut before = Vec::new();
            for id in 0..ascending {
                map.insert(SeriesId::new(id), id);
                expected.insert(id, id);
            }
            for (number, (id, removes, is_kept)) in (1_000..).zip(changes) {
                if is_kept && before.len() < 5 {
                    before.push((map.clone(), expected.clone()));
                }
                if removes {
                    prop_assert_eq!(map.remove(SeriesId::new(id)), expected.remove(&id));
                } else {
                    prop_assert_eq!(map.insert(SeriesId::new(id), number), expected.insert(id, number));
                }
            }
            check(&map, &expected);
            for (map, expected) in &before {
                check(map, expected);
            }
            for id in 0..640 {
                prop_assert_eq!(map.remove(SeriesId::new(id)), expected.remove(&id));
            }
            check(&map, &BTreeMap::new());
        }
    }
}
