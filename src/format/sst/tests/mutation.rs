//! Tests of files with altered bytes and correct checksums.
//! The decoders must refuse the files or report findings, without a panic.

use proptest::prelude::*;

use super::super::checksum::{CHECKSUM_BYTES, PartChecksum};
use super::super::header_footer::{SstFooter, SstHeader};
use super::super::index::IndexPage;
use super::*;
use crate::types::time_range::TimeRange;

/// A file whose bytes can be altered, with all checksums corrected.
struct ChecksumFixer {
    bytes: Vec<u8>,
    /// Offset and length of every block and page.
    parts: Vec<(usize, usize)>,
    top: (usize, usize),
    checksum: PartChecksum,
}

impl ChecksumFixer {
    fn of(dir: &Dir, meta: &SstMeta) -> Self {
        let reader = open(dir, meta);
        let mut parts: Vec<(u64, u64)> = reader
            .all_blocks()
            .map(|entry| entry.unwrap().checked_extent())
            .map(|part| (part.offset, part.len))
            .collect();
        parts.dedup();
        let pages = reader.top.index.iter().chain(&reader.top.dictionary);
        parts.extend(pages.map(|page| (page.offset, u64::from(page.len))));
        let number = |(offset, len): (u64, u64)| (usize::try_from(offset).unwrap(), usize::try_from(len).unwrap());
        let top = number((reader.footer.top_page.offset, reader.footer.top_page.len));
        let bytes = std::fs::read(dir.file_path(&sst_file_name(meta.id))).unwrap();
        Self { bytes, parts: parts.into_iter().map(number).collect(), top, checksum: reader.checksum.clone() }
    }

    /// Returns the file with some bytes replaced and all checksums corrected.
    fn with(&self, changes: impl IntoIterator<Item = (usize, u8)>) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        let footer = bytes.len() - SstFooter::LEN;
        let mut fix = |start: usize, end: usize, at: usize, salted: bool| {
            let part = &bytes[start..end];
            let crc = if salted { self.checksum.compute(start as u64, part) } else { crc32fast::hash(part) };
            bytes[at..at + CHECKSUM_BYTES].copy_from_slice(&crc.to_le_bytes());
        };
        for &(offset, len) in &self.parts {
            let end = offset + len - CHECKSUM_BYTES;
            fix(offset, end, end, true);
        }
        let header_end = SstHeader::LEN - CHECKSUM_BYTES;
        fix(0, header_end, header_end, false);
        // The footer contains the checksum of the top page, so its own CRC is corrected last.
        fix(self.top.0, self.top.0 + self.top.1, footer + 132, true);
        let footer_end = footer + SstFooter::LEN - CHECKSUM_BYTES;
        fix(footer, footer_end, footer_end, false);
        bytes
    }
}

/// Returns the findings of `describe_sst` after one byte was incremented.
fn findings_after(series: &[TestSeries], at: impl Fn(&SstReader) -> u64) -> Vec<(u64, String)> {
    let folder = tempfile::tempdir().unwrap();
    let dir = dir(folder.path());
    let meta = write(&dir, 7, series);
    let fixer = ChecksumFixer::of(&dir, &meta);
    let at = usize::try_from(at(&open(&dir, &meta))).unwrap();
    let changed = fixer.with([(at, fixer.bytes[at].wrapping_add(1))]);
    std::fs::write(dir.file_path(&sst_file_name(meta.id)), changed).unwrap();
    let findings = describe_sst(&dir, &sst_file_name(meta.id)).unwrap().findings;
    findings.into_iter().map(|finding| (finding.offset, finding.detail)).collect()
}

#[test]
fn a_false_footer_with_a_correct_checksum_is_detected() {
    let series = [TestSeries::new(1, 0..100, |at| at as f64), TestSeries::new(3, 0..100, |at| at as f64)];
    let footer = |offset| move |reader: &SstReader| reader.footer.top_page.end() + offset;
    let statements = [(72, "rectangle"), (96, "number of points"), (104, "number of blocks"), (124, "rectangle")];
    for (offset, what) in statements {
        let found = findings_after(&series, footer(offset));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].1, format!("the footer's {what} differs from the blocks"));
    }
    let found = findings_after(&series, footer(128));
    assert_eq!(found, [(0, "the CRC of the header differs from the footer".to_owned())]);
}

