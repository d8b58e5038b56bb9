//! Decompression of a stream.

use std::io::{self, BufReader, Chain, Cursor, ErrorKind, Read};

use flate2::bufread::MultiGzDecoder;
use zstd::stream::read::Decoder as ZstdDecoder;

use super::{Compression, nested, too_large};
use crate::IngestError;

/// Largest window of a zstd frame, as a power of two: 128 MiB, which the decoder allocates.
const MAX_ZSTD_WINDOW_LOG: u32 = 27;

/// Reader that decompresses gzip and zstd by their first bytes, and passes other inputs unchanged.
///
/// A read fails with [`ErrorKind::UnexpectedEof`] if the compressed input is cut off, and with
/// [`ErrorKind::InvalidData`] if it is damaged, holds another compressed input, or exceeds the limit; the error then
/// holds an [`IngestError`]. The memory is bounded: 64 KiB for gzip, the window of the frame (at most 128 MiB) for zstd.
///
/// ```
/// use std::io::Read;
/// use timestrata_ingest::Decompressor;
///
/// let mut text = String::new();
/// Decompressor::new(&b"time,v\n"[..], u64::MAX)?.read_to_string(&mut text)?;
/// assert_eq!(text, "time,v\n");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Decompressor<R: Read> {
    inner: CodecReader<R>,
    limit: u64,
    /// Bytes returned so far.
    len: u64,
    /// First bytes returned, to recognize an input that is compressed twice.
    head: Vec<u8>,
}

/// Input with the first bytes put back.
type Source<R> = BufReader<Chain<Cursor<Vec<u8>>, R>>;

enum CodecReader<R: Read> {
    Plain(Source<R>),
    Gzip(Box<MultiGzDecoder<Source<R>>>),
    Zstd(Box<ZstdDecoder<'static, Source<R>>>),
}

impl<R: Read> Decompressor<R> {
    /// Reads the first bytes of an input; at most `limit` bytes will come out.
    ///
    /// # Errors
    ///
    /// If the input cannot be read.
    pub fn new(mut input: R, limit: u64) -> io::Result<Self> {
        let mut head = Vec::with_capacity(Compression::MAGIC_BYTES);
        input.by_ref().take(Compression::MAGIC_BYTES as u64).read_to_end(&mut head)?;
        let compression = Compression::detect(&head);
        let source = BufReader::with_capacity(1 << 16, Cursor::new(head).chain(input));
        let inner = match compression {
            Some(Compression::Gzip) => CodecReader::Gzip(Box::new(MultiGzDecoder::new(source))),
            Some(Compression::Zstd) => {
                let mut decoder = ZstdDecoder::with_buffer(source)?;
                decoder.window_log_max(MAX_ZSTD_WINDOW_LOG)?;
                CodecReader::Zstd(Box::new(decoder))
            }
            Some(Compression::Snappy) | None => CodecReader::Plain(source),
        };
        Ok(Self { inner, limit, len: 0, head: Vec::new() })
    }

    /// Returns the compression of the input; `None` if there is none.
    #[must_use]
    pub fn compression(&self) -> Option<Compression> {
        match &self.inner {
            CodecReader::Plain(_) => None,
            CodecReader::Gzip(_) => Some(Compression::Gzip),
            CodecReader::Zstd(_) => Some(Compression::Zstd),
        }
    }

    fn check(&mut self, bytes: &[u8]) -> Result<(), IngestError> {
        self.len += bytes.len() as u64;
        if self.len > self.limit {
            return Err(too_large(self.limit));
        }
        let Some(outer) = self.compression() else {
            return Ok(());
        };
        let missing = Compression::MAGIC_BYTES.saturating_sub(self.head.len());
        if missing > 0 {
            self.head.extend(bytes.iter().take(missing));
            if let Some(inner) = Compression::detect(&self.head) {
                return Err(nested(outer, inner));
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for Decompressor<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let result = match &mut self.inner {
            CodecReader::Plain(reader) => reader.read(buffer),
            CodecReader::Gzip(reader) => reader.read(buffer).map_err(|error| described(error, Compression::Gzip)),
            CodecReader::Zstd(reader) => reader.read(buffer).map_err(|error| described(error, Compression::Zstd)),
        };
        let len = result?;
        self.check(&buffer[..len]).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        Ok(len)
    }
}

/// Says in the words of this crate what is wrong with a compressed input; other errors stay.
fn described(error: io::Error, compression: Compression) -> io::Error {
    let name = compression.as_str();
    match error.kind() {
        ErrorKind::UnexpectedEof => {
            io::Error::new(ErrorKind::UnexpectedEof, IngestError::new(format!("the {name} input is cut off")))
        }
        ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::Other => {
            let message = format!("the {name} input is damaged: {error}");
            io::Error::new(ErrorKind::InvalidData, IngestError::new(message))
        }
        _ => error,
    }
}
