//! Simulation of one load and one compactor.
//!
//! Flushes arrive, compactions run at the same time, and the resulting files are measured.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::cost::CompactionCost;
use super::point_cluster::{FileEstimate, PointCluster, coalesce, fragments};
use super::workloads::Workload;
use crate::state::file_id::FileId;
use crate::state::rectangle::Rectangle;
use crate::state::version::pick::{
    CompactionPlan, CompactionTarget, OutputRegion, SizeEstimate, base_files_overlap, compaction_regions,
    flush_regions, pick_compaction,
};
use crate::state::version::{DyadicBox, L0, SstMeta};
use crate::sync::Arc;

/// Ingest rate, in points per second.
const INGEST: u64 = 20_000_000;
/// Maximum number of clusters that describe one file.
const MAX_CLUSTERS: usize = 48;

/// Read speed of the compactor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompactorSpeed {
    /// All due compactions complete before the next flush.
    Unbounded,
    /// Points per second, while ingest runs at 20 M points per second.
    PointsPerSecond(u64),
}

#[derive(Debug)]
pub(super) struct SimulatedFile {
    pub(super) meta: Arc<SstMeta>,
    pub(super) clusters: Vec<PointCluster>,
}

#[derive(Debug, Default)]
pub(super) struct LevelSimulation {
    /// Files, oldest first.
    pub(super) files: Vec<SimulatedFile>,
    pub(super) newest: Option<i64>,
    given: u64,
    pub(super) points: u64,
    pub(super) bytes_flushed: u64,
    pub(super) bytes_merged: u64,
    pub(super) merges: u64,
    pub(super) max_l0_files: usize,
}

/// A running compaction and its completion time, counted in points of ingest.
type RunningMerge = Option<(u64, CompactionPlan)>;

/// Simulates a load of about `points` points and returns its cost.
#[must_use]
pub fn simulate(load: Workload, points: u64, speed: CompactorSpeed) -> CompactionCost {
    let mut world = LevelSimulation::default();
    let (size, flushes) = load.flushes(points);
    let mut under_way: RunningMerge = None;
    for number in 0..flushes {
        let now = number * size;
        world.merge_until(now, speed, &mut under_way);
        world.flush(&load.flush(number, flushes));
        if under_way.is_none() {
            under_way = world.start(now, speed);
        }
        world.merge_until(now, speed, &mut under_way);
        let waiting = world.files.iter().filter(|held| held.meta.level == L0).count();
        world.max_l0_files = world.max_l0_files.max(waiting);
    }
    let end = flushes * size;
    let mut last = end;
    while let Some((done, plan)) = under_way.take() {
        last = last.max(done);
        world.install(&plan);
        under_way = world.start(done, speed);
    }
    CompactionCost::of(&world, (last - end) / INGEST)
}

impl LevelSimulation {
    fn ssts(&self) -> Vec<Arc<SstMeta>> {
        self.files.iter().map(|held| Arc::clone(&held.meta)).collect()
    }

    fn merge_until(&mut self, now: u64, speed: CompactorSpeed, under_way: &mut RunningMerge) {
        while let Some((done, plan)) = under_way.take_if(|(done, _)| *done <= now) {
            self.install(&plan);
            *under_way = self.start(done, speed);
        }
    }

    fn start(&self, now: u64, speed: CompactorSpeed) -> RunningMerge {
        let plan = pick_compaction(&self.ssts(), &BTreeSet::new())?;
        let cost = match speed {
            CompactorSpeed::Unbounded => 0,
            CompactorSpeed::PointsPerSecond(rate) => {
                let points: u64 = plan.inputs.iter().map(|file| file.points).sum();
                points * (INGEST / 1_000) / (rate / 1_000)
            }
        };
        Some((now + cost, plan))
    }

    fn flush(&mut self, clusters: &[PointCluster]) {
        let size = FileEstimate::of(clusters);
        let regions = flush_regions(&fragments(clusters, size).collect::<Vec<_>>(), self.newest);
        self.newest = self.newest.max(clusters.iter().map(|cluster| cluster.rectangle.times.last()).max());
        self.points += size.points;
        let generation = self.next_id();
        self.bytes_flushed += self.write(&regions, clusters, L0, generation);
    }

    fn install(&mut self, plan: &CompactionPlan) {
        self.merges += 1;
        let taken: BTreeSet<FileId> = plan.inputs.iter().map(|file| file.id).collect();
        let (going, staying): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.files).into_iter().partition(|held| taken.contains(&held.meta.id));
        self.files = staying;
        let mut clusters: Vec<PointCluster> = Vec::new();
        let mut estimates: Vec<SizeEstimate> = Vec::new();
        for held in going {
            estimates.extend(fragments(&held.clusters, FileEstimate::of(&held.clusters)));
            clusters.extend(held.clusters);
        }
        let fresh = self.next_id();
        let generation =
            if let CompactionTarget::InPlace { generation, .. } = plan.output { generation } else { fresh };
        self.bytes_merged +=
            self.write(&compaction_regions(plan, &estimates), &clusters, plan.output.level(), generation);
        debug_assert!(!base_files_overlap(self.ssts().iter()), "{plan:?}");
    }

    /// Writes one file per region that contains points; returns the total number of bytes.
    fn write(&mut self, regions: &[OutputRegion], clusters: &[PointCluster], level: u8, generation: u64) -> u64 {
        let mut written = 0;
        for region in regions {
            let mut inside: Vec<PointCluster> =
                clusters.iter().filter_map(|cluster| cluster.clip(&region.bounds)).collect();
            let around = inside.iter().map(|cluster| cluster.rectangle).reduce(|all, one| all.union(&one));
            let Some(rectangle) = around else { continue };
            coalesce(&mut inside, MAX_CLUSTERS);
            let meta = self.estimate_meta(&FileEstimate::of(&inside), rectangle, region.partition, (level, generation));
            written += meta.file_len;
            self.files.push(SimulatedFile { meta: Arc::new(meta), clusters: inside });
        }
        self.files.sort_by_key(|held| (Reverse(held.meta.level), held.meta.generation));
        written
    }

    fn estimate_meta(
        &mut self,
        size: &FileEstimate,
        rectangle: Rectangle,
        partition: DyadicBox,
        (level, generation): (u8, u64),
    ) -> SstMeta {
        SstMeta {
            id: FileId::new(self.next_id()),
            file_len: size.bytes,
            footer_crc: 0,
            rectangle,
            min_seq: 0,
            max_seq: 0,
            points: size.points,
            blocks: size.blocks,
            series: size.series,
            level,
            generation,
            partition,
            origin: 0,
        }
    }

    fn next_id(&mut self) -> u64 {
        self.given += 1;
        self.given
    }
}
