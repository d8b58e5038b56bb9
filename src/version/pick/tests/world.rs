//! Histories of flushes and merges over a small plane, with every point in them: limits are scaled down so that a few
//! hundred points meet every rule. What is checked after each step is what readers rely on.

use proptest::prelude::*;
use proptest::strategy::ValueTree;

use super::*;

/// The rules in small: a byte a point.
const SMALL: Limits = Limits {
    last_tier: 2,
    due_in_l0: 4,
    due_in_tier: 3,
    due_at_bytes: 120,
    due_bytes_files: 2,
    crowd: 4,
    plan_files: 8,
    plan_bytes: 160,
    base_share: 2,
    base_at_bytes: 20,
    base_at_block: 2,
    full_block: 8,
    block_overhead: 0,
    base_file: 40,
    base_series_points: 8,
    piece: 16,
    piece_series_points: 4,
    piece_time_bits: 2,
    smallest_piece: 2,
    cluster_depth: 3,
    output_depth: 2,
    most_regions: 8,
};

/// Its series, its time, and its place in the order of arrival.
type Point = (u32, i64, u64);

/// What the cutting is told about what it cuts.
#[derive(Debug, Clone, Copy)]
enum Estimates {
    PerSeries,
    PerFile,
    Nothing,
}

#[derive(Debug, Clone)]
enum Step {
    Flush(Vec<(u32, i64)>),
    Start,
    /// One of the merges under way, modulo their number.
    Finish(usize),
}

struct World {
    limits: Limits,
    estimates: Estimates,
    files: Vec<(Arc<SstMeta>, Vec<Point>)>,
    under_way: Vec<Plan>,
    newest: Option<i64>,
    given: u64,
}

impl World {
    fn new(estimates: Estimates) -> Self {
        Self { limits: SMALL, estimates, files: Vec::new(), under_way: Vec::new(), newest: None, given: 0 }
    }

    fn ssts(&self) -> Vec<Arc<SstMeta>> {
        self.files.iter().map(|(meta, _)| Arc::clone(meta)).collect()
    }

    fn busy(&self) -> BTreeSet<FileId> {
        self.under_way.iter().flat_map(|plan| &plan.inputs).map(|file| file.id).collect()
    }

    fn give(&mut self) -> u64 {
        self.given += 1;
        self.given
    }

    fn fragments(&self, points: &[Point]) -> Vec<Fragment> {
        let fragment = |points: &[&Point]| {
            let rectangle = around(points.iter().copied())?;
            let count = points.len() as u64;
            Some(Fragment { rectangle, points: count, bytes: count })
        };
        match self.estimates {
            Estimates::Nothing => Vec::new(),
            Estimates::PerFile => fragment(&points.iter().collect::<Vec<_>>()).into_iter().collect(),
            Estimates::PerSeries => {
                let series: BTreeSet<u32> = points.iter().map(|point| point.0).collect();
                let of = |id: u32| points.iter().filter(|point| point.0 == id).collect::<Vec<_>>();
                series.into_iter().filter_map(|id| fragment(&of(id))).collect()
            }
        }
    }

    fn flush(&mut self, points: &[(u32, i64)]) {
        let points: Vec<Point> = points.iter().map(|(series, time)| (*series, *time, self.give())).collect();
        let regions = self.limits.flush_regions(&self.fragments(&points), self.newest);
        self.newest = self.newest.max(points.iter().map(|point| point.1).max());
        let age = self.give();
        self.write(&regions, &points, L0, age);
    }

    fn start(&mut self) -> bool {
        let plan = self.limits.pick(&self.ssts(), &self.busy());
        let Some(plan) = plan else { return false };
        let own = plan.inputs.iter().map(|file| file.level).min().unwrap();
        let taken = plan.inputs.iter().filter(|file| file.level == own).count();
        let bytes: u64 = plan.inputs.iter().map(|file| file.len).sum();
        assert!(taken <= self.limits.plan_files && (bytes <= self.limits.plan_bytes || plan.inputs.len() == 1));
        assert!(plan.output.level() > own || plan.inputs.len() > 1, "{plan:?}");
        assert!(plan.inputs.iter().all(|file| !self.busy().contains(&file.id)));
        self.under_way.push(plan);
        true
    }

