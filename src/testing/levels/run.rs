//! One load against one compactor: flushes arrive, a merge goes on beside them, and what is left is measured.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::loads::Load;
use super::lump::{Lump, Size, coalesce, fragments};
use super::measure::Outcome;
use crate::sync::Arc;
use crate::version::pick::{Fragment, Output, Plan, Region, broken_base, flush_regions, pick, regions};
use crate::version::{DyadicBox, FileId, L0, Rectangle, SstMeta};

/// Points a second that are written.
const INGEST: u64 = 20_000_000;
/// How finely a file is known.
const LUMPS: usize = 48;

/// How many points a second the compactor reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speed {
    /// Whatever is due is done before the next flush.
    Unbounded,
    /// While points come at 20 M a second.
    PointsPerSecond(u64),
}

#[derive(Debug)]
pub(super) struct Held {
    pub(super) meta: Arc<SstMeta>,
    pub(super) lumps: Vec<Lump>,
}

#[derive(Debug, Default)]
pub(super) struct World {
    /// Oldest first.
    pub(super) files: Vec<Held>,
    pub(super) newest: Option<i64>,
    given: u64,
    pub(super) points: u64,
    pub(super) bytes_flushed: u64,
    pub(super) bytes_merged: u64,
    pub(super) plans: u64,
    pub(super) worst_l0: usize,
}

/// A merge, and when it will be done, in points that could have been written until then.
type UnderWay = Option<(u64, Plan)>;

/// What becomes of a load of about so many points.
#[must_use]
pub fn simulate(load: Load, points: u64, speed: Speed) -> Outcome {
    let mut world = World::default();
    let (size, flushes) = load.flushes(points);
    let mut under_way: UnderWay = None;
    for number in 0..flushes {
        let now = number * size;
        world.merge_until(now, speed, &mut under_way);
        world.flush(&load.flush(number, flushes));
        if under_way.is_none() {
            under_way = world.start(now, speed);
        }
        world.merge_until(now, speed, &mut under_way);
        let waiting = world.files.iter().filter(|held| held.meta.level == L0).count();
        world.worst_l0 = world.worst_l0.max(waiting);
    }
    let end = flushes * size;
    let mut last = end;
    while let Some((done, plan)) = under_way.take() {
        last = last.max(done);
        world.install(&plan);
        under_way = world.start(done, speed);
    }
    Outcome::of(&world, (last - end) / INGEST)
}

impl World {
    fn ssts(&self) -> Vec<Arc<SstMeta>> {
        self.files.iter().map(|held| Arc::clone(&held.meta)).collect()
    }

    fn merge_until(&mut self, now: u64, speed: Speed, under_way: &mut UnderWay) {
        while let Some((done, plan)) = under_way.take_if(|(done, _)| *done <= now) {
            self.install(&plan);
            *under_way = self.start(done, speed);
        }
    }

    fn start(&self, now: u64, speed: Speed) -> UnderWay {
        let plan = pick(&self.ssts(), &BTreeSet::new())?;
        let cost = match speed {
            Speed::Unbounded => 0,
            Speed::PointsPerSecond(rate) => {
                let points: u64 = plan.inputs.iter().map(|file| file.points).sum();
                points * (INGEST / 1_000) / (rate / 1_000)
            }
        };
        Some((now + cost, plan))
    }

    fn flush(&mut self, lumps: &[Lump]) {
        let size = Size::of(lumps);
        let cut = flush_regions(&fragments(lumps, size).collect::<Vec<_>>(), self.newest);
        self.newest = self.newest.max(lumps.iter().map(|lump| lump.rectangle.last_time).max());
        self.points += size.points;
        let age = self.give();
        self.bytes_flushed += self.write(&cut, lumps, L0, age);
    }

    fn install(&mut self, plan: &Plan) {
        self.plans += 1;
        let taken: BTreeSet<FileId> = plan.inputs.iter().map(|file| file.id).collect();
        let (going, staying): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.files).into_iter().partition(|held| taken.contains(&held.meta.id));
        self.files = staying;
        let mut lumps: Vec<Lump> = Vec::new();
        let mut estimates: Vec<Fragment> = Vec::new();
        for held in going {
            estimates.extend(fragments(&held.lumps, Size::of(&held.lumps)));
            lumps.extend(held.lumps);
        }
        let fresh = self.give();
        let age = if let Output::InPlace { age, .. } = plan.output { age } else { fresh };
        self.bytes_merged += self.write(&regions(plan, &estimates), &lumps, plan.output.level(), age);
        debug_assert!(!broken_base(&self.ssts()), "{plan:?}");
    }

    /// One file a region that has anything in it; the bytes of them all.
    fn write(&mut self, cut: &[Region], lumps: &[Lump], level: u8, age: u64) -> u64 {
        let mut written = 0;
        for region in cut {
            let mut inside: Vec<Lump> = lumps.iter().filter_map(|lump| lump.within(&region.area)).collect();
            let around = inside.iter().map(|lump| lump.rectangle).reduce(|all, one| all.join(&one));
            let Some(rectangle) = around else { continue };
            coalesce(&mut inside, LUMPS);
            let meta = self.meta(&Size::of(&inside), rectangle, region.space, (level, age));
            written += meta.len;
            self.files.push(Held { meta: Arc::new(meta), lumps: inside });
        }
        self.files.sort_by_key(|held| (Reverse(held.meta.level), held.meta.age));
        written
    }

    fn meta(&mut self, size: &Size, rectangle: Rectangle, space: DyadicBox, (level, age): (u8, u64)) -> SstMeta {
        SstMeta {
            id: FileId::new(self.give()),
            len: size.bytes,
            footer_crc: 0,
            rectangle,
            min_seq: 0,
            max_seq: 0,
            points: size.points,
            blocks: size.blocks,
            series: size.series,
            level,
            age,
            space,
            origin: 0,
        }
    }

    fn give(&mut self) -> u64 {
        self.given += 1;
        self.given
    }
}
