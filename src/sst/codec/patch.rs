//! A frame: one vector of flat integers as bit-packed residuals from a reference, with patches for the few that are
//! wider than the rest (frame of reference with patched exceptions: Zukowski, Héman, Nes, Boncz, "Super-Scalar
//! RAM-CPU Cache Compression", ICDE 2006).
//! Promises the width that minimises the bytes, and refuses on reading whatever it would not itself write there.
//! Must not know how the integers became flat.

use super::bitpack::{self, KERNEL, mask, packed_len};
use super::varint::{Reader, bit_length, len_i64, len_u64, unzigzag, write_i64, write_u64, zigzag};
use super::{CodecError, VECTOR};

/// Set in the tag byte, beside the width, if patches follow.
const PATCHED: u8 = 0x80;

/// Set in the patches' width byte if residuals are zigzag numbers. Without patches they never need be: the least value
/// as reference then does with the same width.
const ZIGZAG: u8 = 0x80;

/// What patches cost beside themselves, about: their count and their width byte.
const PATCH_HEADER_BITS: usize = 16;

/// Values looked at to guess where most of a vector lies.
const SAMPLE: usize = 32;

/// How to pack one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Plan {
    reference: i64,
    zigzag: bool,
    width: u8,
    /// The residuals wider than `width`; their upper bits are `high_width` wide.
    patches: usize,
    high_width: u8,
}

/// The encoder's buffers.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    lows: Vec<u64>,
    positions: Vec<u64>,
    highs: Vec<u64>,
}

impl Plan {
    /// Finds the smallest frame. The reference is the least value or, where the range is clearly wider than its middle
    /// (a counter's reset, a clock set back), the median, about which outliers on both sides can be patched.
    pub(super) fn for_values(flat: &[i64]) -> Self {
        assert!(!flat.is_empty() && flat.len() <= VECTOR, "a vector holds 1 to {VECTOR} values");
        let (least, greatest) = flat.iter().fold((flat[0], flat[0]), |(lo, hi), &x| (lo.min(x), hi.max(x)));
        let range = distance(least, greatest);
        if range == 0 {
            return Self { reference: least, ..Self::default() };
        }
        let plain = Self::about(flat, least, false);
        let (median, spread) = middle(flat);
        if bit_length(range) <= bit_length(spread) + 1 {
            return plain;
        }
        let signed = Self::about(flat, median, true);
        // Without patches there is no place for the sign's flag, nor a gain over the least value as reference.
        if signed.patches > 0 && signed.encoded_len(flat.len()) < plain.encoded_len(flat.len()) {
            signed
        } else {
            plain
        }
    }

    /// Chooses the width, given the reference, from the count of residuals of each width.
    fn about(flat: &[i64], reference: i64, zigzag: bool) -> Self {
        let counts = if zigzag {
            width_counts(flat, |x| signed_residual(x, reference))
        } else {
            width_counts(flat, |x| residual(x, reference))
        };
        let widest = (0..=64).rfind(|&width| counts[usize::from(width)] > 0).unwrap_or(0);
        let mut best = Self { reference, zigzag, width: widest, patches: 0, high_width: 0 };
        let mut least_bits = flat.len() * usize::from(widest);
        let mut patches = 0;
        for width in (0..widest).rev() {
            patches += counts[usize::from(width) + 1] as usize;
            let high_width = widest - width;
            let patch_bits = position_width(flat.len()) as usize + usize::from(high_width);
            let bits = flat.len() * usize::from(width) + patches * patch_bits + PATCH_HEADER_BITS;
            if bits < least_bits {
                least_bits = bits;
                best = Self { width, patches, high_width, ..best };
            }
        }
        best
    }

