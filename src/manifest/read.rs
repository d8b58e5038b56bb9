//! The manifest as an opening finds it: the state that its sound edits add up to, and the bad end that there may be.

use uuid::Uuid;

use super::edit::read_edit;
use super::{EDIT, FULL, MAGIC, MANIFEST};
use crate::bytes::Extent;
use crate::bytes::Salt;
use crate::bytes::frame::Frames;
use crate::bytes::header::{HEADER_BYTES, Header};
use crate::env::{Dir, DirFile, Open};
use crate::error::Result;
use crate::version::{Durable, Edit};

/// What a manifest says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ManifestRead {
    pub(crate) uuid: Uuid,
    pub(crate) generation: u64,
    /// The sum of its sound records.
    pub(crate) durable: Durable,
    /// How many sound records it has.
    pub(crate) records: u64,
    /// What stands behind them and is not sound: a torn edit, or one that was damaged. Whether `durable` may stand
    /// without it follows from the WAL's floor and the files that exist.
    pub(crate) bad: Option<BadEdit>,
}

/// Where a bad last edit lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadEdit {
    pub(crate) offset: u64,
    /// Behind its last byte that is not zero.
    pub(crate) end: u64,
}

impl ManifestRead {
    /// Reads the manifest of a directory.
    ///
    /// # Errors
    /// `UnsupportedVersion` before anything else is looked at; `Corrupt` for a bad header, a bad first record, a bad
    /// record with a sound one behind it, or an edit that contradicts those before it.
    pub(crate) fn read(dir: &Dir) -> Result<Self> {
        let file = dir.open(MANIFEST, Open::Read)?;
        let header = Header::read(&file, MAGIC)?;
        Self::fold(file, &header, |_, _, _| ())
    }

    /// Adds up the records of a manifest, and shows each one's place, edit and sum to `seen`.
    pub(super) fn fold(file: DirFile, header: &Header, mut seen: impl FnMut(Extent, Edit, &Durable)) -> Result<Self> {
        let len = file.len()?;
        let mut frames = Frames::new(file, len, Salt::new(&MAGIC, header.uuid, header.id));
        let mut read =
            Self { uuid: header.uuid, generation: header.id, durable: Durable::default(), records: 0, bad: None };
        let mut offset = HEADER_BYTES as u64;
        while let Some((head, body)) = frames.read(offset)? {
            let kind = if read.records == 0 { FULL } else { EDIT };
            let applied = if (head.kind, head.order) == (kind, read.records) {
                read_edit(body).and_then(|edit| read.durable.apply(&edit).map(|()| edit))
            } else {
                Err(format!("record {} of kind {} as number {}", head.order, head.kind, read.records))
            };
            let edit = applied.map_err(|what| frames.file().corrupt(offset, what))?;
            seen(Extent { offset, len: head.frame_len() }, edit, &read.durable);
            read.records += 1;
            offset += head.frame_len();
        }
        read.bad = bad_end(&mut frames, offset, read.records)?;
        Ok(read)
    }
}

/// What stands behind the last sound record.
fn bad_end(frames: &mut Frames, offset: u64, records: u64) -> Result<Option<BadEdit>> {
    let rest = frames.rest(offset)?;
    if records == 0 {
        return Err(frames.file().corrupt(offset, "its first record, a full state, is bad"));
    }
    if let Some(later) = rest.head_at {
        // Each edit is synced before the next is written, so a torn one is the last.
        return Err(frames.file().corrupt(offset, format!("a bad record, and a sound one at byte {later}")));
    }
    Ok((rest.end > offset).then_some(BadEdit { offset, end: rest.end }))
}
