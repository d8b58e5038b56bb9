//! PFOR (patched frame of reference): packs a vector of integers as a reference and narrow residuals.
//!
//! Source: Zukowski, Héman, Nes, Boncz, "Super-Scalar RAM-CPU Cache Compression", ICDE 2006. The few residuals that are
//! wider than the rest are split: their low bits are packed with the others, their high bits and positions are stored
//! as patches.
//!
//! ```text
//!  flat values   1003  1001  1000  5096  1002        reference = 1000
//!  residuals        3     1     0  4096     2        width = 2 bits
//!  low bits         3     1     0     0     2        packed
//!  patch                            1024             (position 3, 4096 >> 2)
//! ```
//!
//! The reference is the minimum. If outliers lie on both sides, it is the median of a sample where that takes fewer
//! bytes. Residuals from the median are zigzag numbers.
//!
//! If the range of the residuals is far from a power of two, several residuals are the digits of one word: see [`radix`].
//!
//! [`radix`]: super::radix
//!
//! Invariants:
//! - The planned width gives the fewest bits for the reference, with an estimate for the header of the patches. The
//!   planned length in bytes is exact.
//! - Decoding refuses patches that no encoder writes: positions out of order, high bits of zero, counts out of range.

use fearless_simd::{Level, Simd, dispatch};

use super::bitpack::{self, KERNEL_LEN, mask, packed_len};
use super::radix::{MAX_DIGITS, Radix};
use super::varint::{ColumnReader, bit_length, len_i64, len_u64, unzigzag, write_i64, write_u64, zigzag};
use super::vectors::{count_widest, least_and_greatest};
use super::{CodecError, VECTOR_LEN};

/// Flag in the first byte, above the width: patches follow.
const PATCHED_FLAG: u8 = 0x80;

/// Flag in the byte of the width of the patches: residuals are zigzag numbers. A frame without patches does not need
/// zigzag numbers, since the minimum as reference never gives a greater width.
const ZIGZAG_FLAG: u8 = 0x80;

/// First byte of a frame of words of digits, minus the number of digits.
const RADIX_CODE: u8 = 64;

const _: () = assert!(RADIX_CODE + MAX_DIGITS < PATCHED_FLAG, "a number of digits collides with a flag");

/// Maximum length of a frame of words of digits, in per cent of the bit-packed frame, which is unpacked faster.
const MAX_RADIX_PERCENT: usize = 98;

/// Approximate size of the header of the patches in bits: their count and their width.
const PATCH_HEADER_BITS: usize = 16;

/// Maximum number of values from which median and spread of a vector are estimated.
const SAMPLE_LEN: usize = 32;

/// Plan for packing one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct PforPlan {
    reference: i64,
    zigzag: bool,
    width: u8,
    /// Number of residuals wider than `width`. Their high bits take `high_width` bits each.
    patches: usize,
    high_width: u8,
    /// Form of the words of digits; `width` is then 0, and there are no patches.
    radix: Option<Radix>,
}

/// Buffers of the encoder: low bits of the residuals, positions and high bits of the patches, and words of digits.
#[derive(Debug, Default)]
pub(crate) struct PforBuffers {
    lows: Vec<u64>,
    positions: Vec<u64>,
    highs: Vec<u64>,
    words: Vec<u64>,
}

impl PforPlan {
    /// Returns the plan of a small frame for 1 to [`VECTOR_LEN`] values.
    ///
    /// The minimum is tried as reference. If the range of the values is clearly wider than the middle part of a sample
    /// (after a counter reset, or a clock that was set back), the median of the sample is tried, too: with the median,
    /// outliers on both sides can be patched. The reference whose frame takes fewer bytes is chosen. Words of digits, which
    /// have no patches, are chosen if they save at least two per cent of this.
    pub(crate) fn for_values(flat: &[i64]) -> Self {
        assert!(!flat.is_empty() && flat.len() <= VECTOR_LEN, "a vector holds 1 to {VECTOR_LEN} values");
        let (min, max) = least_and_greatest(Level::new(), flat);
        let range = range_width(min, max);
        if range == 0 {
            return Self { reference: min, ..Self::default() };
        }
        let bit_packed = Self::bit_packed(flat, min, range);
        let digits = Radix::smallest(range, flat.len());
        let digits = digits.map(|radix| Self { reference: min, radix: Some(radix), ..Self::default() });
        let max_len = bit_packed.encoded_len(flat.len()) * MAX_RADIX_PERCENT / 100;
        digits.filter(|digits| digits.encoded_len(flat.len()) <= max_len).unwrap_or(bit_packed)
    }

