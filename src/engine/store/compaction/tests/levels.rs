//! Tests of the format by level: whole keys in every level but L0, and pco only in the base.

use super::*;
use crate::format::sst::{DictionaryKey, SstDescription, describe_sst};

/// Returns the points of a smooth curve, whose values have full mantissas.
fn curve(len: i64) -> Vec<(i64, u64)> {
    let height = |at: i64| {
        #[expect(clippy::cast_precision_loss, reason = "a number below 10,000")]
        let angle = at as f64 / 300.0;
        angle.sin().to_bits()
    };
    (0..len).map(|at| (at * 3_600_000_000_000, height(at))).collect()
}

fn world() -> CompactionFixture {
    let mut world = CompactionFixture::new([
        (ValueType::F64, DuplicatePolicy::KeepAll),
        (ValueType::U64, DuplicatePolicy::KeepLast),
    ]);
    let points = |from: i64| {
        let moved = |(at, bits): (i64, u64)| (at + from, bits);
        BTreeMap::from([(0, curve(9000).into_iter().map(moved).collect()), (1, ramp(from..from + 500))])
    };
    world.add(1, &points(0));
    world.add(2, &points(9000 * 3_600_000_000_000));
    world
}

fn told(world: &CompactionFixture, meta: &SstMeta) -> SstDescription {
    let described = describe_sst(&world.merges.dir, &sst_file_name(meta.id)).unwrap();
    assert_eq!(described.findings, []);
    described
}

#[test]
fn the_base_takes_pco_where_it_is_smaller_and_no_other_level_does() {
    let mut world = world();
    let inputs = world.inputs.clone();
    for input in &inputs {
        assert!(told(&world, input).value_codecs.contains_key("raw"));
    }
    for tier in 1..BASE {
        let merged =
            world.merge(&world.job(CompactionTarget::Tier { level: tier, partition: DyadicBox::ALL })).unwrap();
        for codecs in merged.iter().map(|meta| told(&world, meta)) {
            let pco = [codecs.value_codecs, codecs.timestamp_codecs].iter().any(|uses| uses.contains_key("pco"));
            assert!(!pco, "tier {tier}");
        }
    }
    let base = world.merge(&world.job(CompactionTarget::Base)).unwrap();
    let dense: u64 = base.iter().map(|meta| told(&world, meta).value_codecs["pco"].points).sum();
    assert_eq!(dense, 18_000);
    let bytes = |metas: &mut dyn Iterator<Item = u64>| metas.sum::<u64>();
    let (before, after) =
        (bytes(&mut inputs.iter().map(|meta| meta.file_len)), bytes(&mut base.iter().map(|meta| meta.file_len)));
    assert!(after * 3 < before, "{before} bytes become {after}");
    let points = |metas: &[SstMeta]| read_all(world.folder.path(), metas);
    let all: Vec<SstMeta> = inputs.iter().map(|meta| (**meta).clone()).collect();
    assert_eq!(points(&base), points(&all));
}

#[test]
fn what_a_merge_writes_names_its_series_whole() {
    let mut world = world();
    let names = |world: &CompactionFixture, meta: &SstMeta| {
        let cache = Arc::new(PageCache::new(0, Arc::default()));
        let reader = SstReader::open(&world.merges.dir, DATABASE, meta, cache).unwrap();
        reader.series().map(|entry| entry.unwrap().key).collect::<Vec<_>>()
    };
    let inputs = world.inputs.clone();
    assert!(names(&world, &inputs[0]).iter().all(|name| matches!(name, DictionaryKey::Hash(_))));
    let whole = |number: u32, policy| DictionaryKey::Key(SeriesKey::new(format!("s{number}")), policy);
    for output in [TIER, CompactionTarget::Base] {
        for meta in world.merge(&world.job(output)).unwrap() {
            assert_eq!(names(&world, &meta), [whole(0, DuplicatePolicy::KeepAll), whole(1, DuplicatePolicy::KeepLast)]);
        }
    }
}
