//! `timestrata serve` beside Prometheus and VictoriaMetrics: the same data, the same machine, one run.
//!
//! `bash .ci/programs.sh FOLDER; TIMESTRATA_PROGRAMS=FOLDER cargo bench -p timestrata-cli --bench servers -- --help`.
//! benches/README.md describes the method. Only the server that is measured works; queries of the three are in turn.

#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

mod connection;
mod ingest;
mod options;
mod process;
mod queries;
#[path = "../../../server/tests/support/remote_write_messages.rs"]
#[allow(dead_code, reason = "the series of a body are encoded one by one")]
mod remote_write_messages;
mod restart;
mod server;
mod table;
mod workload;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Parser;

use crate::ingest::{Ingest, Load};
use crate::options::{Options, Part};
use crate::process::mib;
use crate::server::{Program, Server};
use crate::table::{Better, print_head, print_row, print_texts};
use crate::workload::{INTERVAL_SECONDS, SERIES_PER_HOST, Shard, float};

fn main() {
    let options = Options::parse();
    // Beside the programs, so on the disk that holds the checkout, as /tmp may be in memory.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let connections = usize::try_from(options.connections).unwrap();
    let hosts = usize::try_from(options.thousand_series).unwrap() * 1_000 / SERIES_PER_HOST;
    let shards = Shard::all(hosts, connections);
    if let Some(seconds) = options.profile {
        return profile(folder.path(), shards, &options, Duration::from_secs(seconds));
    }
    let Some([prometheus, victoria]) = Program::peers() else { return };
    println!("load of the machine at the start: {}", process::load());
    let mut programs = [Program::OURS, prometheus, victoria];
    if options.parts.contains(&Part::Ingest) || options.parts.contains(&Part::Queries) {
        run_ingest(&programs, folder.path(), shards.clone(), &options);
    }
    if options.parts.contains(&Part::Kill) {
        programs[0] = Program::OURS_WITH_LONG_LOG;
        run_kill(&programs, folder.path(), &shards, &options);
    }
    println!("\nload of the machine at the end: {}", process::load());
}

/// Returns the folder with the data of a server.
fn data(folder: &Path, program: &Program) -> PathBuf {
    folder.join(match program {
        Program::Timestrata { durability, .. } => durability,
        Program::Prometheus(_) => "prometheus",
        Program::VictoriaMetrics(_) => "victoria",
    })
}

/// Runs the ingest, and the parts that need its data.
fn run_ingest(programs: &[Program; 3], folder: &Path, shards: Vec<Shard>, options: &Options) {
    let load = Load::encode(shards, options.thousand_samples * 1_000, options.body_samples);
    let bodies: usize = load.bodies.iter().map(Vec::len).sum();
    println!(
        "{} samples of {} series in {bodies} bodies of {:.1} KiB, {} connections",
        load.samples(),
        options.thousand_series * 1_000,
        mib(load.bytes()) * 1_024.0 / float(bodies as u64),
        options.connections
    );
    if options.parts.contains(&Part::Ingest) {
        let [ours, prometheus, victoria] = programs;
        let os = Program::OURS_NOT_SYNCED;
        let all = [ours, &os, prometheus, victoria];
        let results = all.map(|program| ingest::measure(program, &data(folder, program), &load));
        std::fs::remove_dir_all(data(folder, &os)).unwrap();
        print_ingest("remote write, each as it is", &[all[0], all[2], all[3]], &[results[0], results[2], results[3]]);
        print_ingest("remote write, none synced", &all[1..], &results[1..]);
    } else {
        for program in programs {
            ingest::measure(program, &data(folder, program), &load);
        }
    }
    if !options.parts.contains(&Part::Queries) {
        return;
    }
    let samples = load.samples();
    let missing = (options.start_thousand_samples * 1_000).saturating_sub(samples);
    let shards = load.shards;
    drop(load.bodies);
    let mut written = samples;
    if missing > 0 {
        for program in programs {
            let server = Server::start(program, &data(folder, program));
            let more = ingest::fill(&server, shards.clone(), options.body_samples, missing, || false);
            written = samples + more;
            process::wait_until_idle(server.process());
            server.stop();
        }
    }
    run_queries(programs, folder, samples, written, options);
}

