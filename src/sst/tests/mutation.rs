//! Checksums stop what chance does to a file; behind right checksums the decoders stand alone against any bytes.

use proptest::prelude::*;

use super::super::footer::{Footer, Header};
use super::super::seal::{SEAL_LEN, Seal};
use super::*;

/// A file that can be altered anywhere and have every checksum mended.
struct Mended {
    bytes: Vec<u8>,
    /// Offset and length of every sealed part.
    parts: Vec<(usize, usize)>,
    top: (usize, usize),
    seal: Seal,
}

impl Mended {
    fn of(dir: &Dir, meta: &SstMeta) -> Self {
        let reader = open(dir, meta);
        let mut parts: Vec<(u64, u64)> =
            reader.entries().map(Result::unwrap).map(|entry| (entry.offset, u64::from(entry.len))).collect();
        let pages = reader.top.index.iter().chain(&reader.top.dictionary);
        parts.extend(pages.map(|page| (page.offset, u64::from(page.len))));
        let number = |(offset, len): (u64, u64)| (usize::try_from(offset).unwrap(), usize::try_from(len).unwrap());
        let top = number((reader.footer.top.offset, reader.footer.top.len));
        let bytes = std::fs::read(dir.file_path(&file_name(meta.id))).unwrap();
        Self { bytes, parts: parts.into_iter().map(number).collect(), top, seal: reader.seal.clone() }
    }

    /// The file with some bytes replaced and every checksum right.
    fn with(&self, changes: impl IntoIterator<Item = (usize, u8)>) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        let footer = bytes.len() - Footer::LEN;
        let mut mend = |start: usize, end: usize, at: usize, sealed: bool| {
            let part = &bytes[start..end];
            let crc = if sealed { self.seal.crc(start as u64, part) } else { crc32fast::hash(part) };
            bytes[at..at + SEAL_LEN].copy_from_slice(&crc.to_le_bytes());
        };
        for &(offset, len) in &self.parts {
            let end = offset + len - SEAL_LEN;
            mend(offset, end, end, true);
        }
        let header_end = Header::LEN - SEAL_LEN;
        mend(0, header_end, header_end, false);
        // The footer holds the top page's seal, so its own checksum is mended last.
        mend(self.top.0, self.top.0 + self.top.1, footer + 132, true);
        let footer_end = footer + Footer::LEN - SEAL_LEN;
        mend(footer, footer_end, footer_end, false);
        bytes
    }
}

/// What `describe` finds after one byte was raised by one.
fn findings_after(series: &[Series], at: impl Fn(&SstReader) -> u64) -> Vec<(u64, String)> {
    let folder = tempfile::tempdir().unwrap();
    let dir = dir(folder.path());
    let meta = write(&dir, 7, series);
    let mended = Mended::of(&dir, &meta);
    let at = usize::try_from(at(&open(&dir, &meta))).unwrap();
    let changed = mended.with([(at, mended.bytes[at].wrapping_add(1))]);
    std::fs::write(dir.file_path(&file_name(meta.id)), changed).unwrap();
    let findings = describe(&dir, &file_name(meta.id)).unwrap().findings;
    findings.into_iter().map(|finding| (finding.offset, finding.what)).collect()
}

#[test]
fn a_footer_that_lies_behind_a_right_checksum_is_found() {
    let series = [Series::new(1, 0..100, |at| at as f64), Series::new(3, 0..100, |at| at as f64)];
    let footer = |offset| move |reader: &SstReader| reader.footer.top.end() + offset;
    let statements = [(72, "rectangle"), (96, "number of points"), (104, "number of blocks"), (124, "rectangle")];
    for (offset, what) in statements {
        let found = findings_after(&series, footer(offset));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].1, format!("the footer's {what} is not that of the blocks"));
    }
    let found = findings_after(&series, footer(128));
    assert_eq!(found, [(0, "the header is not the one the footer knows".to_owned())]);
}

#[test]
fn statistics_that_lie_behind_a_right_checksum_are_found() {
    let series = [Series::new(1, 0..100, |at| at as f64)];
    // Before restart, count of restarts and seal come the five doubles of the only entry.
    for double in 1..=5 {
        let found = findings_after(&series, |reader| reader.footer.index.end() - 8 - 8 * double);
        assert_eq!(found, [(40, "a block of series #1 has other statistics than its index entry says".to_owned())]);
    }
}

#[test]
fn a_dictionary_that_names_another_type_is_found() {
    let series = [Series::new(1, 0..100, |at| at as i64)];
    let found = findings_after(&series, |reader| reader.footer.dictionary.end() - 5);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].1, "the dictionary names other series than the blocks have");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn no_bytes_behind_right_checksums_make_a_reader_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)
    ) {
        thread_local! {
            static FIXTURE: (tempfile::TempDir, Dir, SstMeta, Mended) = {
                let folder = tempfile::tempdir().unwrap();
                let dir = dir(folder.path());
                let mut series: Vec<Series> = (0..40).map(|id| Series::new(id, 0..3, |at| at as u64)).collect();
                series.push(Series::new(50, 0..100, |at| at as f64 / 10.0));
                series.push(Series::new(51, [i64::MIN, 0, i64::MAX], |at| at == 1));
                let meta = write(&dir, 7, &series);
                let mended = Mended::of(&dir, &meta);
                assert!(mended.with([]) == mended.bytes, "mending a whole file changes nothing");
                (folder, dir, meta, mended)
            };
        }
        FIXTURE.with(|(_, dir, meta, mended)| {
            let changes = changes.iter().map(|(at, byte)| (at.index(mended.bytes.len()), *byte));
            let changed = mended.with(changes);
            std::fs::write(dir.file_path(&file_name(meta.id)), changed).unwrap();
            if let Ok(reader) = SstReader::open_alone(dir, &file_name(meta.id), cache(1 << 20)) {
                // Whatever it says, it says without a panic and without more points than entries allow.
                let _ = read_all(&reader);
                reader.blocks(SeriesId::new(50), 3..=9).ok();
                describe(dir, &file_name(meta.id)).unwrap();
            }
            let verified = verify(dir, DATABASE, meta);
            assert!(matches!(verified, Ok(_) | Err(crate::Error::UnsupportedVersion { .. })), "{verified:?}");
        });
    }
}
