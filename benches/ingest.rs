//! Benchmark of whole ingests: rate, acknowledgements, memory, close, and the directory as `du` sees it.
//!
//! Each case runs in a process of its own, so that no case inherits memory that the allocator kept for another. The
//! command `cargo bench --bench ingest` runs all cases but `hundred-million`; the start of a name as argument selects
//! cases. `TIMESTRATA_INGEST_POINTS` sets the number of points, `TIMESTRATA_FLUSH_AT` the memtable size in MiB.
//!
//! Clients make their batches while they write. Processor time is that of the whole process until the close, and that
//! of each thread of the engine: on a machine with other load it says more than the wall clock.

mod workload;

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use timestrata::{Batch, Db, Durability, Series, SeriesKey, Timestamp};
use workload::{START_SECS, STEP_SECS, SplitMix64, process};

const MIB: usize = 1 << 20;

/// One measured ingest.
#[derive(Debug, Clone, Copy)]
struct Case {
    name: &'static str,
    clients: usize,
    /// Series of each client, or of all clients if they are shared.
    series: usize,
    shared: bool,
    /// Points of one write.
    batch: usize,
    points: usize,
    /// Percentage of late points.
    late: u64,
    durability: Durability,
}

const DURABLE: Case = Case {
    name: "durable-1",
    clients: 1,
    series: 1_000,
    shared: true,
    batch: 1_000,
    points: 10_000_000,
    late: 0,
    durability: Durability::Sync,
};

const CASES: [Case; 9] = [
    DURABLE,
    Case { name: "durable-16", clients: 16, ..DURABLE },
    Case { name: "durable-64", clients: 64, ..DURABLE },
    Case { name: "own-64", clients: 64, shared: false, ..DURABLE },
    Case { name: "many-series", series: 100_000, durability: Durability::Os, ..DURABLE },
    Case { name: "one-series-64", clients: 64, series: 1, durability: Durability::Os, ..DURABLE },
    Case { name: "one-series-late-64", clients: 64, series: 1, late: 20, durability: Durability::Os, ..DURABLE },
    Case { name: "single-point", series: 1, batch: 1, points: 5_000, ..DURABLE },
    Case { name: "hundred-million", clients: 64, points: 100_000_000, ..DURABLE },
];

/// Returns name and processor time of a process or thread by its `stat` file.
fn processor_time(stat: &Path) -> Option<(String, Duration)> {
    let text = std::fs::read_to_string(stat).ok()?;
    let (before, after) = text.rsplit_once(") ")?;
    let ticks: Vec<u64> = after.split(' ').skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
    let name = before.split_once('(')?.1.to_owned();
    // A tick is a hundredth of a second on Linux.
    Some((name, Duration::from_millis(10 * ticks.iter().sum::<u64>())))
}

/// Prints the processor time of each thread of the engine.
fn print_threads() {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return };
    for task in tasks.flatten() {
        if let Some((name, time)) = processor_time(&task.path().join("stat"))
            && time >= Duration::from_millis(10)
        {
            println!("  thread {name}: {} ms", time.as_millis());
        }
    }
}

/// Returns the bytes of the blocks that the files of a directory occupy, as `du` does, without the reserves.
fn disk_bytes(dir: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    let files = entries.flatten().filter(|entry| !entry.file_name().to_string_lossy().ends_with(".reserve"));
    files.filter_map(|entry| entry.metadata().ok()).map(|data| occupied(&data)).sum()
}

#[cfg(unix)]
fn occupied(data: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::blocks(data) * 512
}

#[cfg(not(unix))]
fn occupied(data: &std::fs::Metadata) -> u64 {
    data.len()
}

/// Writes the share of one client, tick by tick over its series, and returns the time of each acknowledgement.
fn client(db: &Db, case: &Case, number: usize, series: &[Series<f64>]) -> Vec<Duration> {
    let mut random = SplitMix64(42 + number as u64);
    let mut cents: Vec<i64> = series.iter().map(|_| 2_000 + random.below(8_000)).collect();
    let mut left = case.points / case.clients;
    let (mut tick, mut at) = (0_i64, 0_usize);
    let mut acknowledged = Vec::with_capacity(left / case.batch + 1);
    while left > 0 {
        let points = case.batch.min(left);
        let mut batch = Batch::with_capacity(points);
        for _ in 0..points {
            cents[at] += random.below(101) - 50;
            let back = if case.late > 0 && random.next() % 100 < case.late { random.below(10_000) } else { 0 };
            let time = Timestamp::from_secs(START_SECS + (tick - back) * STEP_SECS);
            #[expect(clippy::cast_precision_loss, reason = "cents stay far below 2^53")]
            batch.push(series[at], time, cents[at] as f64 / 100.0);
            at += 1;
            if at == series.len() {
                (tick, at) = (tick + 1, 0);
            }
        }
        left -= points;
        let asked = Instant::now();
        db.write_blocking(batch).expect("it writes");
        acknowledged.push(asked.elapsed());
    }
    acknowledged
}

