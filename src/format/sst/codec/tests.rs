//! Properties of columns: any values round-trip bit for bit, and no bytes make a decoder panic.

use super::{
    CodecError, CodecScratch, DenseEncoder, FloatDecoder, IntegerDecoder, MAX_BLOCK_POINTS, VECTOR_LEN, codec_name,
    decode_floats, decode_integers, encode_floats, encode_integers, pco,
};
use proptest::prelude::*;
use proptest::sample::select;

use crate::testing::SeededRng;

/// Maximum number of bytes by which a column exceeds its raw words.
const MAX_OVERHEAD: usize = 3;

fn lengths() -> impl Strategy<Value = usize> {
    select(vec![0, 1, 2, 3, 30, 63, 64, 65, 1023, 1024, 1025, 2500, 8191, MAX_BLOCK_POINTS])
}

fn any_integer() -> impl Strategy<Value = i64> {
    prop_oneof![any::<i64>(), select(vec![i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX]), -100..100i64]
}

/// Generates integers `base + slope * i + curve * i * i` with noise and rare jumps, times `scale`.
/// The arithmetic wraps.
fn integers() -> impl Strategy<Value = Vec<i64>> {
    let shape = (any_integer(), any_integer(), -3..3i64, select(vec![1i64, 1, 1000, 10_000_000_000, 6, 1 << 40]));
    let disorder = (0..64u32, 0..400u32, any::<u64>());
    (lengths(), shape, disorder).prop_map(|(len, (base, slope, curve, scale), (noise_bits, jump_every, seed))| {
        let mut random = splitmix(seed);
        let mut level = base;
        (0i64..)
            .take(len)
            .map(|i| {
                if jump_every > 0 && random().is_multiple_of(u64::from(jump_every)) {
                    level = level.wrapping_add((random() >> (random() % 64)).cast_signed());
                }
                let noise = (random() & ((1 << noise_bits) - 1)).cast_signed();
                let line = slope.wrapping_mul(i).wrapping_add(curve.wrapping_mul(i.wrapping_mul(i)));
                level.wrapping_add(line).wrapping_add(noise).wrapping_mul(scale)
            })
            .collect()
    })
}

fn odd_float() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        select(vec![
            f64::NAN,
            -f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            0.0,
            -0.0,
            5e-324,
            -1e-310,
            f64::MAX,
            1e308
        ]),
        select(vec![0x7ff8_0000_dead_beef, 0xfff0_0000_0000_0001]).prop_map(f64::from_bits),
        (1i64 << 51..1 << 60).prop_map(double),
    ]
}

/// Decimals with errors in their last bits, or few distinct doubles.
fn odd_decimals() -> impl Strategy<Value = Vec<f64>> {
    let distinct = select(vec![2u64, 5, 30, 300, 1_024, 1_025, 1 << 40]);
    (lengths(), distinct, 1..1_000_000i64, 0..4u64, any::<u64>()).prop_map(|(len, distinct, factor, errors, seed)| {
        let mut random = splitmix(seed);
        let mut decimal = move || {
            let value = double((random() % distinct).cast_signed()) * double(factor) / 1e5;
            f64::from_bits(value.to_bits() ^ (random() & errors))
        };
        (0..len).map(|_| decimal()).collect()
    })
}

/// A random walk of decimals, mixed with unusual doubles.
fn floats() -> impl Strategy<Value = Vec<f64>> {
    (lengths(), 0..20i32, 1..1_000_000u64, -1_000_000..1_000_000i64, select(vec![1u64, 2, 3, 50, 5000]), any::<u64>())
        .prop_flat_map(|(len, places, stride, start, odd_every, seed)| {
            prop::collection::vec(odd_float(), 1..20).prop_map(move |odd| {
                let mut random = splitmix(seed);
                let mut digits = start;
                (0..len)
                    .map(|_| {
                        digits += (random() % stride).cast_signed() - (stride / 2).cast_signed();
                        if random().is_multiple_of(odd_every) && odd_every < 5000 {
                            odd[(random() & 0xffff) as usize % odd.len()]
                        } else {
                            double(digits) / 10f64.powi(places)
                        }
                    })
                    .collect()
            })
        })
}

