//! Short columns: up to 127 integers, whose form is stored elsewhere, once for many columns.
//!
//! A block of a few points would mostly consist of the headers of its columns. The columns of many series have the same
//! scheme, step, width and decimal places; these make the form. What differs from series to series is the body:
//!
//! | form | body | values |
//! |---|---|---|
//! | base | `base`, residuals `r[0..n]` | `v[i] = base + step * r[i]` |
//! | steps | `first`, `least`, residuals `r[1..n]` | `v[0] = first`, `v[i] = v[i - 1] + least + step * r[i]` |
//! | line (times) | `least`, residuals `r[1..n - 1]` | `v[i] = first + step * (line(i) + least + r[i])` |
//!
//! The first and the last time of a run are in its index entry. `line(i)` is the straight line between them, in units of
//! `step` and rounded down, so regular times have no body. All sums wrap modulo 2^64; residuals are bit-packed.
//!
//! Invariants: as those of the other codecs. Every column decodes to exactly the encoded values, no input makes a decoder
//! panic, and each byte of a body is significant.

use fearless_simd::Level;

use super::CodecError;
use super::bitpack::{pack, packed_len, unpack};
use super::varint::{ColumnReader, bit_length, len_i64, write_i64, write_u64};
use super::vectors::{are_equidistant, fill_line};

/// Maximum number of values of a short column.
pub(crate) const MAX_SHORT_VALUES: usize = 127;

/// Units of times, the largest first.
const TIME_UNITS: [u64; 4] = [1_000_000_000, 1_000_000, 1_000, 1];

/// Bits that a step must save before a form has one: each form takes some bytes of its own.
const MIN_BITS_SAVED: usize = 48;

/// Step and width of the residuals of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Residuals {
    /// Number by which residuals are multiplied; not 0.
    pub(crate) step: u64,
    /// Number of bits of a residual, 0 to 64.
    pub(crate) width: u8,
}

impl Residuals {
    /// Appends step and width.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        write_u64(self.step, out);
        out.push(self.width);
    }

    /// Reads step and width. Refuses a step of 0, and a width above 64.
    pub(crate) fn read(reader: &mut ColumnReader<'_>) -> Result<Self, CodecError> {
        let (step, width) = (reader.u64()?, reader.byte()?);
        if step == 0 || u32::from(width) > u64::BITS {
            return Err(CodecError("the residuals of a form are out of range"));
        }
        Ok(Self { step, width })
    }

    fn packed_len(self, count: usize) -> usize {
        packed_len(count, u32::from(self.width))
    }

    /// Appends the residuals of values, none of which is below `least`.
    fn pack(self, least: i64, values: impl Iterator<Item = i64>, out: &mut Vec<u8>) {
        let mut residuals = [0; MAX_SHORT_VALUES];
        let mut count = 0;
        for (residual, value) in residuals.iter_mut().zip(values) {
            *residual = value.wrapping_sub(least).cast_unsigned();
            count += 1;
        }
        if self.step != 1 {
            residuals[..count].iter_mut().for_each(|residual| *residual /= self.step);
        }
        pack(&residuals[..count], u32::from(self.width), out);
    }

    fn unpack(self, reader: &mut ColumnReader<'_>, out: &mut [i64]) -> Result<(), CodecError> {
        let bytes = reader.take(self.packed_len(out.len()))?;
        unpack(bytes, u32::from(self.width), out)
    }
}

/// Form of a short column of integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ShortForm {
    /// Distances from a base.
    Base(Residuals),
    /// Differences from value to value.
    Steps(Residuals),
}

impl ShortForm {
    /// Returns the form with the fewest bytes, and the length of the body. There must be at least one value.
    pub(crate) fn of(values: &[i64]) -> (Self, usize) {
        let (base, residuals) = range_of(values.iter().copied());
        let (form, len) = (Self::Base(residuals), len_i64(base) + residuals.packed_len(values.len()));
        if values.len() == 1 {
            return (form, len);
        }
        let (least, residuals) = range_of(differences(values));
        let steps_len = len_i64(values[0]) + len_i64(least) + residuals.packed_len(values.len() - 1);
        if steps_len < len { (Self::Steps(residuals), steps_len) } else { (form, len) }
    }

