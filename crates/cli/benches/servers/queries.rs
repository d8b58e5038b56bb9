//! Range queries over HTTP.

use std::time::Instant;

use serde_json::Value;

use crate::connection::{Answer, Connection};
use crate::process::{median, processor_seconds};
use crate::server::Server;
use crate::workload::{INTERVAL_SECONDS, START_SECONDS, float, metric_names};

/// Most steps of a query; all three servers allow so many.
const MAX_STEPS: u64 = 720;
/// Time that one query for the number of samples covers, in seconds: its samples are below the limits of the servers.
const COUNT_WINDOW_SECONDS: u64 = 3_600;

/// Queries of the kinds that the benchmark of PromQL has.
pub(crate) const QUERIES: [&str; 10] = [
    "sum by (instance) (rate(node_cpu_seconds_total[5m]))",
    "avg_over_time(node_cpu_temperature_celsius[1h])",
    "max_over_time(node_cpu_temperature_celsius[1h])",
    "count_over_time(node_cpu_temperature_celsius[1h])",
    "topk(5, node_load1)",
    "quantile_over_time(0.9, node_cpu_temperature_celsius[1h])",
    "node_filesystem_avail_bytes / on (instance, mountpoint) node_filesystem_size_bytes",
    "sum(node_cpu_seconds_total)",
    "sum(rate(node_netstat_events_total[5m]))",
    "count by (__name__) ({job=\"node\"})",
];

/// Measurements of one query of one server.
#[derive(Debug, Clone)]
pub(crate) struct Measurement {
    /// Median time until the answer was received, in milliseconds.
    pub(crate) millis: f64,
    /// Processor time of the server for one run, in milliseconds.
    pub(crate) processor_millis: f64,
    /// Series and points of the answer, or an error.
    pub(crate) size: Result<(usize, usize), String>,
}

/// Runs a query of the time from the first sample on: once to warm up, then several times.
pub(crate) fn measure(server: &Server, query: &str, seconds: u64, runs: u64) -> Measurement {
    let step = seconds.div_ceil(MAX_STEPS).next_multiple_of(INTERVAL_SECONDS);
    let (start, end) = (START_SECONDS, START_SECONDS + seconds);
    let form = form(&[
        ("query", query.to_owned()),
        ("start", start.to_string()),
        ("end", end.to_string()),
        ("step", step.to_string()),
        // VictoriaMetrics answers the same query again from a cache of results.
        ("nocache", "1".to_owned()),
    ]);
    let mut connection = Connection::open(server.address).unwrap();
    let answer = connection.post_form("/api/v1/query_range", &form).unwrap();
    let before = processor_seconds(server.process());
    let mut times: Vec<f64> = (0..runs)
        .map(|_| {
            let began = Instant::now();
            let again = connection.post_form("/api/v1/query_range", &form).unwrap();
            assert_eq!(again.status, answer.status);
            began.elapsed().as_secs_f64() * 1_000.0
        })
        .collect();
    let processor_millis = (processor_seconds(server.process()) - before) * 1_000.0 / float(runs);
    Measurement { millis: median(&mut times), processor_millis, size: size(&answer) }
}

/// Returns the number of all samples of a server, from the first to a number of seconds after it.
pub(crate) fn count_samples(server: &Server, seconds: u64) -> f64 {
    let mut connection = Connection::open(server.address).unwrap();
    let mut count = |metric: &str, window: u64| {
        // Without the name of the metric, series of several metrics would have the same labels.
        let query = format!("sum(count_over_time({metric}[{COUNT_WINDOW_SECONDS}s]))");
        let time = START_SECONDS + (window + 1) * COUNT_WINDOW_SECONDS;
        let form = form(&[("query", query), ("time", time.to_string()), ("nocache", "1".to_owned())]);
        let answer = connection.post_form("/api/v1/query", &form).unwrap();
        let value: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(answer.status, 200, "{value}");
        value["data"]["result"][0]["value"][1].as_str().map_or(0.0, |text| text.parse::<f64>().unwrap())
    };
    let windows = seconds.div_ceil(COUNT_WINDOW_SECONDS);
    let metrics = metric_names();
    (0..windows)
        .flat_map(|window| metrics.iter().map(move |metric| (metric, window)))
        .map(|(metric, window)| count(metric, window))
        .sum()
}

fn form(fields: &[(&str, String)]) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (name, value) in fields {
        form.append_pair(name, value);
    }
    form.finish()
}

fn size(answer: &Answer) -> Result<(usize, usize), String> {
    let value: Value = serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?;
    let Some(list) = value["data"]["result"].as_array() else { return Err(value["error"].to_string()) };
    Ok((list.len(), list.iter().map(|one| one["values"].as_array().map_or(0, Vec::len)).sum()))
}
