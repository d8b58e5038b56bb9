//! Answers of `/query` as JSON or MessagePack.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::ser::PrettyFormatter;

use super::add_version;

/// Result of a statement.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct StatementResult {
    statement_id: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    series: Vec<Series>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
struct Series {
    name: &'static str,
    columns: [&'static str; 1],
    values: Vec<[String; 1]>,
}

/// Document of an answer.
#[derive(Debug, Serialize)]
struct Document<'a> {
    results: &'a [StatementResult],
}

/// Form that a request asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct AnswerForm {
    /// `true` for MessagePack.
    pub(super) is_msgpack: bool,
    /// `true` for JSON with line breaks and indents.
    pub(super) is_pretty: bool,
    /// `true` for a document for each statement.
    pub(super) is_chunked: bool,
}

impl StatementResult {
    /// Creates the result of a statement that returns nothing.
    pub(super) fn empty(statement_id: usize) -> Self {
        Self { statement_id, ..Self::default() }
    }

    /// Creates the result of a statement that failed.
    pub(super) fn error(statement_id: usize, error: String) -> Self {
        Self { statement_id, error: Some(error), ..Self::default() }
    }

    /// Creates a table of one column.
    pub(super) fn names(statement_id: usize, table: &'static str, names: impl Iterator<Item = String>) -> Self {
        let series = Series { name: table, columns: ["name"], values: names.map(|name| [name]).collect() };
        Self { statement_id, series: vec![series], error: None }
    }
}

impl AnswerForm {
    /// Returns `true` if the header `Accept` asks for MessagePack.
    pub(super) fn accepts_msgpack(headers: &HeaderMap) -> bool {
        let accepted = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
        accepted.split(',').any(|range| range.trim().starts_with("application/x-msgpack"))
    }

    /// Returns the answer with the results.
    pub(super) fn answer(self, results: &[StatementResult]) -> Response {
        let per_document = if self.is_chunked { 1 } else { results.len().max(1) };
        let mut body = Vec::new();
        for results in results.chunks(per_document) {
            if self.write(&Document { results }, &mut body).is_err() {
                return StatusCode::INTERNAL_SERVER_ERROR.into_response();
            }
        }
        let media_type = if self.is_msgpack { "application/x-msgpack" } else { "application/json" };
        let mut response = ([(header::CONTENT_TYPE, HeaderValue::from_static(media_type))], body).into_response();
        add_version(response.headers_mut());
        response
    }

    /// Writes a document; JSON ends with a line break, which separates documents.
    fn write(self, document: &Document<'_>, body: &mut Vec<u8>) -> Result<(), ()> {
        if self.is_msgpack {
            return rmp_serde::encode::write_named(body, document).map_err(|_| ());
        }
        if self.is_pretty {
            let formatter = PrettyFormatter::with_indent(b"    ");
            let mut serializer = serde_json::Serializer::with_formatter(&mut *body, formatter);
            document.serialize(&mut serializer).map_err(|_| ())?;
        } else {
            serde_json::to_writer(&mut *body, document).map_err(|_| ())?;
        }
        body.push(b'\n');
        Ok(())
    }
}
