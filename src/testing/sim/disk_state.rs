//! State of a whole disk as a value: live and durable names and bytes, and the pending changes.
//!
//! A step depends only on the state and the operation. Clones share all data until one of them changes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::crash_images::CrashImages;
use super::disk_image::DiskImage;
use super::file_bytes::{FileBytes, len_u64};
use super::file_state::{FileOp, FileState};
use super::op::{DiskOp, Inode};

/// File or directory that a name refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FsNode {
    File(Inode),
    Dir,
}

pub(super) type Namespace = BTreeMap<PathBuf, FsNode>;

/// A change of a directory that is not yet durable.
#[derive(Debug, Clone)]
pub(super) struct NameChange {
    pub(super) op_number: u64,
    pub(super) op: NameOp,
    pub(super) sync_failed: bool,
}

#[derive(Debug, Clone)]
pub(super) enum NameOp {
    Put {
        path: PathBuf,
        node: FsNode,
    },
    Take {
        path: PathBuf,
    },
    /// Renames within one directory.
    ///
    /// The inode gets the new name even if the old name never became durable.
    Move {
        from: PathBuf,
        to: PathBuf,
        inode: Inode,
    },
}

impl NameOp {
    pub(super) fn apply(&self, names: &mut Namespace) {
        match self {
            Self::Put { path, node } => drop(names.insert(path.clone(), *node)),
            Self::Take { path } => drop(names.remove(path)),
            Self::Move { from, to, inode } => {
                if names.get(from) == Some(&FsNode::File(*inode)) {
                    names.remove(from);
                }
                names.insert(to.clone(), FsNode::File(*inode));
            }
        }
    }

    /// The name that this change sets or removes.
    fn target_path(&self) -> &Path {
        match self {
            Self::Put { path, .. } | Self::Take { path } => path,
            Self::Move { to, .. } => to,
        }
    }

    fn linked_inode(&self) -> Option<Inode> {
        match self {
            Self::Put { node: FsNode::File(inode), .. } | Self::Move { inode, .. } => Some(*inode),
            Self::Put { .. } | Self::Take { .. } => None,
        }
    }
}

/// State of a disk at one moment.
#[derive(Debug, Clone, Default)]
pub struct DiskState {
    /// Number of operations that led to this state.
    op_number: u64,
    next_inode: u32,
    pub(super) live: Arc<Namespace>,
    pub(super) durable: Arc<Namespace>,
    /// Pending name changes by directory; no list is empty.
    pub(super) pending: Arc<BTreeMap<PathBuf, Vec<NameChange>>>,
    pub(super) files: Arc<BTreeMap<Inode, Arc<FileState>>>,
}

impl DiskState {
    /// Creates a state in which all files of the image are durable.
    #[must_use]
    pub fn from_image(image: &DiskImage) -> Self {
        let mut names: Vec<(PathBuf, FsNode)> = image.dirs().iter().map(|dir| (dir.clone(), FsNode::Dir)).collect();
        let mut files = Vec::with_capacity(image.files().len());
        for (inode, (path, bytes)) in (0..).map(Inode).zip(image.files()) {
            names.push((path.clone(), FsNode::File(inode)));
            files.push((inode, Arc::new(FileState::durable(Arc::clone(bytes)))));
        }
        let next_inode = files.last().map_or(0, |(last, _)| last.0 + 1);
        let names: Arc<Namespace> = Arc::new(names.into_iter().collect());
        let files = Arc::new(files.into_iter().collect());
        Self { next_inode, live: Arc::clone(&names), durable: names, files, ..Self::default() }
    }

    /// Applies one operation. An operation on a missing file or name changes nothing.
    pub fn apply(&mut self, op: &DiskOp) {
        self.op_number += 1;
        match op {
            DiskOp::Create { inode, path } => {
                self.next_inode = self.next_inode.max(inode.0 + 1);
                Arc::make_mut(&mut self.files).insert(*inode, Arc::default());
                self.rename(path, NameOp::Put { path: path.clone(), node: FsNode::File(*inode) });
            }
            DiskOp::Write { inode, offset, bytes } => {
                let op = FileOp::Write { offset: in_memory(*offset), bytes: Arc::clone(bytes) };
                let at = self.op_number;
                self.file(*inode, |file| file.change(at, op));
            }
            DiskOp::SetLen { inode, len } => {
                let at = self.op_number;
                self.file(*inode, |file| file.change(at, FileOp::SetLen(in_memory(*len))));
            }
            DiskOp::Sync { inode, .. } => self.file(*inode, FileState::sync),
            DiskOp::FailedSync { inode, .. } => self.file(*inode, FileState::fail_sync),
            DiskOp::Rename { from, to } => self.move_file(from, to),
            DiskOp::HardLink { inode, path } => {
                self.rename(path, NameOp::Put { path: path.clone(), node: FsNode::File(*inode) });
            }
            DiskOp::Remove { path } => self.rename(path, NameOp::Take { path: path.clone() }),
            DiskOp::CreateDir { path } => self.rename(path, NameOp::Put { path: path.clone(), node: FsNode::Dir }),
            DiskOp::SyncDir { dir, .. } => self.sync_dir(dir),
            DiskOp::FailedSyncDir { dir, .. } => {
                let pending = Arc::make_mut(&mut self.pending).get_mut(dir);
                pending.into_iter().flatten().for_each(|change| change.sync_failed = true);
            }
        }
    }

