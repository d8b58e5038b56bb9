//! Entry points for the manifest and the series log.
//!
//! Arbitrary bytes are read by recovery and by inspection, and valid contents are written and read again.

use super::fuzz_input::FuzzInput;
use super::fuzz_log::{FuzzLog, UUID};
use super::memory_env::{with_directory, with_file};
use crate::format::bytes::ByteReader;
use crate::format::bytes::log_header::LogHeader;
use crate::format::manifest::{
    MAGIC, MANIFEST, Manifest, ManifestContents, SERIES_LOG_MAGIC, SeriesLog, describe_manifest, describe_series_log,
    series_log_name,
};
use crate::platform::env::Dir;
use crate::state::file_id::{FileId, FileIdAllocator};
use crate::state::version::{DurableState, SeriesLogEnd, VersionEdit};
use crate::sync::Arc;
use crate::types::error::{Error, Result};
use crate::types::series::SeriesInfo;

/// Reads a manifest: a real one with corrected checksums, or one built from choices.
///
/// # Panics
/// If reading, describing, and reading a rewritten copy give different results.
pub fn manifest(data: &[u8]) {
    let log = FuzzLog::with_fixed_checksums(data, MAGIC).unwrap_or_else(|| {
        let mut input = FuzzInput::new(data);
        let header = LogHeader::new(UUID, input.number());
        let mut record_count = 0;
        FuzzLog::build(&mut input, MAGIC, header, &[], |_, _| {
            record_count += 1;
            (if record_count == 1 { 1 } else { 2 }, record_count - 1)
        })
    });
    with_file(MANIFEST, &log.bytes, |dir| {
        let described = describe_manifest(dir, MANIFEST);
        match (ManifestContents::read(dir), described) {
            (Ok(read), Ok(description)) => {
                assert!(description.damage.is_none() && description.bad_edit == read.bad_edit);
                assert_eq!((&description.state, description.edits.len() as u64), (&read.state, read.record_count));
                let edits: Vec<VersionEdit> = description.edits.into_iter().map(|(_, edit)| edit).collect();
                let again = with_directory(|dir| rewrite_manifest(dir, &read, &edits));
                assert!(again.is_ok(), "a manifest that was read cannot be written again: {again:?}");
            }
            (Err(Error::Corrupt { .. }), Ok(description)) => assert!(description.damage.is_some()),
            (read, described) => assert!(read.is_err() && described.is_err(), "{read:?}, {described:?}"),
        }
    });
}

/// Writes the state as a full record, then edit by edit, and reads both.
fn rewrite_manifest(dir: &Dir, read: &ManifestContents, edits: &[VersionEdit]) -> Result<()> {
    drop(Manifest::reopen(dir.clone(), read, read.state.clone())?);
    let full = ManifestContents::read(dir)?;
    assert_eq!((&full.state, full.uuid, full.record_count), (&read.state, read.uuid, 1));
    let mut state = DurableState::default();
    if let Some((first, edits)) = edits.split_first() {
        assert_eq!(state.apply(first), Ok(()), "the full record was applied before");
        let mut manifest = Manifest::create(dir.clone(), read.uuid, state)?;
        for edit in edits {
            manifest.append_edit(edit)?;
        }
        assert_eq!(manifest.state(), &read.state);
    }
    assert_eq!(ManifestContents::read(dir)?.state, read.state);
    Ok(())
}

/// Reads a series log with a valid length that a manifest might name.
///
/// # Panics
/// If reading, describing, and reading a rewritten copy give different results.
pub fn series_log(data: &[u8]) {
    let mut input = FuzzInput::new(data);
    let (log, cut) = if let Some(log) = FuzzLog::with_fixed_checksums(data, SERIES_LOG_MAGIC) {
        (log, 0)
    } else {
        let cut = input.number();
        let mut next_id = 0_u64;
        let log = FuzzLog::build(&mut input, SERIES_LOG_MAGIC, LogHeader::new(UUID, 1), &[], |_, body| {
            let first = next_id;
            next_id = next_id.saturating_add(ByteReader::new(body).varint_u64().unwrap_or(0));
            (1, first)
        });
        (log, cut)
    };
    let len = log.bytes.len() as u64;
    let valid_len = len.saturating_sub(cut);
    // The header's file id decides under which name recovery would look for it.
    let id = log.bytes.get(32..40).and_then(|id| id.try_into().ok()).map_or(1, u64::from_le_bytes);
    let file = FileId::new(id);
    with_file(&series_log_name(file), &log.bytes, |dir| {
        let read = SeriesLog::read(dir, log.uuid, SeriesLogEnd { file, len: valid_len });
        let described = describe_series_log(dir, &series_log_name(file));
        if valid_len == len {
            match (&read, &described) {
                (Ok(read), Ok(description)) => {
                    assert_eq!((&description.definitions, &description.defect), (read, &None));
                    assert_eq!(description.valid_to, len);
                }
                (Err(Error::Corrupt { .. }), Ok(description)) => {
                    assert!(description.defect.is_some() && description.valid_to < len);
                }
                // Only reading checks the database of the header.
                (_, described) => assert!(described.is_err(), "{read:?}, {described:?}"),
            }
        }
        if let Ok(definitions) = read {
            let again = with_directory(|dir| rewrite_series_log(dir, &definitions));
            assert_eq!(again.ok(), Some(definitions), "definitions must be the same after they were written again");
        }
    });
}

/// Writes definitions to a new series log and reads them back.
fn rewrite_series_log(dir: &Dir, definitions: &[SeriesInfo]) -> Result<Vec<SeriesInfo>> {
    let ids = Arc::new(FileIdAllocator::new(FileId::new(1)));
    let mut log = SeriesLog::open(dir.clone(), UUID, ids, SeriesLogEnd::default(), 0)?;
    let shared: Vec<Arc<SeriesInfo>> = definitions.iter().cloned().map(Arc::new).collect();
    let end = log.append(&shared)?;
    SeriesLog::read(dir, UUID, end)
}
