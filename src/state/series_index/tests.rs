//! Tests of the index as a whole.

use super::*;
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::point::ValueType;
use crate::types::series::SeriesKey;

fn set(ids: impl IntoIterator<Item = u32>) -> SeriesSet {
    SeriesSet::from_sorted(ids.into_iter().map(SeriesId::new))
}

fn key(n: u32) -> SeriesKey {
    SeriesKey::new(format!("m{}", n % 7)).tag("host", format!("h{}", n % 50)).tag("n", n.to_string())
}

fn create(index: &mut SeriesIndex, key: &SeriesKey, ty: ValueType) -> u32 {
    let duplicates = DuplicatePolicy::default();
    let settings = NewSeriesSettings { seq: 1, cap: u32::MAX, max_tags: 64, key_bytes_cap: u64::MAX, duplicates };
    index.find_or_create(key, ty, None, settings).unwrap().id().get()
}

fn found(index: &SeriesIndex, key: &SeriesKey) -> Option<u32> {
    index.find(key).map(|def| def.id.get())
}

fn restored(count: u32) -> SeriesIndex {
    let mut index = SeriesIndex::default();
    for id in 0..count {
        let (value_type, duplicates) = (ValueType::F64, DuplicatePolicy::default());
        let def = SeriesInfo { id: SeriesId::new(id), key: key(id), value_type, duplicates, seq: 1 };
        assert!(index.restore_logged(def).unwrap());
    }
    index.restore_sets(count, &empty_series::ManifestSeriesSets::default()).unwrap();
    index
}

#[test]
fn a_key_leads_to_its_newest_definition_and_to_none_once_that_is_dropped() {
    let mut index = SeriesIndex::default();
    let key = key(1);
    assert_eq!(create(&mut index, &key, ValueType::F64), 0);
    index.mark_empty_by_check(1, &set([0]));
    assert_eq!(create(&mut index, &key, ValueType::I64), 1, "an empty series of another type is superseded");
    let before = index.clone();
    index.drop_definitions(&set([1]));
    assert_eq!((found(&before, &key), found(&index, &key)), (Some(1), None), "series 0 stays superseded");
    assert_eq!(create(&mut index, &key, ValueType::Bool), 2);
    index.drop_definitions(&set([0]));
    assert_eq!((found(&before, &key), found(&index, &key)), (Some(1), Some(2)));
    index.drop_definitions(&set([2]));
    assert_eq!((index.len(), index.bytes(), index.key_bytes(), found(&index, &key)), (0, 0, 0, None));
}

#[test]
fn keys_are_found_after_most_definitions_were_dropped() {
    let mut index = SeriesIndex::default();
    for n in 0..6_000 {
        assert_eq!(create(&mut index, &key(n), ValueType::F64), n);
    }
    for first in (0..5_500).step_by(500) {
        index.drop_definitions(&set(first..first + 500));
        for n in (0..6_000).step_by(83) {
            assert_eq!(found(&index, &key(n)), (n >= first + 500).then_some(n), "{n} after {first}");
        }
    }
    assert_eq!(create(&mut index, &key(3), ValueType::F64), 6_000, "an id is never used again");
    assert_eq!(found(&index, &key(3)), Some(6_000));
}

#[test]
fn restored_series_are_selected_whether_their_postings_were_built_ahead_or_not() {
    let mut index = restored(2_000);
    index.seal_lazily();
    assert_eq!(index.unbuilt_postings(), 2_000 / 128 * 128);
    index.build_postings(|| false);
    assert_eq!(index.unbuilt_postings(), 2_000 / 128 * 128, "it was told not to go on");
    let (filter, expected) = (IndexFilter::Metric("m3"), (0..2_000).filter(|n| n % 7 == 3).collect::<Vec<_>>());
    let selected = |index: &SeriesIndex| index.select_listed(&filter).map(|def| def.id.get()).collect::<Vec<_>>();
    let mut ahead = restored(2_000);
    ahead.seal_lazily();
    let version = ahead.clone();
    ahead.build_postings(|| true);
    assert_eq!(version.unbuilt_postings(), 0, "versions share the postings");
    assert_eq!((selected(&index), selected(&version)), (expected.clone(), expected));
    assert_eq!(index.unbuilt_postings(), 0, "the selector built them");
    let hosts = index.names(None, NameKind::TagValue("host"), None, usize::MAX);
    assert_eq!((index.metrics(), hosts.names.len()), (version.metrics(), 50));
}