/// Returns the series of each client.
fn series_of_clients(db: &Db, case: &Case) -> Vec<Vec<Series<f64>>> {
    let sets = if case.shared { 1 } else { case.clients };
    let keys = (0..sets * case.series).map(|n| SeriesKey::new("gauge").tag("sensor", format!("s{n:06}")));
    let all = db.create_many_series(keys).blocking().expect("series can be made");
    let share = (all.len() / case.clients).max(1);
    (0..case.clients)
        // Clients of which several share a series write all of them.
        .map(|client| if case.series < case.clients { (0, all.len()) } else { (client * share, share) })
        .map(|(from, count)| all.iter().skip(from).take(count).copied().collect())
        .collect()
}

fn run(case: &Case) {
    let dir = tempfile::tempdir_in(".").expect("a directory beside the sources");
    let path = dir.path().join("db");
    let baseline = process::resident_bytes();
    let options = Db::builder(&path).durability(case.durability);
    let flush_at = std::env::var("TIMESTRATA_FLUSH_AT").ok().and_then(|text| text.parse::<usize>().ok());
    let options = match flush_at {
        Some(mib) => options.flush_at_bytes(mib * MIB),
        None => options,
    };
    let db = options.open_blocking().expect("it opens");
    println!("{}: {} KiB in the empty directory", case.name, disk_bytes(&path) >> 10);
    let work = series_of_clients(&db, case);
    let started = Instant::now();
    let mut acknowledged: Vec<Duration> = thread::scope(|scope| {
        let db = &db;
        let clients = work.iter().enumerate();
        let clients: Vec<_> =
            clients.map(|(number, series)| scope.spawn(move || client(db, case, number, series))).collect();
        clients.into_iter().flat_map(|client| client.join().expect("no client panics")).collect()
    });
    let wrote = started.elapsed();
    print_threads();
    let cpu = || processor_time(Path::new("/proc/self/stat")).map_or(Duration::ZERO, |(_, time)| time);
    let cpu_before = cpu();
    let (peak, closing) = (process::peak_bytes().saturating_sub(baseline), Instant::now());
    let stats = db.stats();
    db.close_blocking().expect("the database closes");
    let closed = closing.elapsed();
    let cpu = cpu();
    acknowledged.sort_unstable();
    let part = |of_hundred: usize| acknowledged.get(acknowledged.len() * of_hundred / 100).copied().unwrap_or_default();
    let (p50, p99) = (part(50), part(99));
    println!(
        "  {} k points/s, {} k with the close in {closed:?}; acknowledged after {p50:?} (p50), {p99:?} (p99)",
        per_ms(case.points, wrote),
        per_ms(case.points, wrote + closed),
    );
    let hundredths = disk_bytes(&path) * 100 / case.points.max(1) as u64;
    println!(
        "  processor {} ms, {} ms of them in the close; peak {} MB; {} flushes, {} merges; directory {}.{:02} bytes/point",
        cpu.as_millis(),
        cpu.saturating_sub(cpu_before).as_millis(),
        peak / 1_000_000,
        stats.flushes.runs,
        stats.compactions.runs,
        hundredths / 100,
        hundredths % 100
    );
    if case.batch == 1 {
        println!("  bare write + fdatasync on a thread behind one channel: {:?} (p50)", bare_median(dir.path(), 5_000));
    } else {
        // The WAL has 13 bytes a point, the SSTs one.
        println!("  bare write of the same bytes: {:?}", bare_stream(dir.path(), case.points * 14));
    }
    if case.clients == 1 && case.batch > 1 {
        print_reopened(&path, case);
    }
}

