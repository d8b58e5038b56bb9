//! Both ends of a file: the header that says whose it is, and the footer that says where everything lies.
//! Promises that a footer that decodes describes parts which adjoin and fill the file, and that its CRC speaks for header
//! and top page too. Must not read or write files.

use uuid::Uuid;

use super::dictionary::carries_keys;
use crate::bytes::{Extent, Flaw, Reader};
use crate::series::SeriesId;
use crate::version::{DyadicBox, FileId, Rectangle, SstMeta};

/// The newest format this release reads, and the one it writes.
pub(crate) const FORMAT_VERSION: u32 = 1;

pub(crate) const HEADER_MAGIC: [u8; 8] = *b"TSTRASST";
pub(crate) const FOOTER_MAGIC: [u8; 8] = *b"TSTRAEND";

/// Whose file it is. Its form is the same in every version, so that any release can name a newer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) version: u32,
    pub(super) uuid: Uuid,
    pub(super) id: FileId,
}

impl Header {
    pub(super) const LEN: usize = 40;

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(Self::LEN);
        out.extend_from_slice(&HEADER_MAGIC);
        out.extend_from_slice(&self.version.to_le_bytes());
        out.extend_from_slice(self.uuid.as_bytes());
        out.extend_from_slice(&self.id.get().to_le_bytes());
        close(&mut out);
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Flaw> {
        let mut reader = Reader::new(checked(bytes)?);
        if reader.array()? != HEADER_MAGIC {
            return Err(Flaw("it does not begin as an SST does"));
        }
        let version = reader.u32()?;
        let (uuid, id) = identity(&mut reader)?;
        if reader.is_empty() { Ok(Self { version, uuid, id }) } else { Err(Flaw("bytes trail the header")) }
    }
}

/// Everything about a file but its points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Footer {
    pub(super) blocks: Extent,
    pub(super) dictionary: Extent,
    pub(super) index: Extent,
    pub(super) top: Extent,
    pub(super) rectangle: Rectangle,
    pub(super) min_seq: u64,
    pub(super) max_seq: u64,
    pub(super) points: u64,
    pub(super) block_count: u64,
    pub(super) series: u64,
    pub(super) header_crc: u32,
    pub(super) top_crc: u32,
    pub(super) level: u8,
    pub(super) uuid: Uuid,
    pub(super) id: FileId,
}

/// Why a footer was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FooterError {
    Damaged(Flaw),
    /// Whole, and of a later format.
    Newer(u32),
}

impl From<Flaw> for FooterError {
    fn from(flaw: Flaw) -> Self {
        Self::Damaged(flaw)
    }
}

impl Footer {
    pub(super) const LEN: usize = 180;

    /// The footer's bytes; the last four are its CRC.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(Self::LEN);
        let mut word = |value: u64| out.extend_from_slice(&value.to_le_bytes());
        for part in [self.blocks, self.dictionary, self.index, self.top] {
            word(part.offset);
            word(part.len);
        }
        let Rectangle { first_series, last_series, first_time, last_time } = self.rectangle;
        let counts = [self.min_seq, self.max_seq, self.points, self.block_count, self.series];
        word(first_time.cast_unsigned());
        word(last_time.cast_unsigned());
        counts.into_iter().for_each(word);
        for half in [first_series.get(), last_series.get(), self.header_crc, self.top_crc] {
            out.extend_from_slice(&half.to_le_bytes());
        }
        // Level, flags, and two bytes kept at zero.
        out.extend_from_slice(&[self.level, self.flags(), 0, 0]);
        out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        out.extend_from_slice(self.uuid.as_bytes());
        out.extend_from_slice(&self.id.get().to_le_bytes());
        out.extend_from_slice(&FOOTER_MAGIC);
        close(&mut out);
        out
    }

    /// Decodes the last [`Footer::LEN`] bytes of a file of `file_len` bytes.
    pub(super) fn decode(bytes: &[u8], file_len: u64) -> Result<Self, FooterError> {
        let mut reader = Reader::new(checked(bytes)?);
        let [blocks, dictionary, index, top] = {
            let mut part = || Ok::<_, Flaw>(Extent { offset: reader.u64()?, len: reader.u64()? });
            [part()?, part()?, part()?, part()?]
        };
        let (first_time, last_time) = (reader.u64()?.cast_signed(), reader.u64()?.cast_signed());
        let (min_seq, max_seq) = (reader.u64()?, reader.u64()?);
        let (points, block_count, series) = (reader.u64()?, reader.u64()?, reader.u64()?);
        let (first_series, last_series) = (SeriesId::new(reader.u32()?), SeriesId::new(reader.u32()?));
        let (header_crc, top_crc) = (reader.u32()?, reader.u32()?);
        let [level, flags, zeros @ ..] = reader.array::<4>()?;
        let version = reader.u32()?;
        let (uuid, id) = identity(&mut reader)?;
        if reader.array()? != FOOTER_MAGIC || !reader.is_empty() {
            return Err(Flaw("it does not end as an SST does").into());
        }
        if version > FORMAT_VERSION {
            return Err(FooterError::Newer(version));
        }
        if version != FORMAT_VERSION || zeros != [0; 2] {
            return Err(Flaw("the footer's version is wrong").into());
        }
        let rectangle = Rectangle { first_series, last_series, first_time, last_time };
        let footer = Self {
            blocks,
            dictionary,
            index,
            top,
            rectangle,
            min_seq,
            max_seq,
            points,
            block_count,
            series,
            header_crc,
            top_crc,
            level,
            uuid,
            id,
        };
        if flags != footer.flags() {
            return Err(Flaw("the footer's flags do not suit its level").into());
        }
        footer.check(file_len)?;
        Ok(footer)
    }

    /// Bit 0: whole keys in the dictionary.
    fn flags(&self) -> u8 {
        u8::from(carries_keys(self.level))
    }

    fn check(&self, file_len: u64) -> Result<(), Flaw> {
        let mut end = Header::LEN as u64;
        for part in [self.blocks, self.dictionary, self.index, self.top] {
            if part.offset != end || part.len == 0 {
                return Err(Flaw("the footer's parts do not adjoin"));
            }
            end = part.end();
        }
        if end.checked_add(Self::LEN as u64) != Some(file_len) {
            return Err(Flaw("the footer's parts do not fill the file"));
        }
        let Rectangle { first_series, last_series, first_time, last_time } = self.rectangle;
        if first_series > last_series || first_time > last_time || self.min_seq > self.max_seq {
            return Err(Flaw("the footer's bounds are reversed"));
        }
        if self.series == 0 || self.block_count < self.series || self.points < self.block_count {
            return Err(Flaw("the footer's counts contradict each other"));
        }
        Ok(())
    }

    pub(super) fn file_len(&self) -> u64 {
        self.top.end() + Self::LEN as u64
    }

    /// The manifest's entry for this file, as far as the file knows: age and space are given at install.
    pub(super) fn meta(&self, footer_crc: u32) -> SstMeta {
        SstMeta {
            id: self.id,
            len: self.file_len(),
            footer_crc,
            rectangle: self.rectangle,
            min_seq: self.min_seq,
            max_seq: self.max_seq,
            points: self.points,
            blocks: self.block_count,
            series: self.series,
            level: self.level,
            age: 0,
            space: DyadicBox::ALL,
            origin: 0,
        }
    }
}

