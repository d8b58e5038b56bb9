//! Little-endian words and varints, and reading them back without trust.
//! It promises that no bytes whatever make it panic or run past their end; whoever reads adds file and offset to a flaw.

/// What is wrong with bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flaw(pub(crate) &'static str);

impl From<Flaw> for String {
    fn from(Flaw(what): Flaw) -> Self {
        what.to_owned()
    }
}

/// Takes values from the front of a slice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    const ENDS: Flaw = Flaw("the bytes end too early");
    const LONG: Flaw = Flaw("a number is too large");

    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn remaining(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Result<&'a [u8], Flaw> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Self::ENDS)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Flaw> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Self::ENDS)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Flaw> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Flaw> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Flaw> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// LEB128 of at most 128 bits.
    fn wide(&mut self, bits: u32) -> Result<u128, Flaw> {
        let mut value = 0u128;
        for shift in (0..bits).step_by(7) {
            let byte = self.u8()?;
            let low = u128::from(byte & 0x7f);
            if low << shift >> shift != low {
                return Err(Self::LONG);
            }
            value |= low << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Self::LONG)
    }

    /// LEB128: seven bits a byte, low ones first.
    pub(crate) fn varint(&mut self) -> Result<u64, Flaw> {
        // Most varints are differences of one byte.
        if let Some((&byte, rest)) = self.0.split_first()
            && byte < 0x80
        {
            self.0 = rest;
            return Ok(u64::from(byte));
        }
        u64::try_from(self.wide(u64::BITS)?).map_err(|_| Self::LONG)
    }

    pub(crate) fn varint_u32(&mut self) -> Result<u32, Flaw> {
        u32::try_from(self.varint()?).map_err(|_| Self::LONG)
    }

    /// A signed number, small in either direction.
    pub(crate) fn zigzag(&mut self) -> Result<i64, Flaw> {
        let value = self.varint()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    pub(crate) fn zigzag_wide(&mut self) -> Result<i128, Flaw> {
        let value = self.wide(u128::BITS)?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// A count of things that take at least `each` bytes: never more than the bytes left could hold.
    pub(crate) fn count(&mut self, each: usize) -> Result<usize, Flaw> {
        let count = usize::try_from(self.varint()?).ok().filter(|count| *count <= self.0.len() / each);
        count.ok_or(Flaw("a count is larger than the bytes could hold"))
    }

    /// Refuses bytes that nobody asked for.
    pub(crate) fn finish(self) -> Result<(), Flaw> {
        if self.is_empty() { Ok(()) } else { Err(Flaw("bytes trail it")) }
    }
}

pub(crate) fn put_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

pub(crate) fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// LEB128: seven bits a byte, the lowest first, the high bit says that more follow.
pub(crate) fn put_varint(out: &mut Vec<u8>, value: u64) {
    put_wide(out, u128::from(value));
}

fn put_wide(out: &mut Vec<u8>, mut value: u128) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// Zigzag, so that small negatives stay short: 0, -1, 1, -2 become 0, 1, 2, 3.
pub(crate) fn put_zigzag(out: &mut Vec<u8>, value: i64) {
    put_varint(out, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

pub(crate) fn put_zigzag_wide(out: &mut Vec<u8>, value: i128) {
    put_wide(out, ((value << 1) ^ (value >> 127)).cast_unsigned());
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
            put_zigzag_wide(&mut out, wide);
            put_u64(&mut out, value);
            let mut reader = Reader::new(&out);
            prop_assert_eq!(reader.varint(), Ok(value));
            prop_assert_eq!(reader.zigzag(), Ok(signed));
            prop_assert_eq!(reader.zigzag_wide(), Ok(wide));
            prop_assert_eq!(reader.u64(), Ok(value));
            prop_assert_eq!(reader.finish(), Ok(()));
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = Reader::new(&bytes).varint();
            let _ = Reader::new(&bytes).zigzag_wide();
            let _ = Reader::new(&bytes).count(3);
        }
    }

    #[test]
    fn numbers_reach_their_ends() {
        let unsigned = [0, 1, 127, 128, 16_383, 16_384, u64::MAX >> 1, u64::MAX];
        let wide = [0, -1, i128::MIN, i128::MAX, i128::from(u64::MAX) * 8192];
        let mut out = Vec::new();
        for value in unsigned {
            put_varint(&mut out, value);
        }
        for value in wide {
            put_zigzag_wide(&mut out, value);
        }
        let mut reader = Reader::new(&out);
        for value in unsigned {
            assert_eq!(reader.varint(), Ok(value));
        }
        for value in wide {
            assert_eq!(reader.zigzag_wide(), Ok(value));
        }
        assert!(reader.is_empty());
    }

    #[test]
    fn a_number_above_64_bits_or_without_an_end_is_refused() {
        let mut bytes = [0xff; 10];
        bytes[9] = 1;
        assert_eq!(Reader::new(&bytes).varint(), Ok(u64::MAX));
        bytes[9] = 2;
        assert_eq!(Reader::new(&bytes).varint(), Err(Reader::LONG));
        for bytes in [&[][..], &[0x80], &[0x80; 3], &[0xff; 9], &[0xff; 10], &[0x80; 40]] {
            Reader::new(bytes).varint().unwrap_err();
            Reader::new(bytes).zigzag_wide().unwrap_err();
        }
    }
}
