//! What a manifest or a series log holds by itself, for people; nothing is changed.

use uuid::Uuid;

use super::read::{BadEdit, ManifestRead};
use super::series_log::{self, read_groups};
use crate::bytes::Extent;
use crate::bytes::Salt;
use crate::bytes::frame::Frames;
use crate::bytes::header::Header;
use crate::env::{Dir, Open};
use crate::error::{Error, Result};
use crate::finding::Finding;
use crate::series::SeriesDef;
use crate::version::{Durable, Edit};

/// A manifest, as its bytes alone tell it.
#[derive(Debug)]
pub(crate) struct ManifestDescription {
    pub(crate) uuid: Uuid,
    pub(crate) generation: u64,
    pub(crate) file_len: u64,
    /// The sound records; the first is a whole state, each other a step.
    pub(crate) edits: Vec<(Extent, Edit)>,
    /// Their sum.
    pub(crate) durable: Durable,
    /// A bad last edit, which may or may not be damage: that depends on the other files.
    pub(crate) bad: Option<BadEdit>,
    pub(crate) damage: Option<Finding>,
}

/// Describes a manifest of any database and name.
///
/// # Errors
/// Only for the header and for the operating system; damage behind the header is part of the description.
pub(crate) fn describe_manifest(dir: &Dir, name: &str) -> Result<ManifestDescription> {
    let file = dir.open(name, Open::Read)?;
    let (header, file_len) = (Header::read(&file, super::MAGIC)?, file.len()?);
    let (mut edits, mut durable) = (Vec::new(), Durable::default());
    let folded = ManifestRead::fold(file, &header, |place, edit, sum| {
        edits.push((place, edit));
        durable.clone_from(sum);
    });
    let (bad, damage) = match folded {
        Ok(read) => (read.bad, None),
        Err(error) => (None, Some(Finding::of(error)?)),
    };
    Ok(ManifestDescription { uuid: header.uuid, generation: header.id, file_len, edits, durable, bad, damage })
}

/// A series log, as its bytes alone tell it.
#[derive(Debug)]
pub(crate) struct SeriesLogDescription {
    pub(crate) uuid: Uuid,
    pub(crate) file_len: u64,
    /// Each group's place, and how many series are defined with it.
    pub(crate) groups: Vec<(Extent, usize)>,
    /// By id from 0.
    pub(crate) definitions: Vec<SeriesDef>,
    /// Up to here every byte is sound.
    pub(crate) sound_to: u64,
    /// What is wrong behind that. It is no damage if the manifest's length does not reach so far.
    pub(crate) flaw: Option<String>,
}

/// Describes a series log of any database and name.
///
/// # Errors
/// Only for the header and for the operating system; what is wrong behind the header is part of the description.
pub(crate) fn describe_series_log(dir: &Dir, name: &str) -> Result<SeriesLogDescription> {
    let file = dir.open(name, Open::Read)?;
    let (header, file_len) = (Header::read(&file, series_log::MAGIC)?, file.len()?);
    if header.id != 0 {
        return Err(Error::corrupt(file.path(), 0, "its header has an id"));
    }
    let mut frames = Frames::new(file, file_len, Salt::new(&series_log::MAGIC, header.uuid, 0));
    let (mut groups, mut definitions) = (Vec::new(), Vec::new());
    let (sound_to, flaw) = read_groups(&mut frames, &mut definitions, |place, series| groups.push((place, series)))?;
    // What a bad group held before its flaw is not believed.
    definitions.truncate(groups.last().map_or(0, |(_, series)| *series));
    Ok(SeriesLogDescription { uuid: header.uuid, file_len, groups, definitions, sound_to, flaw })
}