    /// Returns the plan of a small frame for values of the least value `min`, which are not all equal.
    fn bit_packed(flat: &[i64], min: i64, range: u64) -> Self {
        let from_min =
            Self::without_patches(flat, min, range).unwrap_or_else(|| Self::with_reference(flat, min, false));
        let (median, spread) = sample_median_and_spread(flat);
        if bit_length(range) <= bit_length(spread) + 1 {
            return from_min;
        }
        let from_median = Self::with_reference(flat, median, true);
        // A frame without patches cannot store the zigzag flag, and with the minimum as reference it is not wider.
        if from_median.patches > 0 && from_median.encoded_len(flat.len()) < from_min.encoded_len(flat.len()) {
            from_median
        } else {
            from_min
        }
    }

    /// Returns the plan for the minimum as reference if so many residuals are wide that no patches can save a bit; `None`
    /// if that is unknown.
    ///
    /// A width that is less by `k` saves `k` bits a value, and needs a patch of `k` bits and a position for each wider
    /// residual. For all `k` of 2 and more, these are at least the residuals of the two greatest bit lengths; the sum is
    /// least for the greatest `k`, since no more residuals exist than values. It takes two counts instead of one for each
    /// bit length.
    fn without_patches(flat: &[i64], min: i64, range: u64) -> Option<Self> {
        let width = bit_length(range);
        if width < 2 {
            return None;
        }
        let (widest, two_widest) = count_widest(Level::new(), min, width, flat);
        let position = position_width(flat.len()) as usize;
        let saves_nothing =
            |less: usize, patches: usize| patches * (position + less) + PATCH_HEADER_BITS >= flat.len() * less;
        let width = u8::try_from(width).ok()?;
        let no_patch_pays = saves_nothing(1, widest) && saves_nothing(usize::from(width), two_widest);
        no_patch_pays.then_some(Self { reference: min, width, ..Self::default() })
    }

    /// Returns the plan for a reference: chooses the width by the number of residuals of each bit length.
    fn with_reference(flat: &[i64], reference: i64, zigzag: bool) -> Self {
        let counts = if zigzag {
            width_counts(
                flat,
                #[inline(always)]
                move |x| signed_residual(x, reference),
            )
        } else {
            width_counts(
                flat,
                #[inline(always)]
                move |x| residual(x, reference),
            )
        };
        let widest = (0..=64).rfind(|&width| counts[usize::from(width)] > 0).unwrap_or(0);
        let mut best = Self { reference, zigzag, width: widest, ..Self::default() };
        let mut min_bits = flat.len() * usize::from(widest);
        let mut patches = 0;
        for width in (0..widest).rev() {
            patches += counts[usize::from(width) + 1] as usize;
            let high_width = widest - width;
            let patch_bits = position_width(flat.len()) as usize + usize::from(high_width);
            let bits = flat.len() * usize::from(width) + patches * patch_bits + PATCH_HEADER_BITS;
            if bits < min_bits {
                min_bits = bits;
                best = Self { width, patches, high_width, ..best };
            }
        }
        best
    }

    /// Returns the exact number of bytes that [`Self::write`] appends for `count` values.
    pub(crate) const fn encoded_len(&self, count: usize) -> usize {
        if let Some(radix) = self.radix {
            return 1 + len_i64(self.reference) + radix.encoded_len() + radix.packed_len(count);
        }
        let patches = if self.patches == 0 {
            0
        } else {
            len_u64(self.patches as u64)
                + 1
                + packed_len(self.patches, position_width(count))
                + packed_len(self.patches, self.high_width as u32)
        };
        1 + len_i64(self.reference) + packed_len(count, self.width as u32) + patches
    }

