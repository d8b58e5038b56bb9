//! The series log: every series of the database in the order of its making, too many to be rewritten with the manifest.
//! Only the bytes below the length that the manifest names count; all of them must be sound.

use uuid::Uuid;

use super::remove_leftover;
use crate::bytes::Salt;
use crate::bytes::frame::{self, Frames, Head};
use crate::bytes::header::{HEADER_BYTES, Header, Magic};
use crate::bytes::key::{MIN_KEY_BYTES, put_key, put_kind, read_key, read_kind};
use crate::bytes::{Decoded, Extent, Reader, put_varint};
use crate::env::{Dir, DirFile, Open, SyncStep};
use crate::error::{Error, Result};
use crate::series::{MAX_SERIES_IDS, SeriesDef, SeriesId};
use crate::sync::Arc;

/// The series log's name.
pub(crate) const SERIES_LOG: &str = "series.log";

pub(crate) const MAGIC: Magic = *b"tstraSER";
/// Definitions of series, dense by id from the head's `order` on.
const GROUP: u8 = 1;
/// Definitions in one group: 16 MiB even if each key is as long as it may be, and no memory to speak of otherwise.
const GROUP_DEFINITIONS: usize = 1024;
/// A type, the seq's distance and a key.
const MIN_DEFINITION_BYTES: usize = 2 + MIN_KEY_BYTES;

/// The series log as its writer holds it.
#[derive(Debug)]
pub(crate) struct SeriesLog {
    dir: Dir,
    uuid: Uuid,
    /// `None` until the first series is made.
    file: Option<DirFile>,
    /// Whether the directory is known to hold the file's name for good.
    named: bool,
    /// Behind the last group that was synced: what the next edit names.
    len: u64,
    next_id: u32,
    /// Why nothing may be written any more.
    dead: Option<String>,
}

impl SeriesLog {
    /// Opens the log to write behind its valid length, which holds so many series; what stands behind is cut off.
    pub(crate) fn open(dir: Dir, uuid: Uuid, valid_len: u64, series: u32) -> Result<Self> {
        let file = match valid_len {
            0 => None,
            len => {
                let file = open_checked(&dir, uuid, len, Open::Write)?;
                // No edit names what a crash left here; not synced, since it means nothing whether it stays or not.
                file.set_len(len)?;
                Some(file)
            }
        };
        Ok(Self { dir, uuid, named: file.is_some(), file, len: valid_len, next_id: series, dead: None })
    }

    /// Makes definitions durable, in the order of their ids, and returns the length for the edit to name.
    ///
    /// # Errors
    /// Nothing changed that counts: no edit names the new length. After a failed sync the log is dead.
    pub(crate) fn append(&mut self, definitions: &[Arc<SeriesDef>]) -> Result<u64> {
        if let Some(reason) = &self.dead {
            return Err(Error::ReadOnly { reason: reason.clone() });
        }
        if definitions.is_empty() {
            return Ok(self.len);
        }
        let file = match self.file.take() {
            Some(file) => file,
            None => create(&self.dir, self.uuid)?,
        };
        let file = self.file.insert(file);
        let salt = Salt::new(&MAGIC, self.uuid, 0);
        let mut len = self.len.max(HEADER_BYTES as u64);
        let mut bytes = Vec::new();
        for (group, first) in definitions.chunks(GROUP_DEFINITIONS).zip((self.next_id..).step_by(GROUP_DEFINITIONS)) {
            bytes.clear();
            let head = Head::new(GROUP, u64::from(first), 0);
            frame::put(&mut bytes, salt, len, head, |out| put_group(out, group, first))?;
            file.write_at(len, &bytes)?;
            len += bytes.len() as u64;
        }
        // Survives power loss after the edit and the cut of the WAL: points of these series would have no key.
        let mut synced = file.sync(SyncStep::SeriesLog);
        if synced.is_ok() && !self.named {
            // Survives power loss after the edit: without it the log may vanish with its name.
            synced = self.dir.sync(SyncStep::SeriesLogDirectory);
        }
        if let Err(error) = synced {
            self.dead = Some(error.to_string());
            return Err(error);
        }
        self.named = true;
        self.next_id = definitions.last().map_or(self.next_id, |last| last.id.get() + 1);
        self.len = len;
        Ok(len)
    }