    /// Appends the body of values of which this is the form.
    pub(crate) fn write_body(self, values: &[i64], out: &mut Vec<u8>) {
        match self {
            Self::Base(residuals) => {
                let base = values.iter().copied().min().unwrap_or(0);
                write_i64(base, out);
                residuals.pack(base, values.iter().copied(), out);
            }
            Self::Steps(residuals) => {
                let least = differences(values).min().unwrap_or(0);
                write_i64(values[0], out);
                write_i64(least, out);
                residuals.pack(least, differences(values), out);
            }
        }
    }

    /// Decodes a body, which must be all of `body`, into `out`, which must have one to [`MAX_SHORT_VALUES`] values.
    ///
    /// # Errors
    /// If the body is not one of so many values. The contents of `out` then have no meaning.
    pub(crate) fn read_body(self, body: &[u8], out: &mut [i64]) -> Result<(), CodecError> {
        let mut reader = ColumnReader::new(body);
        match self {
            Self::Base(residuals) => {
                let base = reader.i64()?;
                residuals.unpack(&mut reader, out)?;
                let step = residuals.step.cast_signed();
                for value in out.iter_mut() {
                    *value = base.wrapping_add(step.wrapping_mul(*value));
                }
            }
            Self::Steps(residuals) => {
                let (first, least) = (reader.i64()?, reader.i64()?);
                let Some((start, rest)) = out.split_first_mut() else { return Err(CodecError::TOO_MANY) };
                *start = first;
                residuals.unpack(&mut reader, rest)?;
                let (mut value, step) = (first, residuals.step.cast_signed());
                for residual in rest {
                    // The difference does not wait for the value before.
                    value = value.wrapping_add(least.wrapping_add(step.wrapping_mul(*residual)));
                    *residual = value;
                }
            }
        }
        reader.finish()
    }
}

fn differences(values: &[i64]) -> impl Iterator<Item = i64> + Clone + '_ {
    values.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]))
}

/// Returns the least value, and the residuals from it: with a step if that saves enough bits.
fn range_of(values: impl Iterator<Item = i64> + Clone) -> (i64, Residuals) {
    let (mut least, mut greatest, mut count) = (i64::MAX, i64::MIN, 0);
    for value in values.clone() {
        (least, greatest, count) = (least.min(value), greatest.max(value), count + 1);
    }
    let range = greatest.wrapping_sub(least).cast_unsigned();
    let whole = Residuals { step: 1, width: width_of(range) };
    if usize::from(whole.width) * count < MIN_BITS_SAVED {
        return (least, whole);
    }
    let mut step = 0;
    for value in values {
        step = gcd(step, value.wrapping_sub(least).cast_unsigned());
        // A step saves at most as many bits of each residual as it has itself.
        if step == 1 || step != 0 && usize::from(width_of(step)) * count < MIN_BITS_SAVED {
            return (least, whole);
        }
    }
    let width = width_of(range / step.max(1));
    let saved = usize::from(whole.width - width) * count;
    (least, if saved < MIN_BITS_SAVED { whole } else { Residuals { step, width } })
}

#[expect(clippy::cast_possible_truncation, reason = "a width is at most 64")]
fn width_of(range: u64) -> u8 {
    bit_length(range) as u8
}

/// Returns the greatest common divisor by the binary algorithm, which needs no division; 0 for two zeros.
fn gcd(a: u64, b: u64) -> u64 {
    if a == 0 || b == 0 {
        return a | b;
    }
    let twos = (a | b).trailing_zeros();
    let (mut a, mut b) = (a >> a.trailing_zeros(), b >> b.trailing_zeros());
    while a != b {
        (a, b) = (a.min(b), a.abs_diff(b));
        b >>= b.trailing_zeros();
    }
    a << twos
}

/// Divides by a unit of times. A division by a constant is a multiplication.
const fn divide_by_unit(value: u64, unit: u64) -> u64 {
    match unit {
        1 => value,
        1_000 => value / 1_000,
        1_000_000 => value / 1_000_000,
        1_000_000_000 => value / 1_000_000_000,
        _ => value / unit,
    }
}