    /// Appends the frame of `flat`, the values for which the plan was made.
    pub(crate) fn write(&self, flat: &[i64], buffers: &mut PforBuffers, out: &mut Vec<u8>) {
        let before = out.len();
        let PforBuffers { lows, positions, highs, words } = buffers;
        lows.clear();
        if self.zigzag {
            lows.extend(flat.iter().map(|&x| signed_residual(x, self.reference)));
        } else {
            lows.extend(flat.iter().map(|&x| residual(x, self.reference)));
        }
        let (width, high_width) = (u32::from(self.width), u32::from(self.high_width));
        out.push(match self.radix {
            Some(radix) => RADIX_CODE + radix.digits(),
            None if self.patches > 0 => self.width | PATCHED_FLAG,
            None => self.width,
        });
        write_i64(self.reference, out);
        if let Some(radix) = self.radix {
            radix.write(out);
            radix.pack(lows, words, out);
        } else if self.patches == 0 {
            bitpack::pack(lows, width, out);
        } else {
            split_patches(lows, width, positions, highs);
            assert_eq!(positions.len(), self.patches, "the plan was made for other values");
            write_u64(self.patches as u64, out);
            out.push(if self.zigzag { self.high_width | ZIGZAG_FLAG } else { self.high_width });
            bitpack::pack(lows, width, out);
            bitpack::pack(positions, position_width(flat.len()), out);
            bitpack::pack(highs, high_width, out);
        }
        assert_eq!(out.len() - before, self.encoded_len(flat.len()), "the computed length of the frame is wrong");
    }
}

/// A frame whose header was read and whose payload is not unpacked. To skip a frame, read it and drop it.
#[derive(Debug)]
pub(crate) struct PforFrame<'a> {
    pub(crate) reference: i64,
    zigzag: bool,
    count: usize,
    width: u32,
    /// Form of the words of digits in `lows`; `None` if it has bit-packed residuals.
    radix: Option<Radix>,
    lows: &'a [u8],
    patches: usize,
    positions: &'a [u8],
    high_width: u32,
    highs: &'a [u8],
}

impl<'a> PforFrame<'a> {
    /// Reads the header of a frame of `count` values, and locates its payload.
    pub(crate) fn read(reader: &mut ColumnReader<'a>, count: usize) -> Result<Self, CodecError> {
        assert!(0 < count && count <= VECTOR_LEN, "a vector holds 1 to {VECTOR_LEN} values");
        let first_byte = reader.byte()?;
        if let Some(digits) = first_byte.checked_sub(RADIX_CODE).filter(|digits| (1..=MAX_DIGITS).contains(digits)) {
            return Self::read_digits(reader, digits, count);
        }
        let width = u32::from(first_byte & !PATCHED_FLAG);
        if width > u64::BITS {
            return Err(CodecError("a bit width exceeds 64"));
        }
        let reference = reader.i64()?;
        let (mut patches, mut high_width, mut zigzag) = (0, 0, false);
        if first_byte & PATCHED_FLAG != 0 {
            patches = usize::try_from(reader.u64()?).unwrap_or(usize::MAX);
            if patches == 0 || patches > count {
                return Err(CodecError("the number of patches is out of range"));
            }
            let byte = reader.byte()?;
            zigzag = byte & ZIGZAG_FLAG != 0;
            high_width = u32::from(byte & !ZIGZAG_FLAG);
            if high_width == 0 || width + high_width > u64::BITS {
                return Err(CodecError("the patches' bit width is out of range"));
            }
        }
        let lows = reader.take(packed_len(count, width))?;
        let positions = reader.take(packed_len(patches, position_width(count)))?;
        let highs = reader.take(packed_len(patches, high_width))?;
        Ok(Self { reference, zigzag, count, width, radix: None, lows, patches, positions, high_width, highs })
    }

    /// Reads a frame of words of so many digits, behind its first byte.
    fn read_digits(reader: &mut ColumnReader<'a>, digits: u8, count: usize) -> Result<Self, CodecError> {
        let reference = reader.i64()?;
        let radix = Radix::read(reader, digits, count)?;
        let lows = reader.take(radix.packed_len(count))?;
        let (zigzag, width, patches, high_width) = (false, 0, 0, 0);
        let radix = Some(radix);
        Ok(Self { reference, zigzag, count, width, radix, lows, patches, positions: &[], high_width, highs: &[] })
    }

    /// Returns `true` if every value equals the reference.
    pub(crate) const fn is_constant(&self) -> bool {
        self.width == 0 && self.patches == 0 && self.radix.is_none()
    }

    /// Returns the packed residuals and their width if these are all of the frame; `None` if it has patches or digits.
    pub(crate) const fn without_patches(&self) -> Option<(&'a [u8], u32)> {
        if self.patches == 0 && self.radix.is_none() { Some((self.lows, self.width)) } else { None }
    }

    /// Fills `out` with the residuals: the values minus the reference.
    pub(crate) fn unpack(&self, out: &mut [i64]) -> Result<(), CodecError> {
        assert_eq!(out.len(), self.count, "the length of the buffer is not that of the frame");
        if let Some(radix) = self.radix {
            return radix.unpack(self.lows, out);
        }
        bitpack::unpack(self.lows, self.width, out)?;
        self.patch(out)?;
        if self.zigzag {
            for value in out {
                *value = unzigzag(value.cast_unsigned());
            }
        }
        Ok(())
    }

