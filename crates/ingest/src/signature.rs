//! Signatures of files that hold no rows: archives, documents, programs.

/// Bytes at the start of a file, and what such a file is.
const SIGNATURES: [(&[u8], &str); 11] = [
    (b"PK\x03\x04", "a zip archive, as a workbook of a spreadsheet is: unpack it, or save it as CSV"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"BZh", "compressed by bzip2: decompress it first, as in bzcat FILE | timestrata ingest -"),
    (b"\xFD7zXZ\0", "compressed by xz: decompress it first, as in xzcat FILE | timestrata ingest -"),
    (b"7z\xBC\xAF\x27\x1C", "a 7z archive: unpack it first"),
    (b"%PDF-", "a PDF document"),
    (b"\x7FELF", "a program"),
    (b"PAR1", "a Parquet file: save it as CSV"),
    (b"SQLite format 3\0", "a database of SQLite: save a table as CSV"),
    (b"\x89HDF\r\n\x1A\n", "an HDF5 file: save it as CSV"),
    (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "a document of an office program: save it as CSV"),
];

/// Returns what a file with these first bytes is, if it is known to hold no rows of text.
pub(crate) fn of_other_content(head: &[u8]) -> Option<&'static str> {
    let text = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head).trim_ascii_start();
    // Names of columns may be in angle brackets, too; an element has an end.
    let start = text.get(..9).unwrap_or(text).to_ascii_lowercase();
    let is_document = [&b"<?xml"[..], b"<!doctype", b"<html"].iter().any(|known| start.starts_with(known));
    if is_document || (start.starts_with(b"<") && memchr::memmem::find(text, b"</").is_some()) {
        return Some("XML or HTML, which is not read: convert it to CSV or JSON");
    }
    SIGNATURES.iter().find(|(signature, _)| head.starts_with(signature)).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_and_programs_are_recognised() {
        assert!(of_other_content(b"PK\x03\x04rest").is_some_and(|name| name.contains("zip")));
        assert!(of_other_content(b"\x7FELF\x02").is_some());
        assert!(of_other_content(b"\xEF\xBB\xBF<?xml version='1.0'?>").is_some_and(|name| name.contains("XML")));
        assert!(of_other_content(b"<gpx><trk></trk></gpx>").is_some());
        assert_eq!(of_other_content(b"time,v\n"), None);
        assert_eq!(of_other_content(b"<TICKER>,<DATE>,<CLOSE>\nAAPL,20240102,5\n"), None);
    }
}