/// The straight line from 0 to `span` through so many points: `line(i) = floor(i * span / (count - 1))`.
///
/// The line is advanced by its quotient, and by one more whenever the remainders add up to a whole step, so the product
/// cannot overflow and there is one division.
#[derive(Debug, Clone, Copy)]
struct Line {
    steps: u64,
    quotient: u64,
    remainder: u64,
    at: u64,
    sum: u64,
}

impl Line {
    fn new(span: u64, count: usize) -> Self {
        let steps = (count as u64).saturating_sub(1).max(1);
        Self { steps, quotient: span / steps, remainder: span % steps, at: 0, sum: 0 }
    }

    /// Returns the line at the next point, beginning with the second.
    fn next(&mut self) -> i64 {
        self.sum += self.remainder;
        let carry = u64::from(self.sum >= self.steps);
        self.sum -= carry * self.steps;
        self.at = self.at.wrapping_add(self.quotient).wrapping_add(carry);
        self.at.cast_signed()
    }
}

/// Returns `true` if the times are those of [`fill_even_times`].
pub(crate) fn are_even_times(times: &[i64]) -> bool {
    even_step(times[0], times[times.len() - 1], times.len())
        .is_ok_and(|step| are_equidistant(Level::new(), step, times))
}

/// Returns the distance of `count` times at equal distances from `first` to `last`.
///
/// # Errors
/// If there are no such times.
pub(crate) fn even_step(first: i64, last: i64, count: usize) -> Result<i64, CodecError> {
    let line = Line::new(last.wrapping_sub(first).cast_unsigned(), count);
    if line.remainder != 0 || (count == 1 && first != last) {
        return Err(CodecError("even times do not lead from the first to the last one"));
    }
    Ok(line.quotient.cast_signed())
}

/// Fills `out` with times at equal distances from `first` to `last`.
///
/// # Errors
/// If there are no such times.
pub(crate) fn fill_even_times(first: i64, last: i64, out: &mut [i64]) -> Result<(), CodecError> {
    fill_line(Level::new(), first, even_step(first, last, out.len())?, out);
    Ok(())
}

/// Distances of the times of a run from the straight line between the first and the last one.
#[derive(Debug)]
pub(crate) struct TimeResiduals {
    pub(crate) form: Residuals,
    least: i64,
    distances: [i64; MAX_SHORT_VALUES],
    count: usize,
}

impl TimeResiduals {
    /// Computes the distances of at least three ascending times.
    pub(crate) fn of(times: &[i64]) -> Self {
        let (start, end) = (times[0], times[times.len() - 1]);
        let above = |time: i64| time.wrapping_sub(start).cast_unsigned();
        let is_multiple = |time: i64, unit| divide_by_unit(above(time), unit) * unit == above(time);
        let is_unit = |unit: &u64| times.iter().all(|&time| is_multiple(time, *unit));
        let unit = TIME_UNITS.into_iter().find(is_unit).unwrap_or(1);
        let mut line = Line::new(divide_by_unit(above(end), unit), times.len());
        let mut distances = [0; MAX_SHORT_VALUES];
        let inner = &times[1..times.len() - 1];
        for (distance, &time) in distances.iter_mut().zip(inner) {
            *distance = divide_by_unit(above(time), unit).cast_signed().wrapping_sub(line.next());
        }
        let found = &distances[..inner.len()];
        let (least, greatest) =
            found.iter().fold((i64::MAX, i64::MIN), |(least, greatest), &at| (least.min(at), greatest.max(at)));
        let width = width_of(greatest.wrapping_sub(least).cast_unsigned());
        Self { form: Residuals { step: unit, width }, least, distances, count: inner.len() }
    }

    /// Returns the length of the body in bytes.
    pub(crate) fn body_len(&self) -> usize {
        len_i64(self.least) + self.form.packed_len(self.count)
    }

    /// Appends the body.
    pub(crate) fn write_body(&self, out: &mut Vec<u8>) {
        write_i64(self.least, out);
        let packed = Residuals { step: 1, ..self.form };
        packed.pack(self.least, self.distances[..self.count].iter().copied(), out);
    }

