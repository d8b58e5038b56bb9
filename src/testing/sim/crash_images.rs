//! Enumerates the crash images of one moment.
//!
//! A small set of images is returned completely. Of a large set, the first images distinguish similar rules of the
//! disk, and at least as many images are random draws from a seed. No image is returned twice.

use std::collections::HashSet;

use super::crash_space::{CrashSpace, PAGE_SECTORS, SlotValues};
use super::disk_image::{CrashChoice, DiskImage};
use super::disk_state::DiskState;
use super::file_bytes::SeededRng;

/// Number of consecutive draws without a new image after which the enumeration ends.
const MAX_FRUITLESS_DRAWS: usize = 200;

/// Iterator over the crash images of one state.
#[derive(Debug)]
pub struct CrashImages {
    plan: CrashSpace,
    choices: CrashChoices,
    left: usize,
    seen: HashSet<u64>,
}

#[derive(Debug)]
enum CrashChoices {
    All { next: usize, count: usize },
    Some { fixed: std::iter::Take<std::vec::IntoIter<CrashChoice>>, chance: SeededRng, pending: Vec<u64>, drawn: u64 },
}

impl CrashImages {
    pub(super) fn new(state: &DiskState, most: usize, seed: u64) -> Self {
        let plan = CrashSpace::new(state);
        let choices = if let Some(count) = plan.outcome_count(most) {
            CrashChoices::All { next: 0, count }
        } else {
            let pending = plan.pending();
            CrashChoices::Some {
                fixed: fixed_choices(&pending).into_iter().take(most.div_ceil(2)),
                chance: SeededRng::new(seed),
                pending,
                drawn: 0,
            }
        };
        Self { plan, choices, left: most, seen: HashSet::new() }
    }

    /// Returns `true` if the iterator returns every possible image.
    #[must_use]
    pub fn is_exhaustive(&self) -> bool {
        matches!(self.choices, CrashChoices::All { .. })
    }

    fn choose(&mut self) -> Option<(CrashChoice, SlotValues)> {
        match &mut self.choices {
            CrashChoices::All { next, count } => {
                let number = *next;
                *next += 1;
                let choice = CrashChoice::Numbered(super::file_bytes::len_u64(number));
                (number < *count).then(|| (choice, self.plan.nth_outcome(number)))
            }
            CrashChoices::Some { fixed, chance, pending, drawn } => {
                if let Some(choice) = fixed.next() {
                    return Some((choice, slots_for_choice(&self.plan, choice)));
                }
                *drawn += 1;
                Some((CrashChoice::Drawn(*drawn), draw(&self.plan, pending, chance)))
            }
        }
    }
}

impl Iterator for CrashImages {
    type Item = DiskImage;

    fn next(&mut self) -> Option<DiskImage> {
        let mut in_vain = 0;
        while self.left > 0 && in_vain < MAX_FRUITLESS_DRAWS {
            let (choice, filling) = self.choose()?;
            let image = self.plan.image(&filling);
            if self.seen.insert(image.hash()) {
                self.left -= 1;
                return Some(image.with_choice(choice));
            }
            in_vain += usize::from(matches!(choice, CrashChoice::Drawn(_)));
        }
        None
    }
}

fn fixed_choices(pending: &[u64]) -> Vec<CrashChoice> {
    let mut fixed = vec![CrashChoice::Nothing, CrashChoice::Everything];
    fixed.extend(pending.iter().map(|at| CrashChoice::Without(*at)));
    fixed.extend(pending.iter().map(|at| CrashChoice::Alone(*at)));
    fixed.extend([CrashChoice::ContentsOnly, CrashChoice::NamesOnly, CrashChoice::NamesAndLengths]);
    fixed.extend(pending.iter().map(|at| CrashChoice::UpTo(*at)));
    fixed
}

