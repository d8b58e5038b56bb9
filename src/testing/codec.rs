//! Fuzz entry points of the column codecs: arbitrary bytes are decoded, arbitrary values round-trip.
//!
//! The entry points panic if an invariant is violated: values round-trip bit for bit, encodings are unique where only
//! one is accepted, and no more values are decoded than requested.

use crate::format::sst::codec::alp::{DecimalDigits, DecimalScale};
use crate::format::sst::codec::bitpack;
use crate::format::sst::codec::grid::Grid;
use crate::format::sst::codec::pfor::{self, PforFrame, PforPlan};
use crate::format::sst::codec::scheme::Scheme;
use crate::format::sst::codec::varint::{ColumnReader, len_i64, len_u64, unzigzag, write_i64, write_u64, zigzag};
use crate::format::sst::codec::{
    CodecScratch, DenseEncoder, FloatDecoder, IntegerDecoder, MAX_BLOCK_POINTS, VECTOR_LEN, decode_floats,
    decode_integers, encode_floats, encode_integers,
};
use crate::testing::fuzzing::fuzz_input::FuzzInput;

/// Maximum number of bytes by which a column exceeds its raw words.
const MAX_OVERHEAD: usize = 3;

/// Reads at most `max_count` integers with patterns of real columns: runs, ramps, jumps, any words.
fn values(input: &mut FuzzInput<'_>, max_count: usize) -> Vec<i64> {
    let mut values: Vec<i64> = Vec::new();
    let (mut last, mut step) = (0_i64, 0_i64);
    while !input.is_empty() && values.len() < max_count {
        let [any, new_step, many, scaled, negative] = input.flags();
        if new_step {
            step = input.number().cast_signed();
            step = if negative { step.wrapping_neg() } else { step };
            step = if scaled { step.wrapping_mul(1_000_000_000) } else { step };
        }
        let times = if many { input.short() } else { 1 };
        for _ in 0..times.min(max_count - values.len()) {
            last = if any { input.word().cast_signed() } else { last.wrapping_add(step) };
            values.push(last);
        }
    }
    values
}

/// Reads at most `max_count` doubles: arbitrary bits, or decimals, depending on the first byte.
fn doubles(input: &mut FuzzInput<'_>, max_count: usize) -> Vec<f64> {
    let places = input.byte();
    let values = values(input, max_count);
    if places >= 20 {
        return values.into_iter().map(|value| f64::from_bits(value.cast_unsigned())).collect();
    }
    let odd = |value: i64| value % 97 == 96;
    let decimal = |value: i64| {
        #[expect(clippy::cast_precision_loss, reason = "any double near the decimal will do")]
        let digits = value as f64;
        digits / 10_f64.powi(i32::from(places))
    };
    // Some values are not decimals, to produce exceptions.
    let double = |value: i64| if odd(value) { f64::from_bits(value.cast_unsigned() ^ !0) } else { decimal(value) };
    values.into_iter().map(double).collect()
}

/// A column of integers: bytes decoded, or values encoded.
///
/// # Panics
/// If an invariant of the codec is violated.
pub fn integers(data: &[u8]) {
    let mut input = FuzzInput::new(data);
    let [encode, wide] = input.flags();
    if encode {
        return check_integers_round_trip(&values(&mut input, if wide { MAX_BLOCK_POINTS } else { 300 }));
    }
    let count = input.short();
    let bytes = input.rest();
    let mut out = vec![1; 3];
    let decoded = decode_integers(bytes, count, &mut out);
    assert_eq!(out.len(), if decoded.is_ok() { count } else { 0 });
    let stepwise = integers_by_vector(bytes, count);
    assert_eq!(stepwise.as_ref(), decoded.is_ok().then_some(&out), "decoding by vectors differs from decoding at once");
    if decoded.is_ok() {
        check_integers_round_trip(&out);
    }
}

