//! Errors in the forms of InfluxDB.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::add_version;
use crate::failure::Failure;

/// Longest header with an error, in bytes.
const MAX_HEADER_BYTES: usize = 1_024;

/// Version of InfluxDB whose form an answer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// 1.x: `{"error": ...}`.
    V1,
    /// 2.x: `{"code": ..., "message": ...}`.
    V2,
}

/// Error of a request of a client of InfluxDB.
#[derive(Debug)]
pub(crate) struct InfluxError {
    form: Form,
    failure: Failure,
    /// First line of the body that was refused.
    line: Option<u64>,
}

impl InfluxError {
    /// Creates an error that concerns no line.
    pub(super) fn new(form: Form, failure: Failure) -> Self {
        Self { form, failure, line: None }
    }

    /// Sets the first line that was refused.
    pub(super) fn at_line(self, line: Option<u64>) -> Self {
        Self { line, ..self }
    }
}

/// Returns the code of version 2 for a status.
fn code(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "not found",
        StatusCode::UNAUTHORIZED => "unauthorized",
        StatusCode::FORBIDDEN => "forbidden",
        StatusCode::PAYLOAD_TOO_LARGE => "request too large",
        StatusCode::TOO_MANY_REQUESTS => "too many requests",
        StatusCode::SERVICE_UNAVAILABLE => "unavailable",
        status if status.is_server_error() => "internal error",
        _ => "invalid",
    }
}

impl IntoResponse for InfluxError {
    fn into_response(self) -> Response {
        let Self { form, failure, line } = self;
        let (name, text) = match form {
            Form::V1 => ("x-influxdb-error", failure.message.as_str()),
            Form::V2 => ("x-platform-error-code", code(failure.status)),
        };
        let body = match (form, line) {
            (Form::V1, _) => json!({ "error": failure.message }),
            (Form::V2, None) => json!({ "code": code(failure.status), "message": failure.message }),
            (Form::V2, Some(line)) => {
                json!({ "code": code(failure.status), "message": failure.message, "line": line })
            }
        };
        let mut response = failure.answer(Json(body));
        if let Some(value) = header_value(text) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
        add_version(response.headers_mut());
        response
    }
}

/// Returns a text as the value of a header: one line of ASCII, cut if it is long.
fn header_value(text: &str) -> Option<HeaderValue> {
    let plain = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
    let line: String = text.chars().map(plain).take(MAX_HEADER_BYTES).collect();
    HeaderValue::from_str(&line).ok()
}
