//! Encoding of single columns as files have them, for the measurement of their sizes.

use crate::format::sst::codec::{
    CodecScratch, DenseEncoder, codec_name, decode_floats, decode_integers, encode_floats, encode_integers,
};
use crate::testing::hot_paths::HotPath;

/// Encoder of the columns of one kind, timestamps or values: as in level 0, or as in the base.
#[derive(Debug, Default)]
pub struct ColumnEncoder {
    scratch: CodecScratch,
    /// `None` in level 0.
    dense: Option<DenseEncoder>,
}

/// Encoded column.
#[derive(Debug, Clone)]
pub struct EncodedColumn {
    bytes: Vec<u8>,
    count: usize,
    has_doubles: bool,
}

impl ColumnEncoder {
    /// Creates an encoder as of a file of the base.
    #[must_use]
    pub fn base() -> Self {
        Self { dense: Some(DenseEncoder::default()), ..Self::default() }
    }

    /// Encodes a column of doubles, at most 8,192.
    pub fn doubles(&mut self, values: &[f64]) -> EncodedColumn {
        let Self { scratch, dense } = self;
        let mut bytes = Vec::new();
        match dense {
            Some(dense) => dense.encode_floats(values, scratch, &mut bytes),
            None => encode_floats(values, scratch, &mut bytes),
        }
        EncodedColumn { bytes, count: values.len(), has_doubles: true }
    }

    /// Encodes a column of integers, at most 8,192.
    pub fn integers(&mut self, values: &[i64]) -> EncodedColumn {
        let Self { scratch, dense } = self;
        let mut bytes = Vec::new();
        match dense {
            Some(dense) => dense.encode_integers(values, scratch, &mut bytes),
            None => encode_integers(values, scratch, &mut bytes),
        }
        EncodedColumn { bytes, count: values.len(), has_doubles: false }
    }
}

impl EncodedColumn {
    /// Returns the length in bytes.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.bytes.len()
    }

    /// Returns the name of the codec.
    #[must_use]
    pub fn codec(&self) -> &'static str {
        codec_name(&self.bytes)
    }

    /// Returns the decoding of the column as a path.
    ///
    /// # Panics
    /// The path, if the column cannot be decoded.
    #[must_use]
    pub fn decoding(self) -> HotPath {
        let Self { bytes, count, has_doubles } = self;
        let (mut doubles, mut integers) = (Vec::new(), Vec::new());
        Box::new(move || {
            let decoded = if has_doubles {
                decode_floats(&bytes, count, &mut doubles)
            } else {
                decode_integers(&bytes, count, &mut integers)
            };
            decoded.expect("the column was encoded by the engine");
            doubles.last().map_or_else(|| integers.last().map_or(0, |last| last.cast_unsigned()), |last| last.to_bits())
        })
    }
}
