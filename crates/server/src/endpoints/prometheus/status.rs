//! `status/...`: build, process and settings of the server.

use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value, json};
use timestrata::Timestamp;

use super::success::success;
use crate::app::SharedState;

/// Version of Prometheus whose API and language the server has. Clients choose by it what they ask for.
const API_VERSION: &str = "3.14.0";

/// `/api/v1/status/buildinfo`: `version` is that of the API; `timestrataVersion` that of the server.
pub(super) async fn build_info() -> Json<Value> {
    success(json!({
        "version": API_VERSION,
        "revision": "",
        "branch": "",
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
        "application": "timestrata",
        "timestrataVersion": env!("CARGO_PKG_VERSION"),
    }))
}

/// `/api/v1/status/runtimeinfo`.
pub(super) async fn runtime_info(State(app): State<SharedState>) -> Json<Value> {
    let now = Timestamp::now();
    let started = now.checked_sub(app.started.elapsed()).unwrap_or(now).to_string();
    let options = &app.options;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    success(json!({
        "startTime": started,
        "CWD": std::env::current_dir().map(|path| path.display().to_string()).unwrap_or_default(),
        "hostname": std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim(),
        "serverTime": now.to_string(),
        "reloadConfigSuccess": true,
        "lastConfigTime": started,
        "corruptionCount": 0,
        "goroutineCount": 0,
        "GOMAXPROCS": threads,
        "GOMEMLIMIT": options.memory_budget,
        "GOGC": "",
        "GODEBUG": "",
        "storageRetention": retention(&app),
    }))
}

/// `/api/v1/status/flags`: the settings of queries and storage, with the names that Prometheus gives its flags.
pub(super) async fn flags(State(app): State<SharedState>) -> Json<Value> {
    success(Value::Object(flag_map(&app)))
}

/// `/api/v1/status/config`: there is no configuration of scraping and rules, so the settings take its place.
pub(super) async fn config(State(app): State<SharedState>) -> Json<Value> {
    let lines = flag_map(&app).into_iter().map(|(name, value)| format!("{name}: {value}\n"));
    success(json!({ "yaml": lines.collect::<String>() }))
}

/// `/api/v1/status/walreplay`: the databases are open when the server answers.
pub(super) async fn wal_replay() -> Json<Value> {
    success(json!({ "min": 0, "max": 0, "current": 0 }))
}

fn flag_map(app: &SharedState) -> Map<String, Value> {
    let options = &app.options;
    let duration = |duration| humantime::format_duration(duration).to_string().replace(' ', "");
    let flags = [
        ("query.lookback-delta", duration(options.query_lookback)),
        ("query.max-samples", options.query_max_samples.to_string()),
        ("query.timeout", duration(options.query_timeout)),
        ("storage.tsdb.path", options.data.display().to_string()),
        ("storage.tsdb.retention.size", options.retain_bytes.map_or_else(|| "0".to_owned(), |bytes| bytes.to_string())),
        ("storage.tsdb.retention.time", retention(app)),
        ("web.enable-admin-api", "true".to_owned()),
        ("web.enable-remote-write-receiver", "true".to_owned()),
        ("web.max-connections", options.max_connections.to_string()),
    ];
    flags.into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))).collect()
}

fn retention(app: &SharedState) -> String {
    let age = app.options.retain_for.map(|age| humantime::format_duration(age).to_string().replace(' ', ""));
    age.unwrap_or_else(|| "0s".to_owned())
}