#[expect(clippy::cast_precision_loss, reason = "any double near the integer will do")]
fn double(integer: i64) -> f64 {
    integer as f64
}

fn splitmix(seed: u64) -> impl FnMut() -> u64 {
    let mut rng = SeededRng::new(seed);
    move || rng.next_u64()
}

fn encoded_integers(values: &[i64]) -> Vec<u8> {
    // Columns are appended: existing bytes must stay.
    let mut bytes = vec![0xaa];
    encode_integers(values, &mut CodecScratch::default(), &mut bytes);
    assert_eq!(bytes.remove(0), 0xaa);
    assert!(bytes.len() <= values.len() * 8 + MAX_OVERHEAD);
    bytes
}

fn encoded_floats(values: &[f64]) -> Vec<u8> {
    let mut bytes = vec![0xaa];
    encode_floats(values, &mut CodecScratch::default(), &mut bytes);
    assert_eq!(bytes.remove(0), 0xaa);
    assert!(bytes.len() <= values.len() * 8 + MAX_OVERHEAD);
    bytes
}

/// Encodes with pco, even if the usual codec is smaller.
fn pco_integers(values: &[i64]) -> Vec<u8> {
    let mut bytes = vec![0xaa];
    assert!(pco::encode(values, &mut bytes));
    bytes.split_off(1)
}

