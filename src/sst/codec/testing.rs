//! Doors to the column codecs for a fuzzer: arbitrary bytes through every decoder, arbitrary values there and back.
//! They panic if a promise is broken: bit for bit, one encoding where only one is taken, never more than asked for.

use super::alp::{Digits, Scale};
use super::bitpack;
use super::grid::Grid;
use super::patch::{self, Frame, Plan};
use super::scheme::Scheme;
use super::varint::{Reader, len_i64, len_u64, unzigzag, write_i64, write_u64, zigzag};
use super::{
    Dense, FloatDecoder, IntegerDecoder, MAX_POINTS, Scratch, VECTOR, decode_floats, decode_integers, encode_floats,
    encode_integers,
};
use crate::testing::decoders::input::Input;

/// What a column may be longer than its raw words.
const MAX_OVERHEAD: usize = 3;

/// At most so many integers in the shapes that columns have: runs, ramps, jumps, any words.
fn values(input: &mut Input<'_>, most: usize) -> Vec<i64> {
    let mut values: Vec<i64> = Vec::new();
    let (mut last, mut step) = (0_i64, 0_i64);
    while !input.is_empty() && values.len() < most {
        let [any, new_step, many, scaled, negative] = input.flags();
        if new_step {
            step = input.number().cast_signed();
            step = if negative { step.wrapping_neg() } else { step };
            step = if scaled { step.wrapping_mul(1_000_000_000) } else { step };
        }
        let times = if many { input.short() } else { 1 };
        for _ in 0..times.min(most - values.len()) {
            last = if any { input.word().cast_signed() } else { last.wrapping_add(step) };
            values.push(last);
        }
    }
    values
}

/// The same as doubles: their bits, or decimals of so many places.
fn doubles(input: &mut Input<'_>, most: usize) -> Vec<f64> {
    let places = input.byte();
    let values = values(input, most);
    if places >= 20 {
        return values.into_iter().map(|value| f64::from_bits(value.cast_unsigned())).collect();
    }
    let odd = |value: i64| value % 97 == 96;
    let decimal = |value: i64| {
        #[expect(clippy::cast_precision_loss, reason = "any double near the decimal will do")]
        let digits = value as f64;
        digits / 10_f64.powi(i32::from(places))
    };
    // Now and then one that is no decimal, for the exceptions.
    let double = |value: i64| if odd(value) { f64::from_bits(value.cast_unsigned() ^ !0) } else { decimal(value) };
    values.into_iter().map(double).collect()
}

/// A column of integers: bytes decoded, or values encoded.
///
/// # Panics
/// If a promise of the codec is broken.
pub fn integers(data: &[u8]) {
    let mut input = Input::new(data);
    let [encode, wide] = input.flags();
    if encode {
        return integers_come_back(&values(&mut input, if wide { MAX_POINTS } else { 300 }));
    }
    let count = input.short();
    let bytes = input.rest();
    let mut out = vec![1; 3];
    let decoded = decode_integers(bytes, count, &mut out);
    assert_eq!(out.len(), if decoded.is_ok() { count } else { 0 });
    let stepwise = integers_by_vector(bytes, count);
    assert_eq!(stepwise.as_ref(), decoded.is_ok().then_some(&out), "by vectors and at once");
    if decoded.is_ok() {
        integers_come_back(&out);
    }
}

fn integers_come_back(values: &[i64]) {
    let mut bytes = Vec::new();
    encode_integers(values, &mut Scratch::default(), &mut bytes);
    assert!(bytes.len() <= values.len() * 8 + MAX_OVERHEAD, "longer than raw words");
    let mut back = Vec::new();
    assert_eq!(decode_integers(&bytes, values.len(), &mut back), Ok(()));
    assert!(back == values, "integers changed");
    let mut dense = Vec::new();
    Dense::default().encode_integers(values, &mut Scratch::default(), &mut dense);
    assert!(dense.len() <= bytes.len(), "longer than what it replaces");
    assert_eq!(decode_integers(&dense, values.len(), &mut back), Ok(()));
    assert!(back == values, "integers changed when made dense");
}

/// Decodes vector by vector, and passes over every second one on the way there.
fn integers_by_vector(bytes: &[u8], count: usize) -> Option<Vec<i64>> {
    let (mut whole, mut skipping) = (IntegerDecoder::new(bytes, count).ok()?, IntegerDecoder::new(bytes, count).ok()?);
    let (mut vector, mut other) = ([0; VECTOR], [0; VECTOR]);
    let mut out = Vec::new();
    for turn in 0..=MAX_POINTS / VECTOR {
        let len = whole.next(&mut vector).ok()?;
        let passed = if turn % 2 == 1 { skipping.skip() } else { skipping.next(&mut other) };
        assert_eq!(passed, Ok(len), "a vector that decodes can be passed over");
        assert!(turn % 2 == 1 || vector[..len] == other[..len], "what was passed over changes nothing");
        out.extend_from_slice(&vector[..len]);
    }
    Some(out)
}

