//! Tests of the encoder and the decoder of packed blocks.

use proptest::prelude::*;

use super::*;
use crate::format::sst::index_entry::PackedExtent;
use crate::format::sst::verify_packed::PackedBlockCheck;
use crate::types::series::SeriesId;

/// A run as input of the encoder.
#[derive(Debug, Clone)]
struct Run {
    ty: ValueType,
    timestamps: Vec<i64>,
    bits: Vec<u64>,
}

fn cents(series: usize, count: usize) -> Vec<u64> {
    let walk = (0..count as i64).scan(5_000 + series as i64 * 37, |at, tick| {
        *at += (tick * 7_919 + series as i64 * 104_729) % 101 - 50;
        Some((*at as f64 / 100.0).to_bits())
    });
    walk.collect()
}

fn gauge(series: usize, timestamps: &[i64]) -> Run {
    Run { ty: ValueType::F64, timestamps: timestamps.to_vec(), bits: cents(series, timestamps.len()) }
}

/// Encodes runs, and returns the block with the entries of the runs at offset 1,000 of a file.
fn encode(runs: &[Run]) -> (Vec<u8>, Vec<BlockEntry>) {
    let mut encoder = PackedBlockEncoder::default();
    let ranges: Vec<_> = runs.iter().map(|run| encoder.push(run.ty, &run.timestamps, &run.bits)).collect();
    let mut block = Vec::new();
    let header = encoder.finish(&mut block);
    let packed = PackedExtent { offset: 1_000, len: block.len() as u32 + 4 };
    let entry = |(run, range): (&Run, Range<usize>)| BlockEntry {
        series: SeriesId::new(0),
        ty: run.ty,
        count: run.bits.len() as u32,
        first_time: run.timestamps[0],
        last_time: run.timestamps[run.timestamps.len() - 1],
        offset: 1_000 + (header + range.start) as u64,
        len: range.len() as u32,
        packed: Some(packed),
        statistics: None,
    };
    let entries = runs.iter().zip(ranges).map(entry).collect();
    (block, entries)
}

fn columns<'a>(header: &PackedHeader, block: &'a [u8], entry: &BlockEntry) -> Result<RunColumns<'a>, CodecError> {
    let start = (entry.offset - 1_000) as usize;
    header.columns(block, start..start + entry.len as usize, entry.count as usize)
}

fn decode(header: &PackedHeader, block: &[u8], entry: &BlockEntry) -> Result<(Vec<i64>, Vec<u64>), CodecError> {
    let (mut integers, mut floats) = (Box::new([0; VECTOR_LEN]), Box::new([0.0; VECTOR_LEN]));
    let columns = columns(header, block, entry)?;
    let times = columns.decode_times(entry, &mut integers)?.to_vec();
    let bits = columns.decode_values(entry, &mut integers, &mut floats)?.iter().map(|bits| bits.cast_unsigned());
    Ok((times, bits.collect()))
}

fn round_trip(runs: &[Run]) -> (Vec<u8>, Vec<BlockEntry>, PackedHeader) {
    let (block, entries) = encode(runs);
    let mut header = PackedHeader::default();
    header.read(&block).unwrap();
    assert_eq!(header.len as u64, entries[0].offset - 1_000);
    for (run, entry) in runs.iter().zip(&entries) {
        let decoded = decode(&header, &block, entry).unwrap();
        assert_eq!(decoded, (run.timestamps.clone(), run.bits.clone()));
    }
    (block, entries, header)
}

#[test]
fn a_run_of_twenty_cents_takes_a_mode_a_first_value_and_seven_bits_a_step() {
    let times: Vec<i64> = (0..20).map(|tick| tick * 10_000_000_000).collect();
    let runs: Vec<Run> = (0..200).map(|series| gauge(series, &times)).collect();
    let (block, _, header) = round_trip(&runs);
    assert!(header.modes.len() <= 4, "{:?}", header.modes);
    assert!(block.len() <= 200 * (1 + 3 + 1 + 17) + 40, "{} bytes", block.len());
}

