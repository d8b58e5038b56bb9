//! A file that is read through one moving buffer.
//!
//! Reading a log needs memory for its largest record, not for the whole file.

use crate::platform::env::OpenFile;
use crate::types::error::Result;

/// Minimum number of bytes per read, unless the file ends before.
///
/// For so many bytes the cost of the system call itself is negligible.
const LOG_READ_AHEAD_BYTES: u64 = 1 << 20;

/// Buffered reader of the first `len` bytes of a file.
#[derive(Debug)]
pub(crate) struct BufferedFile {
    file: OpenFile,
    /// Number of bytes that may be read, from the start of the file.
    len: u64,
    /// File offset of the buffer.
    buffer_offset: u64,
    buffer: Vec<u8>,
}

impl BufferedFile {
    pub(crate) fn new(file: OpenFile, len: u64) -> Self {
        Self { file, len, buffer_offset: 0, buffer: Vec::new() }
    }

    pub(crate) fn file(&self) -> &OpenFile {
        &self.file
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Measures the file again and empties the buffer: another process may have written to the file.
    pub(crate) fn reload(&mut self) -> Result<()> {
        self.release_buffer();
        self.len = self.file.len()?;
        Ok(())
    }

    /// Frees the buffer.
    pub(crate) fn release_buffer(&mut self) {
        self.buffer = Vec::new();
    }

    /// Returns up to `max_len` bytes from an offset on; fewer only at the end, none behind it.
    pub(crate) fn bytes(&mut self, offset: u64, max_len: u64) -> Result<&[u8]> {
        let end = self.len.min(offset.saturating_add(max_len));
        if end <= offset {
            return Ok(&[]);
        }
        if offset < self.buffer_offset || end > self.buffer_offset + self.buffer.len() as u64 {
            self.fill(offset, self.len.min(end.max(offset.saturating_add(LOG_READ_AHEAD_BYTES))))?;
        }
        let end = end.min(self.buffer_offset + self.buffer.len() as u64).max(offset);
        let (from, to) = (buffer_index(offset - self.buffer_offset), buffer_index(end - self.buffer_offset));
        Ok(&self.buffer[from..to])
    }

    /// Replaces the buffer by the bytes from `offset` to `end`, or to the end of a file that has become shorter.
    ///
    /// A process that closes the database cuts off the unused end of its log while another process reads it.
    fn fill(&mut self, offset: u64, end: u64) -> Result<()> {
        // The buffer is emptied first, so that no wrong bytes are in it after a failed read.
        self.buffer.clear();
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.resize(buffer_index(end - offset), 0);
        if let Err(error) = self.file.read_at(offset, &mut buffer) {
            let len = self.file.len()?;
            if len >= end {
                return Err(error);
            }
            self.len = len;
            buffer.truncate(buffer_index(len.saturating_sub(offset)));
            self.file.read_at(offset, &mut buffer)?;
        }
        (self.buffer_offset, self.buffer) = (offset, buffer);
        Ok(())
    }
}

/// Converts a distance inside the buffer to an index.
///
/// The distance always fits: the buffer holds one record or one read-ahead, both far below 4 GiB.
fn buffer_index(distance: u64) -> usize {
    usize::try_from(distance).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::bytes::temp;
    use crate::platform::env::OpenMode;

    #[test]
    fn a_file_that_becomes_shorter_ends_earlier() {
        let (_temp, dir) = temp();
        let file = dir.open("log", OpenMode::Create).unwrap();
        file.write_at(0, &[1; 100]).unwrap();
        let mut buffered = BufferedFile::new(dir.open("log", OpenMode::Read).unwrap(), 100);
        file.set_len(40).unwrap();
        assert_eq!(buffered.bytes(10, 50).unwrap(), [1; 30]);
        assert_eq!(buffered.bytes(50, 10).unwrap(), [0; 0]);
        buffered.reload().unwrap();
        assert_eq!(buffered.len(), 40);
        // Cut below the offset that is read.
        let mut buffered = BufferedFile::new(dir.open("log", OpenMode::Read).unwrap(), 40);
        file.set_len(5).unwrap();
        assert_eq!(buffered.bytes(10, 10).unwrap(), [0; 0]);
    }
}
