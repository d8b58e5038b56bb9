//! Pairs of faults: in a run without other faults one call fails, each call in turn and in each way, and then a power
//! loss or a kill follows after each later operation. `TIMESTRATA_PAIRS` sets the number of images per crash and
//! selects every call in every way; without it a small sample runs.

use std::time::Instant;

use timestrata::testing::{Fault, FaultTrigger, SimDisk};

use crate::crash::{Depth, Opener, run};
use crate::hardships::any_call_may_fail;
use crate::scenarios::Scenario;

const SCENARIO: Scenario = Scenario { name: "a call that fails", run: any_call_may_fail };

const WAYS: [Fault; 4] =
    [Fault::Error(std::io::ErrorKind::Other), Fault::DiskFull, Fault::AppliedButFailed, Fault::TooManyFiles];

#[test]
fn pairs() {
    let started = Instant::now();
    let asked: Option<usize> = std::env::var("TIMESTRATA_PAIRS").ok().map(|text| text.parse().expect("a number"));
    let thin = asked.is_none();
    let disk = SimDisk::new(1);
    let sound = run(SCENARIO, disk.clone()).unwrap_or_else(|found| panic!("{found}"));
    let images = asked.unwrap_or(8);
    let mut opener = Opener::new(Depth { images, verify_every: 16, go_on_every: 64, ..Depth::SHALLOW });
    let (mut tried, mut struck) = (0, 0);
    for call in (0..disk.calls()).step_by(if thin { 5 } else { 1 }) {
        for (way, fault) in WAYS.into_iter().enumerate() {
            if thin && call / 5 % WAYS.len() as u64 != way as u64 {
                continue;
            }
            let disk = SimDisk::new(1);
            disk.inject(FaultTrigger::Call(call), fault);
            let named = |found| format!("call {call} fails as {fault:?}; {found}");
            let ran = run(SCENARIO, disk.clone()).map_err(named).unwrap_or_else(|found| panic!("{found}"));
            // Up to the fault both runs are the same.
            let same = ran.log.iter().zip(&sound.log).take_while(|(one, other)| one == other).count();
            let crashed = opener.crash_from(SCENARIO.name, ran, same);
            crashed.map_err(named).unwrap_or_else(|found| panic!("{found}"));
            tried += 1;
            struck += disk.faults_hit();
        }
    }
    let took = started.elapsed().as_secs_f64();
    println!("{tried} runs, {struck} faults struck, {:?}, {took:.1} s", opener.counts);
    assert!(struck * 2 > tried && opener.counts.images > 1_000, "this shows little");
}
