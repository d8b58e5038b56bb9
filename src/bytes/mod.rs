//! Bytes of every log: little-endian numbers, varints, and a reader that never runs past its end.
//! It promises that decoding arbitrary bytes gives a value or a reason, and allocates no more than the bytes could
//! describe; it knows nothing of what they mean.

pub(crate) mod frame;
pub(crate) mod header;
pub(crate) mod key;
mod window;

pub(crate) use window::Window;

/// A value, or what is wrong with the bytes; the caller adds file and offset.
pub(crate) type Decoded<T> = Result<T, String>;

/// A run of bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) offset: u64,
    pub(crate) len: u64,
}

impl Extent {
    pub(crate) const fn end(self) -> u64 {
        self.offset.saturating_add(self.len)
    }
}

/// Takes values from the front of a slice.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Decoded<&'a [u8]> {
        let Some((taken, rest)) = self.rest.split_at_checked(len) else {
            return Err(format!("{len} bytes expected, {} left", self.rest.len()));
        };
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Decoded<[u8; N]> {
        let Some((taken, rest)) = self.rest.split_first_chunk() else {
            return Err(format!("{N} bytes expected, {} left", self.rest.len()));
        };
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Decoded<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u32(&mut self) -> Decoded<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Decoded<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// LEB128: seven bits a byte, low ones first.
    pub(crate) fn varint(&mut self) -> Decoded<u64> {
        let mut value = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err("a number does not fit into 64 bits".to_owned())
    }

    /// A signed number, small in either direction.
    pub(crate) fn zigzag(&mut self) -> Decoded<i64> {
        let value = self.varint()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// A count of things that take at least `each` bytes: never more than the bytes left could hold.
    pub(crate) fn count(&mut self, each: usize) -> Decoded<usize> {
        let count = self.varint()?;
        let most = self.rest.len() / each;
        match usize::try_from(count) {
            Ok(count) if count <= most => Ok(count),
            _ => Err(format!("{count} entries in {} bytes", self.rest.len())),
        }
    }

    /// Refuses bytes that nobody asked for.
    pub(crate) fn finish(self) -> Decoded<()> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(format!("{left} bytes too many")),
        }
    }
}

pub(crate) fn put_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

pub(crate) fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

pub(crate) fn put_zigzag(out: &mut Vec<u8>, value: i64) {
    put_varint(out, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

/// Gives a file other bytes in place: cutting it to nothing first makes some file systems flush it each time.
#[cfg(test)]
pub(crate) fn overwrite(path: &std::path::Path, bytes: &[u8]) {
    use std::io::Write as _;
    let mut file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all(bytes).unwrap();
    file.set_len(bytes.len() as u64).unwrap();
}

/// Compares written bytes with the committed file of the format's first version; `TIMESTRATA_BLESS=1` rewrites it.
#[cfg(test)]
pub(crate) fn assert_golden(name: &str, written: &[u8], golden: &[u8]) {
    if std::env::var_os("TIMESTRATA_BLESS").is_some() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1").join(name);
        std::fs::write(path, written).unwrap();
        return;
    }
    let differs = written.iter().zip(golden).position(|(one, other)| one != other);
    let at = differs.or((written.len() != golden.len()).then(|| written.len().min(golden.len())));
    assert_eq!(at, None, "{name} differs from the golden file at this byte: a format change needs a new version");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_round_trip(value: u64, signed: i64) {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            put_zigzag(&mut out, signed);
            put_u64(&mut out, value);
            let mut reader = Reader::new(&out);
            prop_assert_eq!(reader.varint(), Ok(value));
            prop_assert_eq!(reader.zigzag(), Ok(signed));
            prop_assert_eq!(reader.u64(), Ok(value));
            prop_assert_eq!(reader.finish(), Ok(()));
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = Reader::new(&bytes).varint();
            let _ = Reader::new(&bytes).zigzag();
            let _ = Reader::new(&bytes).count(3);
        }
    }

    #[test]
    fn a_number_above_64_bits_is_refused() {
        let mut bytes = [0xff; 10];
        bytes[9] = 1;
        assert_eq!(Reader::new(&bytes).varint(), Ok(u64::MAX));
        bytes[9] = 2;
        assert!(Reader::new(&bytes).varint().is_err());
        assert!(Reader::new(&[0x80; 11]).varint().is_err());
        assert!(Reader::new(&[0x80; 3]).varint().is_err());
    }
}
