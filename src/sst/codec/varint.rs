//! LEB128 and zigzag numbers, and the `Reader` that takes them (and plain bytes) off the front of untrusted bytes.
//! Every number has one encoding: overlong forms are refused, so that no byte is without meaning.
//! Knows nothing of columns or vectors.

use super::CodecError;

/// The longest LEB128 form of a `u64`: ten groups of seven bits.
const MAX_BYTES: usize = 10;

/// Maps 0, -1, 1, -2, ... to 0, 1, 2, 3, ..., so that small magnitudes of either sign become small numbers.
pub(super) const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

/// The inverse of [`zigzag`].
pub(super) const fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

/// The bits needed to write `value`; 0 for 0.
pub(super) const fn bit_length(value: u64) -> u32 {
    u64::BITS - value.leading_zeros()
}

pub(super) fn write_u64(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push((value & 0x7f) as u8);
}

pub(super) fn write_i64(value: i64, out: &mut Vec<u8>) {
    write_u64(zigzag(value), out);
}

/// The bytes that [`write_u64`] appends for `value`.
pub(super) const fn len_u64(value: u64) -> usize {
    // `| 1`: zero, too, takes a byte.
    bit_length(value | 1).div_ceil(7) as usize
}

/// The bytes that [`write_i64`] appends for `value`.
pub(super) const fn len_i64(value: i64) -> usize {
    len_u64(zigzag(value))
}

/// What is left to read of an encoding.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn byte(&mut self) -> Result<u8, CodecError> {
        let (&first, rest) = self.rest.split_first().ok_or(CodecError::TRUNCATED)?;
        self.rest = rest;
        Ok(first)
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], CodecError> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(CodecError::TRUNCATED)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn take_rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    pub(super) fn u64(&mut self) -> Result<u64, CodecError> {
        let mut value = 0u64;
        for group in 0..MAX_BYTES {
            let byte = self.byte()?;
            if group == MAX_BYTES - 1 && byte > 1 {
                return Err(CodecError("a varint exceeds 64 bits"));
            }
            value |= u64::from(byte & 0x7f) << (7 * group);
            if byte & 0x80 == 0 {
                if byte == 0 && group > 0 {
                    return Err(CodecError("a varint is longer than it need be"));
                }
                return Ok(value);
            }
        }
        // The tenth byte is at most 1, so it ends the number above.
        Err(CodecError("a varint exceeds 64 bits"))
    }

    pub(super) fn i64(&mut self) -> Result<i64, CodecError> {
        Ok(unzigzag(self.u64()?))
    }

    /// The whole of the bytes must have been read: bytes that no decoder looks at could rot unseen.
    pub(super) const fn finish(self) -> Result<(), CodecError> {
        if self.rest.is_empty() { Ok(()) } else { Err(CodecError("bytes trail the column")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_at_every_group_boundary_come_back_in_the_foretold_length() {
        let edges = (0..64).flat_map(|bit| [(1u64 << bit) - 1, 1 << bit]).chain([u64::MAX]);
        for value in edges {
            let mut bytes = Vec::new();
            write_u64(value, &mut bytes);
            assert_eq!(bytes.len(), len_u64(value));
            let mut reader = Reader::new(&bytes);
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
            assert!(Reader::new(bytes).u64().is_err(), "{bytes:?}");
        }
    }
}
