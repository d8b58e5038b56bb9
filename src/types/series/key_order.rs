//! Sorting by series key.
//!
//! The keys of a selection mostly begin with the same texts: metric, tag names, values of the tags that were selected. So the
//! order is decided by a few bytes behind them. These are copied beside each item, because a comparison of two keys follows
//! several pointers.

use super::SeriesKey;

/// Length from which the preparation costs less than it saves.
const MIN_PREPARED_LEN: usize = 64;

/// Place of the bytes behind the common part of several keys.
#[derive(Debug, Clone, Copy)]
struct DecidingBytes {
    /// Number of texts that all keys have in common at their beginning.
    text: usize,
    /// Number of bytes that the next texts have in common at their beginning.
    offset: usize,
}

impl DecidingBytes {
    fn of<'a>(mut keys: impl Iterator<Item = &'a SeriesKey> + Clone) -> Self {
        let Some(first) = keys.next() else { return Self { text: 0, offset: 0 } };
        let common_texts =
            |key: &'a SeriesKey| first.texts().zip(key.texts()).take_while(|(one, other)| same(one, other)).count();
        let text = keys.clone().map(common_texts).min().unwrap_or(0);
        let Some(first) = first.texts().nth(text) else { return Self { text, offset: 0 } };
        let common_bytes =
            |other: &str| first.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
        let offset = keys.filter_map(|key| key.texts().nth(text)).map(common_bytes).min().unwrap_or(0);
        Self { text, offset }
    }

    /// Returns the deciding bytes of a key as a number with the same order; 0 for a key without them.
    fn read(self, key: &SeriesKey) -> u128 {
        let mut bytes = [0; 16];
        let rest = key.texts().nth(self.text).and_then(|text| text.as_bytes().get(self.offset..)).unwrap_or_default();
        bytes.iter_mut().zip(rest).for_each(|(byte, of_key)| *byte = *of_key);
        u128::from_be_bytes(bytes)
    }
}

/// Returns `true` if two texts are equal. Most are shared, so that their addresses are equal.
fn same(one: &str, other: &str) -> bool {
    std::ptr::eq(one, other) || one == other
}

/// Sorts items by their series key; items of equal keys stay in their order.
pub(crate) fn sort_by_series_key<T>(items: &mut Vec<T>, key_of: impl Fn(&T) -> &SeriesKey) {
    if items.len() < MIN_PREPARED_LEN {
        items.sort_by(|one, other| key_of(one).cmp(key_of(other)));
        return;
    }
    let deciding = DecidingBytes::of(items.iter().map(&key_of));
    let mut prepared: Vec<(u128, T)> = items.drain(..).map(|item| (deciding.read(key_of(&item)), item)).collect();
    prepared.sort_by(|(bytes, one), (other_bytes, other)| {
        bytes.cmp(other_bytes).then_with(|| key_of(one).cmp(key_of(other)))
    });
    items.extend(prepared.into_iter().map(|(_, item)| item));
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Texts with common beginnings of all lengths, and bytes that a padding with zeros could confuse.
    fn text() -> impl Strategy<Value = String> {
        prop_oneof!["[ab]{0,3}", "common_beginning_of_texts[ab\u{0}é]{0,3}", Just(String::new())]
    }

    proptest! {
        #[test]
        fn the_order_is_that_of_the_keys(
            parts in vec((text(), vec((text(), text()), 0..3)), 0..200), common in any::<bool>()
        ) {
            let key = |(metric, tags): &(String, Vec<(String, String)>)| {
                let metric = if common { "metric" } else { metric.as_str() };
                tags.iter().fold(SeriesKey::new(metric), |key, (name, value)| key.tag(name.as_str(), value.as_str()))
            };
            let mut items: Vec<(usize, SeriesKey)> = parts.iter().map(key).enumerate().collect();
            let mut expected = items.clone();
            expected.sort_by(|(_, one), (_, other)| one.cmp(other));
            sort_by_series_key(&mut items, |(_, key)| key);
            prop_assert_eq!(items, expected);
        }
    }

    #[test]
    fn keys_are_told_apart_behind_their_common_bytes() {
        let key =
            |n: usize| SeriesKey::new("cpu").tag("host", format!("host-of-the-second-row-{n:06}")).tag("zone", "a");
        let mut keys: Vec<_> = (0..500).map(|n| key(n * 7 % 500)).collect();
        let deciding = DecidingBytes::of(keys.iter());
        assert_eq!((deciding.text, deciding.offset), (2, 26));
        assert_ne!(deciding.read(&key(1)), deciding.read(&key(2)));
        sort_by_series_key(&mut keys, |key| key);
        assert!(keys.is_sorted());
    }
}
