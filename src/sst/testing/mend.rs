//! Every checksum of an SST made right, as far as its own words say where the parts lie.

use super::super::footer::{Footer, Header};
use super::super::index::IndexPage;
use super::super::seal::{SEAL_LEN, Seal};
use super::super::top::{PageRef, Top};

/// Where in a footer the header's and the top page's checksums stand.
const HEADER_CRC_AT: usize = 128;
const TOP_CRC_AT: usize = 132;

/// The bytes with header, footer, pages and blocks each under a right checksum; what lies nowhere stays.
pub(super) fn mended(mut bytes: Vec<u8>) -> Vec<u8> {
    let Some(footer_at) = bytes.len().checked_sub(Footer::LEN).filter(|at| *at >= Header::LEN) else { return bytes };
    close(&mut bytes, 0, Header::LEN);
    bytes.copy_within(Header::LEN - SEAL_LEN..Header::LEN, footer_at + HEADER_CRC_AT);
    let len = bytes.len();
    close(&mut bytes, footer_at, len);
    let Ok(footer) = Footer::decode(&bytes[footer_at..], len as u64) else { return bytes };
    let seal = Seal::new(footer.uuid, footer.id);
    // A footer that decodes speaks of parts that fill the file.
    let Some((start, end)) = place(footer.top.offset, footer.top.len, footer_at) else { return bytes };
    let crc = seal.crc(footer.top.offset, &bytes[start..end]);
    bytes[footer_at + TOP_CRC_AT..footer_at + TOP_CRC_AT + SEAL_LEN].copy_from_slice(&crc.to_le_bytes());
    close(&mut bytes, footer_at, len);
    let Ok(top) = Top::decode(&bytes[start..end], &footer) else { return bytes };
    let page = |page: &PageRef| (page.offset, u64::from(page.len));
    for (offset, len) in top.dictionary.iter().chain(&top.index).map(page) {
        close_sealed(&mut bytes, &seal, offset, len, footer_at);
    }
    for (offset, len) in top.index.iter().map(page) {
        let Some((start, end)) = place(offset, len, footer_at) else { continue };
        let Ok(page) = IndexPage::new(&bytes[start..end - SEAL_LEN]) else { continue };
        let blocks: Vec<_> = page.entries().map_while(Result::ok).collect();
        for block in blocks {
            // Beyond the blocks lie pages, which are right already.
            if block.end() <= footer.blocks.end() && block.offset >= footer.blocks.offset {
                close_sealed(&mut bytes, &seal, block.offset, u64::from(block.len), footer_at);
            }
        }
    }
    bytes
}

/// A part's bounds in memory, if it is long enough for a checksum and ends before the footer.
fn place(offset: u64, len: u64, footer_at: usize) -> Option<(usize, usize)> {
    let (start, len) = (usize::try_from(offset).ok()?, usize::try_from(len).ok()?);
    let end = start.checked_add(len)?;
    (len > SEAL_LEN && end <= footer_at).then_some((start, end))
}

fn close(bytes: &mut [u8], start: usize, end: usize) {
    let crc = crc32fast::hash(&bytes[start..end - SEAL_LEN]);
    bytes[end - SEAL_LEN..end].copy_from_slice(&crc.to_le_bytes());
}

fn close_sealed(bytes: &mut [u8], seal: &Seal, offset: u64, len: u64, footer_at: usize) {
    if let Some((start, end)) = place(offset, len, footer_at) {
        let crc = seal.crc(offset, &bytes[start..end - SEAL_LEN]);
        bytes[end - SEAL_LEN..end].copy_from_slice(&crc.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_file_is_mended_to_itself() {
        let golden = include_bytes!("../../../tests/golden/v1/l0.sst");
        assert!(mended(golden.to_vec()) == golden);
        for at in [Header::LEN - 1, golden.len() - 1] {
            let mut changed = golden.to_vec();
            changed[at] ^= 1;
            assert!(mended(changed) == golden, "a wrong checksum at {at} is made right");
        }
    }
}