fn check_integers_round_trip(values: &[i64]) {
    let mut bytes = Vec::new();
    encode_integers(values, &mut CodecScratch::default(), &mut bytes);
    assert!(bytes.len() <= values.len() * 8 + MAX_OVERHEAD, "longer than raw words");
    let mut back = Vec::new();
    assert_eq!(decode_integers(&bytes, values.len(), &mut back), Ok(()));
    assert!(back == values, "integers changed");
    let mut dense = Vec::new();
    DenseEncoder::default().encode_integers(values, &mut CodecScratch::default(), &mut dense);
    assert!(dense.len() <= bytes.len(), "longer than what it replaces");
    assert_eq!(decode_integers(&dense, values.len(), &mut back), Ok(()));
    assert!(back == values, "the dense encoder changed integers");
}

/// Decodes a column vector by vector.
///
/// A second decoder skips every second vector and must return the same lengths and values.
fn integers_by_vector(bytes: &[u8], count: usize) -> Option<Vec<i64>> {
    let (mut whole, mut skipping) = (IntegerDecoder::new(bytes, count).ok()?, IntegerDecoder::new(bytes, count).ok()?);
    let (mut vector, mut other) = ([0; VECTOR_LEN], [0; VECTOR_LEN]);
    let mut out = Vec::new();
    for turn in 0..=MAX_BLOCK_POINTS / VECTOR_LEN {
        let len = whole.next(&mut vector).ok()?;
        let len_or_error = if turn % 2 == 1 { skipping.skip() } else { skipping.next(&mut other) };
        assert_eq!(len_or_error, Ok(len), "a decodable vector cannot be skipped");
        assert!(turn % 2 == 1 || vector[..len] == other[..len], "skipping changed the values of a later vector");
        out.extend_from_slice(&vector[..len]);
    }
    Some(out)
}

