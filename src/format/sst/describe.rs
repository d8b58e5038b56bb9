//! Description of a single SST, without a database.
//!
//! The file is read and verified completely, and not changed. The description has the content that is readable, and the
//! findings.

use uuid::Uuid;

use super::SST_FORMAT_VERSION;
use super::dictionary::DictionaryEntry;
use super::reader::SstReader;
use super::verify::{BlockDetail, CodecUsageByName, SstVerifier, disabled_cache};
use crate::format::bytes::Extent;
use crate::format::finding::Finding;
use crate::platform::env::Dir;
use crate::state::version::SstMeta;
use crate::types::error::Result;

/// Part of a file: name, extent and number of pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SstPart {
    pub(crate) name: &'static str,
    pub(crate) extent: Extent,
    /// Number of pages; 0 for a part without pages.
    pub(crate) pages: usize,
}

/// Description of a verified SST.
#[derive(Debug)]
pub(crate) struct SstDescription {
    pub(crate) version: u32,
    pub(crate) uuid: Uuid,
    /// Metadata from the footer. Generation, partition and origin are not in the file and have defaults here.
    pub(crate) meta: SstMeta,
    /// Parts in file order. They cover the file.
    pub(crate) parts: Vec<SstPart>,
    pub(crate) timestamp_codecs: CodecUsageByName,
    pub(crate) value_codecs: CodecUsageByName,
    /// All blocks whose index page is readable.
    pub(crate) blocks: Vec<BlockDetail>,
    /// Defects of the file; none if it is valid.
    pub(crate) findings: Vec<Finding>,
    reader: SstReader,
}

/// Opens an SST by name, and reads and verifies all of it.
///
/// # Errors
/// If the footer or the top page is damaged, since no other part can be located then; if a newer release wrote the
/// file; or if the file cannot be read. All other defects are findings.
pub(crate) fn describe_sst(dir: &Dir, name: &str) -> Result<SstDescription> {
    let reader = SstReader::open_standalone(dir, name, disabled_cache())?;
    let verifier = SstVerifier::run(&reader, Some(Vec::new()))?;
    let (timestamp_codecs, value_codecs, findings) =
        (verifier.timestamp_codecs, verifier.value_codecs, verifier.findings);
    let blocks = verifier.collected_blocks.unwrap_or_default();
    let footer = &reader.footer;
    let (header, end) = (footer.blocks.offset, footer.top_page.end());
    let part = |name, extent, pages| SstPart { name, extent, pages };
    let parts = vec![
        part("header", Extent { offset: 0, len: header }, 0),
        part("blocks", footer.blocks, 0),
        part("dictionary", footer.dictionary, reader.top.dictionary.len()),
        part("index", footer.index, reader.top.index.len()),
        part("top page", footer.top_page, 0),
        part("footer", Extent { offset: end, len: reader.meta().file_len - end }, 0),
    ];
    Ok(SstDescription {
        version: SST_FORMAT_VERSION,
        uuid: footer.uuid,
        meta: reader.meta().clone(),
        parts,
        timestamp_codecs,
        value_codecs,
        blocks,
        findings,
        reader,
    })
}

impl SstDescription {
    /// Yields all series, read from the dictionary page by page. For a damaged page, yields an error instead.
    pub(crate) fn series(&self) -> impl Iterator<Item = Result<DictionaryEntry>> {
        self.reader.series()
    }
}
