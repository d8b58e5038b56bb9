//! The reading end of the log: the records of one segment, in order, and how it ends.
//! It promises that a bad byte is either damage with a name or, in the last segment, a tail that the rule forgives;
//! it changes nothing and does not decide which segments count.

use uuid::Uuid;

use super::header::{RECORDS_AT, SegmentEnd, SegmentHeader};
use super::record::{COMMIT, DELETE, Decoder, MARK};
use super::{LogRecord, segment_name};
use crate::bytes::frame::{Frames, HEAD_BYTES, Head};
use crate::env::{Dir, DirFile, Open};
use crate::error::Result;
use crate::version::FileId;

/// How a segment ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    /// Where its successor says.
    Sealed,
    /// Where the last group ended; behind it are zeros, or what a recycled file held before.
    Clean { offset: u64 },
    /// At a bad record that nothing vouches for: it and all behind it are dropped. Whoever goes on keeps the bytes
    /// from `offset` to `end` aside and says so.
    Torn {
        offset: u64,
        /// Behind the last byte that is not zero.
        end: u64,
    },
}

/// What reading a whole segment told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentRead {
    pub(crate) header: SegmentHeader,
    /// The seq of its last record, or of the last one before it if it holds none.
    pub(crate) last_seq: u64,
    pub(crate) tail: Tail,
}

/// Reads a segment record by record, with the memory of the largest one.
#[derive(Debug)]
pub(crate) struct SegmentReader {
    header: SegmentHeader,
    end: SegmentEnd,
    frames: Frames,
    /// Where the next record begins, if there is one.
    offset: u64,
    last_seq: u64,
    /// The greatest offset that any record read so far vouches for.
    vouched_to: u64,
    tail: Option<Tail>,
    decoder: Decoder,
}

/// What stands at a place of a segment.
#[derive(Debug)]
pub(super) enum Step<'a> {
    Record(Entry<'a>),
    End(Tail),
}

/// One record with its place; a mark has no `commit`.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub(super) offset: u64,
    pub(super) head: Head,
    pub(super) commit: Option<LogRecord<'a>>,
}

impl SegmentReader {
    /// Opens a segment of this database and reads its header.
    ///
    /// # Errors
    /// As [`SegmentHeader::read`]; `Corrupt` if the file ends before its seal.
    pub(crate) fn open(dir: &Dir, uuid: Uuid, id: FileId, end: SegmentEnd) -> Result<Self> {
        let file = dir.open(&segment_name(id), Open::Read)?;
        let header = SegmentHeader::of(&file, uuid, id)?;
        Self::new(file, header, end)
    }

    pub(super) fn new(file: DirFile, header: SegmentHeader, end: SegmentEnd) -> Result<Self> {
        let found = file.len()?;
        let len = match end {
            SegmentEnd::Last => found,
            SegmentEnd::Sealed { len, .. } if len > found => {
                return Err(file.corrupt(found, format!("it ends here; its successor says {len} bytes")));
            }
            SegmentEnd::Sealed { len, .. } => len,
        };
        let frames = Frames::new(file, len, header.salt());
        let last_seq = header.seal.last_seq;
        let (vouched_to, decoder) = (RECORDS_AT, Decoder::default());
        Ok(Self { header, end, frames, offset: RECORDS_AT, last_seq, vouched_to, tail: None, decoder })
    }

    #[cfg(test)]
    pub(crate) fn header(&self) -> &SegmentHeader {
        &self.header
    }

