//! Header and footer of an SST.
//!
//! The header identifies the file. The footer locates the parts and repeats the identity. The CRC of the footer, which
//! the manifest stores, identifies the content of the file.
//!
//! Invariants:
//! - The parts of a decoded footer adjoin and fill the file.
//! - The footer's CRC covers the CRC of the header and the checksum of the top page.
//! - The header has the same form in every format version, so that each release can recognize a newer file.

use uuid::Uuid;

use super::dictionary::stores_full_keys;
use crate::format::bytes::{ByteReader, DecodeError, Extent};
use crate::state::file_id::FileId;
use crate::state::rectangle::Rectangle;
use crate::state::version::{DyadicBox, SstMeta};
use crate::types::series::SeriesId;
use crate::types::time_range::TimeRange;

/// The format version that this release reads and writes.
///
/// Files of version 1 had a block for each series, however few points it had. Those of version 2 had a column for the times
/// of every block, statistics of doubles as their bits, no words of digits, and no corrected and distinct columns.
pub(crate) const SST_FORMAT_VERSION: u32 = 3;

/// First bytes of the header.
pub(crate) const SST_HEADER_MAGIC: [u8; 8] = *b"TSTRASST";
/// Last bytes of the footer before its CRC.
pub(crate) const SST_FOOTER_MAGIC: [u8; 8] = *b"TSTRAEND";

/// Identity of a file: format version, database and file id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SstHeader {
    pub(crate) version: u32,
    pub(crate) uuid: Uuid,
    pub(crate) id: FileId,
}

impl SstHeader {
    /// Length in bytes.
    pub(crate) const LEN: usize = 40;

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(Self::LEN);
        out.extend_from_slice(&SST_HEADER_MAGIC);
        out.extend_from_slice(&self.version.to_le_bytes());
        out.extend_from_slice(self.uuid.as_bytes());
        out.extend_from_slice(&self.id.get().to_le_bytes());
        append_crc(&mut out);
        out
    }

    /// Decodes a header of any format version; the caller checks the version.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = ByteReader::new(split_checked_crc(bytes)?);
        if reader.array()? != SST_HEADER_MAGIC {
            return Err(DecodeError("it does not begin with the magic of an SST"));
        }
        let version = reader.u32()?;
        let (uuid, id) = read_uuid_and_id(&mut reader)?;
        if reader.is_empty() { Ok(Self { version, uuid, id }) } else { Err(DecodeError("the header has extra bytes")) }
    }
}

/// Footer of a file: extents of the parts, bounds and counts of the points, and identity of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SstFooter {
    pub(crate) blocks: Extent,
    pub(crate) dictionary: Extent,
    pub(crate) index: Extent,
    pub(crate) top_page: Extent,
    pub(crate) rectangle: Rectangle,
    /// Range of seqs, with the meaning of the fields of `SstMeta`.
    pub(crate) min_seq: u64,
    pub(crate) max_seq: u64,
    pub(crate) point_count: u64,
    pub(crate) block_count: u64,
    pub(crate) series_count: u64,
    pub(crate) header_crc: u32,
    pub(crate) top_page_crc: u32,
    pub(crate) level: u8,
    pub(crate) uuid: Uuid,
    pub(crate) id: FileId,
}

/// Returns `true` for a version that another release writes. Version 0 does not exist.
pub(crate) fn is_other_version(version: u32) -> bool {
    version != SST_FORMAT_VERSION && version != 0
}

/// Reason why a footer is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FooterError {
    Corrupt(DecodeError),
    /// The footer is intact, but has this other format version.
    UnsupportedVersion(u32),
}

impl From<DecodeError> for FooterError {
    fn from(error: DecodeError) -> Self {
        Self::Corrupt(error)
    }
}

impl SstFooter {
    /// Length in bytes.
    pub(crate) const LEN: usize = 180;