fn pco_floats(values: &[f64]) -> Vec<u8> {
    let mut bytes = vec![0xaa];
    assert!(pco::encode(values, &mut bytes));
    bytes.split_off(1)
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Decodes by vectors; if `skipping`, every second vector is skipped and replaced by zeros.
fn integers_by_vector(bytes: &[u8], count: usize, skipping: bool) -> Vec<i64> {
    let mut decoder = IntegerDecoder::new(bytes, count).unwrap();
    let mut out = Vec::new();
    let mut vector = [0; VECTOR_LEN];
    for turn in 0.. {
        let skip = skipping && turn % 2 == 1;
        let len = if skip { decoder.skip().unwrap() } else { decoder.next(&mut vector).unwrap() };
        if len == 0 {
            break;
        }
        if skip { out.resize(out.len() + len, 0) } else { out.extend_from_slice(&vector[..len]) }
    }
    out
}

fn floats_by_vector(bytes: &[u8], count: usize, skipping: bool) -> Vec<f64> {
    let mut decoder = FloatDecoder::new(bytes, count).unwrap();
    let mut out = Vec::new();
    let mut vector = [0.0; VECTOR_LEN];
    for turn in 0.. {
        let skip = skipping && turn % 2 == 1;
        let len = if skip { decoder.skip().unwrap() } else { decoder.next(&mut vector).unwrap() };
        if len == 0 {
            break;
        }
        if skip { out.resize(out.len() + len, 0.0) } else { out.extend_from_slice(&vector[..len]) }
    }
    out
}

/// Decodes in every way.
/// Asserts only that decoding neither panics nor loops, and yields no more values than requested.
fn decode_both(bytes: &[u8], count: usize) {
    let (mut integers, mut floats) = (Vec::new(), Vec::new());
    let (ok_integers, ok_floats) =
        (decode_integers(bytes, count, &mut integers).is_ok(), decode_floats(bytes, count, &mut floats).is_ok());
    assert_eq!(integers.len(), if ok_integers { count } else { 0 });
    assert_eq!(floats.len(), if ok_floats { count } else { 0 });
    if let Ok(mut decoder) = IntegerDecoder::new(bytes, count) {
        for _ in 0..=MAX_BLOCK_POINTS / VECTOR_LEN + 1 {
            let _ = decoder.skip();
            let _ = decoder.next(&mut [0; VECTOR_LEN]);
        }
    }
    if let Ok(mut decoder) = FloatDecoder::new(bytes, count) {
        for _ in 0..=MAX_BLOCK_POINTS / VECTOR_LEN + 1 {
            let _ = decoder.skip();
            let _ = decoder.next(&mut [0.0; VECTOR_LEN]);
        }
    }
}

fn blank_odd_vectors<T: Default>(values: &mut [T]) {
    for vector in values.chunks_mut(VECTOR_LEN).skip(1).step_by(2) {
        vector.fill_with(T::default);
    }
}

/// Columns of every codec, short enough to flip each of their bits.
fn small_integer_columns() -> Vec<(&'static str, Vec<i64>)> {
    let mut random = splitmix(42);
    let mut noise = |below: u64| (random() % below).cast_signed();
    let mut patched = vec![1_000_000; 100];
    (patched[17], patched[60]) = (3, i64::MAX);
    let mut walk = 0;
    let mut pace = 0;
    vec![
        ("raw", (0..9).map(|_| noise(u64::MAX)).collect()),
        ("constant", vec![-77; 5]),
        ("for", (0..150).map(|_| noise(100)).collect()),
        ("for", patched),
        ("linear", (0..70).map(|i| 1_760_000_000_000_000_000 + i * 10_000_000_000).collect()),
        ("linear", (0..1025).map(|i| i * 1000 + noise(3)).collect()),
        ("delta", (0..200).map(|_| (walk += noise(101) - 50, walk).1).collect()),
        ("delta2", (0..200).map(|_| (pace += noise(9) - 4, walk += pace, walk).2).collect()),
    ]
}

/// Values that pco makes smaller: unordered multiples of a factor that is not a short decimal.
fn wind(len: usize) -> Vec<f64> {
    let mut random = splitmix(7);
    (0..len).map(|_| double((random() % 20).cast_signed()) * 1.150_78).collect()
}

#[test]
fn pco_is_used_where_it_is_clearly_smaller() {
    let (mut dense, mut scratch) = (DenseEncoder::default(), CodecScratch::default());
    let mut random = splitmix(1);
    let roots: Vec<f64> = (0..MAX_BLOCK_POINTS).map(|_| double((random() >> 40).cast_signed()).sqrt()).collect();
    let gauge: Vec<f64> = (0..MAX_BLOCK_POINTS).map(|_| double((random() % 1000).cast_signed()) / 10.0).collect();
    let noise: Vec<f64> = (0..MAX_BLOCK_POINTS).map(|_| f64::from_bits(random())).collect();
    for (values, codec) in
        [(wind(4000), "distinct"), (roots, "pco"), (gauge, "alp"), (noise, "raw"), (wind(50), "corrected")]
    {
        let mut bytes = Vec::new();
        dense.encode_floats(&values, &mut scratch, &mut bytes);
        assert_eq!(codec_name(&bytes), codec);
        assert_eq!(bits(&floats_by_vector(&bytes, values.len(), false)), bits(&values));
        assert!(bytes.len() <= encoded_floats(&values).len());
    }
    let skewed: Vec<i64> = (0..MAX_BLOCK_POINTS).map(|_| i64::from(random().trailing_zeros()).pow(6)).collect();
    let times: Vec<i64> = (0..MAX_BLOCK_POINTS).zip(0..).map(|(_, at)| at * 1_000_000_000).collect();
    for (values, codec) in [(skewed, "pco"), (times, "linear")] {
        let mut bytes = Vec::new();
        dense.encode_integers(&values, &mut scratch, &mut bytes);
        assert_eq!(codec_name(&bytes), codec);
        assert_eq!(integers_by_vector(&bytes, values.len(), false), values);
    }
}

#[test]
fn pco_is_tried_rarely_where_it_gains_nothing_and_always_where_it_gains() {
    let (mut dense, mut scratch, mut random) = (DenseEncoder::default(), CodecScratch::default(), splitmix(3));
    let mut codec = |values: &[i64]| {
        let mut bytes = Vec::new();
        dense.encode_integers(values, &mut scratch, &mut bytes);
        codec_name(&bytes)
    };
    let flat: Vec<i64> = (0..2000).map(|_| (random() % 1024).cast_signed()).collect();
    let skewed: Vec<i64> = (0..2000).map(|_| i64::from(random().trailing_zeros()).pow(6)).collect();
    assert_eq!(codec_name(&encoded_integers(&skewed)), "for", "both kinds of values have the same usual codec");
    for _ in 0..100 {
        assert_eq!(codec(&flat), "for");
    }
    let used: Vec<bool> = (0..40).map(|_| codec(&skewed) == "pco").collect();
    let first = used.iter().position(|pco| *pco).unwrap();
    assert!(first <= 15, "{first} blocks were skipped");
    assert!(used[first..].iter().all(|pco| *pco), "after a success, every block is tried");
}

#[test]
fn a_pco_column_that_claims_much_memory_is_refused_before_the_allocation() {
    // Mode 4: a dictionary of 2^25 - 1 values.
    let dictionary = [8, 0xf4, 0xff, 0xff, 0x1f, 0, 0, 0, 0];
    let refused = Err(CodecError("the mode of a pco column is not accepted"));
    assert_eq!(decode_floats(&dictionary, 100, &mut Vec::new()), refused);
    assert_eq!(decode_integers(&dictionary, 100, &mut Vec::new()), refused);
    // Classic mode, with a lookback window of 2^24 values.
    let mut window = vec![8, 0x20, 0x17];
    window.resize(200, 0);
    assert!(decode_integers(&window, 100, &mut Vec::new()).is_err());
}

#[test]
fn a_pco_column_of_another_count_or_kind_is_refused() {
    let bytes = pco_floats(&wind(3000));
    let mut out = Vec::new();
    for count in [0, 1, 2999, 3001, 4000, MAX_BLOCK_POINTS, MAX_BLOCK_POINTS + 1, usize::MAX] {
        assert!(decode_floats(&bytes, count, &mut out).is_err(), "{count}");
        assert!(out.is_empty());
    }
    assert!(decode_integers(&bytes, 3000, &mut Vec::new()).is_err(), "the factor of the column is a double");
    assert!(decode_floats(&[8], 1, &mut out).is_err());
    // The digits of ALP are decoded vector by vector, which pco does not support.
    let mut alp = encoded_floats(&(0..99).map(|at| double(at % 7) / 10.0).collect::<Vec<_>>());
    alp.truncate(4);
    alp.extend(pco_integers(&(0..99).collect::<Vec<_>>()));
    assert_eq!(decode_floats(&alp, 99, &mut out), Err(CodecError::UNKNOWN));
}

#[test]
fn every_bit_of_an_integer_column_is_significant() {
    for (codec, values) in small_integer_columns() {
        let bytes = encoded_integers(&values);
        assert_eq!(codec_name(&bytes), codec);
        let mut out = Vec::new();
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let refused = decode_integers(&bad, values.len(), &mut out).is_err();
            assert!(refused || out != values, "bit {bit} of {codec} is not significant");
        }
    }
}

