//! What changes the disk, as values: a log of them replayed over the state before it gives the state after it.

use std::path::PathBuf;
use std::sync::Arc;

use super::super::SyncStep;

/// A file, whatever its name is by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Inode(pub u32);

/// A change of the disk. A sync is one, too: it decides what a power loss can no longer take.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "a variant's line tells what its fields are")]
pub enum Op {
    /// An empty file under a new name.
    Create { inode: Inode, path: PathBuf },
    /// Bytes that were written, a short write's prefix included.
    Write { inode: Inode, offset: u64, bytes: Arc<[u8]> },
    /// A file cut, or grown by zeros.
    SetLen { inode: Inode, len: u64 },
    /// A file's bytes and length made durable; not its name.
    Sync { inode: Inode, step: SyncStep },
    /// A file's new name, which replaces whatever had it.
    Rename { from: PathBuf, to: PathBuf },
    /// A file's second name.
    HardLink { inode: Inode, path: PathBuf },
    /// A name gone.
    Remove { path: PathBuf },
    /// One directory whose parent was there.
    CreateDir { path: PathBuf },
    /// The names in a directory made durable; not what they name.
    SyncDir { dir: PathBuf, step: SyncStep },
    /// A sync that failed: no later one writes what was pending, yet any of it may be on the disk.
    FailedSync { inode: Inode, step: SyncStep },
    /// The same for the names in a directory.
    FailedSyncDir { dir: PathBuf, step: SyncStep },
}
