//! Bit packing: numbers of one width, 0 to 64 bits, as a little-endian bit stream.
//!
//! Number `i` takes `width` bits of the stream, from bit `i * width` on, lowest first. Zero bits pad the last byte:
//!
//! ```text
//!  numbers 1, 2, 7 of 3 bits     byte 0:  11 010 001     low bits of 7; 2; 1
//!  (highest bit first)           byte 1:  0000000 1      padding; high bit of 7
//! ```
//!
//! A kernel packs or unpacks 64 numbers, or a group of eight at the end of the stream, which takes whole bytes, too. There is
//! one kernel of each length per width from 1 to 64, unrolled, with constant shifts and without branches. Narrow numbers are
//! unpacked by vector instructions where the processor shifts each lane by a number of its own: four or eight numbers lie in
//! one unaligned word, which is copied to all lanes.

use fearless_simd::prelude::*;
use fearless_simd::{Level, Simd, dispatch, i64x4, i64x8, u64x4, u64x8};

use super::CodecError;
use super::vectors::has_variable_shifts;

/// Number of values per kernel: 64 numbers of `W` bits fill exactly `W` words, so there is no padding between kernels.
pub(crate) const KERNEL_LEN: usize = 64;

/// Number of values per group: eight numbers of `W` bits fill exactly `W` bytes.
const GROUP_LEN: usize = 8;

/// Greatest width that is unpacked by vector instructions: four numbers from any bit of a byte fit a word.
///
/// Numbers of 16 bits and more are unpacked faster by the kernels.
const MAX_VECTOR_WIDTH: u32 = 15;

/// Greatest width of which eight numbers fit a word.
const MAX_WORD_WIDTH: u32 = 8;

/// Returns the length in bytes of `count` numbers of `width` bits.
pub(crate) const fn packed_len(count: usize, width: u32) -> usize {
    (count * width as usize).div_ceil(8)
}

/// Calls `$function::<W>$args` with the constant `W` that equals `$width`, from 1 to 64.
macro_rules! with_width {
    ($width:expr, $function:ident, $args:tt) => {
        with_width!($width, $function, $args,
            1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32
            33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64)
    };
    ($width:expr, $function:ident, $args:tt, $($w:literal)*) => {
        match $width {
            $($w => $function::<$w> $args,)*
            _ => unreachable!("no function for this width"),
        }
    };
}
pub(super) use with_width;

/// Calls the macro `$at` with the list of all indices of a kernel. LLVM would not unroll a loop of this length, and in
/// the loop the shifts, the word indices and the test whether a number lies in two words would not be constants.
macro_rules! unrolled {
    ($at:ident) => {
        $at!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
            32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63)
    };
}

/// Appends number `$i` of `$values` to the words of a kernel or group of width `W`.
macro_rules! put_number {
    ($words:ident, $values:ident, $i:literal) => {
        let (word, shift) = (const { $i * W / 64 }, const { $i * W % 64 });
        $words[word] |= $values[$i] << shift;
        if const { $i * W % 64 + W > 64 } {
            $words[word + 1] |= $values[$i] >> (64 - shift);
        }
    };
}

/// Sets number `$i` of `$values` from the words of a kernel or group of width `W`.
macro_rules! get_number {
    ($words:ident, $values:ident, $i:literal) => {
        let (word, shift) = (const { $i * W / 64 }, const { $i * W % 64 });
        let mut value = $words[word] >> shift;
        if const { $i * W % 64 + W > 64 } {
            value |= $words[word + 1] << (64 - shift);
        }
        $values[$i] = (value & const { u64::MAX >> (64 - W) }).cast_signed();
    };
}

/// Packs numbers, each of which must fit `width` bits (0 to 64), and appends them to `out`.
pub(crate) fn pack(values: &[u64], width: u32, out: &mut Vec<u8>) {
    assert!(width <= u64::BITS, "a width is at most 64");
    debug_assert!(values.iter().all(|&value| value & !mask(width) == 0), "a number does not fit the width");
    if width == 0 {
        return;
    }
    let start = out.len();
    out.resize(start + packed_len(values.len(), width), 0);
    with_width!(width, pack_all, (values, &mut out[start..]));
}

/// Fills `out` with the numbers packed in `bytes`, which must have the length [`packed_len`].
///
/// # Errors
/// If padding bits are not zero.
pub(crate) fn unpack(bytes: &[u8], width: u32, out: &mut [i64]) -> Result<(), CodecError> {
    unpack_at(Level::new(), bytes, width, out)
}

