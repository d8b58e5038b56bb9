//! Metrics of the engine: of each database, and of the queries of all databases.

use std::fmt::Display;
use std::time::Duration;

use timestrata::{JobStats, Stats, WalStats};

use super::metric_text::MetricText;
use crate::app::AppState;

/// Reads one number from [`Stats`].
type Read = fn(&Stats) -> u64;
/// Reads the job totals of one kind.
type ReadJobs = fn(&Stats) -> JobStats;

/// Gauges of a database: name, help, value.
const GAUGES: [(&str, &str, Read); 16] = [
    ("timestrata_series", "Series with points.", |stats| stats.series),
    ("timestrata_empty_series", "Series without points, whose names are kept.", |stats| stats.empty_series),
    ("timestrata_series_bytes", "Estimated memory of the definitions of all series.", |stats| stats.series_bytes),
    ("timestrata_points", "Points, with those that are deleted and not yet removed.", |stats| stats.points),
    ("timestrata_memtable_bytes", "Memory of points that are not in files yet.", |stats| {
        stats.active_bytes + stats.frozen_bytes
    }),
    ("timestrata_frozen_memtables", "Memtables that wait for their flush.", |stats| stats.frozen_memtables),
    ("timestrata_files", "Data files.", |stats| stats.files),
    ("timestrata_file_bytes", "Size of the data files.", |stats| stats.file_bytes),
    ("timestrata_wal_bytes", "Bytes of the write-ahead log that the next start reads.", |stats| stats.wal_bytes),
    ("timestrata_queued_bytes", "Writes that wait for the writer.", |stats| stats.queued_bytes),
    ("timestrata_tombstones", "Deletes whose points are not yet removed.", |stats| stats.tombstones),
    ("timestrata_pinned_file_bytes", "Replaced files that running queries still read.", |stats| {
        stats.pinned_file_bytes
    }),
    ("timestrata_pinned_memtable_bytes", "Flushed memtables that running queries still read.", |stats| {
        stats.pinned_memtable_bytes
    }),
    ("timestrata_read_only", "1 if the database accepts no writes until the server is started again.", |stats| {
        u64::from(stats.read_only.is_some())
    }),
    ("timestrata_flush_failing", "1 while flushes fail, for a full disk for example.", |stats| {
        u64::from(stats.failed_flush.is_some())
    }),
    (
        "timestrata_pending_retention",
        "1 while retention waits because the clock jumped, or an age became shorter.",
        |stats| u64::from(stats.pending_retention.is_some()),
    ),
];

/// Counters of a database: name without `_total`, help, value.
const COUNTERS: [(&str, &str, Read); 6] = [
    ("timestrata_wal_records", "Records of the write-ahead log: writes, deletes, metadata.", |stats| stats.wal.records),
    ("timestrata_points_behind_retention", "Points that retention hid at once.", |stats| stats.points_behind_cutoff),
    ("timestrata_retention_dropped_files", "Files that retention removed whole.", |stats| stats.files_dropped),
    ("timestrata_files_opened", "Data files that were opened for reading.", |stats| stats.files_opened),
    ("timestrata_blocks_decoded", "Blocks of points that were decoded.", |stats| stats.blocks_decoded),
    ("timestrata_read_bytes", "Bytes that were read from data files.", |stats| stats.bytes_read),
];

/// Writes the metrics of the engine.
pub(super) fn render(app: &AppState, text: &mut MetricText) {
    let all: Vec<(String, Stats)> =
        app.databases.all().into_iter().map(|(name, db)| (name.to_string(), db.stats())).collect();
    for (family, help, read) in GAUGES {
        text.family(family, "gauge", help);
        for (name, stats) in &all {
            text.sample(family, &[("database", name)], read(stats));
        }
    }
    for (family, help, read) in COUNTERS {
        text.family(family, "counter", help);
        for (name, stats) in &all {
            text.sample(&format!("{family}_total"), &[("database", name)], read(stats));
        }
    }
    jobs(&all, text);
    wal(&all, text);
    queries(app, text);
}