#[test]
fn a_new_series_builds_no_postings_of_restored_ones() {
    let mut index = restored(100_000);
    index.seal_lazily();
    let unbuilt = index.unbuilt_postings();
    for n in 100_000..100_200 {
        create(&mut index, &key(n), ValueType::F64);
    }
    index.seal();
    assert!(unbuilt - index.unbuilt_postings() <= 8_192, "{unbuilt}, then {}", index.unbuilt_postings());
}

/// Returns what a walk over all series yields.
fn expected_names(index: &SeriesIndex, filter: Option<&IndexFilter<'_>>, kind: NameKind<'_>) -> Vec<String> {
    let listed = index.iter().filter(|def| index.is_listed(def));
    let matching = listed.filter(|def| filter.is_none_or(|filter| filter.matches(&def.key)));
    let names: std::collections::BTreeSet<&str> = matching.flat_map(|def| kind.names(&def.key)).collect();
    names.into_iter().map(str::to_owned).collect()
}

/// Creates an index whose last series are in no segment, and some of whose series are empty, superseded or dropped.
fn mixed_index() -> SeriesIndex {
    let mut index = SeriesIndex::default();
    (0..9_000).for_each(|n| _ = create(&mut index, &key(n), ValueType::F64));
    index.seal();
    index.mark_empty_by_check(1, &set((0..9_000).filter(|n| n % 50 == 7 || n % 5 == 1)));
    // Defined again with another type, and dropped.
    (7..2_000).step_by(50).for_each(|n| _ = create(&mut index, &key(n), ValueType::I64));
    index.drop_definitions(&set((1..5_000).step_by(5)));
    let late = SeriesKey::new("late").tag("host", "h0").tag("only", "late");
    create(&mut index, &late, ValueType::F64);
    let stored = |at| SeriesKey::from_stored(&format!("stored{at}"), [("host", ""), ("none", "")].into_iter());
    for (at, count) in [(0, 200), (1, 1)] {
        for n in 0..count {
            let id = SeriesId::new(index.next_id());
            let (value_type, duplicates) = (ValueType::F64, DuplicatePolicy::default());
            let key = if n == 0 { stored(at) } else { key(20_000 + n) };
            index.restore(SeriesInfo { id, key, value_type, duplicates, seq: 9 }).unwrap();
        }
        if at == 0 {
            index.seal();
        }
    }
    index
}

#[test]
fn names_from_the_postings_are_those_of_the_listed_series_in_pages_of_any_size() {
    let index = mixed_index();
    let selector: crate::types::selector::Selector =
        r#"{__name__=~"m[1-3]",host!~"h[1-3].*"} or late"#.parse().unwrap();
    let none = crate::types::selector::Selector::metric("missing");
    let filters = [None, Some(selector.to_index_filter()), Some(none.to_index_filter())];
    let kinds = [
        NameKind::Metric,
        NameKind::TagKey,
        NameKind::TagValue("host"),
        NameKind::TagValue("n"),
        NameKind::TagValue("only"),
        NameKind::TagValue("none"),
        NameKind::TagValue("missing"),
    ];
    for (filter, kind) in filters.iter().flat_map(|filter| kinds.map(|kind| (filter.as_ref(), kind))) {
        let expected = expected_names(&index, filter, kind);
        for limit in [1, 7, usize::MAX] {
            let (mut found, mut more) = (Vec::<String>::new(), true);
            while more && (limit > 1 || found.len() < 20) {
                let page = index.names(filter, kind, found.last().map(String::as_str), limit);
                assert!(page.names.len() <= limit);
                more = page.has_more;
                found.extend(page.names.into_iter().map(str::to_owned));
            }
            assert_eq!(found, expected[..found.len()], "{kind:?}");
            assert!(more || found.len() == expected.len(), "{kind:?}");
        }
    }
    let keys = index.names(None, NameKind::TagKey, None, usize::MAX).names;
    assert_eq!(keys, ["host", "n", "only"], "a tag with an empty value is no tag");
}