/// A column of doubles: bytes decoded, or values encoded.
///
/// # Panics
/// If an invariant of the codec is violated.
pub fn floats(data: &[u8]) {
    let mut input = FuzzInput::new(data);
    let [encode, wide] = input.flags();
    if encode {
        return check_floats_round_trip(&doubles(&mut input, if wide { MAX_BLOCK_POINTS } else { 300 }));
    }
    let count = input.short();
    let bytes = input.rest();
    let mut out = vec![1.0; 3];
    let decoded = decode_floats(bytes, count, &mut out);
    assert_eq!(out.len(), if decoded.is_ok() { count } else { 0 });
    let stepwise = floats_by_vector(bytes, count);
    assert!(
        stepwise.map(|all| bits(&all)) == decoded.is_ok().then(|| bits(&out)),
        "decoding by vectors differs from decoding at once"
    );
    if decoded.is_ok() {
        check_floats_round_trip(&out);
    }
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn check_floats_round_trip(values: &[f64]) {
    let mut bytes = Vec::new();
    encode_floats(values, &mut CodecScratch::default(), &mut bytes);
    assert!(bytes.len() <= values.len() * 8 + MAX_OVERHEAD, "longer than raw words");
    let mut back = Vec::new();
    assert_eq!(decode_floats(&bytes, values.len(), &mut back), Ok(()));
    assert!(bits(&back) == bits(values), "doubles changed");
    let mut dense = Vec::new();
    DenseEncoder::default().encode_floats(values, &mut CodecScratch::default(), &mut dense);
    assert!(dense.len() <= bytes.len(), "longer than what it replaces");
    assert_eq!(decode_floats(&dense, values.len(), &mut back), Ok(()));
    assert!(bits(&back) == bits(values), "the dense encoder changed doubles");
}

fn floats_by_vector(bytes: &[u8], count: usize) -> Option<Vec<f64>> {
    let (mut whole, mut skipping) = (FloatDecoder::new(bytes, count).ok()?, FloatDecoder::new(bytes, count).ok()?);
    let (mut vector, mut other) = ([0.0; VECTOR_LEN], [0.0; VECTOR_LEN]);
    let mut out = Vec::new();
    for turn in 0..=MAX_BLOCK_POINTS / VECTOR_LEN {
        let len = whole.next(&mut vector).ok()?;
        let len_or_error = if turn % 2 == 1 { skipping.skip() } else { skipping.next(&mut other) };
        assert_eq!(len_or_error, Ok(len), "a decodable vector cannot be skipped");
        assert!(
            turn % 2 == 1 || bits(&vector[..len]) == bits(&other[..len]),
            "skipping changed the values of a later vector"
        );
        out.extend_from_slice(&vector[..len]);
    }
    Some(out)
}

/// Decimal scales: every value but the exceptions round-trips with any scale.
///
/// # Panics
/// If a value changes that is not an exception.
pub fn alp(data: &[u8]) {
    let mut input = FuzzInput::new(data);
    let given = DecimalScale::read(&mut ColumnReader::new(input.bytes(2))).ok();
    let values = doubles(&mut input, 300);
    let found = if values.is_empty() { None } else { DecimalScale::fit(&values) };
    for scale in given.into_iter().chain(found) {
        let mut bytes = Vec::new();
        scale.write(&mut bytes);
        assert_eq!(DecimalScale::read(&mut ColumnReader::new(&bytes)), Ok(scale));
        let mut digits = DecimalDigits::default();
        if values.is_empty() {
            continue;
        }
        scale.encode(&values, &mut digits);
        scale.decode(&mut digits.digits);
        let mut back: Vec<f64> = digits.digits.iter().map(|bits| f64::from_bits(bits.cast_unsigned())).collect();
        assert!(digits.exceptions.is_sorted_by(|a, b| a < b), "positions of exceptions do not ascend");
        for position in digits.exceptions {
            back[usize::from(position)] = values[usize::from(position)];
        }
        assert!(bits(&back) == bits(&values), "a value changed that is no exception");
    }
}

/// Bit packing: unpacking and packing numbers of any width gives the same bytes.
///
/// # Panics
/// If packing is not the inverse of unpacking.
pub fn bitpack(data: &[u8]) {
    let mut input = FuzzInput::new(data);
    let (width, count) = (u32::from(input.byte()) % 65, input.short() % (VECTOR_LEN + 1));
    let bytes = input.bytes(bitpack::packed_len(count, width));
    // Unpack as many numbers as the input has bytes for.
    let count = if width == 0 { count } else { bytes.len() * 8 / width as usize };
    let bytes = &bytes[..bitpack::packed_len(count, width)];
    let mut numbers = vec![-1; count];
    if bitpack::unpack(bytes, width, &mut numbers).is_err() {
        return;
    }
    let numbers: Vec<u64> = numbers.into_iter().map(i64::cast_unsigned).collect();
    let mut again = Vec::new();
    bitpack::pack(&numbers, width, &mut again);
    assert!(again == bytes, "packing gives other bytes");
}

/// PFOR frames: a frame of arbitrary bytes, and a frame of arbitrary values.
///
/// # Panics
/// If values change.
pub fn patch(data: &[u8]) {
    let mut input = FuzzInput::new(data);
    let [plan] = input.flags();
    if plan {
        let values = values(&mut input, VECTOR_LEN);
        if !values.is_empty() {
            check_frame_round_trip(&values);
        }
        return;
    }
    let count = input.short() % VECTOR_LEN + 1;
    let mut reader = ColumnReader::new(input.rest());
    let Ok(frame) = PforFrame::read(&mut reader, count) else { return };
    let mut values = vec![0; count];
    if frame.unpack(&mut values).is_ok() {
        assert!(!frame.is_constant() || values.iter().all(|value| *value == 0), "a constant frame has residuals");
        for value in &mut values {
            *value = value.wrapping_add(frame.reference);
        }
        check_frame_round_trip(&values);
    }
}

fn check_frame_round_trip(values: &[i64]) {
    let plan = PforPlan::for_values(values);
    let mut bytes = Vec::new();
    plan.write(values, &mut pfor::PforBuffers::default(), &mut bytes);
    assert_eq!(bytes.len(), plan.encoded_len(values.len()));
    let mut reader = ColumnReader::new(&bytes);
    let mut back = vec![0; values.len()];
    let read = PforFrame::read(&mut reader, values.len()).and_then(|frame| {
        frame.unpack(&mut back)?;
        for value in &mut back {
            *value = value.wrapping_add(frame.reference);
        }
        reader.finish()
    });
    assert_eq!(read, Ok(()));
    assert!(back == values, "the values of a frame changed");
}

/// Grids: a grid of arbitrary bytes, and the grid of arbitrary values.
///
/// # Panics
/// If a grid has two encodings, or a value does not lie on its own grid.
pub fn grid(data: &[u8]) {
    let mut reader = ColumnReader::new(data);
    if let Ok(grid) = Grid::read(&mut reader) {
        let mut again = Vec::new();
        grid.write(&mut again);
        assert_eq!(again.len(), grid.encoded_len());
        assert!(data.starts_with(&again), "a grid has two encodings");
    }
    let values = values(&mut FuzzInput::new(data), 300);
    if values.iter().all(|value| *value == values[0]) {
        return;
    }
    let (grid, mut quotients) = (Grid::fit(&values), Vec::new());
    grid.divide(&values, &mut quotients);
    let back = quotients.iter().map(|q| q.wrapping_mul(grid.step.cast_signed()).wrapping_add(grid.offset));
    assert!(back.eq(values), "a value does not lie on the grid");
}

/// Schemes: every scheme restores arbitrary values.
///
/// # Panics
/// If restoring is not the inverse of flattening.
pub fn scheme(data: &[u8]) {
    let mut input = FuzzInput::new(data);
    let reference = input.number().cast_signed();
    let values = values(&mut input, VECTOR_LEN);
    if values.is_empty() {
        return;
    }
    for scheme in [Scheme::For, Scheme::Linear, Scheme::Delta, Scheme::Delta2] {
        assert_eq!(Scheme::from_id(scheme.id()), Some(scheme));
        let mut flat = Vec::new();
        let params = scheme.flatten(&values, &mut flat);
        let mut bytes = Vec::new();
        scheme.write_params(params, &mut bytes);
        assert_eq!(bytes.len(), scheme.params_len(params));
        let read = scheme.read_params(&mut ColumnReader::new(&bytes), values.len());
        assert_eq!(read, Ok(params));
        for value in &mut flat {
            *value = value.wrapping_sub(reference);
        }
        scheme.restore(params, reference, &mut flat);
        assert!(flat == values, "{scheme:?} changed a value");
    }
}

/// Varints of columns: every number has exactly one encoding.
///
/// # Panics
/// If a number has two encodings.
pub fn varint(data: &[u8]) {
    let mut reader = ColumnReader::new(data);
    let mut again = Vec::new();
    while let Ok(number) = reader.u64() {
        let before = again.len();
        write_u64(number, &mut again);
        assert_eq!(again.len() - before, len_u64(number));
        assert_eq!((unzigzag(zigzag(number.cast_signed())), zigzag(unzigzag(number))), (number.cast_signed(), number));
        let mut signed = Vec::new();
        write_i64(unzigzag(number), &mut signed);
        assert_eq!((signed.len(), &signed[..]), (len_i64(unzigzag(number)), &again[before..]));
    }
    assert!(data.starts_with(&again), "a number has two encodings");
    numbers(data);
}

/// Varints of other file parts, which may be overlong: they round-trip.
fn numbers(data: &[u8]) {
    use crate::format::bytes::{ByteReader, put_varint, put_zigzag_i128};
    let mut reader = ByteReader::new(data);
    let mut bytes = Vec::new();
    while let Ok(number) = reader.varint_u64() {
        bytes.clear();
        put_varint(&mut bytes, number);
        assert_eq!(ByteReader::new(&bytes).varint_u64(), Ok(number));
    }
    if let Ok(number) = ByteReader::new(data).zigzag_i128() {
        bytes.clear();
        put_zigzag_i128(&mut bytes, number);
        assert_eq!(ByteReader::new(&bytes).zigzag_i128(), Ok(number));
    }
    if let Ok(count) = ByteReader::new(data).count(3) {
        assert!(count <= data.len() / 3, "a count exceeds the input");
    }
}