    /// The exact bytes that [`Self::write`] appends for `count` values.
    pub(super) const fn encoded_len(&self, count: usize) -> usize {
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

    /// Appends the frame of the values that the plan was made for.
    pub(super) fn write(&self, flat: &[i64], buffers: &mut Buffers, out: &mut Vec<u8>) {
        let before = out.len();
        let Buffers { lows, positions, highs } = buffers;
        lows.clear();
        if self.zigzag {
            lows.extend(flat.iter().map(|&x| signed_residual(x, self.reference)));
        } else {
            lows.extend(flat.iter().map(|&x| residual(x, self.reference)));
        }
        let (width, high_width) = (u32::from(self.width), u32::from(self.high_width));
        out.push(if self.patches > 0 { self.width | PATCHED } else { self.width });
        write_i64(self.reference, out);
        if self.patches == 0 {
            bitpack::pack(lows, width, out);
        } else {
            split(lows, width, positions, highs);
            assert_eq!(positions.len(), self.patches, "the plan belongs to other values");
            write_u64(self.patches as u64, out);
            out.push(if self.zigzag { self.high_width | ZIGZAG } else { self.high_width });
            bitpack::pack(lows, width, out);
            bitpack::pack(positions, position_width(flat.len()), out);
            bitpack::pack(highs, high_width, out);
        }
        assert_eq!(out.len() - before, self.encoded_len(flat.len()), "the length was foretold wrongly");
    }
}

/// A frame as read, its payload not yet unpacked: to pass over a frame is to read it and to drop it.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    pub(super) reference: i64,
    zigzag: bool,
    count: usize,
    width: u32,
    lows: &'a [u8],
    patches: usize,
    positions: &'a [u8],
    high_width: u32,
    highs: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Reads the frame of `count` values.
    pub(super) fn read(reader: &mut Reader<'a>, count: usize) -> Result<Self, CodecError> {
        assert!(0 < count && count <= VECTOR, "a vector holds 1 to {VECTOR} values");
        let tag = reader.byte()?;
        let width = u32::from(tag & !PATCHED);
        if width > u64::BITS {
            return Err(CodecError("a bit width exceeds 64"));
        }
        let reference = reader.i64()?;
        let (mut patches, mut high_width, mut zigzag) = (0, 0, false);
        if tag & PATCHED != 0 {
            patches = usize::try_from(reader.u64()?).unwrap_or(usize::MAX);
            if patches == 0 || patches > count {
                return Err(CodecError("the number of patches is out of range"));
            }
            let byte = reader.byte()?;
            zigzag = byte & ZIGZAG != 0;
            high_width = u32::from(byte & !ZIGZAG);
            if high_width == 0 || width + high_width > u64::BITS {
                return Err(CodecError("the patches' bit width is out of range"));
            }
        }
        let lows = reader.take(packed_len(count, width))?;
        let positions = reader.take(packed_len(patches, position_width(count)))?;
        let highs = reader.take(packed_len(patches, high_width))?;
        Ok(Self { reference, zigzag, count, width, lows, patches, positions, high_width, highs })
    }

    /// Whether every value equals the reference.
    pub(super) const fn is_flat(&self) -> bool {
        self.width == 0 && self.patches == 0
    }

    /// Fills `out` with the values less the reference.
    pub(super) fn unpack(&self, out: &mut [i64]) -> Result<(), CodecError> {
        assert_eq!(out.len(), self.count, "the frame holds another number of values");
        bitpack::unpack(self.lows, self.width, out)?;
        self.patch(out)?;
        if self.zigzag {
            for value in out {
                *value = unzigzag(value.cast_unsigned());
            }
        }
        Ok(())
    }

