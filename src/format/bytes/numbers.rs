//! Fixed-width little-endian numbers and varints (LEB128), and a reader for untrusted bytes.
//!
//! [`ByteReader`] never panics and never reads past the end of its bytes. Callers add file and offset to a
//! [`DecodeError`].

/// Reason why bytes cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DecodeError(pub(crate) &'static str);

impl From<DecodeError> for String {
    fn from(DecodeError(what): DecodeError) -> Self {
        what.to_owned()
    }
}

/// Reader that takes values from the front of a byte slice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ByteReader<'a>(&'a [u8]);

impl<'a> ByteReader<'a> {
    const TRUNCATED: DecodeError = DecodeError("the bytes end too early");
    const TOO_LARGE: DecodeError = DecodeError("a number is too large");

    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn remaining(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Self::TRUNCATED)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Self::TRUNCATED)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, DecodeError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, DecodeError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// Reads a LEB128 number of as many groups of seven bits as `bits` bits need, and at most 128 bits.
    ///
    /// The number may exceed `bits` bits by a part of the last group.
    fn varint_u128(&mut self, bits: u32) -> Result<u128, DecodeError> {
        let mut value = 0u128;
        for shift in (0..bits).step_by(7) {
            let byte = self.u8()?;
            let low = u128::from(byte & 0x7f);
            if low << shift >> shift != low {
                return Err(Self::TOO_LARGE);
            }
            value |= low << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Self::TOO_LARGE)
    }

    /// Reads a LEB128 number: seven bits per byte, lowest first.
    pub(crate) fn varint_u64(&mut self) -> Result<u64, DecodeError> {
        // Fast paths: most varints are differences that fit in one byte, or digits and lengths that fit in two.
        if let Some((&byte, rest)) = self.0.split_first()
            && byte < 0x80
        {
            self.0 = rest;
            return Ok(u64::from(byte));
        }
        if let [low, high, rest @ ..] = self.0
            && *high < 0x80
        {
            self.0 = rest;
            return Ok(u64::from(low & 0x7f) | u64::from(*high) << 7);
        }
        u64::try_from(self.varint_u128(u64::BITS)?).map_err(|_| Self::TOO_LARGE)
    }

    pub(crate) fn varint_u32(&mut self) -> Result<u32, DecodeError> {
        u32::try_from(self.varint_u64()?).map_err(|_| Self::TOO_LARGE)
    }

    /// Reads a zigzag number; see [`put_zigzag`].
    pub(crate) fn zigzag_i64(&mut self) -> Result<i64, DecodeError> {
        let value = self.varint_u64()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    pub(crate) fn zigzag_i128(&mut self) -> Result<i128, DecodeError> {
        let value = self.varint_u128(u128::BITS)?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// Reads a count of items of at least `min_item_bytes` bytes each.
    ///
    /// Fails if the remaining bytes cannot hold so many items. Hence a caller may allocate memory for the count.
    pub(crate) fn count(&mut self, min_item_bytes: usize) -> Result<usize, DecodeError> {
        let count = usize::try_from(self.varint_u64()?).ok().filter(|count| *count <= self.0.len() / min_item_bytes);
        count.ok_or(DecodeError("a count is larger than the remaining bytes can hold"))
    }

    /// Fails if bytes remain.
    pub(crate) fn expect_end(self) -> Result<(), DecodeError> {
        if self.is_empty() { Ok(()) } else { Err(DecodeError("unexpected bytes at the end")) }
    }
}

pub(crate) fn put_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

pub(crate) fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends a LEB128 number: seven bits per byte, lowest first.
///
/// The highest bit of a byte is set if more bytes follow.
pub(crate) fn put_varint(out: &mut Vec<u8>, value: u64) {
    put_varint_u128(out, u128::from(value));
}

fn put_varint_u128(out: &mut Vec<u8>, mut value: u128) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// Appends a zigzag number: 0, -1, 1, -2 become 0, 1, 2, 3, so that small magnitudes are short.
pub(crate) fn put_zigzag(out: &mut Vec<u8>, value: i64) {
    put_varint(out, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

pub(crate) fn put_zigzag_i128(out: &mut Vec<u8>, value: i128) {
    put_varint_u128(out, ((value << 1) ^ (value >> 127)).cast_unsigned());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_round_trip(value: u64, signed: i64, wide: i128) {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            put_zigzag(&mut out, signed);
            put_zigzag_i128(&mut out, wide);
            put_u64(&mut out, value);
            let mut reader = ByteReader::new(&out);
            prop_assert_eq!(reader.varint_u64(), Ok(value));
            prop_assert_eq!(reader.zigzag_i64(), Ok(signed));
            prop_assert_eq!(reader.zigzag_i128(), Ok(wide));
            prop_assert_eq!(reader.u64(), Ok(value));
            prop_assert_eq!(reader.expect_end(), Ok(()));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = ByteReader::new(&bytes).varint_u64();
            let _ = ByteReader::new(&bytes).zigzag_i128();
            let _ = ByteReader::new(&bytes).count(3);
        }
    }

    #[test]
    fn the_extreme_numbers_round_trip() {
        let unsigned = [0, 1, 127, 128, 16_383, 16_384, u64::MAX >> 1, u64::MAX];
        let wide = [0, -1, i128::MIN, i128::MAX, i128::from(u64::MAX) * 8192];
        let mut out = Vec::new();
        for value in unsigned {
            put_varint(&mut out, value);
        }
        for value in wide {
            put_zigzag_i128(&mut out, value);
        }
        let mut reader = ByteReader::new(&out);
        for value in unsigned {
            assert_eq!(reader.varint_u64(), Ok(value));
        }
        for value in wide {
            assert_eq!(reader.zigzag_i128(), Ok(value));
        }
        assert!(reader.is_empty());
    }

    #[test]
    fn a_varint_above_64_bits_or_without_an_end_is_refused() {
        let mut bytes = [0xff; 10];
        bytes[9] = 1;
        assert_eq!(ByteReader::new(&bytes).varint_u64(), Ok(u64::MAX));
        bytes[9] = 2;
        assert_eq!(ByteReader::new(&bytes).varint_u64(), Err(ByteReader::TOO_LARGE));
        for bytes in [&[][..], &[0x80], &[0x80; 3], &[0xff; 9], &[0xff; 10], &[0x80; 40]] {
            ByteReader::new(bytes).varint_u64().unwrap_err();
            ByteReader::new(bytes).zigzag_i128().unwrap_err();
        }
    }
}