    /// Adds the high bits of the patches to the low bits in `out`.
    fn patch(&self, out: &mut [i64]) -> Result<(), CodecError> {
        let position_width = position_width(self.count);
        let mut next_free = 0;
        for done in (0..self.patches).step_by(KERNEL_LEN) {
            // A full kernel takes `width` words of eight bytes; the last, shorter kernel takes the rest.
            let kernel_len = KERNEL_LEN.min(self.patches - done);
            let part = |bytes: &'a [u8], width: u32| {
                let start = packed_len(done, width);
                &bytes[start..start + packed_len(kernel_len, width)]
            };
            let (mut positions, mut highs) = ([0; KERNEL_LEN], [0; KERNEL_LEN]);
            bitpack::unpack(part(self.positions, position_width), position_width, &mut positions[..kernel_len])?;
            bitpack::unpack(part(self.highs, self.high_width), self.high_width, &mut highs[..kernel_len])?;
            for (&position, &high) in positions[..kernel_len].iter().zip(&highs) {
                let position = usize::try_from(position).unwrap_or(usize::MAX);
                if position < next_free || position >= out.len() {
                    return Err(CodecError("patch positions do not ascend within the vector"));
                }
                if high == 0 {
                    return Err(CodecError("the high bits of a patch are zero"));
                }
                out[position] |= high << self.width;
                next_free = position + 1;
            }
        }
        Ok(())
    }
}

/// Returns the width in bits of a position among `count` values.
const fn position_width(count: usize) -> u32 {
    bit_length(count as u64 - 1)
}

fn residual(x: i64, reference: i64) -> u64 {
    x.wrapping_sub(reference).cast_unsigned()
}

/// Returns the difference from the reference as a zigzag number.
fn signed_residual(x: i64, reference: i64) -> u64 {
    zigzag(x.wrapping_sub(reference))
}

/// Returns `max - min`, which may exceed `i64` but fits `u64`.
const fn range_width(min: i64, max: i64) -> u64 {
    max.wrapping_sub(min).cast_unsigned()
}

/// Returns the median of a sample, and the spread of its middle three quarters.
///
/// The spread is the difference between the greatest and the least value.
fn sample_median_and_spread(flat: &[i64]) -> (i64, u64) {
    let mut sample = [0; SAMPLE_LEN];
    let strided = flat.iter().step_by(flat.len().div_ceil(SAMPLE_LEN));
    let len = sample.iter_mut().zip(strided).map(|(slot, x)| *slot = *x).count();
    let sample = &mut sample[..len];
    sample.sort_unstable();
    let eighth = len / 8;
    (sample[len / 2], range_width(sample[eighth], sample[len - 1 - eighth]))
}

/// Returns the number of residuals of each bit length.
///
/// The residuals are counted in four tables in turn: neighbours mostly have equal lengths, and loading a count that was
/// just stored is slow.
#[expect(
    clippy::inline_always,
    reason = "the code is compiled for the processor of its caller, which counts leading zeros"
)]
#[inline(always)]
fn width_counts(flat: &[i64], residual_of: impl Fn(i64) -> u64) -> [u32; 65] {
    dispatch!(Level::new(), simd => simd.vectorize(
        #[inline(always)]
        move || {
            let mut tables = [[0u32; 65]; 4];
            let (fours, rest) = flat.as_chunks::<4>();
            for four in fours {
                for (table, &x) in tables.iter_mut().zip(four) {
                    table[bit_length(residual_of(x)) as usize] += 1;
                }
            }
            for &x in rest {
                tables[0][bit_length(residual_of(x)) as usize] += 1;
            }
            std::array::from_fn(|width| tables.iter().map(|table| table[width]).sum())
        }
    ))
}

