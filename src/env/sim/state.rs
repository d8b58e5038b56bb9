//! All of a disk as a value: names and bytes as they are seen, as they are durable, and what is pending between the two.
//! A step is pure, and a copy shares everything until one of the two changes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::bytes::{Bytes, number};
use super::extents::{Extents, What};
use super::image::Image;
use super::images::Images;
use super::op::{Inode, Op};

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Node {
    File(Inode),
    Dir,
}

pub(super) type Names = BTreeMap<PathBuf, Node>;

/// A change of a directory since it was durable.
#[derive(Debug, Clone)]
pub(super) struct EntryChange {
    pub(super) at: u64,
    pub(super) what: Renaming,
    pub(super) limbo: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Renaming {
    Put {
        path: PathBuf,
        node: Node,
    },
    Take {
        path: PathBuf,
    },
    /// The inode gets the new name even if the old one never became durable.
    Move {
        from: PathBuf,
        to: PathBuf,
        inode: Inode,
    },
}

impl Renaming {
    pub(super) fn apply(&self, names: &mut Names) {
        match self {
            Self::Put { path, node } => drop(names.insert(path.clone(), *node)),
            Self::Take { path } => drop(names.remove(path)),
            Self::Move { from, to, inode } => {
                if names.get(from) == Some(&Node::File(*inode)) {
                    names.remove(from);
                }
                names.insert(to.clone(), Node::File(*inode));
            }
        }
    }

    /// The name that it decides about.
    fn decides(&self) -> &Path {
        match self {
            Self::Put { path, .. } | Self::Take { path } => path,
            Self::Move { to, .. } => to,
        }
    }

    fn gives(&self) -> Option<Inode> {
        match self {
            Self::Put { node: Node::File(inode), .. } | Self::Move { inode, .. } => Some(*inode),
            Self::Put { .. } | Self::Take { .. } => None,
        }
    }
}

/// A disk at one moment.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// How many operations led here.
    at: u64,
    next_inode: u32,
    pub(super) live: Arc<Names>,
    pub(super) durable: Arc<Names>,
    /// By directory; none of the lists is empty.
    pub(super) pending: Arc<BTreeMap<PathBuf, Vec<EntryChange>>>,
    pub(super) files: Arc<BTreeMap<Inode, Arc<Extents>>>,
}

impl State {
    /// A disk that holds an image's files, all of them durable.
    #[must_use]
    pub fn from_image(image: &Image) -> Self {
        let mut names: Vec<(PathBuf, Node)> = image.dirs().iter().map(|dir| (dir.clone(), Node::Dir)).collect();
        let mut files = Vec::with_capacity(image.files().len());
        for (inode, (path, bytes)) in (0..).map(Inode).zip(image.files()) {
            names.push((path.clone(), Node::File(inode)));
            files.push((inode, Arc::new(Extents::durable(Arc::clone(bytes)))));
        }
        let next_inode = files.last().map_or(0, |(last, _)| last.0 + 1);
        let names: Arc<Names> = Arc::new(names.into_iter().collect());
        let files = Arc::new(files.into_iter().collect());
        Self { next_inode, live: Arc::clone(&names), durable: names, files, ..Self::default() }
    }

    /// The state after one more operation. One that names what is not there changes nothing.
    pub fn apply(&mut self, op: &Op) {
        self.at += 1;
        match op {
            Op::Create { inode, path } => {
                self.next_inode = self.next_inode.max(inode.0 + 1);
                Arc::make_mut(&mut self.files).insert(*inode, Arc::default());
                self.rename(path, Renaming::Put { path: path.clone(), node: Node::File(*inode) });
            }
            Op::Write { inode, offset, bytes } => {
                let what = What::Write { offset: in_memory(*offset), bytes: Arc::clone(bytes) };
                let at = self.at;
                self.file(*inode, |file| file.change(at, what));
            }
            Op::SetLen { inode, len } => {
                let at = self.at;
                self.file(*inode, |file| file.change(at, What::SetLen(in_memory(*len))));
            }
            Op::Sync { inode, .. } => self.file(*inode, Extents::sync),
            Op::FailedSync { inode, .. } => self.file(*inode, Extents::fail_sync),
            Op::Rename { from, to } => self.move_file(from, to),
            Op::HardLink { inode, path } => {
                self.rename(path, Renaming::Put { path: path.clone(), node: Node::File(*inode) });
            }
            Op::Remove { path } => self.rename(path, Renaming::Take { path: path.clone() }),
            Op::CreateDir { path } => self.rename(path, Renaming::Put { path: path.clone(), node: Node::Dir }),
            Op::SyncDir { dir, .. } => self.sync_dir(dir),
            Op::FailedSyncDir { dir, .. } => {
                let pending = Arc::make_mut(&mut self.pending).get_mut(dir);
                pending.into_iter().flatten().for_each(|change| change.limbo = true);
            }
        }
    }

