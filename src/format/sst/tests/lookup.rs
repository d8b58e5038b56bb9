//! Tests of lookups: they return the right blocks, and read no more than necessary.

use super::*;

/// 1,000 series of one block each, which fill several index pages.
fn many() -> Vec<TestSeries> {
    (0..1000).map(|id| TestSeries::new(id * 2, 0..300, move |at| f64::from(id) * 1.7 + at as f64 / 7.0)).collect()
}

#[test]
fn opening_reads_no_block_and_no_index_page() {
    let folder = tempfile::tempdir().unwrap();
    let dir = dir(folder.path());
    let meta = write(&dir, 7, &many());
    let cache = cache(1 << 20);
    let reader = SstReader::open(&dir, DATABASE, &meta, Arc::clone(&cache)).unwrap();
    let counts = cache.counters().counts();
    assert_eq!((counts.files_opened, counts.index_pages_read, counts.blocks_decoded), (1, 0, 0));
    assert!(counts.bytes_read < 500, "{}", counts.bytes_read);
    assert!(reader.top.index.len() >= 3, "the test needs several pages");
}

#[test]
fn a_lookup_of_one_series_reads_one_page_and_its_own_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let dir = dir(folder.path());
    let meta = write(&dir, 7, &many());
    let cache = cache(1 << 20);
    let reader = SstReader::open(&dir, DATABASE, &meta, Arc::clone(&cache)).unwrap();
    let opened = cache.counters().counts();
    let found = reader.blocks_in_range(SeriesId::new(1000), TimeRange::new(100, 200)).unwrap();
    assert_eq!(found.len(), 1);
    reader.read_block_raw(&found[0], &mut BlockScratch::default(), &mut Vec::new(), &mut Vec::new()).unwrap();
    let counts = cache.counters().counts();
    assert_eq!((counts.index_pages_read, counts.blocks_decoded), (1, 1));
    let max_bytes = super::super::top_page::MAX_PAGE_BYTES as u64 + u64::from(found[0].len);
    assert!(counts.bytes_read - opened.bytes_read <= max_bytes);
    // The second lookup finds the page in the cache.
    reader.blocks_in_range(SeriesId::new(1000), TimeRange::new(100, 200)).unwrap();
    assert_eq!(cache.counters().counts(), counts);
    // A lookup outside the rectangle reads nothing.
    assert_eq!(reader.blocks_in_range(SeriesId::new(1000), TimeRange::new(300, i64::MAX)).unwrap(), []);
    assert_eq!(reader.blocks_in_range(SeriesId::new(2001), TimeRange::ALL).unwrap(), []);
    assert_eq!(cache.counters().counts(), counts);
}

#[test]
fn a_lookup_returns_exactly_the_blocks_that_overlap_the_range() {
    let folder = tempfile::tempdir().unwrap();
    let dir = dir(folder.path());
    // A series of several pages between two small ones, with equal timestamps in several whole blocks.
    let times = (0..2_000_000).map(|at: i64| if (500_000..700_000).contains(&at) { 500_000 } else { at });
    let middle = TestSeries { id: 5, ty: ValueType::Bool, timestamps: times.collect(), bits: vec![1; 2_000_000] };
    let meta = write(&dir, 7, &[TestSeries::new(4, 0..100, |_| true), middle, TestSeries::new(6, 0..100, |_| true)]);
    let reader = open(&dir, &meta);
    let all: Vec<BlockEntry> = reader.all_blocks().map(Result::unwrap).collect();
    let ends = [i64::MIN, 0, 1, 8191, 8192, 499_999, 500_000, 500_001, 699_999, 700_000, 1_999_999, i64::MAX];
    let edges = all.iter().flat_map(|entry| [entry.first_time, entry.last_time, entry.last_time + 1]);
    let ends: Vec<i64> = ends.into_iter().chain(edges.step_by(13)).collect();
    for series in [4, 5, 6, 7] {
        let series = SeriesId::new(series);
        for &from in &ends {
            for &until in &ends {
                let meets = |entry: &&BlockEntry| {
                    entry.series == series && from <= until && entry.first_time <= until && entry.last_time >= from
                };
                let expected: Vec<BlockEntry> = all.iter().filter(meets).copied().collect();
                assert_eq!(
                    reader.blocks_in_range(series, TimeRange::new(from, until)).unwrap(),
                    expected,
                    "{series}: {from}..={until}"
                );
            }
        }
    }
}