/// A column of doubles: bytes decoded, or values encoded.
///
/// # Panics
/// If a promise of the codec is broken.
pub fn floats(data: &[u8]) {
    let mut input = Input::new(data);
    let [encode, wide] = input.flags();
    if encode {
        return floats_come_back(&doubles(&mut input, if wide { MAX_POINTS } else { 300 }));
    }
    let count = input.short();
    let bytes = input.rest();
    let mut out = vec![1.0; 3];
    let decoded = decode_floats(bytes, count, &mut out);
    assert_eq!(out.len(), if decoded.is_ok() { count } else { 0 });
    let stepwise = floats_by_vector(bytes, count);
    assert!(stepwise.map(|all| bits(&all)) == decoded.is_ok().then(|| bits(&out)), "by vectors and at once");
    if decoded.is_ok() {
        floats_come_back(&out);
    }
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn floats_come_back(values: &[f64]) {
    let mut bytes = Vec::new();
    encode_floats(values, &mut Scratch::default(), &mut bytes);
    assert!(bytes.len() <= values.len() * 8 + MAX_OVERHEAD, "longer than raw words");
    let mut back = Vec::new();
    assert_eq!(decode_floats(&bytes, values.len(), &mut back), Ok(()));
    assert!(bits(&back) == bits(values), "doubles changed");
    let mut dense = Vec::new();
    Dense::default().encode_floats(values, &mut Scratch::default(), &mut dense);
    assert!(dense.len() <= bytes.len(), "longer than what it replaces");
    assert_eq!(decode_floats(&dense, values.len(), &mut back), Ok(()));
    assert!(bits(&back) == bits(values), "doubles changed when made dense");
}

fn floats_by_vector(bytes: &[u8], count: usize) -> Option<Vec<f64>> {
    let (mut whole, mut skipping) = (FloatDecoder::new(bytes, count).ok()?, FloatDecoder::new(bytes, count).ok()?);
    let (mut vector, mut other) = ([0.0; VECTOR], [0.0; VECTOR]);
    let mut out = Vec::new();
    for turn in 0..=MAX_POINTS / VECTOR {
        let len = whole.next(&mut vector).ok()?;
        let passed = if turn % 2 == 1 { skipping.skip() } else { skipping.next(&mut other) };
        assert_eq!(passed, Ok(len), "a vector that decodes can be passed over");
        assert!(turn % 2 == 1 || bits(&vector[..len]) == bits(&other[..len]), "what was passed over changes nothing");
        out.extend_from_slice(&vector[..len]);
    }
    Some(out)
}

/// Decimal scales: any scale over any doubles, exceptions aside.
///
/// # Panics
/// If a value that is not named as an exception comes back changed.
pub fn alp(data: &[u8]) {
    let mut input = Input::new(data);
    let given = Scale::read(&mut Reader::new(input.bytes(2))).ok();
    let values = doubles(&mut input, 300);
    let found = if values.is_empty() { None } else { Scale::of(&values) };
    for scale in given.into_iter().chain(found) {
        let mut head = Vec::new();
        scale.write(&mut head);
        assert_eq!(Scale::read(&mut Reader::new(&head)), Ok(scale));
        let mut digits = Digits::default();
        if values.is_empty() {
            continue;
        }
        scale.encode(&values, &mut digits);
        let mut back = vec![0.0; values.len()];
        scale.decode(&digits.digits, &mut back);
        assert!(digits.exceptions.is_sorted_by(|a, b| a < b), "positions rise");
        for position in digits.exceptions {
            back[usize::from(position)] = values[usize::from(position)];
        }
        assert!(bits(&back) == bits(&values), "a value changed that is no exception");
    }
}

/// Packed numbers of any width, and back to the same bytes.
///
/// # Panics
/// If unpacking and packing are not each other's inverse.
pub fn bitpack(data: &[u8]) {
    let mut input = Input::new(data);
    let (width, count) = (u32::from(input.byte()) % 65, input.short() % (VECTOR + 1));
    let bytes = input.bytes(bitpack::packed_len(count, width));
    // As many numbers as there are bytes for.
    let count = if width == 0 { count } else { bytes.len() * 8 / width as usize };
    let bytes = &bytes[..bitpack::packed_len(count, width)];
    let mut numbers = vec![-1; count];
    if bitpack::unpack(bytes, width, &mut numbers).is_err() {
        return;
    }
    let numbers: Vec<u64> = numbers.into_iter().map(i64::cast_unsigned).collect();
    let mut again = Vec::new();
    bitpack::pack(&numbers, width, &mut again);
    assert!(again == bytes, "packed otherwise");
}

/// A frame of any bytes, and one planned for any values.
///
/// # Panics
/// If values come back changed.
pub fn patch(data: &[u8]) {
    let mut input = Input::new(data);
    let [plan] = input.flags();
    if plan {
        let values = values(&mut input, VECTOR);
        if !values.is_empty() {
            frame_comes_back(&values);
        }
        return;
    }
    let count = input.short() % VECTOR + 1;
    let mut reader = Reader::new(input.rest());
    let Ok(frame) = Frame::read(&mut reader, count) else { return };
    let mut values = vec![0; count];
    if frame.unpack(&mut values).is_ok() {
        assert!(!frame.is_flat() || values.iter().all(|value| *value == 0), "a flat frame has no residuals");
        for value in &mut values {
            *value = value.wrapping_add(frame.reference);
        }
        frame_comes_back(&values);
    }
}

fn frame_comes_back(values: &[i64]) {
    let plan = Plan::for_values(values);
    let mut bytes = Vec::new();
    plan.write(values, &mut patch::Buffers::default(), &mut bytes);
    assert_eq!(bytes.len(), plan.encoded_len(values.len()));
    let mut reader = Reader::new(&bytes);
    let mut back = vec![0; values.len()];
    let read = Frame::read(&mut reader, values.len()).and_then(|frame| {
        frame.unpack(&mut back)?;
        for value in &mut back {
            *value = value.wrapping_add(frame.reference);
        }
        reader.finish()
    });
    assert_eq!(read, Ok(()));
    assert!(back == values, "a frame's values changed");
}

/// A grid of any bytes, and the grid of any values.
///
/// # Panics
/// If a grid has two encodings, or a value does not lie on its own grid.
pub fn grid(data: &[u8]) {
    let mut reader = Reader::new(data);
    if let Ok(grid) = Grid::read(&mut reader) {
        let mut again = Vec::new();
        grid.write(&mut again);
        assert_eq!(again.len(), grid.encoded_len());
        assert!(data.starts_with(&again), "a grid has one encoding");
    }
    let values = values(&mut Input::new(data), 300);
    if values.iter().all(|value| *value == values[0]) {
        return;
    }
    let (grid, mut quotients) = (Grid::of(&values), Vec::new());
    grid.divide(&values, &mut quotients);
    let back = quotients.iter().map(|q| q.wrapping_mul(grid.step.cast_signed()).wrapping_add(grid.offset));
    assert!(back.eq(values), "a value does not lie on the grid");
}

/// Every scheme over any values.
///
/// # Panics
/// If restoring is not the inverse of flattening.
pub fn scheme(data: &[u8]) {
    let mut input = Input::new(data);
    let reference = input.number().cast_signed();
    let values = values(&mut input, VECTOR);
    if values.is_empty() {
        return;
    }
    for scheme in [Scheme::For, Scheme::Linear, Scheme::Delta, Scheme::Delta2] {
        assert_eq!(Scheme::from_id(scheme.id()), Some(scheme));
        let mut flat = Vec::new();
        let line = scheme.flatten(&values, &mut flat);
        let mut bytes = Vec::new();
        scheme.write_line(line, &mut bytes);
        assert_eq!(bytes.len(), scheme.line_len(line));
        let read = scheme.read_line(&mut Reader::new(&bytes), values.len());
        assert_eq!(read, Ok(line));
        for value in &mut flat {
            *value = value.wrapping_sub(reference);
        }
        scheme.restore(line, reference, &mut flat);
        assert!(flat == values, "{scheme:?} changed a value");
    }
}

/// Numbers of variable length: every number that is read has these bytes and no others.
///
/// # Panics
/// If it has others.
pub fn varint(data: &[u8]) {
    let mut reader = Reader::new(data);
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
    assert!(data.starts_with(&again), "a number has one encoding");
    numbers(data);
}

/// The numbers of the other formats may be written longer than need be; they mean the same when written again.
fn numbers(data: &[u8]) {
    use crate::bytes::{Reader, put_varint, put_zigzag_wide};
    let mut reader = Reader::new(data);
    let mut bytes = Vec::new();
    while let Ok(number) = reader.varint() {
        bytes.clear();
        put_varint(&mut bytes, number);
        assert_eq!(Reader::new(&bytes).varint(), Ok(number));
    }
    if let Ok(number) = Reader::new(data).zigzag_wide() {
        bytes.clear();
        put_zigzag_wide(&mut bytes, number);
        assert_eq!(Reader::new(&bytes).zigzag_wide(), Ok(number));
    }
    if let Ok(count) = Reader::new(data).count(3) {
        assert!(count <= data.len() / 3, "a count claims more than there is");
    }
}