/// Writes the totals of flushes and compactions.
fn jobs(all: &[(String, Stats)], text: &mut MetricText) {
    job_family(all, text, "timestrata_jobs", "Flushes and compactions that ended.", |jobs| jobs.runs);
    let seconds = |jobs: JobStats| jobs.duration.as_secs_f64();
    job_family(all, text, "timestrata_job_seconds", "Time of flushes and compactions.", seconds);
    job_family(all, text, "timestrata_job_read_bytes", "Bytes of files that they read.", |jobs| jobs.bytes_read);
    let written = |jobs: JobStats| jobs.bytes_written;
    job_family(all, text, "timestrata_job_written_bytes", "Bytes of files that they wrote.", written);
}

/// Writes one counter of flushes and compactions.
fn job_family<V: Display>(
    all: &[(String, Stats)],
    text: &mut MetricText,
    name: &str,
    help: &str,
    read: impl Fn(JobStats) -> V,
) {
    text.family(name, "counter", help);
    let kinds: [(&str, ReadJobs); 2] = [("flush", |stats| stats.flushes), ("compaction", |stats| stats.compactions)];
    for (kind, jobs) in kinds {
        for (database, stats) in all {
            text.sample(&format!("{name}_total"), &[("database", database), ("job", kind)], read(jobs(stats)));
        }
    }
}

/// Writes the histograms of groups and syncs.
fn wal(all: &[(String, Stats)], text: &mut MetricText) {
    let name = "timestrata_wal_group_records";
    text.family(name, "histogram", "Records that one write to the log held.");
    for (database, stats) in all {
        text.histogram(name, ("database", database), WalStats::GROUP_BOUNDS, &stats.wal.groups, stats.wal.records);
    }
    let name = "timestrata_wal_sync_seconds";
    text.family(name, "histogram", "Time of the syncs of the log.");
    for (database, stats) in all {
        let (bounds, sum) = (WalStats::SYNC_BOUNDS.map(|bound| bound.as_secs_f64()), stats.wal.sync_duration);
        text.histogram(name, ("database", database), bounds, &stats.wal.syncs, sum.as_secs_f64());
    }
}

/// Writes the state of the queries of all databases.
fn queries(app: &AppState, text: &mut MetricText) {
    let stats = app.databases.runtime_stats();
    text.gauge("timestrata_running_queries", "Queries that run.", stats.running);
    text.gauge("timestrata_waiting_queries", "Queries that wait for a slot.", stats.queued);
    text.gauge("timestrata_query_memory_bytes", "Memory of the queries.", stats.memory_bytes);
    let limit = app.options.query_memory_bytes();
    text.gauge("timestrata_query_memory_limit_bytes", "Memory that all queries together may use.", limit);
    text.gauge("timestrata_storage_memory_bytes", "Memory budgets of the open databases.", stats.storage_memory_bytes);
    text.gauge("timestrata_memory_budget_bytes", "Memory budget of the server.", app.options.memory_budget);
    for (name, help, count) in [
        ("timestrata_queries", "Queries that ended.", stats.finished),
        ("timestrata_queries_waited", "Queries that had to wait for a slot.", stats.waited),
        ("timestrata_queries_rejected", "Queries that were refused because too many waited.", stats.rejected),
    ] {
        text.family(name, "counter", help);
        text.sample(&format!("{name}_total"), &[], count);
    }
    text.gauge("timestrata_max_series", "Series with points that a database may have.", app.options.max_series);
    process(text);
    let uptime: Duration = app.started.elapsed();
    text.gauge("timestrata_uptime_seconds", "Time since the start.", uptime.as_secs_f64());
}

/// Writes process metrics from /proc; none on other systems.
fn process(text: &mut MetricText) {
    if let Some(bytes) = resident_bytes() {
        text.gauge("process_resident_memory_bytes", "Resident memory of the process.", bytes);
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        text.gauge("process_open_fds", "Open file descriptors.", open.count());
    }
    if let Some(most) = max_descriptors() {
        text.gauge("process_max_fds", "File descriptors that may be open.", most);
    }
}

/// Returns the number of file descriptors that the process may have open; `None` without /proc.
fn max_descriptors() -> Option<u64> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Returns the resident memory of the process; `None` without /proc.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kibibytes << 10)
}