#[test]
fn false_statistics_with_a_correct_checksum_are_detected() {
    let series = [TestSeries::new(1, 0..200, |at| (at as f64).sqrt().sin())];
    // The five doubles of the only entry precede the restart, the number of restarts and the checksum of the page.
    for double in 1..=5 {
        let found = findings_after(&series, |reader| reader.footer.index.end() - 8 - 8 * double);
        assert_eq!(found, [(40, "the statistics of a block of series #1 differ from its index entry".to_owned())]);
    }
}

#[test]
fn false_decimals_of_statistics_with_a_correct_checksum_are_detected() {
    let series = [TestSeries::new(1, 0..200, |at| at as f64 / 2.0)];
    // The difference of the sum from its decimal, and a byte of its digits.
    for from_end in [9, 10] {
        let found = findings_after(&series, |reader| reader.footer.index.end() - from_end);
        assert_eq!(found, [(40, "the statistics of a block of series #1 differ from its index entry".to_owned())]);
    }
}

#[test]
fn an_index_page_with_another_base_or_more_restarts_is_detected() {
    let folder = tempfile::tempdir().unwrap();
    let dir = dir(folder.path());
    let meta = write(&dir, 7, &[TestSeries::new(1, 0..200, |at| at as f64)]);
    let fixer = ChecksumFixer::of(&dir, &meta);
    let page = usize::try_from(open(&dir, &meta).footer.index.offset).unwrap();
    // Both times of the base are one greater, and the first time of the entry is one less than that of the base.
    let changed = fixer.with([(page, 1), (page + 8, fixer.bytes[page + 8] + 1), (page + 21, 1)]);
    std::fs::write(dir.file_path(&sst_file_name(meta.id)), changed).unwrap();
    let findings = describe_sst(&dir, &sst_file_name(meta.id)).unwrap().findings;
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].detail, "the base of an index page differs from its first entry");

    let page = &fixer.bytes[page..fixer.bytes.len() - SstFooter::LEN - fixer.top.1 - CHECKSUM_BYTES];
    let restarts = |page: &[u8]| IndexPage::new(page).map(|page| (page.all_blocks().count(), page.has_restarts_of(1)));
    assert_eq!(restarts(page), Ok((1, true)));
    let more = [&page[..page.len() - 2], &[9, 0, 2, 0]].concat();
    assert_eq!(restarts(&more), Ok((1, false)));
}

#[test]
fn a_false_type_in_the_dictionary_is_detected() {
    let series = [TestSeries::new(1, 0..100, |at| at as i64)];
    let found = findings_after(&series, |reader| reader.footer.dictionary.end() - 7);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].1, "the series or types in the dictionary differ from those of the blocks");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn no_bytes_with_correct_checksums_make_a_reader_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)
    ) {
        thread_local! {
            static FIXTURE: (tempfile::TempDir, Dir, SstMeta, ChecksumFixer) = {
                let folder = tempfile::tempdir().unwrap();
                let dir = dir(folder.path());
                let mut series: Vec<TestSeries> = (0..40).map(|id| TestSeries::new(id, 0..3, |at| at as u64)).collect();
                series.push(TestSeries::new(50, 0..100, |at| at as f64 / 10.0));
                series.push(TestSeries::new(51, [i64::MIN, 0, i64::MAX], |at| at == 1));
                let meta = write(&dir, 7, &series);
                let fixer = ChecksumFixer::of(&dir, &meta);
                assert!(fixer.with([]) == fixer.bytes, "correcting an intact file changes nothing");
                (folder, dir, meta, fixer)
            };
        }
        FIXTURE.with(|(_, dir, meta, fixer)| {
            let changes = changes.iter().map(|(at, byte)| (at.index(fixer.bytes.len()), *byte));
            let changed = fixer.with(changes);
            std::fs::write(dir.file_path(&sst_file_name(meta.id)), changed).unwrap();
            if let Ok(reader) = SstReader::open_standalone(dir, &sst_file_name(meta.id), cache(1 << 20)) {
                // Only panics and excessive memory are errors here.
                let _ = read_all(&reader);
                reader.blocks_in_range(SeriesId::new(50), TimeRange::new(3, 9)).ok();
                describe_sst(dir, &sst_file_name(meta.id)).unwrap();
            }
            let verified = verify_sst(dir, DATABASE, meta);
            assert!(matches!(verified, Ok(_) | Err(crate::Error::UnsupportedVersion { .. })), "{verified:?}");
        });
    }
}