/// Checks the bits behind `count` packed numbers, which are at most seven.
///
/// # Errors
/// If they are not zero.
pub(super) fn check_padding(bytes: &[u8], width: u32, count: usize) -> Result<(), CodecError> {
    let bits_in_last_byte = count * width as usize % 8;
    if bits_in_last_byte != 0 && bytes.last().is_some_and(|last| last >> bits_in_last_byte != 0) {
        return Err(CodecError("padding bits are not zero"));
    }
    Ok(())
}

fn unpack_at(level: Level, bytes: &[u8], width: u32, out: &mut [i64]) -> Result<(), CodecError> {
    assert!(width <= u64::BITS, "a width is at most 64");
    assert_eq!(bytes.len(), packed_len(out.len(), width), "the number of bytes does not match the number of values");
    if width == 0 {
        out.fill(0);
        return Ok(());
    }
    check_padding(bytes, width, out.len())?;
    let mut done = 0;
    if width <= MAX_VECTOR_WIDTH && has_variable_shifts(level) {
        // A vector reads up to a word beyond its numbers, so the last whole kernel is left.
        done = (out.len() / KERNEL_LEN).saturating_sub(1) * KERNEL_LEN;
        dispatch!(level, simd => unpack_by_vectors(simd, bytes, width, &mut out[..done]));
    }
    with_width!(width, unpack_all, (&bytes[packed_len(done, width)..], &mut out[done..]));
    Ok(())
}

/// Unpacks numbers, a multiple of [`KERNEL_LEN`]. Behind them `bytes` must have a whole kernel, which vectors may read.
#[expect(clippy::inline_always, reason = "the code is compiled for the vector unit of its caller")]
#[inline(always)]
fn unpack_by_vectors<S: Simd>(simd: S, bytes: &[u8], width: u32, out: &mut [i64]) {
    simd.vectorize(
        #[inline(always)]
        move || {
            if width <= MAX_WORD_WIDTH {
                with_width!(width, unpack_words, (simd, bytes, out), 1 2 3 4 5 6 7 8);
            } else {
                with_width!(width, unpack_word_pairs, (simd, bytes, out), 9 10 11 12 13 14 15);
            }
        },
    );
}

/// Unpacks groups of eight numbers, each of which takes `W` bytes, at most a word.
///
/// The lanes are written out: the compiler divides the loop in ways that take four times as long with AVX-512.
#[expect(clippy::inline_always, reason = "the code is compiled for the vector unit of its caller")]
#[inline(always)]
fn unpack_words<const W: usize>(simd: impl Simd, bytes: &[u8], out: &mut [i64]) {
    let shifts = u64x8::from_fn(simd, |lane| (lane * W) as u64);
    let mask = u64x8::splat(simd, u64::MAX >> (64 - W));
    for (number, group) in out.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        let Some(word) = bytes[number * W..].first_chunk() else { unreachable!("a kernel follows") };
        let numbers: i64x8<_> = ((u64x8::splat(simd, u64::from_le_bytes(*word)) >> shifts) & mask).bitcast();
        *group = numbers.into();
    }
}

/// Unpacks groups of eight numbers, each of which takes `W` bytes. Four numbers are in one word.
#[expect(clippy::inline_always, reason = "the code is compiled for the vector unit of its caller")]
#[inline(always)]
fn unpack_word_pairs<const W: usize>(simd: impl Simd, bytes: &[u8], out: &mut [i64]) {
    let shifts = u64x4::from_fn(simd, |lane| (lane * W) as u64);
    // The second half begins inside a byte if the width is odd.
    let second_shifts = u64x4::from_fn(simd, |lane| (lane * W + W % 2 * 4) as u64);
    let mask = u64x4::splat(simd, u64::MAX >> (64 - W));
    for (number, group) in out.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        let bytes = &bytes[number * W..];
        let words = bytes.first_chunk().zip(bytes[W / 2..].first_chunk());
        let Some((first_word, second_word)) = words else { unreachable!("a kernel follows") };
        let first: i64x4<_> = ((u64x4::splat(simd, u64::from_le_bytes(*first_word)) >> shifts) & mask).bitcast();
        let second: i64x4<_> =
            ((u64x4::splat(simd, u64::from_le_bytes(*second_word)) >> second_shifts) & mask).bitcast();
        let (low, high) = group.split_at_mut(4);
        first.store_slice(low);
        second.store_slice(high);
    }
}

/// Returns a mask of the lowest `width` bits.
pub(crate) const fn mask(width: u32) -> u64 {
    if width == 0 { 0 } else { u64::MAX >> (u64::BITS - width) }
}