#[test]
fn every_series_is_found_where_pages_and_restarts_meet() {
    let folder = tempfile::tempdir().unwrap();
    let dir = dir(folder.path());
    let series = many();
    let meta = write(&dir, 7, &series);
    let reader = open(&dir, &meta);
    for id in 0..2000 {
        let found = reader.blocks_in_range(SeriesId::new(id), TimeRange::new(0, 1000)).unwrap();
        assert_eq!(found.len(), usize::from(id % 2 == 0), "{id}");
    }
}

#[test]
fn the_page_cache_stays_within_its_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let dir = dir(folder.path());
    let metas: Vec<SstMeta> = (1..=4).map(|id| write(&dir, id, &many())).collect();
    let cache = cache(40 << 10);
    let open = |meta| SstReader::open(&dir, DATABASE, meta, Arc::clone(&cache)).unwrap();
    let readers: Vec<SstReader> = metas.iter().map(open).collect();
    for id in (0..2000).step_by(10).chain((0..2000).step_by(14)) {
        for reader in &readers {
            reader.blocks_in_range(SeriesId::new(id), TimeRange::new(0, 10)).unwrap();
            assert!(cache.bytes() <= 40 << 10, "{} bytes", cache.bytes());
        }
    }
    assert!(cache.bytes() > 16 << 10, "the cache contains at least one page");
}

#[test]
fn reading_ahead_gives_the_same_points_for_fewer_reads() {
    let folder = tempfile::tempdir().unwrap();
    let dir = dir(folder.path());
    let mut series = many();
    series.push(TestSeries::new(5000, 0..100_000, noise));
    let metas = [write(&dir, 7, &series), write(&dir, 8, &series[500..])];
    let readers = metas.map(|meta| open(&dir, &meta));
    let mut ahead = BlockScratch::with_read_ahead();
    for reader in &readers {
        let entries: Vec<BlockEntry> = reader.all_blocks().map(Result::unwrap).collect();
        // In order, in reverse order, and with gaps.
        for entry in entries.iter().chain(entries.iter().rev()).chain(entries.iter().step_by(7)) {
            let (mut one, mut other) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
            reader.read_block_raw(entry, &mut ahead, &mut one.0, &mut one.1).unwrap();
            reader.read_block_raw(entry, &mut BlockScratch::default(), &mut other.0, &mut other.1).unwrap();
            assert_eq!(one, other);
        }
    }
}

#[test]
fn only_blocks_of_64_points_or_more_have_statistics() {
    let folder = tempfile::tempdir().unwrap();
    let dir = dir(folder.path());
    let meta = write(&dir, 7, &[TestSeries::new(1, 0..63, |_| 1u64), TestSeries::new(2, 0..64, |at| at as u64 + 1)]);
    let entries: Vec<BlockEntry> = open(&dir, &meta).all_blocks().map(Result::unwrap).collect();
    assert_eq!(entries[0].statistics, None);
    let sum = BlockSum::Integer(64 * 65 / 2);
    let (has_nan, has_stale_marker, has_distinct_times) = (false, false, true);
    let expected =
        BlockStatistics { min: 1, max: 64, first: 1, last: 64, sum, has_nan, has_stale_marker, has_distinct_times };
    assert_eq!(entries[1].statistics, Some(expected));
}

#[test]
fn a_single_file_is_described_without_a_database() {
    let folder = tempfile::tempdir().unwrap();
    let dir = dir(folder.path());
    let meta = write(&dir, 7, &many());
    let described = describe_sst(&dir, &sst_file_name(meta.id)).unwrap();
    assert_eq!((described.uuid, described.version), (DATABASE, 3));
    assert_eq!(described.meta, SstMeta { generation: 0, ..meta.clone() });
    assert_eq!(described.findings, []);
    let mut end = 0;
    for part in &described.parts {
        assert_eq!(part.extent.offset, end, "{}", part.name);
        end = part.extent.end();
    }
    assert_eq!(end, meta.file_len);
    for usage in [&described.timestamp_codecs, &described.value_codecs] {
        assert_eq!(usage.values().map(|used| used.points).sum::<u64>(), meta.points);
    }
    assert_eq!(described.blocks.len(), 1000);
}
