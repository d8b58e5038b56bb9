//! Bytes of an input to UTF-8.

use encoding_rs::{DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};

use crate::IngestError;

/// Bytes that are decoded at once, so that little memory is needed.
const CHUNK_BYTES: usize = 1 << 16;

/// How the bytes of an input become UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TextEncoding {
    encoding: &'static Encoding,
    /// Bytes of the byte order mark.
    bom_bytes: usize,
}

impl TextEncoding {
    /// Detects the encoding by its byte order mark, or takes that of the label.
    pub(crate) fn detect(head: &[u8], label: Option<&str>) -> Result<Self, IngestError> {
        let by_bom = Encoding::for_bom(head);
        let Some(label) = label else {
            let (encoding, bom_bytes) = by_bom.unwrap_or((UTF_8, 0));
            return Ok(Self { encoding, bom_bytes });
        };
        let encoding = Encoding::for_label(label.trim().as_bytes()).ok_or_else(|| {
            IngestError::new(format!(
                "there is no encoding {label:?}; examples are latin1, windows-1252, utf-16le, shift_jis"
            ))
            .suggest("encoding", "latin1")
        })?;
        let bom_bytes = by_bom.filter(|(of_bom, _)| *of_bom == encoding).map_or(0, |(_, bytes)| bytes);
        Ok(Self { encoding, bom_bytes })
    }

    /// Returns `true` if the bytes need no conversion.
    pub(crate) fn is_utf8(self) -> bool {
        self.encoding == UTF_8
    }

    /// Returns `true` for the two encodings of 16 bits.
    pub(crate) fn is_utf16(self) -> bool {
        self.encoding == UTF_16LE || self.encoding == UTF_16BE
    }

    pub(crate) fn name(self) -> &'static str {
        self.encoding.name()
    }

    pub(crate) fn bom_bytes(self) -> usize {
        self.bom_bytes
    }
}

/// Converts an input to UTF-8 piece by piece.
pub(crate) struct TextSource {
    encoding: TextEncoding,
    decoder: encoding_rs::Decoder,
    /// Bytes of the byte order mark that are still to be skipped.
    skip: usize,
    is_ended: bool,
}

impl TextSource {
    pub(crate) fn new(encoding: TextEncoding) -> Self {
        let decoder = encoding.encoding.new_decoder_without_bom_handling();
        Self { encoding, decoder, skip: encoding.bom_bytes, is_ended: false }
    }

    /// Converts bytes at the start of `input`, appends them to `text`, and returns the number of bytes consumed.
    pub(crate) fn push(&mut self, input: &[u8], last: bool, text: &mut Vec<u8>) -> Result<usize, IngestError> {
        let skipped = self.skip.min(input.len());
        self.skip -= skipped;
        let end = input.len().min(skipped + CHUNK_BYTES);
        let (piece, is_last) = (&input[skipped..end], last && end == input.len());
        if self.encoding.is_utf8() {
            text.extend_from_slice(piece);
            return Ok(end);
        }
        if self.is_ended {
            return Ok(end);
        }
        let capacity = self.decoder.max_utf8_buffer_length_without_replacement(piece.len()).unwrap_or(CHUNK_BYTES * 4);
        let mut decoded = String::with_capacity(capacity);
        let (result, read) = self.decoder.decode_to_string_without_replacement(piece, &mut decoded, is_last);
        text.extend_from_slice(decoded.as_bytes());
        self.is_ended |= is_last;
        match result {
            DecoderResult::InputEmpty | DecoderResult::OutputFull => Ok(skipped + read),
            DecoderResult::Malformed(..) => {
                let error = IngestError::new(format!("the text is not valid {}", self.encoding.name()));
                Err(if self.encoding.is_utf16() { error } else { error.suggest("encoding", "latin1") })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8], label: Option<&str>, step: usize) -> Result<String, IngestError> {
        let mut source = TextSource::new(TextEncoding::detect(bytes, label)?);
        let (mut text, mut at) = (Vec::new(), 0);
        while at < bytes.len() {
            let end = (at + step).min(bytes.len());
            at += source.push(&bytes[at..end], end == bytes.len(), &mut text)?;
        }
        Ok(String::from_utf8(text).unwrap())
    }

    #[test]
    fn byte_order_marks_and_labels_choose_the_encoding() {
        let utf16: Vec<u8> = "\u{feff}a\u{b0},\u{1f600}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for step in [2, 3, 100] {
            assert_eq!(decoded(&utf16, None, step).as_deref(), Ok("a\u{b0},\u{1f600}"));
        }
        assert_eq!(decoded(b"\xef\xbb\xbfa", None, 9).as_deref(), Ok("a"));
        assert_eq!(decoded(b"a\xb0", Some("latin1"), 1).as_deref(), Ok("a\u{b0}"));
        assert!(decoded(b"a", Some("klingon"), 1).is_err());
    }
}