fn slots_for_choice(plan: &CrashSpace, choice: CrashChoice) -> SlotValues {
    let mut filling = plan.empty_outcome();
    match choice {
        CrashChoice::Nothing | CrashChoice::Numbered(_) | CrashChoice::Drawn(_) => {}
        CrashChoice::Everything => filling.clone_from(&plan.max_values),
        CrashChoice::Without(at) => filling = plan.subtract(at),
        CrashChoice::Alone(at) => filling = plan.alone(at),
        CrashChoice::UpTo(at) => filling = plan.up_to(at),
        CrashChoice::ContentsOnly => {
            filling[..plan.first_name_slot].copy_from_slice(&plan.max_values[..plan.first_name_slot]);
        }
        CrashChoice::NamesOnly => plan.fill_names_up_to(&mut filling, None, u64::MAX),
        CrashChoice::NamesAndLengths => {
            plan.fill_names_up_to(&mut filling, None, u64::MAX);
            plan.files.iter().for_each(|file| filling[file.slot] = plan.max_values[file.slot]);
        }
    }
    filling
}

/// Draws one of four kinds of loss with equal probability.
///
/// The kinds are: a prefix of all operations with a torn end; a prefix per file and directory; single sectors; whole
/// pages.
fn draw(plan: &CrashSpace, pending: &[u64], chance: &mut SeededRng) -> SlotValues {
    match chance.below(4) {
        0 => draw_torn(plan, pending, chance),
        1 => draw_prefixes(plan, pending, chance),
        2 => draw_sectors(plan, 1, chance),
        _ => draw_sectors(plan, PAGE_SECTORS, chance),
    }
}

fn draw_time(pending: &[u64], chance: &mut SeededRng) -> u64 {
    // Index 0 means that no pending operation reached the disk.
    match chance.up_to(pending.len()) {
        0 => 0,
        nth => pending[nth - 1],
    }
}

fn draw_torn(plan: &CrashSpace, pending: &[u64], chance: &mut SeededRng) -> SlotValues {
    let at = draw_time(pending, chance);
    let (before, mut filling) = (plan.up_to(at.saturating_sub(1)), plan.up_to(at));
    for (after, before) in filling.iter_mut().zip(before) {
        if *after != before && chance.below(2) == 0 {
            *after = before;
        }
    }
    filling
}

fn draw_prefixes(plan: &CrashSpace, pending: &[u64], chance: &mut SeededRng) -> SlotValues {
    let mut filling = plan.empty_outcome();
    for file in &plan.files {
        CrashSpace::fill_file_up_to(&mut filling, file, draw_time(pending, chance));
    }
    let dirs = plan.name_changes.iter().map(|(dir, _)| dir + 1).max().unwrap_or(0);
    for dir in 0..dirs {
        plan.fill_names_up_to(&mut filling, Some(dir), draw_time(pending, chance));
    }
    filling
}

/// Draws which sectors reached the disk.
///
/// Within a group of `alike` adjacent sectors the outcome is equal.
fn draw_sectors(plan: &CrashSpace, alike: usize, chance: &mut SeededRng) -> SlotValues {
    let mut filling = plan.empty_outcome();
    for file in &plan.files {
        // In half of the draws the length is the newest one. Otherwise the length would cut off most of the sectors
        // that reached the disk.
        filling[file.slot] =
            if chance.below(2) == 0 { plan.max_values[file.slot] } else { draw_slot(plan, file.slot, chance) };
        let mut last = None;
        for (slot, (sector, touching)) in (file.slot + 1..).zip(&file.sectors) {
            let group = sector / alike;
            let at = match last {
                Some((same, at)) if same == group && alike > 1 => at,
                _ => draw_time(touching, chance),
            };
            last = Some((group, at));
            let landed = touching.partition_point(|touched| *touched <= at);
            filling[slot] = plan.max_values[slot].min(u32::try_from(landed).unwrap_or(u32::MAX));
        }
    }
    for (slot, kept) in filling.iter_mut().enumerate().skip(plan.first_name_slot) {
        *kept = draw_slot(plan, slot, chance);
    }
    filling
}

fn draw_slot(plan: &CrashSpace, slot: usize, chance: &mut SeededRng) -> u32 {
    u32::try_from(chance.below(u64::from(plan.max_values[slot]) + 1)).expect("it is at most what the slot holds")
}
