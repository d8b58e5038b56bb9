//! Reads the identity of an SST from its header.
//!
//! Recovery checks the identity of SSTs that the manifest does not name, before it removes them as garbage.

use uuid::Uuid;

use super::header_footer::{SST_FORMAT_VERSION, SstHeader, is_other_version};
use crate::platform::env::{Dir, OpenMode};
use crate::state::file_id::FileId;
use crate::types::error::{Error, Result};

/// Returns the database uuid and the file id in the header of a file; `None` without a valid SST header.
///
/// # Errors
/// [`Error::UnsupportedVersion`] if another release wrote the file; [`Error::Io`] if the file cannot be read.
pub(crate) fn read_identity(dir: &Dir, name: &str) -> Result<Option<(Uuid, FileId)>> {
    let file = dir.open(name, OpenMode::Read)?;
    if file.len()? < SstHeader::LEN as u64 {
        return Ok(None);
    }
    let mut bytes = [0; SstHeader::LEN];
    file.read_at(0, &mut bytes)?;
    match SstHeader::decode(&bytes) {
        Ok(header) if is_other_version(header.version) => Err(Error::UnsupportedVersion {
            file: file.path().to_owned(),
            found: header.version,
            newest: SST_FORMAT_VERSION,
        }),
        Ok(header) => Ok(Some((header.uuid, header.id))),
        Err(_) => Ok(None),
    }
}
