//! What became of an import, as JSON.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use timestrata_ingest::IngestError;

use crate::endpoints::suggestions::{advice, parameters};
use crate::failure::Failure;
use crate::store::{Refusal, StoredBody};

/// Refusals that an answer names; it has the number of all.
const NAMED: usize = 20;

/// Error of an import of which nothing was written.
#[derive(Debug)]
pub(crate) struct ImportError {
    failure: Failure,
    suggestions: Vec<String>,
}

impl From<Failure> for ImportError {
    fn from(failure: Failure) -> Self {
        Self { failure, suggestions: Vec::new() }
    }
}

impl From<IngestError> for ImportError {
    fn from(error: IngestError) -> Self {
        let message = format!("{error}{}", advice(&error.suggestions, &[]));
        Self { failure: Failure::bad_request(message), suggestions: parameters(&error.suggestions) }
    }
}

impl IntoResponse for ImportError {
    fn into_response(self) -> Response {
        let mut body = json!({
            "status": "error",
            "errorType": if self.failure.retry_after.is_some() { "unavailable" } else { "bad_data" },
            "error": self.failure.message,
        });
        if !self.suggestions.is_empty() {
            body["suggestions"] = self.suggestions.into();
        }
        self.failure.answer(Json(body))
    }
}

/// Returns the answer: 200 if all rows are stored, else 400 with those that were refused.
pub(super) fn answer(format: &str, imported: &StoredBody) -> Response {
    let StoredBody { stored, rows, stopped, warnings, decoder } = imported;
    let refusals = &stored.refusals;
    let notes: Vec<&String> = decoder.understanding().notes.iter().chain(warnings).collect();
    let mut data = json!({
        "format": format,
        "rows": rows,
        "points": stored.points,
        "notes": notes,
        "notices": decoder.notices(),
    });
    if refusals.total() == 0 && stopped.is_none() {
        return Json(json!({ "status": "success", "data": data })).into_response();
    }
    let counts: serde_json::Map<String, Value> =
        refusals.counts().map(|(reason, count)| (reason.to_owned(), count.into())).collect();
    data["refused"] = counts.into();
    data["first"] = refusals.first().iter().take(NAMED).map(refusal).collect();
    let error = error_text(imported);
    let body = json!({ "status": "error", "errorType": "bad_data", "error": error, "data": data });
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}

fn refusal(refusal: &Refusal) -> Value {
    let mut value = json!({ "line": refusal.line, "reason": refusal.message });
    if !refusal.suggestions.is_empty() {
        value["suggestions"] = parameters(&refusal.suggestions).into();
    }
    value
}

/// Returns one sentence: how much is stored, and the first thing that is not.
fn error_text(imported: &StoredBody) -> String {
    let StoredBody { stored, stopped, .. } = imported;
    let refused = match stored.refusals.total() {
        0 => String::new(),
        total => format!(", {total} refused"),
    };
    let first = stored.refusals.first().first().map(|first| {
        let line = first.line.map(|line| format!("line {line}: ")).unwrap_or_default();
        format!("{line}{}{}", first.message, advice(&first.suggestions, &[]))
    });
    let stopped = stopped
        .as_ref()
        .map(|error| format!("{error}{}, and what follows was not read", advice(&error.suggestions, &[])));
    let reasons: Vec<String> = first.into_iter().chain(stopped).collect();
    format!("{} points stored{refused}: {}", stored.points, reasons.join("; "))
}
