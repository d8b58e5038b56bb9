//! The images of one moment: all of them where they are few; else those that tell one rule from its neighbour, and then
//! draws from a seed, at least as many. None comes twice.

use std::collections::HashSet;

use super::bytes::Chance;
use super::image::{Choice, Image};
use super::plan::{Filling, PAGE_SECTORS, Plan};
use super::state::State;

/// So many draws in a row that bring nothing new, and there is nothing new to be expected.
const PATIENCE: usize = 200;

/// What a power loss may leave, one image after the other.
#[derive(Debug)]
pub struct Images {
    plan: Plan,
    choices: Choices,
    left: usize,
    seen: HashSet<u64>,
}

#[derive(Debug)]
enum Choices {
    All { next: usize, count: usize },
    Some { fixed: std::iter::Take<std::vec::IntoIter<Choice>>, chance: Chance, pending: Vec<u64>, drawn: u64 },
}

impl Images {
    pub(super) fn new(state: &State, most: usize, seed: u64) -> Self {
        let plan = Plan::new(state);
        let choices = if let Some(count) = plan.fillings(most) {
            Choices::All { next: 0, count }
        } else {
            let pending = plan.pending();
            Choices::Some {
                fixed: fixed(&pending).into_iter().take(most.div_ceil(2)),
                chance: Chance::new(seed),
                pending,
                drawn: 0,
            }
        };
        Self { plan, choices, left: most, seen: HashSet::new() }
    }

    /// Whether these are all that there are.
    #[must_use]
    pub fn is_exhaustive(&self) -> bool {
        matches!(self.choices, Choices::All { .. })
    }

    fn choose(&mut self) -> Option<(Choice, Filling)> {
        match &mut self.choices {
            Choices::All { next, count } => {
                let number = *next;
                *next += 1;
                let choice = Choice::Numbered(super::bytes::number(number));
                (number < *count).then(|| (choice, self.plan.numbered(number)))
            }
            Choices::Some { fixed, chance, pending, drawn } => {
                if let Some(choice) = fixed.next() {
                    return Some((choice, filling(&self.plan, choice)));
                }
                *drawn += 1;
                Some((Choice::Drawn(*drawn), draw(&self.plan, pending, chance)))
            }
        }
    }
}

impl Iterator for Images {
    type Item = Image;

    fn next(&mut self) -> Option<Image> {
        let mut in_vain = 0;
        while self.left > 0 && in_vain < PATIENCE {
            let (choice, filling) = self.choose()?;
            let image = self.plan.image(&filling);
            if self.seen.insert(image.hash()) {
                self.left -= 1;
                return Some(image.chosen(choice));
            }
            in_vain += usize::from(matches!(choice, Choice::Drawn(_)));
        }
        None
    }
}

fn fixed(pending: &[u64]) -> Vec<Choice> {
    let mut fixed = vec![Choice::Nothing, Choice::Everything];
    fixed.extend(pending.iter().map(|at| Choice::Without(*at)));
    fixed.extend(pending.iter().map(|at| Choice::Alone(*at)));
    fixed.extend([Choice::ContentsOnly, Choice::NamesOnly, Choice::NamesAndLengths]);
    fixed.extend(pending.iter().map(|at| Choice::UpTo(*at)));
    fixed
}

fn filling(plan: &Plan, choice: Choice) -> Filling {
    let mut filling = plan.nothing();
    match choice {
        Choice::Nothing | Choice::Numbered(_) | Choice::Drawn(_) => {}
        Choice::Everything => filling.clone_from(&plan.most),
        Choice::Without(at) => filling = plan.without(at),
        Choice::Alone(at) => filling = plan.alone(at),
        Choice::UpTo(at) => filling = plan.up_to(at),
        Choice::ContentsOnly => {
            filling[..plan.first_entry].copy_from_slice(&plan.most[..plan.first_entry]);
        }
        Choice::NamesOnly => plan.fill_names_up_to(&mut filling, None, u64::MAX),
        Choice::NamesAndLengths => {
            plan.fill_names_up_to(&mut filling, None, u64::MAX);
            plan.files.iter().for_each(|file| filling[file.slot] = plan.most[file.slot]);
        }
    }
    filling
}

/// Four kinds of loss, each as often: in the order of the whole disk with its end torn; in the order of each file and
/// directory; by sector; by page.
fn draw(plan: &Plan, pending: &[u64], chance: &mut Chance) -> Filling {
    match chance.below(4) {
        0 => draw_torn(plan, pending, chance),
        1 => draw_prefixes(plan, pending, chance),
        2 => draw_sectors(plan, 1, chance),
        _ => draw_sectors(plan, PAGE_SECTORS, chance),
    }
}

fn draw_time(pending: &[u64], chance: &mut Chance) -> u64 {
    // One before the first stands for nothing at all.
    match chance.up_to(pending.len()) {
        0 => 0,
        nth => pending[nth - 1],
    }
}

fn draw_torn(plan: &Plan, pending: &[u64], chance: &mut Chance) -> Filling {
    let at = draw_time(pending, chance);
    let (before, mut filling) = (plan.up_to(at.saturating_sub(1)), plan.up_to(at));
    for (after, before) in filling.iter_mut().zip(before) {
        if *after != before && chance.below(2) == 0 {
            *after = before;
        }
    }
    filling
}

fn draw_prefixes(plan: &Plan, pending: &[u64], chance: &mut Chance) -> Filling {
    let mut filling = plan.nothing();
    for file in &plan.files {
        Plan::fill_file_up_to(&mut filling, file, draw_time(pending, chance));
    }
    let dirs = plan.entries.iter().map(|(dir, _)| dir + 1).max().unwrap_or(0);
    for dir in 0..dirs {
        plan.fill_names_up_to(&mut filling, Some(dir), draw_time(pending, chance));
    }
    filling
}

/// Sectors land or do not, so many side by side alike.
fn draw_sectors(plan: &Plan, alike: usize, chance: &mut Chance) -> Filling {
    let mut filling = plan.nothing();
    for file in &plan.files {
        // Most often the length is the newest one: else most of what landed would be cut off.
        filling[file.slot] =
            if chance.below(2) == 0 { plan.most[file.slot] } else { draw_slot(plan, file.slot, chance) };
        let mut last = None;
        for (slot, (sector, touching)) in (file.slot + 1..).zip(&file.sectors) {
            let group = sector / alike;
            let at = match last {
                Some((same, at)) if same == group && alike > 1 => at,
                _ => draw_time(touching, chance),
            };
            last = Some((group, at));
            let landed = touching.partition_point(|touched| *touched <= at);
            filling[slot] = plan.most[slot].min(u32::try_from(landed).unwrap_or(u32::MAX));
        }
    }
    for (slot, kept) in filling.iter_mut().enumerate().skip(plan.first_entry) {
        *kept = draw_slot(plan, slot, chance);
    }
    filling
}

fn draw_slot(plan: &Plan, slot: usize, chance: &mut Chance) -> u32 {
    u32::try_from(chance.below(u64::from(plan.most[slot]) + 1)).expect("it is at most what the slot holds")
}
