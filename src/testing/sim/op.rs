//! Operations that change the disk, as values.
//!
//! A log of operations, replayed over the state before it, gives the state after it.

use std::path::PathBuf;
use std::sync::Arc;

use crate::platform::env::SyncStep;

/// Identifies a file independently of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Inode(pub u32);

/// An operation on the disk. A sync is an operation because it limits what a power loss can destroy.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "a variant's line tells what its fields are")]
pub enum DiskOp {
    /// Creates an empty file under a new name.
    Create { inode: Inode, path: PathBuf },
    /// Writes bytes; a short write contains only its prefix.
    Write { inode: Inode, offset: u64, bytes: Arc<[u8]> },
    /// Truncates a file, or extends it with zeros.
    SetLen { inode: Inode, len: u64 },
    /// Makes the bytes and the length of a file durable, but not its name.
    Sync { inode: Inode, step: SyncStep },
    /// Renames a file and replaces any file at the new name.
    Rename { from: PathBuf, to: PathBuf },
    /// Adds a hard link: a second name of a file.
    HardLink { inode: Inode, path: PathBuf },
    /// Removes a name.
    Remove { path: PathBuf },
    /// Creates one directory in an existing directory.
    CreateDir { path: PathBuf },
    /// Makes the names in a directory durable, but not the files they name.
    SyncDir { dir: PathBuf, step: SyncStep },
    /// A failed sync of a file.
    ///
    /// Later syncs do not write the changes that were pending, but any part of them may be on the disk.
    FailedSync { inode: Inode, step: SyncStep },
    /// A failed sync of a directory, with the same effect on the names in it.
    FailedSyncDir { dir: PathBuf, step: SyncStep },
}
