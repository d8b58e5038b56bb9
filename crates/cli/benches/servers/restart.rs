//! Starts of servers: after a stop, and after a kill.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::ingest::fill;
use crate::options::Options;
use crate::process::{median, mib};
use crate::queries::count_samples;
use crate::server::{Program, Server};
use crate::workload::{INTERVAL_SECONDS, Shard, float};

/// Samples after which a server is killed, whatever the size of its log is: a flush may shorten it.
const MAX_KILL_SAMPLES: u64 = 20_000_000;
/// Time beside that of all samples in which the series may end, as connections are not equally far.
const SPREAD_SECONDS: u64 = 3_600;

/// Starts and stops a server several times; returns it running, and the median time of the starts in milliseconds.
pub(crate) fn after_stops(program: &Program, folder: &Path, runs: u64) -> (Server, f64) {
    let mut server = Server::start(program, folder);
    let mut millis = vec![server.start_time.as_secs_f64() * 1_000.0];
    for _ in 1..runs {
        crate::process::wait_until_idle(server.process());
        server.stop();
        server = Server::start(program, folder);
        millis.push(server.start_time.as_secs_f64() * 1_000.0);
    }
    let median = median(&mut millis);
    (server, median)
}

/// Measurements of a kill.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kill {
    pub(crate) samples: u64,
    /// Time in which they were written.
    pub(crate) seconds: f64,
    pub(crate) log_mib: f64,
    /// Median time until the server was ready again, in milliseconds.
    pub(crate) millis: f64,
    /// Acknowledged samples that were not there after the start.
    pub(crate) lost: f64,
}

/// Writes to a new server until its log has the size of the options, or a number of samples, and kills it.
pub(crate) fn after_kill(
    program: &Program,
    folder: &Path,
    shards: &[Shard],
    options: &Options,
    samples: Option<u64>,
) -> Kill {
    let server = Server::start(program, folder);
    let is_done = || samples.is_none() && program.log_bytes(folder) >= options.log_mib << 20;
    let limit = samples.unwrap_or(MAX_KILL_SAMPLES);
    let began = Instant::now();
    let samples = fill(&server, shards.to_vec(), options.body_samples, limit, is_done);
    let seconds = began.elapsed().as_secs_f64();
    server.kill();
    let log_mib = mib(program.log_bytes(folder));
    // A start changes the files, so each begins with a copy.
    let copy = folder.with_extension("copy");
    let (mut millis, mut lost) = (Vec::new(), 0.0);
    for run in 0..options.runs {
        copy_folder(folder, &copy);
        let server = Server::start(program, &copy);
        millis.push(server.start_time.as_secs_f64() * 1_000.0);
        if run == 0 {
            let seconds = samples / (options.thousand_series * 1_000) * INTERVAL_SECONDS + SPREAD_SECONDS;
            lost = float(samples) - count_samples(&server, seconds);
        }
        server.kill();
        std::fs::remove_dir_all(&copy).unwrap();
    }
    std::fs::remove_dir_all(folder).unwrap();
    Kill { samples, seconds, log_mib, millis: median(&mut millis), lost }
}

fn copy_folder(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
}
