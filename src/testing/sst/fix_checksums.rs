//! Correction of all checksums of an SST whose positions follow from the bytes of the file.

use crate::format::sst::checksum::{CHECKSUM_BYTES, PartChecksum};
use crate::format::sst::header_footer::{SstFooter, SstHeader};
use crate::format::sst::index::IndexPage;
use crate::format::sst::top_page::{PageLocation, TopPage};

/// Offset of the CRC of the header in the footer.
const HEADER_CRC_OFFSET: usize = 128;
/// Offset of the checksum of the top page in the footer.
const TOP_PAGE_CHECKSUM_OFFSET: usize = 132;

/// Returns the bytes with correct checksums of header, footer, pages and blocks.
///
/// Bytes outside known parts stay unchanged.
pub(super) fn with_fixed_checksums(mut bytes: Vec<u8>) -> Vec<u8> {
    let Some(footer_at) = bytes.len().checked_sub(SstFooter::LEN).filter(|at| *at >= SstHeader::LEN) else {
        return bytes;
    };
    fix_crc(&mut bytes, 0, SstHeader::LEN);
    bytes.copy_within(SstHeader::LEN - CHECKSUM_BYTES..SstHeader::LEN, footer_at + HEADER_CRC_OFFSET);
    let len = bytes.len();
    fix_crc(&mut bytes, footer_at, len);
    let Ok(footer) = SstFooter::decode(&bytes[footer_at..], len as u64) else { return bytes };
    let checksum = PartChecksum::new(footer.uuid, footer.id);
    // The parts of a decoded footer fill the file.
    let Some((start, end)) = bounds_of_part(footer.top_page.offset, footer.top_page.len, footer_at) else {
        return bytes;
    };
    let crc = checksum.compute(footer.top_page.offset, &bytes[start..end]);
    bytes[footer_at + TOP_PAGE_CHECKSUM_OFFSET..footer_at + TOP_PAGE_CHECKSUM_OFFSET + CHECKSUM_BYTES]
        .copy_from_slice(&crc.to_le_bytes());
    fix_crc(&mut bytes, footer_at, len);
    let Ok(top) = TopPage::decode(&bytes[start..end], &footer) else { return bytes };
    let page = |page: &PageLocation| (page.offset, u64::from(page.len));
    for (offset, len) in top.dictionary.iter().chain(&top.index).map(page) {
        fix_part_checksum(&mut bytes, &checksum, offset, len, footer_at);
    }
    for (offset, len) in top.index.iter().map(page) {
        let Some((start, end)) = bounds_of_part(offset, len, footer_at) else { continue };
        let Ok(page) = IndexPage::new(&bytes[start..end - CHECKSUM_BYTES]) else { continue };
        let blocks: Vec<_> = page.all_blocks().map_while(Result::ok).collect();
        for block in blocks {
            // The pages follow the blocks, and their checksums are already correct.
            let extent = block.checked_extent();
            if extent.end() <= footer.blocks.end() && extent.offset >= footer.blocks.offset {
                fix_part_checksum(&mut bytes, &checksum, extent.offset, extent.len, footer_at);
            }
        }
    }
    bytes
}

/// Returns the bounds of a part if it is long enough for a checksum and ends before the footer.
fn bounds_of_part(offset: u64, len: u64, footer_at: usize) -> Option<(usize, usize)> {
    let (start, len) = (usize::try_from(offset).ok()?, usize::try_from(len).ok()?);
    let end = start.checked_add(len)?;
    (len > CHECKSUM_BYTES && end <= footer_at).then_some((start, end))
}

/// Corrects the CRC at the end of a header or footer.
fn fix_crc(bytes: &mut [u8], start: usize, end: usize) {
    let crc = crc32fast::hash(&bytes[start..end - CHECKSUM_BYTES]);
    bytes[end - CHECKSUM_BYTES..end].copy_from_slice(&crc.to_le_bytes());
}

/// Corrects the checksum at the end of a block or page.
fn fix_part_checksum(bytes: &mut [u8], checksum: &PartChecksum, offset: u64, len: u64, footer_at: usize) {
    if let Some((start, end)) = bounds_of_part(offset, len, footer_at) {
        let crc = checksum.compute(offset, &bytes[start..end - CHECKSUM_BYTES]);
        bytes[end - CHECKSUM_BYTES..end].copy_from_slice(&crc.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_valid_file_stays_unchanged() {
        let golden = include_bytes!("../../../tests/golden/v3/l0.sst");
        assert!(with_fixed_checksums(golden.to_vec()) == golden);
        for at in [SstHeader::LEN - 1, golden.len() - 1] {
            let mut changed = golden.to_vec();
            changed[at] ^= 1;
            assert!(with_fixed_checksums(changed) == golden, "the wrong checksum at {at} was not corrected");
        }
    }
}
