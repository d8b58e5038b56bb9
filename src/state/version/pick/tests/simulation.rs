//! Histories of flushes and compactions over a small plane, with every point in them.
//!
//! The limits are small, so that a few hundred points trigger every rule. Each step is followed by a check of the
//! invariants on which readers rely.

use proptest::prelude::*;
use proptest::strategy::ValueTree;

use super::*;

/// Small limits, for files of one byte per point.
const SMALL: PickerLimits = PickerLimits {
    last_tier: 2,
    l0_trigger_files: 4,
    tier_trigger_files: 3,
    trigger_bytes: 120,
    trigger_bytes_min_files: 2,
    scattered_factor: 4,
    max_plan_files: 8,
    max_plan_bytes: 160,
    max_base_ratio: 2,
    min_base_bytes: 20,
    min_base_block_points: 2,
    full_block_points: 8,
    block_overhead_bytes: 0,
    base_file_bytes: 40,
    base_min_series_points: 8,
    tier_file_bytes: 16,
    tier_min_series_points: 4,
    tier_min_time_bits: 2,
    min_split_bytes: 2,
    max_cluster_depth: 3,
    max_gap_split_depth: 2,
    max_regions: 8,
};

/// Series, time, and number in the order of arrival.
type SimulationPoint = (u32, i64, u64);

/// Level of detail of the size estimates.
#[derive(Debug, Clone, Copy)]
enum EstimateDetail {
    PerSeries,
    PerFile,
    Nothing,
}

#[derive(Debug, Clone)]
enum SimulationStep {
    Flush(Vec<(u32, i64)>),
    Start,
    /// Finishes one of the running compactions, by its index modulo their number.
    Finish(usize),
}

struct PickerSimulation {
    limits: PickerLimits,
    estimates: EstimateDetail,
    files: Vec<(Arc<SstMeta>, Vec<SimulationPoint>)>,
    running: Vec<CompactionPlan>,
    newest: Option<i64>,
    last_number: u64,
}

impl PickerSimulation {
    fn new(estimates: EstimateDetail) -> Self {
        Self { limits: SMALL, estimates, files: Vec::new(), running: Vec::new(), newest: None, last_number: 0 }
    }

    fn ssts(&self) -> Vec<Arc<SstMeta>> {
        self.files.iter().map(|(meta, _)| Arc::clone(meta)).collect()
    }

    fn running_files(&self) -> BTreeSet<FileId> {
        self.running.iter().flat_map(|plan| &plan.inputs).map(|file| file.id).collect()
    }

    fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    fn size_estimates(&self, points: &[SimulationPoint]) -> Vec<SizeEstimate> {
        let estimate = |points: &[&SimulationPoint]| {
            let rectangle = enclosing(points.iter().copied())?;
            let count = points.len() as u64;
            Some(SizeEstimate { rectangle, points: count, bytes: count })
        };
        match self.estimates {
            EstimateDetail::Nothing => Vec::new(),
            EstimateDetail::PerFile => estimate(&points.iter().collect::<Vec<_>>()).into_iter().collect(),
            EstimateDetail::PerSeries => {
                let series: BTreeSet<u32> = points.iter().map(|point| point.0).collect();
                let of = |id: u32| points.iter().filter(|point| point.0 == id).collect::<Vec<_>>();
                series.into_iter().filter_map(|id| estimate(&of(id))).collect()
            }
        }
    }

    fn flush(&mut self, points: &[(u32, i64)]) {
        let points: Vec<SimulationPoint> =
            points.iter().map(|(series, time)| (*series, *time, self.next_number())).collect();
        let regions = self.limits.flush_regions(&self.size_estimates(&points), self.newest);
        self.newest = self.newest.max(points.iter().map(|point| point.1).max());
        let generation = self.next_number();
        self.write(&regions, &points, L0, generation);
    }

    fn start(&mut self) -> bool {
        let plan = self.limits.pick_compaction(&self.ssts(), &self.running_files());
        let Some(plan) = plan else { return false };
        let own = plan.inputs.iter().map(|file| file.level).min().unwrap();
        let taken = plan.inputs.iter().filter(|file| file.level == own).count();
        let bytes: u64 = plan.inputs.iter().map(|file| file.file_len).sum();
        assert!(taken <= self.limits.max_plan_files && (bytes <= self.limits.max_plan_bytes || plan.inputs.len() == 1));
        assert!(plan.output.level() > own || plan.inputs.len() > 1, "{plan:?}");
        assert!(plan.inputs.iter().all(|file| !self.running_files().contains(&file.id)));
        self.running.push(plan);
        true
    }

