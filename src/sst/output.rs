//! The file under an SST's writer: gathers bytes, and knows what to remove until the file may stay.
//! Promises that a file is whole and durable under its name before anyone hears of it, and that what nobody keeps is
//! removed.
//! Must not know what the bytes mean.

use crate::bytes::Extent;
use crate::env::{Dir, DirFile, Open, SyncStep};
use crate::error::Result;
use crate::version::SstMeta;

/// Bytes gathered before they are written, unless memory is short: a system call's cost vanishes.
const BUFFER_BYTES: usize = 256 << 10;
/// Less than this is not worth a system call.
const LEAST_BUFFER_BYTES: usize = 16 << 10;

/// A file that is written from its begin to its end, and removed unless it is kept.
#[derive(Debug)]
pub(super) struct Output {
    file: DirFile,
    name: Unkept,
    pub(super) buffer: Vec<u8>,
    /// Written once it holds so many bytes.
    full_at: usize,
    /// Bytes of the file before the buffer.
    written: u64,
}

impl Output {
    pub(super) fn create(dir: &Dir, name: &str) -> Result<Self> {
        let file = dir.open(name, Open::Create)?;
        let name = Unkept { dir: dir.clone(), name: Some(name.to_owned()) };
        Ok(Self { file, name, buffer: Vec::new(), full_at: BUFFER_BYTES, written: 0 })
    }

    /// Writes after so many bytes already, within bounds.
    pub(super) fn write_after(&mut self, bytes: usize) {
        self.full_at = bytes.clamp(LEAST_BUFFER_BYTES, BUFFER_BYTES);
    }

    /// Where the next byte will stand.
    pub(super) fn position(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    pub(super) fn write_if_full(&mut self) -> Result<()> {
        if self.buffer.len() < self.full_at { Ok(()) } else { self.write() }
    }

    fn write(&mut self) -> Result<()> {
        self.file.write_at(self.written, &self.buffer)?;
        self.written = self.position();
        self.buffer.clear();
        // One large block among small ones must not hold its room until the file's end.
        self.buffer.shrink_to(2 * self.full_at);
        Ok(())
    }

    /// Appends a part, given piece by piece by what the part's offset begets.
    pub(super) fn part<Pieces: Iterator<Item = Vec<u8>>>(
        &mut self,
        pieces: impl FnOnce(u64) -> Pieces,
    ) -> Result<Extent> {
        let offset = self.position();
        for piece in pieces(offset) {
            self.buffer.extend_from_slice(&piece);
            self.write_if_full()?;
        }
        Ok(Extent { offset, len: self.position() - offset })
    }

    /// Makes the bytes durable and gives the file its name.
    pub(super) fn name_file(mut self, meta: SstMeta) -> Result<NamedSst> {
        self.write()?;
        // Survives power loss after the rename, which would else leave a whole name over half a file.
        self.file.sync(SyncStep::Sst)?;
        // A process killed before this leaves a temporary name only, which recovery deletes unread.
        self.name.rename(super::file_name(meta.id))?;
        Ok(NamedSst { meta, name: self.name })
    }
}

/// A name that is removed when this is dropped, unless the file is to stay.
#[derive(Debug)]
struct Unkept {
    dir: Dir,
    /// None once the file is to stay.
    name: Option<String>,
}

impl Unkept {
    fn rename(&mut self, to: String) -> Result<()> {
        if let Some(from) = &self.name {
            self.dir.rename(from, &to)?;
            self.name = Some(to);
        }
        Ok(())
    }
}

impl Drop for Unkept {
    fn drop(&mut self) {
        if let Some(name) = &self.name
            && let Err(error) = self.dir.remove(name)
        {
            // Recovery removes it: no edit names it.
            tracing::warn!(%error, "an unfinished SST stays until the database is opened again");
        }
    }
}

/// A whole SST whose name a power loss may still take. Dropped before [`keep_all`] has it, it is removed.
#[derive(Debug)]
pub(crate) struct NamedSst {
    meta: SstMeta,
    name: Unkept,
}

/// Makes the names of finished SSTs durable, all in one go. After an error none of the files is left.
pub(crate) fn keep_all(dir: &Dir, named: Vec<NamedSst>) -> Result<Vec<SstMeta>> {
    if named.is_empty() {
        return Ok(Vec::new());
    }
    // Survives power loss after the manifest's edit, which must not outlive the names it names.
    dir.sync(SyncStep::SstDirectory)?;
    let keep = |NamedSst { meta, mut name }| {
        name.name = None;
        meta
    };
    Ok(named.into_iter().map(keep).collect())
}
