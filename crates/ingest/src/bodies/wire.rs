//! Reader of protobuf that borrows from the body.

use thiserror::Error;

/// Why bytes are not a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum WireError {
    #[error("it is cut off")]
    CutOff,
    #[error("a number has more than 64 bits")]
    LongNumber,
    #[error("a field has an unknown encoding")]
    UnknownEncoding,
    #[error("field {0} has another encoding than its type")]
    OtherType(u32),
}

/// Value of a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum WireValue<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    /// A text, a message or packed numbers.
    Bytes(&'a [u8]),
}

/// Field of a message: its number and its value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct WireField<'a> {
    pub(super) number: u32,
    pub(super) value: WireValue<'a>,
}

impl<'a> WireField<'a> {
    /// Returns the bytes of a text, a message or packed numbers.
    pub(super) fn bytes(self) -> Result<&'a [u8], WireError> {
        match self.value {
            WireValue::Bytes(bytes) => Ok(bytes),
            _ => Err(WireError::OtherType(self.number)),
        }
    }

    /// Returns a number of the type `int32`, `int64`, `uint32`, `uint64`, `bool` or an enum.
    pub(super) fn varint(self) -> Result<u64, WireError> {
        match self.value {
            WireValue::Varint(number) => Ok(number),
            _ => Err(WireError::OtherType(self.number)),
        }
    }

    /// Returns a number of the type `double`.
    pub(super) fn double(self) -> Result<f64, WireError> {
        match self.value {
            WireValue::Fixed64(bits) => Ok(f64::from_bits(bits)),
            _ => Err(WireError::OtherType(self.number)),
        }
    }
}

/// Reads the fields of a message one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct WireReader<'a> {
    rest: &'a [u8],
}

impl<'a> WireReader<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// Returns the number of bytes that were not read yet.
    #[inline]
    pub(super) fn rest_len(&self) -> usize {
        self.rest.len()
    }

    /// Returns the next field; `None` at the end of the message.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<WireField<'a>>, WireError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).ok().filter(|number| *number > 0).ok_or(WireError::UnknownEncoding)?;
        let value = match tag & 7 {
            0 => WireValue::Varint(self.varint()?),
            1 => WireValue::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let len = usize::try_from(self.varint()?).map_err(|_| WireError::CutOff)?;
                WireValue::Bytes(self.take(len)?)
            }
            5 => WireValue::Fixed32(u32::from_le_bytes(self.array()?)),
            _ => return Err(WireError::UnknownEncoding),
        };
        Ok(Some(WireField { number, value }))
    }

    /// Reads a number without a tag, as in packed numbers.
    #[inline]
    pub(super) fn varint(&mut self) -> Result<u64, WireError> {
        match self.rest {
            [byte @ ..0x80, rest @ ..] => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, WireError> {
        let mut number = 0;
        for (at, byte) in self.rest.iter().enumerate() {
            // The tenth byte holds the last bit of 64.
            if at == 9 && *byte > 1 {
                return Err(WireError::LongNumber);
            }
            number |= u64::from(byte & 0x7f) << (7 * at);
            if *byte < 0x80 {
                self.rest = &self.rest[at + 1..];
                return Ok(number);
            }
        }
        Err(WireError::CutOff)
    }

    #[inline]
    fn take(&mut self, len: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(WireError::CutOff)?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(WireError::CutOff)?;
        self.rest = rest;
        Ok(*taken)
    }
}

/// Appends a number as a varint.
pub(super) fn put_varint(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        #[expect(clippy::cast_possible_truncation, reason = "the low seven bits are meant")]
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    #[expect(clippy::cast_possible_truncation, reason = "less than seven bits are left")]
    out.push(number as u8);
}

/// Returns the length of a number as a varint.
pub(super) fn varint_len(number: usize) -> usize {
    let bits = (usize::BITS - (number | 1).leading_zeros()) as usize;
    bits.div_ceil(7)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(mut reader: WireReader<'_>) -> Result<Vec<WireField<'_>>, WireError> {
        std::iter::from_fn(|| reader.next().transpose()).collect()
    }

    #[test]
    fn each_type_of_the_wire_is_read() {
        let message = [0x08, 0x96, 0x01, 0x11, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x1a, 1, b'x', 0x25, 1, 0, 0, 0];
        let found = fields(WireReader::new(&message)).unwrap();
        assert_eq!(found.iter().map(|field| field.number).collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert_eq!((found[0].varint(), found[1].double(), found[2].bytes()), (Ok(150), Ok(1.0), Ok(&b"x"[..])));
        assert_eq!(found[3].value, WireValue::Fixed32(1));
        assert_eq!(found[3].double(), Err(WireError::OtherType(4)));
    }

    #[test]
    fn damaged_messages_are_refused() {
        for (message, error) in [
            (&[0x08][..], WireError::CutOff),
            (&[0x08, 0x80], WireError::CutOff),
            (&[0x0a, 2, 1], WireError::CutOff),
            (&[0x09, 1, 2], WireError::CutOff),
            (&[0x0b], WireError::UnknownEncoding),
            (&[0x00, 0x01], WireError::UnknownEncoding),
            (&[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02], WireError::LongNumber),
        ] {
            assert_eq!(fields(WireReader::new(message)), Err(error), "{message:?}");
        }
    }

    #[test]
    fn varints_round_trip() {
        for number in [0, 1, 127, 128, 16_383, 16_384, u32::MAX as usize, usize::MAX] {
            let mut out = Vec::new();
            put_varint(&mut out, number);
            assert_eq!(out.len(), varint_len(number));
            assert_eq!(WireReader::new(&out).varint(), Ok(number as u64));
        }
    }
}