    fn finish(&mut self, at: usize) {
        if self.running.is_empty() {
            return;
        }
        let plan = self.running.swap_remove(at % self.running.len());
        self.execute(&plan);
    }

    fn execute(&mut self, plan: &CompactionPlan) {
        let (mut points, mut estimates) = (Vec::new(), Vec::new());
        for input in &plan.inputs {
            let at = self.files.iter().position(|(meta, _)| meta.id == input.id).unwrap();
            let (_, removed) = self.files.remove(at);
            estimates.extend(self.size_estimates(&removed));
            points.extend(removed);
        }
        let regions = self.limits.compaction_regions(plan, &estimates);
        let fresh = self.next_number();
        let kept = if let CompactionTarget::InPlace { generation, .. } = plan.output { Some(generation) } else { None };
        let generation = kept.unwrap_or(fresh);
        let before = self.files.len();
        self.write(&regions, &points, plan.output.level(), generation);
        let outputs = self.files.len() - before;
        if kept.is_some() && matches!(self.estimates, EstimateDetail::PerSeries) {
            assert!(outputs < plan.inputs.len(), "a merge in place wrote {outputs} of {} files", plan.inputs.len());
        }
    }

    /// Writes points, oldest first, as one file per region.
    fn write(&mut self, regions: &[OutputRegion], points: &[SimulationPoint], level: u8, generation: u64) {
        assert!(regions.len() <= self.limits.max_regions.max(8));
        let mut left = points.len();
        for region in regions {
            let inside = points.iter().filter(|point| contains(&region.bounds, point));
            let inside: Vec<SimulationPoint> = inside.copied().collect();
            left -= inside.len();
            let Some(rectangle) = enclosing(&inside) else { continue };
            let has_no_estimates = matches!(self.estimates, EstimateDetail::Nothing);
            assert!(
                has_no_estimates || level == BASE || region.partition.rectangle().covers(&rectangle),
                "{region:?} {rectangle:?}"
            );
            let (id, series) =
                (self.next_number(), inside.iter().map(|point| point.0).collect::<BTreeSet<_>>().len() as u64);
            let mut meta = SstMeta::clone(&file(id, level, rectangle, inside.len() as u64));
            (meta.generation, meta.partition, meta.series, meta.blocks) =
                (generation, region.partition, series, series);
            self.files.push((Arc::new(meta), inside));
        }
        assert_eq!(left, 0, "every point has exactly one region");
        self.files.sort_by_key(|(meta, _)| (Reverse(meta.level), meta.generation));
        self.check();
    }

    fn check(&self) {
        assert!(!base_files_overlap(self.ssts().iter()), "{:?}", self.ssts());
        let mut newest: std::collections::BTreeMap<(u32, i64), u64> = std::collections::BTreeMap::new();
        for (meta, points) in &self.files {
            let mut own = newest.clone();
            for (series, time, arrival) in points {
                let before = newest.get(&(*series, *time)).copied().unwrap_or(0);
                assert!(before < *arrival, "{meta:?} has record {arrival} and an older file has {before}");
                let known = own.entry((*series, *time)).or_insert(0);
                *known = (*known).max(*arrival);
            }
            newest = own;
        }
        for (at, (one, _)) in self.files.iter().enumerate() {
            let overlapping = self.files[..at].iter().find(|(other, _)| {
                let same_generation = (other.level, other.generation) == (one.level, one.generation);
                same_generation && other.rectangle.overlaps(&one.rectangle)
            });
            assert!(overlapping.is_none(), "one generation and not disjoint: {one:?} {overlapping:?}");
        }
    }

    /// Runs every compaction that is due, one after the other.
    fn run_all_due(&mut self) {
        while !self.running.is_empty() {
            self.finish(0);
        }
        let points: usize = self.files.iter().map(|(_, points)| points.len()).sum();
        let mut plans = 0;
        while self.start() {
            self.finish(0);
            plans += 1;
            assert!(plans <= 20 * points + 100, "picking does not terminate");
        }
    }
}

fn enclosing<'a>(points: impl IntoIterator<Item = &'a SimulationPoint>) -> Option<Rectangle> {
    bounding_rectangle(points.into_iter().map(|(series, time, _)| rectangle((*series, *series), (*time, *time))))
}

fn contains(area: &Rectangle, point: &SimulationPoint) -> bool {
    area.covers(&rectangle((point.0, point.0), (point.1, point.1)))
}

