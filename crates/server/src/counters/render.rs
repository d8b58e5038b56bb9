//! The server's own metrics as text in the format of OpenMetrics.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::metric_text::MetricText;
use super::{Counters, Protocol, engine};
use crate::app::AppState;
use crate::requests::BOUNDS;

/// Returns all metrics of the server, with the end mark of OpenMetrics.
pub(crate) fn render(app: &AppState) -> String {
    let mut text = MetricText::default();
    app.counters.render(&mut text);
    requests(app, &mut text);
    text.gauge("timestrata_body_memory_bytes", "Memory of the bodies of running requests.", app.bodies.held_bytes());
    let limit = app.bodies.limit_bytes();
    text.gauge("timestrata_body_memory_limit_bytes", "Memory that all bodies together may use.", limit);
    let held = app.answers.held_bytes();
    text.gauge("timestrata_answer_memory_bytes", "Memory of complete answers that are being sent.", held);
    let running = app.streams.running();
    text.gauge("timestrata_streamed_reads", "Exports and remote reads that run.", running);
    engine::render(app, &mut text);
    text.finish()
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
        text.family("timestrata_left_out_exemplars", "counter", "Exemplars that were left out.");
        text.sample("timestrata_left_out_exemplars_total", &[], self.exemplars.load(Ordering::Relaxed));
        let help =
            "Kinds, units and descriptions of metrics that were left out, because they are too long for example.";
        text.family("timestrata_left_out_metadata", "counter", help);
        text.sample("timestrata_left_out_metadata_total", &[], self.metadata.load(Ordering::Relaxed));
        let help = "Points that share their millisecond with a later one, which remote read returned alone.";
        text.family("timestrata_read_merged_samples", "counter", help);
        text.sample("timestrata_read_merged_samples_total", &[], self.merged_samples.load(Ordering::Relaxed));
        let help = "Points that exports left out, because their format cannot hold them.";
        text.family("timestrata_export_left_out_points", "counter", help);
        text.sample("timestrata_export_left_out_points_total", &[], self.left_out_of_exports.load(Ordering::Relaxed));
        text.family(
            "timestrata_left_out_text_values",
            "counter",
            "Values of text that were left out, as an option asked.",
        );
        text.sample("timestrata_left_out_text_values_total", &[], self.text_values.load(Ordering::Relaxed));
    }
}

/// Writes the counters of requests by route.
fn requests(app: &AppState, text: &mut MetricText) {
    text.gauge("timestrata_running_requests", "Requests that have no answer yet.", app.requests.running());
    let routes = app.requests.all();
    text.family("timestrata_http_requests", "counter", "Answers by route and class of status.");
    for (route, counters) in &routes {
        for (class, count) in counters.statuses().filter(|(_, count)| *count > 0) {
            text.sample("timestrata_http_requests_total", &[("path", route), ("code", class)], count);
        }
    }
    let name = "timestrata_http_request_duration_seconds";
    text.family(name, "histogram", "Time until the head of the answer.");
    for (route, counters) in &routes {
        let (counts, sum) = (counters.durations.counts(), counters.durations.sum().as_secs_f64());
        text.histogram(name, ("path", route), BOUNDS, &counts, sum);
    }
}
