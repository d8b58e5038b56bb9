//! Whose an SST is, by its header alone: asked of files that nothing names, before they are called garbage.

use uuid::Uuid;

use super::footer::{FORMAT_VERSION, Header};
use crate::env::{Dir, Open};
use crate::error::{Error, Result};
use crate::version::FileId;

/// The database and the id that a file bears, or `None` if it does not begin as an SST does.
///
/// # Errors
/// `UnsupportedVersion` for a file from the future.
pub(crate) fn owner(dir: &Dir, name: &str) -> Result<Option<(Uuid, FileId)>> {
    let file = dir.open(name, Open::Read)?;
    if file.len()? < Header::LEN as u64 {
        return Ok(None);
    }
    let mut bytes = [0; Header::LEN];
    file.read_at(0, &mut bytes)?;
    match Header::decode(&bytes) {
        Ok(header) if header.version > FORMAT_VERSION => Err(Error::UnsupportedVersion {
            file: file.path().to_owned(),
            found: header.version,
            newest: FORMAT_VERSION,
        }),
        Ok(header) => Ok(Some((header.uuid, header.id))),
        Err(_) => Ok(None),
    }
}