    /// The next commit, or `None` at the segment's end, which [`finish`](Self::finish) then describes.
    ///
    /// # Errors
    /// `Corrupt`: what came before is sound, and nothing behind may be used.
    pub(crate) fn next(&mut self) -> Result<Option<LogRecord<'_>>> {
        loop {
            match self.step()? {
                Step::Record(entry) if entry.commit.is_some() => break,
                Step::Record(_) => {}
                Step::End(_) => return Ok(None),
            }
        }
        Ok(Some(self.decoder.record(self.last_seq)))
    }

    /// How the segment ended, once `next` said that it did.
    pub(crate) fn finish(&self) -> Option<SegmentRead> {
        self.tail.map(|tail| self.read_to(tail))
    }

    /// 20: a damaged record is passed over, and so is the gap it leaves.
    #[cfg(feature = "planted")]
    fn skip_damaged(&mut self, offset: u64) -> Result<u64> {
        if crate::planted::is("damaged_record_is_skipped") && self.frames.read(offset)?.is_none() {
            self.offset = self.frames.rest(offset)?.head_at.unwrap_or(offset);
            return Ok(self.offset);
        }
        Ok(offset)
    }

    fn read_to(&self, tail: Tail) -> SegmentRead {
        SegmentRead { header: self.header, last_seq: self.last_seq, tail }
    }

    /// The next record of any kind, or the end.
    pub(super) fn step(&mut self) -> Result<Step<'_>> {
        if let Some(tail) = self.tail {
            return Ok(Step::End(tail));
        }
        let offset = self.offset;
        #[cfg(feature = "planted")]
        let offset = self.skip_damaged(offset)?;
        let Some((head, body)) = self.frames.read(offset)? else {
            let tail = self.end_here()?;
            self.tail = Some(tail);
            return Ok(Step::End(tail));
        };
        let expected = if head.kind == MARK { self.last_seq } else { self.last_seq.wrapping_add(1) };
        let commit = match head.kind {
            #[cfg(feature = "planted")]
            _ if head.order != expected && crate::planted::is("damaged_record_is_skipped") => {
                self.decoder.commit(head.order, body).map(Some)
            }
            _ if head.order != expected => Err(format!("seq {} where {expected} must follow", head.order)),
            _ if head.synced_to > offset => Err("it claims that bytes behind it were synced".to_owned()),
            COMMIT => self.decoder.commit(head.order, body).map(Some),
            DELETE => self.decoder.delete(head.order, body).map(Some),
            MARK if body.is_empty() => Ok(None),
            kind => Err(format!("a record of kind {kind} and {} bytes", body.len())),
        };
        let commit = match commit {
            Ok(commit) => commit,
            Err(what) => return Err(self.frames.file().corrupt(offset, what)),
        };
        self.offset += head.frame_len();
        self.last_seq = head.order;
        self.vouched_to = self.vouched_to.max(head.synced_to);
        Ok(Step::Record(Entry { offset, head, commit }))
    }

    /// No sound record begins here: the segment's end, or damage.
    fn end_here(&mut self) -> Result<Tail> {
        let SegmentEnd::Sealed { len, last_seq } = self.end else { return self.tail_rule() };
        #[cfg(feature = "planted")]
        if crate::planted::is("hole_is_crossed") {
            return Ok(Tail::Sealed);
        }
        if self.offset < len {
            return Err(self.corrupt("a bad record in a segment that was sealed behind it"));
        }
        if self.last_seq != last_seq {
            let what = format!("its last seq is {}, its successor says {last_seq}", self.last_seq);
            return Err(self.corrupt(what));
        }
        Ok(Tail::Sealed)
    }

    /// A bad record in the last segment is forgiven if and only if no sound one, before or after it, says that the
    /// bytes at its offset were synced.
    fn tail_rule(&mut self) -> Result<Tail> {
        let offset = self.offset;
        let rest = self.frames.rest(offset)?;
        #[cfg(feature = "planted")]
        if crate::planted::is("vouched_record_is_forgiven") {
            return Ok(Tail::Torn { offset, end: rest.end });
        }
        if self.vouched_to.max(rest.synced_to) > offset {
            return Err(self.corrupt("a bad record, and another says that it was synced"));
        }
        // Header and groups end with a head of zeros. Where the file is too short for it, something was cut off: of a
        // header it was synced; of a group the sync may have been under way.
        let cut = self.frames.len() < offset + HEAD_BYTES as u64;
        if cut && offset == RECORDS_AT {
            return Err(self.corrupt("it ends before the zeros that were synced with its header"));
        }
        if rest.end == offset {
            return Ok(if cut { Tail::Torn { offset, end: offset } } else { Tail::Clean { offset } });
        }
        // Every group ends with a head of zeros. In a recycled file they may be all that tells its end from the
        // former life behind it; but a record of this life, or bytes where there was none, come from a torn write.
        let ended = self.frames.is_zero_head(offset)?;
        let clean = ended && rest.head_at.is_none() && rest.end <= self.header.stale_to;
        Ok(if clean { Tail::Clean { offset } } else { Tail::Torn { offset, end: rest.end } })
    }

    fn corrupt(&self, what: impl Into<String>) -> crate::Error {
        self.frames.file().corrupt(self.offset, what)
    }
}

/// Reads a whole segment and shows each commit to `visit`, whose error ends it.
pub(crate) fn read_segment(
    dir: &Dir,
    uuid: Uuid,
    id: FileId,
    end: SegmentEnd,
    mut visit: impl FnMut(LogRecord<'_>) -> Result<()>,
) -> Result<SegmentRead> {
    let mut reader = SegmentReader::open(dir, uuid, id, end)?;
    loop {
        match reader.step()? {
            Step::Record(entry) => entry.commit.map_or(Ok(()), &mut visit)?,
            Step::End(tail) => return Ok(reader.read_to(tail)),
        }
    }
}