#[test]
fn equal_times_are_stored_once() {
    let jittered: Vec<i64> = (0..30).map(|tick| tick * 10_000_000_000 + tick * tick * 7_919 % 977).collect();
    let others: Vec<i64> = jittered.iter().map(|time| time + time % 977).collect();
    let runs: Vec<Run> = (0..100).map(|n| gauge(n, if n % 5 == 0 { &others } else { &jittered })).collect();
    let (block, entries, header) = round_trip(&runs);
    let shared = |entry: &&BlockEntry| columns(&header, &block, entry).unwrap().encodings()[0] == ("shared", 0);
    assert_eq!(entries.iter().filter(shared).count(), 98);
}

#[test]
fn every_type_and_form_round_trips_in_one_block() {
    let times: Vec<i64> = (0..50).collect();
    let gaps: Vec<i64> = (0..50).map(|tick| tick * 1_000 + if tick > 20 { 1 << 50 } else { 0 }).collect();
    let run = |ty, timestamps: &[i64], bits: Vec<u64>| Run { ty, timestamps: timestamps.to_vec(), bits };
    let noise = |at: u64| at.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let runs = [
        run(ValueType::I64, &times, (0..50).map(|at| (at * at - 70_i64).cast_unsigned()).collect()),
        run(ValueType::U64, &gaps, (0..50).map(|at| u64::MAX - at * 4_096).collect()),
        run(ValueType::Bool, &[5], vec![1]),
        run(ValueType::Bool, &times, (0..50).map(|at| at / 7 % 2).collect()),
        run(ValueType::F64, &times, (0..50).map(noise).collect()),
        run(
            ValueType::F64,
            &gaps,
            (0..50).map(|at| if at == 9 { f64::NAN } else { f64::from(at) / 10.0 }.to_bits()).collect(),
        ),
        run(ValueType::F64, &[i64::MIN, -1, -1, i64::MAX], vec![(-0.0_f64).to_bits(); 4]),
        run(ValueType::I64, &[i64::MIN, i64::MAX], vec![1 << 63, u64::MAX >> 1]),
        run(ValueType::I64, &[3, 3, 3], vec![9, 9, 9]),
    ];
    round_trip(&runs);
}

#[test]
fn an_encoder_is_full_after_some_kilobytes_or_modes() {
    let mut encoder = PackedBlockEncoder::default();
    let mut runs = 0;
    while !encoder.is_full() {
        encoder.push(ValueType::F64, &[0, 1, 2], &cents(runs, 3));
        runs += 1;
    }
    assert!(runs > 500);
    let mut block = Vec::new();
    encoder.finish(&mut block);
    assert!(block.len() < FULL_BYTES + 100);
    while !encoder.is_full() {
        let values: Vec<u64> = (0..10).map(|at| (at * at % 7) << (runs % 60)).collect();
        encoder.push([ValueType::U64, ValueType::I64][runs % 2], &(0..10).collect::<Vec<_>>(), &values);
        runs += 1;
        assert!(runs < 10_000);
    }
}

#[test]
fn damaged_blocks_are_refused() {
    let times: Vec<i64> = (0..20).map(|tick| tick * 1_000 + tick * tick % 13).collect();
    let runs: Vec<Run> = (0..3).map(|series| gauge(series, &times)).collect();
    let (block, entries, mut header) = round_trip(&runs);
    let mut other = entries[0];
    other.count = 128;
    decode(&header, &block, &other).unwrap_err();
    other.count = 19;
    decode(&header, &block, &other).unwrap_err();
    other = entries[0];
    other.ty = ValueType::I64;
    decode(&header, &block, &other).unwrap_err();
    other = entries[1];
    other.len -= 1;
    decode(&header, &block, &other).unwrap_err();
    other = entries[2];
    other.offset = 1_001;
    decode(&header, &block, &other).unwrap_err();
    other.offset = 1_000 + block.len() as u64 - 2;
    decode(&header, &block, &other).unwrap_err();
    let mut no_mode = block.clone();
    no_mode[header.len] = 99;
    decode(&header, &no_mode, &entries[0]).unwrap_err();
    // The second run shares the times of the first one; now the first one has none.
    no_mode[header.len] = no_mode[(entries[1].offset - 1_000) as usize];
    decode(&header, &no_mode, &entries[1]).unwrap_err();
    for bytes in [&[][..], &[0], &[1], &[1, 4, 0], &[1, 0, 5], &[1, 0, 1, 0, 0], &[1, 0, 3, 1, 0, 19, 0], &[0x81, 2]] {
        assert!(header.read(bytes).is_err(), "{bytes:?}");
    }
}

