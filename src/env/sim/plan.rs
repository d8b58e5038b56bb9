//! Everything that a power loss is free to decide, as slots that each hold a number: how many changes of a sector landed,
//! which of the lengths a file has, whether a change of a name is kept. Any filling of the slots is a disk that may be.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::bytes::{Bytes, overwrite};
use super::extents::{Extents, What};
use super::image::Image;
use super::op::Inode;
use super::state::{EntryChange, Names, Node, Renaming, State};

/// What a device writes as one.
const SECTOR: usize = 512;
/// What the page cache writes as one, in sectors.
pub(super) const PAGE_SECTORS: usize = 8;

/// A number for each slot.
pub(super) type Filling = Vec<u32>;

/// A file that has pending changes and may have a name.
#[derive(Debug)]
pub(super) struct PlannedFile {
    pub(super) inode: Inode,
    extents: Arc<Extents>,
    /// The slot of the length; those of the sectors follow.
    pub(super) slot: usize,
    /// Lengths in the order of the changes that led to them. Metadata is written in order, so one number says it all.
    lens: Vec<Length>,
    /// The sectors that changes touch, in the file's order, each with the numbers of those operations. A sector goes from
    /// the cache to the disk as it is at some moment: a later change of it never lands without the earlier ones.
    pub(super) sectors: Vec<(usize, Vec<u64>)>,
    steps: Vec<Step>,
    made: BTreeMap<Filling, Arc<Bytes>>,
}

#[derive(Debug, Clone, Copy)]
struct Length {
    at: u64,
    len: usize,
    /// How many changes of length by name it includes.
    set_lens: usize,
}

/// A part of a change, in the order of the changes.
#[derive(Debug)]
enum Step {
    Land { sector: usize, nth: u32, change: usize, from: usize, to: usize },
    SetLen { number: usize, len: usize },
}

impl PlannedFile {
    fn new(inode: Inode, extents: Arc<Extents>, slot: usize) -> Self {
        let mut touched: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
        for change in &extents.changes {
            for (sector, _, _) in pieces(&change.what) {
                touched.entry(sector).or_default().push(change.at);
            }
        }
        let sectors: Vec<(usize, Vec<u64>)> = touched.into_iter().collect();
        let mut seen = vec![0; sectors.len()];
        let mut lens = vec![Length { at: 0, len: extents.durable.len(), set_lens: 0 }];
        let (mut steps, mut last) = (Vec::new(), lens[0]);
        for (number, change) in extents.changes.iter().enumerate() {
            for (sector, from, to) in pieces(&change.what) {
                let sector = sectors.partition_point(|(number, _)| *number < sector);
                steps.push(Step::Land { sector, nth: seen[sector], change: number, from, to });
                seen[sector] += 1;
            }
            let length = match &change.what {
                What::Write { offset, bytes } => {
                    Length { at: change.at, len: last.len.max(offset + bytes.len()), ..last }
                }
                What::SetLen(len) => {
                    steps.push(Step::SetLen { number: last.set_lens, len: *len });
                    Length { at: change.at, len: *len, set_lens: last.set_lens + 1 }
                }
            };
            if (length.len, length.set_lens) != (last.len, last.set_lens) {
                lens.push(length);
                last = length;
            }
        }
        Self { inode, extents, slot, lens, sectors, steps, made: BTreeMap::new() }
    }

    /// The slots after its own.
    pub(super) fn end(&self) -> usize {
        self.slot + 1 + self.sectors.len()
    }

    fn bytes(&mut self, filling: &Filling) -> Arc<Bytes> {
        let own = &filling[self.slot..self.end()];
        if let Some(made) = self.made.get(own) {
            return Arc::clone(made);
        }
        let made = Arc::new(self.make(own[0], &own[1..]));
        self.made.insert(own.to_vec(), Arc::clone(&made));
        made
    }

