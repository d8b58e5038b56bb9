//! Space of all outcomes of a power loss, as slots that hold one number each.
//!
//! The number of a slot is the number of changes of a sector that reached the disk, the index of the length of a file,
//! or 1 if a change of a name is kept. Every assignment of numbers to slots is a possible disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk_image::DiskImage;
use super::disk_state::{DiskState, FsNode, NameChange, NameOp, Namespace};
use super::file_bytes::{FileBytes, overwrite};
use super::file_state::{FileOp, FileState};
use super::op::Inode;

/// Bytes that a device writes atomically.
const SECTOR: usize = 512;
/// Sectors that the page cache writes together.
pub(super) const PAGE_SECTORS: usize = 8;

/// One number per slot.
pub(super) type SlotValues = Vec<u32>;

/// A file with pending changes that may have a name.
#[derive(Debug)]
pub(super) struct PendingFile {
    pub(super) inode: Inode,
    extents: Arc<FileState>,
    /// Slot of the length; the slots of the sectors follow.
    pub(super) slot: usize,
    /// Lengths in the order of the changes that led to them.
    ///
    /// Metadata is written in order, so one index is sufficient.
    lens: Vec<LengthChange>,
    /// Sectors that pending changes touch, in file order, each with the numbers of its operations.
    ///
    /// A sector is written from the cache as it is at one moment, so a later change never reaches the disk without the
    /// earlier ones.
    pub(super) sectors: Vec<(usize, Vec<u64>)>,
    steps: Vec<ContentStep>,
    cache: BTreeMap<SlotValues, Arc<FileBytes>>,
}

#[derive(Debug, Clone, Copy)]
struct LengthChange {
    op_number: u64,
    len: usize,
    /// Number of explicit length changes (`SetLen`) that the length includes.
    set_lens: usize,
}

/// One part of a change; the parts are in the order of the changes.
#[derive(Debug)]
enum ContentStep {
    Land { sector: usize, nth: u32, change: usize, from: usize, to: usize },
    SetLen { number: usize, len: usize },
}

impl PendingFile {
    fn new(inode: Inode, extents: Arc<FileState>, slot: usize) -> Self {
        let mut touched: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
        for change in &extents.changes {
            for (sector, _, _) in pieces(&change.op) {
                touched.entry(sector).or_default().push(change.op_number);
            }
        }
        let sectors: Vec<(usize, Vec<u64>)> = touched.into_iter().collect();
        let mut seen = vec![0; sectors.len()];
        let mut lens = vec![LengthChange { op_number: 0, len: extents.durable.len(), set_lens: 0 }];
        let (mut steps, mut last) = (Vec::new(), lens[0]);
        for (number, change) in extents.changes.iter().enumerate() {
            for (sector, from, to) in pieces(&change.op) {
                let sector = sectors.partition_point(|(number, _)| *number < sector);
                steps.push(ContentStep::Land { sector, nth: seen[sector], change: number, from, to });
                seen[sector] += 1;
            }
            let length = match &change.op {
                FileOp::Write { offset, bytes } => {
                    LengthChange { op_number: change.op_number, len: last.len.max(offset + bytes.len()), ..last }
                }
                FileOp::SetLen(len) => {
                    steps.push(ContentStep::SetLen { number: last.set_lens, len: *len });
                    LengthChange { op_number: change.op_number, len: *len, set_lens: last.set_lens + 1 }
                }
            };
            if (length.len, length.set_lens) != (last.len, last.set_lens) {
                lens.push(length);
                last = length;
            }
        }
        Self { inode, extents, slot, lens, sectors, steps, cache: BTreeMap::new() }
    }

    /// First slot after the slots of this file.
    pub(super) fn end(&self) -> usize {
        self.slot + 1 + self.sectors.len()
    }

    fn bytes(&mut self, filling: &SlotValues) -> Arc<FileBytes> {
        let own = &filling[self.slot..self.end()];
        if let Some(made) = self.cache.get(own) {
            return Arc::clone(made);
        }
        let made = Arc::new(self.make(own[0], &own[1..]));
        self.cache.insert(own.to_vec(), Arc::clone(&made));
        made
    }

