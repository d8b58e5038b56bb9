//! Fifty clients of five protocols write while the server is killed at random moments; every acknowledged point is found.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::clients::{Progress, Protocol, check, write_until};
use crate::process::ServerProcess;

const CLIENTS: usize = 50;

/// Kills a server in each round after its pause, and checks what the clients know.
fn rounds(pauses: impl Iterator<Item = Duration>, flags: &[&str], end: fn(ServerProcess)) -> u64 {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let progress: Vec<Progress> = (0..CLIENTS).map(|_| Progress::default()).collect();
    let mut kills = 0;
    for pause in pauses {
        let server = ServerProcess::start(&data, flags);
        let (address, stop) = (server.address, AtomicBool::new(false));
        std::thread::scope(|scope| {
            for (client, progress) in progress.iter().enumerate() {
                let protocol = Protocol::ALL[client % Protocol::ALL.len()];
                let stop = &stop;
                scope.spawn(move || write_until(address, protocol, client, progress, stop));
            }
            std::thread::park_timeout(pause);
            end(server);
            stop.store(true, Ordering::Relaxed);
        });
        check(&data.join("default"), &progress);
        kills += 1;
    }
    let acknowledged: u64 = progress.iter().map(|client| client.acknowledged.load(Ordering::Relaxed)).sum();
    println!("{kills} rounds, {acknowledged} points acknowledged and found");
    assert!(progress.iter().all(|client| client.acknowledged.load(Ordering::Relaxed) > 0), "a client wrote nothing");
    acknowledged
}

/// Pauses that are spread over the phases of a group commit, a flush and a rotation of the log.
fn pauses(count: u64) -> impl Iterator<Item = Duration> {
    (0..count).map(|round| Duration::from_micros(20_000 + round.wrapping_mul(0x9E37_79B9_7F4A_7C15) % 230_000))
}

#[test]
fn a_kill_loses_nothing_that_was_acknowledged() {
    rounds(pauses(50), &[], ServerProcess::kill);
}

#[test]
fn a_stop_loses_nothing_that_was_acknowledged() {
    rounds(pauses(10), &[], |server| assert!(server.terminate(), "the server did not end well"));
}
