//! Answers that are small and complete.

use axum::Json;
use serde_json::{Map, Value};

/// Returns the answer `{"status":"success","data":...}`.
pub(super) fn success(data: Value) -> Json<Value> {
    let members = [("status".to_owned(), Value::from("success")), ("data".to_owned(), data)];
    Json(Value::Object(Map::from_iter(members)))
}