    fn make(&self, length: u32, landed: &[u32]) -> FileBytes {
        let length = self.lens[index(length)];
        let mut bytes = self.extents.durable.to_vec();
        for step in &self.steps {
            match step {
                ContentStep::SetLen { number, len } if *number < length.set_lens => bytes.resize(*len, 0),
                ContentStep::Land { sector, nth, change, from, to } if *nth < landed[*sector] => {
                    if let FileOp::Write { offset, bytes: written } = &self.extents.changes[*change].op {
                        overwrite(&mut bytes, *from, &written[from - offset..to - offset]);
                    }
                }
                ContentStep::SetLen { .. } | ContentStep::Land { .. } => {}
            }
        }
        // Bytes beyond the length are dropped. A length beyond the written bytes reads as zeros.
        bytes.resize(length.len, 0);
        bytes.into()
    }

    /// Slot value of the length after an operation.
    fn length_at(&self, at: u64) -> u32 {
        count(self.lens[1..].iter().filter(|length| length.op_number <= at).count())
    }
}

/// Splits a write by sector: number of the sector, start offset, end offset.
fn pieces(op: &FileOp) -> impl Iterator<Item = (usize, usize, usize)> {
    let (from, to) = match op {
        FileOp::Write { offset, bytes } => (*offset, offset + bytes.len()),
        FileOp::SetLen(_) => (0, 0),
    };
    let sectors = if from < to { from / SECTOR..(to - 1) / SECTOR + 1 } else { 0..0 };
    sectors.map(move |sector| (sector, from.max(sector * SECTOR), to.min((sector + 1) * SECTOR)))
}

fn count(number: usize) -> u32 {
    u32::try_from(number).expect("nothing in memory is pending so often")
}

fn index(number: u32) -> usize {
    usize::try_from(number).expect("machines have 32 bits at least")
}

/// All undecided changes of one state.
#[derive(Debug)]
pub(super) struct CrashSpace {
    state: DiskState,
    pub(super) files: Vec<PendingFile>,
    /// Pending changes of names in their order, each with the number of its directory.
    pub(super) name_changes: Vec<(usize, NameChange)>,
    /// Slot of the first name change; the slots before it belong to files.
    pub(super) first_name_slot: usize,
    /// Maximum value of each slot.
    pub(super) max_values: SlotValues,
    /// `true` if the name of a directory is pending, so that the content of the directory may be lost.
    has_pending_dirs: bool,
}

impl CrashSpace {
    pub(super) fn new(state: &DiskState) -> Self {
        let (mut files, mut most) = (Vec::new(), SlotValues::new());
        for (inode, extents) in state.files.iter() {
            if extents.changes.is_empty() || !state.is_named(*inode) {
                continue;
            }
            let file = PendingFile::new(*inode, Arc::clone(extents), most.len());
            most.push(count(file.lens.len() - 1));
            most.extend(file.sectors.iter().map(|(_, touching)| count(touching.len())));
            files.push(file);
        }
        let dirs = state.pending.values().enumerate();
        let mut entries: Vec<(usize, NameChange)> =
            dirs.flat_map(|(dir, changes)| changes.iter().map(move |change| (dir, change.clone()))).collect();
        entries.sort_by_key(|(_, change)| change.op_number);
        let loose_dirs = entries.iter().any(|(_, change)| matches!(change.op, NameOp::Put { node: FsNode::Dir, .. }));
        let first_entry = most.len();
        most.extend(entries.iter().map(|_| 1));
        Self {
            state: state.clone(),
            files,
            name_changes: entries,
            first_name_slot: first_entry,
            max_values: most,
            has_pending_dirs: loose_dirs,
        }
    }

    /// Number of possible outcomes, or `None` if there are more than `most`.
    pub(super) fn outcome_count(&self, most: usize) -> Option<usize> {
        let all = self.max_values.iter().try_fold(1_usize, |all, most| all.checked_mul(index(*most) + 1));
        all.filter(|all| *all <= most)
    }

    /// Returns the outcome with this number.
    pub(super) fn nth_outcome(&self, mut number: usize) -> SlotValues {
        let digits = self.max_values.iter().map(|most| {
            let base = index(*most) + 1;
            let digit = number % base;
            number /= base;
            count(digit)
        });
        digits.collect()
    }

    pub(super) fn empty_outcome(&self) -> SlotValues {
        vec![0; self.max_values.len()]
    }