#[test]
fn every_bit_of_a_float_column_is_significant() {
    // The column has no exceptions, because the digits at their positions are ignored.
    let (_, walk) = small_integer_columns().swap_remove(6);
    let walk: Vec<f64> = walk.iter().map(|&cents| double(cents) / 100.0).collect();
    let root = (2..40).map(|i| double(i).sqrt()).collect();
    let beside_decimals = (0..200).map(|i| double(i * 7_919 % 100_003) * 1.150_78).collect();
    let few = (0..200).map(|i| double(i * i % 37).sqrt()).collect();
    let columns = [
        ("alp", walk),
        ("raw", root),
        ("constant", vec![f64::NAN; 5]),
        ("corrected", beside_decimals),
        ("distinct", few),
    ];
    for (codec, values) in columns {
        let bytes = encoded_floats(&values);
        assert_eq!(codec_name(&bytes), codec);
        let mut out = Vec::new();
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let refused = decode_floats(&bad, values.len(), &mut out).is_err();
            assert!(refused || bits(&out) != bits(&values), "bit {bit} of {codec} is not significant");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn structured_integers_round_trip(mut values in integers()) {
        let bytes = encoded_integers(&values);
        prop_assert_eq!(&integers_by_vector(&bytes, values.len(), false), &values);
        let mut whole = vec![1; 5];
        prop_assert_eq!(decode_integers(&bytes, values.len(), &mut whole), Ok(()));
        prop_assert_eq!(&whole, &values);
        blank_odd_vectors(&mut values);
        prop_assert_eq!(&integers_by_vector(&bytes, values.len(), true), &values);
    }

    #[test]
    fn arbitrary_integers_round_trip(values in prop::collection::vec(any_integer(), 0..200)) {
        let bytes = encoded_integers(&values);
        prop_assert_eq!(integers_by_vector(&bytes, values.len(), false), values);
    }

    #[test]
    fn sorted_integers_round_trip(mut values in prop::collection::vec(any_integer(), 0..1500)) {
        values.sort_unstable();
        let bytes = encoded_integers(&values);
        prop_assert_eq!(integers_by_vector(&bytes, values.len(), false), values);
    }

    #[test]
    fn floats_round_trip_bit_for_bit(mut values in floats()) {
        let bytes = encoded_floats(&values);
        prop_assert_eq!(bits(&floats_by_vector(&bytes, values.len(), false)), bits(&values));
        let mut whole = vec![1.0; 5];
        prop_assert_eq!(decode_floats(&bytes, values.len(), &mut whole), Ok(()));
        prop_assert_eq!(bits(&whole), bits(&values));
        blank_odd_vectors(&mut values);
        prop_assert_eq!(bits(&floats_by_vector(&bytes, values.len(), true)), bits(&values));
    }

    #[test]
    fn doubles_beside_decimals_and_few_distinct_ones_round_trip_bit_for_bit(
        mut values in odd_decimals(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let bytes = encoded_floats(&values);
        prop_assert_eq!(bits(&floats_by_vector(&bytes, values.len(), false)), bits(&values));
        prop_assert!(decode_floats(&bytes[..cut.index(bytes.len())], values.len(), &mut Vec::new()).is_err());
        prop_assert!(decode_floats(&[&bytes[..], &[0]].concat(), values.len(), &mut Vec::new()).is_err());
        let mut changed = bytes.clone();
        for (index, byte) in changes {
            let range = if byte % 2 == 0 { bytes.len().min(40) } else { bytes.len() };
            changed[index.index(range)] = byte;
        }
        decode_both(&changed, values.len());
        blank_odd_vectors(&mut values);
        prop_assert_eq!(bits(&floats_by_vector(&bytes, values.len(), true)), bits(&values));
    }

    #[test]
    fn integers_round_trip_through_pco(mut values in integers(), odd in prop::collection::vec(any_integer(), 1..200)) {
        for values in [&values, &odd].into_iter().filter(|values| !values.is_empty()) {
            let mut bytes = Vec::new();
            DenseEncoder::default().encode_integers(values, &mut CodecScratch::default(), &mut bytes);
            prop_assert!(bytes.len() <= encoded_integers(values).len());
            for bytes in [bytes, pco_integers(values)] {
                prop_assert_eq!(&integers_by_vector(&bytes, values.len(), false), values);
                prop_assert!(decode_integers(&[&bytes[..], &[0]].concat(), values.len(), &mut Vec::new()).is_err());
            }
        }
        if !values.is_empty() {
            let bytes = pco_integers(&values);
            blank_odd_vectors(&mut values);
            prop_assert_eq!(integers_by_vector(&bytes, values.len(), true), values);
        }
    }

    #[test]
    fn floats_round_trip_through_pco_bit_for_bit(values in floats(), odd in prop::collection::vec(odd_float(), 1..200)) {
        for values in [&values, &odd].into_iter().filter(|values| !values.is_empty()) {
            let mut bytes = Vec::new();
            DenseEncoder::default().encode_floats(values, &mut CodecScratch::default(), &mut bytes);
            prop_assert!(bytes.len() <= encoded_floats(values).len());
            for bytes in [bytes, pco_floats(values)] {
                prop_assert_eq!(bits(&floats_by_vector(&bytes, values.len(), false)), bits(values));
                prop_assert!(decode_floats(&[&bytes[..], &[0]].concat(), values.len(), &mut Vec::new()).is_err());
            }
        }
    }

    #[test]
    fn mutated_pco_columns_never_panic(
        values in integers(),
        doubles in floats(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let integers = if values.is_empty() { vec![1] } else { values };
        let doubles = if doubles.is_empty() { vec![0.5] } else { doubles };
        for (mut bytes, count) in [(pco_integers(&integers), integers.len()), (pco_floats(&doubles), doubles.len())] {
            let cut = cut.index(bytes.len());
            decode_both(&bytes[..cut], count);
            for (index, byte) in &changes {
                let range = if byte % 4 > 0 { bytes.len().min(40) } else { bytes.len() };
                let at = index.index(range);
                bytes[at] = *byte;
            }
            decode_both(&bytes, count);
        }
    }

    #[test]
    fn odd_floats_round_trip_bit_for_bit(values in prop::collection::vec(odd_float(), 0..200)) {
        let bytes = encoded_floats(&values);
        prop_assert_eq!(bits(&floats_by_vector(&bytes, values.len(), false)), bits(&values));
    }

    #[test]
    fn the_content_of_the_scratch_does_not_change_the_output(first in integers(), second in integers(), third in floats()) {
        let mut scratch = CodecScratch::default();
        encode_integers(&first, &mut scratch, &mut Vec::new());
        encode_floats(&third, &mut scratch, &mut Vec::new());
        let mut bytes = Vec::new();
        encode_integers(&second, &mut scratch, &mut bytes);
        prop_assert_eq!(bytes, encoded_integers(&second));
        let mut bytes = Vec::new();
        encode_floats(&third, &mut scratch, &mut bytes);
        prop_assert_eq!(bytes, encoded_floats(&third));
    }

    #[test]
    fn random_bytes_never_panic(
        id in 0..12u8,
        body in prop::collection::vec(prop_oneof![any::<u8>(), 0..4u8, Just(0x80), Just(0xff)], 0..600),
        count in prop_oneof![lengths(), 0..40usize, Just(MAX_BLOCK_POINTS + 1), Just(usize::MAX)],
    ) {
        let mut bytes = vec![id];
        bytes.extend(body);
        decode_both(&bytes, count);
    }

    #[test]
    fn mutated_columns_never_panic(
        values in integers(),
        doubles in floats(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        for (mut bytes, count) in [(encoded_integers(&values), values.len()), (encoded_floats(&doubles), doubles.len())] {
            decode_both(&bytes[..cut.index(bytes.len())], count);
            for (index, byte) in &changes {
                // Headers are short compared with payloads, so half of the changes go there.
                let range = if byte % 2 == 0 { bytes.len().min(24) } else { bytes.len() };
                let at = index.index(range);
                bytes[at] = *byte;
            }
            decode_both(&bytes, count);
        }
    }

    #[test]
    fn a_cut_or_lengthened_column_is_refused(values in integers(), doubles in floats(), cut in any::<prop::sample::Index>()) {
        let bytes = encoded_integers(&values);
        let mut out = Vec::new();
        prop_assert!(decode_integers(&bytes[..cut.index(bytes.len())], values.len(), &mut out).is_err());
        prop_assert!(decode_integers(&[&bytes[..], &[0]].concat(), values.len(), &mut out).is_err());
        let bytes = encoded_floats(&doubles);
        let mut out = Vec::new();
        prop_assert!(decode_floats(&bytes[..cut.index(bytes.len())], doubles.len(), &mut out).is_err());
        prop_assert!(decode_floats(&[&bytes[..], &[0]].concat(), doubles.len(), &mut out).is_err());
    }
}