#[test]
fn a_mode_without_a_run_and_shared_times_between_two_runs_are_defects_of_the_block() {
    let jittered: Vec<i64> = (0..30).map(|tick| tick * 10_000_000_000 + tick * tick * 7_919 % 977).collect();
    let runs: Vec<Run> = (0..3).map(|series| gauge(series, &jittered)).collect();
    let (block, entries, header) = round_trip(&runs);
    let defects = |block: &[u8], longer_by: u64, shared_with: Option<u32>| {
        let mut header = PackedHeader::default();
        header.read(block).unwrap();
        let mut check = PackedBlockCheck::default();
        check.begin(entries[0].packed.unwrap(), header.len, header.mode_count());
        for entry in &entries {
            let entry = BlockEntry { offset: entry.offset + longer_by, ..*entry };
            let mut run = columns(&header, block, &entry).unwrap();
            run.shared_with = shared_with.or(run.shared_with);
            assert!(check.is_of(&entry));
            check.add(&entry, &run);
        }
        let (offset, defects) = check.finish().unwrap();
        assert_eq!((offset, check.finish()), (1_000, None));
        defects
    };
    assert_eq!(defects(&block, 0, None), Vec::<&str>::new());
    assert_eq!(defects(&block, 0, Some(1)), ["shared times of a packed block are not those of a run"]);
    // One more mode: even times, and values of step 1 and width 0 from a base.
    let mut longer = block.clone();
    longer[0] += 1;
    longer.splice(header.len..header.len, [0, 1, 1, 0]);
    assert_eq!(defects(&longer, 4, None), ["a mode of a packed block has no run"]);
}

fn any_run() -> impl Strategy<Value = Run> {
    let ty = prop_oneof![Just(ValueType::F64), Just(ValueType::I64), Just(ValueType::U64), Just(ValueType::Bool)];
    let time = prop_oneof![any::<i64>(), 0..100_i64, (0..50_i64).prop_map(|tick| tick * 1_000_000)];
    let value =
        prop_oneof![any::<u64>(), 0..100_u64, (0..10_000_u32).prop_map(|cents| (f64::from(cents) / 100.0).to_bits())];
    (ty, prop::collection::vec((time, value), 1..=MAX_RUN_POINTS)).prop_map(|(ty, points)| {
        let (mut timestamps, mut bits): (Vec<i64>, Vec<u64>) = points.into_iter().unzip();
        timestamps.sort_unstable();
        if ty == ValueType::Bool {
            for bits in &mut bits {
                *bits %= 2;
            }
        }
        Run { ty, timestamps, bits }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn all_runs_round_trip(mut runs in prop::collection::vec(any_run(), 1..8), repeats in 0..3_usize) {
        for at in 0..repeats.min(runs.len()) {
            runs.push(runs[at].clone());
        }
        round_trip(&runs);
    }

    #[test]
    fn no_change_makes_the_decoder_panic(
        runs in prop::collection::vec(any_run(), 1..4),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let (mut block, entries) = encode(&runs);
        for (at, byte) in changes {
            let at = at.index(block.len());
            block[at] = byte;
        }
        let mut header = PackedHeader::default();
        if header.read(&block).is_ok() {
            for entry in &entries {
                _ = decode(&header, &block, entry);
            }
        }
    }
}