    fn file(&mut self, inode: Inode, act: impl FnOnce(&mut FileState)) {
        if let Some(file) = Arc::make_mut(&mut self.files).get_mut(&inode) {
            act(Arc::make_mut(file));
        }
    }

    fn rename(&mut self, path: &Path, op: NameOp) {
        op.apply(Arc::make_mut(&mut self.live));
        let dir = path.parent().unwrap_or(Path::new("")).to_owned();
        let change = NameChange { op_number: self.op_number, op, sync_failed: false };
        Arc::make_mut(&mut self.pending).entry(dir).or_default().push(change);
    }

    fn move_file(&mut self, from: &Path, to: &Path) {
        let Some(FsNode::File(inode)) = self.live.get(from).copied() else { return };
        if from == to {
            return;
        }
        if from.parent() == to.parent() {
            self.rename(to, NameOp::Move { from: from.to_owned(), to: to.to_owned(), inode });
        } else {
            // The two directories are synced separately, so a crash may keep both names or neither.
            self.rename(to, NameOp::Put { path: to.to_owned(), node: FsNode::File(inode) });
            self.rename(from, NameOp::Take { path: from.to_owned() });
        }
    }

    fn sync_dir(&mut self, dir: &Path) {
        let Some(changes) = Arc::make_mut(&mut self.pending).remove(dir) else { return };
        let durable = Arc::make_mut(&mut self.durable);
        let mut left: Vec<NameChange> = Vec::new();
        for change in changes {
            if change.sync_failed {
                left.push(change);
                continue;
            }
            change.op.apply(durable);
            left.retain(|older| older.op.target_path() != change.op.target_path());
        }
        if !left.is_empty() {
            Arc::make_mut(&mut self.pending).insert(dir.to_owned(), left);
        }
    }

    /// Returns crash images of this state, each at most once.
    ///
    /// The result has all images if there are at most `most`; otherwise it has selected images and random draws.
    #[must_use]
    pub fn images(&self, most: usize, seed: u64) -> CrashImages {
        CrashImages::new(self, most, seed)
    }

    /// Returns the image that contains only the durable state.
    #[must_use]
    pub fn durable_image(&self) -> DiskImage {
        DiskImage::of(&self.durable, |inode| self.files.get(&inode).map(|file| Arc::clone(&file.durable)))
    }

    /// Returns the files and names as the running process sees them, durable or not.
    #[must_use]
    pub fn live_image(&self) -> DiskImage {
        DiskImage::of(&self.live, |inode| self.bytes(inode).cloned())
    }

    /// Returns `true` if nothing is pending, so that a power loss changes nothing.
    #[must_use]
    pub fn is_fully_durable(&self) -> bool {
        self.pending.is_empty() && self.files.values().all(|file| file.changes.is_empty())
    }

    /// Number of operations that led to this state.
    #[must_use]
    pub fn ops(&self) -> u64 {
        self.op_number
    }

    pub(super) fn next_inode(&self) -> Inode {
        Inode(self.next_inode)
    }

    pub(super) fn bytes(&self, inode: Inode) -> Option<&Arc<FileBytes>> {
        self.files.get(&inode).map(|file| &file.live)
    }

    /// Length of the durable bytes of a file: these have blocks, which can be overwritten on a full disk.
    pub(super) fn durable_len(&self, inode: Inode) -> u64 {
        self.files.get(&inode).map_or(0, |file| len_u64(file.durable.len()))
    }

    /// Total length of all files that have a live name or an open handle.
    pub(super) fn live_bytes(&self, is_open: impl Fn(Inode) -> bool) -> u64 {
        let named = self.live.values().filter_map(|node| match node {
            FsNode::File(inode) => Some(*inode),
            FsNode::Dir => None,
        });
        let named: BTreeSet<Inode> = named.collect();
        let counted = self.files.iter().filter(|(inode, _)| named.contains(inode) || is_open(**inode));
        counted.map(|(_, file)| len_u64(file.live.len())).sum()
    }

    pub(super) fn is_dir(&self, path: &Path) -> bool {
        path.as_os_str().is_empty() || path.parent().is_none() || self.live.get(path) == Some(&FsNode::Dir)
    }

    /// Returns `true` if a name refers to the file, or may refer to it after a power loss.
    pub(super) fn is_named(&self, inode: Inode) -> bool {
        let named = |names: &Namespace| names.values().any(|node| *node == FsNode::File(inode));
        let given = || self.pending.values().flatten().any(|change| change.op.linked_inode() == Some(inode));
        named(&self.durable) || named(&self.live) || given()
    }

    /// Returns the files for which [`is_named`](Self::is_named) holds.
    pub(super) fn named_files(&self) -> BTreeSet<Inode> {
        let named = self.durable.values().chain(self.live.values()).filter_map(|node| match node {
            FsNode::File(inode) => Some(*inode),
            FsNode::Dir => None,
        });
        let given = self.pending.values().flatten().filter_map(|change| change.op.linked_inode());
        named.chain(given).collect()
    }

    /// Removes the bytes of an unreachable file.
    pub(super) fn free_file(&mut self, inode: Inode) {
        Arc::make_mut(&mut self.files).remove(&inode);
    }
}

fn in_memory(number: u64) -> usize {
    usize::try_from(number).expect("the disk refuses files that do not fit into memory")
}