/// The CRC that ends a header's or footer's bytes.
pub(super) fn trailing_crc(bytes: &[u8]) -> u32 {
    bytes.last_chunk().map_or(0, |crc| u32::from_le_bytes(*crc))
}

/// Header and footer carry uuid and id themselves, so their CRC takes no salt: a foreign file can be told from a
/// damaged one.
fn close(out: &mut Vec<u8>) {
    let crc = crc32fast::hash(out);
    out.extend_from_slice(&crc.to_le_bytes());
}

fn checked(bytes: &[u8]) -> Result<&[u8], Flaw> {
    let (body, crc) = bytes.split_last_chunk().ok_or(Flaw("it is too short"))?;
    if u32::from_le_bytes(*crc) == crc32fast::hash(body) { Ok(body) } else { Err(Flaw("its checksum is wrong")) }
}

fn identity(reader: &mut Reader<'_>) -> Result<(Uuid, FileId), Flaw> {
    Ok((Uuid::from_bytes(reader.array()?), FileId::new(reader.u64()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn footer() -> Footer {
        let extent = |offset, len| Extent { offset, len };
        Footer {
            blocks: extent(40, 100),
            dictionary: extent(140, 20),
            index: extent(160, 30),
            top: extent(190, 10),
            rectangle: Rectangle {
                first_series: SeriesId::new(3),
                last_series: SeriesId::new(9),
                first_time: i64::MIN,
                last_time: i64::MAX,
            },
            min_seq: 5,
            max_seq: 6,
            points: 1000,
            block_count: 4,
            series: 2,
            header_crc: 11,
            top_crc: 12,
            level: 0,
            uuid: Uuid::from_u128(1),
            id: FileId::new(2),
        }
    }

    /// Encodes, lets the test alter the body, and mends the CRC.
    fn decode(footer: &Footer, alter: impl FnOnce(&mut [u8])) -> Result<Footer, FooterError> {
        let mut bytes = footer.encode();
        assert_eq!(bytes.len(), Footer::LEN);
        bytes.truncate(Footer::LEN - 4);
        alter(&mut bytes);
        close(&mut bytes);
        Footer::decode(&bytes, 380)
    }

    #[test]
    fn header_and_footer_come_back() {
        let header = Header { version: 1, uuid: Uuid::from_u128(9), id: FileId::new(8) };
        assert_eq!(header.encode().len(), Header::LEN);
        assert_eq!(Header::decode(&header.encode()), Ok(header));
        assert_eq!(decode(&footer(), |_| ()), Ok(footer()));
    }

    #[test]
    fn a_newer_version_is_told_and_an_unknown_flag_refused() {
        assert_eq!(decode(&footer(), |bytes| bytes[140] = 2), Err(FooterError::Newer(2)));
        // A flag that the level does not have, and a level without its flag.
        for at in [136, 137, 138, 139] {
            assert!(matches!(decode(&footer(), |bytes| bytes[at] = 1), Err(FooterError::Damaged(_))), "{at}");
        }
    }

    #[test]
    fn parts_that_leave_a_gap_or_counts_that_contradict_are_refused() {
        let alterations: [fn(&mut Footer); 6] = [
            |footer| footer.blocks.offset = 41,
            |footer| footer.index.len = u64::MAX,
            |footer| footer.top.len = 11,
            |footer| (footer.rectangle.first_time, footer.rectangle.last_time) = (5, 4),
            |footer| footer.series = 5,
            |footer| footer.max_seq = 4,
        ];
        for (number, alter) in alterations.into_iter().enumerate() {
            let mut altered = footer();
            alter(&mut altered);
            assert!(matches!(decode(&altered, |_| ()), Err(FooterError::Damaged(_))), "{number}");
        }
    }
}
