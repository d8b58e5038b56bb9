//! Answers about parts of Prometheus that this server does not have: scraping, rules, alerts.
//!
//! Clients request them at start; the answers are empty.

use axum::Json;
use serde_json::{Value, json};

use super::success::success;

/// `/api/v1/alertmanagers`.
pub(super) async fn alertmanagers() -> Json<Value> {
    success(json!({ "activeAlertmanagers": [], "droppedAlertmanagers": [] }))
}

/// `/api/v1/alerts`.
pub(super) async fn alerts() -> Json<Value> {
    success(json!({ "alerts": [] }))
}

/// `/api/v1/notifications`.
pub(super) async fn notifications() -> Json<Value> {
    success(json!([]))
}

/// `/api/v1/rules`.
pub(super) async fn rules() -> Json<Value> {
    success(json!({ "groups": [] }))
}

/// `/api/v1/targets`.
pub(super) async fn targets() -> Json<Value> {
    success(json!({ "activeTargets": [], "droppedTargets": [], "droppedTargetCounts": {} }))
}

/// `/api/v1/targets/metadata`.
pub(super) async fn targets_metadata() -> Json<Value> {
    success(json!([]))
}