    /// The definitions below the valid length, by id from 0.
    ///
    /// # Errors
    /// `Corrupt` for anything bad below the valid length: every byte there was synced before an edit named it.
    pub(crate) fn read(dir: &Dir, uuid: Uuid, valid_len: u64) -> Result<Vec<SeriesDef>> {
        let mut definitions = Vec::new();
        if valid_len == 0 {
            return Ok(definitions);
        }
        let file = open_checked(dir, uuid, valid_len, Open::Read)?;
        let mut frames = Frames::new(file, valid_len, Salt::new(&MAGIC, uuid, 0));
        match read_groups(&mut frames, &mut definitions, |_, _| ())? {
            (_, None) => Ok(definitions),
            (offset, Some(what)) => Err(frames.file().corrupt(offset, what)),
        }
    }
}

/// Reads the groups up to the end of the frames, showing each one's place and how many definitions there are then; tells
/// where they end, and what is wrong if that is before the end.
pub(super) fn read_groups(
    frames: &mut Frames,
    definitions: &mut Vec<SeriesDef>,
    mut seen: impl FnMut(Extent, usize),
) -> Result<(u64, Option<String>)> {
    let mut offset = HEADER_BYTES as u64;
    while offset < frames.len() {
        let next = definitions.len();
        let decoded = match frames.read(offset)? {
            None => Err("a bad group of series definitions".to_owned()),
            Some((head, body)) if (head.kind, head.order) == (GROUP, next as u64) => {
                read_group(body, definitions).map(|()| head.frame_len())
            }
            Some((head, _)) => Err(format!("series {} where {next} must follow", head.order)),
        };
        match decoded {
            Ok(len) => {
                seen(Extent { offset, len }, definitions.len());
                offset += len;
            }
            Err(what) => return Ok((offset, Some(what))),
        }
    }
    Ok((offset, None))
}

fn create(dir: &Dir, uuid: Uuid) -> Result<DirFile> {
    // A log that no edit names yet: a crash, or a failed append, left it.
    remove_leftover(dir, SERIES_LOG)?;
    let file = dir.open(SERIES_LOG, Open::Create)?;
    file.write_at(0, &Header::new(uuid, 0).to_bytes(MAGIC))?;
    Ok(file)
}

fn open_checked(dir: &Dir, uuid: Uuid, valid_len: u64, how: Open) -> Result<DirFile> {
    let file = dir.open(SERIES_LOG, how)?;
    Header::read_own(&file, MAGIC, uuid)?;
    let found = file.len()?;
    if found < valid_len || valid_len < HEADER_BYTES as u64 {
        return Err(file.corrupt(found, format!("it ends here; the manifest says {valid_len} bytes")));
    }
    Ok(file)
}

fn put_group(out: &mut Vec<u8>, definitions: &[Arc<SeriesDef>], first: u32) {
    put_varint(out, definitions.len() as u64);
    let mut seq = 0;
    for (definition, id) in definitions.iter().zip(first..) {
        assert_eq!(definition.id.get(), id, "series ids are dense: a gap is damage to every later opening");
        assert!(definition.seq >= seq, "series are made in the order of their ids");
        put_kind(out, definition.ty, definition.duplicates);
        put_varint(out, definition.seq - seq);
        put_key(out, &definition.key);
        seq = definition.seq;
    }
}

fn read_group(body: &[u8], definitions: &mut Vec<SeriesDef>) -> Decoded<()> {
    let mut reader = Reader::new(body);
    let mut seq = 0_u64;
    for _ in 0..reader.count(MIN_DEFINITION_BYTES)? {
        let id = u32::try_from(definitions.len()).ok().filter(|id| *id < MAX_SERIES_IDS);
        let id = id.ok_or("more series than there are ids")?;
        let (ty, duplicates) = read_kind(&mut reader)?;
        seq = seq.checked_add(reader.varint()?).ok_or("a seq beyond 64 bits")?;
        if definitions.last().is_some_and(|before| before.seq > seq) {
            return Err(format!("series {id} is older than the one before it"));
        }
        definitions.push(SeriesDef { id: SeriesId::new(id), key: read_key(&mut reader)?, ty, duplicates, seq });
    }
    Ok(reader.finish()?)
}
