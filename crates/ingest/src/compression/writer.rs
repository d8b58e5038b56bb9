//! Compression of an output.

use std::io::{self, Write};

use flate2::write::GzEncoder;

use super::Compression;

/// Level of zstd: its default.
const ZSTD_LEVEL: i32 = 3;

/// Writer that compresses what is written to it.
///
/// ```
/// use std::io::{Read, Write};
/// use timestrata_ingest::{CompressedWriter, Compression, Decompressor};
///
/// let mut writer = CompressedWriter::new(Vec::new(), Compression::of_file_name("points.csv.gz"))?;
/// writer.write_all(b"time,v\n")?;
/// let bytes = writer.finish()?;
/// let mut text = String::new();
/// Decompressor::new(&bytes[..], u64::MAX)?.read_to_string(&mut text)?;
/// assert_eq!(text, "time,v\n");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct CompressedWriter<W: Write>(CodecWriter<W>);

enum CodecWriter<W: Write> {
    Plain(W),
    Gzip(GzEncoder<W>),
    Zstd(zstd::Encoder<'static, W>),
}

impl<W: Write> CompressedWriter<W> {
    /// Creates a writer; without a compression the bytes are written as they are.
    ///
    /// # Errors
    ///
    /// For snappy, whose block format is no stream, and if the compressor has no memory.
    pub fn new(out: W, compression: Option<Compression>) -> io::Result<Self> {
        Ok(Self(match compression {
            None => CodecWriter::Plain(out),
            Some(Compression::Gzip) => CodecWriter::Gzip(GzEncoder::new(out, flate2::Compression::default())),
            Some(Compression::Zstd) => CodecWriter::Zstd(zstd::Encoder::new(out, ZSTD_LEVEL)?),
            Some(Compression::Snappy) => {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "a stream cannot be compressed with snappy"));
            }
        }))
    }

    /// Writes the end of the compressed stream, and returns the output.
    ///
    /// # Errors
    ///
    /// Those of the output.
    pub fn finish(self) -> io::Result<W> {
        match self.0 {
            CodecWriter::Plain(out) => Ok(out),
            CodecWriter::Gzip(encoder) => encoder.finish(),
            CodecWriter::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl<W: Write> Write for CompressedWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            CodecWriter::Plain(out) => out.write(bytes),
            CodecWriter::Gzip(encoder) => encoder.write(bytes),
            CodecWriter::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            CodecWriter::Plain(out) => out.flush(),
            CodecWriter::Gzip(encoder) => encoder.flush(),
            CodecWriter::Zstd(encoder) => encoder.flush(),
        }
    }
}
