//! Tells what is in a lone SST, without a database around it.
//! Promises to change nothing, and to list every finding beside what could be read.

use uuid::Uuid;

use super::FORMAT_VERSION;
use super::dictionary::SeriesEntry;
use super::reader::SstReader;
use super::verify::{BlockForm, CodecUses, Verifier, no_cache};
use crate::bytes::Extent;
use crate::env::Dir;
use crate::error::Result;
use crate::finding::Finding;
use crate::version::SstMeta;

/// A part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) extent: Extent,
    /// Pages in it; 0 for a part that is not in pages.
    pub(crate) pages: usize,
}

/// Everything that a file says of itself, checked.
#[derive(Debug)]
pub(crate) struct Description {
    pub(crate) version: u32,
    pub(crate) uuid: Uuid,
    /// Length, rectangle, seqs, counts and level; its age is not in the file and 0 here.
    pub(crate) meta: SstMeta,
    /// In the order of the file, which they cover.
    pub(crate) parts: Vec<Part>,
    pub(crate) timestamp_codecs: CodecUses,
    pub(crate) value_codecs: CodecUses,
    /// All whose index page can be read.
    pub(crate) blocks: Vec<BlockForm>,
    /// All that is wrong.
    pub(crate) findings: Vec<Finding>,
    reader: SstReader,
}

/// Opens a file by name, reads all of it, and checks it.
///
/// # Errors
/// If footer or top page are damaged: then there is nothing to tell but the error.
pub(crate) fn describe(dir: &Dir, name: &str) -> Result<Description> {
    let reader = SstReader::open_alone(dir, name, no_cache())?;
    let verifier = Verifier::run(&reader, Some(Vec::new()))?;
    let (timestamp_codecs, value_codecs, findings) = (verifier.timestamps, verifier.values, verifier.findings);
    let blocks = verifier.blocks_told.unwrap_or_default();
    let footer = &reader.footer;
    let (header, end) = (footer.blocks.offset, footer.top.end());
    let part = |name, extent, pages| Part { name, extent, pages };
    let parts = vec![
        part("header", Extent { offset: 0, len: header }, 0),
        part("blocks", footer.blocks, 0),
        part("dictionary", footer.dictionary, reader.top.dictionary.len()),
        part("index", footer.index, reader.top.index.len()),
        part("top page", footer.top, 0),
        part("footer", Extent { offset: end, len: reader.meta().len - end }, 0),
    ];
    Ok(Description {
        version: FORMAT_VERSION,
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

impl Description {
    /// Every series, read from the dictionary page by page.
    pub(crate) fn series(&self) -> impl Iterator<Item = Result<SeriesEntry>> {
        self.reader.series()
    }
}
