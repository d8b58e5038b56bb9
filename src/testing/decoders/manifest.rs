//! Manifest and series log of any bytes: refused, or read alike in every way, and the same when written anew.

use super::frames::{Log, UUID};
use super::input::Input;
use super::memory::{with_directory, with_file};
use crate::bytes::Reader;
use crate::bytes::header::Header;
use crate::env::Dir;
use crate::error::{Error, Result};
use crate::manifest::{
    MAGIC, MANIFEST, Manifest, ManifestRead, SERIES_LOG, SERIES_LOG_MAGIC, SeriesLog, describe_manifest,
    describe_series_log,
};
use crate::series::SeriesDef;
use crate::sync::Arc;
use crate::version::{Durable, Edit};

/// A manifest: a real one with its checksums mended, or one built from choices.
///
/// # Panics
/// If reading it, describing it, and reading it written anew tell different things.
pub fn manifest(data: &[u8]) {
    let log = Log::mended(data, MAGIC).unwrap_or_else(|| {
        let mut input = Input::new(data);
        let header = Header::new(UUID, input.number());
        let mut number = 0;
        Log::built(&mut input, MAGIC, header, &[], |_, _| {
            number += 1;
            (if number == 1 { 1 } else { 2 }, number - 1)
        })
    });
    with_file(MANIFEST, log.bytes, |dir| {
        let described = describe_manifest(dir, MANIFEST);
        match (ManifestRead::read(dir), described) {
            (Ok(read), Ok(description)) => {
                assert!(description.damage.is_none() && description.bad == read.bad);
                assert_eq!((&description.durable, description.edits.len() as u64), (&read.durable, read.records));
                let edits: Vec<Edit> = description.edits.into_iter().map(|(_, edit)| edit).collect();
                let again = with_directory(|dir| rewritten_manifest(dir, &read, &edits));
                assert!(again.is_ok(), "what was read cannot be written again: {again:?}");
            }
            (Err(Error::Corrupt { .. }), Ok(description)) => assert!(description.damage.is_some()),
            (read, described) => assert!(read.is_err() && described.is_err(), "{read:?}, {described:?}"),
        }
    });
}

/// Writes the state whole, then edit by edit.
fn rewritten_manifest(dir: &Dir, read: &ManifestRead, edits: &[Edit]) -> Result<()> {
    drop(Manifest::reopen(dir.clone(), read, read.durable.clone())?);
    let whole = ManifestRead::read(dir)?;
    assert_eq!((&whole.durable, whole.uuid, whole.records), (&read.durable, read.uuid, 1));
    let mut durable = Durable::default();
    if let Some((first, edits)) = edits.split_first() {
        assert_eq!(durable.apply(first), Ok(()), "it was applied before");
        let mut manifest = Manifest::create(dir.clone(), read.uuid, durable)?;
        for edit in edits {
            manifest.commit(edit)?;
        }
        assert_eq!(manifest.durable(), &read.durable);
    }
    assert_eq!(ManifestRead::read(dir)?.durable, read.durable);
    Ok(())
}

/// A series log and the length that a manifest names for it.
///
/// # Panics
/// If reading it, describing it, and reading it written anew tell different things.
pub fn series_log(data: &[u8]) {
    let mut input = Input::new(data);
    let (log, cut) = if let Some(log) = Log::mended(data, SERIES_LOG_MAGIC) {
        (log, 0)
    } else {
        let cut = input.number();
        let mut next_id = 0_u64;
        let log = Log::built(&mut input, SERIES_LOG_MAGIC, Header::new(UUID, 0), &[], |_, body| {
            let first = next_id;
            next_id = next_id.saturating_add(Reader::new(body).varint().unwrap_or(0));
            (1, first)
        });
        (log, cut)
    };
    let len = log.bytes.len() as u64;
    let valid_len = len.saturating_sub(cut);
    with_file(SERIES_LOG, log.bytes, |dir| {
        let read = SeriesLog::read(dir, log.uuid, valid_len);
        let described = describe_series_log(dir, SERIES_LOG);
        if valid_len == len {
            match (&read, &described) {
                (Ok(read), Ok(description)) => {
                    assert_eq!((&description.definitions, &description.flaw), (read, &None));
                    assert_eq!(description.sound_to, len);
                }
                (Err(Error::Corrupt { .. }), Ok(description)) => {
                    assert!(description.flaw.is_some() && description.sound_to < len);
                }
                // A header with an id is refused by inspection alone: reading goes by the manifest's uuid.
                (_, described) => assert!(described.is_err(), "{read:?}, {described:?}"),
            }
        }
        if let Ok(definitions) = read {
            let again = with_directory(|dir| rewritten_series_log(dir, &definitions));
            assert_eq!(again.ok(), Some(definitions), "what was read must be the same when it is written again");
        }
    });
}

fn rewritten_series_log(dir: &Dir, definitions: &[SeriesDef]) -> Result<Vec<SeriesDef>> {
    let mut log = SeriesLog::open(dir.clone(), UUID, 0, 0)?;
    let shared: Vec<Arc<SeriesDef>> = definitions.iter().cloned().map(Arc::new).collect();
    let len = log.append(&shared)?;
    SeriesLog::read(dir, UUID, len)
}