    fn file(&mut self, inode: Inode, act: impl FnOnce(&mut Extents)) {
        if let Some(file) = Arc::make_mut(&mut self.files).get_mut(&inode) {
            act(Arc::make_mut(file));
        }
    }

    fn rename(&mut self, path: &Path, what: Renaming) {
        what.apply(Arc::make_mut(&mut self.live));
        let dir = path.parent().unwrap_or(Path::new("")).to_owned();
        let change = EntryChange { at: self.at, what, limbo: false };
        Arc::make_mut(&mut self.pending).entry(dir).or_default().push(change);
    }

    fn move_file(&mut self, from: &Path, to: &Path) {
        let Some(Node::File(inode)) = self.live.get(from).copied() else { return };
        if from == to {
            return;
        }
        if from.parent() == to.parent() {
            self.rename(to, Renaming::Move { from: from.to_owned(), to: to.to_owned(), inode });
        } else {
            // Two directories are synced singly, so the old name may outlive the new one, or go before it.
            self.rename(to, Renaming::Put { path: to.to_owned(), node: Node::File(inode) });
            self.rename(from, Renaming::Take { path: from.to_owned() });
        }
    }

    fn sync_dir(&mut self, dir: &Path) {
        let Some(changes) = Arc::make_mut(&mut self.pending).remove(dir) else { return };
        let durable = Arc::make_mut(&mut self.durable);
        let mut left: Vec<EntryChange> = Vec::new();
        for change in changes {
            if change.limbo {
                left.push(change);
                continue;
            }
            change.what.apply(durable);
            left.retain(|older| older.what.decides() != change.what.decides());
        }
        if !left.is_empty() {
            Arc::make_mut(&mut self.pending).insert(dir.to_owned(), left);
        }
    }

    /// What a power loss now may leave: all of it if that is at most so many, else the telling ones and then a draw.
    /// Each comes once.
    #[must_use]
    pub fn images(&self, most: usize, seed: u64) -> Images {
        Images::new(self, most, seed)
    }

    /// What a power loss certainly leaves.
    #[must_use]
    pub fn durable_image(&self) -> Image {
        Image::of(&self.durable, |inode| self.files.get(&inode).map(|file| Arc::clone(&file.durable)))
    }

    /// What everyone sees, durable or not.
    #[must_use]
    pub fn live_image(&self) -> Image {
        Image::of(&self.live, |inode| self.bytes(inode).cloned())
    }

    /// Whether nothing is pending, so that a power loss changes nothing.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.pending.is_empty() && self.files.values().all(|file| file.changes.is_empty())
    }

    /// How many operations led here.
    #[must_use]
    pub fn ops(&self) -> u64 {
        self.at
    }

    pub(super) fn next_inode(&self) -> Inode {
        Inode(self.next_inode)
    }

    pub(super) fn bytes(&self, inode: Inode) -> Option<&Arc<Bytes>> {
        self.files.get(&inode).map(|file| &file.live)
    }

    /// The length of all files that have a name now, and of those without one that are held open.
    pub(super) fn live_bytes(&self, is_open: impl Fn(Inode) -> bool) -> u64 {
        let named = self.live.values().filter_map(|node| match node {
            Node::File(inode) => Some(*inode),
            Node::Dir => None,
        });
        let named: BTreeSet<Inode> = named.collect();
        let counted = self.files.iter().filter(|(inode, _)| named.contains(inode) || is_open(**inode));
        counted.map(|(_, file)| number(file.live.len())).sum()
    }

    pub(super) fn is_dir(&self, path: &Path) -> bool {
        path.as_os_str().is_empty() || path.parent().is_none() || self.live.get(path) == Some(&Node::Dir)
    }

    /// Whether a name leads to the file, or may after a power loss.
    pub(super) fn is_named(&self, inode: Inode) -> bool {
        let named = |names: &Names| names.values().any(|node| *node == Node::File(inode));
        let given = || self.pending.values().flatten().any(|change| change.what.gives() == Some(inode));
        named(&self.durable) || named(&self.live) || given()
    }

    /// Gives up the bytes of a file that nobody can reach any more.
    pub(super) fn forget(&mut self, inode: Inode) {
        Arc::make_mut(&mut self.files).remove(&inode);
    }
}

fn in_memory(number: u64) -> usize {
    usize::try_from(number).expect("the disk refuses files that do not fit into memory")
}