fn print_ingest(title: &str, programs: &[&Program], results: &[Ingest]) {
    let row = |title: &str, decimals, better, value: &dyn Fn(&Ingest) -> f64| {
        let values: Vec<f64> = results.iter().map(value).collect();
        print_row(title, &values, decimals, better);
    };
    print_head(title, &programs.iter().map(|program| program.name()).collect::<Vec<_>>());
    print_texts("acknowledged when", &programs.iter().map(|program| program.acknowledged()).collect::<Vec<_>>());
    row("thousand samples/s", 0, Better::Higher, &|one| one.samples / one.seconds / 1_000.0);
    let nanos = |one: &Ingest, at: usize| one.processor_seconds[at] * 1e9 / one.samples;
    row("processor time to the last acknowledgement, ns/sample", 0, Better::Lower, &|one| nanos(one, 0));
    row("processor time until idle, ns/sample", 0, Better::Lower, &|one| nanos(one, 1));
    row("acknowledgement p50, ms", 1, Better::Lower, &|one| one.acknowledgement_millis[0]);
    row("acknowledgement p99, ms", 1, Better::Lower, &|one| one.acknowledgement_millis[1]);
    row("peak memory, MiB", 0, Better::Lower, &|one| one.peak_mib);
    row("memory when idle, MiB", 0, Better::Lower, &|one| one.rest_mib);
    row("on disk when idle, bytes/sample", 2, Better::Lower, &|one| one.disk_bytes[0] / one.samples);
    row("on disk after a stop, bytes/sample", 2, Better::Lower, &|one| one.disk_bytes[1] / one.samples);
}

/// Starts the servers on their data, and runs the queries on each in turn.
fn run_queries(programs: &[Program; 3], folder: &Path, samples: u64, written: u64, options: &Options) {
    let started =
        programs.each_ref().map(|program| restart::after_stops(program, &data(folder, program), options.runs));
    let series = options.thousand_series * 1_000;
    let seconds = (samples / series * INTERVAL_SECONDS).max(60);
    let names = programs.each_ref().map(Program::name);
    print_head(&format!("start with {written} samples, after a stop"), &names);
    print_row("ready after, ms", &started.each_ref().map(|(_, millis)| *millis), 1, Better::Lower);
    let servers = started.map(|(server, _)| server);
    for server in &servers {
        process::wait_until_idle(server.process());
    }
    print_row(
        "memory when idle, MiB",
        &servers.each_ref().map(|one| process::resident_mib(one.process())),
        0,
        Better::Lower,
    );
    let all_seconds = written / series * INTERVAL_SECONDS + 3_600;
    let lost = servers.each_ref().map(|server| float(written) - queries::count_samples(server, all_seconds));
    print_row("samples that a count over all time lacks", &lost, 0, Better::Neither);

    print_head(&format!("range query of the first {seconds} s, wall ms"), &names);
    let mut processor = Vec::new();
    for query in queries::QUERIES {
        let all = servers.each_ref().map(|server| queries::measure(server, query, seconds, options.runs));
        let title = format!("`{}`", query.replace('|', "\\|"));
        print_row(&title, &all.each_ref().map(|one| one.millis), 1, Better::Lower);
        processor.push((title, all));
    }
    print_head("the same, processor ms of the server", &names);
    for (title, all) in &processor {
        print_row(title, &all.each_ref().map(|one| one.processor_millis), 1, Better::Lower);
    }
    println!();
    for (title, all) in &processor {
        let sizes = all.each_ref().map(|one| one.size.clone());
        if sizes.iter().any(|size| *size != sizes[0] || size.is_err()) {
            println!(
                "series and points of {title}: ours {:?}, Prometheus {:?}, VictoriaMetrics {:?}",
                sizes[0], sizes[1], sizes[2]
            );
        }
    }
    servers.into_iter().for_each(Server::stop);
    for program in programs {
        std::fs::remove_dir_all(data(folder, program)).unwrap();
    }
}

/// Kills each server after it got the same samples, with as many as fill our log.
fn run_kill(programs: &[Program; 3], folder: &Path, shards: &[Shard], options: &Options) {
    let mut samples = None;
    let kills = programs.each_ref().map(|program| {
        let kill = restart::after_kill(program, &data(folder, program), shards, options, samples);
        samples = Some(kill.samples);
        kill
    });
    print_head(&format!("SIGKILL after {} samples", kills[0].samples), &programs.each_ref().map(Program::name));
    print_row("written in, s", &kills.each_ref().map(|kill| kill.seconds), 1, Better::Neither);
    print_row("log, MiB", &kills.each_ref().map(|kill| kill.log_mib), 1, Better::Neither);
    print_row("ready after, ms", &kills.each_ref().map(|kill| kill.millis), 1, Better::Lower);
    print_row("acknowledged samples lost", &kills.each_ref().map(|kill| kill.lost), 0, Better::Neither);
}

/// Writes to a server of ours for some time, so that `perf record -p` can watch it.
fn profile(folder: &Path, shards: Vec<Shard>, options: &Options, time: Duration) {
    let server = Server::start(&Program::OURS, &data(folder, &Program::OURS));
    println!("process {}", server.process());
    let before = process::processor_seconds(server.process());
    let began = Instant::now();
    let samples = ingest::fill(&server, shards, options.body_samples, u64::MAX / 2, || began.elapsed() >= time);
    let seconds = process::processor_seconds(server.process()) - before;
    println!("{samples} samples, {:.0} ns of processor time a sample", seconds * 1e9 / float(samples));
    server.stop();
}