/// Generates the points of one flush.
/// They are in order over a few series, at random, of one series, or at the ends of the plane.
fn flush() -> impl Strategy<Value = Vec<(u32, i64)>> {
    let ends = prop_oneof![Just(i64::MIN), Just(-1), Just(0), Just(i64::MAX)];
    prop_oneof![
        4 => (0..200_i64, 1..8_u32, 1..6_i64).prop_map(|(start, series, ticks)| {
            (0..series).flat_map(|id| (start..start + ticks).map(move |time| (id, time))).collect()
        }),
        2 => prop::collection::vec((0..16_u32, 0..200_i64), 1..24),
        2 => (0..16_u32, 0..100_i64).prop_map(|(id, start)| (start..start + 20).map(|time| (id, 3 * time)).collect()),
        1 => prop::collection::vec((prop_oneof![Just(0), Just(7), Just(u32::MAX)], ends), 1..4),
    ]
}

fn history() -> impl Strategy<Value = Vec<SimulationStep>> {
    let step = prop_oneof![
        3 => flush().prop_map(SimulationStep::Flush),
        2 => Just(SimulationStep::Start),
        2 => (0..4_usize).prop_map(SimulationStep::Finish),
    ];
    prop::collection::vec(step, 1..120)
}

fn estimates() -> impl Strategy<Value = EstimateDetail> {
    use EstimateDetail::{Nothing, PerFile, PerSeries};
    prop_oneof![4 => Just(PerSeries), 1 => Just(PerFile), 1 => Just(Nothing)]
}

fn run(estimates: EstimateDetail, steps: Vec<SimulationStep>) -> PickerSimulation {
    let mut simulation = PickerSimulation::new(estimates);
    for step in steps {
        match step {
            SimulationStep::Flush(points) => simulation.flush(&points),
            SimulationStep::Start => drop(simulation.start()),
            SimulationStep::Finish(at) => simulation.finish(at),
        }
    }
    simulation
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// After every step: no file has overtaken an older one, and no files of the base overlap.
    #[test]
    fn flushes_and_concurrent_compactions_keep_the_order(estimates in estimates(), steps in history()) {
        let mut simulation = run(estimates, steps);
        let points: usize = simulation.files.iter().map(|(_, points)| points.len()).sum();
        simulation.run_all_due();
        prop_assert_eq!(points, simulation.files.iter().map(|(_, points)| points.len()).sum::<usize>());
        // No due file is left in L0, so no write stall is permanent.
        let due = |file: &&(Arc<SstMeta>, Vec<SimulationPoint>)| file.0.level == L0;
        prop_assert!(simulation.files.iter().filter(due).count() < SMALL.l0_trigger_files * SMALL.scattered_factor);
    }

    #[test]
    fn a_full_compaction_beside_running_ones_ends_in_the_base(estimates in estimates(), steps in history()) {
        let mut simulation = run(estimates, steps);
        while let Some(plan) = pick_full_compaction(&simulation.ssts(), &simulation.running_files()) {
            simulation.execute(&plan);
        }
        // Files outside the base wait for running compactions.
        prop_assert!(!simulation.running.is_empty() || simulation.files.iter().all(|(meta, _)| meta.level == BASE));
        while !simulation.running.is_empty() {
            simulation.finish(0);
        }
        while let Some(plan) = pick_full_compaction(&simulation.ssts(), &idle()) {
            let before = simulation.files.iter().filter(|(meta, _)| meta.level != BASE).count();
            simulation.execute(&plan);
            prop_assert!(simulation.files.iter().filter(|(meta, _)| meta.level != BASE).count() < before);
        }
        prop_assert!(simulation.files.iter().all(|(meta, _)| meta.level == BASE));
    }
}

/// Counts how often each kind of plan occurs in the histories above.
/// A rule that no history triggers would not be tested.
#[test]
fn the_histories_trigger_every_rule() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut base, mut tier, mut in_place, mut concurrent, mut waiting) = (0, 0, 0, 0, 0);
    for _ in 0..200 {
        let steps = history().new_tree(&mut runner).unwrap().current();
        let mut simulation = PickerSimulation::new(EstimateDetail::PerSeries);
        for step in steps {
            match step {
                SimulationStep::Flush(points) => simulation.flush(&points),
                SimulationStep::Finish(at) => simulation.finish(at),
                SimulationStep::Start => {
                    let others = simulation.running.len();
                    waiting += usize::from(!simulation.start() && others > 0);
                    concurrent += usize::from(others > 0 && simulation.running.len() > others);
                    match simulation.running.last().map(|plan| plan.output) {
                        Some(CompactionTarget::Base) => base += 1,
                        Some(CompactionTarget::Tier { .. }) => tier += 1,
                        Some(CompactionTarget::InPlace { .. }) => in_place += 1,
                        None => {}
                    }
                }
            }
        }
        simulation.run_all_due();
    }
    let counts = [base, tier, in_place, concurrent, waiting];
    assert!(counts.iter().all(|count| *count > 50), "{counts:?}");
}