#[test]
fn counts_from_the_postings_are_those_of_the_listed_series() {
    use std::collections::{BTreeMap, BTreeSet};
    let index = mixed_index();
    let (mut metrics, mut tags, mut keys) =
        (BTreeMap::<&str, u64>::new(), BTreeMap::<(&str, &str), u64>::new(), BTreeMap::<&str, BTreeSet<&str>>::new());
    for def in index.iter().filter(|def| index.is_listed(def)) {
        *metrics.entry(def.key.metric()).or_default() += 1;
        for (key, value) in def.key.present_tags() {
            *tags.entry((key, value)).or_default() += 1;
            keys.entry(key).or_default().insert(value);
        }
    }
    let counts = index.cardinality(usize::MAX);
    assert_eq!(counts.metrics.largest.iter().copied().collect::<BTreeMap<_, _>>(), metrics);
    assert_eq!(counts.metrics.bytes, metrics.iter().map(|(metric, series)| metric.len() as u64 * series).sum::<u64>());
    let found: BTreeMap<(&str, &str), u64> =
        counts.tags.iter().map(|(key, value, series)| ((*key, *value), *series)).collect();
    assert_eq!(found, tags);
    let found: BTreeMap<&str, u64> = counts.tag_keys.iter().map(|of_key| (of_key.key.0, of_key.values)).collect();
    assert_eq!(found, keys.iter().map(|(key, values)| (*key, values.len() as u64)).collect());
    for of_key in &counts.tag_keys {
        let of_values = tags.iter().filter(|((key, _), _)| *key == of_key.key.0);
        assert_eq!(of_key.bytes, of_values.map(|((_, value), series)| value.len() as u64 * series).sum::<u64>());
    }
    assert_eq!((counts.metrics.count, counts.tag_key_count), (metrics.len() as u64, keys.len() as u64));
    assert_eq!(counts.tag_count, tags.len() as u64);
    // The largest first, and of equal ones the first by name.
    let few = index.cardinality(3);
    assert_eq!(few.metrics.largest, counts.metrics.largest[..3]);
    assert_eq!((&few.tags[..], &few.tag_keys[..]), (&counts.tags[..3], &counts.tag_keys[..3]));
    assert!(counts.tags.is_sorted_by_key(|(key, value, series)| (std::cmp::Reverse(*series), *key, *value)));
    assert_eq!((few.metrics.count, few.tag_count), (counts.metrics.count, counts.tag_count));
}

#[test]
fn a_page_of_names_of_a_hundred_thousand_series_costs_a_step_per_name_and_segment() {
    let mut index = SeriesIndex::default();
    for n in 0..100_000_u32 {
        let key = SeriesKey::new(format!("m{}", n % 7)).tag("host", format!("h{}", n % 50)).tag("n", format!("{n:06}"));
        let id = SeriesId::new(n);
        let (value_type, duplicates) = (ValueType::F64, DuplicatePolicy::default());
        index.restore(SeriesInfo { id, key, value_type, duplicates, seq: 1 }).unwrap();
    }
    index.seal();
    let segments = index.postings.segments().count();
    assert!(segments < 30, "{segments}");
    for (kind, names) in [(NameKind::Metric, 7), (NameKind::TagKey, 2), (NameKind::TagValue("host"), 50)] {
        let page = index.names(None, kind, None, usize::MAX);
        assert_eq!(page.names.len(), names);
        assert!(page.visited <= names * segments, "{kind:?}: {}", page.visited);
    }
    let page = index.names(None, NameKind::TagValue("n"), Some("050000"), 10);
    assert_eq!((page.names.len(), page.has_more, page.names[0]), (10, true, "050001"));
    assert!(page.visited <= 12 + segments, "{}", page.visited);
    let selector = crate::types::selector::Selector::metric("m3").tag("host", "h10");
    let filter = selector.to_index_filter();
    let page = index.names(Some(&filter), NameKind::TagKey, None, usize::MAX);
    assert_eq!((page.names.as_slice(), page.visited <= 2 * segments), (&["host", "n"][..], true));
    let counts = index.cardinality(10);
    assert_eq!((counts.metrics.count, counts.tag_key_count, counts.tag_count), (7, 2, 100_050));
    assert_eq!(counts.tags[0], ("host", "h0", 2_000));
    let keys = counts.tag_keys.iter().map(|of_key| (of_key.key.0, of_key.values, of_key.bytes)).collect::<Vec<_>>();
    assert_eq!(keys, [("n", 100_000, 600_000), ("host", 50, 280_000)]);
    assert!(counts.visited <= 100_000 + 60 * segments as u64, "{}", counts.visited);
}
