//! Sorting by labels.
//!
//! The labels of a selection mostly begin with the same texts, so a few bytes behind them decide their order. These are
//! copied beside each item, because a comparison of two label sets follows several pointers.

use super::labels::Labels;

/// Length from which the preparation costs less than it saves.
const MIN_PREPARED_LEN: usize = 64;
/// Number of bytes that are copied.
const KEY_BYTES: usize = 16;

/// Place in the texts of labels: names and values in turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct SortPlace {
    text: usize,
    byte: usize,
}

/// Sorts items by their labels; items of equal labels stay in their order.
pub(crate) fn sort_by_labels<T>(items: &mut Vec<T>, labels_of: impl Fn(&T) -> &Labels) {
    match prepare(items, &labels_of) {
        Some(keys) => {
            let mut prepared: Vec<(u128, T)> = keys.into_iter().zip(items.drain(..)).collect();
            prepared.sort_by(|(key, one), (other_key, other)| {
                key.cmp(other_key).then_with(|| labels_of(one).cmp(labels_of(other)))
            });
            items.extend(prepared.into_iter().map(|(_, item)| item));
        }
        None => items.sort_by(|one, other| labels_of(one).cmp(labels_of(other))),
    }
}

/// Returns numbers whose order is that of the labels, except that they may be equal; `None` if sorting needs none, or
/// a text has the byte that ends texts.
fn prepare<T>(items: &[T], labels_of: impl Fn(&T) -> &Labels) -> Option<Vec<u128>> {
    let first = items.first().filter(|_| items.len() >= MIN_PREPARED_LEN)?;
    let differ_at = items.iter().map(|item| first_difference(labels_of(first), labels_of(item))).min()?;
    items.iter().map(|item| key(labels_of(item), differ_at)).collect()
}

fn texts(labels: &Labels) -> impl Iterator<Item = &str> {
    labels.pairs().flat_map(|(name, value)| [name, value])
}

/// Returns the place of the first byte that two label sets have not in common.
fn first_difference(one: &Labels, other: &Labels) -> SortPlace {
    let (mut own, mut others) = (texts(one), texts(other));
    let mut text = 0;
    while let (Some(one), Some(other)) = (own.next(), others.next()) {
        if !std::ptr::eq(one, other) && one != other {
            let byte = one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
            return SortPlace { text, byte };
        }
        text += 1;
    }
    SortPlace { text, byte: 0 }
}

/// Returns the first bytes from a place on, with a zero behind each text, as a number; `None` if a text has a zero there.
fn key(labels: &Labels, from: SortPlace) -> Option<u128> {
    let mut key = [0; KEY_BYTES];
    let mut len = 0;
    let mut skipped = from.byte;
    for text in texts(labels).skip(from.text) {
        let rest = text.as_bytes().get(std::mem::take(&mut skipped)..).unwrap_or_default();
        let part = rest.get(..KEY_BYTES - len).unwrap_or(rest);
        if part.contains(&0) {
            return None;
        }
        key.iter_mut().skip(len).zip(part).for_each(|(to, from)| *to = *from);
        len += part.len() + 1;
        if len >= KEY_BYTES {
            break;
        }
    }
    Some(u128::from_be_bytes(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sorts label sets, each with its index, and compares the result with plain sorting.
    fn check(sets: Vec<Labels>) {
        let mut sorted: Vec<(usize, Labels)> = sets.into_iter().enumerate().collect();
        let mut plain = sorted.clone();
        sort_by_labels(&mut sorted, |item| &item.1);
        plain.sort_by(|one, other| one.1.cmp(&other.1));
        assert_eq!(sorted, plain);
    }

    #[test]
    fn the_order_is_that_of_the_labels() {
        let number = |seed: usize| seed.wrapping_mul(7_919) % 1_009;
        let name = ("__name__", "up".to_owned());
        let set = |pairs: &[(&str, String)]| pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let by_id = |at: usize| {
            let (host, id) = (format!("host-{}", number(at) % 10), number(at).to_string());
            set(&[name.clone(), ("host", host), ("id", id)])
        };
        check((0..200).map(by_id).collect());
        // Label sets that begin other ones, and repeated ones.
        let of_lengths = |at: usize| {
            let pairs = [name.clone(), ("a", "x".repeat(number(at) % 4)), ("b", "y".repeat(number(at + 1) % 3))];
            set(&pairs[..number(at) % 4])
        };
        check((0..200).map(of_lengths).collect());
        // Texts that differ behind the bytes that are copied.
        check((0..200).map(|at| set(&[("a", format!("{}{}", "é".repeat(number(at) % 30), number(at)))])).collect());
    }

    #[test]
    fn texts_with_zeros_and_few_items_are_sorted_too() {
        let set = |value: &str| [("a", value), ("b", "c")].into_iter().collect::<Labels>();
        check((0..200).map(|at| set(["x", "x\0", "x\0\0", "", "x\0y"][at % 5])).collect());
        check(["b", "a", "c", "a"].map(set).to_vec());
        check(Vec::new());
    }
}
