//! The HTTP API of Prometheus.
//!
//! Shapes of answers, types of errors and names of parameters are those of Prometheus 3; docs/server.md lists the paths and
//! what differs.

mod admin;
mod empty_answers;
mod error;
mod labels;
mod metadata;
mod parameters;
mod parse;
mod query;
mod series;
mod series_lookup;
mod series_statistics;
mod statistics;
mod status;
mod success;
mod syntax_tree;

use axum::Router;
use axum::routing::{get, post};

pub(super) use error::ApiError;
pub(super) use labels::series_labels;
pub(super) use parameters::invalid;
pub(super) use series_lookup::{MAX_PATTERNS, UNLIMITED, pattern_count, required_selector};

use crate::app::SharedState;

/// Endpoints that change nothing.
pub(crate) fn read_routes() -> Router<SharedState> {
    Router::new()
        .route("/api/v1/alertmanagers", get(empty_answers::alertmanagers))
        .route("/api/v1/alerts", get(empty_answers::alerts))
        .route("/api/v1/format_query", get(parse::format_query).post(parse::format_query))
        .route("/api/v1/label/{name}/values", get(series::label_values))
        .route("/api/v1/labels", get(series::label_names).post(series::label_names))
        .route("/api/v1/metadata", get(metadata::metadata))
        .route("/api/v1/notifications", get(empty_answers::notifications))
        .route("/api/v1/parse_query", get(parse::parse_query).post(parse::parse_query))
        .route("/api/v1/query", get(query::query).post(query::query))
        .route("/api/v1/query_exemplars", get(parse::query_exemplars).post(parse::query_exemplars))
        .route("/api/v1/query_range", get(query::query_range).post(query::query_range))
        .route("/api/v1/rules", get(empty_answers::rules))
        .route("/api/v1/series", get(series::series).post(series::series))
        .route("/api/v1/status/buildinfo", get(status::build_info))
        .route("/api/v1/status/config", get(status::config))
        .route("/api/v1/status/flags", get(status::flags))
        .route("/api/v1/status/runtimeinfo", get(status::runtime_info))
        .route("/api/v1/status/tsdb", get(series_statistics::tsdb))
        .route("/api/v1/status/walreplay", get(status::wal_replay))
        .route("/api/v1/targets", get(empty_answers::targets))
        .route("/api/v1/targets/metadata", get(empty_answers::targets_metadata))
}

/// Endpoints that delete or copy data.
pub(crate) fn admin_routes() -> Router<SharedState> {
    Router::new()
        .route("/api/v1/admin/tsdb/clean_tombstones", post(admin::clean_tombstones).put(admin::clean_tombstones))
        .route("/api/v1/admin/tsdb/delete_series", post(admin::delete_series).put(admin::delete_series))
        .route("/api/v1/admin/tsdb/snapshot", post(admin::snapshot).put(admin::snapshot))
}