    /// Encodes the footer; the last four bytes are its CRC.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(Self::LEN);
        let mut word = |value: u64| out.extend_from_slice(&value.to_le_bytes());
        for part in [self.blocks, self.dictionary, self.index, self.top_page] {
            word(part.offset);
            word(part.len);
        }
        let Rectangle { first_series, last_series, times } = self.rectangle;
        let counts = [self.min_seq, self.max_seq, self.point_count, self.block_count, self.series_count];
        word(times.first().cast_unsigned());
        word(times.last().cast_unsigned());
        counts.into_iter().for_each(word);
        for word in [first_series.get(), last_series.get(), self.header_crc, self.top_page_crc] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        // Level, flags, and two reserved bytes.
        out.extend_from_slice(&[self.level, self.flags(), 0, 0]);
        out.extend_from_slice(&SST_FORMAT_VERSION.to_le_bytes());
        out.extend_from_slice(self.uuid.as_bytes());
        out.extend_from_slice(&self.id.get().to_le_bytes());
        out.extend_from_slice(&SST_FOOTER_MAGIC);
        append_crc(&mut out);
        out
    }

    /// Decodes the last [`SstFooter::LEN`] bytes of a file of `file_len` bytes.
    pub(crate) fn decode(bytes: &[u8], file_len: u64) -> Result<Self, FooterError> {
        let mut reader = ByteReader::new(split_checked_crc(bytes)?);
        let [blocks, dictionary, index, top] = {
            let mut part = || Ok::<_, DecodeError>(Extent { offset: reader.u64()?, len: reader.u64()? });
            [part()?, part()?, part()?, part()?]
        };
        let (first_time, last_time) = (reader.u64()?.cast_signed(), reader.u64()?.cast_signed());
        let (min_seq, max_seq) = (reader.u64()?, reader.u64()?);
        let (points, block_count, series) = (reader.u64()?, reader.u64()?, reader.u64()?);
        let (first_series, last_series) = (SeriesId::new(reader.u32()?), SeriesId::new(reader.u32()?));
        let (header_crc, top_page_crc) = (reader.u32()?, reader.u32()?);
        let [level, flags, zeros @ ..] = reader.array::<4>()?;
        let version = reader.u32()?;
        let (uuid, id) = read_uuid_and_id(&mut reader)?;
        if reader.array()? != SST_FOOTER_MAGIC || !reader.is_empty() {
            return Err(DecodeError("it does not end with the magic of an SST").into());
        }
        if is_other_version(version) {
            return Err(FooterError::UnsupportedVersion(version));
        }
        if version == 0 || zeros != [0; 2] {
            return Err(DecodeError("the footer's version is wrong").into());
        }
        let rectangle = Rectangle { first_series, last_series, times: TimeRange::new(first_time, last_time) };
        let footer = Self {
            blocks,
            dictionary,
            index,
            top_page: top,
            rectangle,
            min_seq,
            max_seq,
            point_count: points,
            block_count,
            series_count: series,
            header_crc,
            top_page_crc,
            level,
            uuid,
            id,
        };
        if flags != footer.flags() {
            return Err(DecodeError("the footer's flags contradict its level").into());
        }
        footer.check(file_len)?;
        Ok(footer)
    }

    /// Returns the flags. Bit 0: the dictionary contains whole keys.
    fn flags(&self) -> u8 {
        u8::from(stores_full_keys(self.level))
    }

    /// Checks that the parts fill the file, and that bounds and counts are plausible.
    fn check(&self, file_len: u64) -> Result<(), DecodeError> {
        let mut end = SstHeader::LEN as u64;
        for part in [self.blocks, self.dictionary, self.index, self.top_page] {
            if part.offset != end || part.len == 0 {
                return Err(DecodeError("the footer's parts do not adjoin"));
            }
            end = part.end();
        }
        if end.checked_add(Self::LEN as u64) != Some(file_len) {
            return Err(DecodeError("the footer's parts do not fill the file"));
        }
        let Rectangle { first_series, last_series, times } = self.rectangle;
        if first_series > last_series || times.is_empty() || self.min_seq > self.max_seq {
            return Err(DecodeError("the footer's bounds are reversed"));
        }
        if self.series_count == 0 || self.block_count < self.series_count || self.point_count < self.block_count {
            return Err(DecodeError("the footer's counts contradict each other"));
        }
        Ok(())
    }

    /// Returns the length of the file in bytes.
    pub(crate) fn file_len(&self) -> u64 {
        self.top_page.end() + Self::LEN as u64
    }

    /// Returns the manifest entry of this file. Generation, partition and origin are not in the file and get defaults:
    /// 0, everything, and 0.
    pub(crate) fn meta(&self, footer_crc: u32) -> SstMeta {
        SstMeta {
            id: self.id,
            file_len: self.file_len(),
            footer_crc,
            rectangle: self.rectangle,
            min_seq: self.min_seq,
            max_seq: self.max_seq,
            points: self.point_count,
            blocks: self.block_count,
            series: self.series_count,
            level: self.level,
            generation: 0,
            partition: DyadicBox::ALL,
            origin: 0,
        }
    }
}