/// Reduces `lows` to their lowest `width` bits. Lists the positions and the high bits of the wider ones.
fn split_patches(lows: &mut [u64], width: u32, positions: &mut Vec<u64>, highs: &mut Vec<u64>) {
    positions.clear();
    highs.clear();
    let mask = mask(width);
    for (position, low) in (0..).zip(lows) {
        if *low & !mask != 0 {
            positions.push(position);
            highs.push(*low >> width);
            *low &= mask;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(flat: &[i64]) -> (PforPlan, Vec<u8>) {
        let plan = PforPlan::for_values(flat);
        let mut bytes = Vec::new();
        plan.write(flat, &mut PforBuffers::default(), &mut bytes);
        let mut reader = ColumnReader::new(&bytes);
        let frame = PforFrame::read(&mut reader, flat.len()).unwrap();
        reader.finish().unwrap();
        let mut back = vec![0; flat.len()];
        frame.unpack(&mut back).unwrap();
        for x in &mut back {
            *x = x.wrapping_add(frame.reference);
        }
        assert_eq!(back, flat);
        (plan, bytes)
    }

    #[test]
    fn outliers_on_both_sides_are_patched() {
        let mut flat: Vec<i64> = (0..1024).map(|i| 1000 + i % 8).collect();
        flat[5] = -1_000_000_000;
        flat[900] = i64::MAX;
        let (plan, bytes) = round_trip(&flat);
        assert!(plan.zigzag && plan.patches == 2, "{plan:?}");
        assert!(bytes.len() < VECTOR_LEN / 2 + 40);
    }

    #[test]
    fn the_plan_without_counts_of_all_widths_is_the_same() {
        let mut state = 1_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        };
        let mut without_counts = 0;
        for len in (2..=64).chain([100, 1_000, 1_024]) {
            for width in 1..=31 {
                for wide_of_16 in [1, 4, 8, 15] {
                    let wide = |number: u64, bits: u32| (number & mask(bits)).cast_signed();
                    let flat: Vec<i64> = (0..len)
                        .map(|_| wide(random(), if random() % 16 < wide_of_16 { width } else { width / 2 }))
                        .collect();
                    let min = flat.iter().min().copied().unwrap_or(0);
                    let range = range_width(min, flat.iter().max().copied().unwrap_or(0));
                    if let Some(plan) = PforPlan::without_patches(&flat, min, range) {
                        assert_eq!(plan, PforPlan::with_reference(&flat, min, false), "{flat:?}");
                        without_counts += 1;
                    }
                }
            }
        }
        assert!(without_counts > 1_000, "{without_counts}");
    }

    #[test]
    fn three_residuals_of_101_values_share_twenty_bits() {
        let flat: Vec<i64> = (0..1024).map(|i| i * 7_919 % 101 - 50).collect();
        let (plan, bytes) = round_trip(&flat);
        assert_eq!(bytes.len(), 3 + 855, "{plan:?}");
        assert_eq!(bytes[..3], [RADIX_CODE + 3, 99, 101]);
        assert!(round_trip(&flat[..63]).0.radix.is_none(), "a short vector is bit-packed");
        let narrow: Vec<i64> = (0..1024).map(|i| i * 7_919 % 127).collect();
        assert!(round_trip(&narrow).0.radix.is_none(), "127 values fill 7 bits");
        let decode = |bytes: &[u8]| {
            PforFrame::read(&mut ColumnReader::new(bytes), 1024).and_then(|frame| frame.unpack(&mut [0; 1024]))
        };
        assert_eq!(decode(&bytes), Ok(()));
        for (at, byte) in [(0, 65), (0, 66), (0, 73), (0, 0x43 | PATCHED_FLAG), (2, 2), (2, 90)] {
            let mut bad = bytes.clone();
            bad[at] = byte;
            assert!(decode(&bad).is_err(), "byte {at} = {byte}");
        }
    }

    #[test]
    fn a_vector_of_equal_values_is_a_width_and_a_reference() {
        assert_eq!(round_trip(&[-3; 700]).1, [0, 5]);
    }

    #[test]
    fn one_frame_holds_both_ends_of_the_range() {
        round_trip(&[i64::MIN, i64::MAX]);
        round_trip(&[0, i64::MAX, i64::MIN, -1, 1]);
    }

    #[test]
    fn bad_patches_are_refused() {
        let mut flat = [0; 64];
        flat[3] = 1 << 40;
        flat[9] = 1 << 39;
        let (_, bytes) = round_trip(&flat);
        let decode = |bytes: &[u8]| {
            PforFrame::read(&mut ColumnReader::new(bytes), 64).and_then(|frame| frame.unpack(&mut [0; 64]))
        };
        assert_eq!(decode(&bytes), Ok(()));
        for (at, byte) in [(0, 65), (2, 0), (2, 65), (3, 0), (3, 65), (4, 9 | 9 << 6)] {
            let mut bad = bytes.clone();
            bad[at] = byte;
            assert!(decode(&bad).is_err(), "byte {at} = {byte}");
        }
    }
}
