//! Writes of several connections at once.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::connection::Connection;
use crate::process::{peak_mib, percentile, processor_seconds, resident_mib, wait_until_idle};
use crate::server::{Program, Server};
use crate::workload::{Body, Shard, float};

/// Ticks that a connection may be ahead of the slowest one: Prometheus refuses samples an hour behind the newest.
const MAX_AHEAD_TICKS: u64 = 100;

/// Bodies of all connections that are encoded before the clock starts, and how the series go on behind them.
pub(crate) struct Load {
    pub(crate) bodies: Vec<Vec<Body>>,
    pub(crate) shards: Vec<Shard>,
}

impl Load {
    /// Encodes bodies for at least a number of samples.
    pub(crate) fn encode(mut shards: Vec<Shard>, samples: u64, body_samples: u64) -> Self {
        let count = samples.div_ceil(body_samples).div_ceil(shards.len() as u64);
        let encode = |shard: &mut Shard| (0..count).map(|_| shard.next_body(body_samples)).collect();
        let bodies = shards.iter_mut().map(encode).collect();
        Self { bodies, shards }
    }

    /// Returns the number of samples of the bodies.
    pub(crate) fn samples(&self) -> u64 {
        self.bodies.iter().flatten().map(|body| body.samples).sum()
    }

    /// Returns the size of the bodies.
    pub(crate) fn bytes(&self) -> u64 {
        self.bodies.iter().flatten().map(|body| body.bytes.len() as u64).sum()
    }
}

/// Measurements of an ingest.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Ingest {
    pub(crate) samples: f64,
    pub(crate) seconds: f64,
    /// Processor time until the last acknowledgement, and with the work behind it.
    pub(crate) processor_seconds: [f64; 2],
    /// Median and 99th percentile of the acknowledgements, in milliseconds.
    pub(crate) acknowledgement_millis: [f64; 2],
    pub(crate) peak_mib: f64,
    /// Resident memory when the server is idle.
    pub(crate) rest_mib: f64,
    /// Bytes on disk when the server is idle, and after it was stopped.
    pub(crate) disk_bytes: [f64; 2],
}

/// Writes the bodies to a new server in an empty folder, and stops it.
pub(crate) fn measure(program: &Program, folder: &Path, load: &Load) -> Ingest {
    let server = Server::start(program, folder);
    let before = processor_seconds(server.process());
    let began = Instant::now();
    let mut millis = write(&server, &load.bodies);
    let seconds = began.elapsed().as_secs_f64();
    let at_end = processor_seconds(server.process()) - before;
    wait_until_idle(server.process());
    let mut result = Ingest {
        samples: float(load.samples()),
        seconds,
        processor_seconds: [at_end, processor_seconds(server.process()) - before],
        acknowledgement_millis: [50, 99].map(|percent| percentile(&mut millis, percent)),
        peak_mib: peak_mib(server.process()),
        rest_mib: resident_mib(server.process()),
        disk_bytes: [float(server.disk_bytes()), 0.0],
    };
    server.stop();
    result.disk_bytes[1] = float(crate::process::disk_bytes(folder, &|_| true));
    result
}

/// Writes bodies, one connection for each list, and returns the times of the acknowledgements in milliseconds.
fn write(server: &Server, bodies: &[Vec<Body>]) -> Vec<f64> {
    let pace = Pace::new(bodies.len());
    let write = |(number, bodies): (usize, &Vec<Body>)| {
        let mut connection = Connection::open(server.address).unwrap();
        let mut millis = Vec::with_capacity(bodies.len());
        for body in bodies {
            let began = Instant::now();
            send(server, &mut connection, body);
            millis.push(began.elapsed().as_secs_f64() * 1_000.0);
            pace.advance(number, body.tick);
        }
        pace.advance(number, u64::MAX);
        millis
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = bodies.iter().enumerate().map(|part| scope.spawn(move || write(part))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

/// Goes on writing after the encoded bodies, until a condition holds or a number of samples is written; returns that number.
pub(crate) fn fill(
    server: &Server,
    shards: Vec<Shard>,
    body_samples: u64,
    samples: u64,
    is_done: impl Fn() -> bool + Sync,
) -> u64 {
    let pace = Pace::new(shards.len());
    let (claimed, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let write = |number: usize, mut shard: Shard| {
        let mut connection = Connection::open(server.address).unwrap();
        let mut written = 0;
        while !stop.load(Ordering::Relaxed) && claimed.fetch_add(body_samples, Ordering::Relaxed) < samples {
            let body = shard.next_body(body_samples);
            send(server, &mut connection, &body);
            written += body.samples;
            pace.advance(number, body.tick);
            if number == 0 && is_done() {
                stop.store(true, Ordering::Relaxed);
            }
        }
        pace.advance(number, u64::MAX);
        written
    };
    std::thread::scope(|scope| {
        let write = &write;
        let spawn = |(number, shard)| scope.spawn(move || write(number, shard));
        let threads: Vec<_> = shards.into_iter().enumerate().map(spawn).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    })
}

fn send(server: &Server, connection: &mut Connection, body: &Body) {
    let answer = connection.remote_write(&body.bytes).unwrap();
    let text = String::from_utf8_lossy(&answer.body);
    assert!(answer.status / 100 == 2, "{}: {} {text:.300}", server.program.name(), answer.status);
}

/// Ticks of all connections, which keeps them close to each other.
struct Pace(Vec<AtomicU64>);

impl Pace {
    fn new(connections: usize) -> Self {
        Self((0..connections).map(|_| AtomicU64::new(0)).collect())
    }

    /// Notes the tick of a connection, and waits while it is far ahead of others.
    fn advance(&self, connection: usize, tick: u64) {
        self.0[connection].fetch_max(tick, Ordering::Relaxed);
        let slowest = || self.0.iter().map(|tick| tick.load(Ordering::Relaxed)).min().unwrap_or(tick);
        while tick != u64::MAX && tick > slowest() + MAX_AHEAD_TICKS {
            std::thread::park_timeout(Duration::from_millis(1));
        }
    }
}