/// Opens a closed database and prints the acknowledgements of one client in each of the next seconds.
///
/// A close cuts the last segment of the log, and the next ones are extended again: files that grow sync more slowly.
fn print_reopened(path: &Path, case: &Case) {
    let started = Instant::now();
    let db = Db::builder(path).durability(case.durability).open_blocking().expect("it opens again");
    println!("  opened again in {:?}; acknowledgements of one client, p50 and p99:", started.elapsed());
    let series = series_of_clients(&db, case).remove(0);
    // A year after the points of the ingest.
    let mut at = Timestamp::from_secs(START_SECS) + Duration::from_hours(24 * 365);
    for second in 1..=3 {
        let (started, mut acknowledged) = (Instant::now(), Vec::new());
        while started.elapsed() < Duration::from_secs(1) {
            let batch: Batch = series.iter().map(|series| (*series, at, 0.5)).collect();
            at += Duration::from_secs(STEP_SECS.unsigned_abs());
            let asked = Instant::now();
            db.write_blocking(batch).expect("it writes");
            acknowledged.push(asked.elapsed());
        }
        acknowledged.sort_unstable();
        let part = |of_hundred: usize| acknowledged.get(acknowledged.len() * of_hundred / 100).copied();
        println!(
            "    second {second}: {:?}, {:?}, {} calls",
            part(50).unwrap_or_default(),
            part(99).unwrap_or_default(),
            acknowledged.len()
        );
    }
    db.close_blocking().expect("the database closes");
}

/// Returns the number of points in a millisecond.
fn per_ms(points: usize, time: Duration) -> u128 {
    points as u128 * 1_000 / time.as_micros().max(1)
}

/// Returns the median time of a write of 64 bytes and fdatasync on a thread that is asked and answers by channels.
///
/// The file is written already, like a segment of the WAL that was used before.
fn bare_median(dir: &Path, times: usize) -> Duration {
    let mut file = written_file(dir, 4 << 20);
    let (requests, inbox) = channel::<Sender<()>>();
    let worker = thread::spawn(move || {
        let (bytes, mut at) = ([7; 96], 0);
        for reply in inbox {
            file.seek(SeekFrom::Start(at)).and_then(|_| file.write_all(&bytes)).expect("the disk takes it");
            file.sync_data().expect("the disk takes it");
            at += 64;
            reply.send(()).expect("the caller waits");
        }
    });
    let mut took: Vec<Duration> = (0..times)
        .map(|_| {
            let asked = Instant::now();
            let (reply, answer) = channel();
            requests.send(reply).expect("the thread runs");
            answer.recv().expect("it answers");
            asked.elapsed()
        })
        .collect();
    drop(requests);
    worker.join().expect("it ends");
    took.sort_unstable();
    took[times / 2]
}

/// Returns the time to write so many bytes in parts of 1 MiB, each synced.
fn bare_stream(dir: &Path, bytes: usize) -> Duration {
    let mut file = written_file(dir, 64 << 20);
    let part = vec![7; MIB];
    let started = Instant::now();
    for at in 0..bytes.div_ceil(MIB) {
        if at % 64 == 0 {
            file.rewind().expect("a file can be rewound");
        }
        file.write_all(&part).and_then(|()| file.sync_data()).expect("the disk takes it");
    }
    started.elapsed()
}

fn written_file(dir: &Path, bytes: usize) -> File {
    let path = dir.join("bare");
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).open(path).expect("a new file");
    file.write_all(&vec![1; bytes]).and_then(|()| file.sync_all()).expect("there is room");
    file.rewind().expect("a file can be rewound");
    file
}

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let points = std::env::var("TIMESTRATA_INGEST_POINTS").ok().and_then(|text| text.parse().ok());
    if let (Some("child"), Some(name)) = (asked.first().map(String::as_str), asked.get(1)) {
        let case = CASES.iter().find(|case| case.name == name).expect("the case exists");
        return run(&Case { points: points.unwrap_or(case.points), ..*case });
    }
    let is_wanted = |case: &&Case| match asked.as_slice() {
        [] => case.name != "hundred-million",
        names => names.iter().any(|name| case.name.starts_with(name.as_str())),
    };
    for case in CASES.iter().filter(is_wanted) {
        let own = std::env::current_exe().expect("this program has a path");
        let ended = Command::new(own).args(["child", case.name]).status();
        assert!(ended.is_ok_and(|ended| ended.success()), "{} failed", case.name);
    }
}
