//! LEB128 and zigzag numbers, and the reader of the bytes of a column.
//!
//! Each number has exactly one encoding: overlong forms are refused, so that each byte of a column is significant. (The
//! numbers of other file parts, in `format::bytes`, may be overlong.)

use super::CodecError;

/// Maximum length of a `u64` in bytes: ten groups of seven bits.
const MAX_VARINT_BYTES: usize = 10;

/// Maps 0, -1, 1, -2, ... to 0, 1, 2, 3, ..., so that small magnitudes of both signs become small numbers.
pub(crate) const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

/// Inverts [`zigzag`].
pub(crate) const fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

/// Returns the number of bits of `value`; 0 for 0.
pub(crate) const fn bit_length(value: u64) -> u32 {
    u64::BITS - value.leading_zeros()
}

/// Appends a number in LEB128.
pub(crate) fn write_u64(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push((value & 0x7f) as u8);
}

/// Appends a signed number in zigzag LEB128.
pub(crate) fn write_i64(value: i64, out: &mut Vec<u8>) {
    write_u64(zigzag(value), out);
}

/// Returns the number of bytes that [`write_u64`] appends.
pub(crate) const fn len_u64(value: u64) -> usize {
    // `| 1`: zero takes one byte, too.
    bit_length(value | 1).div_ceil(7) as usize
}

/// Returns the number of bytes that [`write_i64`] appends.
pub(crate) const fn len_i64(value: i64) -> usize {
    len_u64(zigzag(value))
}

/// Reader of the bytes of a column. It accepts arbitrary bytes: it returns errors and never panics.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ColumnReader<'a> {
    rest: &'a [u8],
}

impl<'a> ColumnReader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Reads one byte.
    pub(crate) fn byte(&mut self) -> Result<u8, CodecError> {
        let (&first, rest) = self.rest.split_first().ok_or(CodecError::TRUNCATED)?;
        self.rest = rest;
        Ok(first)
    }

    /// Reads `len` bytes.
    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], CodecError> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(CodecError::TRUNCATED)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Returns all remaining bytes.
    pub(crate) fn take_rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// Reads a number in LEB128, which must have its shortest form.
    pub(crate) fn u64(&mut self) -> Result<u64, CodecError> {
        let mut value = 0u64;
        for group in 0..MAX_VARINT_BYTES {
            let byte = self.byte()?;
            if group == MAX_VARINT_BYTES - 1 && byte > 1 {
                return Err(CodecError("a varint exceeds 64 bits"));
            }
            value |= u64::from(byte & 0x7f) << (7 * group);
            if byte & 0x80 == 0 {
                if byte == 0 && group > 0 {
                    return Err(CodecError("a varint is not in its shortest form"));
                }
                return Ok(value);
            }
        }
        // Not reached: a tenth byte above 1 was refused, and any other tenth byte ends the number.
        Err(CodecError("a varint exceeds 64 bits"))
    }

    /// Reads a signed number in zigzag LEB128, which must have its shortest form.
    pub(crate) fn i64(&mut self) -> Result<i64, CodecError> {
        Ok(unzigzag(self.u64()?))
    }

    /// Checks that no bytes remain, so that each byte of a column is significant.
    pub(crate) const fn finish(self) -> Result<(), CodecError> {
        if self.rest.is_empty() { Ok(()) } else { Err(CodecError("bytes remain behind the column")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_at_every_group_boundary_round_trip_in_the_computed_length() {
        let edges = (0..64).flat_map(|bit| [(1u64 << bit) - 1, 1 << bit]).chain([u64::MAX]);
        for value in edges {
            let mut bytes = Vec::new();
            write_u64(value, &mut bytes);
            assert_eq!(bytes.len(), len_u64(value));
            let mut reader = ColumnReader::new(&bytes);
            assert_eq!(reader.u64(), Ok(value));
            assert_eq!(reader.finish(), Ok(()));
            assert_eq!(zigzag(unzigzag(value)), value);
        }
    }

    #[test]
    fn overlong_overflowing_and_cut_numbers_are_refused() {
        for bytes in
            [&[0x80, 0x00][..], &[0xff; 10], &[0x80], &[], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]]
        {
            assert!(ColumnReader::new(bytes).u64().is_err(), "{bytes:?}");
        }
    }
}