/// Returns the CRC at the end of an encoded header or footer; 0 if there are fewer than four bytes.
pub(crate) fn trailing_crc(bytes: &[u8]) -> u32 {
    bytes.last_chunk().map_or(0, |crc| u32::from_le_bytes(*crc))
}

/// Appends the CRC of a header or footer. The CRC is not salted: header and footer contain uuid and file id, so that a
/// foreign file can be distinguished from a damaged one.
fn append_crc(out: &mut Vec<u8>) {
    let crc = crc32fast::hash(out);
    out.extend_from_slice(&crc.to_le_bytes());
}

/// Checks the CRC at the end of a header or footer, and returns the bytes before it.
fn split_checked_crc(bytes: &[u8]) -> Result<&[u8], DecodeError> {
    let (body, crc) = bytes.split_last_chunk().ok_or(DecodeError("it is too short"))?;
    if u32::from_le_bytes(*crc) == crc32fast::hash(body) { Ok(body) } else { Err(DecodeError("its checksum is wrong")) }
}

fn read_uuid_and_id(reader: &mut ByteReader<'_>) -> Result<(Uuid, FileId), DecodeError> {
    Ok((Uuid::from_bytes(reader.array()?), FileId::new(reader.u64()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn footer() -> SstFooter {
        let extent = |offset, len| Extent { offset, len };
        SstFooter {
            blocks: extent(40, 100),
            dictionary: extent(140, 20),
            index: extent(160, 30),
            top_page: extent(190, 10),
            rectangle: Rectangle {
                first_series: SeriesId::new(3),
                last_series: SeriesId::new(9),
                times: TimeRange::ALL,
            },
            min_seq: 5,
            max_seq: 6,
            point_count: 1000,
            block_count: 4,
            series_count: 2,
            header_crc: 11,
            top_page_crc: 12,
            level: 0,
            uuid: Uuid::from_u128(1),
            id: FileId::new(2),
        }
    }

    /// Encodes the footer, lets the test alter the bytes before the CRC, corrects the CRC, and decodes.
    fn decode(footer: &SstFooter, alter: impl FnOnce(&mut [u8])) -> Result<SstFooter, FooterError> {
        let mut bytes = footer.encode();
        assert_eq!(bytes.len(), SstFooter::LEN);
        bytes.truncate(SstFooter::LEN - 4);
        alter(&mut bytes);
        append_crc(&mut bytes);
        SstFooter::decode(&bytes, 380)
    }

    #[test]
    fn header_and_footer_round_trip() {
        let header = SstHeader { version: SST_FORMAT_VERSION, uuid: Uuid::from_u128(9), id: FileId::new(8) };
        assert_eq!(header.encode().len(), SstHeader::LEN);
        assert_eq!(SstHeader::decode(&header.encode()), Ok(header));
        assert_eq!(decode(&footer(), |_| ()), Ok(footer()));
    }

    #[test]
    fn another_version_is_reported_and_an_unknown_flag_is_refused() {
        for version in [1, 2, 4] {
            let decoded = decode(&footer(), |bytes| bytes[140] = version);
            assert_eq!(decoded, Err(FooterError::UnsupportedVersion(version.into())));
        }
        assert!(matches!(decode(&footer(), |bytes| bytes[140] = 0), Err(FooterError::Corrupt(_))));
        // A level without its flag, a flag that contradicts the level, and reserved bytes that are not zero.
        for at in [136, 137, 138, 139] {
            assert!(matches!(decode(&footer(), |bytes| bytes[at] = 1), Err(FooterError::Corrupt(_))), "{at}");
        }
    }

    #[test]
    fn parts_that_leave_a_gap_or_counts_that_contradict_are_refused() {
        let alterations: [fn(&mut SstFooter); 6] = [
            |footer| footer.blocks.offset = 41,
            |footer| footer.index.len = u64::MAX,
            |footer| footer.top_page.len = 11,
            |footer| footer.rectangle.times = TimeRange::new(5, 4),
            |footer| footer.series_count = 5,
            |footer| footer.max_seq = 4,
        ];
        for (number, alter) in alterations.into_iter().enumerate() {
            let mut altered = footer();
            alter(&mut altered);
            assert!(matches!(decode(&altered, |_| ()), Err(FooterError::Corrupt(_))), "{number}");
        }
    }
}