    /// Numbers of the pending operations.
    pub(super) fn pending(&self) -> Vec<u64> {
        let changes = self.files.iter().flat_map(|file| file.extents.changes.iter().map(|change| change.op_number));
        let mut all: Vec<u64> = changes.chain(self.name_changes.iter().map(|(_, change)| change.op_number)).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Applies to one file the changes up to an operation.
    pub(super) fn fill_file_up_to(filling: &mut SlotValues, file: &PendingFile, at: u64) {
        filling[file.slot] = file.length_at(at);
        for (slot, (_, touching)) in (file.slot + 1..).zip(&file.sectors) {
            filling[slot] = count(touching.partition_point(|touched| *touched <= at));
        }
    }

    /// Applies the name changes up to an operation, in one directory or in all.
    pub(super) fn fill_names_up_to(&self, filling: &mut SlotValues, dir: Option<usize>, at: u64) {
        for (slot, (own, change)) in (self.first_name_slot..).zip(&self.name_changes) {
            if dir.is_none_or(|dir| dir == *own) {
                filling[slot] = u32::from(change.op_number <= at);
            }
        }
    }

    pub(super) fn up_to(&self, at: u64) -> SlotValues {
        let mut filling = self.empty_outcome();
        self.files.iter().for_each(|file| Self::fill_file_up_to(&mut filling, file, at));
        self.fill_names_up_to(&mut filling, None, at);
        filling
    }

    /// Outcome with all operations except one. The sectors of that operation keep their state before it.
    pub(super) fn subtract(&self, at: u64) -> SlotValues {
        let mut filling = self.max_values.clone();
        for file in &self.files {
            for (slot, (_, touching)) in (file.slot + 1..).zip(&file.sectors) {
                if let Ok(before) = touching.binary_search(&at) {
                    filling[slot] = count(before);
                }
            }
            let cut = |change: &&super::file_state::PendingChange| {
                change.op_number == at && matches!(change.op, FileOp::SetLen(_))
            };
            if file.extents.changes.iter().any(|change| cut(&change)) {
                filling[file.slot] = file.length_at(at - 1);
            }
        }
        for (slot, (_, change)) in (self.first_name_slot..).zip(&self.name_changes) {
            filling[slot] = u32::from(change.op_number != at);
        }
        filling
    }

    /// Outcome with one operation alone; the sectors of the operation also have the earlier changes.
    pub(super) fn alone(&self, at: u64) -> SlotValues {
        let mut filling = self.empty_outcome();
        for file in self.files.iter().filter(|file| file.extents.changes.iter().any(|change| change.op_number == at)) {
            filling[file.slot] = file.length_at(at);
            for (slot, (_, touching)) in (file.slot + 1..).zip(&file.sectors) {
                filling[slot] = touching.binary_search(&at).map_or(0, |before| count(before + 1));
            }
        }
        for (slot, (_, change)) in (self.first_name_slot..).zip(&self.name_changes) {
            filling[slot] = u32::from(change.op_number == at);
        }
        filling
    }

    /// Builds the crash image of one outcome.
    pub(super) fn image(&mut self, filling: &SlotValues) -> DiskImage {
        let kept: Vec<&NameChange> = (self.first_name_slot..)
            .zip(&self.name_changes)
            .filter(|(slot, _)| filling[*slot] > 0)
            .map(|(_, (_, change))| change)
            .collect();
        let mut moved;
        let names = if kept.is_empty() && !self.has_pending_dirs {
            &*self.state.durable
        } else {
            moved = Namespace::clone(&self.state.durable);
            for change in kept {
                change.op.apply(&mut moved);
            }
            if self.has_pending_dirs {
                drop_unreachable(&mut moved);
            }
            &moved
        };
        let (files, still) = (&mut self.files, &self.state.files);
        DiskImage::of(names, |inode| match files.iter_mut().find(|file| file.inode == inode) {
            Some(file) => Some(file.bytes(filling)),
            None => still.get(&inode).map(|file| Arc::clone(&file.durable)),
        })
    }
}

/// Removes each name whose parent directories do not all exist.
fn drop_unreachable(names: &mut Namespace) {
    let is_root = |dir: &Path| dir.as_os_str().is_empty() || dir.parent().is_none();
    let reached =
        |path: &Path| path.ancestors().skip(1).all(|dir| is_root(dir) || names.get(dir) == Some(&FsNode::Dir));
    let lost: Vec<PathBuf> = names.keys().filter(|path| !reached(path)).cloned().collect();
    for path in lost {
        names.remove(&path);
    }
}
