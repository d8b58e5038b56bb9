//! The server's own metrics as text in the format of OpenMetrics.

use std::fmt::Write as _;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::{Counters, Protocol};
use crate::app::AppState;

/// Text in which families and samples are written one after the other.
#[derive(Debug, Default)]
struct MetricText(String);

/// Returns all metrics of the server, with the end mark of OpenMetrics.
pub(crate) fn render(app: &AppState) -> String {
    let mut text = MetricText::default();
    text.family("timestrata_uptime_seconds", "gauge", "Time since the start.");
    text.sample("timestrata_uptime_seconds", &[], app.started.elapsed().as_secs_f64());
    app.counters.render(&mut text);
    text.family("timestrata_body_memory_bytes", "gauge", "Memory of the bodies of running requests.");
    text.sample("timestrata_body_memory_bytes", &[], app.bodies.held_bytes());
    text.family("timestrata_body_memory_limit_bytes", "gauge", "Memory that all bodies together may use.");
    text.sample("timestrata_body_memory_limit_bytes", &[], app.bodies.limit_bytes());
    databases(app, &mut text);
    text.0.push_str("# EOF\n");
    text.0
}

impl Counters {
    fn render(&self, text: &mut MetricText) {
        text.family("timestrata_ingested_points", "counter", "Points that were written durably.");
        for (protocol, count) in Protocol::ALL.into_iter().zip(&self.stored) {
            let labels = [("protocol", protocol.name())];
            text.sample("timestrata_ingested_points_total", &labels, count.load(Ordering::Relaxed));
        }
        text.family("timestrata_received_bytes", "counter", "Bytes of bodies as they were received.");
        for (protocol, count) in Protocol::ALL.into_iter().zip(&self.received_bytes) {
            let labels = [("protocol", protocol.name())];
            text.sample("timestrata_received_bytes_total", &labels, count.load(Ordering::Relaxed));
        }
        text.family("timestrata_refused_points", "counter", "Points that were refused for good.");
        for ((protocol, reason), count) in self.refused.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            text.sample("timestrata_refused_points_total", &[("protocol", protocol.name()), ("reason", reason)], count);
        }
        text.family("timestrata_denied_requests", "counter", "Requests without a valid token, scope or rate.");
        for (reason, count) in
            [("unauthorized", &self.unauthorized), ("forbidden", &self.forbidden), ("rate-limited", &self.rate_limited)]
        {
            text.sample("timestrata_denied_requests_total", &[("reason", reason)], count.load(Ordering::Relaxed));
        }
        text.family("timestrata_dropped_exemplars", "counter", "Exemplars that were left out.");
        text.sample("timestrata_dropped_exemplars_total", &[], self.exemplars.load(Ordering::Relaxed));
        text.family(
            "timestrata_left_out_text_values",
            "counter",
            "Values of text that were left out, as an option asked.",
        );
        text.sample("timestrata_left_out_text_values_total", &[], self.text_values.load(Ordering::Relaxed));
    }
}

/// Writes what the engine counts, for each database.
fn databases(app: &AppState, text: &mut MetricText) {
    type Read = fn(&timestrata::Stats) -> u64;
    let families: [(&str, &str, &str, Read); 6] = [
        ("timestrata_series", "gauge", "Series with points.", |stats| stats.series),
        ("timestrata_points", "gauge", "Points, without those that are deleted but not yet removed.", |stats| {
            stats.points
        }),
        ("timestrata_files", "gauge", "Data files.", |stats| stats.files),
        ("timestrata_file_bytes", "gauge", "Size of the data files.", |stats| stats.file_bytes),
        ("timestrata_wal_bytes", "gauge", "Size of the write-ahead log.", |stats| stats.wal_bytes),
        ("timestrata_queued_bytes", "gauge", "Writes that wait for the writer.", |stats| stats.queued_bytes),
    ];
    let all: Vec<_> = app.databases.all().into_iter().map(|(name, db)| (name, db.stats())).collect();
    for (family, kind, help, read) in families {
        text.family(family, kind, help);
        for (name, stats) in &all {
            text.sample(family, &[("database", name.as_str())], read(stats));
        }
    }
}

impl MetricText {
    /// Begins a family; its samples follow.
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // A string takes any text.
        let _ = writeln!(self.0, "# TYPE {name} {kind}\n# HELP {name} {help}");
    }

    /// Writes a sample. Names and values of labels need no escape: the server chooses them.
    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.0.push_str(name);
        for (at, (label, text)) in labels.iter().enumerate() {
            let _ = write!(self.0, "{}{label}=\"{text}\"", if at == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }
}
