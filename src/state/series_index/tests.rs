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
    let settings = NewSeriesSettings { seq: 1, cap: u32::MAX, key_bytes_cap: u64::MAX, duplicates };
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
    assert_eq!((index.metrics(), index.tag_values("host").len()), (version.metrics(), 50));
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