    fn finish(&mut self, at: usize) {
        if self.under_way.is_empty() {
            return;
        }
        let plan = self.under_way.swap_remove(at % self.under_way.len());
        self.carry_out(&plan);
    }

    fn carry_out(&mut self, plan: &Plan) {
        let (mut points, mut fragments) = (Vec::new(), Vec::new());
        for input in &plan.inputs {
            let at = self.files.iter().position(|(meta, _)| meta.id == input.id).unwrap();
            let (_, held) = self.files.remove(at);
            fragments.extend(self.fragments(&held));
            points.extend(held);
        }
        let regions = self.limits.regions(plan, &fragments);
        let fresh = self.give();
        let age = if let Output::InPlace { age, .. } = plan.output { age } else { fresh };
        let before = self.files.len();
        self.write(&regions, &points, plan.output.level(), age);
        let made = self.files.len() - before;
        if matches!(plan.output, Output::InPlace { .. }) && matches!(self.estimates, Estimates::PerSeries) {
            assert!(made < plan.inputs.len(), "merging in place made {made} of {}", plan.inputs.len());
        }
    }

    /// Files of these points, oldest first, cut at the regions.
    fn write(&mut self, regions: &[Region], points: &[Point], level: u8, age: u64) {
        assert!(regions.len() <= self.limits.most_regions.max(8));
        let mut left = points.len();
        for region in regions {
            let inside: Vec<Point> = points.iter().filter(|point| holds(&region.area, point)).copied().collect();
            left -= inside.len();
            let Some(rectangle) = around(&inside) else { continue };
            let blind = matches!(self.estimates, Estimates::Nothing);
            assert!(
                blind || level == BASE || region.space.rectangle().contains(&rectangle),
                "{region:?} {rectangle:?}"
            );
            let (id, series) = (self.give(), inside.iter().map(|point| point.0).collect::<BTreeSet<_>>().len() as u64);
            let mut meta = SstMeta::clone(&file(id, level, rectangle, inside.len() as u64));
            (meta.age, meta.space, meta.series, meta.blocks) = (age, region.space, series, series);
            self.files.push((Arc::new(meta), inside));
        }
        assert_eq!(left, 0, "every point has exactly one region");
        self.files.sort_by_key(|(meta, _)| (Reverse(meta.level), meta.age));
        self.check();
    }

    fn check(&self) {
        assert!(!broken_base(&self.ssts()), "{:?}", self.ssts());
        let mut newest: std::collections::BTreeMap<(u32, i64), u64> = std::collections::BTreeMap::new();
        for (meta, points) in &self.files {
            let mut own = newest.clone();
            for (series, time, arrival) in points {
                let before = newest.get(&(*series, *time)).copied().unwrap_or(0);
                assert!(before < *arrival, "{meta:?} holds record {arrival} and something older holds {before}");
                let known = own.entry((*series, *time)).or_insert(0);
                *known = (*known).max(*arrival);
            }
            newest = own;
        }
        for (at, (one, _)) in self.files.iter().enumerate() {
            let twin = self.files[..at].iter().find(|(other, _)| {
                (other.level, other.age) == (one.level, one.age) && other.rectangle.overlaps(&one.rectangle)
            });
            assert!(twin.is_none(), "of one age and not apart: {one:?} {twin:?}");
        }
    }

    /// Every merge that is due, one after the other.
    fn settle(&mut self) {
        while !self.under_way.is_empty() {
            self.finish(0);
        }
        let points: usize = self.files.iter().map(|(_, points)| points.len()).sum();
        let mut plans = 0;
        while self.start() {
            self.finish(0);
            plans += 1;
            assert!(plans <= 20 * points + 100, "picking does not end");
        }
    }
}

