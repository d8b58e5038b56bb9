//! `format_query`, `parse_query` and `query_exemplars`: answers to the text of a query alone.

use axum::Json;
use serde_json::{Value, json};
use timestrata_promql::{Expression, ParserOptions, parse};

use super::error::ApiError;
use super::parameters::invalid;
use super::success::success;
use super::syntax_tree::syntax_tree;
use crate::endpoints::parameters::Parameters;

/// `/api/v1/format_query`: the query as Prometheus formats it.
pub(super) async fn format_query(parameters: Parameters) -> Result<Json<Value>, ApiError> {
    Ok(success(json!(expression(&parameters)?.pretty())))
}

/// `/api/v1/parse_query`: the syntax tree of the query.
pub(super) async fn parse_query(parameters: Parameters) -> Result<Json<Value>, ApiError> {
    Ok(success(syntax_tree(&expression(&parameters)?)))
}

/// `/api/v1/query_exemplars`: none, since the server keeps no exemplars. The parameters are checked.
pub(super) async fn query_exemplars(parameters: Parameters) -> Result<Json<Value>, ApiError> {
    if let (Some(start), Some(end)) = (parameters.bound("start")?, parameters.bound("end")?)
        && end < start
    {
        return Err(invalid("end", "end timestamp must not be before start timestamp"));
    }
    expression(&parameters)?;
    Ok(success(json!([])))
}

fn expression(parameters: &Parameters) -> Result<Expression, ApiError> {
    Ok(parse(parameters.get("query").unwrap_or(""), &ParserOptions::default())?)
}
