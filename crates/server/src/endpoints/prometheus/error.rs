//! Errors in the form of Prometheus.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use timestrata_promql::{ParseError, QueryError};

use crate::failure::Failure;

/// Error of the Prometheus API: a failure and its type.
#[derive(Debug)]
pub(crate) struct ApiError {
    kind: &'static str,
    failure: Failure,
}

impl ApiError {
    /// Creates the error of a parameter.
    pub(crate) fn bad_data(message: impl Into<String>) -> Self {
        Self { kind: "bad_data", failure: Failure::bad_request(message) }
    }

    /// Returns the failure, for endpoints whose errors are plain text.
    pub(crate) fn into_failure(self) -> Failure {
        self.failure
    }
}

/// A failed read of the engine.
impl From<timestrata::Error> for ApiError {
    fn from(error: timestrata::Error) -> Self {
        Failure::from(error).into()
    }
}

impl From<ParseError> for ApiError {
    fn from(error: ParseError) -> Self {
        super::parameters::invalid("query", &error.to_string())
    }
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        let kind = match failure.status {
            StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNSUPPORTED_MEDIA_TYPE => "bad_data",
            StatusCode::NOT_FOUND => "not_found",
            StatusCode::SERVICE_UNAVAILABLE => "unavailable",
            _ => "internal",
        };
        Self { kind, failure }
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        let message = error.to_string();
        let with = |kind, status| Self { kind, failure: Failure::new(status, message) };
        match error {
            QueryError::Parse(error) => error.into(),
            QueryError::Duration(_)
            | QueryError::InvalidRange { .. }
            | QueryError::Storage(timestrata::Error::InvalidQuery { .. }) => with("bad_data", StatusCode::BAD_REQUEST),
            QueryError::LimitExceeded { what: "steps", .. } => Self::bad_data(
                "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
            ),
            QueryError::Timeout { .. } => with("timeout", StatusCode::SERVICE_UNAVAILABLE),
            QueryError::Cancelled => with("canceled", StatusCode::SERVICE_UNAVAILABLE),
            QueryError::Storage(error) => Failure::from(error).into(),
            QueryError::Thread { .. } => with("internal", StatusCode::INTERNAL_SERVER_ERROR),
            _ => with("execution", StatusCode::UNPROCESSABLE_ENTITY),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = json!({ "status": "error", "errorType": self.kind, "error": self.failure.message });
        self.failure.answer(Json(body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_of_a_closed_database_may_be_repeated() {
        let error = ApiError::from(QueryError::Storage(timestrata::Error::Closed));
        assert_eq!((error.kind, error.failure.status), ("unavailable", StatusCode::SERVICE_UNAVAILABLE));
        assert!(error.failure.retry_after.is_some());
    }
}