fn around<'a>(points: impl IntoIterator<Item = &'a Point>) -> Option<Rectangle> {
    bounds(points.into_iter().map(|(series, time, _)| rectangle((*series, *series), (*time, *time))))
}

fn holds(area: &Rectangle, point: &Point) -> bool {
    area.contains(&rectangle((point.0, point.0), (point.1, point.1)))
}

/// Points of one flush: in order over a few series, anywhere, of one series, or at the ends of the plane.
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

fn history() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => flush().prop_map(Step::Flush),
        2 => Just(Step::Start),
        2 => (0..4_usize).prop_map(Step::Finish),
    ];
    prop::collection::vec(step, 1..120)
}

fn estimates() -> impl Strategy<Value = Estimates> {
    prop_oneof![4 => Just(Estimates::PerSeries), 1 => Just(Estimates::PerFile), 1 => Just(Estimates::Nothing)]
}

fn run(estimates: Estimates, steps: Vec<Step>) -> World {
    let mut world = World::new(estimates);
    for step in steps {
        match step {
            Step::Flush(points) => world.flush(&points),
            Step::Start => drop(world.start()),
            Step::Finish(at) => world.finish(at),
        }
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// `check` runs after every step: no file passes an older one, and the base never overlaps.
    #[test]
    fn whatever_is_flushed_and_merged_side_by_side_stays_in_order(estimates in estimates(), steps in history()) {
        let mut world = run(estimates, steps);
        let points: usize = world.files.iter().map(|(_, points)| points.len()).sum();
        world.settle();
        prop_assert_eq!(points, world.files.iter().map(|(_, points)| points.len()).sum::<usize>());
        // Nothing that is due is left, so writers never wait for ever.
        let due = |file: &&(Arc<SstMeta>, Vec<Point>)| file.0.level == L0;
        prop_assert!(world.files.iter().filter(due).count() < SMALL.due_in_l0 * SMALL.crowd);
    }

    #[test]
    fn compacting_everything_beside_other_merges_ends_in_the_base(estimates in estimates(), steps in history()) {
        let mut world = run(estimates, steps);
        while let Some(plan) = pick_everything(&world.ssts(), &world.busy()) {
            world.carry_out(&plan);
        }
        // What was left waited for merges under way.
        prop_assert!(!world.under_way.is_empty() || world.files.iter().all(|(meta, _)| meta.level == BASE));
        while !world.under_way.is_empty() {
            world.finish(0);
        }
        while let Some(plan) = pick_everything(&world.ssts(), &idle()) {
            let before = world.files.iter().filter(|(meta, _)| meta.level != BASE).count();
            world.carry_out(&plan);
            prop_assert!(world.files.iter().filter(|(meta, _)| meta.level != BASE).count() < before);
        }
        prop_assert!(world.files.iter().all(|(meta, _)| meta.level == BASE));
    }
}

/// How often each kind of merge comes up in histories like those above: a rule that none of them meets is not tested.
#[test]
fn the_histories_meet_every_rule() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut base, mut tier, mut in_place, mut side_by_side, mut waiting) = (0, 0, 0, 0, 0);
    for _ in 0..200 {
        let steps = history().new_tree(&mut runner).unwrap().current();
        let mut world = World::new(Estimates::PerSeries);
        for step in steps {
            match step {
                Step::Flush(points) => world.flush(&points),
                Step::Finish(at) => world.finish(at),
                Step::Start => {
                    let others = world.under_way.len();
                    waiting += usize::from(!world.start() && others > 0);
                    side_by_side += usize::from(others > 0 && world.under_way.len() > others);
                    match world.under_way.last().map(|plan| plan.output) {
                        Some(Output::Base) => base += 1,
                        Some(Output::Tier { .. }) => tier += 1,
                        Some(Output::InPlace { .. }) => in_place += 1,
                        None => {}
                    }
                }
            }
        }
        world.settle();
    }
    let met = [base, tier, in_place, side_by_side, waiting];
    assert!(met.iter().all(|times| *times > 50), "{met:?}");
}
