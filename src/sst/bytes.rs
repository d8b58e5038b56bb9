//! The small change of every part: varints, little-endian words, and reading them back without trust.
//! Promises that no bytes whatever make it panic; whoever reads adds file and offset to a flaw.

use super::codec::CodecError;

/// What is wrong with bytes whose checksum was right, or about to be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flaw(pub(crate) &'static str);

impl From<CodecError> for Flaw {
    fn from(error: CodecError) -> Self {
        Self(error.0)
    }
}

/// Bytes from here to the end of a part.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    const ENDS: Flaw = Flaw("the bytes end too early");
    const LONG: Flaw = Flaw("a varint is too long");

    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn remaining(&self) -> usize {
        self.0.len()
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], Flaw> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Self::ENDS)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Flaw> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Self::ENDS)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Flaw> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    pub(super) fn u32(&mut self) -> Result<u32, Flaw> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64, Flaw> {
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

    pub(super) fn varint(&mut self) -> Result<u64, Flaw> {
        // Most varints here are differences of one byte.
        if let Some((&byte, rest)) = self.0.split_first()
            && byte < 0x80
        {
            self.0 = rest;
            return Ok(u64::from(byte));
        }
        u64::try_from(self.wide(64)?).map_err(|_| Self::LONG)
    }

    pub(super) fn varint_u32(&mut self) -> Result<u32, Flaw> {
        u32::try_from(self.varint()?).map_err(|_| Self::LONG)
    }

    pub(super) fn signed(&mut self) -> Result<i64, Flaw> {
        let zigzag = self.varint()?;
        Ok((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed())
    }

    pub(super) fn signed_wide(&mut self) -> Result<i128, Flaw> {
        let zigzag = self.wide(128)?;
        Ok((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed())
    }
}

/// LEB128: seven bits a byte, the lowest first, the high bit says that more follow.
pub(super) fn put_varint(out: &mut Vec<u8>, value: u64) {
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
pub(super) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put_varint(out, (value << 1 ^ value >> 63).cast_unsigned());
}

pub(super) fn put_signed_wide(out: &mut Vec<u8>, value: i128) {
    put_wide(out, (value << 1 ^ value >> 127).cast_unsigned());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_comes_back() {
        let mut out = Vec::new();
        let unsigned = [0, 1, 127, 128, 16_383, 16_384, u64::MAX >> 1, u64::MAX];
        let signed = [0, -1, 1, 63, -64, 64, i64::MIN, i64::MAX];
        let wide = [0, -1, i128::MIN, i128::MAX, i128::from(u64::MAX) * 8192];
        for &value in &unsigned {
            put_varint(&mut out, value);
        }
        for &value in &signed {
            put_signed(&mut out, value);
        }
        for &value in &wide {
            put_signed_wide(&mut out, value);
        }
        let mut reader = Reader::new(&out);
        for &value in &unsigned {
            assert_eq!(reader.varint(), Ok(value));
        }
        for &value in &signed {
            assert_eq!(reader.signed(), Ok(value));
        }
        for &value in &wide {
            assert_eq!(reader.signed_wide(), Ok(value));
        }
        assert!(reader.is_empty());
    }

    #[test]
    fn a_varint_that_ends_early_or_never_is_refused() {
        for bytes in [&[][..], &[0x80], &[0xff; 9], &[0xff; 10], &[0x80; 40]] {
            Reader::new(bytes).varint().unwrap_err();
            Reader::new(bytes).signed_wide().unwrap_err();
        }
        let mut too_wide = [0xff; 10];
        too_wide[9] = 2;
        assert_eq!(Reader::new(&too_wide).varint(), Err(Reader::LONG));
    }
}
