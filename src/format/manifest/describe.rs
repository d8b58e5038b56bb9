//! Description of a manifest or of a series log for reports.

use uuid::Uuid;

use super::reader::{BadEdit, ManifestContents};
use super::series_log::{self, read_definition_groups};
use crate::format::bytes::frame::FrameReader;
use crate::format::bytes::log_header::LogHeader;
use crate::format::bytes::{Extent, SaltedCrc};
use crate::format::finding::Finding;
use crate::platform::env::{Dir, OpenMode};
use crate::state::file_id::FileId;
use crate::state::version::{DurableState, VersionEdit};
use crate::types::error::Result;
use crate::types::series::SeriesInfo;

/// Content of a manifest, read without the other files of the database.
#[derive(Debug)]
pub(crate) struct ManifestDescription {
    pub(crate) uuid: Uuid,
    pub(crate) generation: u64,
    pub(crate) file_len: u64,
    /// Location and content of the valid records; the first is the full record.
    pub(crate) edits: Vec<(Extent, VersionEdit)>,
    /// State after the last valid record.
    pub(crate) state: DurableState,
    /// A bad last edit. Whether it is damage depends on the other files.
    pub(crate) bad_edit: Option<BadEdit>,
    /// Damage at which reading stopped.
    pub(crate) damage: Option<Finding>,
}

/// Describes a manifest of any database, under any file name.
///
/// # Errors
/// Errors of the header and of the operating system. Damage behind the header is part of the description.
pub(crate) fn describe_manifest(dir: &Dir, name: &str) -> Result<ManifestDescription> {
    let file = dir.open(name, OpenMode::Read)?;
    let (header, file_len) = (LogHeader::read(&file, super::MAGIC)?, file.len()?);
    let (mut edits, mut state) = (Vec::new(), DurableState::default());
    let folded = ManifestContents::fold_records(file, &header, |extent, edit, after| {
        edits.push((extent, edit));
        state.clone_from(after);
    });
    let (bad_edit, damage) = match folded {
        Ok(read) => (read.bad_edit, None),
        Err(error) => (None, Some(Finding::from_error(error)?)),
    };
    Ok(ManifestDescription { uuid: header.uuid, generation: header.id, file_len, edits, state, bad_edit, damage })
}

/// Content of a series log, read without the other files of the database.
#[derive(Debug)]
pub(crate) struct SeriesLogDescription {
    pub(crate) uuid: Uuid,
    /// File id in the header.
    pub(crate) id: FileId,
    pub(crate) file_len: u64,
    /// Location of each group, and the number of series defined up to its end.
    pub(crate) groups: Vec<(Extent, usize)>,
    /// Definitions in the order of their ids.
    pub(crate) definitions: Vec<SeriesInfo>,
    /// Offset up to which all bytes are valid.
    pub(crate) valid_to: u64,
    /// Defect at `valid_to`. It is damage only if the manifest names a greater valid length.
    pub(crate) defect: Option<String>,
}

/// Describes a series log of any database, under any file name.
///
/// # Errors
/// Errors of the header and of the operating system. A defect behind the header is part of the description.
pub(crate) fn describe_series_log(dir: &Dir, name: &str) -> Result<SeriesLogDescription> {
    let file = dir.open(name, OpenMode::Read)?;
    let (header, file_len) = (LogHeader::read(&file, series_log::MAGIC)?, file.len()?);
    let mut frames = FrameReader::new(file, file_len, SaltedCrc::new(&series_log::MAGIC, header.uuid, header.id));
    let (mut groups, mut definitions) = (Vec::new(), Vec::new());
    let (valid_to, defect) = read_definition_groups(&mut frames, 0, |extent, group| {
        definitions.extend(group);
        groups.push((extent, definitions.len()));
    })?;
    let id = FileId::new(header.id);
    Ok(SeriesLogDescription { uuid: header.uuid, id, file_len, groups, definitions, valid_to, defect })
}