    fn patch(&self, out: &mut [i64]) -> Result<(), CodecError> {
        let position_width = position_width(self.count);
        let mut next_free = 0;
        for done in (0..self.patches).step_by(KERNEL) {
            // A kernel of numbers takes `width` words of eight bytes; a last, shorter one takes the rest.
            let here = KERNEL.min(self.patches - done);
            let part = |bytes: &'a [u8], width: u32| {
                let start = packed_len(done, width);
                &bytes[start..start + packed_len(here, width)]
            };
            let (mut positions, mut highs) = ([0; KERNEL], [0; KERNEL]);
            bitpack::unpack(part(self.positions, position_width), position_width, &mut positions[..here])?;
            bitpack::unpack(part(self.highs, self.high_width), self.high_width, &mut highs[..here])?;
            for (&position, &high) in positions[..here].iter().zip(&highs) {
                let position = usize::try_from(position).unwrap_or(usize::MAX);
                if position < next_free || position >= out.len() {
                    return Err(CodecError("patch positions do not rise within the vector"));
                }
                if high == 0 {
                    return Err(CodecError("a patch changes nothing"));
                }
                out[position] |= high << self.width;
                next_free = position + 1;
            }
        }
        Ok(())
    }
}

/// The bits of a position among `count` values.
const fn position_width(count: usize) -> u32 {
    bit_length(count as u64 - 1)
}

fn residual(x: i64, reference: i64) -> u64 {
    x.wrapping_sub(reference).cast_unsigned()
}

fn signed_residual(x: i64, reference: i64) -> u64 {
    zigzag(x.wrapping_sub(reference))
}

/// `greatest - least`, which may exceed an `i64` but never a `u64`.
const fn distance(least: i64, greatest: i64) -> u64 {
    greatest.wrapping_sub(least).cast_unsigned()
}

/// A sample's median, and the width of its middle three quarters.
fn middle(flat: &[i64]) -> (i64, u64) {
    let mut sample = [0; SAMPLE];
    let strided = flat.iter().step_by(flat.len().div_ceil(SAMPLE));
    let len = sample.iter_mut().zip(strided).map(|(slot, x)| *slot = *x).count();
    let sample = &mut sample[..len];
    sample.sort_unstable();
    let eighth = len / 8;
    (sample[len / 2], distance(sample[eighth], sample[len - 1 - eighth]))
}

/// How many residuals there are of each bit length. Four tables, since neighbours are mostly of one length, and a
/// count that was just stored is slow to load again.
fn width_counts(flat: &[i64], residual_of: impl Fn(i64) -> u64) -> [u32; 65] {
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

/// Cuts `lows` to `width` bits, and lists where and what was cut off.
fn split(lows: &mut [u64], width: u32, positions: &mut Vec<u64>, highs: &mut Vec<u64>) {
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

    fn round_trip(flat: &[i64]) -> (Plan, Vec<u8>) {
        let plan = Plan::for_values(flat);
        let mut bytes = Vec::new();
        plan.write(flat, &mut Buffers::default(), &mut bytes);
        let mut reader = Reader::new(&bytes);
        let frame = Frame::read(&mut reader, flat.len()).unwrap();
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
        assert!(bytes.len() < VECTOR / 2 + 40);
    }

    #[test]
    fn a_flat_vector_is_a_tag_and_a_reference() {
        assert_eq!(round_trip(&[-3; 700]).1, [0, 5]);
    }

    #[test]
    fn the_ends_of_the_range_fit_one_frame() {
        round_trip(&[i64::MIN, i64::MAX]);
        round_trip(&[0, i64::MAX, i64::MIN, -1, 1]);
    }

    #[test]
    fn bad_patches_are_refused() {
        let mut flat = [0; 64];
        flat[3] = 1 << 40;
        flat[9] = 1 << 39;
        let (_, bytes) = round_trip(&flat);
        let decode =
            |bytes: &[u8]| Frame::read(&mut Reader::new(bytes), 64).and_then(|frame| frame.unpack(&mut [0; 64]));
        assert_eq!(decode(&bytes), Ok(()));
        for (at, byte) in [(0, 65), (2, 0), (2, 65), (3, 0), (3, 65), (4, 9 | 9 << 6)] {
            let mut bad = bytes.clone();
            bad[at] = byte;
            assert!(decode(&bad).is_err(), "byte {at} = {byte}");
        }
    }
}