fn pack_all<const W: usize>(values: &[u64], out: &mut [u8]) {
    let (kernels, tail) = values.as_chunks::<KERNEL_LEN>();
    let (full, rest) = out.split_at_mut(kernels.len() * W * 8);
    for (kernel, bytes) in kernels.iter().zip(full.chunks_exact_mut(W * 8)) {
        pack_kernel::<W>(kernel, bytes);
    }
    let (groups, tail) = tail.as_chunks::<GROUP_LEN>();
    let (full, rest) = rest.split_at_mut(groups.len() * W);
    for (group, bytes) in groups.iter().zip(full.chunks_exact_mut(W)) {
        bytes.copy_from_slice(&pack_group::<W>(group).as_flattened()[..W]);
    }
    if !tail.is_empty() {
        let mut group = [0; GROUP_LEN];
        group[..tail.len()].copy_from_slice(tail);
        let len = rest.len();
        rest.copy_from_slice(&pack_group::<W>(&group).as_flattened()[..len]);
    }
}

fn unpack_all<const W: usize>(bytes: &[u8], out: &mut [i64]) {
    let (kernels, tail) = out.as_chunks_mut::<KERNEL_LEN>();
    let (full, rest) = bytes.split_at(kernels.len() * W * 8);
    for (kernel, bytes) in kernels.iter_mut().zip(full.chunks_exact(W * 8)) {
        unpack_kernel::<W>(bytes, kernel);
    }
    let (groups, tail) = tail.as_chunks_mut::<GROUP_LEN>();
    let (full, rest) = rest.split_at(groups.len() * W);
    for (group, bytes) in groups.iter_mut().zip(full.chunks_exact(W)) {
        let mut words = [[0; 8]; GROUP_LEN];
        words.as_flattened_mut()[..W].copy_from_slice(bytes);
        *group = unpack_group::<W>(words);
    }
    if !tail.is_empty() {
        let mut words = [[0; 8]; GROUP_LEN];
        words.as_flattened_mut()[..rest.len()].copy_from_slice(rest);
        tail.copy_from_slice(&unpack_group::<W>(words)[..tail.len()]);
    }
}

fn pack_kernel<const W: usize>(values: &[u64; KERNEL_LEN], bytes: &mut [u8]) {
    let mut words = [0u64; W];
    macro_rules! at {
        ($($i:literal)*) => {$({ put_number!(words, values, $i); })*};
    }
    unrolled!(at);
    for (bytes, word) in bytes.as_chunks_mut().0.iter_mut().zip(words) {
        *bytes = word.to_le_bytes();
    }
}

fn unpack_kernel<const W: usize>(bytes: &[u8], values: &mut [i64; KERNEL_LEN]) {
    let mut words = [0u64; W];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    macro_rules! at {
        ($($i:literal)*) => {$({ get_number!(words, values, $i); })*};
    }
    unrolled!(at);
}

/// Packs a group. The first `W` bytes of the words are the stream.
fn pack_group<const W: usize>(values: &[u64; GROUP_LEN]) -> [[u8; 8]; GROUP_LEN] {
    let mut words = [0u64; GROUP_LEN];
    macro_rules! at {
        ($($i:literal)*) => {$({ put_number!(words, values, $i); })*};
    }
    at!(0 1 2 3 4 5 6 7);
    words.map(u64::to_le_bytes)
}

/// Unpacks a group from the first `W` bytes of the words.
fn unpack_group<const W: usize>(words: [[u8; 8]; GROUP_LEN]) -> [i64; GROUP_LEN] {
    let (words, mut values) = (words.map(u64::from_le_bytes), [0; GROUP_LEN]);
    macro_rules! at {
        ($($i:literal)*) => {$({ get_number!(words, values, $i); })*};
    }
    at!(0 1 2 3 4 5 6 7);
    values
}

#[cfg(test)]
mod tests {
    use super::super::vectors::tests::levels;
    use super::*;

    #[test]
    fn every_width_and_length_round_trips() {
        for width in 0..=64 {
            for count in [0, 1, 2, 7, 8, 9, 16, 31, 63, 64, 65, 127, 128, 129, 200, 1024] {
                let values: Vec<u64> = (1..=count)
                    .map(|i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(7) & mask(width))
                    .collect();
                let mut bytes = Vec::new();
                pack(&values, width, &mut bytes);
                for level in levels() {
                    let mut back = vec![-1; values.len()];
                    unpack_at(level, &bytes, width, &mut back).unwrap();
                    let is_same = values.iter().zip(&back).all(|(a, b)| *a == b.cast_unsigned());
                    assert!(is_same, "width {width}, count {count}, {level:?}");
                }
            }
        }
    }

    #[test]
    fn the_stream_is_little_endian_and_lowest_bit_first() {
        let mut bytes = Vec::new();
        pack(&[1, 2, 7], 3, &mut bytes);
        assert_eq!(bytes, [0b1101_0001, 0b0000_0001]);
        let mut out = [0; 3];
        assert_eq!(unpack(&[0b1101_0001, 0b0000_0011], 3, &mut out), Err(CodecError("padding bits are not zero")));
    }
}