    fn make(&self, length: u32, landed: &[u32]) -> Bytes {
        let length = self.lens[index(length)];
        let mut bytes = self.extents.durable.to_vec();
        for step in &self.steps {
            match step {
                Step::SetLen { number, len } if *number < length.set_lens => bytes.resize(*len, 0),
                Step::Land { sector, nth, change, from, to } if *nth < landed[*sector] => {
                    if let What::Write { offset, bytes: written } = &self.extents.changes[*change].what {
                        overwrite(&mut bytes, *from, &written[from - offset..to - offset]);
                    }
                }
                Step::SetLen { .. } | Step::Land { .. } => {}
            }
        }
        // What landed beyond the end is nobody's; an end beyond what landed reads as zeros.
        bytes.resize(length.len, 0);
        bytes.into()
    }

    /// The number for the length after an operation.
    fn length_at(&self, at: u64) -> u32 {
        count(self.lens[1..].iter().filter(|length| length.at <= at).count())
    }
}

/// The parts of a write by sector: the sector's number, and from where to where.
fn pieces(what: &What) -> impl Iterator<Item = (usize, usize, usize)> {
    let (from, to) = match what {
        What::Write { offset, bytes } => (*offset, offset + bytes.len()),
        What::SetLen(_) => (0, 0),
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

/// What there is to decide about a state.
#[derive(Debug)]
pub(super) struct Plan {
    state: State,
    pub(super) files: Vec<PlannedFile>,
    /// All pending changes of names in their order, each with its directory's number.
    pub(super) entries: Vec<(usize, EntryChange)>,
    /// The slot of the first change of a name; those before it are the files'.
    pub(super) first_entry: usize,
    /// The greatest number that a slot may hold.
    pub(super) most: Filling,
    /// Whether a directory's own name is pending, so that what is in it may vanish as well.
    loose_dirs: bool,
}

impl Plan {
    pub(super) fn new(state: &State) -> Self {
        let (mut files, mut most) = (Vec::new(), Filling::new());
        for (inode, extents) in state.files.iter() {
            if extents.changes.is_empty() || !state.is_named(*inode) {
                continue;
            }
            let file = PlannedFile::new(*inode, Arc::clone(extents), most.len());
            most.push(count(file.lens.len() - 1));
            most.extend(file.sectors.iter().map(|(_, touching)| count(touching.len())));
            files.push(file);
        }
        let dirs = state.pending.values().enumerate();
        let mut entries: Vec<(usize, EntryChange)> =
            dirs.flat_map(|(dir, changes)| changes.iter().map(move |change| (dir, change.clone()))).collect();
        entries.sort_by_key(|(_, change)| change.at);
        let loose_dirs = entries.iter().any(|(_, change)| matches!(change.what, Renaming::Put { node: Node::Dir, .. }));
        let first_entry = most.len();
        most.extend(entries.iter().map(|_| 1));
        Self { state: state.clone(), files, entries, first_entry, most, loose_dirs }
    }

    /// How many fillings there are, unless they are more than so many.
    pub(super) fn fillings(&self, most: usize) -> Option<usize> {
        let all = self.most.iter().try_fold(1_usize, |all, most| all.checked_mul(index(*most) + 1));
        all.filter(|all| *all <= most)
    }

    /// One of all fillings, by number.
    pub(super) fn numbered(&self, mut number: usize) -> Filling {
        let digits = self.most.iter().map(|most| {
            let base = index(*most) + 1;
            let digit = number % base;
            number /= base;
            count(digit)
        });
        digits.collect()
    }

    pub(super) fn nothing(&self) -> Filling {
        vec![0; self.most.len()]
    }

    /// Numbers of the operations that are pending.
    pub(super) fn pending(&self) -> Vec<u64> {
        let changes = self.files.iter().flat_map(|file| file.extents.changes.iter().map(|change| change.at));
        let mut all: Vec<u64> = changes.chain(self.entries.iter().map(|(_, change)| change.at)).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Of one file, what was done up to an operation.
    pub(super) fn fill_file_up_to(filling: &mut Filling, file: &PlannedFile, at: u64) {
        filling[file.slot] = file.length_at(at);
        for (slot, (_, touching)) in (file.slot + 1..).zip(&file.sectors) {
            filling[slot] = count(touching.partition_point(|touched| *touched <= at));
        }
    }

    /// Of the names in all directories, or in one, what was done up to an operation.
    pub(super) fn fill_names_up_to(&self, filling: &mut Filling, dir: Option<usize>, at: u64) {
        for (slot, (own, change)) in (self.first_entry..).zip(&self.entries) {
            if dir.is_none_or(|dir| dir == *own) {
                filling[slot] = u32::from(change.at <= at);
            }
        }
    }

    pub(super) fn up_to(&self, at: u64) -> Filling {
        let mut filling = self.nothing();
        self.files.iter().for_each(|file| Self::fill_file_up_to(&mut filling, file, at));
        self.fill_names_up_to(&mut filling, None, at);
        filling
    }

    /// All but one operation: its sectors stay as they were before it.
    pub(super) fn without(&self, at: u64) -> Filling {
        let mut filling = self.most.clone();
        for file in &self.files {
            for (slot, (_, touching)) in (file.slot + 1..).zip(&file.sectors) {
                if let Ok(before) = touching.binary_search(&at) {
                    filling[slot] = count(before);
                }
            }
            let cut = |change: &&super::extents::Change| change.at == at && matches!(change.what, What::SetLen(_));
            if file.extents.changes.iter().any(|change| cut(&change)) {
                filling[file.slot] = file.length_at(at - 1);
            }
        }
        for (slot, (_, change)) in (self.first_entry..).zip(&self.entries) {
            filling[slot] = u32::from(change.at != at);
        }
        filling
    }

    /// One operation alone, and what its sectors held before it.
    pub(super) fn alone(&self, at: u64) -> Filling {
        let mut filling = self.nothing();
        for file in self.files.iter().filter(|file| file.extents.changes.iter().any(|change| change.at == at)) {
            filling[file.slot] = file.length_at(at);
            for (slot, (_, touching)) in (file.slot + 1..).zip(&file.sectors) {
                filling[slot] = touching.binary_search(&at).map_or(0, |before| count(before + 1));
            }
        }
        for (slot, (_, change)) in (self.first_entry..).zip(&self.entries) {
            filling[slot] = u32::from(change.at == at);
        }
        filling
    }

    /// The image that a filling stands for.
    pub(super) fn image(&mut self, filling: &Filling) -> Image {
        let kept: Vec<&EntryChange> = (self.first_entry..)
            .zip(&self.entries)
            .filter(|(slot, _)| filling[*slot] > 0)
            .map(|(_, (_, change))| change)
            .collect();
        let mut moved;
        let names = if kept.is_empty() && !self.loose_dirs {
            &*self.state.durable
        } else {
            moved = Names::clone(&self.state.durable);
            for change in kept {
                change.what.apply(&mut moved);
            }
            if self.loose_dirs {
                drop_unreachable(&mut moved);
            }
            &moved
        };
        let (files, still) = (&mut self.files, &self.state.files);
        Image::of(names, |inode| match files.iter_mut().find(|file| file.inode == inode) {
            Some(file) => Some(file.bytes(filling)),
            None => still.get(&inode).map(|file| Arc::clone(&file.durable)),
        })
    }
}

/// A name is lost with any of the directories above it.
fn drop_unreachable(names: &mut Names) {
    let is_root = |dir: &Path| dir.as_os_str().is_empty() || dir.parent().is_none();
    let reached = |path: &Path| path.ancestors().skip(1).all(|dir| is_root(dir) || names.get(dir) == Some(&Node::Dir));
    let lost: Vec<PathBuf> = names.keys().filter(|path| !reached(path)).cloned().collect();
    for path in lost {
        names.remove(&path);
    }
}