    /// Skips the body of `count` times.
    ///
    /// # Errors
    /// If the body is cut off.
    pub(crate) fn skip_body(form: Residuals, reader: &mut ColumnReader<'_>, count: usize) -> Result<(), CodecError> {
        reader.i64()?;
        reader.take(form.packed_len(count.saturating_sub(2)))?;
        Ok(())
    }

    /// Decodes the body of a form at the front of a reader into the times between `first` and `last`.
    ///
    /// # Errors
    /// If the body is not one of so many times.
    pub(crate) fn read_body(
        form: Residuals,
        reader: &mut ColumnReader<'_>,
        (first, last): (i64, i64),
        out: &mut [i64],
    ) -> Result<(), CodecError> {
        let span = last.wrapping_sub(first).cast_unsigned();
        let [start, inner @ .., end] = out else { return Err(CodecError("times without a middle have a body")) };
        if inner.is_empty() {
            return Err(CodecError("times without a middle have a body"));
        }
        let span_units = divide_by_unit(span, form.step);
        if span_units * form.step != span {
            return Err(CodecError("the last time is not a multiple of the unit from the first one"));
        }
        (*start, *end) = (first, last);
        let mut line = Line::new(span_units, inner.len() + 2);
        let lowest = reader.i64()?;
        form.unpack(reader, inner)?;
        let unit = form.step.cast_signed();
        for time in inner {
            let units = line.next().wrapping_add(lowest).wrapping_add(*time);
            *time = first.wrapping_add(unit.wrapping_mul(units));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn round_trip(values: &[i64]) -> (ShortForm, Vec<u8>) {
        let (form, len) = ShortForm::of(values);
        let mut body = Vec::new();
        form.write_body(values, &mut body);
        assert_eq!(body.len(), len, "{values:?}");
        let mut back = vec![7; values.len()];
        form.read_body(&body, &mut back).unwrap();
        assert_eq!(back, values);
        for cut in 0..body.len() {
            form.read_body(&body[..cut], &mut back).unwrap_err();
        }
        body.push(0);
        form.read_body(&body, &mut back).unwrap_err();
        body.pop();
        (form, body)
    }

    fn times_round_trip(times: &[i64]) -> (Residuals, Vec<u8>) {
        let (first, last) = (times[0], times[times.len() - 1]);
        let residuals = TimeResiduals::of(times);
        let mut body = Vec::new();
        residuals.write_body(&mut body);
        assert_eq!(body.len(), residuals.body_len());
        let mut back = vec![7; times.len()];
        let mut reader = ColumnReader::new(&body);
        TimeResiduals::read_body(residuals.form, &mut reader, (first, last), &mut back).unwrap();
        assert_eq!((reader.finish(), back), (Ok(()), times.to_vec()));
        (residuals.form, body)
    }

    #[test]
    fn twenty_cents_of_a_walk_take_seven_bits_each_and_the_first_value() {
        let values: Vec<i64> = (0..20)
            .scan(5_000, |at, i| {
                Some({
                    *at += (i * i * 37 + i * 11) % 101 - 40;
                    *at
                })
            })
            .collect();
        let (form, body) = round_trip(&values);
        assert_eq!(form, ShortForm::Steps(Residuals { step: 1, width: 7 }));
        assert_eq!(body.len(), 2 + 1 + 17);
    }

    #[test]
    fn a_step_is_in_the_form_if_it_saves_bits() {
        let values: Vec<i64> = (0..20).map(|i| 7 + i * i % 11 * 4_096).collect();
        assert_eq!(round_trip(&values).0, ShortForm::Base(Residuals { step: 4_096, width: 4 }));
        assert_eq!(round_trip(&[7, 7 + 4_096, 7]).0, ShortForm::Base(Residuals { step: 1, width: 13 }));
        assert_eq!(round_trip(&[5; 100]).1, [10]);
    }

    #[test]
    fn values_at_the_ends_of_the_range_are_exact() {
        round_trip(&[i64::MIN, i64::MAX]);
        round_trip(&[i64::MAX, i64::MIN, 0, -1, i64::MIN]);
        round_trip(&[i64::MIN]);
    }

    #[test]
    fn regular_times_have_no_body() {
        let times: Vec<i64> = (0..100).map(|i| 1_700_000_000_000_000_000 + i * 10_000_000_000).collect();
        for times in [&times[..], &times[..1], &times[..2], &[i64::MIN, i64::MAX], &[5, 5, 5]] {
            assert!(are_even_times(times));
            let mut back = vec![0; times.len()];
            fill_even_times(times[0], times[times.len() - 1], &mut back).unwrap();
            assert_eq!(back, times);
        }
        assert!(!are_even_times(&[0, 1, 3]) && !are_even_times(&[0, 1, 2, 4]));
        fill_even_times(0, 3, &mut [0; 3]).unwrap_err();
        fill_even_times(0, 3, &mut [0]).unwrap_err();
    }

    #[test]
    fn jitter_of_milliseconds_takes_three_bits() {
        let jitter = [0, 3, -2, 1, -3, 2, 2, -1, 0, 3, -3, 1];
        let times: Vec<i64> =
            (0..).zip(jitter).map(|(i, by)| 1_000_000_007 + i * 10_000_000_000 + by * 1_000_000).collect();
        let (form, body) = times_round_trip(&times);
        assert_eq!(form, Residuals { step: 1_000_000, width: 3 });
        assert_eq!(body.len(), 1 + 4);
        times_round_trip(&[i64::MIN, 0, i64::MAX]);
        times_round_trip(&[i64::MIN, i64::MIN, i64::MAX, i64::MAX]);
    }

    #[test]
    fn forms_and_bodies_that_no_writer_produces_are_refused() {
        for bytes in [&[0, 3][..], &[1, 65], &[1], &[]] {
            assert!(Residuals::read(&mut ColumnReader::new(bytes)).is_err(), "{bytes:?}");
        }
        let form = Residuals { step: 10, width: 3 };
        let read = |ends, body: &[u8], count| {
            TimeResiduals::read_body(form, &mut ColumnReader::new(body), ends, &mut vec![0; count])
        };
        assert_eq!(read((0, 40), &[0, 0], 3), Ok(()));
        read((0, 41), &[0, 0], 3).unwrap_err();
        read((0, 40), &[0, 0], 2).unwrap_err();
        read((0, 40), &[0], 3).unwrap_err();
        // Padding bits.
        read((0, 40), &[0, 0x80], 3).unwrap_err();
    }

    #[test]
    fn the_greatest_common_divisor_is_that_of_euclid() {
        fn euclid(a: u64, b: u64) -> u64 {
            if b == 0 { a } else { euclid(b, a % b) }
        }
        let numbers =
            [0, 1, 2, 3, 6, 7, 12, 64, 96, 1_000, 4_096, 1_000_000, 999_999_937, 1 << 63, u64::MAX, u64::MAX - 1];
        for (a, b) in numbers.iter().flat_map(|a| numbers.map(|b| (*a, b))) {
            assert_eq!(gcd(a, b), euclid(a, b), "{a} {b}");
        }
    }

    proptest! {
        #[test]
        fn all_values_round_trip(values in prop::collection::vec(prop_oneof![any::<i64>(), -9..9i64], 1..=MAX_SHORT_VALUES)) {
            round_trip(&values);
            let mut times = values;
            times.sort_unstable();
            if times.len() > 2 {
                times_round_trip(&times);
            }
            if are_even_times(&times) {
                let mut back = vec![0; times.len()];
                fill_even_times(times[0], times[times.len() - 1], &mut back).unwrap();
                prop_assert_eq!(back, times);
            }
        }

        #[test]
        fn no_bytes_make_the_decoders_panic(bytes in prop::collection::vec(any::<u8>(), 0..40), count in 1..=MAX_SHORT_VALUES) {
            let mut reader = ColumnReader::new(&bytes);
            let mut out = [0; MAX_SHORT_VALUES];
            if let Ok(residuals) = Residuals::read(&mut reader) {
                let body = reader.take_rest();
                for form in [ShortForm::Base(residuals), ShortForm::Steps(residuals)] {
                    _ = form.read_body(body, &mut out[..count]);
                }
                _ = TimeResiduals::read_body(residuals, &mut ColumnReader::new(body), (-5, 1 << 40), &mut out[..count]);
            }
        }
    }
}
