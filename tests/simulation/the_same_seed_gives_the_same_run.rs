//! Failures are reproducible: every call, every byte and every moment of a run follow from its seed.

use timestrata::testing::SimDisk;

use crate::scenarios::SCENARIOS;
use crate::world::World;

fn trace(scenario: fn(&mut World), seed: u64) -> (u64, u64) {
    let mut world = World::new(SimDisk::new(seed), seed);
    scenario(&mut world);
    (world.disk.calls(), world.disk.trace_hash())
}

#[test]
fn and_another_seed_another() {
    for scenario in SCENARIOS {
        let first = trace(scenario.run, 7);
        assert_eq!(first, trace(scenario.run, 7), "{}", scenario.name);
        assert_ne!(first.1, trace(scenario.run, 8).1, "{}", scenario.name);
    }
}
