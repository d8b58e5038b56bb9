//! A file seen through one moving buffer, so that reading a log takes the memory of its largest record, not of its file.

use crate::env::DirFile;
use crate::error::Result;

/// Read at once: enough that a call costs nothing beside its bytes.
const READ_AHEAD: u64 = 1 << 20;

/// The first `len` bytes of a file, for reading.
#[derive(Debug)]
pub(crate) struct Window {
    file: DirFile,
    /// Nothing at or beyond it is ever read.
    len: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl Window {
    pub(crate) fn new(file: DirFile, len: u64) -> Self {
        Self { file, len, start: 0, bytes: Vec::new() }
    }

    pub(crate) fn file(&self) -> &DirFile {
        &self.file
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// The bytes from an offset on, at most `wanted` of them: fewer at the window's end.
    pub(crate) fn bytes(&mut self, offset: u64, wanted: u64) -> Result<&[u8]> {
        let end = self.len.min(offset.saturating_add(wanted));
        if end <= offset {
            return Ok(&[]);
        }
        if offset < self.start || end > self.start + self.bytes.len() as u64 {
            self.fill(offset, self.len.min(end.max(offset.saturating_add(READ_AHEAD))))?;
        }
        let (from, to) = (index(offset - self.start), index(end - self.start));
        Ok(&self.bytes[from..to])
    }

    fn fill(&mut self, offset: u64, end: u64) -> Result<()> {
        // Emptied first, so that a failed read leaves no bytes that look like the file's.
        self.bytes.clear();
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.resize(index(end - offset), 0);
        self.file.read_at(offset, &mut bytes)?;
        (self.start, self.bytes) = (offset, bytes);
        Ok(())
    }
}

/// A distance inside the buffer. It fits: the buffer holds a record or a read-ahead, both far below 4 GiB.
fn index(distance: u64) -> usize {
    usize::try_from(distance).unwrap_or(usize::MAX)
}
